"""The alarms that end a deployment, read from the local CloudWatch."""

import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from scripts.localcloud.aws import Aws
from scripts.localcloud.protocol import ServiceError


def check_exist(aws: Aws, names: Sequence[str]) -> None:
    """Raise ServiceError when CloudWatch does not have one of these alarms."""
    found = _states(aws, names)
    if missing := [name for name in names if name not in found]:
        raise ServiceError(
            "ValidationException",
            "Could not find the CloudWatch alarms of AutoRollbackConfiguration: "
            f"{', '.join(missing)}.",
        )


def tripped(aws: Aws, names: Sequence[str]) -> list[str] | None:
    """Those of the alarms that say no: in ALARM, or gone, as then nobody watches.

    None when CloudWatch cannot be asked just now.
    """
    try:
        found = _states(aws, names)
    except (BotoCoreError, ClientError) as error:
        print(f"The alarms of a deployment cannot be read: {error}", file=sys.stderr)
        return None
    return [name for name in names if found.get(name, "ALARM") == "ALARM"]


def _states(aws: Aws, names: Sequence[str]) -> dict[str, str]:
    """The state of each of these alarms that exists: OK, ALARM or INSUFFICIENT_DATA."""
    if not names:
        return {}
    answer = aws.cloudwatch.describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
