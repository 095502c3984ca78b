"""A measured line: what was done, what the stack of 2018 and we took for it in the same run, and the ratio."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Engine:
    """What computed: `precision` (`int8`, `fp32`), `library` (`openvino`, `torch`) and `device` (`cpu`, `cuda`)."""

    precision: str
    library: str
    device: str

    @property
    def label(self) -> str:
        """`int8-openvino-cpu`: the name of its result files."""
        return f"{self.precision}-{self.library}-{self.device}"


@dataclass(frozen=True)
class Figures:
    """One side's figures: `value` in the row's unit, and how long single answers took, in milliseconds."""

    value: float
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class Row:
    """One measured line.

    `part` is the module that measured it, `work` what was done, `setting` with how many threads, clients or photos.
    `engine` is the label of what computed; where `default` is true it is what an installation takes unasked. Values are
    in `unit`. `ratios` holds, for each round, how many times better we were than the stack of 2018 beside us: its time,
    or memory, through ours, and our photos a second through its. `floor` is the least time in ms that the machine
    allows, and `notes` hold whatever else was counted.
    """

    part: str
    work: str
    model: str
    setting: str
    engine: str
    default: bool
    unit: str
    baseline: Figures
    ours: Figures
    ratios: tuple[float, ...]
    floor: float | None = None
    notes: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The median over the rounds."""
        return median(self.ratios)
