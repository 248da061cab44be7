"""Updates that do not succeed, with a clock of their own: the way back to the old fleet."""

import pytest

from scripts.localcloud.records import describe


def blue_green(kind, wait_s=10, termination_s=20, **routing):
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": kind,
                "WaitIntervalInSeconds": wait_s,
                **routing,
            },
            "TerminationWaitInSeconds": termination_s,
        }
    }


ONE = {"Type": "INSTANCE_COUNT", "Value": 1}
CANARY = blue_green("CANARY", CanarySize=ONE)
LINEAR = blue_green("LINEAR", LinearStepSize=ONE)
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": ONE, "WaitIntervalInSeconds": 10}}


@pytest.mark.parametrize("fires_at", [0.0, 5.0, 9.0, 15.0, 30.0])
def test_an_alarm_gives_all_traffic_back_whenever_it_fires(world, fires_at):
    w = world(2)
    w.tripped = {"errors": fires_at}
    found = w.update(CANARY)
    assert w.clock_s == fires_at  # at once
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "blue")
    assert {w.answer() for _ in range(50)} == {"blue-0", "blue-1"}
    assert all(w.stopped("green"))
    assert w.stopped("blue") == [False, False]
    assert "PendingDeploymentSummary" not in found


def test_an_alarm_that_fires_already_keeps_green_from_being_started(world):
    w = world(2)
    w.tripped = {"errors": 0.0}
    w.update(CANARY)
    assert w.made["green"].servers == []


def test_the_reason_names_the_alarms_and_the_configuration(world):
    w = world(2)
    w.tripped = {"errors": 3.0, "latency": 3.0, "later": 4.0}
    reason = w.update(CANARY)["FailureReason"]
    assert reason == (
        "The deployment of endpoint configuration green was rolled back because these CloudWatch "
        "alarms are in the ALARM state: errors, latency."
    )


def test_a_reason_is_never_longer_than_aws_allows(world):
    w = world(2)
    w.tripped = {f"{number}{'x' * 250}": 0.0 for number in range(10)}
    assert len(w.update(CANARY)["FailureReason"]) == 1024


def test_the_status_is_rolling_back_until_green_has_ended(world, monkeypatch):
    w = world(2)
    w.tripped = {"errors": 5.0}
    seen = []
    really_close = w.green.close
    monkeypatch.setattr(w.green, "close", lambda: (seen.append(describe(w.record)), really_close()))
    w.update(CANARY)
    (found,) = seen
    assert found["EndpointStatus"] == "RollingBack"
    (variant,) = found["PendingDeploymentSummary"]["ProductionVariants"]
    assert variant["VariantStatus"][0]["Status"] == "Deleting"
    assert variant["VariantStatus"][0]["StatusMessage"] == "Terminating 2 instance(s)."
    assert variant["CurrentInstanceCount"] == 0  # none takes traffic any more


def test_traffic_is_back_before_anything_else_happens(world, monkeypatch):
    w = world(2)
    w.tripped = {"errors": 5.0}
    answers = []
    monkeypatch.setattr(w.green, "close", lambda: answers.extend(w.answer() for _ in range(20)))
    w.update(CANARY)
    assert set(answers) == {"blue-0", "blue-1"}


@pytest.mark.parametrize(
    ("fires_at", "left"), [(5.0, 3), (15.0, 2), (25.0, 1)], ids=["first", "second", "last"]
)
def test_a_rolling_deployment_starts_blue_again_on_its_way_back(world, fires_at, left):
    w = world(3)
    w.tripped = {"errors": fires_at}
    found = w.update(ROLLING)
    assert w.stopped("blue").count(True) == 3 - left
    assert w.blue.running == {"A": 3}
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert len({w.answer() for _ in range(30)}) == 3  # all of them serve
    assert all(w.stopped("green"))


def test_a_rollback_batch_limits_how_many_come_back_at_a_time(world, monkeypatch):
    w = world(4)
    w.tripped = {"errors": 25.0}  # when two of the four have been stopped
    config = {
        "RollingUpdatePolicy": ROLLING["RollingUpdatePolicy"] | {"RollbackMaximumBatchSize": ONE}
    }
    asked = []
    really_grow = w.blue.grow
    monkeypatch.setattr(w.blue, "grow", lambda counts: (asked.append(counts), really_grow(counts)))
    w.update(config)
    assert asked == [{"A": 3}, {"A": 4}]


def test_a_way_back_that_fails_is_said_and_what_is_left_serves(world):
    w = world(3)
    w.made["blue"].may_start = 3  # those that have been
    w.tripped = {"errors": 15.0}
    found = w.update(ROLLING)
    assert found["EndpointStatus"] == "UpdateRollbackFailed"
    assert (
        "in the ALARM state: errors. The rollback failed: it does not start"
        in (found["FailureReason"])
    )
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert {w.answer() for _ in range(30)} == {"blue-0", "blue-1"}


@pytest.mark.parametrize("config", [None, CANARY, LINEAR, ROLLING])
def test_a_green_that_does_not_start_leaves_blue_serving(world, config):
    w = world(2)
    w.made["green"].may_start = 1
    found = w.update(config)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "blue")
    assert found["FailureReason"] == "it does not start"
    assert w.stopped("green") == [True]
    assert w.blue.running == {"A": 2}
    answers = {w.answer() for _ in range(20)}
    assert len(answers) == 2
    assert all(word.startswith("blue") for word in answers)


def test_a_deployment_that_takes_too_long_is_rolled_back(world):
    w = world(2)
    config = blue_green("CANARY", wait_s=300, termination_s=200, CanarySize=ONE)
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    w.unreadable = {float(second) for second in range(300, 700)}
    found = w.update(config)
    assert w.clock_s == 601.0
    assert found["EndpointConfigName"] == "blue"
    assert "exceeded its MaximumExecutionTimeoutInSeconds of 600 seconds" in found["FailureReason"]


def test_what_nobody_foresaw_is_rolled_back_too_and_not_hidden(world, monkeypatch):
    w = world(2)
    monkeypatch.setattr(w.green, "serve", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        w.update(CANARY)
    found = describe(w.record)
    assert found["FailureReason"] == "InternalServerError: division by zero"
    assert found["EndpointStatus"] == "InService"
    assert w.answer().startswith("blue")
    assert all(w.stopped("green"))
