"""Runs over folders: what is written where, what a second run keeps, and what is left of a run that was stopped."""

import csv
import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hashstagram import Choice, load_model
from hashstagram.tagging.sidecars import keywords

ROOT = Path(__file__).resolve().parents[2]

Tag = Callable[..., tuple[int, str, str]]
PhotosOf = Callable[[Path], list[str]]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def as_json(photos: list[str], **choice: Any) -> list[list[dict[str, object]]]:
    recommender = load_model("alexnet", device="cpu")
    return [
        [
            {"tag": each.tag, "confidence": pytest.approx(each.confidence, abs=2e-6), "kind": each.kind}
            for each in recommender.recommend(photo, Choice(**choice))
        ]
        for photo in photos
    ]


def test_jsonl_of_a_folder_is_what_each_photo_gets_alone(album: Path, tag: Tag, photos_of: PhotosOf) -> None:
    code, printed, said = tag(album, "-r", "--format", "jsonl", "--top-k", "7", "--no-variety")
    lines = [json.loads(line) for line in printed.splitlines()]

    assert code == 0
    assert re.fullmatch(r"6 photos tagged in \d+\.\d s \(\d+\.\d photos/s\)\n", said)
    assert [line["photo"] for line in lines] == photos_of(album)
    assert [line["hashtags"] for line in lines] == as_json(photos_of(album), top_k=7, variety=False)


def test_csv_has_the_same_tags(album: Path, tag: Tag, photos_of: PhotosOf, tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    assert tag(album, "-r", "--format", "csv", "--out", out)[0] == 0
    assert out.read_bytes().startswith(b"\xef\xbb\xbfphoto,tag,confidence,kind,model,version,order\r\n")
    with out.open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))

    expected = as_json(photos_of(album))
    assert [(row["photo"], row["tag"], float(row["confidence"]), row["kind"]) for row in read] == [
        (photo, hashtag["tag"], hashtag["confidence"], hashtag["kind"])
        for photo, hashtags in zip(photos_of(album), expected, strict=True)
        for hashtag in hashtags
    ]
    assert {row["model"] for row in read} == {"alexnet"}


def test_text_goes_into_a_new_file_only(album: Path, tag: Tag, tmp_path: Path) -> None:
    out = tmp_path / "tags.txt"
    assert tag(album, "--out", out)[:2] == (0, "")
    assert f"{album / 'a.JPG'}  alexnet in fp32" in out.read_text()
    before = out.read_text()
    code, _, said = tag(album, "--out", out)

    assert (code, out.read_text()) == (2, before)
    assert "exists, and a run that writes text cannot go on with it. Name another file" in said


def test_sidecars_lie_beside_their_photos_with_the_same_tags(album: Path, tag: Tag, photos_of: PhotosOf) -> None:
    code, printed, _ = tag(album, "-r", "--format", "xmp", "--top-k", "6")

    assert (code, printed) == (0, "")
    for photo, hashtags in zip(photos_of(album), as_json(photos_of(album), top_k=6), strict=True):
        assert keywords(Path(f"{photo}.xmp").read_bytes()) == [hashtag["tag"] for hashtag in hashtags]
    assert len(list(album.rglob("*.xmp"))) == 6


def test_sidecars_in_a_folder_mirror_the_tree(album: Path, tag: Tag, tmp_path: Path) -> None:
    out = tmp_path / "sidecars"
    assert tag(album, "-r", "--format", "xmp", "--out", out)[0] == 0

    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "a.JPG.xmp",
        "b.jpg.xmp",
        "c.heic.xmp",
        "day 2/evening/=1.webp.xmp",
        "day 2/evening/last.jpeg.xmp",
        "day 2/zwölf.png.xmp",
    ]
    assert list(album.rglob("*.xmp")) == []


@pytest.mark.parametrize("form", ["text", "csv", "jsonl", "xmp"])
def test_originals_are_not_touched(album: Path, tag: Tag, form: str, tmp_path: Path) -> None:
    """Neither content nor times; and in a folder that nobody may write into, a photo is tagged all the same."""

    def state() -> dict[Path, tuple[str, os.stat_result]]:
        files = [path for path in album.rglob("*") if path.is_file() and path.suffix != ".xmp"]
        return {path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat()) for path in files}

    before = state()
    opened: list[str] = []
    sys.addaudithook(
        lambda event, arguments: opened.append(str(arguments[0])) if event == "open" and _writes(arguments) else None
    )
    out = [] if form == "xmp" else ["--out", tmp_path / f"tags.{form}"]
    for again in ([], [], ["--again"]):
        tag(album, "-r", "--format", form, *out, *again)

    assert {path: (sha256, found.st_mtime_ns, found.st_ino) for path, (sha256, found) in state().items()} == {
        path: (sha256, found.st_mtime_ns, found.st_ino) for path, (sha256, found) in before.items()
    }
    ours = [path for path in opened if path.startswith(str(album))]
    assert all(path.endswith(".part") for path in ours)
    assert bool(ours) == (form == "xmp")


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or bool(set(mode or "") & set("wax+"))


