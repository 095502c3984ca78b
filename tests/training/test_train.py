"""The command that trains: it learns, goes on where it was stopped, and says what it cannot do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from hashstagram.errors import DataError
from training import metrics, tasks, train
from training.checkpoint import Checkpoints
from training.evaluate import popularity_scores
from training.features import read_features
from training.loop import Batch
from training.recipes import RECIPES
from training.split import train_and_val
from training.students import trained_network
from training.train import Sources, main, sizes_of, trunk_features


# Not efficientnet_lite: its tail of random weights learns nothing in the thirty steps of these runs.
@pytest.mark.parametrize("model", ["alexnet", "vgg16", "hashnet", "resnet18"])
def test_training_learns(runs: Path, prepared: Any, model: str) -> None:
    events = EventAccumulator(str(runs / model / "tensorboard"))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert len(losses) == 6
    assert losses[-1] < 0.85 * losses[0]
    posts = prepared.posts
    _, val = train_and_val(posts)
    blind = metrics.per_photo(popularity_scores(posts), posts.tags[val][:, posts.visible])
    best = Checkpoints(runs / model).best()["best"]
    for name in ("precision_at_1", "recall_at_5"):
        assert best[name] > blind[name].mean() + 0.1


def _command(prepared: Any, out: Path, *options: str) -> list[str]:
    return ["--data", str(prepared.posts.root), "--cache", str(prepared.cache), "--out", str(out), *options]


@pytest.mark.usefixtures("small_networks")
def test_a_run_that_was_stopped_goes_on_when_the_command_is_given_again(
    prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--model", "vgg16", "--epochs", "3", "--batch", "24")
    assert main(_command(prepared, tmp_path / "whole", *options)) == 0

    class Stopping(tasks.FeatureTask):
        def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
            for step, batch in enumerate(super().batches(epoch, share)):
                if (epoch, step) == (1, 1):
                    raise KeyboardInterrupt
                yield batch

    with monkeypatch.context() as patch:
        patch.setattr(train, "FeatureTask", Stopping)
        with pytest.raises(KeyboardInterrupt):
            main(_command(prepared, tmp_path / "stopped", *options))
    assert main(_command(prepared, tmp_path / "stopped", *options)) == 0
    whole, stopped = Checkpoints(tmp_path / "whole").latest(), Checkpoints(tmp_path / "stopped").latest()
    assert whole is not None
    assert stopped is not None
    assert whole["epoch"] == stopped["epoch"] == 2
    for kind in ("network", "average"):
        assert all(torch.equal(stopped[kind][name], tensor) for name, tensor in whole[kind].items())


@pytest.mark.usefixtures("small_networks")
def test_hashnet_learns_from_what_its_two_trunks_see(prepared: Any, runs: Path) -> None:
    sources = Sources(prepared.posts, prepared.pixels, prepared.cache, vgg16=runs / "vgg16", alexnet=runs / "alexnet")
    joined = trunk_features(sources, 0)
    assert joined.shape == (96, 8192)
    assert joined.dtype == np.float16
    network: Any = trained_network(runs / "vgg16", prepared.posts)
    maps = torch.from_numpy(np.array(read_features(prepared.cache, "vgg16", prepared.posts, 0)[70:72])).float()
    with torch.inference_mode():
        expected = network.penultimate(maps).numpy()
    assert np.allclose(joined[70:72, :4096].astype(np.float32), expected, atol=0.1)
    assert (joined >= 0).all()
    assert joined[:, 4096:].any(axis=1).all()


@pytest.mark.usefixtures("small_networks")
def test_hashnet_stands_on_a_vgg16_that_was_trained_whole_too(
    prepared: Any, runs: Path, wheels: Path, tmp_path: Path
) -> None:
    options = ("--model", "vgg16", "--init", "imagenet", "--wheels", str(wheels), "--sizes", "64x1", "--batch", "32")
    assert main(_command(prepared, tmp_path / "vgg16", *options)) == 0
    trunks = ("--vgg16", str(tmp_path / "vgg16"), "--alexnet", str(runs / "alexnet"))
    assert (
        main(_command(prepared, tmp_path / "hashnet", "--model", "hashnet", "--epochs", "1", "--batch", "32", *trunks))
        == 0
    )
    assert Checkpoints(tmp_path / "hashnet").best()["epoch"] == 0


def test_sizes_are_given_with_their_epochs() -> None:
    assert sizes_of("128x2,224x1") == (128, 128, 224)
    for wrong in ("128", "128x", "x3", "128x2;224x1", "128x0", "32x4", "-128x2", "128x-1", ""):
        with pytest.raises(DataError, match="is not of the form SIZExEPOCHS"):
            sizes_of(wrong)


def test_recipes_have_a_size_for_each_epoch_or_none() -> None:
    for model, recipe in RECIPES.items():
        assert recipe.model == model
        assert len(recipe.sizes) in (0, recipe.epochs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "hashnet"], "name their runs with --vgg16 and --alexnet"),
        (
            ["--model", "hashnet", "--vgg16", "RUNS/alexnet", "--alexnet", "RUNS/vgg16"],
            "must be runs of those two models",
        ),
        (["--model", "hashnet", "--vgg16", "RUNS/none", "--alexnet", "RUNS/alexnet"], "holds no run"),
        (["--model", "alexnet", "--epochs", "3"], "--sizes 128x14,224x2, not --epochs"),
        (["--model", "vgg16", "--sizes", "64x2", "--features", "vgg16"], "give one of the two"),
        (["--model", "vgg16", "--init", "nowhere.pth"], "neither imagenet nor scratch, and no file or folder"),
        (["--model", "vgg16", "--protocol", "paper"], "Choose the protocol notebook (80/20) or own"),
        (["--model", "alexnet", "--sizes", "64"], "--sizes '64' is not of the form"),
        (["--model", "hashnet", "--sizes", "128x3"], "hashnet learns from its trunks' features and has no --sizes"),
        (["--model", "vgg16", "--batch", "400"], "do not fill one batch of 400 in 16 epochs"),
        (["--model", "vgg16", "--cache", "EMPTY"], "Compute it: python -m training.targets"),
        (["--model", "vgg16", "--data", "EMPTY"], "has no vocab_index.txt"),
        (["--model", "vgg16", "--epochs", "6", "--batch", "8", "--out", "RUNS/vgg16"], "another recipe (batch differ)"),
    ],
)
@pytest.mark.usefixtures("small_networks")
def test_command_says_what_is_wrong(
    options: list[str], message: str, prepared: Any, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"RUNS": str(runs), "EMPTY": str(tmp_path / "empty")}
    for name, path in names.items():
        options = [option.replace(name, path) for option in options]
    assert main(_command(prepared, tmp_path / "out", *options)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


@pytest.mark.usefixtures("small_networks")
def test_views_that_only_the_teacher_saw_are_asked_for(
    prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in prepared.cache.iterdir():
        if not path.name.startswith("features-vgg16"):
            (tmp_path / path.name).symlink_to(path)
    assert main(_command(prepared, tmp_path / "out", "--model", "vgg16", "--cache", str(tmp_path))) == 2
    assert "The trunk vgg16 saw none of the teacher's views (0, 1)" in capsys.readouterr().err


def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "training.train",
        "--model",
        "alexnet",
        "--data",
        "nowhere",
        "--out",
        str(tmp_path),
    ]
    result = subprocess.run(
        command, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("nowhere has no vocab_index.txt")
    assert len(result.stderr.splitlines()) == 1
