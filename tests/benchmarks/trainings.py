"""Train as `invoke train` does, in a process of its own; predict as the endpoint does."""

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import timed

from scripts import dataset
from scripts.dataset import Dataset, Sample, Splits, layout
from scripts.dataset.cifar100 import CLASSES
from scripts.environment import ROOT
from scripts.evaluation.quality import Prediction
from scripts.training import efficientnet

sys.path.insert(0, str(efficientnet.SOURCE))

import inference  # as its container sees it: with the flat modules beside it

_DOWNLOADS = ROOT / ".local" / "downloads"
_BATCH = 50


@dataclass(frozen=True)
class Trained:
    """A model folder, and what it took to make it.

    `seconds` is the training script's whole run, from start to end of its process;
    `processor_seconds` what it used of all cores.
    """

    folder: Path
    seconds: float
    processor_seconds: float

    @property
    def description(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "model.json").read_text())
        return found

    @property
    def sha256(self) -> dict[str, str]:
        """Of each file of the artefact."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.iterdir())
        }


def load() -> Dataset:
    """The data set: DATASET_DIR, or CIFAR-100 from its publisher."""
    return dataset.load(None, CLASSES, _DOWNLOADS)


def run(folder: Path, splits: Splits, hyperparameters: Mapping[str, object]) -> Trained:
    """Train on train and validation of `splits`; `folder` is empty, and holds all of it.

    Raises CalledProcessError when the training fails; its own words are on stderr.
    """
    for item in layout.objects(splits, CLASSES, "s3://nowhere/"):
        path = folder / "data" / item.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.data)
    code = folder / "code"
    code.mkdir()
    for name, data in efficientnet.source_files().items():
        (code / name).write_bytes(data)
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
    environment = {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **efficientnet.PROCESS_SETTINGS,
        "GIT_COMMIT": efficientnet.git_commit(),
        "SM_CHANNEL_TRAIN": str(folder / "data" / "train"),
        "SM_CHANNEL_VALIDATION": str(folder / "data" / "validation"),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_NUM_GPUS": "0",
    }
    settings = {"classes": ",".join(CLASSES), **hyperparameters}
    flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, str(code / efficientnet.PROGRAM), *flags]
    before = _processor_seconds()
    seconds = timed(
        lambda: subprocess.run(
            command, env=environment, cwd=code, stdout=subprocess.DEVNULL, check=True
        )
    )
    return Trained(folder / "model", seconds, _processor_seconds() - before)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def predict(folder: Path, samples: Sequence[Sample]) -> list[Prediction]:
    """What the model in `folder` answers, by the code and the checks of the endpoint."""
    model = inference.model_fn(str(folder))
    assert model.labels == CLASSES
    scores: list[list[float]] = []
    for start in range(0, len(samples), _BATCH):
        pictures = [
            inference.input_fn(sample.data, "application/x-image")
            for sample in samples[start : start + _BATCH]
        ]
        scores += inference.predict_fn(pictures, model).tolist()
    return [
        Prediction(sample.name, sample.label, tuple(row))
        for sample, row in zip(samples, scores, strict=True)
    ]
