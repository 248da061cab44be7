"""The verdict on a window: has what the model sees or answers drifted, and what does it demand?

Each window's latest records are compared with the baseline (comparisons.py), and sequential
detectors watch how many of them are unusual (watching.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift import comparisons, detector, novelty, pool, tails, watching, wording
from lambdas.common.drift.baseline import Baseline, rounded
from lambdas.common.drift.verdict import Observed, Severity, Signal, Verdict

__all__ = ["Observed", "Severity", "Signal", "Verdict", "judge", "most_drifted"]

Table = NDArray[np.float64]


def judge(
    baseline: Baseline, observed: Observed, state: Mapping[str, Any]
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict on a window, and the state to pass with the next one.

    `state` is JSON of at most 150 KB for two classes; {} at the beginning, and again for another
    baseline. A window without records says nothing: its verdict is NONE without signals, and the
    state stays as it is.
    """
    scores, pictures = (
        rounded(pool.evenly(records)) for records in (observed.scores, observed.pictures)
    )
    if not len(scores) and not len(pictures):
        return Verdict(Severity.NONE, (), None, None, None, "There are no records."), dict(state)
    kept_scores = pool.extend(state.get("scores", []), scores)
    kept_pictures = pool.extend(state.get("pictures", []), pictures)
    score_pools = pool.latest(kept_scores, len(scores))
    picture_pools = pool.latest(kept_pictures, len(pictures))
    signals = comparisons.compare(baseline, score_pools, picture_pools)
    watched, detectors = _watch(
        baseline,
        score_pools,
        picture_pools,
        dict(zip(watching.NAMES, (len(scores), len(pictures)), strict=True)),
        state.get("detectors", {}),
    )
    signals = _dated([*signals, *watched], observed.end, state.get("since", {}))
    after = {
        "scores": pool.keep(kept_scores),
        "pictures": pool.keep(kept_pictures),
        "detectors": detectors,
        "since": {s.name: s.since.isoformat() for s in signals if s.since is not None},
    }
    records = max(len(score_pools[0]), len(picture_pools[0]))
    return _verdict(signals, _harm(baseline, score_pools[0]), records), after


def most_drifted(baseline: Baseline, pictures: Table, k: int) -> NDArray[np.intp]:
    """The places of the at most `k` pictures, of statistics [m, 12], least like the baseline's.

    The furthest one is the first.
    """
    found = novelty.distances(baseline.pictures, pictures)
    return np.argsort(-found, kind="stable")[:k]


def _watch(
    baseline: Baseline,
    scores: Sequence[Table],
    pictures: Sequence[Table],
    new: Mapping[str, int],
    detectors: Mapping[str, Any],
) -> tuple[list[Signal], dict[str, Any]]:
    """The detectors' signals, of those that there is something new for, and their state as JSON."""
    signals, after = [], dict(detectors)
    expected = watching.usual(baseline)
    found = [watching.unusual(baseline, *both) for both in zip(scores, pictures, strict=True)]
    start = detector.start(len(tails.SHARES))
    for name in watching.NAMES:
        if new[name]:
            pools = [some[name] for some in found]
            logs = np.array(detectors.get(name, start))
            signal, logs = watching.watch(name, expected[name], pools, new[name], logs)
            signals.append(signal)
            after[name] = logs.tolist()
    return signals, after


def _dated(signals: Sequence[Signal], end: datetime, since: Mapping[str, str]) -> list[Signal]:
    """With the end of the first window in a row in which each has been drifting."""
    return [
        replace(s, since=datetime.fromisoformat(since[s.name]) if s.name in since else end)
        if s.is_drifting
        else s
        for s in signals
    ]


def _harm(baseline: Baseline, scores: Table) -> float | None:
    """By how much mean confidence, of scores [n, k], has fallen: 0 to 1, None without a score.

    D. Guillory and others, Predicting with confidence on unseen distributions (ICCV 2021).
    """
    if not len(scores):
        return None
    return max(0.0, float(baseline.scores.max(axis=1).mean() - scores.max(axis=1).mean()))


def _verdict(signals: Sequence[Signal], harm: float | None, records: int) -> Verdict:
    drifting = sorted(
        (signal for signal in signals if signal.is_drifting),
        key=lambda signal: (-signal.severity, -signal.strength),
    )
    severity = max((signal.severity for signal in drifting), default=Severity.NONE)
    since = min((signal.since for signal in drifting if signal.since is not None), default=None)
    strength = max((signal.strength for signal in drifting), default=None)
    sentence = wording.sentence(severity, drifting, since, strength, harm, records)
    return Verdict(severity, tuple(signals), since, strength, harm, sentence)
