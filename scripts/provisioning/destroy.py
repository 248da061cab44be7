"""Remove an environment: first what Terraform does not know, then Terraform's, then look again."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from scripts.cost.estimate import prices
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.serving import endpoint, registry

Say = Callable[[str], None]
# What is paid for a thing of a kind that is left, whether it is used or not: in words, or as
# prices.json names it, by the month. Others cost nothing.
STILL_COSTS = {
    "Endpoint": "its instances, by the hour",
    "running TrainingJob": "its instances, until it ends",
    "running TransformJob": "its instances, until it ends",
    "bucket": "what it stores",
    "table": "what it stores",
    "log group": "what it stores",
}
_BY_THE_MONTH = {
    "alarm": "cloudwatch alarm",
    "composite alarm": "cloudwatch composite alarm",
    "dashboard": "cloudwatch dashboard",
    "key": "kms key",
}
_RUNNING = ("InProgress", "Stopping")
_DELETE_AT_ONCE = 1000  # DeleteObjects' limit
# DeleteObjects sends keys as XML 1.0, which cannot hold these: S3 refuses the whole request.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def remove_models(environment: Environment, say: Say) -> None:
    """Remove the endpoint, its configurations, the models and versions, the jobs and their logs."""
    sagemaker = environment.client("sagemaker")
    prefix = environment.prefix
    if endpoint.status(sagemaker, prefix) is not None:
        say("endpoint")
        _await(environment, lambda: endpoint.status(sagemaker, prefix) not in endpoint.CHANGING)
        if endpoint.status(sagemaker, prefix) is not None:  # else it was being deleted already
            sagemaker.delete_endpoint(EndpointName=prefix)
            _await(environment, lambda: endpoint.status(sagemaker, prefix) is None)
    for name in _names(sagemaker, "endpoint_configs", "EndpointConfig", prefix):
        say("endpoint configurations")
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in _names(sagemaker, "transform_jobs", "TransformJob", prefix, "InProgress"):
        say("transform jobs")
        _stop(sagemaker.stop_transform_job, TransformJobName=name)
    for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix, "InProgress"):
        say("training jobs")
        _stop(sagemaker.stop_training_job, TrainingJobName=name)
    for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix):
        say("training jobs")
        _await(environment, partial(_has_ended, sagemaker, name))
        sagemaker.delete_training_job(TrainingJobName=name)
    # What they still write would be left in a bucket.
    _await(environment, lambda: not _running_transforms(sagemaker, prefix))
    for name in _names(sagemaker, "models", "Model", prefix):
        say("models")
        sagemaker.delete_model(ModelName=name)
    registry.remove(environment, say)
    _remove_logs(environment.client("logs"), prefix)


def buckets(environment: Environment) -> list[str]:
    """Names of both buckets: terraform/modules/storage/buckets.tf.

    Terraform cannot be asked: it forgets its outputs as soon as it begins to destroy.
    """
    account = environment.client("sts").get_caller_identity()["Account"]
    return [f"{environment.prefix}-{name}-{account}" for name in ("uploads", "artifacts")]


def empty_bucket(environment: Environment, bucket: str, say: Say) -> int:
    """Delete every version of every object, and unfinished uploads. Returns how many.

    A bucket that does not exist is empty.
    """
    s3 = environment.client("s3")
    removed = 0
    try:
        # Always the first page: the place where a page ended is gone with what was deleted.
        while objects := _first_versions(s3, bucket):
            _delete(s3, bucket, objects)
            removed += len(objects)
            say(f"{removed} objects of {bucket}")
        while uploads := _first_uploads(s3, bucket):
            for item in uploads:
                s3.abort_multipart_upload(Bucket=bucket, **item)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
    return removed


def _first_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=_DELETE_AT_ONCE)
    items = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]


def _delete(s3: Any, bucket: str, objects: list[dict[str, str]]) -> None:
    together = []
    for item in objects:
        if _NOT_IN_XML.search(item["Key"]):
            s3.delete_object(Bucket=bucket, **item)
        else:
            together.append(item)
    if not together:
        return
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": together, "Quiet": True})
    for problem in answer.get("Errors", []):
        raise UserError(
            f"{problem['Key']} in {bucket} cannot be deleted: {problem['Code']}. "
            "Delete it, then run this again."
        )


def _first_uploads(s3: Any, bucket: str) -> list[dict[str, str]]:
    # Encoded, or a key that XML cannot hold would make the answer unreadable. botocore asks for
    # this by itself where it lists versions, but not here.
    page = s3.list_multipart_uploads(Bucket=bucket, EncodingType="url")
    read = unquote_plus if page.get("EncodingType") == "url" else str
    return [
        {"Key": read(item["Key"]), "UploadId": item["UploadId"]} for item in page.get("Uploads", [])
    ]


def inventory(environment: Environment) -> list[str]:
    """Everything of the environment that still exists, as "kind name", whoever made it.

    Transform jobs cannot be deleted on AWS; a finished one is a record that costs nothing, so
    only running jobs count. So it is with keys: one that waits for its deletion costs nothing.
    """
    return sorted(f"{kind} {name}" for kind, name in _remaining(environment))


def describe_left(item: str) -> str:
    """A line of the inventory, with what it still costs."""
    listed = prices()
    monthly = {kind: f"${listed[name][0]:.2f} a month" for kind, name in _BY_THE_MONTH.items()}
    for kind, words in (STILL_COSTS | monthly).items():
        if item.startswith(f"{kind} "):
            return f"{item}: still costs {words}"
    return f"{item}: costs nothing"


def _remaining(environment: Environment) -> Iterator[tuple[str, str]]:
    prefix = environment.prefix
    sagemaker = environment.client("sagemaker")
    for operation, kind in (
        ("endpoints", "Endpoint"),
        ("endpoint_configs", "EndpointConfig"),
        ("models", "Model"),
    ):
        for name in _names(sagemaker, operation, kind, prefix):
            yield kind, name
    running = [
        name
        for status in _RUNNING
        for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix, status)
    ]
    for name in _names(sagemaker, "training_jobs", "TrainingJob", prefix):
        yield "running TrainingJob" if name in running else "TrainingJob", name
    for name in _running_transforms(sagemaker, prefix):
        yield "running TransformJob", name
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
                kind,
                [
                    alarm["AlarmName"]
                    for alarm in pages(
                        "cloudwatch", "describe_alarms", f"{name}s", AlarmTypes=[name]
                    )
                ],
            )
            for kind, name in (("alarm", "MetricAlarm"), ("composite alarm", "CompositeAlarm"))
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
    kms = environment.client("kms")
    for key in pages("kms", "list_keys", "Keys"):
        if _is_paid_key(kms, environment, key["KeyId"]):
            yield "key", key["KeyId"]


def _is_paid_key(kms: Any, environment: Environment, key: str) -> bool:
    """Whether a key has the environment's tags, which outlive its alias, and is not to go yet."""
    try:
        tags = kms.list_resource_tags(KeyId=key)["Tags"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False  # somebody else's: our own may be read by whoever may remove it
    found = {tag["TagKey"]: tag["TagValue"] for tag in tags}
    if (found.get("Project"), found.get("Environment")) != (environment.project, environment.name):
        return False
    state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    return bool(state != "PendingDeletion")


def _names(
    sagemaker: Any, operation: str, kind: str, prefix: str, status: str | None = None
) -> list[str]:
    """Names of a kind of SageMaker resource that belong to the environment."""
    arguments = {"NameContains": prefix, **({"StatusEquals": status} if status else {})}
    pages = sagemaker.get_paginator(f"list_{operation}").paginate(**arguments)
    member = f"{kind}Summaries" if kind.endswith("Job") else f"{kind}s"
    # What is being deleted is gone in a moment, and cannot be deleted again.
    names = [
        item[f"{kind}Name"]
        for page in pages
        for item in page[member]
        if not (kind == "TrainingJob" and item["TrainingJobStatus"] == "Deleting")
    ]
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


def _running_transforms(sagemaker: Any, prefix: str) -> list[str]:
    return [
        name
        for status in _RUNNING
        for name in _names(sagemaker, "transform_jobs", "TransformJob", prefix, status)
    ]


def _stop(stop: Callable[..., Any], **job: str) -> None:
    """Ask a job to stop. One that has ended since it was listed cannot, and need not."""
    try:
        stop(**job)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise


def _await(environment: Environment, condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(environment.poll_s)
