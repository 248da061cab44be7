"""Updates step by step, with a clock of their own: who serves when, and what is told of it."""

import threading
from datetime import UTC, datetime

from scripts.localcloud.fleet import Invocation
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


def test_a_canary_bakes_with_its_share_and_then_all_bakes(world):
    w = world(4)
    found = w.update(CANARY)
    assert w.shares() == [(0.0, 0.0), (0.0, 0.25), (10.0, 1.0)]
    assert w.clock_s == 30.0
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "green")
    assert w.traffic.fleet is w.green
    assert "PendingDeploymentSummary" not in found
    assert "FailureReason" not in found


def test_only_the_canary_instances_are_asked(world):
    w = world(4)
    w.tripped = {"a": 5.0}
    asked = []
    w.meanwhile = lambda: asked.append(w.green.variants["A"].invoke(Invocation(b"")).body)
    w.update(CANARY)
    assert set(asked) == {b"green-0"}


def test_linear_moves_a_step_after_each_bake(world):
    w = world(4)
    w.update(LINEAR)
    expected = [(0.0, 0.0), (0.0, 0.25), (10.0, 0.5), (20.0, 0.75), (30.0, 1.0)]
    assert w.shares() == expected
    assert w.clock_s == 50.0


def test_all_at_once_bakes_with_the_old_fleet_alive(world):
    w = world(1)
    w.tripped = {"late": 19.5}
    w.update(blue_green("ALL_AT_ONCE"))
    assert w.shares() == [(0.0, 0.0), (0.0, 1.0)]
    assert w.answer() == "blue-0"  # which an alarm at the very end of the bake gave it back


def test_without_a_configuration_green_takes_over_without_a_bake(world):
    w = world(1, 2)
    found = w.update(None)
    assert w.clock_s == 0.0
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert w.stopped("blue") == [True]


def test_blue_lives_until_the_last_bake_is_over(world):
    w = world(2)
    lives = []
    w.meanwhile = lambda: lives.append(w.stopped("blue"))
    w.update(CANARY)
    assert len(lives) == 30
    assert all(state == [False, False] for state in lives)
    assert w.stopped("blue") == [True, True]


def test_the_alarms_are_read_every_second(world):
    w = world(2)
    w.update(CANARY)
    looked_at = [clock_s for clock_s, _, _ in w.history]
    assert set(looked_at) == {float(second) for second in range(31)}


def test_rolling_replaces_batch_by_batch_and_never_has_more_than_one_batch_extra(world):
    w = world(3)
    counts = []
    w.meanwhile = lambda: counts.append((w.blue.running["A"], w.green.running["A"]))
    w.update(ROLLING)
    assert sorted(set(counts), key=counts.index) == [(3, 1), (2, 2), (1, 3)]
    assert [round(share, 2) for _, share in w.shares()] == [0.0, 0.33, 0.67, 1.0]
    assert w.stopped("blue") == [True] * 3
    assert w.green.running == {"A": 3}


def test_a_bake_is_over_only_when_the_alarms_could_be_read(world):
    w = world(2)
    w.unreadable = {9.0, 10.0, 11.0}
    w.update(CANARY)
    assert w.shares() == [(0.0, 0.0), (0.0, 0.5), (12.0, 1.0)]


def test_the_stages_are_told_in_awss_words(world):
    w = world(2)
    w.update(CANARY)
    assert w.stages() == [
        ("Creating", "Launching 2 instance(s)."),
        (
            "Baking",
            "Baking for 10 seconds (WaitIntervalInSeconds) with traffic enabled on canary "
            "capacity of 1 instance(s).",
        ),
        (
            "Baking",
            "Baking for 20 seconds (TerminationWaitInSeconds) with traffic enabled on full "
            "capacity of 2 instance(s).",
        ),
    ]


def test_a_part_that_is_no_canary_is_called_partial(world):
    w = world(3)
    w.update(ROLLING)
    messages = [message for status, message in w.stages() if status == "Baking"]
    assert [message.rpartition(" on ")[2] for message in messages] == [
        "partial capacity of 1 instance(s).",
        "partial capacity of 2 instance(s).",
        "full capacity of 3 instance(s).",
    ]


def test_the_traffic_is_being_activated_before_it_flows(world, monkeypatch):
    w = world(2)
    seen = []
    really_serve = w.green.serve
    monkeypatch.setattr(
        w.green, "serve", lambda counts: (seen.append(describe(w.record)), really_serve(counts))
    )
    w.update(CANARY)
    statuses = [
        found["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]
        for found in seen
    ]
    assert [(item["Status"], item["StatusMessage"]) for item in statuses] == [
        ("ActivatingTraffic", "Activating traffic on canary capacity of 1 instance(s)."),
        ("ActivatingTraffic", "Activating traffic on full capacity of 2 instance(s)."),
    ]


def test_during_a_canary_both_fleets_are_described(world):
    w = world(2, 4)
    w.update(CANARY)
    _, _, found = next(item for item in w.history if item[0] == 5.0)
    assert found["EndpointConfigName"] == "blue"
    (blue,) = found["ProductionVariants"]
    assert (blue["CurrentInstanceCount"], blue["CurrentWeight"]) == (2, 1.0)
    pending = found["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "green"
    assert pending["StartTime"] <= datetime.now(UTC)
    (green,) = pending["ProductionVariants"]
    assert (green["CurrentInstanceCount"], green["DesiredInstanceCount"]) == (1, 4)


def test_before_it_has_traffic_green_counts_no_instance_and_has_no_weight(world):
    w = world(2)
    w.update(CANARY)
    found = next(found for _, _, found in w.history if "PendingDeploymentSummary" in found)
    (green,) = found["PendingDeploymentSummary"]["ProductionVariants"]
    assert green["VariantStatus"][0]["Status"] == "Creating"
    assert (green["CurrentInstanceCount"], green["CurrentWeight"]) == (0, 0.0)
    assert (green["DesiredInstanceCount"], green["DesiredWeight"]) == (2, 1.0)


def test_blue_is_being_deleted_while_it_finishes_what_it_has_begun(world, monkeypatch):
    w = world(2)
    may_go_on, begun = threading.Event(), threading.Event()
    server = w.made["blue"].servers[0]
    really_invoke = server.invoke

    def invoke(*request):
        begun.set()
        may_go_on.wait(5)
        return really_invoke(*request)

    monkeypatch.setattr(server, "invoke", invoke)
    asking = threading.Thread(target=w.answer)
    asking.start()
    begun.wait(5)
    updating = threading.Thread(target=w.update, args=(CANARY,))
    updating.start()
    updating.join(0.3)
    assert updating.is_alive()
    found = describe(w.record)
    assert found["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Deleting"
    assert w.answer().startswith("green")
    may_go_on.set()
    updating.join(5)
    asking.join(5)
    assert describe(w.record)["EndpointStatus"] == "InService"
