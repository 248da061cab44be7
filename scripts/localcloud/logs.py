"""Log streams in the local CloudWatch Logs."""

import contextlib
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.localcloud.aws import Aws
from scripts.localcloud.outbox import Outbox

INTERVAL_S = 0.5


class LogStream:
    """A log stream that is written line by line, and arrives twice a second."""

    def __init__(self, aws: Aws, group: str, stream: str) -> None:
        self._logs, self._group, self._stream = aws.logs, group, stream
        self._outbox = Outbox(
            f"Log stream {stream} of {group}", self._send, batch_size=1000, interval_s=INTERVAL_S
        )
        # A stream exists before its first line, or else comes into being with it.
        with contextlib.suppress(BotoCoreError, ClientError):
            self._create()

    def write(self, line: str) -> None:
        # CloudWatch refuses an empty message.
        self._outbox.add({"timestamp": int(time.time() * 1000), "message": line or " "})

    def close(self) -> None:
        self._outbox.close()

    def _send(self, events: list[dict[str, Any]]) -> None:
        where = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            self._logs.put_log_events(**where, logEvents=events)
        except self._logs.exceptions.ResourceNotFoundException:
            self._create()
            self._logs.put_log_events(**where, logEvents=events)

    def _create(self) -> None:
        exists = self._logs.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(exists):
            self._logs.create_log_group(logGroupName=self._group)
        with contextlib.suppress(exists):
            self._logs.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
