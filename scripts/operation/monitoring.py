"""Gather what the report shows: captured inferences joined to decisions, by image id."""

import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lambdas.common import scores
from lambdas.common.capture import CaptureRecord
from lambdas.common.errors import BadScores
from scripts.artifacts import CAPTURES, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import captures, failures, queues, workflow
from scripts.report import Evaluation, Inference, ModelInfo, Outcome, ReportData, render
from scripts.serving.deployment import Deployment

FAILURES_SHOWN = 500
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
    """
    now = datetime.now(UTC)
    known = truths or {}
    found = captures.read(bucket, deployment.endpoint_name, since, now)
    decided = [
        decision
        for decision in workflow.decisions_since(
            environment, outputs["decisions_table"], since.isoformat()
        )
        if decision["s3_key"].startswith(workflow.INCOMING)
    ]
    by_id = {decision["image_id"]: decision for decision in decided}
    # A call that was retried is captured each time; the last answer is the one that counted.
    last = {
        record.inference_id: record
        for record in found.records
        if _has_scores(record, deployment.labels)
    }
    inferences = [
        _inference(record, by_id[image_id], deployment.labels, known)
        for image_id, record in last.items()
        if image_id in by_id
    ]
    outcomes = [_outcome(decision) for decision in decided]
    outcomes += _failures(environment, outputs["failure_queue_url"], since)
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
        captured_records=len(found.records),
        damaged_records=found.damaged_lines,
        evaluation=Evaluation.from_document(deployment.evaluation),
        target_accuracy=deployment.evaluation["target"],
        versions={"Python": platform.python_version(), "data set": deployment.dataset_id},
        notes=[f"Captured requests and answers lie in {bucket.uri(CAPTURES)}/."],
    )


def write(data: ReportData, path: Path) -> None:
    """Write the page, in one piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(render(data), encoding="utf-8")
    unfinished.replace(path)


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


def _failures(environment: Environment, queue_url: str, since: datetime) -> list[Outcome]:
    """What waits in the failure queue, except for what `invoke classify` asked."""
    outcomes = []
    with queues.held(environment, queue_url, FAILURES_SHOWN) as messages:
        found = [failures.read(message) for message in messages]
    for failure in found:
        time = datetime.fromtimestamp(failure.message.sent_s, UTC)
        if time >= since and not failure.key.startswith(workflow.ADHOC):
            outcomes.append(
                Outcome(time=time, outcome="failed", reason=failure.error, key=failure.key)
            )
    return outcomes
