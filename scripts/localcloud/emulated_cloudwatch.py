"""What the emulated CloudWatch is taught: metrics in logs, and alarms that see what AWS's see.

As in emulator.py, each function mends one difference from AWS that was met with ministack 1.5.33,
and can go when a release does not need it. Without them no alarm ever goes back to OK by itself.
"""

import json
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge

from scripts.localcloud import alarms, embedded_metrics

LOOK_EVERY_S = 0.5
# Metrics of the last moment of a period are still on their way when it ends.
LATE_S = 5.0


def mend() -> None:
    """Teach the emulator in this process. Alarms are looked at from now on."""
    _describe_alarms_in_full()
    _keep_every_datapoint()
    _publish_metrics_in_logs()
    _leave_alarms_to_time()
    threading.Thread(target=_keep_looking, daemon=True, name="alarms").start()


def _describe_alarms_in_full() -> None:
    """Answer the query protocol (provider 5, XML) with all that the JSON protocol says."""
    describe = cloudwatch._describe_alarms

    def described(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        if is_cbor or is_json:
            return describe(params, data, is_cbor, is_json)
        asked: dict[str, Any] = {}
        for key, values in params.items():
            value = values[0] if isinstance(values, list) else values
            field, _, index = key.partition(".member.")
            if index:
                asked.setdefault(field, []).append(value)
            else:
                asked[field] = value
        status, headers, body = describe(params, asked, False, True)
        if status != 200:
            return describe(params, data, False, False)
        answer = json.loads(body)
        for alarm in answer["MetricAlarms"]:
            if alarm.get("ExtendedStatistic"):
                alarm.pop("Statistic", None)  # AWS has either the one or the other
        xml = (
            '<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">'
            f"<DescribeAlarmsResult>{_to_xml(answer)}</DescribeAlarmsResult>"
            "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></DescribeAlarmsResponse>"
        )
        return 200, {**headers, "Content-Type": "text/xml"}, xml.encode()

    cloudwatch._describe_alarms = described


def _to_xml(value: Any, field: str = "") -> str:
    if isinstance(value, dict):
        return "".join(
            f"<{k}>{_to_xml(v, k)}</{k}>"
            for k, v in value.items()
            if v is not None and not k.startswith("_")
        )
    if isinstance(value, list):
        return "".join(f"<member>{_to_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if field.endswith("Timestamp") and isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone().isoformat()
    return escape(str(value))


def _keep_every_datapoint() -> None:
    """Lose none of what several threads publish at once, and let old ones be.

    ministack builds the lists of all metrics anew at each request, without what comes in meanwhile.
    It looks for those of two weeks ago; no local cloud lives that long.
    """
    cloudwatch._evict_old_metrics = lambda: None
    cloudwatch._metric_bucket = lambda key: cloudwatch._metrics.setdefault(key, [])


def _publish_metrics_in_logs() -> None:
    """A logged line in the embedded metric format is a metric."""
    append = cloudwatch_logs._append_log_events

    def appended(stream: Any, events: list[dict[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            for datum in embedded_metrics.read(event["message"]):
                cloudwatch._store_datum(
                    *(datum.namespace, datum.name, datum.dimensions, datum.time_s, datum.unit),
                    *(None, datum.values, None, None),
                )

    cloudwatch_logs._append_log_events = appended


def _leave_alarms_to_time() -> None:
    """Judge no alarm at requests: `look` does, when a period is over.

    ministack looks only when somebody publishes a metric, takes all periods as one, mixes the
    metrics of different dimensions, and knows neither DatapointsToAlarm nor missing data.
    """
    cloudwatch._evaluate_alarm = lambda _alarm: None


@dataclass(frozen=True)
class Seen:
    """What an alarm, in this version of it, was judged by: the statistics until `end_s`."""

    alarm: dict[str, Any]
    end_s: int
    points: list[alarms.Point]


def _keep_looking() -> None:
    seen: dict[Any, Seen | None] = {}
    while True:
        time.sleep(LOOK_EVERY_S)
        for scope, alarm in cloudwatch._alarms.all_items():
            account, region, _ = scope
            try:
                with request_scope(account, region):
                    seen[scope] = look(alarm, seen.get(scope), time.time())
            except Exception:  # of one alarm: the others go on
                traceback.print_exc(file=sys.stderr)


def look(alarm: dict[str, Any], seen: Seen | None, now_s: float) -> Seen | None:
    """Bring an alarm's state up to date. Returns what was seen, to be given the next time.

    Only news changes the state: one that was set by hand stays until the next period is over.
    """
    if not alarm.get("MetricName"):  # the result of an expression
        return None
    starts = alarms.periods(alarm, now_s)
    end_s = starts[-1] + alarm["Period"]
    is_known = seen is not None and seen.alarm is alarm and seen.end_s == end_s
    if is_known and now_s - end_s > LATE_S:
        return seen
    points = _statistics(alarm, starts)
    if seen and is_known and seen.points == points:
        return seen
    state, reason = alarms.judge(alarm, points, len(starts) - len(points))
    before = alarm["StateValue"]
    if state != before:
        alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=now_s)
        cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
        cloudwatch._evaluate_parent_alarms(alarm)
        eventbridge._put_events({"Entries": [_event(alarm, before)]}, allow_aws_source=True)
    return Seen(alarm, end_s, points)


def _event(alarm: dict[str, Any], before: str) -> dict[str, Any]:
    """What CloudWatch tells EventBridge of a new state, as far as rules look at it."""
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": {"value": alarm["StateValue"], "reason": alarm["StateReason"]},
        "previousState": {"value": before},
        "configuration": {"description": alarm.get("AlarmDescription", "")},
    }
    return {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [alarm["AlarmArn"]],
    }


def _statistics(alarm: dict[str, Any], starts: list[int]) -> list[alarms.Point]:
    """The alarm's statistic of each period that has data."""
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions") or [])
    metric = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    by_period: dict[int, list[Any]] = {start: [] for start in starts}
    for point in reversed(cloudwatch._metrics.get(metric) or []):
        if point["Timestamp"] < starts[0] - LATE_S:  # nothing newer lies before it
            break
        start = int(point["Timestamp"] // alarm["Period"]) * alarm["Period"]
        if start in by_period:
            by_period[start].append(point)
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    values = {
        start: cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
        for start, points in by_period.items()
        if points
    }
    return [(start, value) for start, value in values.items() if value is not None]
