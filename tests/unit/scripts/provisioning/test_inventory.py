"""What is left of an environment: everything of its own, and nothing of its neighbours."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.responses import CloudWatchResponse

from scripts.environment import Environment
from scripts.provisioning import destroy
from tests.unit.scripts.provisioning.listed_jobs import listed_jobs

ROLE_TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NEIGHBOURS = ("scones-dev2", "scones-devel", "my-scones-dev", "scones", "scones-prod")


@pytest.fixture
def clients(aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """clients(service): a client, made once."""
    # moto can keep composite alarms, and has no operation that makes one.
    make = CloudWatchResponse.put_metric_alarm
    monkeypatch.setattr(CloudWatchResponse, "put_composite_alarm", make, raising=False)
    return functools.cache(dev.client)


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        opened.writestr("handler.py", "")
    return out.getvalue()


def _make_one_of_each(client: Callable[[str], Any], prefix: str) -> set[str]:
    """One resource of every kind that moto has; returns how the inventory must call them."""
    role = client("iam").create_role(
        RoleName=f"{prefix}-lambda", AssumeRolePolicyDocument=ROLE_TRUST
    )["Role"]["Arn"]
    client("s3").create_bucket(Bucket=f"{prefix}-uploads-123456789012")
    client("dynamodb").create_table(
        TableName=f"{prefix}-decisions",
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("sqs").create_queue(QueueName=f"{prefix}-review")
    client("sns").create_topic(Name=f"{prefix}-alarms")
    client("events").put_rule(Name=f"{prefix}-uploads", ScheduleExpression="rate(1 day)")
    client("cloudwatch").put_metric_alarm(
        AlarmName=f"{prefix}-failures",
        Namespace="AWS/States",
        MetricName="ExecutionsFailed",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    client("cloudwatch").put_composite_alarm(
        AlarmName=f"{prefix}-unhealthy", AlarmRule=f"ALARM({prefix}-failures)"
    )
    client("cloudwatch").put_dashboard(
        DashboardName=prefix, DashboardBody=json.dumps({"widgets": []})
    )
    client("lambda").publish_layer_version(
        LayerName=f"{prefix}-common", Content={"ZipFile": _zip()}
    )
    client("lambda").create_function(
        FunctionName=f"{prefix}-infer",
        Role=role,
        Runtime="python3.13",
        Handler="handler.handle",
        Code={"ZipFile": _zip()},
    )
    client("stepfunctions").create_state_machine(
        name=f"{prefix}-classify",
        roleArn=role,
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
    )
    project, _, environment = prefix.partition("-")
    tags = {"Project": project, "Environment": environment}
    key = client("kms").create_key(
        Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()]
    )["KeyMetadata"]["KeyId"]
    groups = (f"/aws/lambda/{prefix}-infer", f"/aws/sagemaker/Endpoints/{prefix}")
    for group in groups:
        client("logs").create_log_group(logGroupName=group)
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName=f"{prefix}-model", ExecutionRoleArn=role)
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{prefix}-1",
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": f"{prefix}-model",
                             "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}],
    )  # fmt: skip
    sagemaker.create_endpoint(EndpointName=prefix, EndpointConfigName=f"{prefix}-1")
    sagemaker.create_model_package_group(ModelPackageGroupName=prefix)
    sagemaker.create_model_package(
        ModelPackageGroupName=prefix, ModelApprovalStatus="PendingManualApproval"
    )
    return {
        f"Endpoint {prefix}",
        f"EndpointConfig {prefix}-1",
        f"Model {prefix}-model",
        f"ModelPackage {prefix}/1",
        f"ModelPackageGroup {prefix}",
        f"alarm {prefix}-failures",
        f"bucket {prefix}-uploads-123456789012",
        f"composite alarm {prefix}-unhealthy",
        f"dashboard {prefix}",
        f"function {prefix}-infer",
        f"key {key}",
        f"layer {prefix}-common",
        *(f"log group {group}" for group in groups),
        f"queue {prefix}-review",
        f"role {prefix}-lambda",
        f"rule {prefix}-uploads",
        f"state machine {prefix}-classify",
        f"table {prefix}-decisions",
        f"topic {prefix}-alarms",
    }


def test_the_inventory_knows_every_kind_and_nothing_of_a_neighbour(
    clients: Callable[[str], Any], dev: Environment
) -> None:
    expected = _make_one_of_each(clients, "scones-dev")
    for neighbour in NEIGHBOURS[:2]:
        _make_one_of_each(clients, neighbour)
    assert destroy.inventory(dev) == sorted(expected)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_names_that_merely_resemble_the_environments_are_not_its(
    clients: Callable[[str], Any], dev: Environment, neighbour: str
) -> None:
    clients("s3").create_bucket(Bucket=f"{neighbour}-uploads")
    clients("sqs").create_queue(QueueName=f"{neighbour}-review")
    clients("logs").create_log_group(logGroupName=f"/aws/lambda/{neighbour}-infer")
    clients("logs").create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{neighbour}")
    assert destroy.inventory(dev) == []


def test_an_empty_account_has_nothing_left(aws: Any, dev: Environment) -> None:
    assert destroy.inventory(dev) == []


def test_the_bucket_of_terraforms_state_is_not_the_environments(
    clients: Callable[[str], Any], dev: Environment
) -> None:
    clients("s3").create_bucket(Bucket="scones-terraform-state-123456789012")
    assert destroy.inventory(dev) == []


def test_every_page_is_looked_at(aws: Any, dev: Environment) -> None:
    aws.answers["ListTables"] = [
        {"TableNames": ["other"], "LastEvaluatedTableName": "other"},
        {"TableNames": ["scones-dev-decisions"]},
    ]
    assert destroy.inventory(dev) == ["table scones-dev-decisions"]


def test_training_jobs_are_left_until_deleted_and_transform_jobs_until_ended(
    aws: Any, dev: Environment
) -> None:
    aws.answers["ListTrainingJobs"] = listed_jobs(
        "Training",
        {
            "scones-dev-a": "Completed",
            "scones-dev-e": "InProgress",
            "scones-dev-f": "Stopping",
            "scones-dev2-b": "Completed",
        },
    )
    aws.answers["ListTransformJobs"] = listed_jobs(
        "Transform", {"scones-dev-c": "InProgress", "scones-dev-d": "Completed"}
    )
    assert destroy.inventory(dev) == [
        "TrainingJob scones-dev-a",
        "running TrainingJob scones-dev-e",
        "running TrainingJob scones-dev-f",
        "running TransformJob scones-dev-c",
    ]


def test_a_key_that_waits_for_its_deletion_or_is_somebody_elses_is_not_left(
    aws: Any,
    clients: Callable[[str], Any],
    dev: Environment,
    aws_error: Callable[..., ClientError],
) -> None:
    kms = clients("kms")
    tags = [
        {"TagKey": "Project", "TagValue": "scones"},
        {"TagKey": "Environment", "TagValue": "dev"},
    ]
    ours = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    kms.create_key(Tags=tags[:1])
    assert destroy.inventory(dev) == [f"key {ours}"]
    kms.schedule_key_deletion(KeyId=ours)
    assert destroy.inventory(dev) == []
    aws.answers["ListResourceTags"] = aws_error("AccessDeniedException")
    assert destroy.inventory(dev) == []
    aws.answers["ListResourceTags"] = aws_error("KMSInternalException")
    with pytest.raises(ClientError, match="KMSInternalException"):
        destroy.inventory(dev)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("alarm scones-dev-failures", "still costs $0.10 a month"),
        ("composite alarm scones-dev-unhealthy", "still costs $0.50 a month"),
        ("dashboard scones-dev", "still costs $3.00 a month"),
        ("key 1", "still costs $1.00 a month"),
        ("running TrainingJob scones-dev-a", "still costs its instances, until it ends"),
        ("running TransformJob scones-dev-a", "still costs its instances, until it ends"),
        ("TrainingJob scones-dev-a", "costs nothing"),
        ("Endpoint scones-dev", "still costs its instances, by the hour"),
        ("EndpointConfig scones-dev", "costs nothing"),
    ],
)
def test_what_is_left_is_told_with_what_it_costs(item: str, words: str) -> None:
    assert destroy.describe_left(item) == f"{item}: {words}"


def test_what_a_month_costs_is_what_the_price_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {name: (7.25, unit) for name, (_, unit) in destroy.prices().items()}
    monkeypatch.setattr(destroy, "prices", lambda: listed)
    assert destroy.describe_left("key 1") == "key 1: still costs $7.25 a month"
