"""A run's page and what it is made from: the run's folder as training leaves it."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hashstagram.errors import DataError
from training import machine
from training.board import Board
from training.checkpoint import Checkpoints
from training.evaluate import popularity_scores, score_sets
from training.loop import SCORES
from training.machine import Machine, note, noted
from training.metrics import Estimate
from training.outcome import curves_of, outcome_of, percent, sizes_in_words
from training.recipes import RECIPES
from training.report import main
from training.split import split_sha256, train_and_val

LOSSES, PRECISIONS, RECALLS = (30.5, 20.25, 18.0), (0.25, 0.75, 0.5), (0.125, 0.5, 0.625)
MACHINE = Machine("Abacus 9", 6, "", "cpu, float32 (because)", "2.99.1", 1, "abc1234")


def _scores(prepared: Any) -> np.ndarray:
    """Right on all val photos of one source, upside down elsewhere."""
    _, val = train_and_val(prepared.posts)
    labels = prepared.posts.tags[val][:, prepared.posts.visible].astype(np.float32)
    return np.where((prepared.posts.sources[val] == "coco128")[:, None], labels, -labels)


def _epoch(board: Board, epoch: int) -> None:
    val = {"precision_at_1": PRECISIONS[epoch], "recall_at_5": RECALLS[epoch]}
    board.epoch(10 * epoch + 10, {"train/loss": LOSSES[epoch], "train/photos_per_second": 100.0 * epoch + 100}, val)


@pytest.fixture
def run(prepared: Any, tmp_path: Path) -> Path:
    """A run of three epochs, the second one the best."""
    folder = tmp_path / "somewhere" / "my_run"
    checkpoints = Checkpoints(folder)
    checkpoints.begin(asdict(RECIPES["alexnet"]) | {"epochs": 3, "sizes": [64, 64, 96], "init": ["/a/b/first_run"]})
    with Board(folder, 0, None, quiet=False) as board:
        for epoch in range(3):
            _epoch(board, epoch)
    np.save(folder / SCORES, _scores(prepared))
    best = {"precision_at_1": 0.75, "recall_at_5": 0.5, "epoch": 2.0}
    checkpoints.save({"epoch": 2, "best": best, "minutes": 12.34, "metrics": best}, best=True)
    return folder


@pytest.fixture
def written(prepared: Any, run: Path, tmp_path: Path) -> tuple[str, Path]:
    """The run's page, and its folder."""
    note(run, MACHINE)
    out = tmp_path / "reports" / "alexnet.mine"
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache)]
    assert main(["--run", str(run), *where, "--out", str(out), "--note", "A first try."]) == 0
    return (out / "report.md").read_text(), out


