"""Tasks: batches in which inputs, tags and the teacher's features belong together."""

import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from hashstagram.photos import open_photo, to_tensor
from training import augment
from training.dataset import open_data
from training.loop import Batch
from training.recipes import Recipe
from training.split import train_and_val
from training.students import SERVED
from training.targets import SoftTags
from training.tasks import Answers, FeatureTask, PhotoTask, ahead


def _answers(posts: Any, views: tuple[int, ...] = (0, 3), **options: Any) -> Answers:
    """Soft tags of 0.25 for view 0 and 0.75 for the other; the teacher's features are the view's place and the row."""
    shape = (len(posts), len(posts.visible))
    soft = np.stack([np.full(shape, 0.25 + 0.5 * place) for place in range(len(views))]).astype(np.float16)
    rows = np.arange(len(posts))
    teacher = [np.stack([np.full_like(rows, place), rows], axis=1).astype(np.float16) for place in range(len(views))]
    return Answers(posts, SoftTags(views, soft), teacher, **options)


def _same(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(getattr(one, name), getattr(other, name))
        for one, other in zip(first, second, strict=True)
        for name in ("inputs", "targets", "teacher")
    )


def test_targets_are_tags_softened_by_the_teacher_of_the_same_view(prepared: Any) -> None:
    posts = prepared.posts
    rows, places = np.array([5, 60]), np.array([1, 0])
    targets, teacher = _answers(posts, share=0.5).of(rows, places)
    tags = posts.tags[rows][:, posts.visible]
    expected = 0.5 * tags + 0.5 * np.array([[0.75], [0.25]])
    assert np.allclose(targets.numpy(), expected)
    assert teacher.tolist() == [[1, 5], [0, 60]]


def test_an_epoch_shows_each_photo_once_and_those_of_gap_sources_as_often_as_asked(prepared: Any) -> None:
    posts = prepared.posts
    train, _ = train_and_val(posts)
    rows = _answers(posts, repeats=3).rows(0, 1)
    counts = np.bincount(rows, minlength=len(posts))
    gap = np.char.startswith(posts.sources, "gap_")
    expected = np.isin(np.arange(len(posts)), train) * np.where(gap, 3, 1)
    assert counts.tolist() == expected.tolist()


def test_order_depends_on_seed_and_epoch_only(prepared: Any) -> None:
    answers = _answers(prepared.posts)
    assert np.array_equal(answers.rows(2, 7), answers.rows(2, 7))
    assert not np.array_equal(answers.rows(2, 7), answers.rows(3, 7))
    assert not np.array_equal(answers.rows(2, 7), answers.rows(2, 8))
    assert sorted(answers.rows(2, 7)) == sorted(answers.rows(3, 7))


RECIPE = Recipe("any", epochs=2, learning_rate=0.1, batch=16, seed=3)
ALL, WHOLE = slice(None), slice(0, 16)
SERVED_SMALL = replace(SERVED["alexnet"], resize=72, crop=64)


def _photo_task(prepared: Any, pixels: Any = None, posts: Any = None) -> PhotoTask:
    recipe = replace(RECIPE, sizes=(64, 32))
    return PhotoTask(nn.Identity(), _answers(posts or prepared.posts), pixels or prepared.pixels, recipe, SERVED_SMALL)


def test_photo_batches_are_the_same_whenever_their_epoch_is_asked_for(prepared: Any) -> None:
    task = _photo_task(prepared)
    first = list(task.batches(0, WHOLE))
    assert len(first) == task.steps(0) == 90 // 16
    assert first[0].inputs.shape == (16, 3, 64, 64)
    second = list(task.batches(1, WHOLE))
    assert second[0].inputs.shape == (16, 3, 32, 32)
    assert _same(first, list(_photo_task(prepared).batches(0, WHOLE)))
    assert not torch.equal(first[0].targets, second[0].targets)


def test_names_of_folders_change_no_batch(prepared: Any, renamed_folder: Path, tmp_path: Path) -> None:
    posts, pixels = open_data(renamed_folder, tmp_path)
    assert not set(posts.photos) & set(prepared.posts.photos)
    renamed = _photo_task(prepared, pixels, posts)
    assert _same(list(_photo_task(prepared).batches(0, WHOLE)), list(renamed.batches(0, WHOLE)))
    assert all(map(torch.equal, _photo_task(prepared).val_inputs(ALL), renamed.val_inputs(ALL)))


class _PlainPhotos:
    """Photos of one colour each, which says the row."""

    def pixels(self, row: int) -> NDArray[np.uint8]:
        return np.tile(np.array([100, 150, int(row)], dtype=np.uint8), (60, 90, 1))


