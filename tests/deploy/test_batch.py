"""The batch pipeline: which photos it finds, what it keeps of an earlier run, its rows, and a run with Beam itself."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from storage_emulator import BUCKET, CloudStorage, refused

from deploy.batch.__main__ import main, parser
from deploy.batch.order import Order, _loaded
from deploy.batch.places import BatchError, Listed, place
from deploy.batch.shards import Shard, check_output, shard_file, shard_of, tag_shard, text_of
from deploy.batch.trial import difference, make_photos
from hashstagram import Choice
from hashstagram.engines import cores
from hashstagram.tagging import command_line, options

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = ROOT / "deploy" / "batch"

Fields = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _small(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    # A worker computes with one core, and keeps its model; the tests after these must do neither.
    monkeypatch.setattr(cores, "_limit", None)
    yield
    _loaded.cache_clear()


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Image.Image]) -> Path:
    """A folder with five photos, one of them in a folder with an odd name, and two files that are none."""
    folder = tmp_path / "photos"
    odd = folder / os.fsdecode(b"caf\xe9")
    odd.mkdir(parents=True)
    for number, image in enumerate(drawn_photos[:4]):
        image.save(folder / f"{number}.jpg")
    drawn_photos[4].save(odd / "4.PNG")
    (folder / "broken.jpg").write_bytes((folder / "0.jpg").read_bytes()[:300])
    (folder / "text.webp").write_text("not a photo")
    (folder / "notes.txt").write_text("no photo, and nobody says that it is one")
    return folder


def order(**choice: Any) -> Order:
    return Order.given(None, "auto", Choice(**choice))


def tagged(folder: Path, order: Order, earlier: str = "") -> Shard:
    there = place(str(folder))
    return tag_shard(there.photos(), there, order, earlier)


def by_name(shard: Shard) -> dict[str, dict[str, Any]]:
    return {Path(row["photo"]).name: row for row in shard.rows}


def test_photos_are_found_by_their_ending_in_all_folders(photos: Path) -> None:
    found = {Path(photo.name).name: photo for photo in place(str(photos)).photos()}

    assert set(found) == {"0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.PNG", "broken.jpg", "text.webp"}
    assert found["0.jpg"].name == str(photos / "0.jpg")
    assert len({photo.version for photo in found.values()}) == 7


def test_rows_are_those_of_the_command_line(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = tagged(photos, order(top_k=4))
    names = sorted(photo.name for photo in place(str(photos)).photos())
    command_line.main(["tag", "--format", "jsonl", "--top-k", "4", *names])
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]

    assert [row["photo"] for row in shard.rows] == [line["photo"] for line in lines]
    assert [row["model"] for row in shard.rows] == [line["model"] for line in lines]
    assert not difference(
        {row["photo"]: row["hashtags"] for row in shard.rows}, {line["photo"]: line["hashtags"] for line in lines}
    )
    sentences = [f"hashstagram: {refusal['photo']}: {refusal['message']}" for refusal in shard.refusals]
    assert sentences == said.err.splitlines()
    assert [refusal["code"] for refusal in shard.refusals] == ["photo_broken", "photo_unsupported"]


def test_a_photo_of_another_size_than_its_neighbours_gets_its_own_hashtags(photos: Path) -> None:
    together = by_name(tagged(photos, order()))
    Path(photos / "0.jpg").rename(photos.parent / "0.jpg")
    alone = tagged(photos.parent, order())

    assert together["0.jpg"]["hashtags"] == by_name(alone)["0.jpg"]["hashtags"]


def test_a_rerun_computes_only_what_is_new_or_was_replaced(photos: Path, drawn_photos: list[Image.Image]) -> None:
    first = tagged(photos, order())
    forged = [{**row, "hashtags": [{"tag": "kept", "confidence": 1.0}]} for row in first.rows]
    drawn_photos[9].save(photos / "0.jpg")
    drawn_photos[10].save(photos / "new.jpg")
    (photos / "1.jpg").unlink()
    drawn_photos[11].save(photos / "broken.jpg")
    second = tagged(photos, order(), text_of(forged))
    kept = {name for name, row in by_name(second).items() if row["hashtags"][0]["tag"] == "kept"}

    assert kept == {"2.jpg", "3.jpg", "4.PNG"}
    assert second.kept == 3
    assert sorted(by_name(second)) == ["0.jpg", "2.jpg", "3.jpg", "4.PNG", "broken.jpg", "new.jpg"]
    assert len(second.rows) == len(by_name(second))
    assert [Path(refusal["photo"]).name for refusal in second.refusals] == ["text.webp"]


@pytest.mark.parametrize(
    "other",
    [
        {"top_k": 3},
        {"companions": 0},
        {"min_confidence": 0.3},
        {"exclude": ["dog"]},
        {"always": ["dog"]},
        {"platform_tags": True},
        {"variety": not Choice().variety},
    ],
)
def test_another_choice_computes_all_again(photos: Path, other: dict[str, Any]) -> None:
    first = tagged(photos, order())

    assert tagged(photos, order(), text_of(first.rows)).kept == 5
    again = tagged(photos, order(**other), text_of(first.rows))
    assert again.kept == 0
    assert len(again.rows) == 5


def test_another_model_or_engine_is_another_order() -> None:
    marks = {Order.given(model, engine, Choice()).mark for model in (None, "vgg16") for engine in ("auto", "exact")}

    assert len(marks) == 4
    assert Order.given(None, "auto", Choice(exclude=["dog", "cat"])).mark == order(exclude=["cat", "dog"]).mark


def test_shards_follow_from_names_alone() -> None:
    numbers = [shard_of(f"photos/{number}.jpg", 8) for number in range(400)]

    assert numbers == [shard_of(f"photos/{number}.jpg", 8) for number in range(400)]
    assert set(numbers) == set(range(8))
    assert max(map(numbers.count, range(8))) < 100
    assert shard_of(os.fsdecode(b"caf\xe9.jpg"), 8) in range(8)
    # A shard must be the same in every version, or photos would be in two of them.
    assert shard_of("photos/0.jpg", 1000) == 169


def test_an_output_with_another_number_of_shards_is_refused() -> None:
    check_output(["hashtags-00000-of-00004.jsonl", "refused-00003-of-00004.jsonl", "README.txt"], 4)

    with pytest.raises(BatchError, match="Go on with --shards 4, or name another output"):
        check_output(["refused-00003-of-00004.jsonl"], 8)


def test_rows_fit_the_table(photos: Path) -> None:
    fields: Fields = json.loads((BATCH / "schema.json").read_text())
    line = json.loads(text_of(tagged(photos, order()).rows).splitlines()[0])

    assert list(line) == [field["name"] for field in fields]
    assert list(line["hashtags"][0]) == [field["name"] for field in fields[2]["fields"]]


def test_text_of_rows_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = place(str(tmp_path / "new" / "output"))
    name = shard_file("hashtags", 3, 64)
    assert name == "hashtags-00003-of-00064.jsonl"
    assert (output.names(), output.read(name)) == ([], "")
    output.write(name, "one\n")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        output.write(name, "two\n")
    assert (output.names(), output.read(name)) == ([name], "one\n")


def test_a_folder_that_cannot_be_looked_into_is_not_left_out(
    tmp_path: Path, close_folder: Callable[[str], None]
) -> None:
    (tmp_path / "closed").mkdir()
    close_folder("closed")
    with pytest.raises(BatchError, match=r"closed cannot be looked into \(Permission denied\)"):
        list(place(str(tmp_path)).photos())


def test_a_photo_that_is_gone_is_refused_and_the_others_go_on(photos: Path) -> None:
    there = place(str(photos))
    listed = list(there.photos())
    (photos / "1.jpg").unlink()
    (photos / "link.jpg").symlink_to("nowhere.jpg")
    shard = tag_shard([*listed, *(each for each in there.photos() if "link" in each.name)], there, order(), "")
    gone = {Path(refusal["photo"]).name: refusal["code"] for refusal in shard.refusals}

    assert gone["1.jpg"] == gone["link.jpg"] == "photo_unreadable"
    assert len(shard.rows) == 4


class TestCloud:
    """Photos and shards below a gs:// address."""

    @pytest.fixture
    def bucket(self, cloud: CloudStorage, photos: Path) -> CloudStorage:
        place.cache_clear()
        for path in photos.glob("*.*"):
            cloud.put(f"album/{path.name}", path.read_bytes())
        cloud.put("album/deep/5.jpg", (photos / "3.jpg").read_bytes())
        cloud.put("album2/other.jpg", b"of another album")
        return cloud

    def test_it_is_as_a_folder_is(self, bucket: CloudStorage, photos: Path) -> None:
        there = place(f"gs://{BUCKET}/album")
        shard = tag_shard(there.photos(), there, order(), "")
        local = by_name(tagged(photos, order()))

        assert {row["photo"] for row in shard.rows} == {
            f"gs://{BUCKET}/album/{name}" for name in ("0.jpg", "1.jpg", "2.jpg", "3.jpg", "deep/5.jpg")
        }
        assert all(by_name(shard)[name]["hashtags"] == local[name]["hashtags"] for name in ("0.jpg", "3.jpg"))
        assert {refusal["code"] for refusal in shard.refusals} == {"photo_broken", "photo_unsupported"}

    def test_replaced_photos_have_another_version(self, bucket: CloudStorage, photos: Path) -> None:
        there = place(f"gs://{BUCKET}/album")
        first = tag_shard(there.photos(), there, order(), "")
        bucket.put("album/0.jpg", (photos / "1.jpg").read_bytes())
        second = tag_shard(there.photos(), there, order(), text_of(first.rows))

        assert second.kept == len(first.rows) - 1
        assert by_name(second)["0.jpg"]["hashtags"] == by_name(second)["1.jpg"]["hashtags"]

    def test_shards_are_written_and_read(self, bucket: CloudStorage) -> None:
        output = place(f"gs://{BUCKET}/out")
        name = shard_file("hashtags", 0, 1)
        assert (output.names(), output.read(name)) == ([], "")
        output.write(name, "one\n")
        output.write(name, "two\n")

        assert (output.names(), output.read(name)) == ([name], "two\n")

    def test_a_photo_over_the_limit_is_not_fetched(self, bucket: CloudStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HASHSTAGRAM_MAX_BYTES", "200")
        there = place(f"gs://{BUCKET}/album")
        shard = tag_shard(there.photos(), there, order(), "")

        assert {refusal["code"] for refusal in shard.refusals} == {"photo_too_large", "photo_unsupported"}
        assert bucket.asked(r"0\.jpg.*alt=media") == []

    def test_a_photo_that_went_away_or_is_forbidden_is_refused(self, bucket: CloudStorage) -> None:
        there = place(f"gs://{BUCKET}/album")
        gone = Listed(f"gs://{BUCKET}/album/gone.jpg", "1", 10)
        bucket.fault(r"album/1\.jpg.*alt=media", refused(403, "No."))
        shard = tag_shard([*there.photos(), gone], there, order(), "")
        sentences = {Path(refusal["photo"]).name: refusal["message"] for refusal in shard.refusals}

        assert sentences["gone.jpg"].startswith("There is no photo of this name.")
        assert sentences["1.jpg"].startswith("The photo could not be read.")
        assert len(shard.rows) == 4

    @pytest.mark.parametrize(
        ("status", "sentence"), [(404, "There is no bucket photos-bucket"), (403, "may not be listed by the account")]
    )
    def test_a_bucket_that_is_missing_or_forbidden_is_said_before_the_run(
        self, bucket: CloudStorage, status: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bucket.fault(r"GET /storage/v1/b/photos-bucket/o\?", refused(status, "No."))

        assert main([f"gs://{BUCKET}/album", str(tmp_path / "out")]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "resnet"], "resnet"),
        (["--exclude", "xyzzy"], "xyzzy"),
        (["--top-k", "31"], "top_k is 31"),
    ],
)
def test_a_setting_that_cannot_be_is_said_before_the_run(
    photos: Path, tmp_path: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), str(tmp_path / "out"), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_is_said_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "out")]) == 2
    assert "nowhere is not a folder. Name the one that holds the photos." in capsys.readouterr().err


