"""Train in place of AWS's image classification.

    python -m scripts.localcloud.standin.train BASE

BASE is the job's /opt/ml: `input/config` with hyperparameters.json and inputdataconfig.json, the
channels with their `.lst` files, and `model` for the result. Of the hyperparameters it uses
`epochs`, `mini_batch_size`, `num_classes` and `image_shape`, and checks all. The log has the form
of AWS's, with which SageMaker finds its metrics.
"""

import importlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.localcloud.standin import ALGORITHM, CONTENT_TYPES, MARK, WORDS
from scripts.training import builtin_hyperparameters
from scripts.training.builtin import CHANNELS
from scripts.training.efficientnet import PROCESS_SETTINGS

# The network of the stand-in; 224 px would take a laptop three times as long as 128.
SMALLEST_PX, LARGEST_PX = 32, 128
USED = ("epochs", "image_shape", "mini_batch_size", "num_classes")
_EPOCH = re.compile(r"^epoch=(\d+)/.*\bvalidation_accuracy=([0-9.]+)")
_SECONDS = re.compile(r"\bseconds=([0-9.]+)")

log = logging.getLogger("standin")


class AlgorithmFailed(Exception):
    """scripts/algorithm ended with an error; the message is its last line."""


@dataclass(frozen=True)
class Job:
    """What a training container finds in /opt/ml."""

    base: Path
    hyperparameters: Mapping[str, str]

    def channel(self, name: str) -> Path:
        return self.base / "input" / "data" / name


def main(base: Path) -> int:
    """Train; returns the exit code. A failure leaves its reason in `output/failure`."""
    print(WORDS, flush=True)
    logging.basicConfig(
        level=logging.INFO,
        format=f"[%(asctime)s %(levelname)s {os.getpid()}] %(message)s",
        datefmt="%m/%d/%Y %H:%M:%S",
        stream=sys.stdout,
    )
    try:
        _train(_read(base))
    except UserError as error:
        log.error(f"Customer Error: {error}")
        return _fail(base, f"ClientError: {error}")
    except AlgorithmFailed as error:
        return _fail(base, f"AlgorithmError: {error}")
    return 0


def _fail(base: Path, reason: str) -> int:
    (base / "output").mkdir(exist_ok=True)
    (base / "output" / "failure").write_text(reason)
    return 1


def _read(base: Path) -> Job:
    """The job, with what AWS's container demands of it checked. Raises UserError."""
    config = base / "input" / "config"
    job = Job(base, json.loads((config / "hyperparameters.json").read_text()))
    inputs: dict[str, dict[str, Any]] = json.loads((config / "inputdataconfig.json").read_text())
    for name in CHANNELS:
        if name not in inputs:
            raise UserError(f"The channel {name} is missing; pictures need {', '.join(CHANNELS)}.")
        content_type = inputs[name].get("ContentType", "")
        if content_type not in CONTENT_TYPES:
            raise UserError(
                f"The channel {name} has the content type '{content_type}'; the stand-in reads "
                f"{' or '.join(CONTENT_TYPES)}."
            )
    samples = len(_list_of(job, "validation")[1])
    builtin_hyperparameters.check(job.hyperparameters, samples, gpus=1)
    return job


def _list_of(job: Job, channel: str) -> tuple[Path, list[str]]:
    """The one `.lst` file of a channel, and its lines. Raises UserError for none, or several."""
    folder = job.channel(f"{channel}_lst")
    log.info(f"Searching for .lst files in {folder}.")
    lists = sorted(folder.rglob("*.lst"))
    if len(lists) != 1:
        raise UserError(f"The channel {folder.name} has {len(lists)} .lst files; it must have one.")
    return lists[0], [line for line in lists[0].read_text("utf-8").splitlines() if line.strip()]


def _train(job: Job) -> None:
    values = job.hyperparameters
    log.info("---- Parameters ----")
    for name in sorted(values):
        log.info(f"{name}: {values[name]}{'' if name in USED else ' (not used by the stand-in)'}")
    log.info("--------------------")
    for name in ("train", "validation"):
        shutil.copyfile(_list_of(job, name)[0], job.channel(name) / f"{name}.lst")
    last_epoch = _run(job)
    # Of the pictures as they are; AWS's is the mean over the epoch's batches.
    log.info(f"Epoch[{last_epoch}] Train-accuracy={_accuracy(job):.6f}")
    (job.base / "model" / MARK).write_text(f"{WORDS}\n")


def _command(values: Mapping[str, str]) -> list[str]:
    size_px = builtin_hyperparameters.image_size_px(values)
    flags = {
        "classes": ",".join(str(label) for label in range(int(values["num_classes"]))),
        "epochs": _value(values, "epochs"),
        "batch_size": _value(values, "mini_batch_size"),
        "image_size": str(min(max(size_px, SMALLEST_PX), LARGEST_PX)),
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    return [sys.executable, "-u", str(ALGORITHM / "train.py"), *words]


def _value(values: Mapping[str, str], name: str) -> str:
    return values.get(name) or str(builtin_hyperparameters.TABLE[name].default)


def _run(job: Job) -> int:
    """Run scripts/algorithm, with its log in AWS's form. Returns the number of the last epoch."""
    environment = {
        **os.environ,
        **PROCESS_SETTINGS,
        "SM_CHANNEL_TRAIN": str(job.channel("train")),
        "SM_CHANNEL_VALIDATION": str(job.channel("validation")),
        "SM_MODEL_DIR": str(job.base / "model"),
        "SM_NUM_GPUS": "0",
    }
    process = subprocess.Popen(
        _command(job.hyperparameters),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last_line, last_epoch = "it said nothing", 0
    assert process.stdout
    for line in map(str.rstrip, process.stdout):
        last_line = line or last_line
        match = _EPOCH.search(line)
        if match is None:
            log.info(line)
            continue
        last_epoch = int(match[1]) - 1
        if seconds := _SECONDS.search(line):
            log.info(f"Epoch[{last_epoch}] Time cost={float(seconds[1]):.3f}")
        log.info(f"Epoch[{last_epoch}] Validation-accuracy={float(match[2]):.6f}")
    if process.wait():
        raise AlgorithmFailed(last_line)
    return last_epoch


def _accuracy(job: Job) -> float:
    """The share of the training pictures that the model is right about, 0 to 1."""
    sys.path.insert(0, str(ALGORITHM))
    inference = importlib.import_module("inference")
    model = inference.model_fn(str(job.base / "model"))
    rows = [line.split("\t") for line in _list_of(job, "train")[1]]
    right = 0
    for _index, label, path in rows:
        picture = inference.input_fn((job.channel("train") / path).read_bytes(), CONTENT_TYPES[0])
        right += int(inference.predict_fn(picture, model).argmax()) == int(float(label))
    return right / len(rows)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
