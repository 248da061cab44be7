"""What waits in the failure queue: inputs of failed executions, and events that started none."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.common import messages
from scripts.operation.queues import Message

UNDELIVERED = "Undelivered"
UNREADABLE = "Unreadable"
COLUMNS = ("Failed at (UTC)", "Picture", "Error", "Cause")
_SHOWN_CHARACTERS = 100
# How a function's error begins; a long one may be cut off before its JSON is complete.
_MESSAGE = re.compile(r'\{"errorMessage": *"((?:[^"\\]|\\.)*)')


@dataclass(frozen=True)
class Failure:
    """One message. `input` is what an execution can be started with again, None if nothing can."""

    message: Message
    input: Mapping[str, Any] | None
    key: str
    error: str
    cause: str


def read(message: Message) -> Failure:
    """What a message of the failure queue says, whatever it holds."""
    body = message.body if isinstance(message.body, dict) else {}
    if "error" in body:
        return _of_execution(message, body)
    if (given := _of_event(body)) is not None:
        cause = "EventBridge could not start an execution with this event."
        return Failure(message, given, _key(given), UNDELIVERED, cause)
    return Failure(message, None, "", UNREADABLE, "The message is neither an input nor an event.")


def _of_execution(message: Message, body: Mapping[str, Any]) -> Failure:
    given = body.get("input")
    again = None
    if isinstance(given, dict):
        # A redrive of a redrive keeps the claim of the first execution.
        again = {"redrive_of": body.get("execution", ""), **given}
    cause = plain_cause(str(body.get("cause") or "none given"))
    return Failure(message, again, _key(given), str(body["error"]), cause)


def plain_cause(cause: str) -> str:
    """The message of an error; a function's comes as JSON, which may be cut off."""
    try:
        if cut_off := _MESSAGE.match(cause):
            return str(json.loads(f'"{cut_off[1]}"'))
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, LookupError, TypeError):
        return cause


def _of_event(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The input of an undelivered event: S3's own, or what was to be made of it."""
    if "s3_bucket" in body and "s3_key" in body:
        return body
    try:
        found = body["detail"]["object"]
        given = {"s3_bucket": body["detail"]["bucket"]["name"], "s3_key": found["key"]}
        names = {"version_id": "version-id", "sequencer": "sequencer"}
        return given | {name: found[field] for name, field in names.items() if field in found}
    except (LookupError, TypeError):
        return None


def _key(given: object) -> str:
    return str(given.get("s3_key", "")) if isinstance(given, dict) else ""


def image_id(failure: Failure) -> str | None:
    """The image version that failed, as it is recorded; None where the input names none."""
    given = failure.input or {}
    names = (given.get("s3_bucket"), given.get("s3_key"), given.get("version_id", "null"))
    if not all(isinstance(name, str) for name in names):
        return None
    try:
        return messages.image_id(*map(str, names))
    except UnicodeEncodeError:  # half of a surrogate pair: no object has such a key
        return None


def row(failure: Failure) -> tuple[str, ...]:
    """A line of the table: keys and causes are strangers' texts, so they are escaped and short."""
    time = datetime.fromtimestamp(failure.message.sent_s, UTC)
    return (
        f"{time:%Y-%m-%d %H:%M:%S}",
        _short(failure.key) or "-",
        failure.error,
        _short(failure.cause),
    )


def _short(text: str) -> str:
    shown = text[:_SHOWN_CHARACTERS] + ("…" if len(text) > _SHOWN_CHARACTERS else "")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