def test_crop_tags_and_teacher_of_a_batch_are_one_photos(prepared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "jittered", partial(augment.jittered, strength=0))
    posts = prepared.posts
    places = set()
    for batch in _photo_task(prepared, _PlainPhotos()).batches(0, WHOLE):
        for crop, target, (place, row) in zip(batch.inputs, batch.targets, batch.teacher.long().tolist(), strict=True):
            places.add(place)
            level = 255 * (crop[2] * SERVED_SMALL.std[2] + SERVED_SMALL.mean[2])
            assert torch.allclose(level, torch.tensor(float(row)), atol=0.01)
            tags = posts.tags[row][posts.visible]
            assert np.allclose(target.numpy(), 0.5 * tags + 0.5 * (0.25 + 0.5 * place))
    assert places == {0, 1}


def test_val_photos_are_seen_as_they_are_served(prepared: Any) -> None:
    posts = prepared.posts
    task = _photo_task(prepared)
    inputs = torch.cat(list(task.val_inputs(ALL)))
    _, val = train_and_val(posts)
    assert np.array_equal(task.val_labels, posts.tags[val][:, posts.visible])
    assert len(inputs) == len(val)
    for place in (0, 11, 23):
        served = to_tensor(open_photo(posts.root / posts.photos[val[place]]), SERVED_SMALL)
        assert np.abs(inputs[place].numpy() - served).mean() < 1.5 / 58
    assert all(map(torch.equal, torch.split(inputs, 64), task.val_inputs(ALL)))


def test_processes_divide_a_batch_as_one_would_have_it(prepared: Any) -> None:
    for task in (_photo_task(prepared), _feature_task(prepared)):
        for epoch in (0, 1):
            parts = zip(task.batches(epoch, slice(0, 8)), task.batches(epoch, slice(8, 16)), strict=True)
            for whole, (first, second) in zip(task.batches(epoch, WHOLE), parts, strict=True):
                assert torch.equal(whole.inputs, torch.cat([first.inputs, second.inputs]))
                assert torch.equal(whole.targets, torch.cat([first.targets, second.targets]))
        every = torch.cat(list(task.val_inputs(ALL)))
        assert torch.equal(every[1::3], torch.cat(list(task.val_inputs(slice(1, None, 3)))))


def _feature_task(prepared: Any, views: tuple[int, ...] = (3, 0)) -> FeatureTask:
    answers = _answers(prepared.posts)
    rows = np.arange(len(prepared.posts))
    features = [np.stack([np.full_like(rows, number), rows], axis=1).astype(np.float16) for number in views]
    return FeatureTask(nn.Identity(), answers, features, views, RECIPE)


def test_features_tags_and_teacher_of_a_batch_are_one_photos_and_one_views(prepared: Any) -> None:
    posts = prepared.posts
    task = _feature_task(prepared)
    views, batches = set(), list(task.batches(1, WHOLE))
    assert len(batches) == task.steps(1) == 90 // 16
    for batch in batches:
        for (number, row), target, (place, teachers_row) in zip(
            batch.inputs.long().tolist(), batch.targets, batch.teacher.long().tolist(), strict=True
        ):
            views.add(number)
            assert teachers_row == row
            assert (0, 3)[place] == number
            assert np.allclose(target.numpy(), 0.5 * posts.tags[row][posts.visible] + 0.5 * (0.25 + 0.5 * place))
    assert views == {0, 3}
    assert _same(batches, list(_feature_task(prepared).batches(1, WHOLE)))
    assert not _same(batches, list(task.batches(2, WHOLE)))


def test_val_features_are_the_first_views_in_order(prepared: Any) -> None:
    _, val = train_and_val(prepared.posts)
    inputs = torch.cat(list(_feature_task(prepared, (0, 3)).val_inputs(ALL)))
    assert inputs.tolist() == [[0, row] for row in val]


def _batch(number: int) -> Batch:
    return Batch(torch.tensor(number), torch.empty(0), torch.empty(0))


def test_batches_come_in_order_though_prepared_ahead() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def prepare(step: int) -> Batch:
        with lock:
            started.append(step)
        time.sleep(0.01 if step % 2 else 0)
        return _batch(step)

    used = []
    for batch in ahead(prepare, 12, depth=3):
        used.append(int(batch.inputs))
        assert max(started) <= used[-1] + 3
    assert used == list(range(12))
    assert sorted(started) == list(range(12))


def test_a_batch_that_fails_stops_the_epoch_with_its_error() -> None:
    def prepare(step: int) -> Batch:
        if step == 2:
            raise OSError("the disk is gone")
        return _batch(step)

    batches = ahead(prepare, 5)
    assert [int(next(batches).inputs) for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_an_epoch_without_a_batch_is_empty() -> None:
    assert list(ahead(_batch, 0)) == []
