"""Random changes keep what makes a picture and its target, and come from one generator."""

import numpy as np
import torch

from augmentation import crop_and_flip, mixup


def pictures(count: int = 6) -> torch.Tensor:
    return torch.arange(count * 3 * 8 * 8, dtype=torch.float32).reshape(count, 3, 8, 8)


def test_nothing_changes_without_padding_and_flips():
    result = crop_and_flip(pictures(), np.random.default_rng(0), padding_px=0, flip=0)
    assert torch.equal(result, pictures())


def test_a_certain_flip_mirrors_left_and_right():
    result = crop_and_flip(pictures(), np.random.default_rng(0), padding_px=0, flip=1)
    assert torch.equal(result, pictures().flip(-1))


def test_a_shift_moves_each_picture_by_its_own_amount_and_reflects_the_edge():
    row = torch.arange(8.0).repeat(40, 3, 8, 1)
    result = crop_and_flip(row, np.random.default_rng(0), padding_px=2, flip=0)
    seen = {tuple(line) for line in result[:, 0, 0].tolist()}
    ramp = [2.0, 1.0, *range(8), 6.0, 5.0]
    assert seen == {tuple(ramp[left : left + 8]) for left in range(5)}


def test_the_same_generator_state_gives_the_same_changes():
    one, other = (
        crop_and_flip(pictures(), np.random.default_rng(5), padding_px=2, flip=0.5)
        for _ in range(2)
    )
    assert torch.equal(one, other)


def test_mixup_blends_pictures_and_targets_in_the_same_share():
    targets = torch.eye(6)
    blended, soft = mixup(pictures(), targets, np.random.default_rng(1), alpha=1.0)
    share = float(soft[0, 0])
    assert 0 < share < 1
    torch.testing.assert_close(soft.sum(1), torch.ones(6))
    expected = share * pictures() + (1 - share) * pictures().roll(1, 0)
    torch.testing.assert_close(blended, expected)


def test_mixup_with_alpha_0_changes_nothing():
    blended, soft = mixup(pictures(), torch.eye(6), np.random.default_rng(1), alpha=0)
    assert torch.equal(blended, pictures())
    assert torch.equal(soft, torch.eye(6))
