"""What the emulated CloudWatch is taught."""

import json
import threading
import time
from types import SimpleNamespace

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch, cloudwatch_logs

from scripts.localcloud import emulated_cloudwatch
from scripts.localcloud.emulated_cloudwatch import LATE_S, look

NOON = 1_781_611_200
SETTINGS = {
    "AlarmName": "slow",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:slow",
    "Namespace": "AWS/SageMaker",
    "MetricName": "ModelLatency",
    "Dimensions": [{"Name": "EndpointName", "Value": "mine"}],
    "Statistic": "Average",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
    "StateValue": "OK",
    "StateReason": "it is new",
}


@pytest.fixture
def told(monkeypatch):
    """A CloudWatch without metrics; the states that its alarms change to."""
    states = []
    for store in ("_metrics", "_alarm_history"):
        monkeypatch.setattr(cloudwatch, store, AccountRegionScopedDict())
    monkeypatch.setattr(
        cloudwatch, "_dispatch_alarm_actions", lambda _alarm, old, new, _why: states.append(new)
    )
    return states


def alarm(**changes):
    return SETTINGS | changes


def publish(value, time_s, endpoint="mine", name="ModelLatency"):
    cloudwatch._store_datum(
        *("AWS/SageMaker", name, {"EndpointName": endpoint}, time_s, "Microseconds"),
        *(value, None, None, None),
    )


def test_an_alarm_fires_when_its_period_is_over_and_tells_the_reason(told):
    mine = alarm()
    publish(150, NOON + 1)
    look(mine, None, NOON + 9.9)
    assert mine["StateValue"] == "OK"
    look(mine, None, NOON + 10)
    assert (mine["StateValue"], told) == ("ALARM", ["ALARM"])
    assert mine["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [150 ")
    assert mine["StateUpdatedTimestamp"] == NOON + 10


def test_an_alarm_goes_back_when_nothing_is_published_any_more(told):
    mine = alarm()
    publish(150, NOON + 1)
    seen = look(mine, None, NOON + 10)
    look(mine, seen, NOON + 20)
    assert (mine["StateValue"], told) == ("OK", ["ALARM", "OK"])


def test_the_history_has_each_change(told):
    publish(150, NOON + 1)
    look(alarm(), None, NOON + 10)
    [entry] = cloudwatch._history_entries()
    assert json.loads(entry["HistoryData"])["newState"]["stateValue"] == "ALARM"


@pytest.mark.parametrize("other", [{"endpoint": "other"}, {"name": "OverheadLatency"}])
def test_an_alarm_looks_at_its_own_metric_alone(told, other):
    publish(150, NOON + 1, **other)
    mine = alarm()
    look(mine, None, NOON + 10)
    assert mine["StateValue"] == "OK"


def test_every_period_is_judged_by_itself(told):
    mine = alarm(EvaluationPeriods=2, DatapointsToAlarm=2)
    publish(300, NOON + 1)
    publish(50, NOON + 11)  # with the first it would average above the threshold
    look(mine, None, NOON + 20)
    assert mine["StateValue"] == "OK"
    publish(100, NOON + 19)  # 75 on average
    publish(300, NOON + 19)  # 150 on average
    look(mine, None, NOON + 20)
    assert mine["StateValue"] == "ALARM"


def test_a_percentile_is_that_of_the_values_and_not_of_their_average(told):
    mine = alarm(Statistic="Average", ExtendedStatistic="p99")
    for value in [1] * 90 + [150] * 10:
        publish(value, NOON + 1)
    look(mine, None, NOON + 10)
    assert mine["StateValue"] == "ALARM"


def test_what_arrives_late_still_counts(told):
    mine = alarm()
    publish(50, NOON + 1)
    seen = look(mine, None, NOON + 10)
    publish(500, NOON + 9.9)
    look(mine, seen, NOON + 10 + LATE_S)
    assert mine["StateValue"] == "ALARM"


def test_what_arrives_later_than_that_waits_for_the_next_period(told):
    mine = alarm(EvaluationPeriods=2, DatapointsToAlarm=1)
    seen = look(mine, None, NOON + 10)
    publish(500, NOON + 9)
    seen = look(mine, seen, NOON + 10 + LATE_S + 0.1)
    assert mine["StateValue"] == "OK"
    look(mine, seen, NOON + 20)
    assert mine["StateValue"] == "ALARM"


def test_what_arrives_out_of_order_still_counts(told):
    mine = alarm()
    publish(500, NOON + 1)
    publish(1, NOON - LATE_S)
    look(mine, None, NOON + 10)
    assert mine["StateValue"] == "ALARM"


@pytest.mark.parametrize("values", [[50], []])
def test_a_state_that_was_set_by_hand_stays_until_the_next_period_is_over(told, values):
    mine = alarm()
    for value in values:
        publish(value, NOON + 1)
    seen = look(mine, None, NOON + 10)
    mine["StateValue"] = "ALARM"
    for time_s in (NOON + 11, NOON + 10 + LATE_S + 1, NOON + 19.9):
        seen = look(mine, seen, time_s)
        assert mine["StateValue"] == "ALARM"
    look(mine, seen, NOON + 20)
    assert mine["StateValue"] == "OK"


