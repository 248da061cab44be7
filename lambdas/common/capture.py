"""SageMaker's data capture: JSON Lines files of what the endpoint was asked and answered.

A line that cannot be read is counted and skipped: one damaged line must not hide the others.
"""

import base64
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?(?P<endpoint>[^/]+)/(?P<variant>[^/]+)"
    r"/(?P<date>\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3})-(?P<id>[0-9a-fA-F-]{36})\.jsonl"
)


@dataclass(frozen=True, slots=True)
class CaptureKey:
    """Where a capture file comes from: `time` (UTC) is when its first record was captured."""

    prefix: str
    endpoint: str
    variant: str
    time: datetime
    file_id: str


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """One request to the endpoint and its answer.

    `image` is the request's body. `scores`, in the model's label order, is None where the answer is
    absent or anything but finite numbers; nothing else is checked. `inference_id` is the image id
    where the workflow asked. Endpoint and variant are known only from the file's key.
    """

    event_id: str
    inference_time: datetime
    inference_id: str | None
    content_type: str
    image: bytes
    scores: tuple[float, ...] | None
    endpoint: str | None
    variant: str | None


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """The records of one file, in its order, and how many of its lines could not be read."""

    records: tuple[CaptureRecord, ...]
    damaged_lines: int


def parse_key(key: str) -> CaptureKey | None:
    """What `<prefix>/<endpoint>/<variant>/YYYY/MM/DD/HH/MM-SS-mmm-<uuid>.jsonl` says; None for any
    other key."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    try:
        # %f takes milliseconds, too: it pads to the right.
        time = datetime.strptime(match["date"], "%Y/%m/%d/%H/%M-%S-%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return CaptureKey(match["prefix"] or "", match["endpoint"], match["variant"], time, match["id"])


def parse_file(content: bytes, key: str = "") -> CaptureFile:
    """Every record of a capture file's content; never raises. `key` adds endpoint and variant."""
    place = parse_key(key)
    endpoint, variant = (place.endpoint, place.variant) if place else (None, None)
    records, damaged_lines = [], 0
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            records.append(_record(json.loads(line), endpoint, variant))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            damaged_lines += 1
    return CaptureFile(tuple(records), damaged_lines)


def _record(line: Any, endpoint: str | None, variant: str | None) -> CaptureRecord:
    request = line["captureData"]["endpointInput"]
    answer = line["captureData"].get("endpointOutput")
    event = line["eventMetadata"]
    time = datetime.fromisoformat(event["inferenceTime"])
    inference_id = event.get("inferenceId")
    return CaptureRecord(
        event_id=_text(event["eventId"]),
        inference_time=time if time.tzinfo else time.replace(tzinfo=UTC),
        inference_id=None if inference_id is None else _text(inference_id),
        content_type=_text(request["observedContentType"]),
        image=_body(request),
        scores=None if answer is None else _scores(_body(answer)),
        endpoint=endpoint,
        variant=variant,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _body(side: Any) -> bytes:
    """The bytes of a request or an answer: written as they are (JSON, CSV), or in base64."""
    data = _text(side["data"])
    if side["encoding"] == "BASE64":
        return base64.b64decode(data, validate=True)
    return data.encode()


def _scores(body: bytes) -> tuple[float, ...] | None:
    """The numbers of a JSON array or of a CSV line."""
    try:
        text = body.decode().strip()
        values = json.loads(text if text.startswith("[") else f"[{text}]")
        scores = tuple(map(_finite, values))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return scores or None


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return float(value)
