"""Somebody who uses the endpoint all the time, and notes every answer that fails."""

import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

THREADS = 4
RATE = 10.0  # requests a second, of all threads together


def aws(cloud: Path, service: str, **options: Any) -> Any:
    """A client of the local cloud in that folder."""
    endpoints = json.loads((cloud / "cloud.json").read_text())["endpoints"]
    name = f"AWS_ENDPOINT_URL_{service.replace('autos', 'auto-s').upper().replace('-', '_')}"
    return boto3.client(
        service,
        endpoint_url=endpoints.get(name, endpoints["AWS_ENDPOINT_URL"]),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


@dataclass
class Client:
    """Sends the pictures one after the other, RATE a second, for as long as it is entered."""

    cloud: Path
    pictures: Sequence[bytes]
    answered: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)  # when it was sent, and why

    def __enter__(self) -> "Client":
        self._runtime = aws(self.cloud, "sagemaker-runtime", max_pool_connections=THREADS)
        self._lock, self._enough = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(number,)) for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def failures_since(self, moment: float) -> list[str]:
        """Why requests failed that were sent after `moment`."""
        return [why for sent, why in self.failures if sent > moment]

    def _send(self, number: int) -> None:
        started = time.time() + number / RATE
        for turn in itertools.count():
            if self._enough.wait(max(0.0, started + turn * THREADS / RATE - time.time())):
                return
            picture = self.pictures[(turn * THREADS + number) % len(self.pictures)]
            sent = time.time()
            try:
                self._runtime.invoke_endpoint(
                    EndpointName="scones-local",
                    ContentType="application/x-image",
                    Accept="application/json",
                    Body=picture,
                )
            except (BotoCoreError, ClientError) as error:
                with self._lock:
                    self.failures.append((sent, str(error)))
            else:
                with self._lock:
                    self.answered += 1
