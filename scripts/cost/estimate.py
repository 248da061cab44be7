"""A monthly estimate, line by line. Pure: resources, assumptions and prices in, lines out.

Quantities follow the workflow (terraform/modules/workflow/classify.asl.json): three calls of Lambda
and one Express execution a picture, two writes of its decision, one event where it is accepted, one
message where it is not. Durations and sizes are in measured.json, each from a committed command.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOURS_A_MONTH, DAYS_A_MONTH = 730, 30.4
SECONDS_A_DAY = 86_400
MILLION = 1_000_000
STEPS = ("serialize", "infer", "filter")
EXPRESS_STEP_GB = 0.0625  # Express is billed in chunks of 64 MB
EXPRESS_STEP_S = 0.1  # and each execution up to the next tenth of a second: half of one, on average
GROUP_SIZE = 20  # pictures of a batch in one execution at the default: modules/workflow/batch.tf
DECISIONS_KEPT_DAYS = (
    365  # decision_retention_days, unless an environment sets it: no resource says
)
RECORDS_A_CAPTURE_FILE = 8  # the most in real captures under little traffic; more under more
METRICS_ALWAYS = 8  # low confidence, and seven of the monitor
# X-Ray's default sampling rule.
TRACES_A_SECOND, TRACED_SHARE = 1.0, 0.05
# What the original design does with each picture: a Standard workflow of three functions.
ORIGINAL_TRANSITIONS = 5  # start, three steps, end
ORIGINAL_MEMORY_GB = 0.128
# What the lines below are counted from.
_COUNTED = {
    "aws_appautoscaling_target",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_log_group",
    "aws_cloudwatch_metric_alarm",
    "aws_dynamodb_table",
    "aws_kms_key",
    "aws_lambda_function",
    "aws_s3_bucket",
    "aws_sfn_state_machine",
    "aws_sqs_queue",
}
# What AWS asks nothing for, or less than a cent a month for as much as this project needs of it.
_FREE = {
    "aws_appautoscaling_policy",
    "aws_appautoscaling_scheduled_action",
    "aws_budgets_budget",
    "aws_cloudwatch_event_target",
    "aws_iam_openid_connect_provider",
    "aws_iam_policy",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_kms_alias",
    "aws_lambda_layer_version",
    "aws_lambda_permission",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_notification",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_object",
    "aws_sns_topic",
    "aws_sns_topic_subscription",
}

_DAILY = re.compile(r"cron\((\d+) (\d+) \* \* \? \*\)")  # minute and hour
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Assumptions:
    """What Terraform does not know. `instances` serve all the time; None: the least that may."""

    pictures_per_day: float = 10_000
    instance_type: str = "ml.m5.large"
    instances: int | None = None
    accepted: float = 0.95
    picture_mb: float = 3.0

    @property
    def pictures(self) -> float:
        """A month."""
        return self.pictures_per_day * DAYS_A_MONTH


@dataclass(frozen=True)
class Resource:
    """One resource of a plan or of a state: `values` are its attributes, as far as known."""

    type: str
    address: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One thing that is paid for: `quantity` of `unit` a month. Idle: paid without a picture."""

    service: str
    what: str
    quantity: float
    unit: str
    price: float
    idle: bool

    @property
    def monthly(self) -> float:
        return self.quantity * self.price


@dataclass(frozen=True)
class Estimate:
    """All lines of a month, in US dollars. `unpriced`: by address, what may cost something that is
    in no line."""

    lines: tuple[Line, ...]
    assumptions: Assumptions
    unpriced: Mapping[str, str] = field(default_factory=dict)

    @property
    def monthly(self) -> float:
        return sum(line.monthly for line in self.lines)

    @property
    def idle(self) -> float:
        return sum(line.monthly for line in self.lines if line.idle)

    @property
    def per_million(self) -> float:
        """What a million pictures cost beyond what is paid without any."""
        return _per_million(self, _of_pictures(self))

    @property
    def unpriced_kinds(self) -> tuple[str, ...]:
        """The kinds of what may cost something that is in no line."""
        return tuple(sorted(set(self.unpriced.values())))


