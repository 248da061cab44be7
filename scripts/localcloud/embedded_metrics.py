"""The metrics that a line of a log carries, in CloudWatch's embedded metric format."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MARK = '"_aws"'
VALUES_A_METRIC = 100  # the format's limit


@dataclass(frozen=True)
class Datum:
    """Values of one metric at one time (seconds since 1970)."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    values: list[float]
    unit: str
    time_s: float


def read(message: str) -> list[Datum]:
    """What CloudWatch would extract from a log message; nothing from one that breaks the format.

    The format: AWS, "Specification: Embedded metric format".
    """
    if MARK not in message:  # nearly every line: not worth parsing
        return []
    try:
        document = json.loads(message, parse_constant=_refuse)
        about = document["_aws"]
        time_s = about["Timestamp"] / 1000
        return [
            datum
            for directive in about["CloudWatchMetrics"]
            for datum in _follow(directive, document, time_s)
        ]
    except (ValueError, TypeError, KeyError):
        return []


def _follow(
    directive: Mapping[str, Any], document: Mapping[str, Any], time_s: float
) -> Iterator[Datum]:
    """Each metric of a directive, once for each of its sets of dimensions."""
    for names in directive["Dimensions"]:
        dimensions = {name: document[name] for name in names}
        if not all(isinstance(value, str) for value in dimensions.values()):
            raise ValueError("A dimension is a text.")
        for metric in directive["Metrics"]:
            yield Datum(
                directive["Namespace"],
                metric["Name"],
                dimensions,
                _values(document[metric["Name"]]),
                metric.get("Unit", "None"),
                time_s,
            )


def _values(found: Any) -> list[float]:
    values = found if isinstance(found, list) else [found]
    if len(values) > VALUES_A_METRIC:
        raise ValueError("Too many values.")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ValueError("A value is a number.")
    return [float(value) for value in values]


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON.")
