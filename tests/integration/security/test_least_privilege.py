"""What each role is granted is what the code, the workflow and Terraform's settings need: no more,
no less.
"""

from __future__ import annotations

import pytest

from scripts.environment import ROOT, TERRAFORM
from scripts.security import definition, least_privilege
from tests.integration.security.conftest import Applied
from tests.integration.security.matrix import ROLES

LAMBDAS = ROOT / "lambdas"
SHARED = sorted((LAMBDAS / "common").rglob("*.py"))
DEFINITIONS = {
    "workflow": ("classify.asl.json",),
    "batch": ("batch.asl.json", "classify.asl.json"),
    "reporter": ("report-failures.asl.json",),
}

_FUNCTION = {
    "logs:CreateLogStream": "Lambda writes the function's log in its name",
    "logs:PutLogEvents": "Lambda writes the function's log in its name",
    "xray:PutTraceSegments": "tracing_config: the function's traces",
    "xray:PutTelemetryRecords": "tracing_config: the function's traces",
}
_MACHINE = {
    **{
        f"logs:{action}": "logging_configuration: Step Functions sets log delivery up"
        for action in (
            *("CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "UpdateLogDelivery"),
            *("ListLogDeliveries", "DescribeLogGroups"),
            *("DescribeResourcePolicies", "PutResourcePolicy"),
        )
    },
    **{
        f"xray:{action}": "tracing_configuration: the executions' traces"
        for action in (
            *("PutTraceSegments", "PutTelemetryRecords"),
            *("GetSamplingRules", "GetSamplingTargets"),
        )
    },
}
# What no code here calls: what AWS's services do in the name of a role, because Terraform or a
# request has configured them so. A row without its reason does not belong here.
DECLARED: dict[str, dict[str, str]] = {
    "serialize": {
        **_FUNCTION,
        "s3:ListBucket": "without it S3 answers 403 for a missing object, not 404",
    },
    "infer": _FUNCTION,
    "filter": _FUNCTION,
    "monitor": _FUNCTION,
    "workflow": _MACHINE,
    "batch": {
        **_MACHINE,
        "states:StartExecution": "a Distributed Map starts its children in the machine's name",
        "states:DescribeExecution": "a Distributed Map follows its children",
        "states:StopExecution": "a Distributed Map stops its children",
        "s3:GetObject": "ItemReader: the manifest",
        "s3:PutObject": "ResultWriter: the results",
        "s3:ListMultipartUploadParts": "ResultWriter: large results",
        "s3:AbortMultipartUpload": "ResultWriter: large results",
    },
    "reporter": _MACHINE,
    "events": {},
    "sagemaker": {
        "s3:GetObject": "a job's channels and code, an endpoint's model",
        "s3:ListBucket": "a channel is a prefix, and so is a model's folder",
        "s3:PutObject": "a job's results, an endpoint's captures",
        "s3:AbortMultipartUpload": "a large result is uploaded in parts",
        "logs:CreateLogGroup": "the containers' logs",
        "logs:CreateLogStream": "the containers' logs",
        "logs:DescribeLogStreams": "the containers' logs",
        "logs:PutLogEvents": "the containers' logs",
        "cloudwatch:PutMetricData": "the metrics of jobs and endpoints",
        "cloudwatch:DescribeAlarms": "an update is rolled back when an alarm goes off",
        "ecr:GetAuthorizationToken": "the containers' images",
        "ecr:BatchCheckLayerAvailability": "the containers' images",
        "ecr:BatchGetImage": "the containers' images",
        "ecr:GetDownloadUrlForLayer": "the containers' images",
    },
}


def called(role: str) -> dict[str, str]:
    """IAM actions that our own code and configuration call in a role's name, and where."""
    found: dict[str, str] = {}
    own = sorted((LAMBDAS / role).glob("*.py"))
    if own:
        sources = [path.read_text("utf-8") for path in (*own, *SHARED)]
        found |= dict.fromkeys(least_privilege.actions_of_code(sources), f"lambdas/{role}")
    for name in DEFINITIONS.get(role, ()):
        (template,) = TERRAFORM.rglob(name)
        actions = least_privilege.actions_of_workflow(definition.read(template))
        found |= dict.fromkeys(actions, template.name)
    for path in TERRAFORM.rglob("*.tf"):
        for taker, action in least_privilege.actions_of_targets(path.read_text("utf-8")):
            if taker == role:
                found[action] = f"a target in {path.name}"
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_granted_what_is_called_and_nothing_else(applied: Applied, role: str) -> None:
    needed = {**DECLARED[role], **called(role)}
    wrong = least_privilege.differences(role, applied.policies[role], needed)
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"filter", "sagemaker"}))
def test_of_a_role_that_our_code_uses_some_calls_are_found(role: str) -> None:
    assert called(role)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_declared_that_is_called_anyway(role: str) -> None:
    assert DECLARED[role].keys() & called(role).keys() == set()


def test_every_function_and_every_definition_is_looked_at() -> None:
    assert {path.parent.name for path in LAMBDAS.glob("*/handler.py")} <= set(ROLES)
    assert {path.name for path in TERRAFORM.rglob("*.asl.json")} == set().union(
        *DEFINITIONS.values()
    )


def test_a_wildcard_would_be_found(applied: Applied) -> None:
    policy = applied.policies["serialize"]
    wide = {"Sid": "Everything", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    needed = {**DECLARED["serialize"], **called("serialize")}
    wider = {**policy, "Statement": [*policy["Statement"], wide]}
    assert least_privilege.differences("serialize", wider, needed) == [
        "serialize: statement Everything grants s3:*, which nothing is known to need"
    ]
