"""Write the manifest's figures into README and model card: `python -m training.card`.

A figure stands in a document between `<!-- NAME -->` and `<!-- /NAME -->` (in the model card's front matter, which is
YAML, after a `#`); everything between is replaced, the rest is prose and stays. With `--check` nothing is written and
stale figures are an error.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hashstagram.errors import DataError, HashStagramError
from hashstagram.weights import Manifest, Record

SETS = {
    "main": "val without the gap sources",
    "wild": "of these, in the wild",
    "gap": "val of the gap sources",
    "all": "all of val",
}


_COSTS = {"precision_at_5": "P@5", "recall_at_5": "R@5"}


def _percent(estimate: Mapping[str, float]) -> str:
    return f"{100 * estimate['value']:.1f} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def _points(estimate: Mapping[str, float]) -> str:
    value, low, high = (100 * estimate[key] for key in ("value", "low", "high"))
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _row(name: str, entry: Mapping[str, Any]) -> str:
    cells = [_percent(entry[key]) for key in ("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5")]
    found = entry["mean_average_precision"]
    precision = "–" if found is None else f"{100 * found:.1f} ({entry['tags_in_map']})"
    return f"| {name} | {' | '.join(cells)} | {precision} |"


def _set_table(models: Sequence[Record], name: str) -> str:
    popularity = models[0].metrics["popularity"][name]
    lines = [
        f"{SETS[name].capitalize()}, n = {popularity['photos']}:",
        "",
        "| model | P@1 | P@5 | R@5 | A@5 | mAP (tags) |",
        "|---|---|---|---|---|---|",
        *[_row(record.name, record.metrics["val"][name]) for record in models],
        _row("always the most frequent tags", popularity),
    ]
    return "\n".join(lines)


def figures(manifest: Manifest) -> str:
    """The headline: every model and the popularity baseline on val, in percent with 95 % intervals."""
    first = "main" if "main" in manifest.models[0].metrics["val"] else "all"
    table = _set_table(manifest.models, first)
    measured = _cost_of_variety(manifest).get(manifest.models[0].id)
    if measured is None:
        return table
    moved = " and ".join(f"{_points(measured['difference'][key])} of {name}" for key, name in _COSTS.items())
    head, colon, rows = table.partition(":\n")
    return f"{head}. Variety moves {manifest.models[0].name} by {moved}, in points on all of val{colon}{rows}"


def sets(manifest: Manifest) -> str:
    """The same on every val set."""
    return "\n\n".join(_set_table(manifest.models, name) for name in SETS if name in manifest.models[0].metrics["val"])


def files(manifest: Manifest) -> str:
    """Each model's file, and what export (factors, fp16) cost."""
    lines = ["| model | file | MB | P@1 before → after export | R@5 before → after |", "|---|---|---|---|---|"]
    for record in manifest.models:
        before, after = record.metrics["before_export"], record.metrics["after_export"]
        changes = [f"{100 * before[key]:.2f} → {100 * after[key]:.2f}" for key in ("precision_at_1", "recall_at_5")]
        lines.append(f"| {record.name} | `{record.file}` | {record.bytes / 1e6:.1f} | {' | '.join(changes)} |")
    return "\n".join(lines)