def _cells(text: str, first: str) -> list[str]:
    """The cells after the first of the one table row that begins with it."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(f"| {first} |")]
    assert len(rows) == 1, (first, rows)
    return rows[0][1:]


def _near(cell: str, estimate: Any) -> bool:
    """Whether `33.3 [11.1, 55.6]` says what an estimate does."""
    expected = [100 * estimate.value, 100 * estimate.low, 100 * estimate.high]
    return [float(number) for number in re.findall(r"[\d.]+", cell)] == pytest.approx(expected, abs=0.06)


def test_the_page_tells_what_was_trained(written: tuple[str, Path], prepared: Any) -> None:
    text, _ = written
    assert text.startswith("# alexnet.mine\n\nA first try.\n")
    assert _cells(text, "model") == ["alexnet"]
    assert _cells(text, "sizes") == ["2 × 64, 1 × 96"]
    assert _cells(text, "learning rate") == ["0.0015"]
    assert _cells(text, "seed") == ["2018"]
    assert "| epochs | 3 of 3, the best one was 2 |" in text
    assert _cells(text, "minutes") == ["12.3, evaluation included"]
    assert _cells(text, "photos/s in training") == ["100 to 300 an epoch"]
    assert _cells(text, "training photos") == ["72"]
    assert _cells(text, "val photos") == ["24"]
    assert _cells(text, "protocol") == ["own"]
    assert f"`{split_sha256(prepared.posts)}`" in text


def test_the_page_tells_on_which_machine(written: tuple[str, Path]) -> None:
    text, _ = written
    assert _cells(text, "machine") == ["Abacus 9, 6 cores"]
    assert _cells(text, "device and precision") == ["cpu, float32 (because)"]
    assert _cells(text, "torch") == ["2.99.1"]
    assert _cells(text, "code") == ["commit abc1234"]
    assert "did not note" not in text


def test_metrics_of_every_set_beside_popularity(written: tuple[str, Path], prepared: Any) -> None:
    text, _ = written
    expected = {
        "alexnet.mine": score_sets(_scores(prepared), prepared.posts),
        "popularity": score_sets(popularity_scores(prepared.posts), prepared.posts),
    }
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    for name, sets in expected.items():
        found = [row for row in rows if len(row) == 8 and row[2] == name]
        assert [int(row[1]) for row in found] == [entry["photos"] for entry in sets.values()]
        for row, entry in zip(found, sets.values(), strict=True):
            assert _near(row[3], entry["precision_at_1"])
            assert _near(row[5], entry["recall_at_5"])
    _, val = train_and_val(prepared.posts)
    seen = str(int((prepared.posts.sources[val] == "coco128").sum()))
    assert _cells(text, "coco128")[0] == seen
    assert _cells(text, "coco128")[2].startswith("100.0 / ")
    assert _cells(text, "flickr8k")[2].startswith("0.0 / ")


def test_the_plots_are_small_pictures_that_the_page_shows(written: tuple[str, Path]) -> None:
    text, folder = written
    assert sorted(path.name for path in folder.iterdir()) == ["loss.png", "quality.png", "report.md"]
    for name in ("loss.png", "quality.png"):
        assert f"]({name})" in text
        assert (folder / name).stat().st_size < 150_000
        with Image.open(folder / name) as picture:
            assert picture.format == "PNG"
            assert picture.width >= 400
            # Something is drawn: more than a white sheet.
            assert len(set(picture.convert("L").tobytes())) > 10


def test_no_path_of_the_machine_is_on_the_page(written: tuple[str, Path], prepared: Any, tmp_path: Path) -> None:
    text, _ = written
    for path in (tmp_path, prepared.posts.root, prepared.cache, Path.cwd(), Path("/a/b")):
        assert str(path) not in text
    assert _cells(text, "init") == ["first_run"]


def test_writing_it_again_changes_nothing(written: tuple[str, Path], prepared: Any, run: Path) -> None:
    text, folder = written
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache)]
    assert main(["--run", str(run), *where, "--out", str(folder), "--note", "A first try."]) == 0
    assert (folder / "report.md").read_text() == text


def test_a_machine_that_was_not_noted_is_looked_up_and_said_to_be(
    prepared: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.Machine, "here", classmethod(lambda _: MACHINE))
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache), "--out", str(tmp_path / "page")]
    assert main(["--run", str(run), *where]) == 0
    text = (tmp_path / "page" / "report.md").read_text()
    assert _cells(text, "machine") == ["Abacus 9, 6 cores"]
    assert _cells(text, "code") == ["not recorded"]
    assert "The run did not note its machine: machine, device and torch are those of writing this page." in text


def test_a_page_of_a_real_training(prepared: Any, runs: Path, tmp_path: Path) -> None:
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache), "--out", str(tmp_path / "resnet18")]
    assert main(["--run", str(runs / "resnet18"), *where]) == 0
    text = (tmp_path / "resnet18" / "report.md").read_text()
    best = Checkpoints(runs / "resnet18").best()["best"]
    assert f"6 of 6, the best one was {best['epoch']:.0f}" in text
    headline = [line for line in text.splitlines() if line.startswith("| all val | 24 | resnet18 |")]
    cells = headline[0].split(" | ")
    assert [float(cells[place].split()[0]) for place in (3, 5)] == pytest.approx(
        [100 * best["precision_at_1"], 100 * best["recall_at_5"]], abs=0.06
    )
    assert "not recorded" not in text


def test_a_run_of_other_data_or_another_protocol_is_refused(
    prepared: Any, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache), "--out", str(tmp_path / "page")]
    np.save(run / SCORES, _scores(prepared)[1:])
    assert main(["--run", str(run), *where]) == 2
    assert "has the logits of 23 photos" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("lost", ["tensorboard", "checkpoint.pt", "recipe.json", SCORES])
def test_what_a_run_lacks_is_said(prepared: Any, run: Path, lost: str) -> None:
    (run / lost).rename(run / "elsewhere")
    with pytest.raises(DataError, match=rf"{run.name}.*(no curve|no finished epoch|no run|finished no epoch)"):
        outcome_of(run, prepared.posts)


def test_an_epoch_done_twice_counts_once(run: Path) -> None:
    # Killed after the third epoch's figures and before its checkpoint, then done again.
    with Board(run, 20, None, quiet=False) as board:
        board.epoch(30, {"train/loss": 17.5}, {"precision_at_1": 0.875, "recall_at_5": 0.5})
    curves, _ = curves_of(run)
    assert curves["train/loss"] == [30.5, 20.25, 17.5]
    assert curves["val/precision_at_1"] == [0.25, 0.75, 0.875]


def test_the_machines_of_a_run_are_kept_in_order(tmp_path: Path) -> None:
    assert noted(tmp_path) == []
    other = Machine("Abacus 10", 96, "Slide Rule", "cuda (Slide Rule), bfloat16", "2.99.1", 8, "abc1235")
    for one in (MACHINE, MACHINE, other, other):
        note(tmp_path, one)
    assert noted(tmp_path) == [MACHINE, other]
    assert str(other) == "Abacus 10, 96 cores, 8 × Slide Rule"
    (tmp_path / machine.FILE).write_text('[{"processor": "Abacus 9"}]')
    with pytest.raises(DataError, match=r"machine\.json is not a list of machines"):
        noted(tmp_path)


def test_this_machine_is_known_and_named_without_paths() -> None:
    here = Machine.here(2)
    assert here.processor
    assert here.cores >= 1
    assert here.processes == 2
    assert here.device.startswith(("cpu", "cuda"))
    assert "/" not in here.commit


@pytest.mark.parametrize(
    ("value", "cell"),
    [(Estimate(0.8802, 0.8671, 0.8938), "88.0 [86.7, 89.4]"), (0.6034, "60.3"), (float("nan"), "–")],
)
def test_metrics_in_percent(value: Estimate | float, cell: str) -> None:
    assert percent(value) == cell


def test_sizes_in_words() -> None:
    assert sizes_in_words([128, 128, 176, 128]) == "2 × 128, 1 × 176, 1 × 128"
    assert sizes_in_words([]) == ""
