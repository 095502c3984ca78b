"""One choice, with every wish and names of one's own, gives the same hashtags in all that the command line writes."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hashstagram import Choice, load_model
from hashstagram.tagging.sidecars import keywords

ARGUMENTS = ["--top-k", "9", "--companions", "3", "--min-confidence", "0.05", "--exclude", "#Sea,love"]
ARGUMENTS += ["--always", "guitar hund", "--platform-tags", "--no-variety"]
CHOICE = Choice(
    top_k=9,
    companions=3,
    min_confidence=0.05,
    exclude=["sea", "love"],
    always=["guitar", "hund"],
    platform_tags=True,
    variety=False,
)


def test_the_same_everywhere(
    album: Path,
    tag: Callable[..., tuple[int, str, str]],
    photos_of: Callable[[Path], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("dog: hund\nbeach: 해변\n")
    monkeypatch.setenv("HASHSTAGRAM_RENAMES", str(names))
    recommender = load_model("alexnet", device="cpu")
    expected = {photo: recommender.recommend(photo, CHOICE) for photo in photos_of(album)}
    batch = recommender.recommend_batch(photos_of(album), CHOICE)
    assert [[each.tag for each in answer] for answer in batch] == [
        [each.tag for each in answer] for answer in expected.values()
    ]
    wanted = {
        photo: [(each.tag, pytest.approx(each.confidence, abs=2e-6), each.kind) for each in answer]
        for photo, answer in expected.items()
    }
    assert all([each[0] for each in answer][:2] == ["guitar", "hund"] for answer in wanted.values())

    lines = map(json.loads, tag(album, "-r", "--format", "jsonl", *ARGUMENTS)[1].splitlines())
    assert {
        line["photo"]: [(each["tag"], each["confidence"], each["kind"]) for each in line["hashtags"]] for line in lines
    } == wanted

    rows = csv.DictReader(io.StringIO(tag(album, "-r", "--format", "csv", *ARGUMENTS)[1], newline=""))
    by_photo: dict[str, list[tuple[str, float, str]]] = {}
    for row in rows:
        # The one photo whose name would be a formula.
        photo = row["photo"].replace("'=", "=")
        by_photo.setdefault(photo, []).append((row["tag"], float(row["confidence"]), row["kind"]))
    assert by_photo == wanted

    text = tag(album, "-r", *ARGUMENTS)[1]
    tag(album, "-r", "--format", "xmp", *ARGUMENTS)
    for photo, answer in expected.items():
        assert "\n  " + " ".join(f"#{each.tag}" for each in answer) + "\n" in text
        assert keywords(Path(f"{photo}.xmp").read_bytes()) == [each.tag for each in answer]
