"""Stand-ins for the emulated services: they note what they are asked, and can be away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError


@dataclass
class Service:
    """Any client: each call is noted, and fails while the service is away."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            ResourceAlreadyExistsException=type("AlreadyExists", (Exception,), {}),
            ResourceNotFoundException=type("NotFound", (Exception,), {}),
        )
    )
    failures: list[Exception] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> dict[str, Any]:
            if self.is_away:
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
            if self.failures:
                raise self.failures.pop(0)
            self.calls.append((operation, request))
            return {}

        return call

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation, in their order."""
        return [request for name, request in self.calls if name == operation]


@dataclass
class Services:
    """What the local SageMaker uses of the emulator."""

    s3: Service = field(default_factory=Service)
    logs: Service = field(default_factory=Service)
    cloudwatch: Service = field(default_factory=Service)
    region: str = "us-east-1"
    endpoint_url: str = "http://127.0.0.1:9"
    work_dir: Path = Path("/nowhere")


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """eventually(look): what `look` sees once it is true. Fails after 10 seconds."""

    def wait(look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 10
        while not (seen := look()):
            assert time.monotonic() < deadline, f"still {seen!r}"
            time.sleep(0.005)
        return seen

    return wait
