"""How fast it trains, measured with and without making the input."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from training import speed
from training.tasks import PhotoTask


@pytest.mark.usefixtures("small_networks")
def test_a_slow_input_is_told_from_a_slow_network(
    prepared: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = PhotoTask.batches

    def slowly(self: PhotoTask, epoch: int, share: slice) -> Iterator[Any]:
        for batch in batches(self, epoch, share):
            time.sleep(1)
            yield batch

    monkeypatch.setattr(PhotoTask, "batches", slowly)
    monkeypatch.setattr(speed.measure, "__defaults__", (1, 4))
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache)]
    assert speed.main(["--model", "resnet18", *where, "--sizes", "64x1", "--batch", "8"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("resnet18, 64 pixels, ")
    found = re.search(r"batch 8: (\d+) photos/s; (\d+) without their input", printed)
    assert found
    fed, alone = (int(number) for number in found.groups())
    assert fed <= 8
    assert alone > 1.2 * fed


@pytest.mark.usefixtures("small_networks")
def test_too_few_photos_to_measure_are_said(prepared: Any, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache)]
    assert speed.main(["--model", "resnet18", *where, "--sizes", "64x1", "--batch", "16"]) == 2
    assert "An epoch has 5 batches of 16 photos, and measuring takes 23" in capsys.readouterr().err