def test_an_alarm_with_other_settings_is_judged_anew(told):
    publish(50, NOON + 1)
    seen = look(alarm(), None, NOON + 10)
    stricter = alarm(Threshold=40.0)
    look(stricter, seen, NOON + 10 + LATE_S + 1)
    assert stricter["StateValue"] == "ALARM"


def test_an_alarm_on_an_expression_is_left_alone(told):
    expression = alarm(MetricName=None)
    assert look(expression, None, NOON + 10) is None
    assert expression["StateValue"] == "OK"


def test_one_alarm_that_cannot_be_judged_does_not_stop_the_others(told, monkeypatch, capsys):
    monkeypatch.setattr(cloudwatch, "_alarms", AccountRegionScopedDict())
    cloudwatch._alarms["broken"] = alarm(ComparisonOperator="LessThanLowerThreshold")
    cloudwatch._alarms["new"] = alarm(StateValue="INSUFFICIENT_DATA")

    class Enough(Exception):
        pass

    turns = iter(range(2))

    def wait(_seconds):
        if next(turns, None) is None:
            raise Enough

    monkeypatch.setattr(
        emulated_cloudwatch, "time", SimpleNamespace(sleep=wait, time=lambda: NOON + 10)
    )
    with pytest.raises(Enough):
        emulated_cloudwatch._keep_looking()
    assert cloudwatch._alarms["new"]["StateValue"] == "OK"
    assert "LessThanLowerThreshold" in capsys.readouterr().err


def test_an_alarm_that_is_made_of_others_learns_of_their_change(told, monkeypatch):
    changed = []
    monkeypatch.setattr(cloudwatch, "_evaluate_parent_alarms", changed.append)
    mine = alarm()
    publish(150, NOON + 1)
    look(mine, None, NOON + 10)
    assert changed == [mine]


@pytest.mark.parametrize(
    ("function", "arguments"), [("_evaluate_alarm", [0]), ("_evaluate_all_alarms", [])]
)
def test_publishing_a_metric_or_an_alarm_judges_nothing(told, monkeypatch, function, arguments):
    mine = alarm(Period=60)
    monkeypatch.setattr(cloudwatch, "_alarms", AccountRegionScopedDict())
    cloudwatch._alarms["mine"] = mine
    publish(150, time.time())
    monkeypatch.setattr(cloudwatch, "_evaluate_alarm", cloudwatch._evaluate_alarm)
    emulated_cloudwatch._leave_alarms_to_time()
    getattr(cloudwatch, function)(*[mine for _ in arguments])
    assert mine["StateValue"] == "OK"


@pytest.fixture
def taught(told, monkeypatch):
    """The functions that keep metrics are mended for one test."""
    for name in ("_evict_old_metrics", "_metric_bucket"):
        monkeypatch.setattr(cloudwatch, name, getattr(cloudwatch, name))
    append = cloudwatch_logs._append_log_events
    monkeypatch.setattr(cloudwatch_logs, "_append_log_events", append)
    emulated_cloudwatch._keep_every_datapoint()
    emulated_cloudwatch._publish_metrics_in_logs()


def test_nothing_is_lost_of_what_several_threads_publish(taught):
    def work():
        for _ in range(500):
            publish(1, NOON)
            cloudwatch._evict_old_metrics()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [points] = cloudwatch._metrics.values()
    assert len(points) == 2000


def test_a_logged_metric_is_published_and_the_line_is_kept(taught):
    line = json.dumps(
        {
            "_aws": {
                "Timestamp": NOON * 1000,
                "CloudWatchMetrics": [
                    {"Namespace": "scones", "Dimensions": [["a"]], "Metrics": [{"Name": "m"}]}
                ],
            },
            "a": "b",
            "m": [1, 0],
        }
    )
    stream = {"events": [], "firstEventTimestamp": None, "lastEventTimestamp": None}
    messages = ["START", line]
    cloudwatch_logs._append_log_events(
        stream, [{"timestamp": 1, "ingestionTime": 1, "message": text} for text in messages]
    )
    assert [event["message"] for event in stream["events"]] == messages
    [(key, points)] = cloudwatch._metrics.items()
    assert key == ("scones", "m", "a=b")
    assert [(point["Value"], point["Timestamp"]) for point in points] == [(1, NOON), (0, NOON)]


def test_eventbridge_is_told_of_a_new_state_as_rules_look_at_it(told, monkeypatch):
    events = []
    monkeypatch.setattr(
        emulated_cloudwatch.eventbridge,
        "_put_events",
        lambda asked, allow_aws_source: events.extend(asked["Entries"]),
    )
    publish(150, NOON + 1)
    look(alarm(), None, NOON + 10)
    (event,) = events
    assert (event["Source"], event["DetailType"]) == (
        "aws.cloudwatch",
        "CloudWatch Alarm State Change",
    )
    assert event["Resources"] == [SETTINGS["AlarmArn"]]
    detail = json.loads(event["Detail"])
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")
