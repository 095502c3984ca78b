"""The cores of this process: how many, and who is alone."""

import os
import threading

import pytest

from hashstagram import SettingError
from hashstagram.engines import cores


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_limit", None)


def test_all_cores_that_the_system_gives_unless_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    cores.limit_from_environment()
    assert cores.limit() is None
    assert cores.count() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("HASHSTAGRAM_THREADS", "3")
    assert cores.count() == len(os.sched_getaffinity(0)), "the environment counts only when the entry point asks"
    cores.limit_from_environment()
    assert cores.count() == cores.limit() == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_threads_that_are_no_number_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HASHSTAGRAM_THREADS", value)
    with pytest.raises(SettingError, match=f"HASHSTAGRAM_THREADS is '{value}'. Give a whole number from 1 on"):
        cores.limit_from_environment()


def test_a_photo_is_alone_until_another_comes_and_again_when_that_has_gone() -> None:
    other_is_there, may_go = threading.Event(), threading.Event()

    def other() -> None:
        with cores.photo_at_work():
            other_is_there.set()
            may_go.wait(10)

    with cores.photo_at_work():
        assert cores.alone()
        thread = threading.Thread(target=other)
        thread.start()
        assert other_is_there.wait(10)
        assert not cores.alone()
        may_go.set()
        thread.join()
        assert cores.alone()


def test_a_photo_that_fails_is_gone_too() -> None:
    with pytest.raises(ZeroDivisionError), cores.photo_at_work():
        _ = 1 / 0
    with cores.photo_at_work():
        assert cores.alone()
