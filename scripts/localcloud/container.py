"""What SageMaker's containers do around our code, in a folder and a process instead.

The contract is that of AWS's PyTorch containers (script mode): the `/opt/ml` tree, the SM_*
variables, hyperparameters as flags, `code/inference.py` inside the model. Dependencies are those
of this machine's virtual environment instead of the code's requirements.txt.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.localcloud.aws import Aws, download_tar, object_keys

_PYTORCH = re.compile(r"/pytorch-(training|inference):")
_HIDDEN_PREFIX = "sagemaker_"


class JobFailed(Exception):
    """A job ended as Failed; the message is its FailureReason."""


def require_known_image(image_uri: str) -> None:
    """Refuse images that cannot be run here. Raises JobFailed as AWS words a missing image."""
    if not _PYTORCH.search(image_uri):
        raise JobFailed(
            f"ClientError: Cannot pull algorithm container. The image {image_uri} cannot run on "
            "this machine: the local cloud runs AWS's PyTorch images only."
        )


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


def download_channels(aws: Aws, folder: TrainingFolder, channels: list[dict[str, Any]]) -> None:
    """Copy every input channel into the tree. Raises JobFailed for one without objects."""
    for channel in channels:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        target = folder.channel(channel["ChannelName"])
        target.mkdir(parents=True, exist_ok=True)
        found = False
        for bucket, key, path in object_keys(aws, uri):
            file = (target / path).resolve()
            if not file.is_relative_to(target.resolve()):
                raise JobFailed(f"ClientError: Data download failed: {key} leaves the channel.")
            file.parent.mkdir(parents=True, exist_ok=True)
            aws.s3.download_file(bucket, key, str(file))
            found = True
        if not found:
            raise JobFailed(
                f'ClientError: Data download failed:No data files found under S3 URL "{uri}". '
                "Please ensure that the bucket exists in the selected region "
                f"({aws.region}) and that objects exist under that S3 prefix."
            )


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
    """Command and environment of a script-mode training job. Unpacks its code.

    Raises JobFailed when the request names no program.
    """
    hyperparameters = decode_hyperparameters(request)
    program = hyperparameters.get("sagemaker_program")
    source = hyperparameters.get("sagemaker_submit_directory")
    if not program or not source:
        raise JobFailed(
            "ClientError: Please set the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory."
        )
    download_tar(aws, source, folder.code)
    shown = {k: v for k, v in hyperparameters.items() if not k.startswith(_HIDDEN_PREFIX)}
    for path in (folder.model, folder.output / "data"):
        path.mkdir(parents=True, exist_ok=True)
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    environment = {
        **_process_environment(aws),
        **request.get("Environment", {}),
        **{f"SM_CHANNEL_{name.upper()}": str(folder.channel(name)) for name in channels},
        **{f"SM_HP_{key.upper()}": str(value) for key, value in shown.items()},
        "SM_CHANNELS": json.dumps(channels),
        "SM_HPS": json.dumps(shown),
        "SM_MODEL_DIR": str(folder.model),
        "SM_OUTPUT_DATA_DIR": str(folder.output / "data"),
        "SM_INPUT_DIR": str(folder.base / "input"),
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_USER_ENTRY_POINT": str(program),
        "TRAINING_JOB_NAME": request["TrainingJobName"],
    }
    flags = [part for key in sorted(shown) for part in (f"--{key}", str(shown[key]))]
    return [sys.executable, "-u", str(folder.code / program), *flags], environment


def serving_command(aws: Aws, model_dir: Path, container: Mapping[str, Any]) -> dict[str, str]:
    """Unpack a model and return the environment of the process that serves it."""
    require_known_image(container.get("Image", ""))
    download_tar(aws, container["ModelDataUrl"], model_dir)
    return {**_process_environment(aws), **container.get("Environment", {})}


def _process_environment(aws: Aws) -> dict[str, str]:
    """What a container sees of AWS, and what this machine needs to run Python at all."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ENDPOINT_URL": aws.endpoint_url,
    }
