"""Checkpoints are written whole or not at all, and belong to one recipe."""

from pathlib import Path
from typing import Any

import pytest
import torch

from hashstagram.errors import DataError
from training.checkpoint import Checkpoints


def _state(number: int) -> dict[str, Any]:
    return {"network": {"weight": torch.full((100,), float(number))}, "epoch": number}


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None
    checkpoints.save(_state(1), best=True)
    checkpoints.save(_state(2), best=False)
    latest = checkpoints.latest()
    assert latest is not None
    assert latest["epoch"] == 2
    assert torch.equal(latest["network"]["weight"], torch.full((100,), 2.0))
    assert checkpoints.best()["epoch"] == 1


def _stop_while_writing(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """The machine dies in the middle of a file, `after` files were written whole."""
    save = torch.save
    written: list[Path] = []

    def stop(state: dict[str, Any], path: Path) -> None:
        save(state, path)
        if len(written) == after:
            path.write_bytes(path.read_bytes()[:100])
            raise KeyboardInterrupt
        written.append(path)

    monkeypatch.setattr(torch, "save", stop)


@pytest.mark.parametrize("after", [0, 1])
def test_a_crash_while_writing_leaves_the_old_ones_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(_state(1), best=True)
    with monkeypatch.context() as patch:
        _stop_while_writing(patch, after=after)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(_state(2), best=True)
    latest = checkpoints.latest()
    assert latest is not None
    # The best may be ahead of the latest, whose epoch is then done once more, but never behind: it would stay so.
    assert (latest["epoch"], checkpoints.best()["epoch"]) in ((1, 1), (1, 2))
    checkpoints.save(_state(3), best=True)
    assert checkpoints.best()["epoch"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-checkpoint.pt", "checkpoint.pt"]


def test_a_run_goes_on_with_its_own_recipe_only(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "run")
    recipe = {"model": "alexnet", "sizes": (64, 64), "batch": 16, "seed": 1}
    checkpoints.begin(recipe)
    checkpoints.begin(dict(recipe))
    with pytest.raises(DataError, match=r"another recipe \(batch, sizes differ\)\. Choose another --out"):
        checkpoints.begin({**recipe, "batch": 32, "sizes": (64,)})
    assert checkpoints.recipe() == {**recipe, "sizes": [64, 64]}


def test_folders_without_a_run_say_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(DataError, match=r"holds no run \(recipe.json is missing\)\. Train first"):
        checkpoints.recipe()
    with pytest.raises(DataError, match="holds no finished epoch yet"):
        checkpoints.best()


def test_a_checkpoint_that_runs_code_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"epoch": 1, "network": Path("an object")}, tmp_path / "checkpoint.pt")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        Checkpoints(tmp_path).latest()
