"""Gather what the report shows: captured inferences joined to decisions, by image id."""

import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lambdas.common import scores
from lambdas.common.capture import CaptureRecord
from lambdas.common.errors import BadScores
from scripts.artifacts import CAPTURES, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import captures, examples, failures, queues, windows, workflow
from scripts.operation.failures import Failure
from scripts.report import (
    Evaluation,
    Inference,
    ModelInfo,
    Outcome,
    ReportData,
    Window,
    render,
    wording,
)
from scripts.report.figures import figures
from scripts.serving.deployment import Deployment

MOST_FAILURES = 5_000
"""Messages of the failure queue that are read: some 20 seconds."""
MOST_RECORDS = 5_000
"""Captured records that are read one by one, pictures and all."""
CAPTURED_BEFORE = timedelta(minutes=1)
"""A picture decided so soon after the period's start may have been captured before it."""
SHORTENED = (
    f"The period asked for holds more than the {MOST_RECORDS:,} captured records that are read one "
    "by one: it is shown from the oldest of the newest ones on. The monitor's windows would count "
    "the rest, and it has not run."
)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_period(text: str) -> timedelta:
    """A duration such as 30m, 24h or 7d. Raises UserError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    if not match:
        raise UserError(f"'{text}' is no period. Give minutes, hours or days, such as 30m or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def gather(
    environment: Environment,
    outputs: Mapping[str, Any],
    bucket: Bucket,
    deployment: Deployment,
    since: datetime,
    truths: Mapping[str, str] | None = None,
    uploads: int | None = None,
) -> ReportData:
    """Everything about the period from `since` to now.

    `truths` gives the true label by S3 key where it is known, `uploads` how many pictures were
    uploaded, so that missing answers show. Only uploads that came by event
    count as executions; `invoke classify` and the smoke test are not traffic.

    A period with more than MOST_RECORDS captured records is not read one by one: the newest are,
    and the monitor's windows count them all. Without windows it begins with the oldest one read.
    """
    now = datetime.now(UTC)
    known = truths or {}
    read = windows.read(bucket, deployment.endpoint_name, since, now)
    start = _sample_start(read.windows, since)
    found = captures.read(bucket, deployment.endpoint_name, start, now, MOST_RECORDS)
    is_sample = bool(read.windows) and (start > since or not found.is_complete)
    notes = [f"Captured requests and answers lie in {bucket.uri(CAPTURES)}/."]
    if deployment.capture_percentage < 100:
        notes.append(f"{deployment.capture_percentage} % of the requests are captured.")
    if not found.is_complete and not is_sample:
        since = found.records[0].inference_time
        notes.append(SHORTENED)
    # A call that was retried is captured each time; the last answer is the one that counted.
    last = {
        record.inference_id: record
        for record in found.records
        if record.inference_id and _has_scores(record, deployment.labels)
    }
    decided = _decided(environment, outputs["decisions_table"], since, last if is_sample else None)
    by_id = {decision["image_id"]: decision for decision in decided}
    inferences = [
        _inference(record, by_id[image_id], deployment.labels, known)
        for image_id, record in last.items()
        if image_id in by_id
    ]
    waiting = _waiting(environment, outputs["failure_queue_url"], notes)
    again = {item for failure in waiting if (item := failures.image_id(failure))}
    # What was decided, but not told, waits to be told: one execution, which failed.
    done = [one for one in decided if "delivered_at" in one or one["image_id"] not in again]
    outcomes = [] if is_sample else [_outcome(decision) for decision in done]
    outcomes += _failures(waiting, since)
    captured, damaged = len(found.records), found.damaged_lines
    if is_sample:
        captured = sum(window.captured for window in read.windows)
        damaged = sum(window.damaged_lines for window in read.windows)
    ids = {record.inference_id for record in found.records}
    surely = (since + CAPTURED_BEFORE).isoformat()
    classified = [one for one in decided if one["decision"] in ("accepted", "review")]
    missing = [
        one for one in classified if one["image_id"] not in ids and one["decided_at"] >= surely
    ]
    drifted = examples.ids(read.windows, examples.MOST_DRIFTED)
    return ReportData(
        environment=environment.name,
        endpoint=deployment.endpoint_name,
        model=ModelInfo(
            algorithm=deployment.algorithm,
            job=deployment.model_name,
            stand_in=deployment.stand_in,
        ),
        threshold=deployment.confidence_threshold,
        labels=deployment.labels,
        period_start=since,
        period_end=now,
        generated_at=now,
        inferences=inferences,
        outcomes=outcomes,
        uploads=uploads,
        captured_records=captured,
        damaged_records=damaged,
        uncaptured=0 if is_sample else len(missing),
        capture_percentage=deployment.capture_percentage,
        evaluation=Evaluation.from_document(deployment.evaluation),
        target_accuracy=deployment.evaluation["target"],
        versions={"Python": platform.python_version(), "data set": deployment.dataset_id},
        notes=notes,
        windows=read.windows,
        damaged_windows=read.damaged,
        is_sample=is_sample,
        most_drifted=examples.find(environment, outputs, drifted, inferences, known),
    )


def write(data: ReportData, path: Path) -> None:
    """Write the page, in one piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    # A stranger's key may hold half of a surrogate pair, which UTF-8 has no bytes for.
    unfinished.write_text(render(data), encoding="utf-8", errors="backslashreplace")
    unfinished.replace(path)


