"""Remove an environment: first what Terraform does not know, then Terraform's, then look again."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.serving import endpoint, registry

Say = Callable[[str], None]
# What is paid for a thing of a kind that is left, whether it is used or not. Others cost nothing.
STILL_COSTS = {
    "Endpoint": "its instances, by the hour",
    "bucket": "what it stores",
    "table": "what it stores",
    "log group": "what it stores",
    "alarm": "$0.10 a month",
    "dashboard": "$3 a month",
}
POLL_S = 0.2
_RUNNING = ("InProgress", "Stopping")
_DELETE_AT_ONCE = 1000  # DeleteObjects' limit


def remove_models(environment: Environment, say: Say) -> None:
    """Remove the endpoint, its configurations, the models and versions, the jobs and their logs."""
    sagemaker = environment.client("sagemaker")
    prefix = environment.prefix
    if endpoint.status(sagemaker, prefix) is not None:
        say("endpoint")
        _await(lambda: endpoint.status(sagemaker, prefix) not in endpoint.CHANGING)
        if endpoint.status(sagemaker, prefix) is not None:  # else it was being deleted already
            sagemaker.delete_endpoint(EndpointName=prefix)
            _await(lambda: endpoint.status(sagemaker, prefix) is None)
    for name in _names(sagemaker, "endpoint_configs", "EndpointConfig", prefix):
        say("endpoint configurations")
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in _names(sagemaker, "transform_jobs", "TransformJob", prefix, "InProgress"):
        say("transform jobs")
        sagemaker.stop_transform_job(TransformJobName=name)
    for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix, "InProgress"):
        say("training jobs")
        sagemaker.stop_training_job(TrainingJobName=name)
    for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix):
        say("training jobs")
        _await(partial(_has_ended, sagemaker, name))
        sagemaker.delete_training_job(TrainingJobName=name)
    for name in _names(sagemaker, "models", "Model", prefix):
        say("models")
        sagemaker.delete_model(ModelName=name)
    registry.remove(environment, say)
    _remove_logs(environment.client("logs"), prefix)


def empty_bucket(environment: Environment, bucket: str, say: Say) -> int:
    """Delete every version of every object, and unfinished uploads. Returns how many.

    A bucket that does not exist is empty.
    """
    s3 = environment.client("s3")
    removed = 0
    try:
        # Always the first page: the place where a page ended is gone with what was deleted.
        while objects := _first_versions(s3, bucket):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            for problem in answer.get("Errors", []):
                raise UserError(
                    f"{problem['Key']} in {bucket} cannot be deleted: {problem['Code']}. "
                    "Delete it, then run this again."
                )
            removed += len(objects)
            say(f"{removed} objects of {bucket}")
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for item in page.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=bucket, Key=item["Key"], UploadId=item["UploadId"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
    return removed


def _first_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=_DELETE_AT_ONCE)
    items = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]


def inventory(environment: Environment) -> list[str]:
    """Everything of the environment that still exists, as "kind name", whoever made it.

    Transform jobs cannot be deleted on AWS; a finished one is a record that costs nothing, so
    only running jobs count.
    """
    return sorted(f"{kind} {name}" for kind, name in _remaining(environment))


def describe_left(item: str) -> str:
    """A line of the inventory, with what it still costs."""
    kind = next((kind for kind in STILL_COSTS if item.startswith(f"{kind} ")), None)
    return f"{item}: {f'still costs {STILL_COSTS[kind]}' if kind else 'costs nothing'}"


def _remaining(environment: Environment) -> Iterator[tuple[str, str]]:
    prefix = environment.prefix
    sagemaker = environment.client("sagemaker")
    for operation, kind in (
        ("endpoints", "Endpoint"),
        ("endpoint_configs", "EndpointConfig"),
        ("models", "Model"),
        ("training_jobs", "TrainingJob"),
    ):
        for name in _names(sagemaker, operation, kind, prefix):
            yield kind, name
    for name in _names(sagemaker, "transform_jobs", "TransformJob", prefix, "InProgress"):
        yield "TransformJob", name
    for name in registry.names(environment):
        yield "ModelPackage", name

    def pages(service: str, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
        client = environment.client(service)
        paginator = client.get_paginator(operation)
        for page in paginator.paginate(**arguments):
            yield from page.get(member, [])

    listed: list[tuple[str, Iterable[str]]] = [
        (
            "ModelPackageGroup",
            [
                group["ModelPackageGroupName"]
                for group in pages(
                    "sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList"
                )
            ],
        ),
        ("bucket", [b["Name"] for b in environment.client("s3").list_buckets()["Buckets"]]),
        ("table", pages("dynamodb", "list_tables", "TableNames")),
        (
            "queue",
            [url.rpartition("/")[2] for url in pages("sqs", "list_queues", "QueueUrls")],
        ),
        ("role", [r["RoleName"] for r in pages("iam", "list_roles", "Roles")]),
        ("function", [f["FunctionName"] for f in pages("lambda", "list_functions", "Functions")]),
        ("layer", [item["LayerName"] for item in pages("lambda", "list_layers", "Layers")]),
        (
            "state machine",
            [m["name"] for m in pages("stepfunctions", "list_state_machines", "stateMachines")],
        ),
        ("rule", [r["Name"] for r in pages("events", "list_rules", "Rules")]),
        (
            "topic",
            [t["TopicArn"].rpartition(":")[2] for t in pages("sns", "list_topics", "Topics")],
        ),
        *(
            (
                "alarm",
                [
                    alarm["AlarmName"]
                    for alarm in pages(
                        "cloudwatch", "describe_alarms", f"{kind}s", AlarmTypes=[kind]
                    )
                ],
            )
            for kind in ("MetricAlarm", "CompositeAlarm")
        ),
        (
            "dashboard",
            [
                d["DashboardName"]
                for d in pages("cloudwatch", "list_dashboards", "DashboardEntries")
            ],
        ),
    ]
    for kind, names in listed:
        for name in names:
            # The bucket of Terraform's state is not the environment's.
            if name == prefix or name.startswith(f"{prefix}-"):
                yield kind, name
    for group in pages("logs", "describe_log_groups", "logGroups"):
        if re.search(rf"/{re.escape(prefix)}($|[/-])", group["logGroupName"]):
            yield "log group", group["logGroupName"]


def _names(
    sagemaker: Any, operation: str, kind: str, prefix: str, status: str | None = None
) -> list[str]:
    """Names of a kind of SageMaker resource that belong to the environment."""
    arguments = {"NameContains": prefix, **({"StatusEquals": status} if status else {})}
    pages = sagemaker.get_paginator(f"list_{operation}").paginate(**arguments)
    member = f"{kind}Summaries" if kind.endswith("Job") else f"{kind}s"
    names = [item[f"{kind}Name"] for page in pages for item in page[member]]
    return [name for name in names if name == prefix or name.startswith(f"{prefix}-")]


def _remove_logs(logs: Any, prefix: str) -> None:
    for page in logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="/aws/sagemaker/Endpoints/"
    ):
        for group in page["logGroups"]:
            if group["logGroupName"].rpartition("/")[2] == prefix:
                logs.delete_log_group(logGroupName=group["logGroupName"])
    for name in ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/TransformJobs"):
        try:
            pages = list(
                logs.get_paginator("describe_log_streams").paginate(
                    logGroupName=name, logStreamNamePrefix=f"{prefix}-"
                )
            )
        except logs.exceptions.ResourceNotFoundException:
            continue
        for page in pages:
            for stream in page["logStreams"]:
                logs.delete_log_stream(logGroupName=name, logStreamName=stream["logStreamName"])


def _has_ended(sagemaker: Any, training_job: str) -> bool:
    found = sagemaker.describe_training_job(TrainingJobName=training_job)
    return found["TrainingJobStatus"] not in _RUNNING


def _await(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(POLL_S)
