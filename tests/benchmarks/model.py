"""How good the model is, how far its confidence can be believed, and what a training takes."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import trainings

from scripts.dataset import Sample, Splits, make_splits
from scripts.evaluation import calibration, quality
from scripts.evaluation.quality import Prediction

FOLDS = 5
SEEDS = (0, 1, 2)
RESAMPLES = 10_000

Say = Callable[[str], None]


def measure(hyperparameters: Mapping[str, object], say: Say) -> dict[str, Any]:
    """Cross-validation on the training pictures, then seeds on the test pictures, then a repeat.

    Each training is a run of the real training script, one after the other.
    """
    data = trainings.load()
    default = make_splits(data)  # as `invoke stage` makes them
    validated = _cross_validation(data.train, data.test, hyperparameters, say)
    tested = _seeds(default, hyperparameters, say)
    say(f"training with seed {SEEDS[0]} again")
    repeat = _train(default, {**hyperparameters, "seed": SEEDS[0]})
    return {
        "hyperparameters": repeat.pop("hyperparameters"),
        "cross_validation": validated,
        "test": tested,
        "repeat": {
            "seed": SEEDS[0],
            "sha256": repeat["sha256"],
            "identical": repeat["sha256"] == tested["seeds"][0]["sha256"],
        },
    }


def _train(splits: Splits, hyperparameters: Mapping[str, object]) -> dict[str, Any]:
    """Train once; what it took, and the predictions on validation and test."""
    with tempfile.TemporaryDirectory() as folder:
        trained = trainings.run(Path(folder), splits, hyperparameters)
        return {
            "hyperparameters": trained.description["hyperparameters"],
            "threads": trained.description["threads"],
            "temperature": trained.description["temperature"],
            "training_s": trained.seconds,
            "training_processor_s": trained.processor_seconds,
            "sha256": trained.sha256,
            "validation": trainings.predict(trained.folder, splits.validation),
            "test": trainings.predict(trained.folder, splits.test),
        }


def _cross_validation(
    train: Sequence[Sample],
    test: Sequence[Sample],
    hyperparameters: Mapping[str, object],
    say: Say,
) -> dict[str, Any]:
    """Each fold is predicted by a model that was trained on the others.

    The fold is the training script's validation channel, from which it takes the temperature; no
    decision between classes depends on that.
    """
    parts = folds(train, FOLDS)
    accuracies, seconds, right = [], [], 0
    for number, fold in enumerate(parts):
        say(f"cross-validation, fold {number + 1} of {FOLDS}")
        rest = tuple(sample for other in parts if other is not fold for sample in other)
        splits = Splits(rest, fold, tuple(test), (), 0, "a fold")
        found = _train(splits, hyperparameters)
        accuracies.append(quality.accuracy(found["validation"]))
        seconds.append(found["training_s"])
        right += sum(prediction.correct for prediction in found["validation"])
    return {
        "samples": len(train),
        "folds": accuracies,
        "accuracy": right / len(train),
        "accuracy_interval": quality.wilson_interval(right, len(train)),
        "training_s": seconds,
    }


def folds(samples: Sequence[Sample], count: int) -> list[tuple[Sample, ...]]:
    """`count` parts, each class spread evenly; copies of one picture are in the same part.

    Which picture is in which part depends on the pictures alone.
    """
    by_class: dict[int, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        by_class[sample.label][sample.content].append(sample)
    parts: list[list[Sample]] = [[] for _ in range(count)]
    for copies in by_class.values():
        drawn = sorted(copies, key=lambda content: sha256(f"fold\0{content}".encode()).digest())
        for index, content in enumerate(drawn):
            parts[index % count] += copies[content]
    return [tuple(part) for part in parts]


def _seeds(splits: Splits, hyperparameters: Mapping[str, object], say: Say) -> dict[str, Any]:
    found, correct = [], []
    for seed in SEEDS:
        say(f"training with seed {seed}, as invoke train does")
        trained = _train(splits, {**hyperparameters, "seed": seed})
        test: list[Prediction] = trained["test"]
        correct.append([prediction.correct for prediction in test])
        right = sum(correct[-1])
        found.append(
            {
                "seed": seed,
                "accuracy": right / len(test),
                "accuracy_interval": quality.wilson_interval(right, len(test)),
                "calibration_error": calibration.calibration_error(test),
                "calibration_error_interval": calibration.calibration_error_interval(test),
                "reliability": [asdict(bin_) for bin_ in calibration.reliability(test)],
                **{
                    name: trained[name]
                    for name in (
                        "temperature",
                        "threads",
                        "training_s",
                        "training_processor_s",
                        "sha256",
                    )
                },
            }
        )
    return {
        "samples": len(splits.test),
        "accuracy": float(np.mean(correct)),
        "accuracy_interval": crossed_interval(correct),
        "calibration_error": float(np.mean([one["calibration_error"] for one in found])),
        "seeds": found,
    }


def crossed_interval(
    correct: Sequence[Sequence[bool]], resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % interval of the mean over seeds and pictures; `correct` is [seed][picture].

    The models answer the same pictures, so the answers are not independent: seeds and pictures
    are each drawn anew, with replacement (A. B. Owen, 'The pigeonhole bootstrap', 2007), and the
    interval is from the 2.5 % to the 97.5 % quantile of the means.
    """
    table = np.asarray(correct, dtype=float)
    random = np.random.default_rng(0)
    seeds, pictures = table.shape
    means = [
        table[random.integers(seeds, size=seeds)].mean(0)[random.integers(pictures, size=pictures)]
        for _ in range(resamples)
    ]
    low, high = np.quantile(np.mean(means, axis=1), (0.025, 0.975))
    return float(low), float(high)
