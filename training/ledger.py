"""The list of all that was tried: `python -m training.ledger --run runs/vgg16 --data … --note "…"`.

A try has one row in LEDGER.md, found by its name: the same command again, or a later one of that name, replaces it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hashstagram.errors import DataError, HashStagramError
from training.dataset import open_data
from training.outcome import Outcome, init_in_words, outcome_of, percent, sizes_in_words
from training.split import PROTOCOLS, with_protocol

COLUMNS = ("date", "commit", "run", "recipe", "n", "P@1", "R@5", "in the wild P@1 / R@5", "mAP", "minutes", "note")
HEAD = f"| {' | '.join(COLUMNS)} |"
RULE = "|" + "---|" * len(COLUMNS)
_TITLE = "# Tries\n\nPercent with 95 % intervals, on the val photos without the gap sources where there are such.\n\n"


def recipe_in_short(recipe: Mapping[str, Any]) -> str:
    """A recipe on one line: what it has beyond the model's own defaults is named."""
    parts = [recipe["model"]]
    if recipe.get("features"):
        parts.append(f"on {recipe['features']} features")
    if list(recipe.get("init", ["scratch"])) != ["scratch"]:
        parts.append(f"from {init_in_words(recipe)}")
    sizes = recipe.get("sizes")
    parts.append(f"{sizes_in_words(sizes)} px" if sizes else f"{recipe['epochs']} epochs")
    parts.append(f"rate {recipe['learning_rate']:g}")
    if recipe.get("mixup"):
        parts.append(f"mixup {recipe['mixup']:g}")
    if recipe.get("dense"):
        parts.append("dense")
    return f"{', '.join(parts)}, batch {recipe['batch']}, seed {recipe['seed']}"


def row_of(outcome: Outcome, name: str, note: str) -> dict[str, str]:
    """A try's cells by column. One that was stopped early says so before the note."""
    found = outcome.sets[outcome.main]
    wild = outcome.sets.get("wild")
    stopped = f"stopped after {outcome.epochs} of {outcome.recipe['epochs']} epochs"
    notes = [stopped] if outcome.epochs < outcome.recipe["epochs"] else []
    return {
        "date": outcome.ended.isoformat(),
        "commit": outcome.machines[-1].commit if outcome.machines and outcome.machines[-1].commit else "–",
        "run": name,
        "recipe": recipe_in_short(outcome.recipe),
        "n": f"{found['photos']:,}",
        "P@1": percent(found["precision_at_1"]),
        "R@5": percent(found["recall_at_5"]),
        "in the wild P@1 / R@5": "–"
        if wild is None
        else f"{percent(wild['precision_at_1'])} / {percent(wild['recall_at_5'])}",
        "mAP": percent(found["mean_average_precision"]),
        "minutes": f"{outcome.minutes:.0f}" if outcome.minutes >= 10 else f"{outcome.minutes:.1f}",
        "note": "; ".join([*notes, *([note] if note else [])]),
    }


def _line(row: Mapping[str, str]) -> str:
    # A bar would end the cell, a new line the table.
    cells = [" ".join(row[column].split()).replace("|", "\\|") for column in COLUMNS]
    return f"| {' | '.join(cells)} |"


def _name_in(line: str) -> str:
    return line.split("|")[COLUMNS.index("run") + 1].strip()


def with_row(text: str, row: Mapping[str, str]) -> str:
    """The ledger's text with this try's row replaced, or added as the last one.

    Raises DataError for a text without the table of tries and for a name that is no single cell.
    """
    name = row["run"]
    if not name.strip() or "|" in name or "\n" in name:
        raise DataError(f"{name!r} cannot name a try: give --name letters, digits, dots or dashes.")
    lines = text.splitlines()
    if HEAD not in lines:
        raise DataError(f"The ledger has no table with the columns {', '.join(COLUMNS)}. Add its head: {HEAD}")
    begin = lines.index(HEAD) + 2
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    rows = lines[begin:end]
    places = [place for place, line in enumerate(rows) if _name_in(line) == name]
    if places:
        rows[places[0]] = _line(row)
    else:
        rows.append(_line(row))
    return "\n".join([*lines[:begin], *rows, *lines[end:]]) + "\n"


def enter(ledger: Path, row: Mapping[str, str]) -> None:
    """Write a try's row into the ledger's file, which is started where there is none. Raises as `with_row` does."""
    text = ledger.read_text(encoding="utf-8") if ledger.is_file() else f"{_TITLE}{HEAD}\n{RULE}\n"
    part = ledger.with_name(f"{ledger.name}.part")
    part.write_text(with_row(text, row), encoding="utf-8")
    part.replace(ledger)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.ledger", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a training run")
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout, the one of the run")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="what is held out, the one of the run")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded pixels")
    parser.add_argument("--name", help="of the try; a published weight's is its id (default: the run folder's name)")
    parser.add_argument("--note", default="", help="what was learned from it, in a line")
    parser.add_argument("--ledger", type=Path, default=Path("training/LEDGER.md"), help="the list to write into")
    arguments = parser.parse_args(argv)
    try:
        posts = with_protocol(open_data(arguments.data, arguments.cache)[0], arguments.protocol)
        name = arguments.name or arguments.run.resolve().name
        row = row_of(outcome_of(arguments.run, posts), name, arguments.note)
        enter(arguments.ledger, row)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(_line(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
