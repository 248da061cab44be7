"""Our own algorithm, scripts/algorithm, in AWS's PyTorch containers: what its jobs ask for."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from scripts import archives
from scripts.artifacts import TRAINING, Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.training import image_size
from scripts.training.job_request import JobRequest

SOURCE = ROOT / "scripts" / "algorithm"
PROGRAM = "train.py"
CHANNELS = ("train", "validation")
INSTANCE_TYPE, OTHER_INSTANCE_TYPE = "ml.m5.xlarge", "ml.c5.2xlarge"
VOLUME_GB = 30
FRAMEWORK_VERSION, FRAMEWORK_PYTHON = "2.6", "py312"
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


def image_uri(environment: Environment, scope: str, instance_type: str = INSTANCE_TYPE) -> str:
    """AWS's PyTorch container; `scope` is "training" or "inference".

    The build is that of the instance type: with CUDA where there is a GPU. Raises UserError for a
    type, or a region, that AWS has no such container for.
    """
    from sagemaker.core import image_uris

    try:
        uri: str = image_uris.retrieve(
            framework="pytorch",
            region=environment.region,
            version=FRAMEWORK_VERSION,
            py_version=FRAMEWORK_PYTHON,
            instance_type=instance_type,
            image_scope=scope,
        )
    except ValueError as error:
        raise UserError(
            f"AWS has no PyTorch container for {instance_type} in {environment.region}. "
            f"Choose another instance type, for example {INSTANCE_TYPE}."
        ) from error
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


def request(
    environment: Environment,
    bucket: Bucket,
    dataset: Mapping[str, Any],
    hyperparameters: Mapping[str, object],
    instance_type: str | None = None,
) -> JobRequest:
    """A script-mode job on `dataset`, with this checkout's code, which is uploaded.

    `hyperparameters` are the algorithm's own (scripts/algorithm/hyperparameters.py), which it
    checks itself. Raises UserError for an instance type that has no container, and for a size of
    pictures that Terraform would refuse after the model is live.
    """
    _check_image_size(hyperparameters)
    chosen = instance_type or INSTANCE_TYPE
    image = image_uri(environment, "training", chosen)
    source = archives.pack(source_files())
    source_key = f"{TRAINING}/source/{hashlib.sha256(source).hexdigest()[:16]}/sourcedir.tar.gz"
    bucket.s3.put_object(Bucket=bucket.name, Key=source_key, Body=source)
    values = {
        "classes": ",".join(dataset["classes"]),
        **hyperparameters,
        "sagemaker_program": PROGRAM,
        "sagemaker_submit_directory": bucket.uri(source_key),
    }
    return JobRequest(
        image=image,
        instance_type=chosen,
        volume_gb=VOLUME_GB,
        hyperparameters={key: json.dumps(value) for key, value in values.items()},
        channels={name: dataset["channels"][name] for name in CHANNELS},
        variables={**PROCESS_SETTINGS, "GIT_COMMIT": git_commit()},
        metrics=METRICS,
    )


def _check_image_size(hyperparameters: Mapping[str, object]) -> None:
    for name in ("image_size", "image-size"):  # the algorithm reads both
        if name in hyperparameters:
            try:
                size_px = int(str(hyperparameters[name]))
            except ValueError as error:
                raise UserError(
                    f"{name} must be a whole number; it is '{hyperparameters[name]}'."
                ) from error
            image_size.check(name, size_px)
