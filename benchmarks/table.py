"""A run on the terminal: the goals first, then every measured line."""

from collections.abc import Sequence

from benchmarks import reach
from benchmarks.reach import value
from benchmarks.rows import Row

_HEAD = ("work", "model", "setting", "engine", "2018", "p95", "ours", "p95", "ratio", "rounds", "floor", "noted")


def goals(rows: Sequence[Row]) -> str:
    """A line for each goal that was measured, with `met` or `short`."""
    return _columns([reach.HEAD, *reach.table(rows)])


def lines(rows: Sequence[Row]) -> str:
    """A line for each row; the engine that is taken unasked has a star. p95 and floors are in ms."""
    return _columns([_HEAD, *(_cells(row) for row in rows)])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.work,
        row.model,
        row.setting,
        f"{row.engine}{'*' if row.default else ''}",
        value(row.baseline.value, row.unit),
        _milliseconds(row.baseline.p95),
        value(row.ours.value, row.unit),
        _milliseconds(row.ours.p95),
        f"{row.ratio:.2f}×",
        f"{min(row.ratios):.2f}–{max(row.ratios):.2f}",
        _milliseconds(row.floor),
        ", ".join(f"{name} {what:.3g}" for name, what in row.notes.items() if what),
    )


def _milliseconds(number: float | None) -> str:
    return "" if number is None else value(number, "ms")


def _columns(table: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([rows[0], "  ".join("─" * width for width in widths), *rows[1:]])
