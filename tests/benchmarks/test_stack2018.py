"""The yardstick answers what we answer: with the published weights, only dense and slower."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.stack2018 import app
from benchmarks.stack2018.model import Model2018, load_models
from hashstagram import Choice, available_models, load_model
from hashstagram.photos import open_photo, to_tensor

PHOTO = Path(__file__).resolve().parents[2] / "examples" / "flower.jpg"
MODELS = [record.name for record in available_models()]


@pytest.fixture(scope="module")
def models() -> dict[str, Model2018]:
    return load_models()


def test_all_published_models_are_there_and_dense(models: dict[str, Model2018]) -> None:
    assert list(models) == MODELS
    for name, inputs in (("alexnet", 9216), ("vgg16", 25088)):
        layers = [layer for layer in models[name].network.modules() if isinstance(layer, nn.Linear)]
        assert [tuple(layer.weight.shape) for layer in layers] == [(4096, inputs), (4096, 4096), (997, 4096)]
    head = [layer for name, layer in models["hashnet"].network.named_modules() if name.startswith("head.")]
    assert [tuple(layer.weight.shape) for layer in head if isinstance(layer, nn.Linear)] == [
        (2048, 8192),
        (2048, 2048),
        (997, 2048),
    ]


def test_hashnet_holds_no_second_copy_of_its_trunks(models: dict[str, Model2018]) -> None:
    assert models["hashnet"].network.vgg16 is models["vgg16"].network
    assert models["hashnet"].network.alexnet is models["alexnet"].network


@pytest.mark.parametrize("name", MODELS)
def test_dense_networks_give_the_logits_of_the_published_ones(name: str, models: dict[str, Model2018]) -> None:
    recommender = load_model(name, engine="torch", device="cpu")
    batch = to_tensor(open_photo(PHOTO), recommender.record.input)[np.newaxis]
    published = recommender.engine.run(batch)
    dense = models[name].logits(torch.from_numpy(batch)).numpy()

    assert np.abs(dense - published).max() <= 1e-4 * np.abs(published).max()


def test_a_photo_is_decoded_and_cut_as_ours_is(models: dict[str, Model2018]) -> None:
    model = models["vgg16"]
    ours = to_tensor(open_photo(PHOTO), model.record.input)
    theirs = model.tensor(PHOTO.read_bytes()).numpy()

    assert theirs.shape == (3, 224, 224)
    # Resizing all of it and cutting, or only resizing what is kept: rounding to whole grey levels may differ.
    grey_level = 1 / 255 / min(model.record.input.std)
    assert np.abs(theirs - ours).mean() < grey_level
    assert np.abs(theirs - ours).max() < 8 * grey_level


@pytest.mark.parametrize("name", MODELS)
def test_the_flask_server_answers_the_tags_that_we_answer(
    name: str, models: dict[str, Model2018], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "load_models", lambda: models)
    client = app.create_app().test_client()

    form = {"model": name, "photo": (io.BytesIO(PHOTO.read_bytes()), "photo.jpg")}
    answer = client.post("/hashtags", data=form)

    assert answer.status_code == 200
    found = answer.get_json()["hashtags"]
    ours = load_model(name, engine="torch", device="cpu").recommend(PHOTO, Choice(companions=0))
    assert [hashtag["tag"] for hashtag in found] == [hashtag.tag for hashtag in ours]
    assert [hashtag["confidence"] for hashtag in found] == pytest.approx(
        [hashtag.confidence for hashtag in ours], abs=0.02
    )
