"""A trial of the whole: photos are generated, and a run must say of them what the command line says.

`python -m deploy.batch.trial` makes 2,000 photos from the examples (cut out, mirrored, brighter or darker, in three
formats), of which some are broken, tags them by `python -m hashstagram tag` and by `python -m deploy.batch`, compares,
and runs the latter once more. It ends with 1 where anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from deploy.batch.shards import HASHTAGS, REFUSED

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
FORMATS = (("jpg", "JPEG"), ("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"))
# One in so many is broken, in one way after the other.
_BROKEN_EACH = 100
# How far two confidences may be apart. Both are rounded to six places.
TOLERANCE = 1e-5

_Answers = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Difference:
    """How two sets of answers differ: photos with other tags or confidences, and photos that one of them lacks."""

    unequal: int
    lacking: int
    largest: float

    def __bool__(self) -> bool:
        return bool(self.unequal or self.lacking)


def make_photos(folder: Path, count: int, seed: int = 2018) -> None:
    """Write so many photos into folders of a hundred; the same seed gives the same ones."""
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([seed, number])
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as example:
            photo = _variant(example.convert("RGB"), random)
        ending, kind = FORMATS[int(random.integers(len(FORMATS)))]
        photo.save(path.with_suffix(f".{ending}"), kind)
        if number % _BROKEN_EACH == _BROKEN_EACH - 1:
            _break(path.with_suffix(f".{ending}"), number // _BROKEN_EACH)


def difference(some: _Answers, others: _Answers) -> Difference:
    """Compare answers by photo: the same tags in the same order, with confidences at most TOLERANCE apart."""
    both = some.keys() & others.keys()
    unequal, largest = 0, 0.0
    for photo in both:
        if [each["tag"] for each in some[photo]] != [each["tag"] for each in others[photo]]:
            unequal += 1
            continue
        pairs = zip(some[photo], others[photo], strict=True)
        apart = max((abs(one["confidence"] - other["confidence"]) for one, other in pairs), default=0.0)
        largest = max(largest, apart)
        unequal += apart > TOLERANCE
    return Difference(unequal, len(some.keys() ^ others.keys()), largest)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trial and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.batch.trial", description=__doc__)
    parser.add_argument("--photos", type=int, default=2000, metavar="N", help="how many (default: %(default)s)")
    count = parser.parse_args(argv).photos
    with tempfile.TemporaryDirectory() as temporary:
        photos, output = Path(temporary, "photos"), Path(temporary, "hashtags")
        make_photos(photos, count)
        paths = sorted(str(path) for path in photos.rglob("*.*"))
        single, seconds = _run("hashstagram", "tag", "--format", "jsonl", *paths)
        print(f"command line: {count / seconds:.1f} photos/s with its start")
        expected = {row["photo"]: row["hashtags"] for row in map(json.loads, single.stdout.splitlines())}
        refused = {line.removeprefix("hashstagram: ") for line in single.stderr.splitlines()}
        wrong = False
        for what in ("first run", "second run"):
            batch, seconds = _run("deploy.batch", str(photos), str(output))
            print(f"{what}: {count / seconds:.1f} photos/s with its start; it says:\n{batch.stdout.rstrip()}")
            rows = _read(output, HASHTAGS)
            found = difference(expected, {row["photo"]: row["hashtags"] for row in rows})
            sentences = {f"{row['photo']}: {row['message']}" for row in _read(output, REFUSED)}
            twice = len(rows) - len({row["photo"] for row in rows})
            print(
                f"  {len(rows)} rows, {twice} of them twice, {found.unequal} unequal, {found.lacking} on one side, "
                f"confidences at most {found.largest:.1g} apart; "
                f"{len(sentences)} refused, {len(sentences ^ refused)} with another sentence"
            )
            wrong |= bool(found or twice or sentences != refused)
    return int(wrong)


def _variant(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = photo.size
    share = random.uniform(0.6, 1)
    across, down = round(width * share), round(height * share)
    left, top = int(random.integers(width - across + 1)), int(random.integers(height - down + 1))
    photo = photo.crop((left, top, left + across, top + down))
    if random.random() < 0.5:
        photo = ImageOps.mirror(photo)
    return ImageEnhance.Brightness(photo).enhance(random.uniform(0.6, 1.4))


def _break(path: Path, way: int) -> None:
    content = path.read_bytes()
    ways = (content[: len(content) // 2], b"", b"This is not a photo.\n", content + bytes(10 * 2**20))
    path.write_bytes(ways[way % len(ways)])


def _run(*command: str) -> tuple[subprocess.CompletedProcess[str], float]:
    started = time.monotonic()
    run = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        sys.exit(f"{' '.join(command[:2])} ended with {run.returncode}:\n{run.stderr}")
    return run, time.monotonic() - started


def _read(output: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in output.glob(f"{kind}-*") for line in path.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main())
