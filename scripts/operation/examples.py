"""The pictures that the monitor names as examples: found again by image id."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.environment import Environment
from scripts.operation import workflow
from scripts.report import Inference, Window

MOST_DRIFTED = "most drifted"
MOST_SHOWN = 12
_READS_AT_ONCE = 4
_GONE = ("NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405")


def ids(windows: Iterable[Window], kind: str) -> list[str]:
    """At most 12 image ids of a kind: from the severest windows, the newest of them first."""
    ordered = sorted(windows, key=lambda window: (window.rank, window.end), reverse=True)
    named = (image for window in ordered for image in window.examples.get(kind, ()))
    return list(dict.fromkeys(named))[:MOST_SHOWN]


def find(
    environment: Environment,
    outputs: Mapping[str, Any],
    wanted: Sequence[str],
    known: Iterable[Inference],
    truths: Mapping[str, str],
) -> list[Inference]:
    """The inferences of these image ids, in their order.

    Those of `known` as they are; of others, what was decided, with the upload as the picture.
    An upload that was forgotten or has expired is left out, or has no picture.
    """
    by_id = {inference.image_id: inference for inference in known}
    missing = [image for image in wanted if image not in by_id]
    decided = workflow.decisions(environment, outputs["decisions_table"], missing)
    s3 = environment.client("s3", max_pool_connections=_READS_AT_ONCE)
    shown = [decision for decision in decided.values() if "label" in decision]

    def restore(decision: Mapping[str, Any]) -> Inference:
        return _inference(decision, _upload(s3, outputs["uploads_bucket"], decision), truths)

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        by_id |= {inference.image_id: inference for inference in pool.map(restore, shown)}
    return [by_id[image] for image in wanted if image in by_id]


def _upload(s3: Any, bucket: str, decision: Mapping[str, Any]) -> bytes | None:
    version = decision.get("version_id", "null")
    try:
        answer = s3.get_object(Bucket=bucket, Key=decision["s3_key"], VersionId=version)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    body: bytes = answer["Body"].read()
    return body


def _inference(
    decision: Mapping[str, Any], picture: bytes | None, truths: Mapping[str, str]
) -> Inference:
    made = decision["decision"]
    return Inference(
        time=datetime.fromisoformat(decision["decided_at"]),
        label=decision["label"],
        confidence=decision["confidence"],
        decision=made if made in ("accepted", "review") else None,
        truth=truths.get(decision["s3_key"]),
        image_id=decision["image_id"],
        key=decision["s3_key"],
        picture=picture,
    )
