"""The manifest's figures in documents."""

from pathlib import Path

import pytest
import yaml

from hashstagram.records import SynonymsRecord
from hashstagram.weights import Manifest
from training.card import BLOCKS, filled, main

DOCUMENT = "# Title\n\nProse before.\n\n<!-- figures -->\nold\n<!-- /figures -->\n\nProse after.\n"


def test_a_block_is_replaced_and_prose_stays(published: Path) -> None:
    text = filled(DOCUMENT, Manifest.load(published))
    assert text.startswith("# Title\n\nProse before.\n\n<!-- figures -->\n")
    assert text.endswith("\n<!-- /figures -->\n\nProse after.\n")
    assert "old" not in text
    assert filled(text, Manifest.load(published)) == text


def test_figures_are_those_of_the_records(published: Path) -> None:
    manifest = Manifest.load(published)
    text = filled(DOCUMENT, manifest)
    for record in manifest.models:
        entry = record.metrics["val"]["main"]["precision_at_1"]
        expected = (
            f"| {record.name} | {100 * entry['value']:.1f} [{100 * entry['low']:.1f}, {100 * entry['high']:.1f}] |"
        )
        assert expected in text
    assert f"n = {manifest.models[0].metrics['val']['main']['photos']}:" in text


def test_every_block_can_be_written(published: Path) -> None:
    manifest = Manifest.load(published)
    for name, make in BLOCKS.items():
        if name not in ("companions", "variety"):
            assert all(record.name in make(manifest) for record in manifest.models), name


def test_the_cost_of_variety_stands_in_its_block_and_under_the_figures(published: Path) -> None:
    manifest = Manifest.load(published)
    first = manifest.models[0]
    estimate, moved = ({"value": value, "low": value - 0.01, "high": value + 0.01} for value in (0.45, -0.0032))
    without, difference = (dict.fromkeys(("precision_at_5", "recall_at_5"), each) for each in (estimate, moved))
    cost = {"precision": "int8", "photos": 24, "changed": 0.125, "without": without, "difference": difference}
    manifest = manifest.with_synonyms(SynonymsRecord("synonyms.txt", "0", metrics={first.id: cost}))

    row = "45.0 [44.0, 46.0] | -0.32 [-1.32, +0.68]"
    text = filled("<!-- variety -->\n<!-- /variety -->\n", manifest)
    assert f"| {first.id} in int8 | 24 | 12.5 % | {row} | {row} |" in text
    said = f"Variety moves {first.name} by -0.32 [-1.32, +0.68] of P@5 and -0.32 [-1.32, +0.68] of R@5"
    assert said in filled(DOCUMENT, manifest)


def test_check_names_stale_documents_and_writes_nothing(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "README.md"
    document.write_text(DOCUMENT, encoding="utf-8")
    assert main(["--weights", str(published), "--check", str(document)]) == 2
    assert f"out of date in {document}. Run: python -m training.card" in capsys.readouterr().err
    assert document.read_text(encoding="utf-8") == DOCUMENT
    assert main(["--weights", str(published), str(document)]) == 0
    assert main(["--weights", str(published), "--check", str(document)]) == 0


def test_the_front_matter_has_the_figures_as_hugging_face_reads_them(published: Path) -> None:
    manifest = Manifest.load(published)
    text = filled("---\nlicense: other\n# <!-- model-index -->\nold\n# <!-- /model-index -->\n---\nProse.\n", manifest)
    assert filled(text, manifest) == text
    _, front, prose = text.split("---\n")
    assert prose == "Prose.\n"
    content = yaml.safe_load(front)
    assert content["license"] == "other"
    for entry, record in zip(content["model-index"], manifest.models, strict=True):
        assert entry["name"] == record.id
        found = {metric["type"]: metric["value"] for metric in entry["results"][0]["metrics"]}
        assert found["recall_at_5"] == record.metrics["val"]["main"]["recall_at_5"]["value"]