def test_a_misspelt_option_is_not_taken_for_one_of_beams(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["photos", "out", "--topk", "3", "--", "--runner=DirectRunner"])

    assert stopped.value.code == 2
    assert "--topk" in capsys.readouterr().err


def test_the_options_of_the_choice_are_those_of_the_command_line() -> None:
    wishes = ["--top-k=9", "--companions=1", "--min-confidence=0.2", "--exclude=a,#b", "--platform-tags"]
    wishes += ["--always=c", "--always=d", "--variety" if not Choice().variety else "--no-variety"]
    names = [*(each.name for each in fields(Choice)), "model", "engine"]
    for given in ([], wishes, ["--model", "vgg16", "--engine", "exact"]):
        ours = vars(parser().parse_args(["photos", "out", *given]))
        theirs = vars(options.parser().parse_args(["tag", "photo", *given]))

        assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}


def test_its_pins_are_the_projects() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[a-z].*==.*$", path.read_text(), re.MULTILINE))

    own = pins(BATCH / "requirements.txt")
    (beam,) = own - pins(ROOT / "requirements.txt")
    assert beam.startswith("apache-beam[gcp]==")
    assert f"sdk:{beam.partition('==')[2]}\n" in (BATCH / "Dockerfile").read_text()


def test_generated_photos_are_always_the_same_and_some_are_broken(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_photos(tmp_path / name, 100)
    one, two = ([path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))] for name in ("one", "two"))

    assert one == two
    assert len(set(one)) == 100
    assert [refusal["code"] for refusal in tagged(tmp_path / "one", order()).refusals] == ["photo_broken"]


