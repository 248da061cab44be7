"""What state a CloudWatch alarm is in, from its settings and its metric's last datapoints.

An alarm's settings are the members of PutMetricAlarm. Periods stand at multiples of their length,
and only those that are over are looked at. (Where datapoints are missing, AWS also looks a few
periods further back, and can leave ALARM somewhat later than this does.)
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

_COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
# TreatMissingData: whether a missing datapoint counts as breaching, and AWS's word for that.
_TREATED_AS = {"breaching": (True, "Breaching"), "notBreaching": (False, "NonBreaching")}

Point = tuple[int, float]  # when its period began, in seconds since 1970, and the statistic


def periods(alarm: Mapping[str, Any], now_s: float) -> list[int]:
    """When the periods that count began, in seconds since 1970, oldest first."""
    period_s = int(alarm["Period"])
    end_s = int(now_s // period_s) * period_s
    return list(range(end_s - period_s * alarm["EvaluationPeriods"], end_s, period_s))


def judge(alarm: Mapping[str, Any], points: Sequence[Point], missing: int) -> tuple[str, str]:
    """The alarm's state, and the reason in AWS's words.

    `points` are the statistics of the periods that have data, oldest first; `missing` is the
    number of those that have none.
    """
    treatment = alarm.get("TreatMissingData") or "missing"
    if not points and treatment == "ignore":
        return alarm["StateValue"], alarm["StateReason"]
    if not points and treatment not in _TREATED_AS:
        return INSUFFICIENT_DATA, f"Insufficient Data: {_datapoints(missing)} unknown."
    is_breach, _ = _COMPARISONS[alarm["ComparisonOperator"]]
    breaches = [point for point in points if is_breach(point[1], alarm["Threshold"])]
    breaches_too, word = _TREATED_AS.get(treatment, (False, ""))
    count = len(breaches) + (missing if breaches_too else 0)
    state = ALARM if count >= _needed(alarm) else OK
    shown = breaches if state == ALARM else [point for point in points if point not in breaches]
    facts = [_fact(alarm, state, shown)] if shown else []
    if not points:
        facts.append(f"no datapoints were received for {missing} period{'s' * (missing > 1)}")
    if missing and word:
        facts.append(f"{_datapoints(missing, 'missing ')} treated as [{word}]")
    if not facts:
        facts.append(f"{_datapoints(len(breaches))} breaching and {_needed(alarm)} must be")
    return state, f"Threshold Crossed: {' and '.join(facts)}."


def _needed(alarm: Mapping[str, Any]) -> int:
    """How many datapoints must breach."""
    return int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])


def _fact(alarm: Mapping[str, Any], state: str, shown: Sequence[Point]) -> str:
    periods_, needed = alarm["EvaluationPeriods"], _needed(alarm)
    negation, minimum, transition = (
        ("", needed, f"{OK} -> {ALARM}")
        if state == ALARM
        else ("not ", periods_ - needed + 1, f"{ALARM} -> {OK}")
    )
    times = (
        f"{value:g} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})"
        for start, value in reversed(shown)
    )
    return (
        f"{len(shown)} out of the last {periods_} datapoints [{', '.join(times)}]"
        f" {'was' if len(shown) == 1 else 'were'} {negation}"
        f"{_COMPARISONS[alarm['ComparisonOperator']][1]} the threshold ({alarm['Threshold']:g})"
        f" (minimum {minimum} datapoint{'s' * (minimum > 1)} for {transition} transition)"
    )


def _datapoints(count: int, kind: str = "") -> str:
    return f"{count} {kind}datapoint{' was' if count == 1 else 's were'}"
