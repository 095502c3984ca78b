"""A training run as a page: `python -m training.report --run runs/vgg16 --data … --out training/runs/reports/vgg16`.

Writes report.md and two plots into the folder --out: what was trained, on which machine and photos, its curves, and the
best epoch's metrics on val beside popularity, with intervals. Paths of the machine are not part of it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashstagram.errors import HashStagramError
from training.dataset import open_data
from training.evaluate import ceiling_scores, popularity_scores, score_sets, score_sources
from training.machine import Machine
from training.metrics import Estimate
from training.outcome import Outcome, init_in_words, outcome_of, sizes_in_words
from training.split import PROTOCOLS, default_protocol, split_sha256, train_and_val, with_protocol
from training.tables import source_table, table

LOSS, QUALITY = "loss.png", "quality.png"
_RATE = "train/photos_per_second"


def _two_columns(rows: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *[f"| {name} | {value} |" for name, value in rows.items()]])


def recipe_table(outcome: Outcome) -> str:
    """The recipe, a row an entry."""
    recipe = dict(outcome.recipe)
    recipe["sizes"] = sizes_in_words(recipe.get("sizes", [])) or "–"
    recipe["init"] = init_in_words(recipe)
    return _two_columns({name.replace("_", " "): str(value) or "–" for name, value in recipe.items()})


def machine_table(outcome: Outcome) -> str:
    """Where and how fast it was trained. What the run did not note is looked up here and now, and said to be."""
    rows: dict[str, str] = {}
    for machine in outcome.machines or (Machine.here(),):
        number = f" {len(rows) // 4 + 1}" if len(outcome.machines) > 1 else ""
        rows[f"machine{number}"] = str(machine)
        rows[f"device and precision{number}"] = machine.device
        rows[f"torch{number}"] = machine.torch
        commit = machine.commit if outcome.machines else ""
        rows[f"code{number}"] = f"commit {commit}" if commit else "not recorded"
    rates = outcome.curves.get(_RATE, [])
    rows["epochs"] = f"{outcome.epochs} of {outcome.recipe['epochs']}, the best one was {outcome.best_epoch}"
    rows["minutes"] = f"{outcome.minutes:.1f}, evaluation included"
    rows["photos/s in training"] = f"{min(rates):.0f} to {max(rates):.0f} an epoch" if rates else "not recorded"
    text = _two_columns(rows)
    if not outcome.machines:
        text += "\n\nThe run did not note its machine: machine, device and torch are those of writing this page."
    return text


def data_table(outcome: Outcome, protocol: str) -> str:
    """The photos on both sides and the split's name."""
    posts = outcome.posts
    train, val = train_and_val(posts)
    return _two_columns(
        {
            "training photos": f"{len(train):,}",
            "val photos": f"{len(val):,}",
            "left out, for they do not decode": str(int((~posts.readable).sum())),
            "tags that these photos can teach": f"{len(posts.visible)} of {len(posts.vocabulary)}",
            "protocol": protocol,
            "split (sha256 of the val photos' names)": f"`{split_sha256(posts)}`",
        }
    )


def plot_loss(outcome: Outcome, path: Path) -> None:
    """Draw the mean training loss by epoch as a PNG."""
    _plot({"train/loss": ("loss", "#33475b")}, outcome, "mean loss of the epoch", {}, path)


def plot_quality(outcome: Outcome, path: Path) -> None:
    """Draw P@1 and R@5 on all val photos by epoch as a PNG, popularity's as dashed lines."""
    lines = {"val/precision_at_1": ("P@1", "#1d7a6d"), "val/recall_at_5": ("R@5", "#c98b2b")}
    floors = {}
    for name, (_, colour) in lines.items():
        value = outcome.popularity["all"][name.removeprefix("val/")]
        floors[colour] = value.value if isinstance(value, Estimate) else float(value)
    _plot(lines, outcome, "on all val photos (dashed: popularity)", floors, path)


def _plot(
    lines: Mapping[str, tuple[str, str]], outcome: Outcome, label: str, floors: Mapping[str, float], path: Path
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(5.4, 3.4), dpi=110)
    for name, (title, colour) in lines.items():
        values = outcome.curves.get(name, [])
        axes.plot(range(1, len(values) + 1), values, ".-", color=colour, label=title)
    for colour, level in floors.items():
        axes.axhline(level, color=colour, linestyle="--", linewidth=1)
    axes.axvline(outcome.best_epoch, color="0.8", linewidth=1, zorder=0)
    axes.set(xlabel=f"epoch (the best: {outcome.best_epoch})", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def page(outcome: Outcome, name: str, protocol: str, note: str) -> str:
    """The report as Markdown, its plots beside it."""
    posts = outcome.posts
    ceiling = score_sets(ceiling_scores(posts), posts)
    figures = table({"popularity": outcome.popularity, name: outcome.sets, "label ceiling": ceiling})
    parts = [
        f"# {name}",
        *([note] if note else []),
        f"## Metrics\n\nIn percent with 95 % intervals (bootstrap over photos), before export. The epoch was chosen on "
        f"these same val photos, so its figures are a little too good.\n\n{figures}",
        f"## Curves\n\n![Training loss by epoch]({LOSS})\n\n![P@1 and R@5 on val by epoch]({QUALITY})",
        f"## Recipe\n\n{recipe_table(outcome)}",
        f"## Machine\n\n{machine_table(outcome)}",
        f"## Photos\n\n{data_table(outcome, protocol)}",
    ]
    if len(set(posts.sources)) > 1:
        scores: dict[str, NDArray[np.floating]] = {"popularity": popularity_scores(posts), name: outcome.scores}
        sources = source_table({who: score_sources(given, posts) for who, given in scores.items()})
        parts.append(f"## By source\n\nVal photos, percent.\n\n{sources}")
    return "\n\n".join(parts) + "\n"


def write(outcome: Outcome, name: str, protocol: str, note: str, out: Path) -> None:
    """Write the page and its plots into a folder; those of an earlier report are replaced."""
    out.mkdir(parents=True, exist_ok=True)
    plot_loss(outcome, out / LOSS)
    plot_quality(outcome, out / QUALITY)
    part = out / "report.md.part"
    part.write_text(page(outcome, name, protocol, note), encoding="utf-8")
    part.replace(out / "report.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.report", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a training run")
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout, the one of the run")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="what is held out, the one of the run")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded pixels")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report; its name is the title")
    parser.add_argument("--note", default="", help="what was learned from it, in a line")
    arguments = parser.parse_args(argv)
    try:
        posts, _ = open_data(arguments.data, arguments.cache)
        protocol = arguments.protocol or default_protocol(posts)
        outcome = outcome_of(arguments.run, with_protocol(posts, protocol))
        write(outcome, arguments.out.resolve().name, protocol, arguments.note, arguments.out)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{arguments.out / 'report.md'}: best epoch {outcome.best_epoch}, {outcome.minutes:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