def watch(
    make: Callable[[], ReportData], path: Path, every_s: int, tell: Callable[[ReportData], None]
) -> None:
    """Write the page every `every_s` seconds until Ctrl-C; as long, it loads itself again, too."""
    data = None
    try:
        while True:
            data = make()
            write(replace(data, refresh_s=every_s), path)
            tell(data)
            time.sleep(every_s)
    except KeyboardInterrupt:
        if data:
            write(data, path)


def describe(data: ReportData) -> str:
    """What a report is made from, in one line."""
    counts = [
        wording.counted(data.captured_records, "captured record"),
        wording.counted(figures(data).executions, "execution"),
        wording.counted(len(data.windows), "window"),
    ]
    return ", ".join(counts)


def _sample_start(found: Sequence[Window], since: datetime) -> datetime:
    """Where to begin reading records: the newest windows from there on hold as many as are read."""
    held = 0
    for window in reversed(found):
        held += window.captured
        if held > MOST_RECORDS:
            return max(window.start, since)
    return since


def _decided(
    environment: Environment, table: str, since: datetime, chosen: Iterable[str] | None
) -> list[dict[str, Any]]:
    """The decisions about uploads that came by event: of the period, or about the chosen ones."""
    if chosen is None:
        found = workflow.decisions_since(environment, table, since.isoformat())
    else:
        found = list(workflow.decisions(environment, table, chosen).values())
    return [decision for decision in found if decision["s3_key"].startswith(workflow.INCOMING)]


def _has_scores(record: CaptureRecord, labels: tuple[str, ...]) -> bool:
    """Whether the answer is one of this model: an earlier one may have had other labels."""
    try:
        scores.check(record.scores or (), labels)
    except BadScores:
        return False
    return True


def _inference(
    record: CaptureRecord,
    decision: Mapping[str, Any],
    labels: tuple[str, ...],
    truths: Mapping[str, str],
) -> Inference:
    assert record.scores
    top = max(record.scores)
    made = decision["decision"]
    return Inference(
        time=record.inference_time,
        label=labels[record.scores.index(top)],
        confidence=top,
        scores=dict(zip(labels, record.scores, strict=True)),
        decision=made if made in ("accepted", "review") else None,
        truth=truths.get(decision["s3_key"]),
        image_id=record.inference_id,
        key=decision["s3_key"],
        picture=record.image,
    )


def _outcome(decision: Mapping[str, Any]) -> Outcome:
    return Outcome(
        time=datetime.fromisoformat(decision["decided_at"]),
        outcome=decision["decision"],
        reason=decision.get("reason"),
        key=decision["s3_key"],
    )


def _waiting(environment: Environment, queue_url: str, notes: list[str]) -> list[Failure]:
    """What waits in the failure queue; a note says where that is not all."""
    with queues.held(environment, queue_url, MOST_FAILURES) as messages:
        found = [failures.read(message) for message in messages]
    if len(found) == MOST_FAILURES:
        notes.append(
            f"Only {MOST_FAILURES:,} of what waits in the failure queue was read: more have failed "
            "than is said here."
        )
    return found


def _failures(waiting: Iterable[Failure], since: datetime) -> list[Outcome]:
    """Those of the period, except for what `invoke classify` and batches of a folder asked."""
    outcomes = []
    for failure in waiting:
        sent = datetime.fromtimestamp(failure.message.sent_s, UTC)
        if sent >= since and not failure.key.startswith(workflow.ADHOC):
            outcomes.append(
                Outcome(time=sent, outcome="failed", reason=failure.error, key=failure.key)
            )
    return outcomes
