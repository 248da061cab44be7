"""The temperature finds how over- or underconfident a network is."""

import pytest
import torch

from calibration import HIGHEST, LOWEST, fit_temperature


def calibrated_logits(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose softmax is the true distribution of the labels drawn."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_factor_by_which_logits_are_wrong_is_found(factor):
    logits, labels = calibrated_logits(20_000)
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.05)


def test_without_any_error_the_temperature_stays_moderate():
    labels = torch.arange(100) % 2
    logits = torch.nn.functional.one_hot(labels).float() * 6
    assert 0.4 < fit_temperature(logits, labels) < 1


def test_the_temperature_has_bounds():
    labels = torch.arange(5000) % 2
    right = torch.nn.functional.one_hot(labels).float()
    assert LOWEST <= fit_temperature(right * 1e-3, labels) < LOWEST * 1.01
    assert HIGHEST * 0.99 < fit_temperature(-right * 1e3, labels) <= HIGHEST
