"""AWS's JSON protocol, with requests checked against botocore's own service model."""

import functools
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

_COERCIBLE = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
    "blob": str,
    "structure": dict,
    "map": dict,
    "list": list,
}
_SIZED = {"string", "list", "map", "blob"}


class ServiceError(Exception):
    """An error as AWS answers it: `code`, a message and an HTTP status."""

    def __init__(
        self, code: str, message: str, status: int = 400, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra or {}

    def body(self) -> bytes:
        # SageMaker's control plane spells it "message", its runtime "Message".
        return encode(
            {"__type": self.code, "message": self.message, "Message": self.message, **self.extra}
        )


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of `service`, for example "sagemaker"."""
    return botocore.session.get_session().get_service_model(service)


def encode(value: Any) -> bytes:
    """JSON as AWS's JSON 1.1 protocol writes it: times are epoch seconds."""

    def default(item: Any) -> Any:
        if isinstance(item, datetime):
            return item.timestamp()
        raise TypeError(f"{type(item).__name__} has no JSON form")

    return json.dumps(value, default=default).encode()


def parse_request(service: str, operation: str, body: bytes) -> dict[str, Any]:
    """The request of `operation`, checked against the service model.

    Raises ServiceError: SerializationException for what is no JSON object, ValidationException
    for members that are missing, unknown, of a wrong type, size, pattern or value.
    """
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        raise ServiceError("SerializationException", "The request is not JSON.") from None
    model = service_model(service)
    if operation not in model.operation_names:
        raise ServiceError("UnknownOperationException", f"There is no operation {operation}.", 404)
    shape = model.operation_model(operation).input_shape
    problems = list(problems_with(shape, request)) if shape else []
    if problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise ServiceError(
            "ValidationException",
            f"{len(problems)} validation {noun} detected: " + "; ".join(problems),
        )
    return dict(request)


def problems_with(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield what `value` violates of `shape`, each in AWS's words. Nothing when it conforms."""
    where = path or "request"
    expected = _COERCIBLE[shape.type_name]
    is_bool = isinstance(value, bool)
    if not isinstance(value, expected) or (is_bool and shape.type_name != "boolean"):
        yield f"Value at '{where}' failed to satisfy constraint: Member must be {shape.type_name}"
        return
    yield from _constraint_problems(shape, value, where)
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield (
                    f"Value null at '{_join(path, name)}' failed to satisfy constraint: "
                    "Member must not be null"
                )
        for name, item in value.items():
            if name not in shape.members:
                yield f"Unknown member '{_join(path, name)}'"
            elif item is not None:
                yield from problems_with(shape.members[name], item, _join(path, name))
    elif shape.type_name == "list":
        for index, item in enumerate(value, start=1):
            yield from problems_with(shape.member, item, f"{path}.{index}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from problems_with(shape.key, key, f"{path}.{key}.key")
            yield from problems_with(shape.value, item, f"{path}.{key}.value")


def _constraint_problems(shape: Shape, value: Any, where: str) -> Iterator[str]:
    limits = shape.metadata
    measured = len(value) if shape.type_name in _SIZED else value
    quantity = "length " if shape.type_name in _SIZED else "value "
    prefix = f"Value '{value}' at '{where}' failed to satisfy constraint: Member must "
    if isinstance(measured, int | float) and not isinstance(measured, bool):
        if "min" in limits and measured < limits["min"]:
            yield f"{prefix}have {quantity}greater than or equal to {limits['min']}"
        if "max" in limits and measured > limits["max"]:
            yield f"{prefix}have {quantity}less than or equal to {limits['max']}"
    if shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{prefix}satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = _compile(limits.get("pattern", ""))
        if pattern and not pattern.fullmatch(value):
            yield f"{prefix}satisfy regular expression pattern: {limits['pattern']}"


@functools.cache
def _compile(pattern: str) -> re.Pattern[str] | None:
    """A pattern of the model. Nine of 459 use Java's Unicode classes, which `re` lacks."""
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    # AWS spells the members of its messages in camelCase.
    spelled = name[:1].lower() + name[1:]
    return f"{path}.{spelled}" if path else spelled


def keep_members(shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    """The part of `value` that `shape` (a structure) has members for, without the None."""
    return {key: item for key, item in value.items() if key in shape.members and item is not None}
