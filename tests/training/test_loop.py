"""The training loop on a task of no photos: it learns, and goes on after whatever stopped it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch import Tensor, nn

from hashstagram.errors import DataError
from training import loop, metrics
from training.checkpoint import Checkpoints
from training.device import Device
from training.distributed import Processes, processes
from training.loop import SCORES, Batch, Trainer, fit, val_scores
from training.recipes import Recipe

TAGS = 7
RECIPE = Recipe("blobs", epochs=4, learning_rate=0.02, weight_decay=0.05, batch=16, mixup=0.4, seed=5)


class _Network(nn.Module):
    """With dropout and batch normalisation: random numbers and buffers that a checkpoint must not lose."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2))
        self.tags, self.teacher = nn.Linear(32, TAGS), nn.Linear(32, 5)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(inputs)
        return self.tags(features), self.teacher(features)


class Blobs:
    """Points around a centre for each tag. `stop` is called in the middle of epoch 1."""

    def __init__(self, stop: Any = None, steps: int = 6) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = _Network()
        self._stop, self._steps = stop, steps
        random = np.random.default_rng(0)
        self._centres, self._teacher = 3 * random.normal(size=(TAGS, 8)), random.normal(size=(TAGS, 5))
        self._val, tags = self._points(99)
        self.val_labels = np.eye(TAGS, dtype=np.bool_)[tags]

    def _points(self, seed: Any) -> tuple[Tensor, NDArray[np.int64]]:
        random = np.random.default_rng(seed)
        tags = random.integers(0, TAGS, 16)
        return torch.from_numpy(self._centres[tags] + random.normal(size=(16, 8))).float(), tags

    def steps(self, epoch: int) -> int:
        return self._steps

    def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
        for step in range(self._steps):
            if self._stop is not None and (epoch, step) == (1, 3):
                self._stop()
            inputs, tags = self._points((epoch, step))
            teacher = torch.from_numpy(self._teacher[tags]).float()
            yield Batch(inputs[share], torch.eye(TAGS)[torch.from_numpy(tags)][share], teacher[share])

    def val_inputs(self, turns: slice) -> Iterator[Tensor]:
        yield from torch.split(self._val[turns], 10)


def _weights(out: Path) -> dict[str, Tensor]:
    state = Checkpoints(out).latest()
    assert state is not None
    assert state["epoch"] == RECIPE.epochs - 1
    return {f"{kind}.{name}": tensor for kind in ("network", "average") for name, tensor in state[kind].items()}


