"""A weight folder that is not what its manifest says: the program says so, and does not start."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import StartServer
from test_server import refusal

WEIGHT = "alexnet.small_v1.safetensors"


def swap_the_vocabulary(folder: Path) -> None:
    """The first two tags change places: every answer would be for the wrong tag."""
    file = folder / "vocabulary.txt"
    first, second, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join((second, first, *rest)), encoding="utf-8")


def flip_a_byte(folder: Path) -> None:
    file = folder / WEIGHT
    content = bytearray(file.read_bytes())
    content[-1000] ^= 0xFF
    file.write_bytes(content)


def cut_off(folder: Path) -> None:
    file = folder / WEIGHT
    file.write_bytes(file.read_bytes()[:-7])


class Attack:
    """What a pickle can do to whoever loads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.mark,)


def put_a_pickle_in_its_place(folder: Path) -> None:
    """With a manifest that vouches for it, as whoever publishes weights could write one."""
    content = pickle.dumps(Attack(folder / "run.txt"))
    (folder / WEIGHT).write_bytes(content)
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    record = next(model for model in manifest["models"] if model["file"] == WEIGHT)
    record |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    file.write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (swap_the_vocabulary, "the manifest has 997 with "),
        (flip_a_byte, f"{WEIGHT} is damaged"),
        (cut_off, f"{WEIGHT} has "),
        (put_a_pickle_in_its_place, f"{WEIGHT} is not a safetensors file of ours"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_is_refused_at_start_in_a_sentence(
    start_server: StartServer, small_weights: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    folder = Path(shutil.copytree(small_weights, tmp_path / "weights"))
    damage(folder)
    server = start_server(folder, ready=False, HASHSTAGRAM_MODELS="alexnet")

    sentence = refusal(server)
    assert said in sentence
    assert sentence.endswith(".")
    assert not (folder / "run.txt").exists()
