"""How long the stages of an answer take."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from hashstagram import PhotoUnsupported, load_model
from hashstagram.stages import STAGES, measured, stage


def test_an_answer_has_all_stages_and_they_are_most_of_it(small_weights: Path, drawn_photos: list[Image.Image]) -> None:
    recommender = load_model("alexnet", weights=small_weights)
    started = time.perf_counter()
    with measured() as seconds:
        recommender.recommend(drawn_photos[0])
    all_in_all = time.perf_counter() - started

    assert tuple(seconds) == STAGES == ("decode", "compute", "rank")
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) <= all_in_all


def test_a_photo_that_cannot_be_used_was_decoded_and_no_more(small_weights: Path) -> None:
    recommender = load_model("alexnet", weights=small_weights)
    with measured() as seconds, pytest.raises(PhotoUnsupported):
        recommender.recommend(b"These are words.")

    assert set(seconds) == {"decode"}


def test_a_stage_that_comes_again_adds_up_and_threads_do_not_mix() -> None:
    def work(pause: float) -> dict[str, float]:
        with measured() as seconds:
            for _ in range(2):
                with stage("decode"):
                    time.sleep(pause)
        return seconds

    with ThreadPoolExecutor(2) as threads:
        short, long = threads.map(work, (0, 0.05))

    assert long["decode"] >= 0.1 > short["decode"]
    with measured() as outer, stage("rank"):
        pass
    assert set(outer) == {"rank"}