def int8(manifest: Manifest) -> str:
    """Each model's int8 form beside its exact one, on all of val."""
    lines = [
        "| model | MB | P@1 | difference in points | R@5 | difference in points | top-5 overlap | ECE | on a CPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for record in manifest.models:
        form = record.int8
        if form is None:
            lines.append(f"| {record.name} | – | – | – | – | – | – | – | exact |")
            continue
        size = sum(stored.bytes for stored in (form.graph, form.numbers) if stored is not None)
        cells = [f"{size / 1e6:.1f}" if size else "–"]
        for metric in ("precision_at_1", "recall_at_5"):
            value = form.metrics["val"]["all"][metric]["value"]
            cells += [f"{100 * value:.1f}", _points(form.metrics["difference"]["all"][metric])]
        lines.append(
            f"| {record.name} | {' | '.join(cells)} | {form.metrics['top5_overlap']:.3f} "
            f"| {form.calibration['ece_after']:.4f} | {'int8' if form.default else 'exact'} |"
        )
    return "\n".join(lines)


def calibration(manifest: Manifest) -> str:
    """Expected calibration error of each model before and after Platt scaling."""
    lines = ["| model | ECE before | ECE after (cross-fitted) | scale | bias |", "|---|---|---|---|---|"]
    for record in manifest.models:
        fit = record.calibration
        lines.append(
            f"| {record.name} | {fit['ece_before']:.4f} | {fit['ece_after']:.4f} | {fit['scale']:.3f} "
            f"| {fit['bias']:.3f} |"
        )
    return "\n".join(lines)


def companions(manifest: Manifest) -> str:
    """The companion layer beside its baselines, on held-out posts."""
    if manifest.companions is None:
        raise DataError("The manifest has no companion layer. Train one: python -m training.companions …")
    measured = manifest.companions.metrics
    lines = [f"Held-out posts, n = {measured['posts']}:", "", "| method | P@1 | R@5 | A@5 |", "|---|---|---|---|"]
    for name, label in (("popularity", "popularity"), ("noisy_or", "noisy-or of P(b given a)"), ("layer", "our layer")):
        cells = [_percent(measured[name][key]) for key in ("precision_at_1", "recall_at_5", "accuracy_at_5")]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def pointing(manifest: Manifest) -> str:
    """How often the heat of a tag lies on what it names, in percent of the made pictures."""
    lines = [
        "| model | hottest on the photo | of all heat | by chance | beside a second one: hottest on the right one |",
        "|---|---|---|---|---|",
    ]
    for record in manifest.models:
        cells = ["–"] * 4
        if measured := record.metrics.get("pointing"):
            single, pair = measured["alone"], measured["beside"]
            shares = single["rate"], single["share"], single["area"], pair["rate"]
            cells = [f"{100 * share:.0f}" for share in shares]
        lines.append(f"| {record.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def variety(manifest: Manifest) -> str:
    """What near-synonyms held back cost each model that was measured, on all of val."""
    lines = [
        "| model | photos | changed answers | P@5 without | difference, points | R@5 without | difference, points |",
        "|---|---|---|---|---|---|---|",
    ]
    for model, measured in _cost_of_variety(manifest).items():
        cells = [f"{model} in {measured['precision']}", str(measured["photos"]), f"{100 * measured['changed']:.1f} %"]
        for key in _COSTS:
            cells += [_percent(measured["without"][key]), _points(measured["difference"][key])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cost_of_variety(manifest: Manifest) -> Mapping[str, Any]:
    synonyms = manifest.vocabulary.synonyms
    return {} if synonyms is None else synonyms.metrics


def sources(manifest: Manifest) -> str:
    """P@1 and R@5 of each model on each source's val photos."""
    head = " | ".join(f"{record.name} P@1 / R@5" for record in manifest.models)
    lines = [f"| source | n | {head} |", "|---|---|" + "---|" * len(manifest.models)]
    for source, first in manifest.models[0].metrics["sources"].items():
        cells = []
        for record in manifest.models:
            entry = record.metrics["sources"][source]
            cells.append(f"{100 * entry['precision_at_1']:.0f} / {100 * entry['recall_at_5']:.0f}")
        lines.append(f"| {source} | {first['photos']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def model_index(manifest: Manifest) -> str:
    """The figures in the form that Hugging Face reads out of a card's front matter."""
    names = {
        "precision_at_1": "precision at 1",
        "precision_at_5": "precision at 5",
        "recall_at_5": "recall at 5",
        "accuracy_at_5": "accuracy at 5",
    }
    lines = ["model-index:"]
    for record in manifest.models:
        lines += [f"- name: {record.id}", "  results:"]
        for name, entry in record.metrics["val"].items():
            lines += [
                "  - task: {type: image-classification, name: hashtag recommendation}",
                f"    dataset: {{type: photos_v1, name: '{SETS[name]} (n = {entry['photos']})', split: validation}}",
                "    metrics:",
                *[
                    f"    - {{type: {key}, name: {label}, value: {entry[key]['value']}}}"
                    for key, label in names.items()
                ],
            ]
            if entry["mean_average_precision"] is not None:
                value = entry["mean_average_precision"]
                lines.append(f"    - {{type: mean_average_precision, name: mean average precision, value: {value}}}")
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[Manifest], str]] = {
    "figures": figures,
    "sets": sets,
    "files": files,
    "int8": int8,
    "calibration": calibration,
    "companions": companions,
    "variety": variety,
    "pointing": pointing,
    "sources": sources,
    "model-index": model_index,
}


def filled(text: str, manifest: Manifest) -> str:
    """The document with every block that it has brought up to date."""
    for name, make in BLOCKS.items():
        found = re.search(rf"<!-- {name} -->\n(.*?)(?:# )?<!-- /{name} -->", text, re.DOTALL)
        if found:
            text = f"{text[: found.start(1)]}{make(manifest)}\n{text[found.end(1) :]}"
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with the manifest")
    parser.add_argument("--check", action="store_true", help="only say whether the documents are up to date")
    parser.add_argument("documents", nargs="*", type=Path, default=[Path("README.md"), Path("weights/MODEL_CARD.md")])
    arguments = parser.parse_args(argv)
    try:
        manifest = Manifest.load(arguments.weights)
        stale = []
        for document in arguments.documents:
            before = document.read_text(encoding="utf-8")
            after = filled(before, manifest)
            if after != before:
                stale.append(str(document))
                if not arguments.check:
                    document.write_text(after, encoding="utf-8")
        if arguments.check and stale:
            raise DataError(f"Figures are out of date in {', '.join(stale)}. Run: python -m training.card")
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
