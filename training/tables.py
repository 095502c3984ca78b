"""Figures of an evaluation as Markdown tables, in percent, each with its 95 % interval."""

import math
from collections.abc import Mapping

from training import legacy, metrics

Sets = dict[str, dict[str, metrics.Estimate | float | int]]

SET_LABELS = {
    "main": "val without the gap sources",
    "wild": "of these, in the wild",
    "gap": "val of the gap sources",
    "all": "all val",
}


def _cell(value: object) -> str:
    if not isinstance(value, metrics.Estimate):
        raise TypeError(f"{value!r} has no interval.")
    return f"{100 * value.value:.2f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def _rows(results: Mapping[str, Sets], names: tuple[str, ...]) -> list[tuple[str, dict[str, float | metrics.Estimate]]]:
    """The cells of each set and model, set by set, and the entry that they are from."""
    sets = dict.fromkeys(name for scored in results.values() for name in scored)
    return [
        (
            f"| {SET_LABELS[name]} | {scored[name]['photos']} | {model} | "
            f"{' | '.join(_cell(scored[name][metric]) for metric in names)} |",
            scored[name],
        )
        for name in sets
        for model, scored in results.items()
    ]


def table(results: Mapping[str, Sets]) -> str:
    """The paper's metrics by set and model, and the mean average precision with how many tags it is over."""
    lines = ["| photos | n | model | P@1 | P@5 | R@5 | A@5 | mAP (tags) |", "|---|---|---|---|---|---|---|---|"]
    for line, entry in _rows(results, metrics.PER_PHOTO):
        mean = float(str(entry["mean_average_precision"]))
        precision = "–" if math.isnan(mean) else f"{100 * mean:.1f} ({entry['tags_in_map']})"
        lines.append(f"{line} {precision} |")
    return "\n".join(lines)


def legacy_table(results: Mapping[str, Sets]) -> str:
    """The 2018 notebook's metrics by set and model."""
    head = ["| photos | n | model | 2018 precision | 2018 recall | 2018 accuracy |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(line for line, _ in _rows(results, legacy.NAMES))])


def source_table(results: Mapping[str, Mapping[str, Mapping[str, float | int]]]) -> str:
    """P@1 and R@5 of each source, a column a model: from their `score_sources`."""
    models = list(results)
    lines = [
        f"| source | n | {' | '.join(f'{model} P@1 / R@5' for model in models)} |",
        "|---" * (len(models) + 2) + "|",
    ]
    for source, entry in results[models[0]].items():
        cells = (
            f"{100 * results[model][source]['precision_at_1']:.1f} / {100 * results[model][source]['recall_at_5']:.1f}"
            for model in models
        )
        lines.append(f"| {source} | {entry['photos']} | {' | '.join(cells)} |")
    return "\n".join(lines)
