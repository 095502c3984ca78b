"""One bounded line in front of the models."""

import asyncio
import io
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hashstagram import Choice, PhotoUnsupported, SettingError, WeightsError, load_model
from hashstagram.web.service import Answer, Busy, Gone, Service

PHOTO = io.BytesIO()
Image.linear_gradient("L").convert("RGB").save(PHOTO, "JPEG")
JPEG = PHOTO.getvalue()


@pytest.fixture
def weights(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    return small_weights


def loaded(**settings: Any) -> Service:
    service = Service(("alexnet",), **settings)
    service.load()
    return service


def outcomes(*asked: Coroutine[Any, Any, Answer]) -> list[Answer | BaseException]:
    async def gather() -> list[Answer | BaseException]:
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(gather())


def test_answers_as_the_library_does(weights: Path) -> None:
    service = Service()
    service.load()

    answer = asyncio.run(service.recommend(JPEG, "vgg16", Choice(top_k=7)))

    assert answer.model == "vgg16"
    assert list(answer.hashtags) == load_model("vgg16").recommend(JPEG, Choice(top_k=7))


def test_compares_all_models_as_each_answers_alone(weights: Path) -> None:
    service = Service()
    service.load()
    choice = Choice(top_k=4)

    answers = asyncio.run(service.compare(JPEG, choice))

    assert [answer.model for answer in answers] == ["hashnet", "vgg16", "alexnet"]
    for answer in answers:
        assert list(answer.hashtags) == load_model(answer.model).recommend(JPEG, choice)
    assert asyncio.run(service.recommend(JPEG)).model == "hashnet"  # its worker is free again


def test_a_models_size_is_that_of_all_that_it_answers_from(weights: Path) -> None:
    sizes = {model.name: model.bytes for model in Service().models}

    files = {name: (weights / f"{name}.small_v1.safetensors").stat().st_size for name in sizes}
    assert sizes == files | {"hashnet": sum(files.values())}


def test_lists_the_manifests_models_and_takes_the_first_by_default(weights: Path) -> None:
    service = Service()

    assert [model.name for model in service.models] == ["hashnet", "vgg16", "alexnet"]
    assert service.model(None) == service.model("") == service.model("HashNet") == service.models[0]
    assert service.model("vgg16.small_v1").name == "vgg16"
    assert all(model.description and model.record.taught for model in service.models)


def test_serves_only_the_models_that_were_named_in_their_order(weights: Path) -> None:
    service = Service(("vgg16", "alexnet.small_v1", "vgg16"))

    assert [model.name for model in service.models] == ["vgg16", "alexnet"]
    with pytest.raises(SettingError, match=r"^'hashnet' is not a model. Choose one of: vgg16, alexnet.$"):
        service.model("hashnet")


def test_a_model_that_is_not_there_is_named(weights: Path) -> None:
    with pytest.raises(SettingError, match=r"^HASHSTAGRAM_MODELS names 'resnet', which is not a model"):
        Service(("resnet",))


def test_damaged_weights_are_found_before_anything_is_served(
    weights_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another checksum, and not another file: a network that some test has in memory would not be read again.
    manifest = json.loads((weights_copy / "manifest.json").read_text(encoding="utf-8"))
    next(model for model in manifest["models"] if model["name"] == "alexnet")["sha256"] = "0" * 64
    (weights_copy / "manifest.json").unlink()
    (weights_copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(weights_copy))
    service = Service(("alexnet",))

    with pytest.raises(WeightsError):
        service.load()
    assert not service.ready


def test_is_ready_between_loading_and_draining(weights: Path) -> None:
    service = Service(("alexnet",))
    assert not service.ready
    service.load()
    assert service.ready
    service.draining.begin()
    assert not service.ready
    assert asyncio.run(service.recommend(JPEG)).model == "alexnet"


def test_what_does_not_fit_into_the_line_is_refused_at_once(weights: Path) -> None:
    service = loaded(workers=1, queue=2)

    results = outcomes(*(service.recommend(JPEG) for _ in range(6)))

    assert [type(result) for result in results] == [Answer] * 3 + [Busy] * 3
    assert isinstance(results[-1], Busy)
    assert results[-1].retry_after >= 1
    assert all(isinstance(result, Answer) for result in outcomes(*(service.recommend(JPEG) for _ in range(3))))


def test_several_workers_take_several_photos(weights: Path) -> None:
    service = loaded(workers=2, queue=0)

    results = outcomes(*(service.recommend(JPEG) for _ in range(3)))

    assert [type(result) for result in results] == [Answer, Answer, Busy]


def test_a_failure_frees_its_place(weights: Path) -> None:
    service = loaded(workers=1, queue=1)

    for _ in range(3):
        results = outcomes(service.recommend(b"words"), service.recommend(JPEG, "resnet"), service.recommend(JPEG))
        assert [type(result) for result in results] == [PhotoUnsupported, SettingError, Answer]


def test_who_goes_away_leaves_the_line(weights: Path, slow_photo: bytes) -> None:
    service = loaded(workers=1, queue=1)

    async def gone() -> bool:
        return True

    async def scene() -> None:
        at_work = asyncio.create_task(service.recommend(slow_photo))
        await asyncio.sleep(0)
        with pytest.raises(Gone):
            await service.recommend(JPEG, gone=gone)
        assert not at_work.done(), "the photo at work was to be slower"
        assert (await service.recommend(JPEG)).model == "alexnet"
        await at_work

    asyncio.run(scene())


def test_cancelling_leaves_the_line_and_never_loses_a_worker(weights: Path, slow_photo: bytes) -> None:
    service = loaded(workers=1, queue=2)

    async def scene() -> None:
        for photo in (slow_photo, JPEG):
            at_work = asyncio.create_task(service.recommend(photo))
            waiting = asyncio.create_task(service.recommend(photo))
            await asyncio.sleep(0.01)
            waiting.cancel()
            at_work.cancel()
            for task in (waiting, at_work):
                with pytest.raises(asyncio.CancelledError):
                    await task
        await service.recommend(JPEG)
        answers = await asyncio.gather(*(service.recommend(JPEG) for _ in range(3)))
        assert len(answers) == 3

    asyncio.run(scene())


def test_the_event_loop_goes_on_while_a_photo_is_decoded(weights: Path, slow_photo: bytes) -> None:
    service = loaded()

    async def scene() -> int:
        at_work = asyncio.create_task(service.recommend(slow_photo))
        turns = 0
        while not at_work.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(scene()) >= 3
