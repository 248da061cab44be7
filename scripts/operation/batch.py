"""Classify many pictures: write down which have no decision yet, start, follow, and sum up.

What is in `batches/ID/` of the artefact bucket: `batch.json` (what was asked), `pending.jsonl` (the
workflow's input for each picture), `results/` (what Step Functions writes: JSON Lines),
`summary.json` (written by whoever first asks what came of it).
"""

import itertools
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import IO, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from scripts.artifacts import BATCHES, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import batch_sources, workflow
from scripts.operation.batch_sources import Picture
from scripts.operation.failures import plain_cause

POLL_S = 1.0
FAILURES_LISTED = 100
_ASKED_AT_ONCE = 1_000  # pictures whose decisions are looked up together
_RUNNING = "RUNNING"
_TOO_MANY_FAILED = "TooManyFailed"  # terraform/modules/workflow/batch.asl.json

Say = Callable[[str], None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Batch:
    """A batch as it was asked for: of `asked` pictures, `decided` had a decision already."""

    id: str
    source: str
    asked: int
    decided: int

    @property
    def pending(self) -> int:
        return self.asked - self.decided


@dataclass(frozen=True)
class State:
    """How far a batch is: how many are classified, failed, and to be classified in all.

    While it runs, a picture that failed alone in its group counts as classified: only results tell.
    """

    id: str
    status: str
    classified: int
    failed: int
    total: int
    started_at: datetime
    seconds: float

    @property
    def is_running(self) -> bool:
        return self.status == _RUNNING


def machine_of(outputs: Mapping[str, Any]) -> str:
    """The state machine's ARN. Raises UserError when nothing is deployed."""
    return str(workflow.deployed(outputs, "batch_state_machine_arn"))


def start(
    environment: Environment,
    outputs: Mapping[str, Any],
    artifacts: Bucket,
    source: str,
    say: Say,
    *,
    beside: bool = False,
) -> Batch:
    """Start a batch of the pictures of `source` that have no decision yet; none if all have.

    A decision that was recorded, and perhaps told to nobody, is none: it is told now.

    Raises UserError when another one is under way, unless it may run `beside` that, and as
    `batch_sources.find` does. Two that name the same picture ask about it twice. Until the
    execution is started nothing has happened that the next attempt would trip over.
    """
    machine = machine_of(outputs)
    if not beside and (running := _executions(environment, machine, _RUNNING)):
        command = environment.command("batch.status")
        raise UserError(
            f"Batch {running[0]['name']} is under way. Wait for it: {command}; or, if this one "
            "names other pictures, add --beside."
        )
    bucket = outputs["uploads_bucket"]
    # The name of an execution is taken once: two that begin in one second are two all the same.
    batch_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    folder = f"{BATCHES}/{batch_id}"
    pictures = batch_sources.find(environment, bucket, source)
    with tempfile.TemporaryFile() as manifest:
        asked, decided = _write_pending(environment, outputs, pictures, manifest, say)
        batch = Batch(batch_id, source, asked, decided)
        if not asked:
            raise UserError(f"There is no picture in {source}.")
        if not batch.pending:
            return batch
        say(f"{batch.pending:,} to classify")
        artifacts.write_json(f"{folder}/batch.json", asdict(batch))
        manifest.seek(0)
        artifacts.s3.upload_fileobj(manifest, artifacts.name, f"{folder}/pending.jsonl")
    environment.client("stepfunctions").start_execution(
        stateMachineArn=machine,
        name=batch_id,
        input=json.dumps({"manifest": f"{folder}/pending.jsonl", "results": f"{folder}/results"}),
    )
    return batch


def _write_pending(
    environment: Environment,
    outputs: Mapping[str, Any],
    pictures: Iterable[Picture],
    manifest: IO[bytes],
    say: Say,
) -> tuple[int, int]:
    """Write a line for each picture whose decision is not made, or not known to have been told.

    Returns how many were asked, and how many of them need nothing.
    """
    bucket, table = outputs["uploads_bucket"], outputs["decisions_table"]
    asked = decided = 0
    pictures = iter(pictures)
    while some := list(itertools.islice(pictures, _ASKED_AT_ONCE)):
        ids = {picture.image_id(bucket): picture for picture in some}
        known = workflow.decisions(environment, table, ids)
        for item, picture in ids.items():
            line = {"s3_bucket": bucket, "s3_key": picture.key, "version_id": picture.version_id}
            if decision := known.get(item):
                if not _is_untold(decision):
                    decided += 1
                    continue
                line["redrive_of"] = decision["execution"]  # whose claim completes the delivery
            manifest.write(json.dumps(line).encode() + b"\n")
        asked += len(ids)
        say(f"{asked:,} found, {decided:,} have a decision")
    return asked, decided


def _is_untold(decision: Mapping[str, Any]) -> bool:
    """Whether an execution has recorded this decision, and ended before it noted its delivery."""
    if "delivered_at" in decision:
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(decision["decided_at"])
    return age.total_seconds() > workflow.ANSWERED_WITHIN_S


def latest(environment: Environment, outputs: Mapping[str, Any], limit: int = 10) -> list[str]:
    """The ids of the newest batches, newest first."""
    found = _executions(environment, machine_of(outputs))
    return [item["name"] for item in found[:limit]]


def state(
    environment: Environment, outputs: Mapping[str, Any], artifacts: Bucket, batch_id: str
) -> State:
    """How far a batch is. Raises UserError when there is none of this id."""
    stepfunctions = environment.client("stepfunctions")
    arn = f"{machine_of(outputs).replace(':stateMachine:', ':execution:')}:{batch_id}"
    try:
        found = stepfunctions.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "InvalidArn"):
            raise
        command = environment.command("batch.status")
        raise UserError(f"There is no batch {batch_id}: {command} lists them.") from error
    runs = stepfunctions.list_map_runs(executionArn=arn)["mapRuns"]
    counts: Mapping[str, int] = {}
    if runs:
        counts = stepfunctions.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
    until = found.get("stopDate") or datetime.now(UTC)
    now = State(
        id=batch_id,
        status=found["status"],
        classified=counts.get("succeeded", 0),
        failed=sum(counts.get(kind, 0) for kind in ("failed", "timedOut", "aborted")),
        total=counts.get("total", 0),
        started_at=found["startDate"],
        seconds=round((until - found["startDate"]).total_seconds(), 1),
    )
    summed = None if now.is_running else _summary(artifacts, now)
    if summed is None or not summed["results"] + summed["failed_results"]:
        return now
    return replace(now, classified=sum(summed["decisions"].values()), failed=summed["failed"])


