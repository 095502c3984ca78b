"""From measured photos a second to machines and money: `python -m deploy.capacity`.

Prints the tables of CAPACITY.md, made from the result files of the last `make bench` and from the assumptions below.
With `--write deploy/CAPACITY.md` they replace whatever stands there between `<!-- capacity -->` and
`<!-- /capacity -->`.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.driving import BenchmarkError
from benchmarks.report import last_run
from benchmarks.results import FOLDER, Run
from benchmarks.rows import Row
from hashstagram import HashStagramError, available_models

RATES = (10, 1_000, 100_000)

# --- What is assumed: list prices and habits, none of them measured here. Check them. --------------------------------
PRICES_OF = "November 2026, in US dollars, region us-central1, without discounts, written down from memory"
HOURS = 730  # a month

# Of all cores, on an ordinary busy minute, and while one of the zones is lost. The rest is for peaks.
UTILISATION, UTILISATION_ONE_ZONE_LOST, ZONES = 0.65, 0.9, 3
# Nobody waits for a batch, and its workers have nothing else to do.
BATCH_UTILISATION = 0.9
# Of a machine's memory, what processes may take. The system and nginx have the rest.
MEMORY_SHARE = 0.8

PHOTO_MB, ANSWER_KB, ROW_BYTES = 0.6, 1.0, 450
BALANCER_HOUR, BALANCER_GB, EGRESS_GB, STORAGE_GB_MONTH = 0.025, 0.008, 0.12, 0.020
SPOT_SHARE = 0.4  # of the price of the same machine
DATAFLOW_VCPU_HOUR, DATAFLOW_GB_HOUR, DATAFLOW_GB_A_VCPU = 0.056, 0.003557, 3.75


@dataclass(frozen=True)
class Kind:
    """A machine type. `int8`: whether every machine of the type has the instructions that int8 counts on."""

    name: str
    vcpus: int
    memory_gb: int
    hour: float
    int8: bool


KINDS = (
    Kind("e2-standard-2", 2, 8, 0.0670, int8=False),
    Kind("n2-standard-2", 2, 8, 0.0971, int8=True),
    Kind("n2d-standard-4", 4, 16, 0.1690, int8=False),
    Kind("c3d-standard-4", 4, 16, 0.1816, int8=True),
    Kind("c3d-standard-30", 30, 120, 1.3620, int8=True),
)


@dataclass(frozen=True)
class Measured:
    """What `make bench` found: photos a second and core in int8 and fp32, and a process's memory in MB."""

    model: str
    machine: str
    setting: str
    int8: float
    exact: float
    process_mb: float

    def per_core(self, kind: Kind) -> float:
        """Photos a second that one of its vCPUs is taken to do: what one of the measured machine did."""
        return self.int8 if kind.int8 else self.exact


def measured(run: Run, model: str) -> Measured:
    """Take a model's figures out of a run.

    Photos are those of the stateless route with as many clients as gave the most, through the cores. Only int8 was
    asked over HTTP; fp32 takes longer by what its network alone takes longer on one thread. Raises BenchmarkError where
    the run lacks a row, or answered with something else than int8.
    """
    busiest = max(_rows(run, "throughput", model, work="stateless route"), key=lambda row: row.ours.value)
    if not busiest.engine.startswith("int8"):
        raise BenchmarkError(f"{model} was measured in {busiest.engine}. Measure where the CPU has VNNI: make bench.")
    alone = {
        row.engine.partition("-")[0]: row.ours.value
        for row in _rows(run, "latency", model, setting="1 thread")
        if "openvino" in row.engine
    }
    if missing := {"int8", "fp32"} - alone.keys():
        raise BenchmarkError(f"The results have no latency of {model} in {missing.pop()}. Measure again: make bench.")
    int8 = busiest.ours.value / run.machine.cores
    exact = 1 / (1 / int8 + (alone["fp32"] - alone["int8"]) / 1000)
    memory = next(_rows(run, "memory", "")).ours.value
    where = f"{run.machine}, {run.machine.date}, commit {run.machine.commit}"
    return Measured(model, where, busiest.setting, int8, exact, memory)


