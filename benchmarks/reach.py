"""The goals, and how far a run came: always what an installation computes with unasked, beside the stack of 2018."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks import decode, in_process, latency, memory, start, throughput
from benchmarks.rows import Row


@dataclass(frozen=True)
class Goal:
    """`work` in words, which row shows it, and what is to be reached.

    `at_least` is how many times better than the stack of 2018, `at_most` a share of its memory, `seconds` a time.
    """

    work: str
    part: str
    row_work: str
    model: str = ""
    setting: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    seconds: float | None = None

    def row(self, rows: Iterable[Row]) -> Row | None:
        """The first default row that shows it, None where it was not measured."""
        for row in rows:
            same = (row.part, row.work, row.model) == (self.part, self.row_work, self.model)
            if same and row.default and self.setting in (None, row.setting):
                return row
        return None

    def met(self, row: Row) -> bool:
        """Whether a row reaches it."""
        if self.seconds is not None:
            return row.ours.value <= self.seconds
        if self.at_most is not None:
            return 1 / row.ratio <= self.at_most
        return self.at_least is not None and row.ratio >= self.at_least

    @property
    def wanted(self) -> str:
        """The goal in signs."""
        if self.seconds is not None:
            return f"≤ {self.seconds:g} s"
        return f"≤ {self.at_most:.0%}" if self.at_most is not None else f"≥ {self.at_least:g}×"

    def reached(self, row: Row) -> str:
        """What a row has, in the goal's terms."""
        return f"{1 / row.ratio:.0%}" if self.at_most is not None else f"{row.ratio:.1f}×"


def _http(work: str, way: str, model: str, at_least: float) -> Goal:
    return Goal(work, "throughput", way, model, throughput.clients_of(8), at_least=at_least)


# All cores come before one thread among the latency rows.
GOALS = (
    Goal("AlexNet, 1 photo, network alone", "latency", latency.WORK, "alexnet", at_least=6),
    Goal("VGG16, 1 photo, network alone", "latency", latency.WORK, "vgg16", at_least=5),
    Goal("HashNet, 1 photo, network alone", "latency", latency.WORK, "hashnet", at_least=5),
    Goal("12-MP JPEG to tensor", "decode", decode.WORK, setting="JPEG", at_least=3),
    Goal("12-MP JPEG to hashtags, AlexNet", "in_process", in_process.WORK, "alexnet", at_least=3),
    Goal("12-MP JPEG to hashtags, VGG16", "in_process", in_process.WORK, "vgg16", at_least=3.5),
    _http("photos/s over HTTP, 8 clients, AlexNet", throughput.STATELESS, "alexnet", 4),
    _http("photos/s over HTTP, 8 clients, VGG16", throughput.STATELESS, "vgg16", 5),
    _http("photos/s through the page, 8 clients, AlexNet", throughput.PAGE, "alexnet", 2),
    _http("photos/s through the page, 8 clients, VGG16", throughput.PAGE, "vgg16", 4),
    Goal("memory, every model warm", "memory", memory.WORK, at_most=0.4),
    Goal("start to ready", "start", start.WORK, seconds=6),
)
HEAD = ("work", "2018", "ours", "ratio", "goal", "")


def table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The cells of a line for each goal that was measured: those of HEAD, the last one `met` or `short`."""
    lines: list[tuple[str, ...]] = []
    for goal in GOALS:
        if (row := goal.row(rows)) is not None:
            lines.append(
                (
                    goal.work,
                    value(row.baseline.value, row.unit),
                    value(row.ours.value, row.unit),
                    goal.reached(row),
                    goal.wanted,
                    "met" if goal.met(row) else "short",
                )
            )
    return lines


def value(number: float, unit: str) -> str:
    """A figure with its unit, three digits or all before the point."""
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f} {unit}"
