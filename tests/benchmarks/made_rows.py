"""Rows as if they had been measured."""

from benchmarks.rows import Figures, Row

INT8, EXACT = "int8-openvino-cpu", "fp32-openvino-cpu"


def make_row(part: str, work: str, model: str, setting: str, unit: str, baseline: float, ours: float) -> Row:
    """A default row of three rounds that all had the same ratio."""
    ratio = ours / baseline if unit == "photos/s" else baseline / ours
    return Row(
        part=part,
        work=work,
        model=model,
        setting=setting,
        engine=INT8,
        default=True,
        unit=unit,
        baseline=Figures(baseline),
        ours=Figures(ours),
        ratios=(ratio,) * 3,
    )
