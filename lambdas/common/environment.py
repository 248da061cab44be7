"""Read a function's settings from its environment variables; the message names the wrong one."""

import json
import math
from collections.abc import Mapping
from typing import Any

from lambdas.common.errors import InvalidSettings

Environment = Mapping[str, str]


def text(environment: Environment, name: str) -> str:
    """The variable's value without surrounding space. Raises InvalidSettings if it is empty."""
    value = environment.get(name, "").strip()
    if not value:
        raise InvalidSettings(f"{name} is not set")
    return value


def words(environment: Environment, name: str) -> tuple[str, ...]:
    """A comma-separated list of at least one, without repeats, in its order."""
    value = text(environment, name)
    parts = tuple(part.strip() for part in value.split(","))
    if not all(parts) or len(set(parts)) != len(parts):
        raise InvalidSettings(f"{name} must be a comma-separated list without gaps or repeats")
    return parts


def choice(environment: Environment, name: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`."""
    value = text(environment, name)
    if value not in allowed:
        raise InvalidSettings(f"{name} must be {' or '.join(allowed)}, not {value!r}")
    return value


def whole_number(environment: Environment, name: str, lowest: int, highest: int) -> int:
    """A whole number in [lowest, highest]."""
    value = text(environment, name)
    if not (value.isdecimal() and len(value) < 20 and lowest <= int(value) <= highest):
        raise InvalidSettings(f"{name} must be a whole number from {lowest} to {highest}")
    return int(value)


def fraction(environment: Environment, name: str) -> float:
    """A number in [0, 1]."""
    value = text(environment, name)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise InvalidSettings(f"{name} must be a number from 0 to 1, not {value!r}")
    return number


def json_object(environment: Environment, name: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text(environment, name))
    except ValueError as error:
        raise InvalidSettings(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidSettings(f"{name} must be a JSON object")
    return value
