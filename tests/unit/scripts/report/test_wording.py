"""Numbers and times read correctly for none, one and many."""

from datetime import UTC, datetime

import pytest

from scripts.report import wording

NB = wording.NO_BREAK


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "no pictures"), (1, "1 picture"), (2, "2 pictures"), (1234, "1,234 pictures")],
)
def test_a_count_agrees_with_its_noun(n, text):
    assert wording.counted(n, "picture") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, f"0{NB}%"),
        (1.0, f"100{NB}%"),
        (0.965, f"96.5{NB}%"),
        (0.99999, f"> 99.9{NB}%"),
        (0.00001, f"< 0.1{NB}%"),
    ],
)
def test_a_share_never_rounds_up_to_all_or_down_to_nothing(share, text):
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.50"),
        (0.57, "0.57"),
        (0.79999, "0.79"),
        (0.8, "0.80"),
        (0.9951, "0.995"),
        (0.99951, "0.9995"),
        (0.99999, f">{NB}0.9999"),
        (1.0, f">{NB}0.9999"),
    ],
)
def test_a_confidence_below_the_threshold_never_reads_as_the_threshold(value, text):
    assert wording.confidence(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.8, "0.80"), (0.8137, "0.8137"), (1.0, "1.00")])
def test_the_threshold_keeps_the_digits_it_has(value, text):
    assert wording.threshold(value) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_a_list_reads_as_a_sentence(parts, text):
    assert wording.listed(parts) == text


def test_a_period_within_a_day_names_the_day_once():
    first = datetime(2026, 11, 23, 10, 2, 1, tzinfo=UTC)
    text = wording.period(first, first.replace(second=31)).replace(NB, " ")
    assert text == "23 November 2026, 10:02:01 to 10:02:31 UTC"


def test_a_period_over_days_names_both():
    first = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
    text = wording.period(first, first.replace(day=23)).replace(NB, " ")
    assert text == "16 November 2026, 09:30 to 23 November 2026, 09:30 UTC"


@pytest.mark.parametrize(
    ("month", "year", "text"),
    [
        (11, 2026, "16 to 20 November 2026"),
        (12, 2026, "16 November to 20 December 2026"),
        (1, 2027, "16 November 2026 to 20 January 2027"),
    ],
)
def test_dates_say_month_and_year_once(month, year, text):
    first = datetime(2026, 11, 16, tzinfo=UTC)
    assert wording.days(first, datetime(year, month, 20, tzinfo=UTC)).replace(NB, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (90, "90 seconds"), (10_800, "3 hours"), (86_400, "1 day")],
)
def test_a_duration_takes_its_largest_whole_unit(seconds, text):
    assert wording.duration(seconds) == text
