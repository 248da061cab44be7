"""What SageMaker's containers do around our code, in a folder and a process instead.

The contract is that of AWS's PyTorch containers (script mode), as their open-source
sagemaker-training toolkit implements it: the `/opt/ml` tree, the SM_* variables, hyperparameters
as flags, `code/inference.py` inside the model. Dependencies are those of this machine's virtual
environment instead of the code's requirements.txt. AWS's own image classification has no code of
ours: its image is served by a stand-in, with the files that SageMaker puts into `/opt/ml`.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.environment import ROOT, dummy_credentials
from scripts.localcloud import standin, training_output
from scripts.localcloud.aws import Aws
from scripts.localcloud.objects import BadArchive, download_archive
from scripts.localcloud.records import JobFailed
from scripts.training import builtin

RUNS = "The local cloud runs AWS's PyTorch images, and a stand-in for image-classification:1, only."

_PYTORCH = re.compile(r"/pytorch-(training|inference):")
_TOOLKIT_PREFIX = "sagemaker_"


def can_run(image_uri: str) -> bool:
    """Whether the image is one of AWS's PyTorch images, or one that has a stand-in."""
    return bool(_PYTORCH.search(image_uri)) or builtin.is_image(image_uri)


def uses_stand_in(request: Mapping[str, Any]) -> bool:
    """Whether a training job asks for the image that has a stand-in."""
    return builtin.is_image(request.get("AlgorithmSpecification", {}).get("TrainingImage", ""))


@dataclass(frozen=True)
class TrainingFolder:
    """The `/opt/ml` tree of one training job."""

    base: Path

    @property
    def code(self) -> Path:
        return self.base / "code"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output"

    def channel(self, name: str) -> Path:
        return self.base / "input" / "data" / name


def decode_hyperparameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """SageMaker keeps hyperparameters as text; the SDK writes each value as JSON."""

    def decode(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return text

    return {key: decode(text) for key, text in request.get("HyperParameters", {}).items()}


def training_command(
    aws: Aws, folder: TrainingFolder, request: Mapping[str, Any]
) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a training job. In script mode, unpacks its code.

    Raises JobFailed when the request names no program, or its code is not to be had.
    """
    if uses_stand_in(request):
        return _stand_in_command(aws, folder, request)
    hyperparameters = decode_hyperparameters(request)
    program = str(hyperparameters.get("sagemaker_program", ""))
    source = str(hyperparameters.get("sagemaker_submit_directory", ""))
    if not program or not source:
        raise JobFailed(
            "ClientError: Please set the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory."
        )
    try:
        download_archive(aws, source, folder.code)
    except (ClientError, BadArchive) as error:
        raise JobFailed(f"AlgorithmError: framework error: \n{source}: {error}") from error
    script = (folder.code / program).resolve()
    if not script.is_relative_to(folder.code.resolve()):
        raise JobFailed(f"ClientError: {program} is not in {source}.")
    for path in (folder.model, folder.output / "data"):
        path.mkdir(parents=True, exist_ok=True)
    shown = {k: v for k, v in hyperparameters.items() if not k.startswith(_TOOLKIT_PREFIX)}
    channels = sorted(channel["ChannelName"] for channel in request.get("InputDataConfig", []))
    environment = {
        **_process_environment(aws),
        **request.get("Environment", {}),
        **{f"SM_CHANNEL_{name.upper()}": str(folder.channel(name)) for name in channels},
        **{f"SM_HP_{key.upper()}": _as_variable(value) for key, value in shown.items()},
        "PYTHONPATH": str(folder.code),
        "SM_CHANNELS": _as_variable(channels),
        "SM_HPS": _as_variable(shown),
        "SM_MODEL_DIR": str(folder.model),
        "SM_OUTPUT_DIR": str(folder.output),
        "SM_OUTPUT_DATA_DIR": str(folder.output / "data"),
        "SM_INPUT_DIR": str(folder.base / "input"),
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_USER_ENTRY_POINT": program,
        "TRAINING_JOB_NAME": request["TrainingJobName"],
    }
    flags = [part for key in sorted(shown) for part in (_flag(key), _as_argument(shown[key]))]
    return [sys.executable, "-u", str(script), *flags], environment


def _stand_in_command(
    aws: Aws, folder: TrainingFolder, request: Mapping[str, Any]
) -> tuple[list[str], dict[str, str]]:
    """AWS's own algorithms read files: what SageMaker writes to `/opt/ml/input/config`."""
    config = folder.base / "input" / "config"
    for path in (config, folder.code, folder.model, folder.output / "data"):
        path.mkdir(parents=True, exist_ok=True)
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": request["AlgorithmSpecification"].get("TrainingInputMode", "File"),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in request.get("InputDataConfig", [])
    }
    contents = {
        "hyperparameters.json": request.get("HyperParameters", {}),
        "inputdataconfig.json": channels,
        "resourceconfig.json": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in contents.items():
        (config / name).write_text(json.dumps(content))
    environment = {
        **_process_environment(aws),
        **request.get("Environment", {}),
        "PYTHONPATH": str(ROOT),
        "TRAINING_JOB_NAME": request["TrainingJobName"],
    }
    return [sys.executable, "-u", "-m", standin.TRAIN, str(folder.base)], environment


def failure_reason(
    request: Mapping[str, Any], folder: TrainingFolder, command: Sequence[str], code: int, last: str
) -> str:
    """AWS's FailureReason for a process that ended with `code`; `last` is its last line."""
    if not uses_stand_in(request):
        return training_output.failure_reason(folder.output, command, code, last)
    note = folder.output / "failure"
    return (
        note.read_text("utf-8") if note.is_file() else f"AlgorithmError: {last}, exit code: {code}"
    )


def _as_variable(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _flag(name: str) -> str:
    return f"--{name}" if len(name) > 1 else f"-{name}"


def _as_argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return "" if value is None else str(value)


def serving_environment(
    aws: Aws, model_dir: Path, container: Mapping[str, Any], extra: Mapping[str, str]
) -> dict[str, str]:
    """Unpack a model and return the environment of the process that serves it.

    Raises JobFailed, in AWS's words, when the model's archive is missing or damaged.
    """
    uri = container["ModelDataUrl"]
    try:
        download_archive(aws, uri, model_dir)
    except ClientError as error:
        raise JobFailed(
            f'Failed to download model data for container "container_1" from URL: "{uri}". Please '
            "ensure that there is an object located at the URL and that the role passed to "
            "CreateModel has permissions to download the object."
        ) from error
    except BadArchive as error:
        raise JobFailed(
            f'Failed to extract model data archive for container "container_1" from URL "{uri}". '
            "Please ensure that the object located at the URL is a valid tar.gz archive."
        ) from error
    environment = {**_process_environment(aws), **container.get("Environment", {}), **extra}
    if builtin.is_image(container.get("Image", "")):
        standin.install(model_dir / "code")
        environment |= {"PYTHONPATH": str(ROOT), "SAGEMAKER_PROGRAM": standin.SERVE}
        # AWS's algorithm is no TorchServe: what it is sent is limited by endpoint and job alone.
        environment["TS_MAX_REQUEST_SIZE"] = str(100 * 1024**2)
    return environment


def _process_environment(aws: Aws) -> dict[str, str]:
    """What a container sees of AWS, and what this machine needs to run Python at all."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **dummy_credentials(aws.region),
        "PYTHONUNBUFFERED": "1",
        "AWS_ENDPOINT_URL": aws.endpoint_url,
    }
