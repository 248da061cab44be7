"""Look at one window: what is new, how much was asked, and what the drift tests say of it."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from lambdas.common.drift.baseline import Baseline, InvalidBaseline
from lambdas.common.drift.judge import Observed, judge
from lambdas.common.drift.picture_statistics import COLUMNS, measure
from lambdas.common.errors import Rejected
from lambdas.common.picture import decode
from lambdas.monitor import checkpoint, traffic, window
from lambdas.monitor.checkpoint import Checkpoint
from lambdas.monitor.records import gather
from lambdas.monitor.store import Store
from lambdas.monitor.traffic import CloudWatch, Source
from lambdas.monitor.window import Pictures, Window

MAX_PICTURES = 2_000
MAX_PIXELS = 1_000_000
# What is read in one window; the rest waits for the next one. Both fit into the function's minute.
MAX_FILES = 5_000
MAX_BYTES = 400_000_000  # some 110,000 records


def look(
    store: Store,
    cloudwatch: CloudWatch,
    source: Source,
    deployment: Mapping[str, Any],
    before: Checkpoint,
    span: Window,
    now: datetime,
) -> Checkpoint:
    """The checkpoint behind a window, with the window's record in it. Nothing is written.

    `deployment` says what is in service: see scripts/serving/deployment.py.
    """
    started = time.perf_counter()
    labels, threshold = deployment["labels"], deployment["confidence_threshold"]
    asked = traffic.read(cloudwatch, source, span.start, span.end)
    sizes = store.list_captures(source.endpoint, source.variant, before.since)
    read, left = affordable(checkpoint.unread(before, sizes), sizes)
    # A record of an older deployment does not say it: everything was captured then.
    capture_percentage = deployment.get("capture_percentage", 100)
    deployed_at = datetime.fromisoformat(deployment["deployed_at"])
    records = gather(store.read_files(read), len(labels), deployed_at, MAX_PICTURES)
    pictures = measured(records.pictures, deployment["image_size_px"])
    baseline = _baseline(store, deployment["model_name"])
    # Not after now: a time that is damaged must not stand for the newest one from then on.
    newest = records.newest and min(records.newest, now)
    after = checkpoint.advance(before, span.end, read, left, newest)
    after = checkpoint.belonging_to(after, baseline.created_at if baseline else None)
    severity_before = after.severity
    verdict = None
    if baseline and len(records.scores):
        observed = Observed(records.scores, pictures.statistics, span.end)
        verdict, state = judge(baseline, observed, after.judge)
        after = replace(after, judge=state, severity=int(verdict.severity))
    seconds = time.perf_counter() - started
    record = {
        "window": {"start": span.start.isoformat(), "end": span.end.isoformat()},
        "environment": source.environment,
        "endpoint": source.endpoint,
        **{name: deployment[name] for name in ("model_name", "version", "labels")},
        "threshold": threshold,
        **window.describe_traffic(asked, records.captured, capture_percentage),
        **window.describe_files(read, left, span.start, records),
        "newest_capture_age_s": after.newest and max(0.0, (now - after.newest).total_seconds()),
        **window.describe_scores(records.scores, labels, threshold),
        "pictures": window.describe_pictures(pictures),
        "drift": window.describe_drift(verdict, baseline is not None, severity_before),
        "examples": window.choose_examples(records, pictures, baseline),
        "seconds": round(seconds, 3),
        "records_per_s": round(records.captured / seconds, 1),
    }
    return replace(after, record=record)


def affordable(keys: Iterable[str], sizes: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The files to read now, and those to leave for the next window, by their sizes in bytes.

    The first is always read: otherwise the monitor would never come past a large one.
    """
    read: list[str] = []
    left: list[str] = []
    total_bytes = 0
    for key in keys:
        total_bytes += sizes[key]
        is_enough = len(read) >= MAX_FILES or total_bytes > MAX_BYTES
        (left if read and is_enough else read).append(key)
    return read, left


def measured(pictures: Mapping[str, bytes], size_px: int) -> Pictures:
    """The statistics of encoded pictures; what is no picture is left out."""
    found: dict[str, tuple[float, ...]] = {}
    for image_id, data in pictures.items():
        try:
            found[image_id] = measure(np.asarray(decode(data, size_px, MAX_PIXELS)))
        except Rejected:
            continue
    statistics = np.array(list(found.values()), dtype=np.float64).reshape(-1, len(COLUMNS))
    return Pictures(list(found), statistics)


def _baseline(store: Store, model_name: str) -> Baseline | None:
    document = store.read_baseline(model_name)
    try:
        return None if document is None else Baseline.from_json(document)
    except InvalidBaseline:
        return None