@pytest.mark.parametrize("form", ["csv", "jsonl", "xmp"])
def test_a_second_run_computes_nothing(
    album: Path, tag: Tag, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "c.heic").rename(album / os.fsdecode(b'caf\xe9\n".heic'))  # no text at all
    arguments = [album, "-r", "--format", form, "--out", tmp_path / "out"]
    assert tag(*arguments)[0] == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("hashstagram.tagging.tag.load_model", None)  # whoever computes needs it

    assert tag(*arguments) == (0, "", "0 photos tagged, 6 photos done before\n")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("form", ["csv", "jsonl", "xmp"])
def test_what_is_new_or_other_is_computed(album: Path, tag: Tag, form: str, tmp_path: Path) -> None:
    arguments = [album, "-r", "--format", form, "--out", tmp_path / "out"]

    def counts(*more: object) -> tuple[int, int]:
        said = tag(*arguments, *more)[2]
        tagged, before = re.search(r"^(\d+) photo", said), re.search(r"(\d+) photos? done before", said)
        return int(tagged[1]) if tagged else -1, int(before[1]) if before else 0

    assert counts() == (6, 0)
    os.utime(album / "a.JPG", ns=(1, 1))
    (album / "b.jpg").rename(album / "new.jpg")
    assert counts() == (2, 4)
    assert counts("--top-k", "3") == (6, 0)
    assert counts("--top-k", "3") == (0, 6)
    assert counts("--top-k", "3", "--again") == (6, 0)
    assert counts("--top-k", "3", "--engine", "torch") == (6, 0)
    if form == "jsonl":
        names = [row["photo"] for row in rows(tmp_path / "out")]
        # Of a photo that went away the row stays: the file may be about other folders, too.
        assert str(album / "b.jpg") in names
        assert len(names) == len(set(names)) == 7


