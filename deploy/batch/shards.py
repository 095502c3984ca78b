"""A shard of photos becomes rows. Which shard a photo is in follows from its name alone.

A row is what `python -m hashstagram tag --format jsonl` writes, with `version` (of the photo) and `order` (its mark).
A rerun computes what has no row with both: new photos, replaced ones, and all of them for another model or choice.
So a shard never holds a photo twice, whatever was begun before and not finished.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from deploy.batch.order import Order
from deploy.batch.places import BatchError, Listed, Place
from hashstagram import Hashtag, PhotoBroken, PhotoError, PhotoTooLarge, PhotoUnsupported
from hashstagram.photos import open_photo
from hashstagram.tagging import rows
from hashstagram.tagging.rows import Row, json_line

HASHTAGS, REFUSED = "hashtags", "refused"
# Photos that the network looks at together: decoded they take some 3 MB each.
BATCH = 16

# By the names that the HTTP route has for them; the first that fits counts.
_REASONS = (
    (PhotoTooLarge, "photo_too_large"),
    (PhotoUnsupported, "photo_unsupported"),
    (PhotoBroken, "photo_broken"),
    (PhotoError, "photo_unreadable"),
)
REASONS = tuple(reason for _, reason in _REASONS)


@dataclass
class Shard:
    """The rows of a shard's photos and the refusals of the others, by name; `kept` rows are an earlier run's."""

    rows: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    kept: int = 0


def shard_of(name: str, shards: int) -> int:
    """The shard of a photo, from 0 on. It stays the same whatever other photos come and go."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8]) % shards


def shard_file(kind: str, number: int, shards: int) -> str:
    """`hashtags-00003-of-00064.jsonl`; `kind` is HASHTAGS or REFUSED."""
    return f"{kind}-{number:05}-of-{shards:05}.jsonl"


def check_output(names: Iterable[str], shards: int) -> None:
    """Raise BatchError where the output has shards of another number: photos would then be in two of them."""
    for name in names:
        found = re.fullmatch(rf"(?:{HASHTAGS}|{REFUSED})-\d{{5}}-of-(\d{{5}})\.jsonl", name)
        if found and int(found[1]) != shards:
            raise BatchError(
                f"The output has shards of another run: {name}. "
                f"Go on with --shards {int(found[1])}, or name another output."
            )


def tag_shard(photos: Iterable[Listed], source: Place, order: Order, earlier: str) -> Shard:
    """Hashtags for a shard's photos; `earlier` is the text of the shard as it was before, or "".

    Photos that were refused are tried again: what was wrong may have been mended. Raises what is nobody's photo's
    fault, such as a connection that breaks: then nothing is written, and the shard is tried again as a whole.
    """
    there = {photo.name: photo for photo in photos}
    kept = _still_right(earlier, there, order.mark)
    shard = Shard(rows=list(kept.values()), kept=len(kept))
    todo = sorted(photo for photo in there.values() if photo.name not in kept)
    for start in range(0, len(todo), BATCH):
        _tag(todo[start : start + BATCH], source, order, shard)
    shard.rows.sort(key=_name)
    shard.refusals.sort(key=_name)
    return shard


def text_of(rows: Iterable[Row]) -> str:
    """Rows as JSON lines, in ASCII."""
    return "".join(map(json_line, rows))


def _name(row: Row) -> str:
    return str(row["photo"])


def _still_right(earlier: str, there: dict[str, Listed], mark: str) -> dict[str, Row]:
    rows = (json.loads(line) for line in earlier.splitlines())
    return {
        row["photo"]: row
        for row in rows
        if row["order"] == mark and row["photo"] in there and row["version"] == there[row["photo"]].version
    }


def _tag(photos: Sequence[Listed], source: Place, order: Order, shard: Shard) -> None:
    opened = list(_opened(photos, source, shard))
    recommender = order.recommender()
    answers = recommender.recommend_batch([image for _, image in opened], order.choice, batch_size=BATCH)
    shard.rows += [
        _row(photo, recommender.name, hashtags, order.mark)
        for (photo, _), hashtags in zip(opened, answers, strict=True)
    ]


def _opened(photos: Sequence[Listed], source: Place, shard: Shard) -> Iterator[tuple[Listed, Image.Image]]:
    """The photos that can be used; one that cannot must not cost its neighbours their hashtags."""
    for photo in photos:
        try:
            yield photo, open_photo(source.open(photo))
        except PhotoError as error:
            reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
            shard.refusals.append(
                {"photo": photo.name, "version": photo.version, "code": reason, "message": str(error)}
            )


def _row(photo: Listed, model: str, hashtags: Sequence[Hashtag], mark: str) -> Row:
    return {**rows.row(photo.name, model, hashtags), "version": photo.version, "order": mark}