def follow(
    environment: Environment,
    outputs: Mapping[str, Any],
    artifacts: Bucket,
    batch_id: str,
    progress: Progress,
) -> State:
    """Wait until a batch has ended."""
    while (now := state(environment, outputs, artifacts, batch_id)).is_running:
        progress(now.classified + now.failed, now.total, f"{now.failed} failed")
        time.sleep(POLL_S)
    return now


def summary(artifacts: Bucket, ended: State) -> dict[str, Any]:
    """What came of a batch that has ended, read from its results; kept beside them once it is sure.

    `missing` is what has neither a result nor a failure: the batch was stopped or given up. Raises
    UserError when it has been forgotten what was asked.
    """
    if (found := _summary(artifacts, ended)) is None:
        folder = artifacts.uri(f"{BATCHES}/{ended.id}")
        raise UserError(f"{folder}/batch.json is gone: nobody knows what was asked.")
    return found


def _summary(artifacts: Bucket, ended: State) -> dict[str, Any] | None:
    folder = f"{BATCHES}/{ended.id}"
    if document := artifacts.read_json(f"{folder}/summary.json"):
        return dict(document)
    if (asked := artifacts.read_json(f"{folder}/batch.json")) is None:
        return None
    files = _result_files(artifacts, folder)
    decisions: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    failures: list[dict[str, str]] = []
    for outcome in _outcomes(artifacts, files):
        if failed := outcome.get("failed"):
            errors[failed["error"]] += 1
            if len(failures) < FAILURES_LISTED:
                failures.append(_failure(failed))
            continue
        decisions[outcome["decision"]] += 1
        if outcome["decision"] == "accepted":
            labels[outcome["label"]] += 1
    found = {
        "batch": ended.id,
        "source": asked["source"],
        "status": ended.status,
        "seconds": ended.seconds,
        "asked": asked["asked"],
        "decided_before": asked["decided"],
        "decisions": dict(decisions),
        "accepted_labels": dict(labels),
        "failed": errors.total(),
        "errors": dict(errors),
        "failures": failures,
        "missing": asked["asked"] - asked["decided"] - decisions.total() - errors.total(),
        "results": [artifacts.uri(key) for key in files["SUCCEEDED"]],
        "failed_results": [artifacts.uri(key) for key in files["FAILED"]],
    }
    # What was stopped may go on for minutes before its results are all there.
    if ended.status == "SUCCEEDED" or found["missing"] == 0:
        artifacts.write_json(f"{folder}/summary.json", found)
    return found


