"""AWS's JSON protocol, with requests checked against botocore's own service model."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
    "blob": (str, bytes),
    "structure": dict,
    "map": dict,
    "list": list,
}
_SIZED = {"string", "list", "map", "blob"}


class ServiceError(Exception):
    """An error as AWS answers it: `code`, a message and an HTTP status."""

    def __init__(
        self, code: str, message: str, status: int = 400, extra: Mapping[str, Any] | None = None
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

    Raises ServiceError: UnknownOperationException, SerializationException for what is no JSON
    object or has a member of a wrong type, ValidationException for everything else that is wrong.
    """
    if operation not in service_model(service).operation_names:
        raise ServiceError("UnknownOperationException", f"There is no operation '{operation}'.")
    try:
        request = json.loads(body or b"{}", object_hook=_without_nulls)
    except ValueError:
        raise ServiceError("SerializationException", "The request is not JSON.") from None
    check_request(service, operation, request)
    return dict(request)


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    # To AWS, null is the same as absent.
    return {name: value for name, value in members.items() if value is not None}


def check_request(
    service: str, operation: str, request: Any, code: str = "ValidationException"
) -> None:
    """Raise ServiceError, as `parse_request` does, when `request` does not conform."""
    shape = service_model(service).operation_model(operation).input_shape
    problems = list(_walk(shape, request)) if shape else []
    if not problems:
        return
    if any(problem.is_type_error for problem in problems):
        code = "SerializationException"
    noun = "error" if len(problems) == 1 else "errors"
    texts = "; ".join(problem.text for problem in problems)
    raise ServiceError(code, f"{len(problems)} validation {noun} detected: {texts}")


def problems_with(shape: Shape, value: Any) -> list[str]:
    """What `value` violates of `shape`, each in AWS's words. Empty when it conforms."""
    return [problem.text for problem in _walk(shape, value)]


@dataclass(frozen=True)
class _Problem:
    """One violation of a shape. A type error is a value whose JSON type is not the shape's."""

    text: str
    is_type_error: bool = False


def _walk(shape: Shape, value: Any, path: str = "") -> Iterator[_Problem]:
    """Find everything in `value`, which is at `path` of the request, that violates `shape`."""
    where = path or "request"
    if not _has_type(shape, value):
        yield _Problem(f"Value at '{where}' must be of type {shape.type_name}", is_type_error=True)
        return
    for constraint in _violated_constraints(shape, value):
        yield _Problem(
            f"Value '{value}' at '{where}' failed to satisfy constraint: Member must {constraint}"
        )
    if shape.type_name == "structure":
        yield from _walk_members(shape, value, path)
    elif shape.type_name == "list":
        for index, item in enumerate(value, start=1):
            yield from _walk(shape.member, item, f"{path}.{index}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _walk(shape.key, key, f"{path}.{key}.key")
            yield from _walk(shape.value, item, f"{path}.{key}.value")


def _walk_members(shape: Shape, value: dict[str, Any], path: str) -> Iterator[_Problem]:
    for name in shape.required_members:
        if name not in value:
            yield _Problem(
                f"Value null at '{_join(path, name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    for name, item in value.items():
        where = _join(path, name)
        if name not in shape.members:
            # AWS ignores these; here a misspelt member must not pass unnoticed.
            yield _Problem(f"Unknown member '{where}'")
        else:
            yield from _walk(shape.members[name], item, where)


def _has_type(shape: Shape, value: Any) -> bool:
    if isinstance(value, bool):  # which Python counts among the numbers
        return bool(shape.type_name == "boolean")
    return isinstance(value, _PYTHON_TYPES[shape.type_name])


def _violated_constraints(shape: Shape, value: Any) -> Iterator[str]:
    limits = shape.metadata
    is_sized = shape.type_name in _SIZED
    measured = len(value) if is_sized else value
    quantity = "length" if is_sized else "value"
    if isinstance(measured, int | float) and not isinstance(measured, bool):
        if "min" in limits and measured < limits["min"]:
            yield f"have {quantity} greater than or equal to {limits['min']}"
        if "max" in limits and measured > limits["max"]:
            yield f"have {quantity} less than or equal to {limits['max']}"
    if shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = _compile(limits.get("pattern", ""))
        if pattern and not pattern.fullmatch(value):
            yield f"satisfy regular expression pattern: {limits['pattern']}"


@functools.cache
def _compile(pattern: str) -> re.Pattern[str] | None:
    """A pattern of the model, which is written for Java; None for the few `re` cannot read."""
    java = pattern.replace(r"\p{ASCII}", r"[\x00-\x7f]").replace(r"[\p{Print}]", r"[\x20-\x7e]")
    try:
        # Java's \d and \w know ASCII only.
        return re.compile(java.replace(r"\z", r"\Z"), re.ASCII) if java else None
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    # AWS spells the members of its messages in camelCase.
    spelled = name[:1].lower() + name[1:]
    return f"{path}.{spelled}" if path else spelled


def keep_members(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `value` that `shape` (a structure) has members for, without the None."""
    return {key: item for key, item in value.items() if key in shape.members and item is not None}
