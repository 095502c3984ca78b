"""The pointing rate: pictures that are what they say, and figures that follow from maps."""

from pathlib import Path

import numpy as np
import pytest

from hashstagram import HeatMap
from hashstagram.manifest import Manifest
from training import card, pointing
from training.pointing import RIGHT, SIDE, alone, beside, points_rightly, share


def heat_at(left: int, top: int, right: int, bottom: int) -> HeatMap:
    values = np.zeros((SIDE, SIDE), dtype=np.float32)
    values[top:bottom, left:right] = 1
    return HeatMap("cat", "visible", (), values, (0, 0, SIDE, SIDE))


def test_there_are_over_a_hundred_pictures_of_each_kind_always_the_same() -> None:
    for make in (alone, beside):
        pictures, again = list(make()), list(make())
        assert len(pictures) > 100
        assert {each.tag for each in pictures} <= {tag for tags in RIGHT.values() for tag in tags}
        assert all(one.picture == other.picture for one, other in zip(pictures, again, strict=True))


def test_a_photo_is_in_its_box_and_all_around_is_plain() -> None:
    for composite in list(alone())[::7]:
        pixels = np.asarray(composite.picture)
        left, top, right, bottom = composite.right
        assert 0 < left < right < SIDE
        assert 0 < top < bottom < SIDE
        assert pixels[top:bottom, left:right].std() > 10
        around = pixels.copy()
        around[top:bottom, left:right] = pixels[0, 0]
        assert (around == pixels[0, 0]).all()


def test_two_photos_lie_beside_each_other_and_the_box_is_one_of_them() -> None:
    for composite in list(beside())[::7]:
        pixels = np.asarray(composite.picture)
        left, top, right, bottom = composite.right
        assert pixels[top:bottom, left:right].std() > 10
        around = pixels.copy()
        around[top:bottom, left:right] = pixels[0, 0]
        # What is left is the other: as large, give or take the photos' forms.
        other = (around != pixels[0, 0]).any(axis=-1).sum()
        assert 0.7 < other / ((right - left) * (bottom - top)) < 1.3


def test_the_hottest_pixel_and_the_share_of_heat_count() -> None:
    heat = heat_at(100, 100, 200, 200)

    assert points_rightly(heat, (90, 90, 150, 210))
    assert share(heat, (90, 90, 150, 210)) == pytest.approx(0.5)
    assert not points_rightly(heat, (200, 0, 448, 448))
    assert share(heat, (200, 0, 448, 448)) == 0
    assert not points_rightly(heat_at(0, 0, 0, 0), (0, 0, 448, 448))


def test_rates_go_into_the_manifest_and_from_there_into_the_card(
    weights_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The networks of this folder were taught few tags.
    monkeypatch.setattr(pointing, "RIGHT", {"cat": ("cat",), "coffee": ("food",)})
    monkeypatch.setattr(pointing, "APART", ("cat", "coffee"))
    assert "| vgg16 | – | – | – | – |" in card.pointing(Manifest.load(weights_copy))
    before = (weights_copy / "manifest.json").read_bytes()

    assert pointing.main(["--weights", str(weights_copy), "--every", "8", "--dry-run"]) == 0
    assert (weights_copy / "manifest.json").read_bytes() == before
    (weights_copy / "manifest.json").unlink()
    (weights_copy / "manifest.json").write_bytes(before)
    assert pointing.main(["--weights", str(weights_copy), "--every", "8"]) == 0

    manifest = Manifest.load(weights_copy)
    for record in manifest.models:
        measured = record.metrics["pointing"]
        assert {name: rates["pictures"] for name, rates in measured.items()} == {"alone": 3, "beside": 1}
        for rates in measured.values():
            assert all(0 <= rates[key] <= 1 for key in ("rate", "share"))
            # A photo's part of what the network sees.
            assert 0.1 < rates["area"] < 0.35
        assert record.metrics["precision_at_1"] == {"value": 0.5, "n": 2}
    assert f"| {100 * measured['alone']['rate']:.0f} |" in card.pointing(manifest)
