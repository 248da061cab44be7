"""The verdict on windows, one after the other, with a state that the caller keeps as JSON."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.judge import Observed, Severity, Verdict, judge, most_drifted
from lambdas.common.drift.picture_statistics import COLUMNS

from .conftest import START, Window


def follow(
    baseline: Baseline, windows: Iterable[Observed], state: dict[str, Any] | None = None
) -> list[Verdict]:
    """The verdict on each window; the state goes through JSON as it does in the monitor."""
    verdicts, state = [], state or {}
    for observed in windows:
        verdict, state = judge(baseline, observed, state)
        state = json.loads(json.dumps(state, allow_nan=False))
        verdicts.append(verdict)
    return verdicts


def severities(verdicts: Sequence[Verdict]) -> list[Severity]:
    return [verdict.severity for verdict in verdicts]


def signals(verdict: Verdict) -> set[str]:
    return {signal.name for signal in verdict.signals if signal.is_drifting}


def test_four_days_without_drift_are_quiet(baseline: Baseline, window: Window) -> None:
    verdicts = follow(baseline, (window(50, hour) for hour in range(96)))
    assert set(severities(verdicts)) == {Severity.NONE}
    assert verdicts[-1].sentence == "No drift in the latest 200 records."
    assert verdicts[-1].since is verdicts[-1].strength is None


def test_darkened_pictures_demand_action_at_once(baseline: Baseline, window: Window) -> None:
    (verdict,) = follow(baseline, [window(200, dark=0.5)])
    assert verdict.severity is Severity.ACT
    assert signals(verdict) == {"brightness", "unlike pictures"}


def test_doubtful_answers_demand_action_and_tell_the_harm(
    baseline: Baseline, window: Window
) -> None:
    (verdict,) = follow(baseline, [now := window(200, doubt=0.6)])
    assert verdict.severity is Severity.ACT
    assert {"confidence", "low confidence"} <= signals(verdict)
    fallen = baseline.scores.max(axis=1).mean() - now.scores.max(axis=1).mean()
    assert verdict.estimated_harm == pytest.approx(fallen, abs=1e-4)
    assert f"Accuracy is estimated to be {100 * fallen:.0f} points lower." in verdict.sentence


def test_a_flood_of_one_class_demands_action(baseline: Baseline, window: Window) -> None:
    (verdict,) = follow(baseline, [window(200, bicycles=0.9)])
    assert verdict.severity is Severity.ACT
    assert {"class mix", "score of bicycle"} <= signals(verdict)


@pytest.mark.parametrize("records", [1, 20, 10_000])
def test_a_window_of_any_size_gets_a_verdict(
    baseline: Baseline, window: Window, records: int
) -> None:
    verdicts = follow(baseline, (window(records, hour) for hour in range(3)))
    assert severities(verdicts) == [Severity.NONE] * 3
    assert severities(follow(baseline, [window(records, dark=0.9)]))[0] == (
        Severity.NONE if records == 1 else Severity.ACT
    )


def test_a_window_without_records_says_nothing_and_forgets_nothing(
    baseline: Baseline, window: Window
) -> None:
    _, state = judge(baseline, window(30, dark=0.3), {})
    verdict, after = judge(baseline, window(0, 1), state)
    assert (verdict.severity, verdict.signals) == (Severity.NONE, ())
    assert verdict.estimated_harm is None
    assert after == state


def test_records_without_a_picture_are_judged_by_their_answers(
    baseline: Baseline, window: Window
) -> None:
    now = window(200, doubt=0.6)
    (verdict,) = follow(baseline, [Observed(now.scores, np.empty((0, len(COLUMNS))), now.end)])
    assert verdict.severity is Severity.ACT
    assert "brightness" not in {signal.name for signal in verdict.signals}


def test_twenty_pictures_an_hour_show_a_drift_within_a_day(
    baseline: Baseline, window: Window
) -> None:
    before = [window(20, hour) for hour in range(30)]
    after = [window(20, 30 + hour, dark=0.25) for hour in range(24)]
    verdicts = follow(baseline, before + after)
    assert max(severities(verdicts[:30])) is Severity.NONE
    assert verdicts[30].severity is Severity.NONE
    assert max(severities(verdicts)) is Severity.ACT


def statistic(verdict: Verdict, name: str) -> float:
    return next(signal.statistic for signal in verdict.signals if signal.name == name)


def test_small_windows_are_compared_together(baseline: Baseline, window: Window) -> None:
    for verdict, n in zip(follow(baseline, (window(20, h) for h in (0, 1))), (20, 40), strict=True):
        sizes = {signal.n for signal in verdict.signals if signal.p_value is not None}
        assert sizes == {n}


@pytest.mark.parametrize("name", ["low confidence", "unlike pictures"])
def test_a_detector_remembers_the_windows_before(
    baseline: Baseline, window: Window, name: str
) -> None:
    _, state = judge(baseline, window(50, 0, doubt=0.3, dark=0.5), {})
    now = window(50, 1, doubt=0.3, dark=0.5)
    remembered, _ = judge(baseline, now, state)
    forgotten, _ = judge(baseline, now, {**state, "detectors": {}})
    assert statistic(remembered, name) > statistic(forgotten, name) + 0.5


def test_more_confidence_is_no_harm(baseline: Baseline, window: Window) -> None:
    (verdict,) = follow(baseline, [window(200, doubt=-1)])
    assert verdict.severity is Severity.ACT
    assert verdict.estimated_harm == 0
    assert "No loss of accuracy is estimated." in verdict.sentence


def test_a_drift_that_is_over_is_over_after_200_records(baseline: Baseline, window: Window) -> None:
    drifting = [window(100, hour, doubt=0.6, dark=0.6) for hour in range(10)]
    healed = [window(100, 10 + hour) for hour in range(8)]
    verdicts = follow(baseline, drifting + healed)
    assert verdicts[9].severity is Severity.ACT
    assert {"brightness", "confidence"} <= signals(verdicts[9])
    assert not {"brightness", "confidence"} & signals(verdicts[12])
    assert verdicts[-1].severity is Severity.NONE


def test_a_signal_drifts_since_its_first_window_in_a_row(
    baseline: Baseline, window: Window
) -> None:
    dark = [False, True, False, False, True, True]
    verdicts = follow(
        baseline, (window(200, hour, dark=0.6 * is_dark) for hour, is_dark in enumerate(dark))
    )
    brightness = [
        next(signal.since for signal in verdict.signals if signal.name == "brightness")
        for verdict in verdicts
    ]
    hours = [None if since is None else since - START for since in brightness]
    assert hours == [None, timedelta(hours=1), None, None, timedelta(hours=4), timedelta(hours=4)]
    assert verdicts[5].since is not None
    assert "since 2026-11-02 12:00 UTC" in verdicts[5].sentence


def test_the_strength_is_the_share_of_pictures_that_are_unlike_the_baselines(
    baseline: Baseline, window: Window
) -> None:
    usual, dark = window(120), window(80, dark=0.95)
    mixed = Observed(usual.scores, np.concatenate([usual.pictures, dark.pictures]), usual.end)
    (verdict,) = follow(baseline, [mixed])
    assert verdict.strength == pytest.approx(0.4, abs=0.07)
    assert f"About {verdict.strength:.0%} of the pictures" in verdict.sentence


def test_what_is_kept_between_windows_is_bounded(baseline: Baseline, window: Window) -> None:
    state: dict[str, Any] = {}
    for hour in range(3):
        _, state = judge(baseline, window(5000, hour), state)
    assert len(json.dumps(state)) < 150_000


def test_another_baseline_begins_anew(baseline: Baseline, window: Window) -> None:
    drifting = [window(100, hour, dark=0.6) for hour in range(5)]
    (verdict,) = follow(baseline, [window(100, 5)])
    assert follow(baseline, drifting)[-1].severity is Severity.ACT
    assert verdict.severity is Severity.NONE


def test_the_least_like_pictures_come_first(baseline: Baseline, window: Window) -> None:
    pictures = window(50).pictures
    pictures[17, :4] = (0.01, 0.59, 0.01, 0.59)
    pictures[31, :4] = (0.05, 0.5, 0.2, 0.5)
    assert most_drifted(baseline, pictures, 2).tolist() == [17, 31]
    assert len(most_drifted(baseline, pictures, 80)) == 50
    assert len(most_drifted(baseline, np.empty((0, len(COLUMNS))), 3)) == 0
