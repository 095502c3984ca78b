"""The part `folder`: both commands run over the same photos, and a photo that is missing is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import folder, pictures
from benchmarks.driving import BenchmarkError
from benchmarks.results import Run
from benchmarks.rows import Engine
from benchmarks.session import Session


@pytest.fixture
def session(
    make_run: Callable[..., Run], small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Session:
    """A quick session over two small photos."""
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    monkeypatch.setattr(pictures, "TWELVE", (400, 300))
    monkeypatch.setattr(folder, "_FEW", 2)
    monkeypatch.setattr(Session, "rounds", lambda *_: 1)
    engines = {"alexnet": Engine("fp32", "openvino", "cpu")}
    return Session(True, tmp_path, make_run().machine, ("alexnet",), engines, {})


def test_both_tag_the_folder(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    (row,) = folder.measure(session)

    assert (row.part, row.model, row.setting, row.unit) == ("folder", "alexnet", "2 photos", "s")
    assert row.baseline.value > 0
    assert row.notes["photos/s"] == pytest.approx(2 / row.ours.value)
    assert row.ratios == (row.baseline.value / row.ours.value,)
    assert "2 photos tagged in" in capfd.readouterr().err


def test_a_photo_that_was_not_tagged_is_noticed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_seconds", lambda *_: (session.folder / "hashtags.jsonl").write_text("{}\n") / 3)

    with pytest.raises(BenchmarkError, match="Of 2 photos, 1 were tagged"):
        folder.measure(session)


def test_a_command_that_fails_is_an_error(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", "/nowhere")

    with pytest.raises(BenchmarkError, match="ended with"):
        folder.measure(session)