def _curve(out: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uninterrupted")
    fit(Blobs(), RECIPE, out)
    return out


def _resume(out: Path) -> None:
    # TensorBoard reads its files in the order of the second in their names: do not start twice in one.
    time.sleep(1.1)
    fit(Blobs(), RECIPE, out)


def _same_run(out: Path, uninterrupted: Path) -> None:
    expected, found = _weights(uninterrupted), _weights(out)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert Checkpoints(out).best()["best"] == Checkpoints(uninterrupted).best()["best"]
    for name in ("train/loss", "val/recall_at_5"):
        assert _curve(out, name) == _curve(uninterrupted, name)


def test_it_learns_and_tensorboard_has_the_curves(uninterrupted: Path) -> None:
    losses = [value for _, value in _curve(uninterrupted, "train/loss")]
    assert losses[-1] < 0.6 * losses[0]
    assert [step for step, _ in _curve(uninterrupted, "val/precision_at_1")] == [6, 12, 18, 24]


def test_the_best_epoch_is_kept_with_the_weights_that_scored_so(uninterrupted: Path) -> None:
    best = Checkpoints(uninterrupted).best()
    curves = [dict(_curve(uninterrupted, f"val/{name}")) for name in ("precision_at_1", "recall_at_5")]
    quality = [sum(curve[step] for curve in curves) for step in (6, 12, 18, 24)]
    assert best["best"]["epoch"] == 1 + int(np.argmax(quality))
    task = Blobs()
    task.network.load_state_dict(best["average"])
    found = metrics.per_photo(val_scores(task, task.network), task.val_labels)
    for name, values in found.items():
        assert best["best"][name] == pytest.approx(values.mean())
    assert np.allclose(np.load(uninterrupted / SCORES), val_scores(task, task.network), atol=1e-6)
    assert best["best"]["precision_at_1"] > 0.3 + task.val_labels.mean(axis=0).max()


def test_a_run_that_failed_and_was_resumed_is_the_run_that_did_not(tmp_path: Path, uninterrupted: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Blobs(stop), RECIPE, tmp_path)
    state = Checkpoints(tmp_path).latest()
    assert state is not None
    assert state["epoch"] == 0
    _resume(tmp_path)
    _same_run(tmp_path, uninterrupted)


def test_a_run_that_was_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path, uninterrupted: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    process = subprocess.Popen([sys.executable, __file__, str(tmp_path)], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "stuck").exists():
            assert process.poll() is None, "the run ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    _resume(tmp_path)
    _same_run(tmp_path, uninterrupted)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    best = fit(Blobs(), recipe, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    class Refusing(Blobs):
        def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
            raise AssertionError

    assert fit(Refusing(), recipe, tmp_path) == best
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_another_recipe_is_refused_and_overwrites_nothing(uninterrupted: Path) -> None:
    before = (uninterrupted / "checkpoint.pt").read_bytes()
    with pytest.raises(DataError, match=r"another recipe \(epochs, seed differ\)"):
        fit(Blobs(), replace(RECIPE, epochs=9, seed=6), uninterrupted)
    assert (uninterrupted / "checkpoint.pt").read_bytes() == before


def test_photos_that_do_not_fill_a_batch_are_not_trained_on_silently(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"do not fill one batch of 16 in 4 epochs\. Choose a smaller --batch"):
        fit(Blobs(steps=0), RECIPE, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_learning_rate_warms_up_to_its_peak_and_falls_to_zero() -> None:
    recipe = replace(RECIPE, learning_rate=2.0, warm_up=0.1)
    rates = [loop._learning_rate(recipe, progress) for progress in (0, 0.05, 0.1, 0.55, 1)]
    assert rates == pytest.approx([0, 1, 2, 1, 0])


def test_the_average_moves_towards_the_weights_and_takes_the_statistics_as_they_are() -> None:
    average, network = _Network(), _Network()
    network.body(torch.randn(16, 8))
    before, now = average.tags.weight.clone(), network.tags.weight
    loop._average(average, network, 0.9)
    assert torch.allclose(average.tags.weight, 0.9 * before + 0.1 * now)
    assert torch.equal(average.state_dict()["body.1.running_mean"], network.state_dict()["body.1.running_mean"])


def test_the_loss_is_that_of_the_tags_and_the_angle_to_the_teacher() -> None:
    batch = Batch(torch.empty(2), torch.full((2, 3), 0.5), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    recipe = replace(RECIPE, distillation=10.0)
    tags = 3 * float(np.log(2))
    for embedding, angle in (
        ([[5.0, 0.0], [0.0, 1.0]], 0),
        ([[-1.0, 0.0], [0.0, 1.0]], 1),
        ([[0.0, 1.0], [3.0, 0.0]], 1),
    ):
        loss = loop._loss(torch.zeros(2, 3), torch.tensor(embedding), batch, recipe)
        assert float(loss) == pytest.approx(tags + 10 * angle, abs=1e-5)


def test_device_and_precision_are_said_with_their_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(Blobs(), replace(RECIPE, epochs=1), tmp_path)
    assert f"blobs: {Device.best().reason}; 1 epochs, seed 5" in capsys.readouterr().out


def test_a_batch_in_parts_is_the_batch(tmp_path: Path) -> None:
    torch.manual_seed(2)
    batch = next(Blobs().batches(0, slice(0, 16)))
    whole, parts = (Trainer(Plain().network, RECIPE, Processes(), accumulate) for accumulate in (1, 4))
    for _ in range(3):
        losses = [float(trainer.step(batch, 0.02, 0.5)) for trainer in (whole, parts)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-2)


def test_memory_that_runs_out_is_said_with_what_to_try(tmp_path: Path) -> None:
    class Hungry(_Network):
        def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
            if self.training and len(inputs) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return super().forward(inputs)

    task = Blobs()
    task.network = Hungry()
    sentence = r"ran out with 16 photos at a time\. Repeat the command with --accumulate 2: 8 at a time"
    with pytest.raises(DataError, match=sentence):
        fit(task, RECIPE, tmp_path)
    with pytest.raises(DataError, match="with 8 photos at a time"):
        fit(task, RECIPE, tmp_path, accumulate=2)
    assert fit(task, RECIPE, tmp_path, accumulate=4)["precision_at_1"] > 0.3


def test_a_metric_that_leaps_stops_the_run_after_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Blobs()
    quality = iter([0.4, 0.5, 1.0])

    def scores(task: Blobs, network: nn.Module, turns: slice) -> NDArray[np.float32]:
        right, there = next(quality), task.val_labels.astype(np.float32)
        return np.where(np.arange(len(there))[:, None] < right * len(there), there, 1 - there)

    monkeypatch.setattr(loop, "val_scores", scores)
    with pytest.raises(DataError, match="Usual causes: near-duplicates"):
        fit(task, RECIPE, tmp_path)
    state = Checkpoints(tmp_path).latest()
    assert state is not None
    assert state["epoch"] == 2


class Plain(Blobs):
    """Without dropout and batch normalisation, whose draws and statistics are each process's own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = _Linear()


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.tags, self.teacher = nn.Linear(8, 32), nn.Linear(32, TAGS), nn.Linear(32, 5)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.body(inputs))
        return self.tags(features), self.teacher(features)


def test_two_processes_follow_the_curve_of_one(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    fit(Plain(), RECIPE, alone)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [*command, "--together", str(together)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "; 2 processes" in process.stdout
    for name in ("train/loss", "val/precision_at_1", "val/recall_at_5"):
        ours, theirs = _curve(alone, name), _curve(together, name)
        assert [step for step, _ in theirs] == [step for step, _ in ours] == [6, 12, 18, 24]
        assert [value for _, value in theirs] == pytest.approx([value for _, value in ours], rel=2e-2)
    assert np.allclose(np.load(together / SCORES), np.load(alone / SCORES), atol=0.1)


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"16 photos cannot be divided among 3 processes\. Give .*--batch 18"):
        fit(Plain(), RECIPE, tmp_path / "run", processes=Processes(1, 3))
    assert not (tmp_path / "run").exists()


def _stuck(out: Path) -> None:
    (out / "stuck").touch()
    time.sleep(600)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "--together":
        with processes() as joined:
            fit(Plain(), RECIPE, Path(sys.argv[2]), processes=joined)
    else:
        fit(Blobs(lambda: _stuck(Path(sys.argv[1]))), RECIPE, Path(sys.argv[1]))
