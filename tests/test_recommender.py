"""The facade: a photo in, hashtags out, the same from every way in and from every thread."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hashstagram
from hashstagram import (
    Choice,
    PhotoBroken,
    PhotoError,
    PhotoUnsupported,
    Recommender,
    SettingError,
    WeightsError,
    available_models,
    compare,
    load_model,
)
from hashstagram.photos import Photo, open_photo
from hashstagram.weights import Manifest

ROOT = Path(__file__).resolve().parent.parent


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def recommender(small_weights: Path) -> Recommender:
    return load_model(weights=small_weights, device="cpu")


def test_public_names_are_all_there_and_sorted() -> None:
    assert all(hasattr(hashstagram, name) for name in hashstagram.__all__)
    assert set(hashstagram.__all__) == {
        *(
            "load_model",
            "available_models",
            "compare",
            "explain",
            "HeatMap",
            "Recommender",
            "Hashtag",
            "Choice",
            "Limits",
            "Vocabulary",
            "__version__",
        ),
        *("HashStagramError", "PhotoError", "PhotoTooLarge", "PhotoUnsupported", "PhotoBroken"),
        *("SettingError", "WeightsError"),
    }
    assert hashstagram.__version__ == "0.1.0"


def test_importing_and_listing_models_does_not_import_torch(small_weights: Path) -> None:
    code = "import sys, hashstagram; hashstagram.available_models(); sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "HASHSTAGRAM_WEIGHTS": str(small_weights)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0


def test_the_default_is_the_first_model(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    assert [record.id for record in available_models()] == ["hashnet.small_v1", "vgg16.small_v1", "alexnet.small_v1"]
    assert load_model().name == "hashnet"
    assert load_model("alexnet").record == available_models()[2]
    assert load_model("vgg16.small_v1").name == "vgg16"


def test_unknown_model_lists_close_matches(small_weights: Path) -> None:
    with pytest.raises(SettingError, match=r"'alexnett' is not a model\. Did you mean alexnet"):
        load_model("alexnett", weights=small_weights)


def test_auto_picks_a_device_and_says_which(small_weights: Path) -> None:
    assert load_model("alexnet", weights=small_weights).device in {"cpu", "cuda:0"}
    assert load_model("alexnet", weights=small_weights, device="cpu").device == "cpu"
    with pytest.raises(SettingError, match="'tpu' is not a device"):
        load_model("alexnet", weights=small_weights, device="tpu")


def test_five_tags_three_seen_and_two_written_with_them(
    recommender: Recommender, drawn_photos: list[Image.Image]
) -> None:
    answer = recommender.recommend(drawn_photos[0])
    assert [hashtag.kind for hashtag in answer] == ["visible"] * 3 + ["companion"] * 2
    assert {hashtag.tag for hashtag in answer[:3]} <= set(recommender.record.taught)
    assert recommender.companions is not None
    written_with = {recommender.vocabulary.tags[index] for index in recommender.companions.outputs}
    assert {hashtag.tag for hashtag in answer[3:]} <= written_with - recommender.vocabulary.platform
    for part in (answer[:3], answer[3:]):
        confidences = [hashtag.confidence for hashtag in part]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 < confidence < 1 for confidence in confidences)


def test_platform_tags_come_only_when_asked_for(recommender: Recommender, drawn_photos: list[Image.Image]) -> None:
    everything = Choice(top_k=30, companions=15)
    platform = recommender.vocabulary.platform
    for photo in drawn_photos[:5]:
        assert not platform & {hashtag.tag for hashtag in recommender.recommend(photo, everything)}
        wanted = recommender.recommend(photo, replace(everything, platform_tags=True))
        assert platform & {hashtag.tag for hashtag in wanted}


def test_probabilities_are_calibrated_and_zero_where_nothing_was_taught(
    weights_copy: Path, drawn_photos: list[Image.Image]
) -> None:
    plain = load_model("alexnet", weights=weights_copy, device="cpu")
    taught = np.array([tag in plain.record.taught for tag in plain.vocabulary])
    before = plain.probabilities(drawn_photos[:3])
    assert before.shape == (3, 997)
    assert before.dtype == np.float32
    assert not before[:, ~taught].any()
    assert before[:, taught].all()
    manifest = Manifest.load(weights_copy)
    calibrated = replace(plain.record, calibration={"method": "platt", "scale": 2.0, "bias": 0.5})
    (weights_copy / "manifest.json").unlink()
    manifest.with_record(calibrated).save(weights_copy)
    after = load_model("alexnet", weights=weights_copy, device="cpu").probabilities(drawn_photos[:3])
    # The small weights are calibrated with scale 1 and bias -1.
    logits = np.log(before[:, taught] / (1 - before[:, taught])) + 1
    assert np.allclose(after[:, taught], 1 / (1 + np.exp(-(2 * logits + 0.5))), atol=1e-5)


def test_comparing_models_gives_what_each_of_them_recommends(
    small_weights: Path, drawn_photos: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [load_model(name, weights=small_weights) for name in ("vgg16", "hashnet", "alexnet")]
    choice = Choice(top_k=9)
    expected = [model.recommend(drawn_photos[0], choice) for model in models]
    opened: list[object] = []

    def counted(photo: Photo) -> Image.Image:
        opened.append(photo)
        return open_photo(photo)

    monkeypatch.setattr("hashstagram.recommender.open_photo", counted)
    found = compare(models, drawn_photos[0], choice)
    for ours, theirs in zip(found, expected, strict=True):
        assert [(tag.tag, tag.kind) for tag in ours] == [(tag.tag, tag.kind) for tag in theirs]
        assert np.allclose([tag.confidence for tag in ours], [tag.confidence for tag in theirs], atol=1e-5)
    assert len(opened) == 1
    assert compare([], drawn_photos[0]) == []


def test_path_text_bytes_and_image_give_the_same(
    recommender: Recommender, drawn_photos: list[Image.Image], tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(_png(drawn_photos[3]))
    answer = recommender.recommend(path)
    assert recommender.recommend(str(path)) == answer
    assert recommender.recommend(path.read_bytes()) == answer
    assert recommender.recommend(drawn_photos[3]) == answer


def test_a_turned_photo_gives_the_same_as_its_upright_copy(
    recommender: Recommender, drawn_photos: list[Image.Image], tmp_path: Path
) -> None:
    upright = drawn_photos[4]
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "turned.png", exif=exif)
    assert recommender.recommend(tmp_path / "turned.png") == recommender.recommend(upright)


@pytest.mark.parametrize("name", ["hashnet", "vgg16", "alexnet"])
def test_a_batch_gives_the_figures_of_one_by_one(
    small_weights: Path, drawn_photos: list[Image.Image], name: str
) -> None:
    recommender = load_model(name, weights=small_weights, device="cpu")
    photos = drawn_photos[:9]
    one_by_one = np.concatenate([recommender.probabilities([photo]) for photo in photos])
    together = recommender.probabilities(photos, batch_size=4)
    assert np.abs(together - one_by_one).max() < 1e-4
    # Photos are told apart, or the figures would agree whatever happens.
    assert (one_by_one.max(axis=0) - one_by_one.min(axis=0)).max() > 0.1
    answers = recommender.recommend_batch(photos, batch_size=4)
    for answer, photo in zip(answers, photos, strict=True):
        alone = recommender.recommend(photo)
        assert {hashtag.tag for hashtag in answer} == {hashtag.tag for hashtag in alone}
        for hashtag, expected in zip(answer, alone, strict=True):
            assert hashtag.confidence == pytest.approx(expected.confidence, abs=1e-4)


def test_eight_threads_with_fifty_photos_each_give_a_single_threads_results(
    recommender: Recommender, drawn_photos: list[Image.Image]
) -> None:
    assert len(drawn_photos) == 50
    # Every thread has choices of its own, and starts at another photo.
    choices = [Choice(top_k=3 + number, companions=number % 3) for number in range(8)]
    figures = [recommender.probabilities([photo])[0] for photo in drawn_photos]
    alone = {
        (number, index): recommender.rank(row, choice)
        for number, choice in enumerate(choices)
        for index, row in enumerate(figures)
    }

    def work(number: int) -> dict[tuple[int, int], Any]:
        order = [(index + 7 * number) % 50 for index in range(50)]
        return {(number, index): recommender.recommend(drawn_photos[index], choices[number]) for index in order}

    with ThreadPoolExecutor(8) as threads:
        for answers in threads.map(work, range(8)):
            for key, answer in answers.items():
                assert [(hashtag.tag, hashtag.kind) for hashtag in answer] == [
                    (hashtag.tag, hashtag.kind) for hashtag in alone[key]
                ]
                assert [hashtag.confidence for hashtag in answer] == pytest.approx(
                    [hashtag.confidence for hashtag in alone[key]], abs=1e-6
                )


def test_an_empty_batch_is_empty(recommender: Recommender) -> None:
    assert recommender.recommend_batch([]) == []
    assert recommender.probabilities([]).shape == (0, 997)


def test_a_batch_takes_any_iterable_once(recommender: Recommender, drawn_photos: list[Image.Image]) -> None:
    assert len(recommender.probabilities(iter(drawn_photos[:3]))) == 3


@pytest.mark.parametrize("photo", ["photo.png", b"", Path("photo.png"), Image.new("RGB", (9, 9))])
def test_one_photo_is_no_batch(recommender: Recommender, photo: Any) -> None:
    with pytest.raises(TypeError, match="Put it in a list, or call recommend"):
        recommender.recommend_batch(photo)


def test_batch_sizes_below_one_are_refused(recommender: Recommender, drawn_photos: list[Image.Image]) -> None:
    for size in (0, -1):
        with pytest.raises(ValueError, match=f"batch_size is {size}"):
            recommender.recommend_batch(drawn_photos[:2], batch_size=size)


def test_bad_photos_are_photo_errors_and_a_batch_says_which(
    recommender: Recommender, drawn_photos: list[Image.Image]
) -> None:
    with pytest.raises(PhotoBroken):
        recommender.recommend(_png(drawn_photos[0])[:200])
    with pytest.raises(PhotoUnsupported):
        recommender.recommend(b"this is no photo, but a text")
    with pytest.raises(PhotoError) as refused:
        recommender.recommend_batch([*drawn_photos[:3], b"", drawn_photos[3]], batch_size=2)
    assert refused.value.__notes__ == ["This was photo 4 of those given."]
    assert len(recommender.recommend(drawn_photos[0])) == 5


def test_tags_of_a_choice_that_do_not_exist_are_refused(
    recommender: Recommender, drawn_photos: list[Image.Image]
) -> None:
    with pytest.raises(SettingError, match="'sunste' is not one of the 997 tags"):
        recommender.recommend(drawn_photos[0], Choice(always=["sunste"]))


def test_rank_takes_probabilities_of_any_source(recommender: Recommender) -> None:
    probabilities = np.full(997, 0.01, dtype=np.float32)
    probabilities[recommender.vocabulary.index("dog")] = 0.9
    # Nobody taught this one, so it does not come however sure somebody is.
    probabilities[recommender.vocabulary.index("guitar")] = 0.99
    answer = recommender.rank(probabilities, Choice(companions=0))
    assert [hashtag.tag for hashtag in answer] == ["dog", "friend", "beach", "family", "girl"]
    assert probabilities[recommender.vocabulary.index("guitar")] == np.float32(0.99)
    with pytest.raises(ValueError, match=r"shape \(1, 997\); \(997,\) was expected"):
        recommender.rank(probabilities[None])


def test_companions_follow_only_from_tags_that_were_taught(recommender: Recommender) -> None:
    untaught = replace(recommender.record, taught=("dog", "beach", "sea", "sky"))
    less = Recommender(untaught, recommender.vocabulary, recommender.engine, recommender.companions)
    probabilities = np.zeros(997, dtype=np.float32)
    probabilities[less.vocabulary.index("dog")] = 0.9
    expected = less.rank(probabilities)
    probabilities[less.vocabulary.index("wedding")] = 0.9
    assert less.rank(probabilities) == expected
    assert recommender.rank(probabilities) != expected


def test_without_a_companion_layer_all_tags_are_visible(weights_copy: Path, drawn_photos: list[Image.Image]) -> None:
    manifest = Manifest.load(weights_copy).with_companions(None)
    (weights_copy / "manifest.json").unlink()
    manifest.save(weights_copy)
    answer = load_model(weights=weights_copy, device="cpu").recommend(drawn_photos[0])
    assert [hashtag.kind for hashtag in answer] == ["visible"] * 5


def test_a_recommender_cannot_be_changed(recommender: Recommender) -> None:
    with pytest.raises(FrozenInstanceError):
        recommender.record = recommender.record  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        recommender._taught[0] = True


def test_weights_for_another_vocabulary_are_refused(weights_copy: Path, rewrite: Callable[[Path, bytes], None]) -> None:
    tags = (weights_copy / "vocabulary.txt").read_bytes().replace(b"daytime", b"daylight")
    rewrite(weights_copy / "vocabulary.txt", tags)
    with pytest.raises(WeightsError, match=r"vocabulary\.txt in .* is not the vocabulary of the manifest"):
        load_model(weights=weights_copy)
    # A manifest made for the new list does not help either: the weights were trained for the old one.
    old = Manifest.load(weights_copy)
    new = Manifest.start(weights_copy / "vocabulary.txt", weights_copy / "platform_tags.txt")
    (weights_copy / "manifest.json").unlink()
    replace(old.with_companions(None), vocabulary=new.vocabulary).save(weights_copy)
    for name in ("hashnet", "vgg16", "alexnet"):
        with pytest.raises(
            WeightsError,
            match=rf"{name}\.small_v1 was trained for another vocabulary: 997 tags with "
            rf"sha256 {old.vocabulary.sha256[:8]}\. The vocabulary in use has 997 tags "
            rf"with sha256 {new.vocabulary.sha256[:8]}\.",
        ):
            load_model(name, weights=weights_copy)


def test_a_record_that_was_taught_unknown_tags_is_refused(recommender: Recommender) -> None:
    with pytest.raises(WeightsError, match="was taught tags that are not in the vocabulary: seamonster"):
        Recommender(
            replace(recommender.record, taught=("sea", "seamonster")), recommender.vocabulary, recommender.engine
        )


@pytest.mark.parametrize("name", ["hashnet", "vgg16", "alexnet"])
def test_bundled_models_answer(bundled_weights: Path, drawn_photos: list[Image.Image], name: str) -> None:
    recommender = load_model(name, device="cpu")
    assert recommender.record in Manifest.load(bundled_weights).models
    for answer in recommender.recommend_batch(drawn_photos[:2]):
        # How many companions there are is up to the photo; they come last and take two places at most.
        kinds = [hashtag.kind for hashtag in answer]
        assert kinds[:3] == ["visible"] * 3
        assert kinds == sorted(kinds, reverse=True)
        assert len({hashtag.tag for hashtag in answer} - recommender.vocabulary.platform) == 5


def test_bundled_models_give_the_same_in_a_batch_and_from_many_threads(
    bundled_weights: Path, drawn_photos: list[Image.Image]
) -> None:
    recommender = load_model(weights=bundled_weights, device="cpu")
    photos = drawn_photos[:8]
    alone = np.concatenate([recommender.probabilities([photo]) for photo in photos])
    assert np.abs(recommender.probabilities(photos) - alone).max() < 1e-4
    with ThreadPoolExecutor(8) as threads:
        at_once = np.concatenate(list(threads.map(lambda photo: recommender.probabilities([photo]), photos)))
    assert np.abs(at_once - alone).max() < 1e-6
