"""Train a model: a SageMaker training job, submitted or found again, followed to its end."""

import difflib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.artifacts import CURRENT_DATASET, MODELS, Bucket, dataset_key
from scripts.dataset.rules import check_classes
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.training import builtin, efficientnet, job_request
from scripts.training.job_request import JobRequest

ALGORITHMS = (EFFICIENTNET, BUILTIN) = ("efficientnet", "builtin")
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
_QUOTA = re.compile(r"service limit '([^']+)' is (\d+) ")

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """A completed training job. `seconds` is SageMaker's own count, which AWS bills.

    `stand_in` is true when the local cloud trained something else in place of AWS's algorithm.
    """

    job: str
    algorithm: str
    model_uri: str
    dataset_id: str
    seconds: int
    metrics: dict[str, float]
    stand_in: bool = False


def new_job_name(environment: Environment, algorithm: str) -> str:
    """A name that no job has: the environment's, the algorithm's, and the time."""
    return f"{environment.prefix}-{algorithm}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:63]


def train(
    environment: Environment,
    bucket: Bucket,
    role_arn: str,
    hyperparameters: Mapping[str, object],
    on_line: OnLine,
    *,
    algorithm: str = EFFICIENTNET,
    job: str | None = None,
    instance_type: str | None = None,
    dataset_id: str | None = None,
) -> TrainingResult:
    """Submit a training job, follow its log, return its result.

    The data set is the one that was staged last, unless `dataset_id` names another staged one.

    `hyperparameters` are the algorithm's own: scripts/algorithm/hyperparameters.py, or AWS's in
    builtin_hyperparameters.py. With `job`, a job of this name that exists is followed and none is
    submitted; one that has completed returns at once.

    Raises UserError when nothing is staged, when what is asked for is not allowed, when the
    account's quota is used up, and when the job fails or has failed, with SageMaker's reason.
    """
    found = _find(environment, job) if job else None
    if found is not None and found.training_job_status == "Completed":
        return _result(environment, found)
    if found is None:
        dataset = bucket.read_json(dataset_key(dataset_id) if dataset_id else CURRENT_DATASET)
        if dataset is None:
            raise UserError("No data set is staged. Run: invoke stage")
        asked = _ask(environment, bucket, dataset, hyperparameters, algorithm, instance_type)
        name = job or new_job_name(environment, algorithm)
        tags = {
            "Project": environment.project,
            "Environment": environment.name,
            "DatasetId": dataset["dataset_id"],
            "Algorithm": algorithm,
        }
        found = _submit(environment, asked, name, role_arn, bucket.uri(MODELS), tags)
    _follow(environment, found, on_line)
    return _result(environment, found)


def check_algorithm(algorithm: str) -> None:
    """Raise UserError when there is no such algorithm."""
    if algorithm not in ALGORITHMS:
        raise UserError(f"There is no algorithm '{algorithm}': use {' or '.join(ALGORITHMS)}.")


def algorithm_of(tags: Mapping[str, str], image: str) -> str:
    """Which algorithm a job with these tags and this training image is of."""
    return tags.get("Algorithm") or (BUILTIN if builtin.is_image(image) else EFFICIENTNET)


def is_stand_in(environment: Environment, algorithm: str) -> bool:
    """Whether the algorithm is served by a stand-in: AWS's container runs on AWS alone."""
    return environment.is_local and algorithm == BUILTIN


def tags_of(environment: Environment, arn: str) -> dict[str, str]:
    """The tags of a job."""
    tags = environment.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def _ask(
    environment: Environment,
    bucket: Bucket,
    dataset: Mapping[str, Any],
    hyperparameters: Mapping[str, object],
    algorithm: str,
    instance_type: str | None,
) -> JobRequest:
    check_algorithm(algorithm)
    check_classes(dataset["classes"])  # it may have been staged before there was this rule
    if instance_type is not None:
        _check_instance_type(environment, instance_type)
    if algorithm == BUILTIN:
        return builtin.request(environment, bucket, dataset, hyperparameters, instance_type)
    return efficientnet.request(environment, bucket, dataset, hyperparameters, instance_type)


