"""What the documents say was shown is what the results say, and the tests that they name are there."""

import json
import re
from pathlib import Path

import pytest

from reliability import report
from reliability.lines import Line, write
from reliability.proxy import ReliabilityError

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [ROOT / "SECURITY.md", ROOT / "deploy" / "RELIABILITY.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_tests_that_are_named_are_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", text))

    assert named
    assert named <= defined, sorted(named - defined)
    assert [
        path for path in re.findall(r"`((?:tests|hashstagram|deploy)/[\w/.]+)`", text) if not (ROOT / path).exists()
    ] == []


def test_the_page_says_what_was_measured() -> None:
    shown = report.read()

    assert (ROOT / "deploy" / "RELIABILITY.md").read_text(encoding="utf-8") == report.document(shown)
    assert all(run.lines for run in shown.values())


def test_results_of_several_runs_make_one_page(tmp_path: Path) -> None:
    about = {"machine": "a machine", "date": "2026-01-01", "commit": "0a1b2c3", "busy": "others did nothing"}
    lines = [Line("kill -9", "photos lost", 0), Line("overload", "refused", 7), Line("mixed", "slope", 1.5, "MB/h")]
    write(tmp_path / "a.json", lines[:2], {**about, "seconds": {"nginx": 60.0, "overload": 20.0}})
    with pytest.raises(ReliabilityError, match="no results of mixed"):
        report.read(tmp_path)
    write(tmp_path / "b.json", lines[2:], {**about, "commit": "9f8e7d6", "seconds": {"mixed": 1800.0}})

    page = report.document(report.read(tmp_path))
    assert "`python -m reliability --only mixed --mixed-seconds 1800` on 2026-01-01, commit 9f8e7d6" in page
    assert "| kill -9 | photos lost | 0 |" in page
    assert page.index("| overload | refused | 7 |") < page.index("| mixed | slope | 1.5 MB/h |")
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["holds"] is True
