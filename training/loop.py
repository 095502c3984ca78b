"""The training loop: epochs of batches, evaluation on val, checkpoints. It knows no network and no data by name."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from hashstagram.errors import DataError
from training import metrics
from training.checkpoint import Checkpoints
from training.targets import mixup


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
        """How many batches `batches(epoch)` gives."""

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches; the same ones whenever this epoch is asked for."""

    def val_inputs(self) -> Iterator[Tensor]:
        """The val photos' inputs, in chunks, in order."""


@dataclass(frozen=True)
class Recipe:
    """How a task is trained. The schedule is one cycle: linear warm-up, then a cosine to zero."""

    model: str
    epochs: int
    learning_rate: float
    weight_decay: float
    sizes: tuple[int, ...] = ()
    """Crop size of each epoch, in pixels; empty where features from disk are the input."""
    dense: bool = False
    """Linear layers learn whole, and are factorised when exported; else they learn as factors."""
    batch: int = 128
    warm_up: float = 0.05
    distillation: float = 10.0
    mixup: float = 0.0
    averaging: float = 0.998
    seed: int = 2018


def device_and_precision() -> tuple[torch.device, torch.dtype | None, str]:
    """Where to train, the autocast type (None: float32) and the reason in words."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return torch.device("cuda"), torch.bfloat16, f"cuda ({name}), bfloat16"
    if torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.device("cpu"), torch.bfloat16, "cpu, bfloat16 (the processor computes it)"
    return torch.device("cpu"), None, "cpu, float32 (the processor has no bfloat16)"


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
def val_scores(task: Task, network: nn.Module) -> NDArray[np.float32]:
    """Tag logits (val photos, visible tags) of the network on the task's val photos."""
    device, precision, _ = device_and_precision()
    network.eval()
    chunks = []
    for inputs in task.val_inputs():
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            chunks.append(network(inputs.to(device))[0].float().cpu().numpy())
    return np.concatenate(chunks)


def _loss(logits: Tensor, embedding: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    tags = F.binary_cross_entropy_with_logits(logits.float(), batch.targets, reduction="sum") / len(logits)
    angle = 1 - F.cosine_similarity(embedding.float(), batch.teacher).mean()
    return tags + recipe.distillation * angle


def fit(task: Task, recipe: Recipe, out: Path) -> dict[str, float]:
    """Train to the end, or go on from the folder's checkpoint; returns the best epoch's metrics on val.

    Every epoch depends on the seed and its number alone, so a run that was killed and resumed follows the curve of one
    that was not. Raises DataError where `out` holds another recipe's run and where there is not one batch to train on.
    """
    total = sum(task.steps(epoch) for epoch in range(recipe.epochs))
    if not total:
        raise DataError(
            f"The training photos do not fill one batch of {recipe.batch} in {recipe.epochs} epochs. "
            "Choose a smaller --batch, or more epochs."
        )
    checkpoints = Checkpoints(out)
    checkpoints.begin(asdict(recipe))
    device, precision, reason = device_and_precision()
    tqdm.write(f"{recipe.model}: {reason}; {recipe.epochs} epochs, seed {recipe.seed}")
    network = task.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network)
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    begin, best, minutes = 0, dict[str, float](), 0.0
    if (state := checkpoints.latest()) is not None:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        begin, best, minutes = state["epoch"] + 1, state["best"], state["minutes"]
    step = sum(task.steps(epoch) for epoch in range(begin))
    # The last finished epoch's figures stand at this very step: only what comes after them is done anew.
    with SummaryWriter(str(out / "tensorboard"), purge_step=step + 1) as board:
        for epoch in range(begin, recipe.epochs):
            started = time.monotonic()
            torch.manual_seed(recipe.seed * 1000 + epoch)
            generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
            network.train()
            losses = []
            with tqdm(total=task.steps(epoch) * recipe.batch, desc=f"epoch {epoch + 1}/{recipe.epochs}",
                      unit="photo", mininterval=5) as bar:  # fmt: skip
                for batch in task.batches(epoch):
                    if recipe.mixup:
                        batch = _mixed(batch, recipe.mixup, generator)
                    batch = Batch(batch.inputs.to(device), batch.targets.to(device), batch.teacher.to(device))
                    for group in optimizer.param_groups:
                        group["lr"] = _learning_rate(recipe, step / total)
                    with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
                        logits, embedding = network(batch.inputs)
                    loss = _loss(logits, embedding, batch, recipe)
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()  # type: ignore[no-untyped-call]
                    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                    optimizer.step()
                    _average(average, network, min(recipe.averaging, (1 + step) / (10 + step)))
                    losses.append(float(loss.detach()))
                    step += 1
                    bar.update(len(logits))
            scores = val_scores(task, average)
            result = {name: float(v.mean()) for name, v in metrics.per_photo(scores, task.val_labels).items()}
            minutes += (time.monotonic() - started) / 60
            is_best = _quality(result) > _quality(best)
            if is_best:
                best = {**result, "epoch": float(epoch + 1)}
            board.add_scalar("train/loss", float(np.mean(losses)), step)
            for name, value in result.items():
                board.add_scalar(f"val/{name}", value, step)
            tqdm.write(
                f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, "
                + ", ".join(f"{name} {value:.3f}" for name, value in result.items())
                + f", {minutes:.1f} minutes"
            )
            state = {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "epoch": epoch,
                "best": best,
                "minutes": minutes,
            }
            checkpoints.save(state, best=is_best)
    return best


def _quality(result: dict[str, float]) -> float:
    """What makes one epoch better than another: the first tag and the five, in equal parts."""
    return result.get("precision_at_1", 0.0) + result.get("recall_at_5", 0.0)


def _mixed(batch: Batch, alpha: float, generator: torch.Generator) -> Batch:
    joined = torch.cat([batch.targets, batch.teacher], dim=1)
    inputs, mixed = mixup(batch.inputs, joined, generator, alpha)
    return Batch(inputs, mixed[:, : batch.targets.shape[1]], mixed[:, batch.targets.shape[1] :])
