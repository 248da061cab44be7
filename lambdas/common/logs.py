"""The functions' logs: one line of JSON for each entry, in ASCII.

Keys are strangers' texts: characters that end a line or move a terminal's cursor stay escaped.
"""

import json
from functools import partial

from aws_lambda_powertools import Logger


def open_logger() -> Logger:
    """A logger with the settings of the function's environment."""
    return Logger(json_serializer=partial(json.dumps, ensure_ascii=True, default=str))
