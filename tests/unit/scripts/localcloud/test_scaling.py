"""When a variant gets other numbers of instances."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from scripts.localcloud.scaling import IN_AFTER, Policy, Scaler, Target, decide
from scripts.localcloud.scheduled_scaling import ScheduledAction

RESOURCE = "endpoint/scones-local/variant/AllTraffic"
TARGET = Target(RESOURCE, 2, 6, (Policy(100.0, 10.0, 60.0),))
QUIET = [0.0] * IN_AFTER


def test_three_periods_above_the_target_start_as_many_as_bring_it_back():
    assert decide(TARGET, 2, [*QUIET, 250, 250, 250]).count == 5


def test_two_periods_above_it_are_not_enough():
    assert decide(TARGET, 2, [90.0, 250, 250]) is None


def test_never_more_than_the_maximum():
    assert decide(TARGET, 2, [9000, 9000, 9000]).count == 6


def test_fifteen_quiet_periods_leave_what_the_busiest_needed():
    assert decide(TARGET, 5, [*QUIET[1:], 55]).count == 3


def test_fourteen_quiet_periods_are_not_enough():
    assert decide(TARGET, 5, [95, *QUIET[1:]]) is None


def test_never_fewer_than_the_minimum():
    assert decide(TARGET, 5, QUIET).count == 2
    assert decide(TARGET, 2, QUIET) is None


@pytest.mark.parametrize(("count", "becomes"), [(1, 2), (9, 6)])
def test_what_is_outside_of_the_limits_is_brought_inside_at_once(count, becomes):
    assert decide(TARGET, count, []).count == becomes


def test_between_90_percent_and_the_target_nothing_changes():
    assert decide(TARGET, 4, [95.0] * IN_AFTER) is None


def test_what_is_suspended_does_not_happen():
    no_more = dataclasses.replace(TARGET, out_suspended=True)
    no_less = dataclasses.replace(TARGET, in_suspended=True)
    assert decide(no_more, 2, [250, 250, 250]) is None
    assert decide(no_less, 5, QUIET) is None


def test_a_policy_may_be_told_never_to_scale_in():
    policy = dataclasses.replace(TARGET.policies[0], scales_in=False)
    assert decide(dataclasses.replace(TARGET, policies=(policy,)), 5, QUIET) is None


def test_of_two_policies_the_one_that_wants_more_is_heard():
    both = dataclasses.replace(TARGET, policies=(Policy(200.0), Policy(100.0)))
    assert decide(both, 2, [250, 250, 250]).count == 5


class OfSet(Scaler):
    """A scaler of a variant whose `values` and `count` are set; it notes what it has `asked`."""

    def __init__(self):
        super().__init__(None, list, self._note_limits, lambda *_: self.count, self._note_count)
        self.count, self.values, self.asked, self.limits = 2, [], [], []

    def _values(self, target):
        return self.values

    def _note_limits(self, resource, minimum, maximum):
        self.limits.append((resource, minimum, maximum))

    def _note_count(self, endpoint, variant, count):
        self.count = count
        self.asked.append(count)


@pytest.fixture
def scaler():
    return OfSet()


def test_after_a_change_it_waits_for_the_cooldown(scaler, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("scripts.localcloud.scaling.time.monotonic", lambda: clock[0])
    scaler.values = [250.0] * 3
    scaler.look(TARGET)
    clock[0] += 9
    scaler.look(TARGET)
    assert scaler.asked == [5]
    clock[0] += 2
    scaler.look(TARGET)
    assert scaler.asked == [5, 6]


def test_scaling_out_does_not_wait_for_a_scaling_in(scaler, monkeypatch):
    monkeypatch.setattr("scripts.localcloud.scaling.time.monotonic", lambda: 1000.0)
    scaler.count, scaler.values = 5, QUIET
    scaler.look(TARGET)
    scaler.values = [250.0] * 3
    scaler.look(TARGET)
    assert scaler.asked == [2, 5]


def test_an_endpoint_that_changes_is_left_alone(scaler):
    scaler.count, scaler.values = None, [250.0] * 3
    scaler.look(TARGET)
    assert scaler.asked == []


def test_every_change_is_an_activity_with_its_cause(scaler):
    scaler.values = [250.0] * 3
    scaler.look(TARGET)
    (activity,) = scaler.activities
    assert activity["Description"] == "Setting desired instance count to 5."
    assert activity["Cause"] == "AlarmHigh: more than 100 in 3 periods: scaling out from 2."


NIGHT = ScheduledAction("night", "cron(0 20 * * ? *)", minimum=1)
DAY = ScheduledAction("day", "cron(0 5 * * ? *)", minimum=2, maximum=4)
EVENING = datetime(2026, 11, 27, 20, 0, 1, tzinfo=UTC)
SCHEDULED = dataclasses.replace(TARGET, scheduled=(NIGHT, DAY))


def test_at_the_time_of_a_scheduled_action_its_limits_hold(scaler):
    scaler.keep_time(SCHEDULED, EVENING - timedelta(seconds=3), EVENING)
    assert scaler.limits == [(RESOURCE, 1, None)]


def test_a_scheduled_action_is_an_activity_too(scaler):
    scaler.keep_time(SCHEDULED, EVENING, EVENING + timedelta(hours=12))
    (activity,) = scaler.activities
    assert activity["Description"] == "Setting min capacity to 2 and max capacity to 4."
    assert activity["Cause"] == "scheduled action name day was triggered."


def test_between_the_times_nothing_happens(scaler):
    scaler.keep_time(SCHEDULED, EVENING, EVENING + timedelta(seconds=3))
    assert scaler.limits == []
    assert scaler.activities == []
