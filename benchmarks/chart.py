"""A run as a picture: how many times better than the stack of 2018, for latency, throughput and memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import in_process, latency, memory, throughput
from benchmarks.driving import BenchmarkError
from benchmarks.reach import value
from benchmarks.results import Run
from benchmarks.rows import Row
from hashstagram.web.texts import MODEL_NAMES

_INK, _FAINT, _PAPER = "#22303c", "#7b8794", "#ffffff"
_COLOURS = ("#1d7a6d", "#33658a", "#c98b2b", "#8a4f7d")
# Of a line, in inches.
_LINE = 0.27


@dataclass(frozen=True)
class Bar:
    """A line of the chart: what was measured and its row."""

    label: str
    row: Row


def sections(rows: Sequence[Row]) -> dict[str, list[Bar]]:
    """The bars under their headings; a heading under which nothing was measured is left out."""
    cores = rows_of(rows, "latency", latency.WORK)
    most = [row for row in cores if row.setting == cores[0].setting]
    crowd = throughput.clients_of(8)
    http = [row for row in rows_of(rows, "throughput") if row.setting == crowd]
    found = {
        f"Network alone, 1 photo{f', {most[0].setting}' if most else ''}": [Bar(_name(row), row) for row in most],
        "12-MP JPEG to hashtags": [Bar(_name(row), row) for row in rows_of(rows, "in_process", in_process.WORK)],
        f"Photos a second over HTTP, {crowd}": [
            Bar(f"{_name(row)}, {row.work.partition(' ')[0]}", row) for row in http
        ],
        "Memory of the server": [Bar("every model loaded", row) for row in rows_of(rows, "memory", memory.WORK)],
    }
    return {heading: bars for heading, bars in found.items() if bars}


def rows_of(rows: Sequence[Row], part: str, work: str | None = None) -> list[Row]:
    """The default rows of a part, and of one kind of work where that is named."""
    return [row for row in rows if row.part == part and row.default and work in (None, row.work)]


def draw(run: Run, path: Path) -> None:
    """Draw a run as a PNG that can be read at the width of a README.

    Raises BenchmarkError for a run that measured nothing which is drawn.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = sections(run.rows)
    if not shown:
        raise BenchmarkError("This run measured nothing that the chart shows. Measure all: make bench.")
    lines = sum(len(bars) + 1.6 for bars in shown.values())
    figure, axes = plt.subplots(figsize=(8.4, lines * _LINE + 0.7), dpi=160, facecolor=_PAPER)
    place = 0.0
    for colour, (heading, bars) in zip(_COLOURS, shown.items(), strict=False):
        axes.text(0, place, heading, color=_INK, weight="bold", fontsize=9.5, va="center")
        for bar in bars:
            place += 1
            _draw(axes, bar, place, colour)
        # Beside the bars only, so that it crosses no words.
        axes.plot((1, 1), (place - len(bars) + 0.5, place + 0.5), color=_INK, linewidth=1, zorder=3)
        place += 1.6
    widest = max(bar.row.ratio for bars in shown.values() for bar in bars)
    axes.text(1, place - 0.7, "2018 = 1", color=_INK, fontsize=8.5, va="center", ha="center")
    axes.set(xlim=(0, widest * 1.42), ylim=(place + 0.2, -0.7))
    axes.set_axis_off()
    machine = f"Times better than the stack of 2018 in the same run. {run.machine}"
    figure.text(0.995, 0.006, machine, color=_FAINT, fontsize=7, ha="right", va="bottom")
    figure.subplots_adjust(left=0.235, right=0.995, top=0.995, bottom=0.03)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _name(row: Row) -> str:
    return MODEL_NAMES.get(row.model, row.model)


def _draw(axes: Any, bar: Bar, place: float, colour: str) -> None:
    row = bar.row
    axes.barh(place, row.ratio, height=0.66, color=colour, zorder=2)
    axes.text(0, place, f"{bar.label}  ", color=_INK, fontsize=9, ha="right", va="center")
    axes.text(row.ratio, place, f" {row.ratio:.1f}×", color=_INK, fontsize=9, weight="bold", va="center")
    # The ratio takes as much room as its letters, whatever the scale is.
    measured = f"{value(row.baseline.value, '').strip()} → {value(row.ours.value, row.unit)}"
    axes.annotate(
        measured, (row.ratio, place), (44, 0), textcoords="offset points", color=_FAINT, fontsize=8, va="center"
    )
