"""When scheduled actions are due."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.localcloud.scheduled_scaling import ScheduledAction, due, next_time

FRIDAY_NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "timezone", "expected"),
    [
        ("cron(0 20 * * ? *)", "UTC", "2026-11-27T20:00:00+00:00"),
        ("cron(0 20 * * ? *)", "Europe/Berlin", "2026-11-27T20:00:00+01:00"),
        ("cron(0 20 ? * MON-THU *)", "UTC", "2026-11-30T20:00:00+00:00"),
        ("cron(30 5 1 * ? *)", "UTC", "2026-12-01T05:30:00+00:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-11-28T12:00:00+00:00"),
    ],
)
def test_the_next_time_is_later_and_on_the_clocks_of_its_time_zone(schedule, timezone, expected):
    assert next_time(schedule, timezone, FRIDAY_NOON).isoformat() == expected


def test_over_the_change_to_summer_time_an_evening_stays_an_evening():
    before = datetime(2027, 3, 27, 20, tzinfo=UTC)
    found = next_time("cron(0 20 * * ? *)", "Europe/Berlin", before)
    assert found.isoformat() == "2027-03-28T20:00:00+02:00"


def test_a_year_that_is_over_has_no_next_time():
    assert next_time("cron(0 20 * * ? 2020)", "UTC", FRIDAY_NOON) is None


@pytest.mark.parametrize(
    "schedule",
    ["", "rate(5 minutes)", "cron(0 20 * * * *)", "cron(0 20 * *)", "cron(99 20 * * ? *)"],
)
def test_what_is_no_cron_expression_is_refused(schedule):
    with pytest.raises(ValueError, match="is no cron expression of AWS"):
        next_time(schedule, "UTC", FRIDAY_NOON)


@pytest.mark.parametrize("timezone", ["", "Europe", "Nowhere/Town", "../zone"])
def test_what_is_no_time_zone_is_refused(timezone):
    with pytest.raises(ValueError, match="is no time zone"):
        next_time("cron(0 20 * * ? *)", timezone, FRIDAY_NOON)


def test_of_several_that_are_due_the_earlier_comes_first():
    later = ScheduledAction("later", "cron(30 12 * * ? *)")
    earlier = ScheduledAction("earlier", "cron(10 12 * * ? *)")
    tomorrow = ScheduledAction("tomorrow", "cron(0 9 * * ? *)")
    found = due([later, earlier, tomorrow], FRIDAY_NOON, FRIDAY_NOON + timedelta(hours=1))
    assert found == [earlier, later]