def test_photos_that_cannot_be_used_are_listed_in_the_end_and_tried_again(
    album: Path, tag: Tag, tmp_path: Path
) -> None:
    good = (album / "b.jpg").read_bytes()
    (album / "b.jpg").write_bytes(good[: len(good) // 2])
    (album / "a.JPG").write_text("no photo")
    arguments = [album, album / "missing.jpg", "--format", "jsonl", "--out", tmp_path / "out.jsonl"]
    code, printed, said = tag(*arguments)
    summary, *complaints = said.splitlines()

    assert (code, printed) == (1, "")
    assert re.fullmatch(r"1 photo tagged in .* s \(.* photos/s\), 3 could not be used:", summary)
    assert [complaint.partition(": ")[2].partition(": ")[0] for complaint in complaints] == [
        str(album / name) for name in ("a.JPG", "b.jpg", "missing.jpg")
    ]
    (album / "b.jpg").write_bytes(good)
    code, _, said = tag(*arguments)
    assert code == 1
    assert re.match(r"1 photo tagged in .*, 1 photo done before, 2 could not be used:\n", said)


def test_a_line_that_was_half_written_is_mended(album: Path, tag: Tag, tmp_path: Path) -> None:
    for form in ("jsonl", "csv"):
        out = tmp_path / f"out.{form}"
        arguments = [album, "-r", "--format", form, "--out", out]
        tag(*arguments)
        whole = out.read_bytes()
        for cut in (1, 2, 30, len(whole) // 3):
            out.write_bytes(whole[:-cut])
            code, _, said = tag(*arguments)
            assert code == 0
            assert not said.startswith("0 ")
            assert out.read_bytes() == whole


def test_other_photos_rows_stay(album: Path, tag: Tag, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    tag(album / "day 2", "--format", "csv", "--out", out)
    first = out.read_text()
    tag(album, "--format", "csv", "--out", out, "--top-k", "2")

    assert out.read_text().startswith(first)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "content", [b"my diary\n", b'{"photo": 3}\n', b"photo,tags\na.jpg,sea\n", b"[]\n", b"\xff\xd8\xff"]
)
def test_a_file_that_is_no_list_of_hashtags_is_left_alone(
    album: Path, tag: Tag, form: str, content: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "diary"
    out.write_bytes(content)
    code, _, said = tag(album, "--format", form, "--out", out)

    assert (code, out.read_bytes()) == (2, content)
    assert f"{out} is not a file of hashtags in this format. Name another file with --out" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "csv", "--out", "."], "is a folder. --out names a file"),
        (["--format", "csv", "--out", "nowhere/out.csv"], "There is no folder nowhere for out.csv."),
        (["--format", "jsonl", "--out", "new.jpg"], "new.jpg is named like a photo."),
        (["--out", "b.jpg"], "b.jpg is named like a photo."),
        (["--format", "xmp", "--out", "b.jpg"], "b.jpg is a file. With --format xmp, --out names a folder."),
        (["--format", "csv", "--out", "/dev/full"], "/dev/full cannot be written (No space left on device)."),
    ],
)
def test_a_place_that_cannot_be_is_said_before_the_run(
    album: Path, tag: Tag, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    code, _, said = tag(".", *arguments)

    assert code == 2
    assert sentence in said
    assert said.count("\n") == 1


def test_two_runs_do_not_write_into_one_file(album: Path, tag: Tag, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with out.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        code, _, said = tag(album, "--format", "jsonl", "--out", out)

    assert code == 2
    assert f"Another run is writing into {out}." in said


@pytest.fixture
def many(tmp_path: Path, album: Path) -> Path:
    """Photos enough that a run can be stopped in the middle."""
    folder = tmp_path / "many"
    folder.mkdir()
    content = (album / "b.jpg").read_bytes()
    for number in range(60):
        (folder / f"{number:03}.jpg").write_bytes(content)
    return folder


def started(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "hashstagram", "tag", folder, "--model", "vgg16", *arguments]
    return subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 180
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("form", "how"),
    [("jsonl", signal.SIGKILL), ("csv", signal.SIGKILL), ("xmp", signal.SIGKILL), ("jsonl", signal.SIGINT)],
)
def test_a_run_that_is_stopped_goes_on_where_it_was(many: Path, form: str, how: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def done() -> int:
        if form == "xmp":
            return len(list(out.glob("*.xmp")))
        return out.read_bytes().count(b"\n") if out.exists() else 0

    with started(many, "--format", form, "--out", out) as process:
        wait_until(lambda: done() >= 3 * (5 if form == "csv" else 1) + 1)
        process.send_signal(how)
        _, said = process.communicate(timeout=180)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert said.startswith("Stopped. ") == (how == signal.SIGINT)
    assert "Traceback" not in said
    after_stop = done()
    assert after_stop < 60

    with started(many, "--format", form, "--out", out) as process:
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0
    tagged, before = (int(found) for found in re.findall(r"(\d+) photos? (?:tagged|done before)", said))
    assert tagged + before == 60
    assert before >= 3
    if form == "jsonl":
        photos = [row["photo"] for row in rows(out)]
        assert photos == sorted(set(photos))
        assert before == after_stop
    if form == "xmp":
        assert all(keywords(path.read_bytes()) for path in out.glob("*.xmp"))
    assert list(tmp_path.rglob("*.part")) == []


def test_a_bar_shows_on_a_terminal_how_far_it_is(album: Path, tmp_path: Path) -> None:
    """What a person sees: standard error is a terminal of 90 columns, and hashtags go into a file."""
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    (album / "bad.jpg").write_text("no photo")
    command = [sys.executable, "-m", "hashstagram", "tag", str(album), "--model", "alexnet"]
    subprocess.run([*command, "--format", "csv", "--out", str(tmp_path / "out")], cwd=ROOT, stderr=its_end, check=False)
    os.close(its_end)
    seen = b""
    with suppress(OSError):  # of a terminal that nobody writes to any more
        while part := os.read(terminal, 4096):
            seen += part
    os.close(terminal)
    bar, _, rest = seen.decode().partition("\r\n")

    assert re.search(r"100 % \|█+\| 4 of 4 photos, +\d+\.\d+ photos/s, 00:00 left$", bar)
    assert re.match(r"3 photos tagged in .* photos/s\), 1 could not be used:\r\nhashstagram: .*bad\.jpg: ", rest)
