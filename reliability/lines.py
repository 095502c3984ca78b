"""What was measured, line by line, each with what must hold and whether it does."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """Something measured: `value` in `unit`, what `must` hold of it in words, and whether it does.

    A line about which nothing must hold is there to be read, and always holds. A `note` says more, if there is more.
    """

    part: str
    what: str
    value: float
    unit: str = ""
    must: str = ""
    holds: bool = True
    note: str = ""

    @classmethod
    def at_most(cls, part: str, what: str, value: float, most: float, unit: str = "", note: str = "") -> "Line":
        """A line that holds while `value` is not larger than `most`."""
        return cls(part, what, value, unit, f"≤ {_number(most)}", value <= most, note)

    @classmethod
    def at_least(cls, part: str, what: str, value: float, least: float, unit: str = "", note: str = "") -> "Line":
        """A line that holds while `value` is not smaller than `least`."""
        return cls(part, what, value, unit, f"≥ {_number(least)}", value >= least, note)


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table, and below it what is to be said of some of them."""
    rows = ["| part | what | measured | must be | verdict |", "|---|---|---|---|---|"]
    for line in lines:
        verdict = "" if not line.must else "holds" if line.holds else "**does not hold**"
        measured = f"{_number(line.value)} {line.unit}".strip()
        rows.append(f"| {line.part} | {line.what} | {measured} | {line.must} | {verdict} |")
    notes = [f"{line.part}, {line.what}: {line.note}" for line in lines if line.note]
    return "\n".join(rows + (["", *notes] if notes else []))


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"


def write(file: Path, lines: Sequence[Line], about: Mapping[str, object]) -> None:
    """Write the lines and what is to be said `about` them as JSON."""
    content = {**about, "holds": all(line.holds for line in lines), "lines": [asdict(line) for line in lines]}
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
