"""Confidence that means something: Platt scaling of the logits, and how well it holds on photos it did not see.

p = sigmoid(scale · logit + bias), two numbers a model (Platt 1999), fitted on all visible tags of the val photos. Its
honesty is measured cross-fitted: fitted on one half of the groups and judged on the other, both ways round.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.split import drawn_by_group

Logits = NDArray[np.floating]
Labels = NDArray[np.bool_]

BINS = 15
# Below this a tag is hardly ever shown, and the thousands of sure negatives would hide every error above it.
LEAST_PROBABILITY = 0.05


def sigmoid(logits: Logits) -> NDArray[np.float64]:
    """1 / (1 + exp(-logits)), without overflow."""
    probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
    return probabilities


@dataclass(frozen=True)
class Platt:
    """p = sigmoid(scale · logit + bias)."""

    scale: float
    bias: float

    def __call__(self, logits: Logits) -> NDArray[np.float64]:
        return sigmoid(self.scale * logits + self.bias)


def fit(logits: Logits, labels: Labels) -> Platt:
    """The scale and bias of highest likelihood for logits and labels, both (n, tags)."""
    model = LogisticRegression(C=1e6).fit(logits.reshape(-1, 1), labels.reshape(-1))
    return Platt(float(model.coef_[0, 0]), float(model.intercept_[0]))


def cross_fitted(logits: Logits, labels: Labels, groups: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Probabilities (n, tags), each photo's by a fit on the half of the groups that it is not in."""
    half = drawn_by_group(groups, 2, seed).astype(bool)
    probabilities = np.empty(logits.shape)
    for side in (half, ~half):
        probabilities[side] = fit(logits[~side], labels[~side])(logits[side])
    return probabilities


@dataclass(frozen=True)
class Reliability:
    """Tag probabilities in bins of equal count: mean probability, how often the tag was there, and the ECE of both."""

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    error: float
    count: int


def reliability(probabilities: NDArray[np.floating], labels: Labels) -> Reliability:
    """Expected calibration error (Naeini et al. 2015) over all tag probabilities ≥ 0.05, in 15 equal-count bins."""
    shown = probabilities >= LEAST_PROBABILITY
    order = np.argsort(probabilities[shown], kind="stable")
    predicted, there = probabilities[shown][order], labels[shown][order].astype(np.float64)
    bins = [part for part in np.array_split(np.arange(len(order)), BINS) if len(part)]
    means = np.array([predicted[part].mean() for part in bins])
    rates = np.array([there[part].mean() for part in bins])
    weights = np.array([len(part) for part in bins]) / max(1, len(order))
    return Reliability(means, rates, float((weights * np.abs(means - rates)).sum()), len(order))


def calibration(
    logits: Logits, labels: Labels, groups: NDArray[np.int64], seed: int
) -> tuple[dict[str, Any], Reliability, Reliability]:
    """A record's `calibration`, and the reliability before (the logits' own sigmoid) and after (cross-fitted)."""
    platt = fit(logits, labels)
    before = reliability(sigmoid(logits), labels)
    after = reliability(cross_fitted(logits, labels, groups, seed), labels)
    record = {
        "method": "platt",
        "scale": round(platt.scale, 6),
        "bias": round(platt.bias, 6),
        "ece_before": round(before.error, 4),
        "ece_after": round(after.error, 4),
        "probabilities": after.count,
        "fitted_on": f"{len(labels)} val photos, cross-fitted over two halves by group, seed {seed}",
    }
    return record, before, after


def plot(before: Reliability, after: Reliability, title: str, path: Path) -> None:
    """Draw both reliability curves as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(4.6, 4.6), dpi=110)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot(before.predicted, before.observed, "o-", color="#c98b2b", label=f"before (ECE {before.error:.3f})")
    axes.plot(after.predicted, after.observed, "o-", color="#1d7a6d", label=f"after (ECE {after.error:.3f})")
    axes.set(xlabel="confidence", ylabel="share of tags that were right", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
