"""TensorBoard has the curves, and a few photos with predicted and true tags."""

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from training.board import Board, Showcase

SHOWCASE = Showcase(
    rows=[1, 3],
    photos=np.zeros((2, 8, 8, 3), dtype=np.uint8),
    true=[["sun", "sea"], ["cat"]],
    tags=["sun", "sea", "cat", "dog", "snow", "food"],
)


def _events(out: Path) -> EventAccumulator:
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    return events


def test_photos_are_shown_with_five_predicted_tags_the_right_ones_in_bold(tmp_path: Path) -> None:
    scores = np.zeros((4, 6), dtype=np.float32)
    scores[1], scores[3] = [5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5]
    with Board(tmp_path, 0, SHOWCASE, quiet=False) as board:
        board.show(12, scores)
        board.show(24, None)
    events = _events(tmp_path)
    assert len(events.Images("val/photos")) == 1
    (shown,) = events.Tensors("val/predicted/text_summary")
    text = shown.tensor_proto.string_val[0].decode()
    assert shown.step == 12
    assert "| 0 | sun sea | **sun** **sea** cat dog snow |" in text
    assert "| 1 | cat | food snow dog **cat** sea |" in text


def test_all_processes_but_the_first_write_nothing(tmp_path: Path) -> None:
    with Board(tmp_path, 0, SHOWCASE, quiet=True) as board:
        board.epoch(6, {"train/loss": 1.0}, {"precision_at_1": 0.5})
        board.show(6, np.zeros((4, 6), dtype=np.float32))
    assert not list(tmp_path.iterdir())
