"""The files of a whole run, a pair for each engine: `int8-openvino-cpu.csv` for people, and the same as JSON with all.

Each is written at once or not at all.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.driving import ROOT, BenchmarkError
from benchmarks.machine import Busyness, Machine
from benchmarks.rows import Figures, Row

FOLDER = ROOT / "benchmarks" / "results"
# Where the part `folder` has its own, because it is measured on its own.
OF_FOLDER = "folder"
FORMAT = 1
_COLUMNS = (
    *("part", "work", "model", "setting", "default", "unit"),
    *("stack_2018", "ours", "ratio", "ratio_low", "ratio_high"),
    *("stack_2018_p50_ms", "stack_2018_p95_ms", "ours_p50_ms", "ours_p95_ms", "floor_ms", "library"),
)


@dataclass(frozen=True)
class Run:
    """All rows of a run, the machine, and what others did there when it began."""

    machine: Machine
    busyness: Busyness
    rows: tuple[Row, ...]


def write(run: Run, folder: Path) -> list[Path]:
    """Write a run's files into a folder, over those of an earlier one. Raises BenchmarkError where that cannot be."""
    texts: dict[Path, str] = {}
    for engine in dict.fromkeys(row.engine for row in run.rows):
        rows = [row for row in run.rows if row.engine == engine]
        library = engine.split("-")[1]
        version = f"{library} {run.machine.libraries[library]}"
        content = {
            "format": FORMAT,
            "engine": engine,
            "library": version,
            "machine": asdict(run.machine),
            "busyness": asdict(run.busyness),
            "rows": [asdict(row) | {"ratio": row.ratio} for row in rows],
        }
        texts[folder / f"{engine}.csv"] = _csv(rows, version)
        texts[folder / f"{engine}.json"] = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            _write_at_once(path, text)
    except OSError as error:
        raise BenchmarkError(f"The results cannot be written into {folder} ({error.strerror}).") from error
    return list(texts)


def read(paths: Iterable[Path]) -> Run:
    """Read JSON files of one run.

    Raises BenchmarkError for files that are not in this form, come from different runs, or are none.
    """
    runs = [_read(path) for path in paths]
    if not runs:
        raise BenchmarkError("There are no results yet. Measure first: make bench.")
    machine, busyness = runs[0].machine, runs[0].busyness
    if any(run.machine != machine for run in runs):
        raise BenchmarkError("These results come from different runs. Measure again: make bench.")
    return Run(machine, busyness, tuple(row for run in runs for row in run.rows))


def _read(path: Path) -> Run:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        return Run(
            Machine.from_json(content["machine"]),
            Busyness(**content["busyness"]),
            tuple(_row(row) for row in content["rows"]),
        )
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BenchmarkError(f"{path} is not a result file of this version ({error}). Measure again.") from error


def _row(content: dict[str, Any]) -> Row:
    fields = {key: value for key, value in content.items() if key != "ratio"}
    return Row(
        **fields
        | {
            "baseline": Figures(**content["baseline"]),
            "ours": Figures(**content["ours"]),
            "ratios": tuple(content["ratios"]),
        }
    )


def _csv(rows: Sequence[Row], library: str) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        numbers = (
            row.baseline.value,
            row.ours.value,
            row.ratio,
            min(row.ratios),
            max(row.ratios),
            row.baseline.p50,
            row.baseline.p95,
            row.ours.p50,
            row.ours.p95,
            row.floor,
        )
        default = "yes" if row.default else "no"
        shown = ["" if number is None else f"{number:.4g}" for number in numbers]
        writer.writerow([row.part, row.work, row.model, row.setting, default, row.unit, *shown, library])
    return stream.getvalue()


def _write_at_once(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