def test_a_difference_is_found() -> None:
    some = {"a": [{"tag": "dog", "confidence": 0.5}], "b": [{"tag": "cat", "confidence": 0.5}]}
    close = {"a": [{"tag": "dog", "confidence": 0.500009}], "b": [{"tag": "cat", "confidence": 0.5}]}
    far = {"a": [{"tag": "dog", "confidence": 0.51}], "b": [{"tag": "dog", "confidence": 0.5}], "c": []}

    assert not difference(some, close)
    assert difference(some, far)
    assert (difference(some, far).unequal, difference(some, far).lacking) == (2, 1)


@pytest.fixture
def run_with_beam(photos: Path, tmp_path: Path) -> Callable[..., int]:
    pytest.importorskip("apache_beam", reason="Apache Beam has an environment of its own: deploy/batch/README.md")
    return lambda *arguments: main([str(photos), str(tmp_path / "out"), "--shards", "3", *arguments])


def test_a_run_writes_every_shard_and_a_rerun_none_twice(
    run_with_beam: Callable[..., int], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(kind: str) -> list[str]:
        return sorted(line for path in (tmp_path / "out").glob(f"{kind}-*") for line in path.read_text().splitlines())

    assert run_with_beam() == 1
    assert "7 photos: 0 were done before, 2 refused\n" in capsys.readouterr().out
    first = rows("hashtags")
    assert len(first) == 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{kind}-0000{number}-of-00003.jsonl" for kind in ("hashtags", "refused") for number in range(3)
    ]

    # As if the run had ended before all was written.
    (tmp_path / "out" / "hashtags-00000-of-00003.jsonl").unlink()
    assert run_with_beam() == 1
    assert rows("hashtags") == first

    for path in photos.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run_with_beam() == 0
    assert rows("hashtags") == rows("refused") == []


def test_a_run_says_what_the_command_line_says(run_with_beam: Callable[..., int], photos: Path, tmp_path: Path) -> None:
    run_with_beam("--always", "berlin", "--", "--direct_num_workers=2", "--direct_running_mode=multi_processing")
    files = (tmp_path / "out").glob("hashtags-*")
    rows = [json.loads(line) for path in files for line in path.read_text().splitlines()]

    assert sorted(rows, key=lambda row: str(row["photo"])) == tagged(photos, order(always=["berlin"])).rows
