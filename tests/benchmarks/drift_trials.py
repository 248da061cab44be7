"""One shift, tried again and again: what it costs, how often it is noticed, and how soon."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import drift_rivals
import numpy as np
from drift_false_alarms import BASELINE
from drift_following import Items, Population, compared, detected
from drift_shifts import Shift
from numpy.typing import NDArray

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.interval import wilson
from lambdas.common.drift.verdict import Severity
from scripts.dataset.cifar100 import CLASSES

WINDOWS = (50, 200, 500)
TRIALS = 400
RATES_PER_H = (20, 100)
STREAMS = 100
BEFORE = 50  # hours without the shift: what the largest pool takes at the lower rate
AFTER = 48  # hours with it
SEED = 1

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """The held-out pictures as a shift leaves them: scores [n, k], statistics [n, 4], and which
    answers [n] are right."""

    scores: Table
    pictures: Table
    right: NDArray[np.bool_]


def row(shift: Shift, normal: Answered, shifted: Answered, labels: Items) -> dict[str, Any]:
    """What the shift costs, the share of windows that show it, and the hours until it is shown."""
    population = Population(
        np.concatenate([normal.scores, shifted.scores]),
        np.concatenate([normal.pictures, shifted.pictures]),
    )
    random = np.random.default_rng(SEED)
    confidences = normal.scores.max(axis=1), shifted.scores.max(axis=1)
    return {
        "cost": _loss(shift, normal.right, shifted.right, labels),
        "estimated_cost": _loss(shift, *confidences, labels),
        "windows": {str(n): _windows(random, shift, population, labels, n) for n in WINDOWS},
        "hours": {str(r): _hours(random, shift, population, labels, r) for r in RATES_PER_H},
    }


def _loss(shift: Shift, normal: Table, shifted: Table, labels: Items) -> float:
    """By how much the mean of a value of each picture falls in what arrives with the shift."""
    before = float(normal.mean())
    if shift.flood is None:
        return shift.share * (before - float(shifted.mean()))
    of_class, others = (normal[mask].mean() for mask in _flooded(shift, labels))
    return before - float(shift.share * of_class + (1 - shift.share) * others)


def _flooded(shift: Shift, labels: Items) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return labels == shift.flood, labels != shift.flood


def _windows(
    random: np.random.Generator, shift: Shift, population: Population, labels: Items, n: int
) -> dict[str, Any]:
    """The share of single windows of `n` pictures, with nothing before them, that raise alarms."""
    severities, watched, rivals = [], [], []
    for _ in range(TRIALS):
        baseline, others = _baseline(random, population, len(labels))
        windows = _arrive(random, shift, labels, others, n)[None]
        found, told = compared(population, baseline, windows)
        severities.append(found)
        watched.append(told)
        rivals.append(drift_rivals.alarms(population, baseline, windows))
    all_severities = np.maximum(np.stack(severities), detected(watched))[:, 0]
    return {
        **{
            severity.name.lower(): _share((all_severities >= severity).tolist())
            for severity in (Severity.ACT, Severity.WARN, Severity.WATCH)
        },
        **{
            name: _share([bool(alarms[name][0]) for alarms in rivals])
            for name in drift_rivals.NAMES
        },
    }


def _hours(
    random: np.random.Generator, shift: Shift, population: Population, labels: Items, rate: int
) -> dict[str, Any]:
    """The hours from the shift, after 50 without it, to each alarm: None beyond 48."""
    severities, watched, rivals = [], [], []
    for _ in range(STREAMS):
        baseline, others = _baseline(random, population, len(labels))
        before = random.choice(others, (BEFORE, rate))
        after = _arrive(random, shift, labels, others, AFTER * rate).reshape(AFTER, rate)
        windows = np.concatenate([before, after])
        found, told = compared(population, baseline, windows)
        severities.append(found)
        watched.append(told)
        rivals.append(drift_rivals.alarms(population, baseline, windows))
    every = np.maximum(np.stack(severities), detected(watched))
    return {
        "act": _delay(every >= Severity.ACT),
        "warn": _delay(every >= Severity.WARN),
        **{
            name: _delay(np.stack([alarms[name] for alarms in rivals]))
            for name in drift_rivals.NAMES
        },
    }


def _delay(alarms: NDArray[np.bool_]) -> dict[str, Any]:
    """The median and the 90 % quantile of the hours to the first alarm; `alarms` are [runs, w]."""
    late = alarms[:, BEFORE:]
    hours = np.where(late.any(axis=1), late.argmax(axis=1) + 1, np.inf)
    median, slow = np.quantile(hours, (0.5, 0.9), method="higher")
    return {
        "median": float(median) if np.isfinite(median) else None,
        "p90": float(slow) if np.isfinite(slow) else None,
        "within_a_day": float((hours <= 24).mean()),
        "runs": len(alarms),
    }


def _baseline(
    random: np.random.Generator, population: Population, count: int
) -> tuple[Baseline, Items]:
    """A baseline of unchanged pictures, and the places of the pictures that are not in it."""
    order = random.permutation(count)
    kept, others = order[:BASELINE], order[BASELINE:]
    scores, pictures = population.scores[kept], population.pictures[kept]
    return Baseline(None, "", CLASSES, 0.5, "", scores, pictures), others


def _arrive(
    random: np.random.Generator, shift: Shift, labels: Items, others: Items, count: int
) -> Items:
    """The places in the population of `count` pictures that arrive with the shift."""
    is_touched = random.random(count) < shift.share
    if shift.flood is None:
        return random.choice(others, count) + len(labels) * is_touched
    of_class, rest = (others[mask[others]] for mask in _flooded(shift, labels))
    return np.where(is_touched, random.choice(of_class, count), random.choice(rest, count))


def _share(alarms: Sequence[bool]) -> dict[str, Any]:
    return {"share": sum(alarms) / len(alarms), "interval": wilson(sum(alarms), len(alarms))}
