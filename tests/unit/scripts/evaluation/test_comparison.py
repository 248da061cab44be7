"""Two models on the same pictures: counts, the exact test, and the limit of the loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from scripts.evaluation import comparison
from scripts.evaluation.comparison import Candidate, Changed, Comparison
from scripts.evaluation.quality import Prediction

LABELS = ("bicycle", "motorcycle")

# How many pictures there are, and how many only the one and only the other model gets right.
_COUNTS = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n))
    )
)


def _candidate(
    name: str, *answers: tuple[str, int, float], labels: tuple[str, ...] = LABELS
) -> Candidate:
    """Answers: the picture, its true class, and the score of the first class."""
    test = [Prediction(picture, truth, (score, 1 - score)) for picture, truth, score in answers]
    return Candidate(name, labels, threshold=0.5, target_reached=True, test=test)


CHAMPION = _candidate("old", ("a", 0, 0.9), ("b", 0, 0.8), ("c", 1, 0.3), ("d", 1, 0.6))
CHALLENGER = _candidate("new", ("d", 1, 0.7), ("c", 1, 0.4), ("b", 0, 0.1), ("a", 0, 0.7))


# McNemar's exact test


@given(st.integers(0, 60), st.integers(0, 60))
def test_both_p_values_are_those_of_the_binomial_test(
    only_champion: int, only_challenger: int
) -> None:
    trials = only_champion + only_challenger
    if trials == 0:
        return
    one_sided = binomtest(only_champion, trials, alternative="greater").pvalue
    two_sided = binomtest(only_champion, trials).pvalue
    assert comparison.p_worse(only_champion, only_challenger) == pytest.approx(one_sided, abs=1e-12)
    found = comparison.p_different(only_champion, only_challenger)
    assert found == pytest.approx(two_sided, abs=1e-12)


# Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8:
# response before and after a therapy, and hyper-responsiveness before and after a transplantation.
@pytest.mark.parametrize(("fewer", "more", "p"), [(6, 16, 0.052479), (1, 7, 0.070312)])
def test_the_two_sided_p_has_its_published_values(fewer: int, more: int, p: float) -> None:
    assert comparison.p_different(fewer, more) == pytest.approx(p, abs=1e-6)
    assert comparison.p_different(more, fewer) == comparison.p_different(fewer, more)


def test_the_one_sided_p_is_small_only_when_the_challenger_loses() -> None:
    assert comparison.p_worse(8, 0) == 1 / 256
    assert comparison.p_worse(0, 8) == 1
    assert comparison.p_worse(7, 1) == 9 / 256


def test_models_that_differ_nowhere_show_nothing() -> None:
    assert comparison.p_worse(0, 0) == comparison.p_different(0, 0) == 1


def test_thousands_of_changed_pictures_are_no_trouble() -> None:
    assert comparison.p_worse(5_000, 5_000) == pytest.approx(0.504, abs=0.001)


# The limit of the loss

# A two-sided 95 % interval ends at the one-sided 97.5 % limits.


@pytest.mark.parametrize(
    ("only_first", "only_second", "samples", "confidence", "low", "high"),
    [
        # Fagerland, Lydersen and Laake 2017, chapter 8, the same two tables.
        (6, 16, 161, 0.975, -0.1240, -0.0054),
        (1, 7, 21, 0.975, -0.517, -0.026),
        # R's PropCIs 0.3-0, scoreci.mp(28, 25, 618, 0.90).
        (25, 28, 618, 0.95, -0.0247, 0.0148),
    ],
)
def test_tangos_interval_has_its_published_values(
    only_first: int, only_second: int, samples: int, confidence: float, low: float, high: float
) -> None:
    digits = 1e-4 if samples > 21 else 1e-3
    found = comparison.loss_limit(only_first, only_second, samples, confidence)
    assert found == pytest.approx(high, abs=digits / 2)
    mirrored = -comparison.loss_limit(only_second, only_first, samples, confidence)
    assert mirrored == pytest.approx(low, abs=digits / 2)


@given(st.integers(1, 5_000))
def test_even_where_nothing_changed_sides_a_small_loss_is_not_excluded(samples: int) -> None:
    z = 1.6448536269514722
    expected = z**2 / (samples + z**2)
    assert comparison.loss_limit(0, 0, samples, 0.95) == pytest.approx(expected, abs=1e-9)


@given(_COUNTS)
def test_the_limit_lies_between_the_loss_and_everything(counts: tuple[int, int, int]) -> None:
    only_champion, only_challenger, samples = counts
    loss = (only_champion - only_challenger) / samples
    limit = comparison.loss_limit(only_champion, only_challenger, samples, 0.95)
    assert loss - 1e-9 <= limit <= 1
    assert limit <= comparison.loss_limit(only_champion, only_challenger, samples, 0.99) + 1e-9


def test_more_pictures_bring_the_limit_closer_to_the_loss() -> None:
    limits = [comparison.loss_limit(6 * k, 4 * k, 200 * k, 0.95) for k in (1, 5, 25)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == pytest.approx(0.01, abs=0.006)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_counts_that_cannot_be_have_no_limit(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        comparison.loss_limit(*counts)


# Two candidates


def test_pictures_are_counted_by_who_is_right_in_whatever_order_they_come() -> None:
    found = comparison.compare(CHAMPION, CHALLENGER, margin=0.04, confidence=0.9)
    assert found == Comparison(
        both_right=2,
        only_champion=1,
        only_challenger=0,
        both_wrong=1,
        p_worse=0.5,
        p_different=1.0,
        loss=0.25,
        loss_limit=comparison.loss_limit(1, 0, 4, 0.9),
        margin=0.04,
    )


def test_a_picture_that_changed_sides_is_shown_with_both_answers() -> None:
    assert comparison.changed_sides(CHAMPION, CHALLENGER) == (
        Changed("b", "bicycle", "bicycle", 0.8, "motorcycle", 0.9),
    )


def test_lost_pictures_come_before_won_ones_each_by_name() -> None:
    before = _candidate("old", ("a", 0, 0.1), ("d", 0, 0.9), ("c", 0, 0.9), ("b", 0, 0.1))
    after = _candidate("new", ("a", 0, 0.9), ("d", 0, 0.1), ("c", 0, 0.1), ("b", 0, 0.9))
    found = comparison.changed_sides(before, after)
    assert [item.name for item in found] == ["c", "d", "a", "b"]


def test_a_wrong_answer_that_became_another_wrong_one_did_not_change_sides() -> None:
    labels = ("a", "b", "c")
    first = Candidate("old", labels, 0.5, True, [Prediction("p", 0, (0.1, 0.8, 0.1))])
    second = Candidate("new", labels, 0.5, True, [Prediction("p", 0, (0.1, 0.1, 0.8))])
    assert comparison.changed_sides(first, second) == ()
    assert comparison.compare(first, second, 0.04, 0.95).both_wrong == 1


def test_models_that_order_their_labels_differently_are_compared_all_the_same() -> None:
    reordered = _candidate("new", ("a", 1, 0.1), ("b", 1, 0.9), labels=("motorcycle", "bicycle"))
    champion = _candidate("old", ("a", 0, 0.9), ("b", 0, 0.9))
    assert comparison.obstacle(champion, reordered) == ""
    assert comparison.changed_sides(champion, reordered) == (
        Changed("b", "bicycle", "bicycle", 0.9, "motorcycle", 0.9),
    )


# What stands in the way


def test_nothing_stands_in_the_way_of_the_same_pictures_and_labels() -> None:
    assert comparison.obstacle(CHAMPION, CHALLENGER) == ""


def test_other_labels_stand_in_the_way_even_without_answers() -> None:
    champion = _candidate("old", labels=("bicycle", "car"))
    found = comparison.obstacle(champion, CHALLENGER)
    assert "knows bicycle, car and not bicycle, motorcycle" in found


@pytest.mark.parametrize(
    ("change", "left_over"),
    [(("e", 1, 0.7), 2), (("d", 0, 0.7), 2)],
    ids=["another picture", "another truth"],
)
def test_other_test_pictures_stand_in_the_way(
    change: tuple[str, int, float], left_over: int
) -> None:
    changed = _candidate("new", ("a", 0, 0.9), ("b", 0, 0.9), ("c", 1, 0.1), change)
    found = comparison.obstacle(CHAMPION, changed)
    assert f"other test pictures: {left_over} of them" in found


@pytest.mark.parametrize("answers", [(), (("a", 0, 0.9), ("a", 0, 0.8))], ids=["none", "twice"])
def test_a_candidate_needs_one_answer_for_each_test_picture(
    answers: tuple[tuple[str, int, float], ...],
) -> None:
    with pytest.raises(ValueError, match="one answer for each test picture"):
        comparison.obstacle(CHAMPION, _candidate("new", *answers))
