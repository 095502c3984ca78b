"""The training loop: epochs of batches, evaluation on val, checkpoints. It knows no network and no data by name."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from hashstagram.errors import DataError
from training import machine, metrics, mixup
from training.board import Board, Showcase
from training.checkpoint import Checkpoints
from training.device import Device, memory_in_words
from training.distributed import Processes
from training.guards import JumpGuard
from training.recipes import Recipe

# The best epoch's logits on val, in a run's folder.
SCORES = "best-scores.npy"


@dataclass(frozen=True)
class Batch:
    """Inputs of the network (B, …), target probabilities (B, visible tags), the teacher's features (B, 1280)."""

    inputs: Tensor
    targets: Tensor
    teacher: Tensor


class Task(Protocol):
    """What is trained on what."""

    network: nn.Module
    """Inputs to (tag logits (B, visible tags), an embedding (B, 1280) to lie along the teacher's features)."""
    val_labels: NDArray[np.bool_]

    def steps(self, epoch: int) -> int:
        """How many batches `batches(epoch, …)` gives."""

    def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
        """The part `share` of each of the epoch's batches; the same ones whenever this epoch is asked for."""

    def val_inputs(self, turns: slice) -> Iterator[Tensor]:
        """The inputs of the val photos in `turns`, in chunks, in order."""


def _learning_rate(recipe: Recipe, progress: float) -> float:
    if progress < recipe.warm_up:
        return recipe.learning_rate * progress / recipe.warm_up
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - recipe.warm_up) / (1 - recipe.warm_up)))


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; buffers (batch statistics) are taken as they are."""
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)


@torch.inference_mode()
def val_scores(task: Task, network: nn.Module, turns: slice = slice(None)) -> NDArray[np.float32]:
    """Tag logits (val photos in `turns`, visible tags) of the network on the task's val photos."""
    best = Device.best()
    network.eval()
    chunks = []
    for inputs in task.val_inputs(turns):
        with best.autocast():
            chunks.append(network(best.put(inputs))[0].float().cpu().numpy())
    return np.concatenate(chunks)


