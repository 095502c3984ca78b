"""An answer as a row for programs and spreadsheets: JSON lines and CSV. Nothing here opens a file.

JSON has one object a photo. CSV has one row for each photo and tag, so that a spreadsheet can filter and count tags; a
photo without any tag has one row, with an empty tag.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hashstagram.choice import Hashtag

Row = dict[str, Any]

COLUMNS = ("photo", "tag", "confidence", "kind", "model")
# What spreadsheet programs take for the beginning of a formula.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def row(photo: str, model: str, hashtags: Sequence[Hashtag]) -> Row:
    """`{"photo", "model", "hashtags": [{"tag", "confidence", "kind"}]}`; confidences have six places."""
    return {
        "photo": photo,
        "model": model,
        "hashtags": [
            {"tag": hashtag.tag, "confidence": round(hashtag.confidence, 6), "kind": hashtag.kind}
            for hashtag in hashtags
        ],
    }


def json_line(content: Row) -> str:
    """A row as one line of JSON with its end, in ASCII whatever the photo is called."""
    return f"{json.dumps(content)}\n"


def csv_text(rows: Iterable[Row], *, header: bool = True, more: Sequence[str] = ()) -> str:
    """Rows as CSV with the columns of COLUMNS; `more` names keys of the rows that become columns behind those.

    Lines end with CR and LF, as RFC 4180 has it. No cell can be taken for a formula: one that begins like a formula
    gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow([*COLUMNS, *more])
    for content in rows:
        rest = [content["model"], *(content[name] for name in more)]
        for hashtag in content["hashtags"] or [{"tag": "", "confidence": "", "kind": ""}]:
            cells = [content["photo"], hashtag["tag"], hashtag["confidence"], hashtag["kind"], *rest]
            writer.writerow([_harmless(str(cell)) for cell in cells])
    return text.getvalue()


def csv_file(rows: Iterable[Row]) -> bytes:
    """A whole CSV file: UTF-8, with the mark at its beginning by which spreadsheet programs know that it is."""
    return csv_text(rows).encode("utf-8-sig", "surrogateescape")


def read_csv(lines: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """The cells of a CSV by column, as they were before `csv_text` made them harmless.

    Raises ValueError for a row that has not as many cells as the header.
    """
    reader = csv.reader(lines)
    columns = next(reader, [])
    for cells in reader:
        yield dict(zip(columns, map(_as_it_was, cells), strict=True))


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
