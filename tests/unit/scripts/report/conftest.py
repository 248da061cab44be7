"""Small reports to look at, built from plain rules so that every count is known."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from scripts.report import Inference, ModelInfo, Outcome, ReportData, Window
from tests.unit.scripts.window_records import empty_record, record

START = datetime(2026, 11, 23, 10, 2, 0, tzinfo=UTC)


def _png(side_px: int = 32, colour: str = "steelblue") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side_px, side_px), colour).save(out, "PNG")
    return out.getvalue()


def _inference(at_s: float = 0.0, confidence: float = 0.95, **given: Any) -> Inference:
    fields: dict[str, Any] = {
        "time": START + timedelta(seconds=at_s),
        "label": "bicycle",
        "confidence": confidence,
        "decision": "accepted" if confidence >= 0.8 else "review",
        "truth": "bicycle",
        "key": f"incoming/{at_s:g}.png",
        "picture": _png(colour=f"#{int(1_000 * at_s) % 0x1000000:06x}"),
    }
    return Inference(**(fields | given))


def _outcome(at_s: float = 0.0, outcome: str = "accepted", **given: Any) -> Outcome:
    return Outcome(time=START + timedelta(seconds=at_s), outcome=outcome, **given)  # type: ignore[arg-type]


def _report(**given: Any) -> ReportData:
    fields: dict[str, Any] = {
        "environment": "local",
        "endpoint": "scones-local",
        "model": ModelInfo(algorithm="efficientnet", job="job-1"),
        "threshold": 0.8,
        "labels": ["bicycle", "motorcycle"],
        "period_start": START,
        "period_end": START + timedelta(seconds=60),
        "generated_at": START + timedelta(seconds=90),
        "captured_records": len(given.get("inferences", ())),
    }
    return ReportData(**(fields | given))


def _demo() -> ReportData:
    """200 pictures, 10 of them for review and 6 wrong, and 3 files that are no pictures."""
    inferences = [
        _inference(
            i * 0.2,
            confidence=0.55 + i * 0.02 if i < 10 else 1 - 10 ** -(1 + i % 5),
            truth="motorcycle" if i % 37 == 5 else "bicycle",
        )
        for i in range(200)
    ]
    outcomes = [
        _outcome(i * 0.2, inference.decision or "") for i, inference in enumerate(inferences)
    ]
    reasons = ("empty", "not_an_image", "damaged")
    rejected = [_outcome(i, "rejected", reason=reason) for i, reason in enumerate(reasons)]
    return _report(inferences=inferences, outcomes=[*outcomes, *rejected])


def _window(at_h: float = 0.0, severity: str = "none", **given: Any) -> Window:
    start = START.replace(minute=0) + timedelta(hours=at_h)
    return Window.from_document(record(start, severity=severity, **given))


def _empty_window(at_h: float = 0.0, invoked: int | None = 0) -> Window:
    return Window.from_document(
        empty_record(START.replace(minute=0) + timedelta(hours=at_h), invoked)
    )


def _watched(windows: list[Window], **given: Any) -> ReportData:
    """A report on these windows alone, made at the end of the last; single inferences are few."""
    inferences = given.pop("inferences", [_inference(i, truth=None) for i in range(20)])
    fields: dict[str, Any] = {
        "inferences": inferences,
        "period_start": windows[0].start,
        "period_end": windows[-1].end + timedelta(minutes=2),
        "generated_at": windows[-1].end + timedelta(minutes=2),
        "windows": windows,
        "captured_records": sum(window.captured for window in windows),
        "is_sample": True,
    }
    return _report(**(fields | given))


def _drifting() -> ReportData:
    """Two days of windows, one of them empty, in whose last three hours the pictures darken."""
    calm = [_window(hour) for hour in range(45) if hour != 20]
    severe = [
        _window(45 + at, severity, drifting=("brightness", "confidence"))
        for at, severity in enumerate(("watch", "warn", "act"))
    ]
    windows = sorted([*calm, *severe, _empty_window(20)], key=lambda window: window.start)
    examples = [_inference(i, 0.6, truth=None, key=f"incoming/dark-{i}.png") for i in range(3)]
    return _watched(windows, most_drifted=examples)


@pytest.fixture
def start() -> datetime:
    return START


@pytest.fixture
def window() -> Callable[..., Window]:
    """window(hour, severity, ...): a window that long after the start; see window_records."""
    return _window


@pytest.fixture
def empty_window() -> Callable[..., Window]:
    return _empty_window


@pytest.fixture
def watched() -> Callable[..., ReportData]:
    """watched(windows, ...): a report on a period with more records than are read one by one."""
    return _watched


@pytest.fixture(scope="session")
def drifting() -> ReportData:
    return _drifting()


@pytest.fixture
def png() -> Callable[..., bytes]:
    return _png


@pytest.fixture
def inference() -> Callable[..., Inference]:
    return _inference


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    return _outcome


@pytest.fixture
def report() -> Callable[..., ReportData]:
    return _report


@pytest.fixture(scope="session")
def demo() -> ReportData:
    return _demo()
