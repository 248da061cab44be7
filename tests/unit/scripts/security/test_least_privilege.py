"""What code, workflow and targets call is derived, and compared with what is granted."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.security.least_privilege import (
    actions_of_code,
    actions_of_targets,
    actions_of_workflow,
    differences,
)


def test_calls_are_those_of_the_services_that_code_has_clients_of() -> None:
    code = """
import boto3
QUEUE = boto3.client("sqs", region_name="us-east-1")
def work(queue):
    queue.send_message(QueueUrl="a")
    queue.get_object(Bucket="S3 has no client here")
"""
    assert actions_of_code([code]) == {"sqs:SendMessage"}


def test_a_client_may_be_made_in_one_module_and_called_in_another() -> None:
    made = 'import boto3\nCLIENT = boto3.client("dynamodb")'
    assert actions_of_code([made, "def f(t): t.put_item(Item={})"]) == {"dynamodb:PutItem"}


def test_a_call_that_is_only_passed_on_counts_too() -> None:
    code = 'import boto3\nretry(boto3.client("sns").publish)'
    assert actions_of_code([code]) == {"sns:Publish"}


def test_reading_an_object_needs_the_right_to_read_it_and_no_other() -> None:
    code = 'import boto3\nboto3.client("s3").get_object(Bucket="a", Key="b")'
    assert actions_of_code([code]) == {"s3:GetObject"}


@pytest.mark.parametrize("named", ['VersionId="c"', '**{"VersionId": "c"}'])
def test_reading_a_version_needs_the_right_to_read_versions(named: str) -> None:
    code = f'import boto3\nboto3.client("s3").get_object(Bucket="a", {named})'
    assert actions_of_code([code]) == {"s3:GetObject", "s3:GetObjectVersion"}


def test_an_operation_that_iam_calls_otherwise_is_named_as_iam_does() -> None:
    code = 'import boto3\nboto3.client("s3").list_objects_v2(Bucket="a")'
    assert actions_of_code([code]) == {"s3:ListBucket"}


def test_the_runtime_of_a_service_has_the_service_s_own_prefix() -> None:
    code = 'import boto3\nboto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="a")'
    assert actions_of_code([code]) == {"sagemaker:InvokeEndpoint"}


def test_cloudwatch_goes_by_its_name_in_iam() -> None:
    code = 'import boto3\nboto3.client("cloudwatch").get_metric_data()'
    assert actions_of_code([code]) == {"cloudwatch:GetMetricData"}


@pytest.mark.parametrize(
    "code",
    [
        'import boto3\nboto3.resource("s3")',
        "import boto3\nname = input()\nboto3.client(name)",
        "import boto3\nmake = boto3.client",
        "import boto3 as aws",
        "from boto3 import client",
        "import boto3.session",
    ],
)
def test_a_client_whose_calls_cannot_be_told_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="boto3"):
        actions_of_code([code])


def machine(*resources: str) -> dict[str, Any]:
    states = {str(n): {"Type": "Task", "Resource": uri} for n, uri in enumerate(resources)}
    return {"States": {**states, "Done": {"Type": "Succeed"}}}


def test_integrations_are_named_after_their_calls() -> None:
    resources = (
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::dynamodb:putItem",
        "arn:aws:states:::aws-sdk:sqs:receiveMessage",
    )
    assert actions_of_workflow(machine(*resources)) == {
        "lambda:InvokeFunction",
        "dynamodb:PutItem",
        "sqs:ReceiveMessage",
    }


@pytest.mark.parametrize("key", ["ItemProcessor", "Branches"])
def test_integrations_within_a_state_count_too(key: str) -> None:
    inner = machine("arn:aws:states:::sns:publish")
    outer = {"Type": "Any", key: [inner] if key == "Branches" else inner}
    assert actions_of_workflow({"States": {"Outer": outer}}) == {"sns:Publish"}


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:lambda:us-east-1:000000000000:function:direct",
    ],
)
def test_a_pattern_that_needs_more_than_its_call_is_refused(resource: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        actions_of_workflow(machine(resource))


TARGET = """
resource "aws_cloudwatch_event_target" "one" {
  rule     = aws_cloudwatch_event_rule.one.name
  arn      = aws_sfn_state_machine.one.arn
  role_arn = var.role_arns["events"]
}
"""


def test_a_target_with_a_role_makes_that_role_call() -> None:
    assert actions_of_targets(TARGET) == {("events", "states:StartExecution")}


def test_a_target_without_a_role_calls_in_nobodys_name() -> None:
    assert actions_of_targets(TARGET.replace("role_arn", "other")) == set()


def test_a_target_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        actions_of_targets(TARGET.replace("aws_sfn_state_machine", "aws_kinesis_stream"))


def policy(*actions: str, **rest: Any) -> dict[str, Any]:
    return {"Statement": [{"Sid": "Work", "Effect": "Allow", "Action": list(actions), **rest}]}


def test_a_policy_that_grants_exactly_what_is_needed_has_no_differences() -> None:
    assert differences("infer", policy("a:B", "a:C"), {"a:B": "x", "a:C": "y"}) == []


def test_a_grant_too_many_names_role_action_and_statement() -> None:
    assert differences("infer", policy("a:B", "a:C"), {"a:B": "x"}) == [
        "infer: statement Work grants a:C, which nothing is known to need"
    ]


def test_a_grant_too_few_names_role_action_and_need() -> None:
    assert differences("infer", policy("a:B"), {"a:B": "x", "a:C": "the code"}) == [
        "infer: no statement grants a:C, which is needed: the code"
    ]


@pytest.mark.parametrize(
    "statement", [{"Action": "*"}, {"Action": ["a:*"]}, {"NotAction": ["iam:*"]}]
)
def test_a_wildcard_is_a_grant_too_many(statement: dict[str, Any]) -> None:
    wide = {"Statement": [{"Sid": "Wide", "Effect": "Allow", **statement}]}
    found = differences("infer", wide, {"a:B": "x"})
    assert [text for text in found if "Wide" in text]


def test_a_denial_grants_nothing() -> None:
    assert differences("infer", policy("a:B", Effect="Deny"), {}) == []
