"""Photos as a network in training sees them: cut, mirrored, brighter or darker, normalised, on the CPU or on a GPU."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from training.views import View


def crops(photos: Sequence[NDArray[np.uint8]], views: Sequence[View], size: int, device: torch.device) -> Tensor:
    """The views of photos (H, W, 3), to whole pixels, as uint8 (B, 3, size, size) in channels_last on `device`."""
    result = torch.empty((len(photos), size, size, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    for place, (photo, view) in enumerate(zip(photos, views, strict=True)):
        left, upper, right, lower = (round(edge) for edge in view.box)
        # Only what is looked at travels to the device; no box is empty.
        part = photo[upper : max(upper + 1, lower), left : max(left + 1, right)]
        pixels = torch.tensor(part, device=device).permute(2, 0, 1)
        crop = tv.resize(pixels, [size, size], tv.InterpolationMode.BICUBIC, antialias=True)
        result[place] = tv.horizontal_flip(crop) if view.mirrored else crop
    return result


def jittered(
    levels: Tensor,
    rngs: Sequence[np.random.Generator],
    mean: Sequence[float],
    std: Sequence[float],
    strength: float = 0.25,
) -> Tensor:
    """Photos (B, 3, H, W) of levels 0 to 255 with brightness, contrast and colours shifted, normalised to float32.

    Each photo draws from a generator of its own. What would leave 0 to 255 is cut off there.
    """
    draws = torch.tensor(np.stack([rng.uniform(-1, 1, 5) for rng in rngs]), dtype=torch.float32).to(levels.device)
    draws = draws.view(len(levels), 5, 1, 1)
    gain = (1 + strength * draws[:, :1]) * (1 + strength / 4 * draws[:, 1:4])
    photos = levels.float()
    middle = photos.mean(dim=(1, 2, 3), keepdim=True)
    shift = middle * (1 - gain) + 255 * strength / 2 * draws[:, 4:]
    centre, scale = (torch.tensor(value, device=levels.device).view(1, 3, 1, 1) * 255 for value in (mean, std))
    # One multiplication and one addition do both: these are the largest arrays of a batch.
    photos.mul_(gain / scale).add_((shift - centre) / scale)
    return torch.clamp_(photos, min=-centre / scale, max=(255 - centre) / scale)