def describe(found: Mapping[str, Any]) -> Iterator[str]:
    """A summary in a few lines."""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(found["decisions"].items()))
    pending = found["asked"] - found["decided_before"]
    yield (
        f"{found['asked']:,} pictures: {found['decided_before']:,} had a decision, "
        f"{pending:,} were to be classified: {outcomes or 'none'}, {found['failed']:,} failed, "
        f"{found['missing']:,} missing."
    )
    for error, count in sorted(found["errors"].items()):
        yield f"  {error}: {count:,}"
    for failure in found["failures"][:10]:
        yield f"  {failure['key']}: {failure['error']}: {failure['cause']}"
    for uri in found["results"]:
        yield f"  results: {uri}"


def _result_files(artifacts: Bucket, folder: str) -> dict[str, list[str]]:
    """The keys of the result files by how executions ended; empty before there are any.

    A redrive writes another manifest, which names the files of the earlier ones again.
    """
    files: dict[str, set[str]] = {"SUCCEEDED": set(), "FAILED": set()}
    manifests = [
        key for key in artifacts.keys(f"{folder}/results/") if key.endswith("/manifest.json")
    ]
    if manifests and (document := artifacts.read_json(max(manifests, key=_redrives))):
        for status in files:
            files[status] = {item["Key"] for item in document["ResultFiles"][status]}
    return {status: sorted(keys) for status, keys in files.items()}


def _redrives(manifest: str) -> int:
    """How many times the batch had been redriven when AWS wrote this manifest."""
    found = re.search(r"/Redrive-(\d+)/", manifest)
    return int(found[1]) if found else 0


def _documents(artifacts: Bucket, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The lines of JSON Lines files, one at a time."""
    for key in keys:
        body = artifacts.s3.get_object(Bucket=artifacts.name, Key=key)["Body"]
        yield from (json.loads(line) for line in body.iter_lines() if line.strip())


def _outcomes(artifacts: Bucket, files: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """What became of each picture: a decision, or why it `failed`."""
    yield from _documents(artifacts, files["SUCCEEDED"])
    for group in _documents(artifacts, files["FAILED"]):
        yield from _outcomes_of_failed(group)


def _outcomes_of_failed(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of a group that failed. `Input` is text, as AWS writes it."""
    given = group["Input"]
    given = json.loads(given) if isinstance(given, str) else given
    items = given.get("Items", [given])  # of an older batch, each group was one picture
    error, cause = group.get("Error") or group.get("Status", "unknown"), group.get("Cause") or ""
    try:
        outcomes = json.loads(cause) if error == _TOO_MANY_FAILED else []
    except ValueError:
        outcomes = []
    if len(outcomes) != len(items):
        outcomes = [{"failed": {"error": error, "cause": cause}}] * len(items)
    for item, outcome in zip(items, outcomes, strict=True):
        if failed := outcome.get("failed"):
            yield {"failed": {**failed, "s3_key": item["s3_key"]}}
        else:
            yield outcome


def _failure(failed: Mapping[str, str]) -> dict[str, str]:
    """Which picture failed, and why."""
    cause = " ".join(plain_cause(failed.get("cause", "")).split())
    return {"key": failed["s3_key"], "error": failed["error"], "cause": cause[:200]}


def _executions(
    environment: Environment, machine: str, status: str | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = environment.client("stepfunctions").list_executions(
        stateMachineArn=machine, **({"statusFilter": status} if status else {})
    )["executions"]
    return found
