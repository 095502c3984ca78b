"""A photo to its hashtags as in 2018: Pillow decodes all of it, torchvision cuts it, PyTorch eager computes alone."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from benchmarks.stack2018.networks import dense_networks
from hashstagram.networks import Network
from hashstagram.photos import Preprocessing
from hashstagram.weights import Manifest, Record, load_vocabulary, resolve

TOP_K = 5
_KERNELS = {
    "bicubic": transforms.InterpolationMode.BICUBIC,
    "bilinear": transforms.InterpolationMode.BILINEAR,
}


@dataclass(frozen=True, eq=False)
class Model2018:
    """A loaded model. `allowed` are the outputs that may be recommended: tags that were taught, no platform tags."""

    record: Record
    network: Network
    tags: tuple[str, ...]
    allowed: npt.NDArray[np.bool_]
    transform: transforms.Compose

    def tensor(self, photo: bytes) -> Tensor:
        """A file's bytes to the network's input (3, crop, crop), normalised."""
        image = Image.open(io.BytesIO(photo)).convert("RGB")
        tensor: Tensor = self.transform(image)
        return tensor

    def logits(self, batch: Tensor) -> Tensor:
        """Photos (B, 3, crop, crop) to logits (B, tags)."""
        with torch.no_grad():
            logits: Tensor = self.network(batch)
        return logits

    def hashtags(self, photo: bytes) -> list[tuple[str, float]]:
        """The five surest visible tags of a photo with their calibrated probabilities, the surest first."""
        logits = self.logits(self.tensor(photo).unsqueeze(0))[0]
        probabilities = torch.sigmoid(self.record.scale * logits + self.record.bias).numpy()
        best = np.argsort(-np.where(self.allowed, probabilities, 0), kind="stable")[:TOP_K]
        return [(self.tags[index], float(probabilities[index])) for index in best]


def load_models(names: Sequence[str] = ()) -> dict[str, Model2018]:
    """Models of the weight folder by name, all where none is named; Pillow reads what HashStagram's Pillow reads.

    Raises SettingError for a model that there is not, and WeightsError for weights that cannot be used.
    """
    folder = resolve()
    manifest = Manifest.load(folder)
    vocabulary = load_vocabulary(folder, manifest)
    records = [manifest.record(name) for name in names] or list(manifest.models)
    networks = dense_networks(folder, manifest, records)
    models = {}
    for record in records:
        allowed = np.zeros(len(vocabulary), dtype=np.bool_)
        allowed[[vocabulary.index(tag) for tag in record.taught]] = True
        allowed[[vocabulary.index(tag) for tag in vocabulary.platform]] = False
        models[record.name] = Model2018(record, networks[record.id], vocabulary.tags, allowed, _transform(record.input))
    return models


def _transform(wanted: Preprocessing) -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.Resize(wanted.resize, interpolation=_KERNELS[wanted.interpolation]),
            transforms.CenterCrop(wanted.crop),
            transforms.ToTensor(),
            transforms.Normalize(wanted.mean, wanted.std),
        ]
    )
