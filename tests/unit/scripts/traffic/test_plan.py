"""What drivers send, and when."""

from collections import Counter

import pytest

from scripts.errors import UserError
from scripts.traffic import plan


@pytest.mark.parametrize(
    ("text", "per_second"), [("20/s", 20), ("300/m", 5), ("1800/h", 0.5), (" 2.5/s ", 2.5)]
)
def test_a_rate_is_of_a_second_a_minute_or_an_hour(text, per_second):
    assert plan.rate_of(text) == per_second


@pytest.mark.parametrize("text", ["20", "0/s", "-1/s", "a/s", "5/d", "1/s/s", "nan/s", ""])
def test_anything_else_is_no_rate(text):
    with pytest.raises(UserError, match="is no rate"):
        plan.rate_of(text)


def test_a_mix_is_shares_by_kind():
    assert plan.mix_of("dark=0.2, hostile=.05", ["dark", "hostile"]) == {
        "dark": 0.2,
        "hostile": 0.05,
    }
    assert plan.mix_of("", ["dark"]) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cat=1", "no 'cat' pictures. There are: dark, hostile"),
        ("dark=2", "'dark=2' is no share"),
        ("dark=nan", "is no share"),
        ("dark", "is no share"),
        ("dark=-0.1", "is no share"),
        ("dark=0.6,hostile=0.6", r"add up to 1\.2"),
    ],
)
def test_a_wrong_mix_is_refused(text, why):
    with pytest.raises(UserError, match=why):
        plan.mix_of(text, ["dark", "hostile"])


def test_a_stream_is_as_many_as_its_rate_says_spread_over_its_time():
    due = plan.stream(20, 60, "steady", seed=1)
    assert len(due) == 1200
    assert due == sorted(due)
    assert due[0] >= 0
    assert due[-1] <= 60
    halves = Counter(moment < 30 for moment in due)
    assert abs(halves[True] - 600) < 90  # five standard deviations


def test_a_day_has_its_busy_hours_and_its_night():
    due = plan.stream(100, 240, "day", seed=0)  # an hour lasts ten seconds
    hours = Counter(int(moment // 10) for moment in due)
    mean = len(due) / 24
    assert hours[9] > 2 * mean
    assert hours[16] > 2 * mean
    assert hours[3] < 0.2 * mean


def test_the_same_seed_is_the_same_day_and_another_seed_another():
    assert plan.stream(5, 60, "day", seed=1) == plan.stream(5, 60, "day", seed=1)
    assert plan.stream(5, 60, "day", seed=1) != plan.stream(5, 60, "day", seed=2)
    mix = {"dark": 0.5}
    assert plan.kinds(50, mix, ["a", "b"], seed=1) == plan.kinds(50, mix, ["a", "b"], seed=1)
    assert plan.kinds(50, mix, ["a", "b"], seed=1) != plan.kinds(50, mix, ["a", "b"], seed=2)


def test_a_burst_is_due_at_once():
    assert plan.burst(3) == [0, 0, 0]


@pytest.mark.parametrize("count", [0, -3, 1_000_001])
def test_a_load_of_none_and_of_more_than_a_million_is_refused(count):
    with pytest.raises(UserError, match="Ask for 1 to 1,000,000"):
        plan.burst(count)


def test_a_rhythm_that_is_not_known_is_refused():
    with pytest.raises(UserError, match="There are: steady, day"):
        plan.stream(1, 60, "waltz", seed=0)


def test_what_a_mix_leaves_is_spread_over_the_classes():
    counts = Counter(plan.kinds(10_000, {"dark": 0.2, "b": 0.4}, ["a", "b"], seed=0))
    assert abs(counts["dark"] - 2000) < 200
    assert abs(counts["a"] - 2000) < 200
    assert abs(counts["b"] - 6000) < 250


def test_a_mix_of_everything_leaves_nothing_ordinary():
    assert set(plan.kinds(100, {"dark": 0.7, "hostile": 0.3}, ["a"], seed=0)) == {"dark", "hostile"}
