"""Every capture file is read once, however late it is, and the checkpoint does not grow."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.monitor.checkpoint import (
    MOST_LATE,
    Checkpoint,
    advance,
    beginning,
    belonging_to,
    named_at,
    unread,
)
from tests.unit.lambdas.monitor.conftest import capture_key

NOON = datetime(2026, 11, 7, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
KEYS = [capture_key(NOON + number * MINUTE, number) for number in range(3)]


def after(checkpoint: Checkpoint, *keys: str, until: datetime = NOON + HOUR) -> Checkpoint:
    return advance(checkpoint, until, keys, [], None)


def test_at_the_beginning_every_file_is_new() -> None:
    assert unread(beginning(NOON), KEYS) == KEYS


def test_a_file_that_was_read_is_not_read_again() -> None:
    assert unread(after(beginning(NOON), *KEYS[:2]), KEYS) == KEYS[2:]


@pytest.mark.parametrize("late", [MINUTE, HOUR, MOST_LATE - HOUR])
def test_a_late_file_is_read_whatever_hour_its_name_says(late: timedelta) -> None:
    key = capture_key(NOON + HOUR - late, 9)
    assert unread(after(beginning(NOON), *KEYS), [*KEYS, key]) == [key]


def test_a_file_that_is_named_after_the_window_is_read_once_too() -> None:
    key = capture_key(NOON + 3 * HOUR)
    assert unread(beginning(NOON), [key]) == [key]
    assert unread(after(after(beginning(NOON), key), until=NOON + 5 * HOUR), [key]) == []


def test_files_are_read_in_the_order_of_their_times() -> None:
    assert unread(beginning(NOON), reversed(KEYS)) == KEYS


def test_what_is_no_capture_file_is_not_read() -> None:
    assert unread(beginning(NOON), ["captures/scones-test/AllTraffic/readme.txt"]) == []


def test_a_file_that_is_left_is_read_the_next_time_however_much_later_that_is() -> None:
    left = KEYS[2]
    checkpoint = advance(beginning(NOON), NOON + 10 * MOST_LATE, KEYS[:2], [left], None)
    assert unread(checkpoint, KEYS) == [left]


def test_after_a_pause_of_days_what_was_captured_meanwhile_is_new() -> None:
    checkpoint = after(beginning(NOON), *KEYS)
    meanwhile = [capture_key(NOON + HOUR + day * timedelta(days=1), day) for day in range(5)]
    assert unread(checkpoint, [*KEYS, *meanwhile]) == meanwhile


def test_the_checkpoint_holds_the_files_of_a_day_and_no_more() -> None:
    checkpoint = beginning(NOON)
    sizes = []
    for hour in range(100):
        end = NOON + (hour + 1) * HOUR
        keys = [capture_key(end - number * MINUTE, number) for number in range(1, 11)]
        checkpoint = after(checkpoint, *keys, until=end)
        assert unread(checkpoint, keys) == []
        sizes.append(sum(map(len, checkpoint.seen.values())))
    assert max(sizes) == sizes[-1] <= 10 * (MOST_LATE / HOUR + 2)


def test_a_checkpoint_comes_back_from_json_as_it_was() -> None:
    checkpoint = advance(beginning(NOON), NOON + HOUR, KEYS, [], NOON)
    for kept in (beginning(NOON), belonging_to(checkpoint, "2026-11-07T11:00:00+00:00")):
        assert Checkpoint.from_json(json.loads(json.dumps(kept.to_json()))) == kept


def test_the_newest_record_stays_the_newest_of_all() -> None:
    checkpoint = advance(beginning(NOON), NOON + HOUR, [], [], NOON)
    assert advance(checkpoint, NOON + 2 * HOUR, [], [], NOON - HOUR).newest == NOON
    assert advance(checkpoint, NOON + 2 * HOUR, [], [], None).newest == NOON


def test_another_baseline_begins_anew_and_the_same_one_goes_on() -> None:
    judging = Checkpoint(NOON, NOON, baseline="a", judge={"scores": [1]}, severity=3)
    assert belonging_to(judging, "a") == judging
    assert belonging_to(judging, "b") == Checkpoint(NOON, NOON, baseline="b")
    assert belonging_to(judging, None) == Checkpoint(NOON, NOON)


def test_another_key_has_no_time() -> None:
    with pytest.raises(ValueError, match="no capture file"):
        named_at("captures/readme.txt")