def prices() -> dict[str, tuple[float, str]]:
    """Price and unit by name, from prices.json."""
    found = _price_list()["prices"]
    return {name: (float(price), unit) for name, (price, unit, *_) in found.items()}


def price_region() -> str:
    """The region that the prices are of."""
    return str(_price_list()["region"])


def _price_list() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_HERE / "prices.json").read_text("utf-8"))
    return document


def measured() -> dict[str, Any]:
    """Durations (seconds) and sizes (bytes), from measured.json."""
    document: dict[str, Any] = json.loads((_HERE / "measured.json").read_text("utf-8"))
    return document


def monthly(resources: Sequence[Resource], assumptions: Assumptions) -> Estimate:
    """What these resources and this traffic cost in a month."""
    counted = [*_idle(resources, assumptions), *_for_pictures(resources, assumptions)]
    listed = prices()
    lines = []
    for service, what, name, quantity, idle in counted:
        if name not in listed:
            raise KeyError(f"prices.json has no '{name}'")
        price, unit = listed[name]
        if quantity:
            lines.append(Line(service, what, quantity, unit, price, idle))
    return Estimate(tuple(lines), assumptions, dict(_unpriced(resources)))


def _unpriced(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    for item in resources:
        mode = item.values.get("billing_mode")
        if item.type == "aws_dynamodb_table" and mode != "PAY_PER_REQUEST":
            yield item.address, "aws_dynamodb_table with provisioned capacity"
        elif item.type not in _COUNTED | _FREE:
            yield item.address, item.type


Counted = tuple[str, str, str, float, bool]


def _idle(resources: Sequence[Resource], assumptions: Assumptions) -> Iterator[Counted]:
    of_type = _by_type(resources)
    for target in of_type.get("aws_appautoscaling_target", []):
        name = f"hosting {assumptions.instance_type}"
        day, night, share = _instances(target, of_type, assumptions.instances or 0)
        what = f"endpoint, {day} x {assumptions.instance_type}" + (
            f", {night} at night" if night != day else ""
        )
        hours = HOURS_A_MONTH * (day * (1 - share) + night * share)
        yield "SageMaker", what, name, hours, True
    alarms = len(of_type.get("aws_cloudwatch_metric_alarm", []))
    yield "CloudWatch", f"{alarms} alarms", "cloudwatch alarm", alarms, True
    composite = len(of_type.get("aws_cloudwatch_composite_alarm", []))
    yield "CloudWatch", "composite alarm", "cloudwatch composite alarm", composite, True
    dashboards = len(of_type.get("aws_cloudwatch_dashboard", []))
    yield "CloudWatch", "dashboard", "cloudwatch dashboard", dashboards, True
    if monitor := _functions(resources).get("monitor"):
        metrics = METRICS_ALWAYS
        yield "CloudWatch", f"{metrics} metrics of our own", "cloudwatch metric", metrics, True
        hourly = measured()["billed_s"]["monitor"] * monitor * 24 * DAYS_A_MONTH
        yield "Lambda", "monitor, hourly", "lambda arm64", hourly, True
    keys = len(of_type.get("aws_kms_key", []))
    yield "KMS", "key", "kms key", keys, True


def _instances(
    target: Resource, of_type: Mapping[str, Sequence[Resource]], serving: int
) -> tuple[int, int, float]:
    """Instances by day and at night, and the night's share of the hours; at least those `serving`.

    What is scheduled counts, and not the target's own minimum: that is the night's while one lasts.
    A schedule that is not the same every day counts as days alone.
    """
    actions = {
        str(item.values.get("name")).rpartition("-")[2]: item.values
        for item in of_type.get("aws_appautoscaling_scheduled_action", [])
    }
    day = max(serving, int(target.values.get("min_capacity") or 0))
    if not {"day", "night"} <= actions.keys():
        return day, day, 0.0
    day, night = (
        max(serving, int(actions[name]["scalable_target_action"][0]["min_capacity"]))
        for name in ("day", "night")
    )
    begin, end = (_DAILY.fullmatch(actions[name]["schedule"]) for name in ("night", "day"))
    if not begin or not end:
        return day, day, 0.0
    hours = [int(found[2]) + int(found[1]) / 60 for found in (begin, end)]
    return day, night, (hours[1] - hours[0]) % 24 / 24


def _for_pictures(resources: Sequence[Resource], assumptions: Assumptions) -> Iterator[Counted]:
    functions = _functions(resources)
    if not set(STEPS) <= functions.keys():
        return
    found, n = measured(), assumptions.pictures
    yield "Step Functions", "Express executions", "states express request", n, False
    seconds = (found["execution_s"] + EXPRESS_STEP_S / 2) * EXPRESS_STEP_GB * n
    yield "Step Functions", "their duration", "states express duration", seconds, False
    yield "Lambda", "calls", "lambda request", len(STEPS) * n, False
    for name in STEPS:
        gb_s = found["billed_s"][name] * functions[name] * n  # memory in GB
        yield "Lambda", f"{name}, {functions[name] * 1024:.0f} MB", "lambda arm64", gb_s, False
    writes = 2 * math.ceil(found["decision_bytes"] / 1024)
    yield "DynamoDB", "a decision, and its delivery", "dynamodb write", writes * n, False
    accepted, others = assumptions.accepted * n, (1 - assumptions.accepted) * n
    yield "EventBridge", "VehicleClassified", "eventbridge event", accepted, False
    yield "SQS", "cases for a person, sent, received, deleted", "sqs request", 3 * others, False
    stored = found["decision_bytes"] * n * DECISIONS_KEPT_DAYS / DAYS_A_MONTH / 1e9
    yield "DynamoDB", "decisions kept", "dynamodb storage", stored, False
    if _is_recoverable(resources):
        name = "dynamodb point-in-time recovery"
        yield "DynamoDB", "decisions kept as they were at any second", name, stored, False
    yield "S3", "uploads written", "s3 put", n, False
    yield "S3", "reading uploads", "s3 get", n, False
    yield "S3", "capture files", "s3 put", n / RECORDS_A_CAPTURE_FILE, False
    kept = _retention_days(resources, "captures/") / DAYS_A_MONTH
    stored = found["capture_bytes"] * n * kept / 1e9
    yield "S3", "captures kept", "s3 storage", stored, False
    kept = _retention_days(resources, "incoming/") / DAYS_A_MONTH
    stored = assumptions.picture_mb * n * kept / 1e3
    yield "S3", f"uploads kept, {assumptions.picture_mb:g} MB each", "s3 storage", stored, False
    yield "CloudWatch", "logs", "logs ingestion", found["log_bytes"] * n / 1e9, False
    if _is_traced(resources):
        yield "X-Ray", "traces, by the default sampling rule", "xray trace", _traces(n), False


def beyond_hosting(estimate: Estimate) -> float:
    """Dollars a million pictures for classifying them: without uploading them and keeping them and
    what is known of them, which is paid whoever classifies, and without tracing."""
    left_out = ("uploads written", "uploads kept", "captures kept", "decisions kept", "traces")
    return _per_million(
        estimate, [line for line in _of_pictures(estimate) if not line.what.startswith(left_out)]
    )


def in_a_batch(estimate: Estimate) -> float:
    """The same for a batch: a group of pictures is one execution, and one transition of the
    Standard execution that starts it."""
    executions = [line for line in _of_pictures(estimate) if line.service == "Step Functions"]
    alone = _per_million(estimate, executions)
    transition = prices()["states standard transition"][0] * MILLION
    return beyond_hosting(estimate) - alone + (alone + transition) / GROUP_SIZE


def by_transform(estimate: Estimate) -> float:
    """The same for a SageMaker batch transform instead of the endpoint, on instances that cost as
    much an hour: `serialize` checks each upload first, the transform reads what is left of it and
    writes an object for each answer, which is read again, recorded and told."""
    listed = prices()
    kept = ("serialize", "reading uploads", "a decision", "VehicleClassified")
    lines = [line for line in _of_pictures(estimate) if line.what.startswith(kept)]
    objects = listed["s3 put"][0] + 2 * listed["s3 get"][0] + listed["lambda request"][0]
    return _per_million(estimate, lines) + objects * MILLION


def _of_pictures(estimate: Estimate) -> list[Line]:
    return [line for line in estimate.lines if not line.idle]


def _per_million(estimate: Estimate, lines: Sequence[Line]) -> float:
    return sum(line.monthly for line in lines) / estimate.assumptions.pictures * MILLION


def original() -> float:
    """Dollars a million pictures of the original design, beyond the same hosting: a Standard
    workflow, and three functions of the default size that take as long."""
    listed, found = prices(), measured()
    billed = sum(found["billed_s"][name] for name in STEPS) * ORIGINAL_MEMORY_GB
    each = (
        ORIGINAL_TRANSITIONS * listed["states standard transition"][0]
        + len(STEPS) * listed["lambda request"][0]
        + billed * listed["lambda x86_64"][0]
        + listed["s3 get"][0]
        + listed["s3 put"][0] / RECORDS_A_CAPTURE_FILE
    )
    return float(each * MILLION)


def resources_of(module: Mapping[str, Any]) -> list[Resource]:
    """All managed resources below a module, as `terraform show -json` has them."""
    found = [
        Resource(item["type"], item["address"], item.get("values") or {})
        for item in module.get("resources", [])
        if item["mode"] == "managed"
    ]
    for child in module.get("child_modules", []):
        found += resources_of(child)
    return found


def _is_recoverable(resources: Sequence[Resource]) -> bool:
    """Whether the table can be had back as it was: that is paid by its size."""
    return any(
        recovery.get("enabled")
        for table in _by_type(resources).get("aws_dynamodb_table", [])
        for recovery in table.values.get("point_in_time_recovery") or []
    )


def _by_type(resources: Sequence[Resource]) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for resource in resources:
        found.setdefault(resource.type, []).append(resource)
    return found


def _functions(resources: Sequence[Resource]) -> dict[str, float]:
    """The memory of each function in GB, by its short name."""
    return {
        str(item.values["function_name"]).rpartition("-")[2]: item.values["memory_size"] / 1024
        for item in _by_type(resources).get("aws_lambda_function", [])
    }


def _retention_days(resources: Sequence[Resource], folder: str) -> float:
    """Days that a folder's objects are kept, as old versions, too; a month where no end is set."""
    for item in _by_type(resources).get("aws_s3_bucket_lifecycle_configuration", []):
        rules = item.values.get("rule") or []
        old = [one["noncurrent_days"] for rule in rules for one in _old_versions(rule)]
        for rule in rules:
            prefixes = [one.get("prefix") for one in rule.get("filter") or []]
            if folder in prefixes:
                return float(rule["expiration"][0]["days"]) + max(old, default=0)
    return DAYS_A_MONTH


def _old_versions(rule: Mapping[str, Any]) -> Sequence[Mapping[str, float]]:
    return rule.get("noncurrent_version_expiration") or []


def _is_traced(resources: Sequence[Resource]) -> bool:
    machines = _by_type(resources).get("aws_sfn_state_machine", [])
    return any(
        (config or {}).get("enabled")
        for machine in machines
        for config in machine.values.get("tracing_configuration") or []
    )


def _traces(pictures: float) -> float:
    """Recorded traces a month: one a second, and a share of the rest."""
    rate = pictures / (DAYS_A_MONTH * SECONDS_A_DAY)
    recorded = min(rate, TRACES_A_SECOND) + TRACED_SHARE * max(0.0, rate - TRACES_A_SECOND)
    return recorded * DAYS_A_MONTH * SECONDS_A_DAY
