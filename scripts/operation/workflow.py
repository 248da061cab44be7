"""The workflow from outside: give it photographs, and read what it decided."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from lambdas.common.messages import image_id
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import failures, queues

INCOMING = "incoming/"
ADHOC = "adhoc/"
UPLOADS_AT_ONCE = 8
POLL_S = 0.5
ANSWERED_WITHIN_S = 330  # an execution takes 290 s at most
_GET_AT_ONCE = 100  # BatchGetItem's limit

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Uploaded:
    """One object version in the uploads bucket, and the id its decision is recorded under."""

    key: str
    version_id: str
    image_id: str


def deployed(outputs: Mapping[str, Any], name: str) -> Any:
    """An output of Terraform that there is once an endpoint is deployed. Raises UserError."""
    if not outputs.get(name):
        raise UserError("No endpoint is deployed yet. Run: invoke endpoint, then invoke apply")
    return outputs[name]


def upload(environment: Environment, bucket: str, key: str, body: bytes) -> Uploaded:
    """Put one picture into the bucket, as a driver's app does."""
    return _put(environment.client("s3"), bucket, key, body)


def upload_all(
    environment: Environment, bucket: str, bodies: Mapping[str, bytes], progress: Progress
) -> list[Uploaded]:
    """Put several pictures (bytes by key) into the bucket, a few at once."""
    s3 = environment.client("s3", max_pool_connections=UPLOADS_AT_ONCE)
    done: list[Uploaded] = []
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for item in pool.map(lambda key: _put(s3, bucket, key, bodies[key]), bodies):
            done.append(item)
            progress(len(done), len(bodies))
    return done


def _put(s3: Any, bucket: str, key: str, body: bytes) -> Uploaded:
    version = s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId", "null")
    return Uploaded(key, version, image_id(bucket, key, version))


def decisions(
    environment: Environment, table: str, ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The recorded decisions by image id; ids without one are absent."""
    dynamodb = environment.client("dynamodb")
    found: dict[str, dict[str, Any]] = {}
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), _GET_AT_ONCE):
        some = unique[start : start + _GET_AT_ONCE]
        wanted: Any = {table: {"Keys": [{"image_id": {"S": item}} for item in some]}}
        while wanted:
            answer = dynamodb.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(table, []):
                plain = _plain(item)
                found[plain["image_id"]] = plain
            wanted = answer.get("UnprocessedKeys")
    return found


def decisions_since(environment: Environment, table: str, since_iso: str) -> list[dict[str, Any]]:
    """Every decision made at or after `since_iso` (ISO 8601, UTC). Reads the whole table."""
    pages = (
        environment.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=table,
            FilterExpression="decided_at >= :since",
            ExpressionAttributeValues={":since": {"S": since_iso}},
        )
    )
    return [_plain(item) for page in pages for item in page["Items"]]


def await_decisions(
    environment: Environment,
    outputs: Mapping[str, Any],
    uploads: Sequence[Uploaded],
    timeout_s: float,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Wait until every upload is decided and delivered, or has failed, or time is up.

    Returns the decisions by image id. What is still missing then is for the caller to count.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = decisions(environment, outputs["decisions_table"], [u.image_id for u in uploads])
        failed = queues.length(environment, outputs["failure_queue_url"])
        delivered = sum("delivered_at" in item for item in found.values())
        progress(delivered + failed, len(uploads))
        if delivered + failed >= len(uploads) or time.monotonic() > deadline:
            return found
        time.sleep(POLL_S)


def executions(environment: Environment) -> Any:
    """A client for StartSyncExecution: it waits for the answer, and never asks for it twice."""
    return environment.client(
        "stepfunctions", read_timeout=ANSWERED_WITHIN_S, retries={"total_max_attempts": 1}
    )


def classify(environment: Environment, outputs: Mapping[str, Any], photo: Path) -> dict[str, Any]:
    """Classify one photograph now, and return the workflow's answer.

    Raises UserError when the file cannot be read, and as `classify_bytes` does.
    """
    try:
        body = photo.read_bytes()
    except OSError as error:
        raise UserError(f"{photo} cannot be read: {error.strerror}.") from error
    return classify_bytes(environment, outputs, photo.name, body)


def classify_bytes(
    environment: Environment, outputs: Mapping[str, Any], name: str, body: bytes
) -> dict[str, Any]:
    """Classify one encoded picture now, and return the workflow's answer.

    The picture is uploaded where no event starts an execution. Raises UserError when nothing is
    deployed, and when the execution fails.
    """
    machine = deployed(outputs, "state_machine_arn")
    bucket = outputs["uploads_bucket"]
    uploaded = upload(environment, bucket, f"{ADHOC}{uuid4().hex[:8]}/{name}", body)
    answer = executions(environment).start_sync_execution(
        stateMachineArn=machine,
        input=json.dumps(
            {"s3_bucket": bucket, "s3_key": uploaded.key, "version_id": uploaded.version_id}
        ),
    )
    if answer["status"] != "SUCCEEDED":
        failure = answer.get("error", answer["status"])
        cause = " ".join(failures.plain_cause(answer.get("cause", "no cause was given")).split())
        raise UserError(f"{name} could not be classified: {failure}: {cause}")
    result: dict[str, Any] = json.loads(answer["output"])
    return result


def describe_answer(answer: Mapping[str, Any]) -> str:
    """A workflow's answer in one line."""
    decision = answer["decision"]
    if decision in ("rejected", "ignored"):
        return f"{decision} [{answer['reason']}]: {answer['detail']}"
    if decision == "duplicate":
        return "duplicate: this upload was decided before, and that decision stands"
    line = f"{answer['label']} with confidence {answer['confidence']:.3f}: {decision}"
    if place := answer.get("assignment"):
        line += f", bay {place['loading_bay']}, orders up to {place['max_distance_km']:g} km"
    return line


def _plain(item: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A DynamoDB item as plain values: text, and numbers as float."""
    values: dict[str, Any] = {}
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        values[name] = float(value) if kind == "N" else value
    return values