def machines(rate: float, kind: Kind, per_core: float) -> int:
    """How many machines serve so many photos a minute, spread over the zones.

    Enough for UTILISATION on an ordinary minute, and for UTILISATION_ONE_ZONE_LOST without those of the fullest zone.
    """
    photos_a_second = rate / 60
    capacity = kind.vcpus * per_core
    count = max(2, math.ceil(photos_a_second / (capacity * UTILISATION)))
    while photos_a_second > (count - math.ceil(count / ZONES)) * capacity * UTILISATION_ONE_ZONE_LOST:
        count += 1
    return count


def tables(found: Measured) -> str:
    """All tables as Markdown."""
    return "\n\n".join(
        "\n".join(lines)
        for lines in (_measured_table(found), _machine_table(found), _traffic_table(), _batch_table(found), _prices())
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m deploy.capacity", description=__doc__)
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result files")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="the document to put the tables into")
    arguments = parser.parse_args(argv)
    try:
        text = tables(measured(last_run(arguments.results), available_models()[0].name))
        print(text)
        if arguments.write is not None:
            _replace(arguments.write, text)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _rows(run: Run, part: str, model: str, **fields: str) -> Iterator[Row]:
    found = [
        row
        for row in run.rows
        if (row.part, row.model) == (part, model) and all(getattr(row, name) == value for name, value in fields.items())
    ]
    if not found:
        raise BenchmarkError(f"The results have no {part} of {model or 'the servers'}. Measure all of it: make bench.")
    return iter(found)


def _measured_table(found: Measured) -> list[str]:
    return [
        f"Measured by `make bench` on {found.machine}: {found.model}, 2-megapixel JPEGs, stateless route, "
        f"{found.setting}.",
        "",
        "| | int8 | fp32 |",
        "|---|---|---|",
        f"| photos a second and core | {found.int8:.1f} | {found.exact:.1f} (derived) |",
        f"| processor time for a photo | {1000 / found.int8:.0f} ms | {1000 / found.exact:.0f} ms |",
        f"| memory of a process with every model | {found.process_mb:.0f} MB | not measured |",
    ]


def _machine_table(found: Measured) -> list[str]:
    lines = [
        "| machines | computes in | memory of its processes | "
        + " | ".join(f"{rate:,} a minute" for rate in RATES)
        + " |",
        "|---|---|---|" + "---|" * len(RATES),
    ]
    for kind in KINDS:
        per_core = found.per_core(kind)
        cells = []
        for rate in RATES:
            count = machines(rate, kind, per_core)
            used = rate / 60 / (count * kind.vcpus * per_core)
            cells.append(f"{count}, {_share(used)} busy, {_money(count * kind.hour * HOURS)}")
        gigabytes = kind.vcpus * found.process_mb / 1000
        fits = "" if gigabytes <= MEMORY_SHARE * kind.memory_gb else ", too much"
        memory = f"{gigabytes:.1f} of {kind.memory_gb} GB{fits}"
        lines.append(f"| {kind.name} | {'int8' if kind.int8 else 'fp32'} | {memory} | {' | '.join(cells)} |")
    return lines


def _traffic_table() -> list[str]:
    lines = ["| a month | " + " | ".join(f"{rate:,} a minute" for rate in RATES) + " |", "|---|" + "---|" * len(RATES)]
    photos = [rate * 60 * HOURS for rate in RATES]
    rows = {
        "photos": [f"{_count(count)}" for count in photos],
        "photos into the balancer": [_money(count * PHOTO_MB / 1000 * BALANCER_GB) for count in photos],
        "the balancer itself": [_money(BALANCER_HOUR * HOURS) for _ in photos],
        "answers out of it, to the internet": [
            _money(count * ANSWER_KB / 1e6 * (BALANCER_GB + EGRESS_GB)) for count in photos
        ],
        "a month's photos in a bucket, for who keeps them": [
            _money(count * PHOTO_MB / 1000 * STORAGE_GB_MONTH) for count in photos
        ],
    }
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def _batch_table(found: Measured) -> list[str]:
    lines = ["| a million photos in a batch | vCPU hours | computing |", "|---|---|---|"]
    # Dataflow's workers are taken to be of a type with VNNI.
    hours = 1e6 / (found.int8 * BATCH_UTILISATION) / 3600
    dataflow = DATAFLOW_VCPU_HOUR + DATAFLOW_GB_A_VCPU * DATAFLOW_GB_HOUR
    lines.append(f"| Dataflow, int8 | {hours:.0f} | {_money(hours * dataflow)} |")
    for kind in KINDS:
        hours = 1e6 / (found.per_core(kind) * BATCH_UTILISATION) / 3600
        price = hours * kind.hour / kind.vcpus * SPOT_SHARE
        lines.append(f"| spot {kind.name}, {'int8' if kind.int8 else 'fp32'} | {hours:.0f} | {_money(price)} |")
    photos, rows = 1e6 * PHOTO_MB / 1000, 1e6 * ROW_BYTES / 1e9
    lines.append(f"| photos in the bucket, {photos:,.0f} GB | | {_money(photos * STORAGE_GB_MONTH)} a month |")
    lines.append(f"| rows, {rows:.2f} GB | | {_money(rows * STORAGE_GB_MONTH)} a month |")
    return lines


def _prices() -> list[str]:
    return [
        f"Assumed, not measured: list prices of {PRICES_OF}. **Check them** before you rely on a sum.",
        "",
        "| assumption | value |",
        "|---|---|",
        *(f"| {kind.name} ({kind.vcpus} vCPUs, {kind.memory_gb} GB), an hour | ${kind.hour:.4f} |" for kind in KINDS),
        f"| the same as spot machine | {_share(SPOT_SHARE)} of that |",
        f"| Dataflow: a vCPU, a GB of memory ({DATAFLOW_GB_A_VCPU:g} a vCPU), an hour | ${DATAFLOW_VCPU_HOUR:.4f}, "
        f"${DATAFLOW_GB_HOUR:.6f} |",
        f"| balancer: an hour, a GB through it | ${BALANCER_HOUR:.3f}, ${BALANCER_GB:.3f} |",
        f"| a GB to the internet | ${EGRESS_GB:.2f} |",
        f"| a GB in a bucket, a month of {HOURS} hours | ${STORAGE_GB_MONTH:.3f} |",
        f"| a photo, an answer with its headers, a row | {PHOTO_MB:g} MB, {ANSWER_KB:g} KB, {ROW_BYTES} bytes |",
        f"| cores busy: ordinarily at most, with one zone of {ZONES} lost, in a batch | {_share(UTILISATION)}, "
        f"{_share(UTILISATION_ONE_ZONE_LOST)}, {_share(BATCH_UTILISATION)} |",
    ]


def _money(dollars: float) -> str:
    if dollars < 0.005:
        return "under $0.01"
    return f"${dollars:,.2f}" if dollars < 10 else f"${dollars:,.0f}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _count(photos: int) -> str:
    return f"{photos / 1e6:,.2f} million" if photos < 1e9 else f"{photos / 1e9:,.2f} billion"


def _replace(document: Path, text: str) -> None:
    place = re.compile(r"(<!-- capacity -->\n).*?(<!-- /capacity -->)", re.DOTALL)
    written, found = place.subn(lambda at: f"{at[1]}{text}\n{at[2]}", document.read_text(encoding="utf-8"))
    if not found:
        raise BenchmarkError(f"{document} has no place for it. Write <!-- capacity --> and <!-- /capacity --> there.")
    document.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