def _check_instance_type(environment: Environment, instance_type: str) -> None:
    service = environment.client("sagemaker").meta.service_model
    known: list[str] = service.shape_for("TrainingInstanceType").enum
    if instance_type not in known:
        near = difflib.get_close_matches(instance_type, known, n=3) or [efficientnet.INSTANCE_TYPE]
        raise UserError(
            f"SageMaker trains on no instance type '{instance_type}': "
            f"choose for example {' or '.join(near)}."
        )


def _find(environment: Environment, job: str) -> Any | None:
    """The job called `job`, or None."""
    from sagemaker.core.resources import TrainingJob

    try:
        return TrainingJob.get(
            job, session=job_request.session(environment), region=environment.region
        )
    except ClientError as error:
        if "not found" in error.response["Error"]["Message"]:
            return None
        raise


def _submit(
    environment: Environment,
    asked: JobRequest,
    job: str,
    role_arn: str,
    output_uri: str,
    tags: Mapping[str, str],
) -> Any:
    """Start the job. A quota that is used up becomes a UserError that says what to do."""
    try:
        return job_request.submit(environment, asked, job, role_arn, output_uri, tags)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        message = error.response["Error"]["Message"]
        raise UserError(_way_out(environment, asked.instance_type, message)) from error


def _way_out(environment: Environment, instance_type: str, message: str) -> str:
    """What to do about a quota, which AWS's message names with its value."""
    match = _QUOTA.search(message)
    quota, limit = match.groups() if match else (f"{instance_type} for training job usage", "")
    state = "is 0" if limit == "0" else f"of {limit} is used up" if limit else "is used up"
    other = f"--algorithm {EFFICIENTNET}"
    if instance_type == efficientnet.INSTANCE_TYPE:
        other += f" --instance-type {efficientnet.OTHER_INSTANCE_TYPE}"
    return (
        f"The account's quota '{quota}' {state} in {environment.region}. Wait for a job that still "
        "runs, request more in Service Quotas under Amazon SageMaker, or train our own model on a "
        f"CPU: the same command with {other}"
    )


def _follow(environment: Environment, started: Any, on_line: OnLine) -> None:
    """Pass on the job's log until it ends; stop the job when the person stops waiting."""
    logs = environment.client("logs")
    job = started.training_job_name
    token: str | None = None
    try:
        while True:
            started.refresh()
            ended = started.training_job_status in ENDED
            token = _pass_on(logs, job, token, on_line)
            if ended:
                break
            time.sleep(environment.poll_s)
    except KeyboardInterrupt:
        environment.client("sagemaker").stop_training_job(TrainingJobName=job)
        raise
    if started.training_job_status != "Completed":
        raise UserError(
            f"Training job {job} ended as {started.training_job_status}: {_reason(started)}"
        )


def _reason(ended: Any) -> str:
    """Why a job did not complete, in one line. AWS gives no reason for one whose time was over."""
    if ended.secondary_status == "MaxRuntimeExceeded":
        return (
            f"it took longer than {ended.stopping_condition.max_runtime_in_seconds} s. "
            "Set fewer epochs (--set epochs=…), or a larger instance (--instance-type …)."
        )
    reason = getattr(ended, "failure_reason", "") or "no reason was given"
    return " ".join(str(reason).split())


def _pass_on(logs: Any, job: str, token: str | None, on_line: OnLine) -> str | None:
    streams = []
    try:
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")[
            "logStreams"
        ]
    except logs.exceptions.ResourceNotFoundException:
        return token
    if not streams:
        return token
    while True:
        page = logs.get_log_events(
            logGroupName=LOG_GROUP,
            logStreamName=streams[0]["logStreamName"],
            startFromHead=True,
            **({"nextToken": token} if token else {}),
        )
        for event in page["events"]:
            on_line(event["message"])
        if page["nextForwardToken"] == token:
            return token
        token = page["nextForwardToken"]


def _result(environment: Environment, ended: Any) -> TrainingResult:
    tags = tags_of(environment, ended.training_job_arn)
    algorithm = algorithm_of(tags, str(ended.algorithm_specification.training_image))
    metrics = ended.final_metric_data_list
    found = metrics if isinstance(metrics, list) else []
    return TrainingResult(
        job=ended.training_job_name,
        algorithm=algorithm,
        model_uri=ended.model_artifacts.s3_model_artifacts,
        dataset_id=tags.get("DatasetId", ""),
        seconds=int(ended.training_time_in_seconds),
        metrics={item.metric_name: float(item.value) for item in found},
        stand_in=is_stand_in(environment, algorithm),
    )
