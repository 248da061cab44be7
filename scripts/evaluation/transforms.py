"""A model's answers for the pictures of a data set: SageMaker's batch transform jobs."""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common import scores
from lambdas.common.errors import BadScores
from scripts.artifacts import DATASETS, TRANSFORMS, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.quality import Prediction
from scripts.training.models import Model

INSTANCE_TYPE = "ml.m5.large"
CONTENT_TYPE, ACCEPT = "application/x-image", "application/json"
CONCURRENT_REQUESTS = 4
MAX_PAYLOAD_MB = 25  # of 1,048,576 bytes: the largest picture. AWS allows 100 for all requests

_WRAPPED = re.compile(rb'\s*\{\s*"prediction"\s*:\s*(\[[^\[\]]*\])\s*\}\s*')

Say = Callable[[str], None]


def manifest_key(dataset_id: str, part: str) -> str:
    """Where the list of a part's pictures is."""
    return f"{DATASETS}/{dataset_id}/manifests/{part}.json"


def predict(
    environment: Environment,
    bucket: Bucket,
    model: Model,
    dataset_id: str,
    wanted: Mapping[str, Sequence[str]],
    say: Say,
) -> dict[str, list[Prediction]]:
    """Run the model on parts of a data set, one transform job each; its answers by part.

    `wanted` are the pictures of each part, as <class>/<name>: all that its manifest lists. Raises
    UserError for a class that the model does not know, when a transform fails, and when an answer
    is missing or no probabilities.
    """
    sagemaker = environment.client("sagemaker")
    transforms = [_plan_transform(model, dataset_id, part, wanted[part]) for part in wanted]
    running: list[str] = []
    try:
        for transform in transforms:
            job = _under_way(sagemaker, bucket, transform)
            if job is None:
                _start(sagemaker, environment, bucket, model, transform)
            running.append(job or transform.job)
            say(f"predicting {len(transform.paths)} {transform.part} pictures")
        while running:
            _await(environment, running[0])
            running.pop(0)
    except BaseException:  # nobody waits any more; AWS would go on, and bill it
        for job in running:
            with contextlib.suppress(BotoCoreError, ClientError):
                sagemaker.stop_transform_job(TransformJobName=job)
        raise
    return {
        transform.part: _read_predictions(bucket, transform.output, transform.paths, model.labels)
        for transform in transforms
    }


@dataclass(frozen=True)
class _Transform:
    """A transform job over one part: its manifest's key, the pictures in it, where answers go.

    `prefix` is what the names of all jobs of this model and part begin with.
    """

    part: str
    prefix: str
    job: str
    manifest: str
    paths: Sequence[str]
    output: str


def _plan_transform(model: Model, dataset_id: str, part: str, paths: Sequence[str]) -> _Transform:
    unknown = {path.partition("/")[0] for path in paths} - set(model.labels)
    if unknown:
        raise UserError(
            f"{model.name} does not know {', '.join(sorted(unknown))} of the data set {dataset_id}."
        )
    prefix = f"{model.name[:39]}-{part}-"
    job = f"{prefix}{datetime.now(UTC):%y%m%d%H%M%S}"  # at most 63 characters
    output = f"{TRANSFORMS}/{model.name}/{dataset_id}/{part}"
    return _Transform(part, prefix, job, manifest_key(dataset_id, part), paths, output)


def _under_way(sagemaker: Any, bucket: Bucket, transform: _Transform) -> str | None:
    """A job with the same output that an evaluation left behind which was killed."""
    listed = sagemaker.list_transform_jobs(NameContains=transform.prefix, StatusEquals="InProgress")
    for item in listed["TransformJobSummaries"]:
        name = str(item["TransformJobName"])
        found = sagemaker.describe_transform_job(TransformJobName=name)
        if found["TransformOutput"]["S3OutputPath"] == bucket.uri(transform.output):
            return name
    return None


def _start(
    sagemaker: Any, environment: Environment, bucket: Bucket, model: Model, transform: _Transform
) -> None:
    sagemaker.create_transform_job(
        TransformJobName=transform.job,
        ModelName=model.name,
        MaxConcurrentTransforms=CONCURRENT_REQUESTS,
        MaxPayloadInMB=MAX_PAYLOAD_MB,
        TransformInput={
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "ManifestFile",
                    "S3Uri": bucket.uri(transform.manifest),
                }
            },
            "ContentType": CONTENT_TYPE,
            "SplitType": "None",
        },
        TransformOutput={
            "S3OutputPath": bucket.uri(transform.output),
            "Accept": ACCEPT,
            "AssembleWith": "None",
        },
        TransformResources={"InstanceType": INSTANCE_TYPE, "InstanceCount": 1},
        Tags=environment.tags,
    )


def _await(environment: Environment, job: str) -> None:
    sagemaker = environment.client("sagemaker")
    while True:
        found = sagemaker.describe_transform_job(TransformJobName=job)
        status = found["TransformJobStatus"]
        if status == "Completed":
            return
        if status in ("Failed", "Stopped"):
            reason = " ".join(found.get("FailureReason", "no reason was given").split())
            raise UserError(f"Transform job {job} ended as {status}: {reason}")
        time.sleep(environment.poll_s)


def _read_predictions(
    bucket: Bucket, output: str, paths: Sequence[str], labels: tuple[str, ...]
) -> list[Prediction]:
    # By the class's folder and the name, wherever they lie: AWS's page is not clear about prefixes.
    answers = {"/".join(key.split("/")[-2:]): key for key in bucket.keys(f"{output}/")}
    flat = {key.removeprefix(f"{output}/"): key for key in answers.values()}
    same_name = Counter(path.rpartition("/")[2] for path in paths)

    def read(path: str) -> Prediction:
        # SageMaker keeps the path below the manifest's prefix, some versions only its end.
        name = path.rpartition("/")[2]
        key = answers.get(f"{path}.out")
        if key is None and same_name[name] == 1:
            key = flat.get(f"{name}.out")
        if key is None:
            raise UserError(f"The transform gave no answer for {path} below {bucket.uri(output)}.")
        body = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        truth = labels.index(path.split("/")[0])
        return Prediction(path, truth, parse_scores(body, labels, path))

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(read, paths))


def parse_scores(body: bytes, labels: Sequence[str], name: str) -> tuple[float, ...]:
    """A model's answer, held to the same rules as in the workflow: a probability for each label.

    AWS's image classification wraps a transform's answer: {"prediction": [...]}. Raises UserError
    for anything else.
    """
    if match := _WRAPPED.fullmatch(body):
        body = match[1]
    try:
        return tuple(scores.parse(body, labels).values())
    except BadScores as error:
        raise UserError(f"The model's answer for {name} cannot be used: {error}") from error
