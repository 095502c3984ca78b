"""Dense fp32 networks with the published weights: every low-rank layer multiplied out to the one that it stands for."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from hashstagram.networks import Network, build
from hashstagram.weights import Manifest, Record, load_tensors


def dense_networks(folder: Path, manifest: Manifest, records: Sequence[Record]) -> dict[str, Network]:
    """The networks of some records by their ids, on the CPU; HashNet's trunks are the modules of the single models.

    Raises WeightsError for weights that are missing or damaged.
    """
    networks: dict[str, Network] = {}

    def load(record: Record) -> Network:
        if record.id not in networks:
            parts = [load(manifest.record(part)) for part in record.parts]
            tags = manifest.vocabulary.tags
            network = build(record.network, num_tags=tags, options=record.options, parts=parts)
            tensors = load_tensors(folder, record)
            network.load_own_state({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
            multiply_out(network)
            networks[record.id] = network.eval().requires_grad_(False)
        return networks[record.id]

    return {record.id: load(record) for record in records}


def multiply_out(module: nn.Module) -> None:
    """Replace each pair of factors anywhere in a module by one dense layer that computes the same."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) == 2 and all(isinstance(part, nn.Linear) for part in child):
            setattr(module, name, _product(*child))
        else:
            multiply_out(child)


def _product(first: nn.Module, second: nn.Module) -> nn.Linear:
    if not isinstance(first, nn.Linear) or not isinstance(second, nn.Linear):
        raise TypeError(f"Two linear layers were expected, not {first} and {second}.")
    # Without weights of its own, which would be filled with random numbers and thrown away.
    dense = nn.Linear(first.in_features, second.out_features, device="meta")
    dense.weight = nn.Parameter(second.weight.detach() @ first.weight.detach(), requires_grad=False)
    dense.bias = second.bias
    return dense
