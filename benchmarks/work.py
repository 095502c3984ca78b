"""What each network does for one photo, counted from its layers: dense, and in the low-rank form that is published."""

import torch
from torch import nn

from benchmarks.floors import Work
from benchmarks.stack2018.networks import dense_networks
from hashstagram.engines.torch_engine import load_network
from hashstagram.weights import Manifest, load_vocabulary, resolve


def count(network: nn.Module, crop: int) -> Work:
    """Multiply-adds and weights of a network's convolutions and linear layers for one photo (3, crop, crop).

    A convolution has outputs · (inputs / groups) · kernel area of them, a linear layer inputs · outputs. Additions of
    biases, normalisation, activations and pooling are left out: they are a hundredth of it, or fused into the rest.
    """
    multiply_adds = weights = 0

    def note(module: nn.Module, _: object, outputs: torch.Tensor) -> None:
        nonlocal multiply_adds, weights
        matrix = module.weight
        if not isinstance(matrix, torch.Tensor):
            raise TypeError(f"{module} has no weights.")
        # Each weight takes part once for every place of the output's maps; a linear layer has one place.
        multiply_adds += matrix.numel() * outputs[0, 0].numel()
        weights += matrix.numel()

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, crop, crop))
    finally:
        for hook in hooks:
            hook.remove()
    return Work(multiply_adds, weights)


def all_work() -> dict[str, dict[str, Work]]:
    """The work of every model of the weight folder, `dense` and as `published`, by its name."""
    folder = resolve()
    manifest = Manifest.load(folder)
    vocabulary = load_vocabulary(folder, manifest)
    dense = dense_networks(folder, manifest, manifest.models)
    return {
        record.name: {
            "dense": count(dense[record.id], record.input.crop),
            "published": count(load_network(folder, manifest, record, vocabulary, "cpu"), record.input.crop),
        }
        for record in manifest.models
    }
