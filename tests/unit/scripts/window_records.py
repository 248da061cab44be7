"""Records of the monitor's windows, as they lie in S3."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def record(
    start: datetime,
    *,
    captured: int = 400,
    severity: str = "none",
    drifting: tuple[str, ...] = (),
    length: timedelta = timedelta(hours=1),
    **given: Any,
) -> dict[str, Any]:
    """One window's record: 30 of 400 below the threshold, 3 rejected, each signal at .2 or 3
    times its limit. `given` replaces whole fields."""
    low = captured * 3 // 40
    end = start + length
    document: dict[str, Any] = {
        "window": {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"},
        "environment": "dev",
        "endpoint": "scones-dev",
        "model_name": "scones-dev-efficientnet-1",
        "version": 2,
        "threshold": 0.8,
        "labels": ["bicycle", "motorcycle"],
        "traffic": {"invoked": captured + 2, "captured": captured, "capture_ratio": 0.995},
        "files": captured // 8,
        "late_files": 0,
        "unread_files": 0,
        "damaged_lines": 0,
        "foreign_records": 0,
        "newest_capture_age_s": 2.0,
        "decisions": {
            "accepted": captured - low, "review": low, "rejected": 3, "failed": 0,
        },
        "confidence": {
            "n": captured, "p05": 0.7, "p25": 0.95, "p50": 0.99, "p75": 0.998, "p95": 0.9999,
            "mean": 0.957,
        },
        "classes": {"bicycle": captured * 3 // 4, "motorcycle": captured - captured * 3 // 4},
        "low_confidence": {
            "count": low, "n": captured, "rate": 0.075, "interval": [0.05, 0.1],
        },
        "estimated_accuracy": {"value": 0.957, "n": captured},
        "pictures": {"n": 0, "statistics": {}},
        "drift": {
            "severity": severity,
            "since": f"{start:%Y-%m-%dT%H:%M:%SZ}" if drifting else None,
            "strength": 0.4 if drifting else None,
            "estimated_harm": 0.03,
            "sentence": f"The monitor's sentence on {severity}.",
            "signals": [
                {
                    "name": name,
                    "statistic": 0.3 if name in drifting else 0.02,
                    "p_value": None if name == "low confidence" else 0.25,
                    "limit": 0.1,
                    "n": captured,
                    "drifting": name in drifting,
                    "since": f"{start:%Y-%m-%dT%H:%M:%SZ}" if name in drifting else None,
                }
                for name in ("confidence", "class mix", "brightness", "low confidence")
            ],
        },
        "examples": [],
        "seconds": 0.5,
        "records_per_s": 800.0,
    }  # fmt: skip
    return document | given


def empty_record(start: datetime, invoked: int | None = 0) -> dict[str, Any]:
    """A window in which nothing was captured."""
    full = record(start, captured=0, severity="no_data")
    return full | {
        "traffic": {"invoked": invoked, "captured": 0, "capture_ratio": None},
        "decisions": {"accepted": 0, "review": 0, "rejected": 0, "failed": 0},
        "confidence": None,
        "classes": {},
        "low_confidence": None,
        "estimated_accuracy": None,
        "drift": full["drift"] | {"signals": [], "sentence": "There are no records."},
    }
