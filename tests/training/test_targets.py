"""Soft tags: what a teacher that did not see a photo's labels says about it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hashstagram.errors import DataError
from training import metrics, targets
from training.split import train_and_val
from training.targets import main, read_soft_tags


class _Constant(nn.Module):
    """Answers every photo with its number as a logit."""

    def __init__(self, number: int, tags: int) -> None:
        super().__init__()
        self.number, self.tags = number, tags

    def forward(self, features: Tensor) -> Tensor:
        return torch.full((len(features), self.tags), float(self.number))


def test_no_teacher_answers_a_photo_whose_group_it_learned_from(
    prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = prepared.posts
    learned: list[NDArray[np.int64]] = []

    def fit(views: list[Tensor], tags: Tensor, rows: NDArray[np.int64], seed: int) -> nn.Module:
        learned.append(rows)
        return _Constant(len(learned), tags.shape[1])

    monkeypatch.setattr(targets, "_fit", fit)
    cache = Path(shutil.copytree(prepared.cache, tmp_path / "cache"))
    soft = targets.compute(posts, cache)
    train, val = train_and_val(posts)
    teachers = np.rint(np.log(soft.probabilities[0, :, 0] / (1 - soft.probabilities[0, :, 0].astype(float))))
    assert set(teachers[train]) <= set(range(1, len(learned) + 1))
    assert len(set(teachers[train])) > 1
    for row in train:
        teacher = learned[int(teachers[row]) - 1]
        assert posts.groups[row] not in posts.groups[teacher]
    for rows in learned:
        assert not set(rows) & set(val)
    # A val photo is answered by all.
    everyone = np.mean([1 / (1 + np.exp(-number)) for number in range(1, len(learned) + 1)])
    assert np.allclose(soft.probabilities[:, val].astype(float), everyone, atol=1e-3)


def test_soft_tags_know_more_than_popularity_about_photos_that_no_teacher_saw(prepared: Any) -> None:
    posts = prepared.posts
    soft = read_soft_tags(prepared.cache, posts)
    assert soft.views == (0, 1)
    assert soft.probabilities.shape == (2, 96, len(posts.visible))
    assert soft.probabilities.dtype == np.float16
    train, _ = train_and_val(posts)
    labels = posts.tags[train][:, posts.visible]
    seen = metrics.per_photo(soft.probabilities[1, train].astype(np.float32), labels)
    blind = metrics.per_photo(np.tile(metrics.popularity(labels), (len(train), 1)), labels)
    assert seen["recall_at_5"].mean() > blind["recall_at_5"].mean() + 0.1


def test_soft_tags_that_were_not_computed_are_asked_for(prepared: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not there\. Compute it: python -m training\.targets"):
        read_soft_tags(tmp_path, prepared.posts)


def test_command_computes_soft_tags(
    prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(targets, "_EPOCHS", 1)
    cache = Path(shutil.copytree(prepared.cache, tmp_path / "cache"))
    targets.soft_tags_path(cache, prepared.posts).unlink()
    assert main(["--data", str(prepared.posts.root), "--cache", str(cache)]) == 0
    assert read_soft_tags(cache, prepared.posts).views == (0, 1)
    assert "teacher on val" in capsys.readouterr().out


def test_command_says_what_is_wrong(photos_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(photos_folder), "--cache", str(tmp_path)]) == 2
    assert "Compute it: python -m training.features --trunk teacher --views 0" in capsys.readouterr().err
