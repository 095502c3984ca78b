"""The list of tries: a row each, none twice."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashstagram.errors import DataError
from hashstagram.weights import Manifest
from training.board import Board
from training.checkpoint import Checkpoints
from training.evaluate import score_sets
from training.ledger import COLUMNS, HEAD, RULE, main, recipe_in_short, with_row
from training.loop import SCORES
from training.machine import Machine, note
from training.outcome import percent
from training.recipes import RECIPES
from training.split import train_and_val

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "training" / "LEDGER.md"


def _rows(text: str) -> dict[str, dict[str, str]]:
    """The table of tries by run."""
    lines = text.splitlines()
    rows = {}
    for line in lines[lines.index(HEAD) + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == len(COLUMNS), line
        row = dict(zip(COLUMNS, cells, strict=True))
        assert row["run"] not in rows, f"{row['run']} stands there twice"
        rows[row["run"]] = row
    return rows


def _run(prepared: Any, folder: Path, epochs: int = 2) -> Path:
    checkpoints = Checkpoints(folder)
    checkpoints.begin(asdict(RECIPES["vgg16"]) | {"epochs": 2})
    with Board(folder, 0, None, quiet=False) as board:
        board.epoch(10, {"train/loss": 30.0}, {"precision_at_1": 0.5, "recall_at_5": 0.5})
    _, val = train_and_val(prepared.posts)
    np.save(folder / SCORES, prepared.posts.tags[val][:, prepared.posts.visible].astype(np.float32))
    best = {"precision_at_1": 0.5, "recall_at_5": 0.5, "epoch": 1.0}
    checkpoints.save({"epoch": epochs - 1, "best": best, "minutes": 3.21, "metrics": best}, best=True)
    return folder


@pytest.fixture
def where(prepared: Any, tmp_path: Path) -> list[str]:
    """The options that say where things are; the ledger is `ledger.md`."""
    data = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache)]
    return [*data, "--ledger", str(tmp_path / "ledger.md")]


def test_a_try_becomes_a_row(prepared: Any, tmp_path: Path, where: list[str]) -> None:
    run = _run(prepared, tmp_path / "first")
    note(run, Machine("Abacus 9", 6, "", "cpu, float32", "2.99.1", 1, "abc1234"))
    assert main(["--run", str(run), *where, "--note", "good | short"]) == 0
    row = _rows((tmp_path / "ledger.md").read_text())["first"]
    sets = score_sets(np.load(run / SCORES), prepared.posts)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
    assert row["commit"] == "abc1234"
    assert row["recipe"] == "vgg16, on vgg16 features, 2 epochs, rate 0.001, mixup 0.4, batch 128, seed 2018"
    assert row["n"] == str(sets["main"]["photos"])
    assert row["P@1"] == "100.0 [100.0, 100.0]" == percent(sets["main"]["precision_at_1"])
    assert row["R@5"] == percent(sets["main"]["recall_at_5"]) != row["P@1"]
    wild = sets["wild"]
    assert row["in the wild P@1 / R@5"] == f"{percent(wild['precision_at_1'])} / {percent(wild['recall_at_5'])}"
    assert row["minutes"] == "3.2"
    assert row["note"] == r"good \| short"


def test_the_same_name_again_replaces_the_row_in_its_place(prepared: Any, tmp_path: Path, where: list[str]) -> None:
    for name in ("first", "second"):
        assert main(["--run", str(_run(prepared, tmp_path / name)), *where, "--note", "before"]) == 0
    before = (tmp_path / "ledger.md").read_text()
    assert main(["--run", str(tmp_path / "first"), *where, "--note", "before"]) == 0
    assert (tmp_path / "ledger.md").read_text() == before
    assert main(["--run", str(tmp_path / "first"), *where, "--note", "after"]) == 0
    rows = _rows((tmp_path / "ledger.md").read_text())
    assert list(rows) == ["first", "second"]
    assert (rows["first"]["note"], rows["second"]["note"]) == ("after", "before")
    assert main(["--run", str(tmp_path / "first"), *where, "--name", "third"]) == 0
    assert list(_rows((tmp_path / "ledger.md").read_text())) == ["first", "second", "third"]


def test_a_stopped_try_and_an_unknown_commit_are_said_to_be(prepared: Any, tmp_path: Path, where: list[str]) -> None:
    assert main(["--run", str(_run(prepared, tmp_path / "short", epochs=1)), *where, "--note", "too slow"]) == 0
    row = _rows((tmp_path / "ledger.md").read_text())["short"]
    assert row["note"] == "stopped after 1 of 2 epochs; too slow"
    assert row["commit"] == "–"


def test_what_stands_around_the_table_stays() -> None:
    text = f"# Tries\n\nProse.\n\n{HEAD}\n{RULE}\n\n## Others\n\n| a |\n|---|\n| first |\n"
    row = dict.fromkeys(COLUMNS, "x") | {"run": "first"}
    after = with_row(text, row)
    assert list(_rows(after)) == ["first"]
    assert after.startswith(f"# Tries\n\nProse.\n\n{HEAD}\n{RULE}\n| x | x | first |")
    assert after.endswith("\n\n## Others\n\n| a |\n|---|\n| first |\n")


def test_a_ledger_of_another_form_is_left_alone(prepared: Any, tmp_path: Path, where: list[str]) -> None:
    (tmp_path / "ledger.md").write_text("Dear diary\n")
    assert main(["--run", str(_run(prepared, tmp_path / "first")), *where]) == 2
    assert (tmp_path / "ledger.md").read_text() == "Dear diary\n"


@pytest.mark.parametrize("name", ["", "  ", "a|b", "a\nb"])
def test_a_name_that_is_no_cell_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="cannot name a try"):
        with_row(f"{HEAD}\n{RULE}\n", dict.fromkeys(COLUMNS, "x") | {"run": name})


def test_recipes_in_short() -> None:
    assert recipe_in_short(asdict(RECIPES["alexnet"])) == (
        "alexnet, 13 × 128, 3 × 176, 2 × 224 px, rate 0.0015, batch 128, seed 2018"
    )
    unfrozen = asdict(RECIPES["vgg16"]) | {"features": "vgg16_pool4", "init": ["imagenet", "/x/runs/vgg16_head"]}
    assert recipe_in_short(unfrozen) == (
        "vgg16, on vgg16_pool4 features, from imagenet, vgg16_head, 16 epochs, rate 0.001, mixup 0.4, batch 128, "
        "seed 2018"
    )
    # Recipes of before features and first weights could be chosen.
    old = {"model": "hashnet", "epochs": 10, "sizes": [], "learning_rate": 5e-4, "batch": 128, "seed": 2018}
    assert recipe_in_short(old) == "hashnet, 10 epochs, rate 0.0005, batch 128, seed 2018"


def test_every_published_weight_has_its_row() -> None:
    text = LEDGER.read_text()
    rows, manifest = _rows(text), Manifest.load(ROOT / "weights")
    for record in manifest.models:
        assert record.id in rows, f"Enter it: python -m training.ledger --name {record.id} --run … --data …"
        row, found = rows[record.id], record.metrics["val"]["main"]
        assert row["n"] == f"{found['photos']:,}"
        # The ledger has the network as it was trained, the manifest as it was exported: at most 0.5 points apart.
        for column, name in (("P@1", "precision_at_1"), ("R@5", "recall_at_5")):
            assert float(row[column].split()[0]) == pytest.approx(100 * found[name]["value"], abs=0.55)
    assert manifest.companions is not None
    assert f"| {manifest.companions.id}:" in text
