"""How soon the monitor notices what happens to the pictures: the project's own model and data."""

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import drift_shifts
import drift_trials
import numpy as np
import trainings
from drift_false_alarms import BASELINE
from drift_shifts import Pixels, Shift
from drift_trials import Answered
from measuring import in_turns
from model import folds
from PIL import Image

from lambdas.common.drift import picture_statistics
from lambdas.common.drift.baseline import rounded
from scripts.dataset import Sample, Splits

PARTS = 7  # of what is trained on, one is for the temperature, as `invoke stage` divides it
SEED = 0
SAMPLE = 2_000
SIDE_PX = 128  # the most that a picture has after serialize

Say = Callable[[str], None]


def measure(hyperparameters: Mapping[str, object], say: Say) -> dict[str, Any]:
    """Train on half of the training pictures, and shift the others and the test pictures.

    In each repetition, 350 of them are the baseline, and what arrives is drawn from the rest, with
    replacement.
    """
    data = trainings.load()
    seen, unseen = folds(data.train, 2)
    validation, *rest = folds(seen, PARTS)
    train = tuple(sample for part in rest for sample in part)
    held_out = [*unseen, *data.test]
    with tempfile.TemporaryDirectory() as folder:
        say("training on half of the training pictures")
        splits = Splits(train, validation, tuple(held_out), (), 0, "a half")
        trained = trainings.run(Path(folder), splits, hyperparameters)
        say("predicting the held-out pictures")
        pictures = [_pixels(sample.data) for sample in held_out]
        labels = np.array([sample.label for sample in held_out])
        every = drift_shifts.shifts()
        normal = _answer(trained.folder, every[0], held_out, pictures)
        rows = {}
        for shift in every:
            say(shift.name)
            shifted = _answer(trained.folder, shift, held_out, pictures)
            rows[shift.name] = drift_trials.row(shift, normal, shifted, labels)
    speed = _speed()
    return {
        "held_out": len(held_out),
        "baseline": BASELINE,
        "accuracy": float(normal.right.mean()),
        "training_s": trained.seconds,
        "shifts": rows,
        "picture_statistics": speed,
    }


def _pixels(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _answer(
    model: Path, shift: Shift, samples: Sequence[Sample], pictures: Sequence[Pixels]
) -> Answered:
    changed = drift_shifts.apply(shift, pictures, SEED)
    sent = [replace(s, data=_png(p)) for s, p in zip(samples, changed, strict=True)]
    predictions = trainings.predict(model, sent)
    return Answered(
        scores=rounded([prediction.scores for prediction in predictions]),
        pictures=rounded([picture_statistics.measure(picture) for picture in changed]),
        right=np.array([not shift.is_other and p.correct for p in predictions]),
    )


def _speed() -> dict[str, Any]:
    """Seconds for the statistics of as many pictures as the monitor takes, of the largest size."""
    random = np.random.default_rng(SEED)
    picture = random.integers(256, size=(SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    times = in_turns({"all": lambda: [picture_statistics.measure(picture) for _ in range(SAMPLE)]})
    return {"pictures": SAMPLE, "side_px": SIDE_PX, **times["all"]}