def _loss(logits: Tensor, embedding: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    tags = F.binary_cross_entropy_with_logits(logits.float(), batch.targets, reduction="sum") / len(logits)
    angle = 1 - F.cosine_similarity(embedding.float(), batch.teacher).mean()
    return tags + recipe.distillation * angle


def _mixed(batch: Batch, recipe: Recipe, epoch: int, step: int, share: slice) -> Batch:
    rng = np.random.default_rng((recipe.seed, epoch, step))
    own, partner = mixup.draw(rng, recipe.batch, recipe.mixup, share.stop - share.start)
    own, partner = own[share], partner[share] - share.start
    return Batch(*(mixup.mix(tensor, own, partner) for tensor in (batch.inputs, batch.targets, batch.teacher)))


class Trainer:
    """A network, its average and its optimiser: one step a batch, in parts of it where memory is short."""

    def __init__(self, network: nn.Module, recipe: Recipe, processes: Processes, accumulate: int) -> None:
        self.device = Device.best()
        self.network = network.to(self.device.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self._recipe, self._accumulate, self._world = recipe, accumulate, processes.world
        matrices = [p for p in self.network.parameters() if p.dim() > 1]
        vectors = [p for p in self.network.parameters() if p.dim() <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
        )
        # float16 would lose small gradients; bfloat16 has the range of float32.
        self._scaler = torch.GradScaler(self.device.device.type, enabled=self.device.precision is torch.float16)
        self._parallel: nn.Module = self.network
        if processes.world > 1:
            self._parallel = DistributedDataParallel(self.network)

    def state(self) -> dict[str, Any]:
        """What `load` needs to go on."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])

    def step(self, batch: Batch, learning_rate: float, decay: float) -> Tensor:
        """Learn from a batch; returns its loss. Raises DataError where memory runs out."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        parts = list(zip(*(torch.chunk(t, self._accumulate) for t in (batch.inputs, batch.targets, batch.teacher)),
                         strict=True))  # fmt: skip
        total = torch.zeros((), device=self.device.device)
        with memory_in_words(len(parts[0][0]), self._accumulate):
            for place, tensors in enumerate(parts):
                if isinstance(self._parallel, DistributedDataParallel):
                    # Gradients are exchanged once a batch, with its last part.
                    self._parallel.require_backward_grad_sync = place + 1 == len(parts)
                part = Batch(*(self.device.put(tensor) for tensor in tensors))
                with self.device.autocast():
                    logits, embedding = self._parallel(part.inputs)
                loss = _loss(logits, embedding, part, self._recipe) * (len(logits) / len(batch.inputs))
                self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
            self._scaler.unscale_(self._optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self._scaler.step(self._optimizer)
            self._scaler.update()
            self._optimizer.zero_grad(set_to_none=True)
        _average(self.average, self.network, decay)
        return total


def fit(
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    processes: Processes | None = None,
    accumulate: int = 1,
    showcase: Showcase | None = None,
) -> dict[str, float]:
    """Train to the end, or go on from the folder's checkpoint; returns the best epoch's metrics on val.

    Every epoch depends on the seed and its number alone, so a run that was killed and resumed follows the curve of one
    that was not. Several `processes` divide each batch among them, and `accumulate` divides a process's part again:
    the batch stays the recipe's. The best epoch's logits on val are kept (`SCORES`).

    Raises DataError where `out` holds another recipe's run, where there is not one batch to train on, where memory runs
    out and where a metric jumps (`training.guards`).
    """
    processes = processes or Processes()
    total = sum(task.steps(epoch) for epoch in range(recipe.epochs))
    if not total:
        raise DataError(
            f"The training photos do not fill one batch of {recipe.batch} in {recipe.epochs} epochs. "
            "Choose a smaller --batch, or more epochs."
        )
    share = processes.share(recipe.batch)
    checkpoints = Checkpoints(out)
    if processes.first:
        checkpoints.begin(asdict(recipe))
        machine.note(out, machine.Machine.here(processes.world))
    processes.wait()
    trainer = Trainer(task.network, recipe, processes, accumulate)
    if processes.first:
        together = f"; {processes.world} processes" if processes.world > 1 else ""
        tqdm.write(f"{recipe.model}: {trainer.device.reason}; {recipe.epochs} epochs, seed {recipe.seed}{together}")
    begin, best, minutes, guard = 0, dict[str, float](), 0.0, JumpGuard()
    if (state := checkpoints.latest()) is not None:
        trainer.load(state)
        begin, best, minutes = state["epoch"] + 1, state["best"], state["minutes"]
        guard.check(state["metrics"])
    step = sum(task.steps(epoch) for epoch in range(begin))
    with Board(out, step, showcase if processes.first else None, quiet=not processes.first) as board:
        for epoch in range(begin, recipe.epochs):
            started = time.monotonic()
            torch.manual_seed(recipe.seed * 1000 + epoch + 1_000_003 * processes.rank)
            trainer.network.train()
            losses = torch.zeros((), device=trainer.device.device)
            with tqdm(total=task.steps(epoch) * recipe.batch, desc=f"epoch {epoch + 1}/{recipe.epochs}",
                      unit="photo", mininterval=5, disable=not processes.first) as bar:  # fmt: skip
                for place, part in enumerate(task.batches(epoch, share)):
                    batch = _mixed(part, recipe, epoch, place, share) if recipe.mixup else part
                    decay = min(recipe.averaging, (1 + step) / (10 + step))
                    losses += trainer.step(batch, _learning_rate(recipe, step / total), decay)
                    step += 1
                    bar.update(recipe.batch)
            trained = time.monotonic() - started
            scores = val_scores(task, trainer.average, processes.turns)
            result, loss = _reduced(scores, task.val_labels[processes.turns], losses, task.steps(epoch), processes)
            minutes += (time.monotonic() - started) / 60
            is_best = _quality(result) > _quality(best)
            if is_best:
                best = {**result, "epoch": float(epoch + 1)}
                scores = processes.together(scores, len(task.val_labels))
            if processes.first:
                rate = task.steps(epoch) * recipe.batch / trained
                board.epoch(step, {"train/loss": loss, "train/photos_per_second": rate}, result)
                board.show(step, scores if is_best else None)
                figures = ", ".join(f"{name} {value:.3f}" for name, value in result.items())
                tqdm.write(f"epoch {epoch + 1}: loss {loss:.3f}, {figures}, {minutes:.1f} minutes")
                if is_best:
                    np.save(out / SCORES, scores)
                progress = {"epoch": epoch, "best": best, "metrics": result, "minutes": minutes}
                checkpoints.save({**trainer.state(), **progress}, best=is_best)
            guard.check(result)
            processes.wait()
    return best


def _reduced(
    scores: NDArray[np.float32], labels: NDArray[np.bool_], losses: Tensor, steps: int, processes: Processes
) -> tuple[dict[str, float], float]:
    """The epoch's metrics and its mean loss, of all processes' photos: from sums and counts, none counted twice."""
    totals = metrics.Totals.of(scores, labels)
    sums = np.array([*totals.sums.values(), totals.count, float(losses)], dtype=np.float64)
    *added, count, loss = processes.sum(sums, losses.device)
    together = metrics.Totals({name: float(value) for name, value in zip(totals.sums, added, strict=True)}, int(count))
    return together.means(), float(loss) / steps / processes.world


def _quality(result: dict[str, float]) -> float:
    """What makes one epoch better than another: the first tag and the five, in equal parts."""
    return result.get("precision_at_1", 0.0) + result.get("recall_at_5", 0.0)
