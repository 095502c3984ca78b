"""The int8 form of what was published: a weight like any other, measured, and the default only while it is faithful."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashstagram import load_model
from hashstagram.errors import DataError
from hashstagram.weights import Manifest, load_vocabulary
from training import evaluate, quantise
from training.quantise import described, main, measure, passes, quantised
from training.split import split_sha256, train_and_val

MODELS = ("vgg16", "alexnet", "hashnet", "resnet18", "efficientnet_lite")


@pytest.mark.parametrize("model", MODELS)
def test_export_leaves_an_int8_form_with_what_it_is_worth(published: Path, prepared: Any, model: str) -> None:
    record, posts = Manifest.load(published).record(model), prepared.posts
    form = record.int8
    assert form is not None
    if model == "hashnet":
        assert form.graph is form.numbers is None
    else:
        assert form.graph is not None
        assert form.numbers is not None
        for stored in (form.graph, form.numbers):
            content = (published / stored.file).read_bytes()
            assert (stored.bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert form.numbers.bytes < 0.62 * record.bytes, "a byte a number, where the weight file has two"
        assert form.training["photos"] == 72
    assert (form.training["seed"], form.training["split_sha256"]) == (2018, split_sha256(posts))
    assert "nncf" in form.training["libraries"]
    assert form.default == passes(dict(form.metrics))
    assert set(form.metrics["val"]) == set(form.metrics["difference"]) == {"main", "wild", "gap", "all"}
    assert not list(published.glob("*.part*"))


@pytest.mark.usefixtures("small_networks")
def test_its_figures_are_those_of_the_engine_that_serves_it(published: Path, prepared: Any) -> None:
    posts = prepared.posts
    form = Manifest.load(published).record("alexnet").int8
    assert form is not None
    scores = evaluate.model_scores("alexnet", published, posts, engine="int8")
    found = evaluate.score_sets(scores, posts)["all"]
    assert found["precision_at_1"].value == form.metrics["val"]["all"]["precision_at_1"]["value"]
    recommender = load_model("alexnet", weights=published, engine="int8")
    assert (recommender.engine.scale, recommender.engine.bias) == (form.scale, form.bias)


def _logits(posts: Any) -> np.ndarray:
    _, val = train_and_val(posts)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(len(val), len(posts.visible)))
    return (3.0 * posts.tags[val][:, posts.visible] + noise).astype(np.float32)


def test_a_form_that_answers_alike_passes_and_one_that_does_not_is_not_the_default(prepared: Any) -> None:
    exact = _logits(prepared.posts)
    same = measure(2 * exact - 1, exact, prepared.posts)
    assert same["top5_overlap"] == 1.0
    assert {estimate["value"] for estimate in same["difference"]["all"].values()} == {0}
    assert passes(same)
    # The best answer of a photo in six lost, and so its place among the five.
    worse = exact.copy()
    worse[::6, :] = -worse[::6, :]
    lost = measure(worse, exact, prepared.posts)
    assert lost["difference"]["all"]["precision_at_1"]["value"] < -0.1
    assert not passes(lost)


@pytest.mark.parametrize(
    ("p1", "r5", "overlap", "default"),
    [
        (0.003, -0.003, 0.95, True),
        (-0.0031, 0.0, 0.99, False),
        (0.0, 0.0031, 0.99, False),
        (0.0, 0.0, 0.9499, False),
    ],
)
def test_the_gate_is_where_it_is_said_to_be(p1: float, r5: float, overlap: float, default: bool) -> None:
    moved = {"precision_at_1": {"value": p1}, "recall_at_5": {"value": r5}}
    assert passes({"difference": {"all": moved}, "top5_overlap": overlap}) is default


def test_a_head_needs_the_int8_forms_of_its_trunks(published: Path, prepared: Any, tmp_path: Path) -> None:
    manifest = Manifest.load(published)
    vocabulary = load_vocabulary(published, manifest)
    manifest = manifest.with_record(replace(manifest.record("vgg16"), int8=None))
    with pytest.raises(
        DataError, match=r"hashnet\.tiny_v1 stands on vgg16\.tiny_v1, which has no int8 form\. Quantise"
    ):
        quantised(manifest.record("hashnet"), published, manifest, vocabulary, prepared.posts, tmp_path)


@pytest.mark.usefixtures("small_networks")
def test_the_command_makes_a_form_anew_and_says_what_it_is_worth(
    published: Path, photos_folder: Path, prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shutil.copytree(published, tmp_path / "weights")
    cache = prepared.cache
    arguments = ["--data", str(photos_folder), "--cache", str(cache), "--weights", str(weights)]
    assert main(["alexnet", *arguments, "--photos", "9", "--seed", "3"]) == 0
    record = Manifest.load(weights).record("alexnet")
    assert record.int8 is not None
    assert (record.int8.training["photos"], record.int8.training["seed"]) == (9, 3)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == described(record)
    assert said.startswith("alexnet.tiny_v1 in int8, ")
    assert main(["vgg19", *arguments]) == 2
    assert "'vgg19' is not a model" in capsys.readouterr().err


def test_a_form_that_cannot_be_written_leaves_the_old_one(
    published: Path, prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = shutil.copytree(published, tmp_path / "weights")
    before = {path.name: path.read_bytes() for path in weights.glob("alexnet*int8*")}
    assert len(before) == 2

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(quantise.ov, "save_model", full)
    manifest = Manifest.load(weights)
    with pytest.raises(OSError, match="No space left"):
        quantised(
            manifest.record("alexnet"), weights, manifest, load_vocabulary(weights, manifest), prepared.posts, tmp_path
        )
    assert {path.name: path.read_bytes() for path in weights.glob("alexnet*int8*")} == before
