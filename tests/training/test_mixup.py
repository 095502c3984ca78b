"""Mixup: pairs of photos and of what they are to teach."""

import numpy as np
import pytest
import torch

from training import mixup


def test_inputs_and_targets_are_mixed_alike() -> None:
    share, partner = mixup.draw(np.random.default_rng(0), 40, 0.4)
    inputs, targets = torch.randn(40, 3, 5, 5), torch.rand(40, 7)
    mixed, wanted = mixup.mix(inputs, share, partner), mixup.mix(targets, share, partner)
    for row in range(40):
        own, other = float(share[row]), int(partner[row])
        assert torch.allclose(mixed[row], own * inputs[row] + (1 - own) * inputs[other], atol=1e-6)
        assert torch.allclose(wanted[row], own * targets[row] + (1 - own) * targets[other], atol=1e-6)


def test_every_photo_is_a_partner_once_and_shares_lean_to_the_ends() -> None:
    share, partner = mixup.draw(np.random.default_rng(0), 1000, 0.2)
    assert sorted(partner.tolist()) == list(range(1000))
    assert (partner != torch.arange(1000)).float().mean() > 0.8
    assert float(share.mean()) == pytest.approx(0.5, abs=0.05)
    assert ((share < 0.1) | (share > 0.9)).float().mean() > 0.5


@pytest.mark.parametrize(("count", "part"), [(64, 32), (64, 8), (24, 12), (20, 5)])
def test_parts_of_a_batch_mix_within_themselves(count: int, part: int) -> None:
    _, partner = mixup.draw(np.random.default_rng(3), count, 1.0, part)
    for start in range(0, count, part):
        assert sorted(partner[start : start + part].tolist()) == list(range(start, start + part))


def test_however_many_share_a_batch_they_mix_alike() -> None:
    one, two, eight = (mixup.draw(np.random.default_rng(3), 64, 1.0, part) for part in (64, 32, 8))
    assert all(torch.equal(mine, theirs) for other in (two, eight) for mine, theirs in zip(one, other, strict=True))
