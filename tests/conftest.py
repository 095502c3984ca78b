"""Fixtures for all tests: weights, drawn photos, and a home of their own."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save
from storage_emulator import CloudStorage

from hashstagram.networks import Network, build
from hashstagram.photos import Preprocessing, to_tensor
from hashstagram.weights import CompanionsRecord, Manifest, Record

ROOT = Path(__file__).resolve().parent.parent

# What the small networks may recommend, and what their companion layer adds.
SMALL_TAUGHT = (
    "beach friend family girl fashion snow black sun nature smile sea cake dog flower hair tree red food blue sky "
    "sunset night mountain baby cat coffee ocean wedding puppy drink landscape cloud car portrait"
)
SMALL_OUTPUTS = (
    "instagood instafood photooftheday dogsofinstagram dogstagram instadog catsofinstagram beachlife naturelovers "
    "wanderlust foodstagram travelgram adorable petstagram seaside skylovers bestfriend bride"
)

SMALL_INPUT = Preprocessing(72, 64, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the user's home, or sees the user's settings."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in list(os.environ):
        if name.startswith(("HASHSTAGRAM_", "XDG_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def bundled_weights() -> Path:
    """The weight folder of the repository, with the trained weights."""
    return ROOT / "weights"


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory, drawn_photos: list[Image.Image]) -> Path:
    """A weight folder in the real form, of the real networks at low ranks, untrained but always the same.

    Photos are looked at in 64 × 64, which these networks can do and which is quick. Whoever wants to change something
    in the folder takes `weights_copy`.
    """
    folder = tmp_path_factory.mktemp("weights")
    for name in ("vocabulary.txt", "platform_tags.txt"):
        shutil.copy(ROOT / "weights" / name, folder)
    manifest = Manifest.start(folder / "vocabulary.txt", folder / "platform_tags.txt")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2018)
        ranks = {"ranks": [8, 8, 8]}
        vgg16, alexnet = build("vgg16", options=ranks), build("alexnet", options=ranks)
        head = {"width": 64, "rank": 8}
        hashnet = build("hashnet", options=head, parts=[vgg16, alexnet])
        for network in (vgg16, alexnet, hashnet):
            _tell_apart(network, drawn_photos[:8])
        vgg16_record = _network_record(folder, manifest, "vgg16", ranks, vgg16)
        alexnet_record = _network_record(folder, manifest, "alexnet", ranks, alexnet)
        hashnet_record = _network_record(
            folder, manifest, "hashnet", head, hashnet, parts=(vgg16_record.id, alexnet_record.id)
        )
        inputs, outputs = tuple(SMALL_TAUGHT.split()), tuple(SMALL_OUTPUTS.split())
        implied = torch.zeros(len(inputs), len(inputs))
        implied[inputs.index("puppy"), inputs.index("dog")] = 1
        tensors = {
            "implied": implied,
            "hidden.weight": torch.randn(16, len(inputs)) / 2,
            "hidden.bias": torch.zeros(16),
            "output.weight": torch.randn(len(outputs), 16),
            "output.bias": torch.randn(len(outputs)) - 2,
        }
    manifest = manifest.with_record(vgg16_record).with_record(alexnet_record)
    manifest = manifest.with_record(hashnet_record, default=True)
    content = save({name: tensor.half() for name, tensor in tensors.items()})
    (folder / "companions.safetensors").write_bytes(content)
    companions = CompanionsRecord(
        name="companions",
        tag="small_v1",
        file="companions.safetensors",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        vocabulary_sha256=manifest.vocabulary.sha256,
        inputs=inputs,
        outputs=outputs,
    )
    manifest.with_companions(companions).save(folder)
    return folder


@pytest.fixture
def weights_copy(small_weights: Path, tmp_path: Path) -> Path:
    """A copy of `small_weights`. Its files are hard links: `rewrite` changes one without changing the original."""
    return Path(shutil.copytree(small_weights, tmp_path / "weights", copy_function=os.link))


@pytest.fixture
def rewrite() -> Callable[[Path, bytes], None]:
    """Give a file of `weights_copy` other content."""

    def rewrite(path: Path, content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    return rewrite


@pytest.fixture(scope="session")
def _cloud_servers() -> Iterator[CloudStorage]:
    servers = CloudStorage()
    yield servers
    servers.close()


@pytest.fixture
def cloud(_cloud_servers: CloudStorage, monkeypatch: pytest.MonkeyPatch) -> CloudStorage:
    """Cloud Storage on this machine, with an empty bucket, where every `gs://` address leads."""
    _cloud_servers.empty()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", _cloud_servers.host)
    return _cloud_servers


@pytest.fixture(scope="session")
def drawn_photos() -> list[Image.Image]:
    """Fifty different drawn pictures, always the same, of different sizes."""
    return [_drawing(np.random.default_rng(number)) for number in range(50)]


def _drawing(random: np.random.Generator) -> Image.Image:
    width, height = (int(side) for side in random.integers(80, 240, size=2))
    image = Image.new("RGB", (width, height), tuple(int(value) for value in random.integers(0, 256, size=3)))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top, *colour = (int(value) for value in random.integers(0, 256, size=5))
        size = int(random.integers(10, 90))
        draw.ellipse((left - size, top - size, left + size, top + size), fill=tuple(colour))
    return image


def _tell_apart(network: Network, photos: list[Image.Image]) -> None:
    """Turn the last layer up until photos differ: each logit gets mean 0 and deviation 1 over some photos."""
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    batch = torch.from_numpy(np.stack([to_tensor(photo, SMALL_INPUT) for photo in photos]))
    with torch.no_grad():
        logits = network.eval()(batch)
        factor = 1 / logits.std(dim=0)
        last.bias.sub_(logits.mean(dim=0)).mul_(factor)
        last.weight.mul_(factor[:, None])


def _network_record(
    folder: Path,
    manifest: Manifest,
    name: str,
    options: dict[str, object],
    network: Network,
    parts: tuple[str, ...] = (),
) -> Record:
    content = save({key: tensor.half().contiguous() for key, tensor in network.own_state().items()})
    file = f"{name}.small_v1.safetensors"
    (folder / file).write_bytes(content)
    return Record(
        name=name,
        tag="small_v1",
        network=name,
        options=options,
        parts=parts,
        file=file,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        vocabulary_sha256=manifest.vocabulary.sha256,
        description=f"untrained {name}, for tests",
        input=SMALL_INPUT,
        taught=tuple(SMALL_TAUGHT.split()),
        calibration={"method": "platt", "scale": 1.0, "bias": -1.0},
        training={"seed": 2018},
        metrics={"precision_at_1": {"value": 0.5, "n": 2}},
        licence={"code": "Apache-2.0"},
    )


@pytest.fixture
def close_folder(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make folders of a name such that nobody may look into them; permissions would not keep root out."""
    scandir = os.scandir

    def close(name: str) -> None:
        def closed(path: str) -> object:
            if str(path).endswith(name):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", closed)

    return close
