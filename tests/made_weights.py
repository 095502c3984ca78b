"""A weight folder of a few kilobytes whose files hold noise: for whoever moves weights and never looks through them."""

import hashlib
from pathlib import Path

import numpy as np

from hashstagram.photos import Preprocessing
from hashstagram.records import CompanionsRecord, Quantised, Record, StoredFile
from hashstagram.weights import Manifest


def make_weights(folder: Path, **seeds: int) -> Path:
    """Write the folder. The models `alexnet` and `vgg16` are always the same but for a seed: `vgg16=1`."""
    folder.mkdir(parents=True)
    (folder / "vocabulary.txt").write_text("beach\nlove\ninstagood\n")
    (folder / "platform_tags.txt").write_text("instagood\n")
    (folder / "MODEL_CARD.md").write_text("# About these weights\n")
    (folder / "reliability").mkdir()
    (folder / "reliability" / "vgg16.noise_v1.png").write_bytes(b"a plot")
    manifest = Manifest.start(folder / "vocabulary.txt", folder / "platform_tags.txt")
    sha256, platt = manifest.vocabulary.sha256, {"method": "platt", "scale": 1.0, "bias": 0.0}
    for number, name in enumerate(("alexnet", "vgg16")):
        seed = seeds.get(name, 0) * 10 + number
        exact = _noise(folder, f"{name}.noise_v1.safetensors", seed, 70_000)
        graph = _noise(folder, f"{name}.noise_v1.int8.xml", seed + 2, 3_000)
        numbers = _noise(folder, f"{name}.noise_v1.int8.safetensors", seed + 4, 30_000)
        record = Record(
            name=name,
            tag="noise_v1",
            network=name,
            options={},
            parts=(),
            file=exact.file,
            bytes=exact.bytes,
            sha256=exact.sha256,
            vocabulary_sha256=sha256,
            description="noise",
            input=Preprocessing(256, 224, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            taught=("beach", "love"),
            calibration=platt,
            int8=Quantised(graph, numbers, default=True, calibration=platt),
        )
        manifest = manifest.with_record(record)
    layer = _noise(folder, "companions.noise_v1.safetensors", 9, 2_000)
    companions = CompanionsRecord(
        "companions", "noise_v1", layer.file, layer.bytes, layer.sha256, sha256, ("beach", "love"), ("instagood",)
    )
    manifest.with_companions(companions).save(folder)
    return folder


def _noise(folder: Path, file: str, seed: int, size: int) -> StoredFile:
    content = np.random.default_rng(seed).bytes(size)
    (folder / file).write_bytes(content)
    return StoredFile(file, size, hashlib.sha256(content).hexdigest())
