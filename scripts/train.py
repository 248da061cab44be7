"""Train a model: a SageMaker training job with the code in scripts/algorithm."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scripts import archives
from scripts.artifacts import CURRENT_DATASET, MODELS, TRAINING, Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError

ALGORITHM = "efficientnet"
SOURCE = ROOT / "scripts" / "algorithm"
PROGRAM = "train.py"
CHANNELS = ("train", "validation")
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
INSTANCE_TYPE = "ml.m5.xlarge"
FRAMEWORK_VERSION, FRAMEWORK_PYTHON = "2.6", "py312"
MAX_RUNTIME_S = 3600
POLL_S = 1.0
# What the job prints at the end of each epoch, and SageMaker shows as metrics.
METRICS = {
    "train:loss": r"train_loss=([0-9.]+)",
    "validation:loss": r"validation_loss=([0-9.]+)",
    "validation:accuracy": r"validation_accuracy=([0-9.]+)",
}

# glibc returns the memory of every batch to the kernel unless told not to, which costs a fifth of
# the processor time; other C libraries ignore these.
PROCESS_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
}

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """A completed training job. `seconds` is SageMaker's own count, which AWS bills."""

    job: str
    algorithm: str
    model_uri: str
    dataset_id: str
    seconds: int
    metrics: dict[str, float]


def image_uri(environment: Environment, scope: str) -> str:
    """AWS's PyTorch container, CPU build; `scope` is "training" or "inference"."""
    from sagemaker.core import image_uris

    uri: str = image_uris.retrieve(
        framework="pytorch",
        region=environment.region,
        version=FRAMEWORK_VERSION,
        py_version=FRAMEWORK_PYTHON,
        instance_type=INSTANCE_TYPE,
        image_scope=scope,
    )
    return uri


def source_files(source_dir: Any = SOURCE) -> dict[str, bytes]:
    """The algorithm's files, flat, as a container unpacks them."""
    names = [*source_dir.glob("*.py"), source_dir / "requirements.txt"]
    return {path.name: path.read_bytes() for path in names if path.name != "__init__.py"}


def git_commit() -> str:
    """The commit of this checkout, kept inside the model; "unknown" outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def train(
    environment: Environment,
    bucket: Bucket,
    role_arn: str,
    hyperparameters: Mapping[str, object],
    on_line: OnLine,
) -> TrainingResult:
    """Submit a training job on the staged data set, follow its log, return its result.

    `hyperparameters` are the algorithm's own (scripts/algorithm/hyperparameters.py). Raises
    UserError when nothing is staged, and when the job fails, with SageMaker's reason.
    """
    dataset = bucket.read_json(CURRENT_DATASET)
    if dataset is None:
        raise UserError("No data set is staged. Run: invoke stage")
    job = f"{environment.prefix}-{ALGORITHM}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:63]
    source = archives.pack(source_files())
    source_key = f"{TRAINING}/source/{hashlib.sha256(source).hexdigest()[:16]}/sourcedir.tar.gz"
    bucket.s3.put_object(Bucket=bucket.name, Key=source_key, Body=source)
    values = {
        "classes": ",".join(dataset["classes"]),
        **hyperparameters,
        "sagemaker_program": PROGRAM,
        "sagemaker_submit_directory": bucket.uri(source_key),
    }
    started = _submit(environment, bucket, role_arn, job, dataset, values)
    _follow(environment, started, job, on_line)
    return _result(started, job, dataset["dataset_id"])


def _submit(
    environment: Environment,
    bucket: Bucket,
    role_arn: str,
    job: str,
    dataset: Mapping[str, Any],
    values: Mapping[str, object],
) -> Any:
    from sagemaker.core.resources import Tag, TrainingJob
    from sagemaker.core.shapes import (
        AlgorithmSpecification,
        Channel,
        DataSource,
        MetricDefinition,
        OutputDataConfig,
        ResourceConfig,
        S3DataSource,
        StoppingCondition,
    )

    def channel(name: str) -> Channel:
        data = S3DataSource(
            s3_data_type="S3Prefix",
            s3_uri=dataset["channels"][name],
            s3_data_distribution_type="FullyReplicated",
        )
        return Channel(channel_name=name, data_source=DataSource(s3_data_source=data))

    return TrainingJob.create(
        training_job_name=job,
        role_arn=role_arn,
        region=environment.region,
        algorithm_specification=AlgorithmSpecification(
            training_image=image_uri(environment, "training"),
            training_input_mode="File",
            metric_definitions=[
                MetricDefinition(name=name, regex=regex) for name, regex in METRICS.items()
            ],
        ),
        environment={**PROCESS_SETTINGS, "GIT_COMMIT": git_commit()},
        hyper_parameters={key: json.dumps(value) for key, value in values.items()},
        input_data_config=[channel(name) for name in CHANNELS],
        output_data_config=OutputDataConfig(s3_output_path=bucket.uri(MODELS)),
        resource_config=ResourceConfig(
            instance_type=INSTANCE_TYPE, instance_count=1, volume_size_in_gb=30
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=MAX_RUNTIME_S),
        tags=[
            Tag(key="Project", value=environment.project),
            Tag(key="Environment", value=environment.name),
            Tag(key="DatasetId", value=dataset["dataset_id"]),
        ],
    )


def _follow(environment: Environment, started: Any, job: str, on_line: OnLine) -> None:
    """Pass on the job's log until it ends; stop the job when the person stops waiting."""
    logs = environment.client("logs")
    token: str | None = None
    try:
        while True:
            started.refresh()
            ended = started.training_job_status in ("Completed", "Failed", "Stopped")
            token = _pass_on(logs, job, token, on_line)
            if ended:
                break
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        environment.client("sagemaker").stop_training_job(TrainingJobName=job)
        raise
    if started.training_job_status != "Completed":
        reason = getattr(started, "failure_reason", "") or "no reason was given"
        raise UserError(
            f"Training job {job} ended as {started.training_job_status}: "
            f"{' '.join(str(reason).split())}"
        )


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


def _result(started: Any, job: str, dataset_id: str) -> TrainingResult:
    metrics = started.final_metric_data_list
    found = metrics if isinstance(metrics, list) else []
    return TrainingResult(
        job=job,
        algorithm=ALGORITHM,
        model_uri=started.model_artifacts.s3_model_artifacts,
        dataset_id=dataset_id,
        seconds=int(started.training_time_in_seconds),
        metrics={item.metric_name: float(item.value) for item in found},
    )
