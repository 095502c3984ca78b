"""What the weights of a folder answer for the val photos: the fp32 reference that everything else is held against."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hashstagram.engines.torch_engine import load_network
from hashstagram.manifest import Manifest
from hashstagram.networks import HashNet, Network
from hashstagram.photos import Preprocessing, open_photo, to_tensor
from hashstagram.records import Record
from hashstagram.vocabulary import Vocabulary
from training.dataset import Posts
from training.split import split_sha256, train_and_val


def val_tensors(
    posts: Posts, served: Preprocessing, *, batch: int = 16, label: str = "val"
) -> Iterator[NDArray[np.float32]]:
    """The val photos' files in order, prepared as the library prepares them: (up to `batch`, 3, crop, crop) each."""
    _, val = train_and_val(posts)
    with tqdm(total=len(val), desc=label, unit="photo", mininterval=5) as bar:
        for start in range(0, len(val), batch):
            paths = [posts.root / posts.photos[row] for row in val[start : start + batch]]
            yield np.stack([to_tensor(open_photo(path), served) for path in paths])
            bar.update(len(paths))


@torch.inference_mode()
def val_features(network: Network, served: Preprocessing, posts: Posts) -> Tensor:
    """Penultimate features (val photos, width) from the photo files."""
    return torch.cat(
        [
            network.penultimate(torch.from_numpy(tensors).to(memory_format=torch.channels_last))
            for tensors in val_tensors(posts, served)
        ]
    )


def published_features(
    weights: Path, manifest: Manifest, record: Record, vocabulary: Vocabulary, posts: Posts, cache: Path
) -> Tensor:
    """`val_features` of a single model as it is published, computed once: HashNet stands on the same ones."""
    path = cache / f"val-{split_sha256(posts)[:16]}-{record.sha256[:16]}.npy"
    if not path.is_file():
        features = val_features(load_network(weights, manifest, record, vocabulary, "cpu"), record.input, posts)
        part = path.with_suffix(".part.npy")
        np.save(part, features.numpy())
        part.replace(path)
    return torch.from_numpy(np.load(path))


def published_logits(
    weights: Path, manifest: Manifest, record: Record, vocabulary: Vocabulary, posts: Posts, cache: Path
) -> NDArray[np.float32]:
    """Logits (val photos, tags) of a model as it is published, by PyTorch in fp32, from the photo files."""
    network = load_network(weights, manifest, record, vocabulary, "cpu")
    parts = [manifest.record(part) for part in record.parts]
    seen = [published_features(weights, manifest, part, vocabulary, posts, cache) for part in parts or [record]]
    features = torch.cat(seen, dim=1)
    with torch.inference_mode():
        if isinstance(network, HashNet):
            features = network.penultimate_of_trunks(features)
        logits: NDArray[np.float32] = network.classify(features).numpy()
    return logits
