"""A report says what does not hold, and memory is judged by what stays."""

import json
from pathlib import Path

import pytest

from reliability.__main__ import main
from reliability.lines import Line, table, write
from reliability.mixed import slope_mb_an_hour


def test_what_does_not_hold_is_seen(tmp_path: Path) -> None:
    lines = [Line("a", "measured", 1234.0, "MB"), Line.at_most("a", "lost", 3, 0, note="3 × status 500")]

    shown = table(lines)
    assert "| a | measured | 1,234 MB |  |  |" in shown
    assert "| a | lost | 3 | ≤ 0 | **does not hold** |" in shown
    assert shown.endswith("a, lost: 3 × status 500")
    write(tmp_path / "report.json", lines, {"commit": "abc1234"})
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["holds"], report["commit"]) == (False, "abc1234")
    assert [line["holds"] for line in report["lines"]] == [True, False]


@pytest.mark.parametrize(("value", "most", "holds"), [(0, 0, True), (1, 0, False), (4.9, 5, True)])
def test_bounds(value: float, most: float, holds: bool) -> None:
    assert Line.at_most("a", "b", value, most).holds is holds
    assert Line.at_least("a", "b", most, value).holds is (most >= value)


def test_peaks_and_the_first_minutes_are_no_growth() -> None:
    filling = [(float(second), min(500.0, 100.0 + second)) for second in range(400)]
    peaks = [(float(second), 500.0 + 300 * (second % 7 == 0)) for second in range(400, 1801)]

    slope, levels = slope_mb_an_hour(filling + peaks)
    assert slope == pytest.approx(0)
    assert levels == [500] * 12


def test_what_stays_is_growth() -> None:
    slope, _ = slope_mb_an_hour([(float(second), 500 + second / 60) for second in range(1800)])

    assert slope == pytest.approx(60)


def test_parts_that_there_are_not_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "nginx,rain"])

    assert "'rain' is not a part. Choose from: nginx, overload, mixed." in capsys.readouterr().err
