"""Random changes keep what makes a picture and its target, and come from one generator."""

import numpy as np
import torch

from augmentation import mixup, move


def pictures(count: int = 6) -> torch.Tensor:
    return torch.arange(count * 3 * 8 * 8, dtype=torch.float32).reshape(count, 3, 8, 8)


STILL = {"shift": 0, "zoom": 0, "rotation": 0, "flip": 0}
WAVE = torch.sin(torch.linspace(0, 6, 33))


def moved(shown: torch.Tensor, seed: int = 0, **settings: float) -> torch.Tensor:
    return move(shown, np.random.default_rng(seed), **STILL | settings)


def smooth(count: int = 40) -> torch.Tensor:
    """Pictures [n, 3, 33, 33], all the same, without a symmetry; bilinear pixels suit them."""
    return (WAVE[:, None] + 0.7 * WAVE[None, :] ** 2 + 0.3 * WAVE[None, :]).repeat(count, 3, 1, 1)


def test_nothing_changes_without_a_movement():
    torch.testing.assert_close(moved(pictures()), pictures())


def test_a_certain_flip_mirrors_left_and_right():
    torch.testing.assert_close(moved(pictures(), flip=1), pictures().flip(-1))


def test_a_flip_is_of_each_picture_alone():
    mirrored = [
        torch.allclose(one, smooth(1)[0].flip(-1), atol=1e-3) for one in moved(smooth(), flip=0.5)
    ]
    assert 8 < sum(mirrored) < 32


def test_a_shift_moves_each_picture_by_its_own_amount_up_to_its_limit():
    ramp = torch.arange(32.0).repeat(60, 3, 32, 1)
    shown = moved(ramp, shift=0.125)
    # In the middle of a ramp the value says where it comes from: at most 4 of 32 pixels away.
    away = shown[:, 0, 16, 16] - 16
    assert 3 < away.abs().max() <= 4.01
    assert away.min() < -2
    assert away.max() > 2
    upright = moved(ramp.transpose(2, 3), shift=0.125)[:, 0, 16, 16] - 16
    assert 3 < upright.abs().max() <= 4.01


def test_what_a_shift_uncovers_is_the_reflection_of_the_picture():
    ramp = torch.arange(32.0).repeat(60, 3, 32, 1)
    edge = moved(ramp, shift=0.125)[:, 0, 16]
    leftwards = edge[edge[:, 16] < 14]
    assert (leftwards[:, 0] > leftwards[:, 1]).all()
    assert edge.min() >= 0
    assert edge.max() <= 31


def test_a_zoom_makes_pictures_larger_and_smaller_about_their_middle():
    ramp = torch.arange(33.0).repeat(60, 3, 33, 1)
    shown = moved(ramp, zoom=0.2)
    torch.testing.assert_close(shown[:, 0, 16, 16], torch.full((60,), 16.0))
    factors = 8 / (shown[:, 0, 16, 24] - 16)
    assert np.exp(-0.2) - 1e-3 <= factors.min() < 0.9
    assert 1.1 < factors.max() <= np.exp(0.2) + 1e-3


def test_a_rotation_turns_pictures_both_ways_about_their_middle():
    ramp = torch.arange(33.0).repeat(60, 3, 33, 1)
    shown = moved(ramp, rotation=30)
    torch.testing.assert_close(shown[:, 0, 16, 16], torch.full((60,), 16.0))
    # Eight pixels below the middle a turned ramp has moved by 8 sin(angle).
    angles = torch.rad2deg(torch.asin((shown[:, 0, 24, 16] - 16) / 8))
    assert -30.01 <= angles.min() < -20
    assert 20 < angles.max() <= 30.01


def test_a_flip_mirrors_what_the_other_movements_have_made():
    movements = {"shift": 0.1, "zoom": 0.2, "rotation": 20}
    torch.testing.assert_close(
        moved(smooth(), **movements, flip=1), moved(smooth(), **movements).flip(-1)
    )


def test_the_same_generator_state_gives_the_same_changes():
    settings = {"shift": 0.2, "zoom": 0.3, "rotation": 20, "flip": 0.5}
    one, same, other = (moved(smooth(), seed, **settings) for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


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
