"""What the command line prints: text for people, rows for programs and spreadsheets, and lists."""

import json
import os
from collections.abc import Sequence
from typing import TextIO

from hashstagram.choice import Hashtag
from hashstagram.recommender import Recommender
from hashstagram.records import Record
from hashstagram.tagging import rows
from hashstagram.tagging.folders import Listed

_BAR = 24
_EIGHTHS = "▏▎▍▌▋▊▉█"
_BOLD, _DIM, _TAG, _END = "\033[1m", "\033[2m", "\033[36m", "\033[0m"


class Text:
    """Text for a terminal: each tag with its confidence as a bar, and the line to copy.

    Colours only where somebody looks: not in a pipe, not with NO_COLOR set.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colours = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._first = True

    def photo(self, photo: str, model: str, engine: str, hashtags: Sequence[Hashtag]) -> None:
        """Write the answer for one photo."""
        blank = "" if self._first else "\n"
        self._first = False
        lines = [f"{blank}{self._styled(_BOLD, photo)}  {self._styled(_DIM, f'{model} in {engine}')}"]
        width = max((len(hashtag.tag) for hashtag in hashtags), default=0) + 1
        for hashtag in hashtags:
            tag = self._styled(_TAG, f"{'#' + hashtag.tag:<{width}}")
            row = f"  {tag}  {100 * hashtag.confidence:3.0f} %  {_bar(hashtag.confidence):<{_BAR}}"
            note = f"  {self._styled(_DIM, 'written with these')}" if hashtag.kind == "companion" else ""
            lines.append(f"{row}{note}".rstrip())
        if hashtags:
            lines.append("\n  " + " ".join(f"#{hashtag.tag}" for hashtag in hashtags))
        else:
            lines.append("  No tag is that sure. Lower --min-confidence to see more.")
        self._write("\n".join(lines))

    def models(self, records: Sequence[Record]) -> None:
        """Write the list of models, the default first."""
        width = max((len(record.name) for record in records), default=0)
        for number, record in enumerate(records):
            name = self._styled(_BOLD, f"{record.name:<{width}}")
            default = " (default)" if number == 0 else ""
            size = f"{record.bytes / 1e6:.1f} MB"
            parts = f" and what it shares with {' and '.join(record.parts)}" if record.parts else ""
            details = self._styled(_DIM, f"{record.id}: {len(record.taught)} tags, {size}{parts}")
            self._write(f"{name}  {record.description}{default}\n{'':<{width}}  {details}")

    def plain(self, text: str) -> None:
        """Write lines as they are."""
        self._write("\n".join(map(harmless, text.splitlines())))

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{harmless(text)}{_END}" if self._colours else harmless(text)

    def _write(self, text: str) -> None:
        print(_encodable(text, self._stream), file=self._stream, flush=True)


class Printed:
    """Answers on a stream, each at once: as `text`, or as the rows of `csv` or `jsonl`."""

    def __init__(self, stream: TextIO, form: str) -> None:
        self._stream, self._form = stream, form
        self._text = Text(stream)
        self._header = True

    def has(self, photo: Listed) -> bool:
        """What was printed is not known any more."""
        return False

    def put(self, photo: Listed, recommender: Recommender, hashtags: Sequence[Hashtag]) -> None:
        """Write the answer for a photo."""
        if self._form == "text":
            engine = recommender.engine
            computed_by = f"{engine.precision} by {engine.name} on {engine.device}"
            self._text.photo(photo.name, recommender.name, computed_by, hashtags)
            return
        row = rows.row(photo.name, recommender.name, hashtags)
        text = rows.json_line(row) if self._form == "jsonl" else rows.csv_text([row], header=self._header)
        self._header = False
        self._stream.write(_encodable(text, self._stream))
        self._stream.flush()


def models_json(records: Sequence[Record]) -> str:
    """The list of models as a JSON array, the default first."""
    return json.dumps(
        [
            {
                "name": record.name,
                "id": record.id,
                "default": number == 0,
                "description": record.description,
                "tags": len(record.taught),
                "bytes": record.bytes,
                "parts": record.parts,
                "metrics": record.metrics,
                "licence": record.licence,
            }
            for number, record in enumerate(records)
        ],
        indent=1,
    )


def harmless(text: str) -> str:
    """Text with control characters escaped: a file's name may hold any, and they must not steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _encodable(text: str, stream: TextIO) -> str:
    """Where the stream is not UTF-8, bars and foreign names are written as escapes rather than not at all."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _bar(confidence: float) -> str:
    """A bar of up to 24 cells, in eighths of a cell."""
    full, eighths = divmod(round(confidence * _BAR * len(_EIGHTHS)), len(_EIGHTHS))
    return "█" * full + (_EIGHTHS[eighths - 1] if eighths else "")
