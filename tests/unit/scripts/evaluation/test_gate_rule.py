"""The gate's rule: its settings, and what its defaults mean."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from scipy.stats import multinomial

from scripts.errors import UserError
from scripts.evaluation import comparison
from scripts.evaluation.gate import Rule

# What the defaults mean for 200 pictures


def _chances(only_champion: float, only_challenger: float) -> tuple[float, float]:
    """How probable approval and rejection are, from how often each model alone is right."""
    approved = rejected = 0.0
    rates = (only_champion, only_challenger, 1 - only_champion - only_challenger)
    for lost, won in itertools.product(range(45), range(35)):
        probability = multinomial.pmf([lost, won, 200 - lost - won], 200, rates)
        if comparison.p_worse(lost, won) <= 1 - Rule().confidence:
            rejected += probability
        elif comparison.loss_limit(lost, won, 200, Rule().confidence) <= Rule().margin:
            approved += probability
    return approved, rejected


@pytest.mark.parametrize(("changed", "at_least"), [(0.02, 0.94), (0.04, 0.81), (0.06, 0.70)])
def test_an_equally_good_challenger_is_mostly_approved(changed: float, at_least: float) -> None:
    approved, rejected = _chances(changed / 2, changed / 2)
    assert approved > at_least
    assert rejected < 0.03


@pytest.mark.parametrize(("changed", "at_least"), [(0.06, 0.89), (0.10, 0.67)])
def test_one_that_is_five_points_worse_is_mostly_rejected(changed: float, at_least: float) -> None:
    approved, rejected = _chances((changed + 0.05) / 2, (changed - 0.05) / 2)
    assert rejected > at_least
    assert approved < 0.02


# Settings


def test_no_settings_are_the_default_rule() -> None:
    assert Rule.with_settings([]) == Rule()


def test_settings_change_what_they_name_and_nothing_else() -> None:
    found = Rule.with_settings(["accuracy=0.95", "margin=.02"])
    assert found == replace(Rule(), accuracy=0.95, margin=0.02)


@pytest.mark.parametrize("pair", ["speed=1", "speed", "=1", "Accuracy=0.9", ""])
def test_an_unknown_setting_is_told_the_known_ones(pair: str) -> None:
    with pytest.raises(
        UserError, match="accuracy, recall, coverage, calibration_error, margin, confidence"
    ):
        Rule.with_settings([pair])


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "inf", "high", ""])
def test_a_value_out_of_its_range_is_told_the_range(value: str) -> None:
    with pytest.raises(UserError, match=f"accuracy must be a number from 0 to 1, not '{value}'"):
        Rule.with_settings([f"accuracy={value}"])


@pytest.mark.parametrize("value", ["0.49", "1"])
def test_a_confidence_below_one_half_or_of_certainty_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=r"confidence must be a number from 0\.5 to 0\.999"):
        Rule.with_settings([f"confidence={value}"])


def test_the_rule_can_be_read_in_one_line() -> None:
    assert Rule().in_words() == (
        "accuracy at least 0.9, recall of each class at least 0.85, coverage at least 0.7, "
        "calibration error at most 0.08, loss against the champion at most 0.04, "
        "with a confidence of 0.95"
    )
