"""List operations: what the records hold, filtered, sorted and cut into pages."""

import base64
import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from scripts.localcloud.protocol import ServiceError, keep_members, service_model
from scripts.localcloud.records import Kind, Record

DEFAULT_PAGE_SIZE = 10

_SORT_KEYS: dict[str, Callable[[Record], str | float]] = {
    "Name": lambda record: record.name,
    "Status": lambda record: record.status,
    "CreationTime": lambda record: record.created.timestamp(),
}


def listing(records: list[Record], kind: Kind, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of List<Kind>s.

    A page begins after the last resource of the one before it, so that nothing is passed over
    when resources are deleted between two pages. Raises ServiceError for a strange NextToken.
    """
    output = service_model("sagemaker").operation_model(f"List{kind.name}s").output_shape
    member = next(name for name, shape in output.members.items() if shape.type_name == "list")
    sort_key = _SORT_KEYS[request.get("SortBy", "CreationTime")]
    # AWS sorts endpoints, models and configurations newest first, and so jobs here.
    descending = request.get("SortOrder", "Descending") == "Descending"

    def position(record: Record) -> tuple[str | float, str]:
        return sort_key(record), record.arn

    chosen = [record for record in records if all(_matches(record, request))]
    chosen.sort(key=position, reverse=descending)
    if token := request.get("NextToken"):
        chosen = [r for r in chosen if _is_after(position(r), _read_token(token), descending)]
    page = chosen[: request.get("MaxResults", DEFAULT_PAGE_SIZE)]
    summary = output.members[member].member
    answer: dict[str, Any] = {member: [keep_members(summary, record.view()) for record in page]}
    if len(page) < len(chosen):
        answer["NextToken"] = base64.b64encode(json.dumps(position(page[-1])).encode()).decode()
    return answer


def _read_token(token: str) -> Any:
    try:
        return tuple(json.loads(base64.b64decode(token, validate=True)))
    except (ValueError, TypeError):
        raise ServiceError("ValidationException", "Invalid NextToken.") from None


def _is_after(place: Any, last: Any, descending: bool) -> bool:
    try:
        return bool(place < last if descending else place > last)
    except TypeError:  # a token of another sort order
        raise ServiceError("ValidationException", "Invalid NextToken.") from None


def _matches(record: Record, request: dict[str, Any]) -> Iterator[bool]:
    """Whether `record` passes each filter of the request."""
    yield request.get("NameContains", "").lower() in record.name.lower()
    yield request.get("StatusEquals", record.status) == record.status
    for member, time in (("CreationTime", record.created), ("LastModifiedTime", record.modified)):
        yield _epoch_s(request.get(f"{member}After", 0)) <= time.timestamp()
        yield time.timestamp() <= _epoch_s(request.get(f"{member}Before", math.inf))


def _epoch_s(time: float | str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else time
    except ValueError:
        raise ServiceError("SerializationException", f"'{time}' is not a time.") from None
