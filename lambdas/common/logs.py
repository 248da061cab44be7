"""The functions' logs: one line of JSON for each entry, in ASCII.

Keys are strangers' texts: characters that end a line or move a terminal's cursor stay escaped.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

# Powertools adds them to each entry. The group's name says which function it is, and every byte
# that is logged is paid for.
_SAID_ELSEWHERE = {"function_name", "function_arn", "function_memory_size"}


def open_logger() -> Logger:
    """A logger with the settings of the function's environment."""
    return Logger(json_serializer=_as_line)


def _as_line(entry: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in entry.items() if name not in _SAID_ELSEWHERE}
    return json.dumps(kept, ensure_ascii=True, default=str, separators=(",", ":"))
