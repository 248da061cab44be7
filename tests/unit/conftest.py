"""What unit tests share: the command line, an environment that asks nobody, versions in memory."""

from __future__ import annotations

import copy
import io
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from invoke import Program

from scripts.environment import Environment

if TYPE_CHECKING:
    from scripts.console import Screen
    from scripts.serving.deployment import Deployment
    from scripts.serving.registry import Version


# A busy machine is no finding; how long things take is measured elsewhere.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


@pytest.fixture
def signals() -> Iterator[None]:
    """What a task does about signals ends with its test."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def invoke(
    capsys: pytest.CaptureFixture[str], signals: None
) -> Callable[..., tuple[int, str, str]]:
    """invoke("plan", "--env", "dev"): exit code, output and errors, as on the command line."""

    import tasks

    def run(*words: str) -> tuple[int, str, str]:
        code = 0
        try:  # a copy: reading a command line takes the explanations out of a task
            Program(namespace=copy.deepcopy(tasks.namespace)).run(["invoke", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, dev: Environment) -> Environment:
    """Every task gets `dev`, provisioned, without asking AWS."""
    from scripts import pipeline
    from scripts.commands import infrastructure, local, model, operation, serving, traffic

    provisioned = SimpleNamespace(outputs={}, bucket=None)
    for module in (infrastructure, local, model, operation, serving, traffic):
        monkeypatch.setattr(module, "use", lambda _env: dev)
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: provisioned)
    return dev


@pytest.fixture
def screen() -> Screen:
    """A screen that only its test looks at, with `shown`."""
    from rich.console import Console

    from scripts.console import Screen

    return Screen(Console(file=io.StringIO(), width=200))


@pytest.fixture
def shown(screen: Screen) -> Callable[[], str]:
    """shown(): everything that is on `screen` so far."""

    def read() -> str:
        file = screen.console.file
        assert isinstance(file, io.StringIO)
        return file.getvalue()

    return read


@pytest.fixture
def make_deployment(evaluation_document: dict[str, Any]) -> Callable[..., Deployment]:
    """make_deployment(2, ...): a deployment of that version, made in that minute."""
    from scripts.serving.deployment import Deployment

    def make(number: int = 1, **changes: Any) -> Deployment:
        fields: dict[str, Any] = {
            "endpoint_name": "scones-dev",
            "model_name": f"scones-dev-efficientnet-{number}",
            "algorithm": "efficientnet",
            "labels": ("bicycle", "motorcycle"),
            "image_size_px": 128,
            "confidence_threshold": 0.8125,
            "dataset_id": "0123456789ab",
            "deployed_at": f"2026-11-23T10:{number:02d}:00+00:00",
            "evaluation": evaluation_document,
            "version": number,
        }
        return Deployment(**(fields | changes))

    return make


@pytest.fixture
def make_version() -> Callable[..., Version]:
    """make_version(2, status="Rejected", ...): a version as the registry gives it."""
    from scripts.serving.registry import PENDING, Version

    def make(number: int = 1, **changes: Any) -> Version:
        fields: dict[str, Any] = {
            "number": number,
            "arn": f"arn:aws:sagemaker:us-east-1:123456789012:model-package/scones-dev/{number}",
            "model_name": f"scones-dev-efficientnet-{number}",
            "algorithm": "efficientnet",
            "stand_in": False,
            "dataset_id": "0123456789ab",
            "created_at": datetime(2026, 11, 23, 10, number, tzinfo=UTC),
            "status": PENDING,
            "reason": "Because.",
            "accuracy": 0.965,
            "accuracy_interval": (0.93, 0.983),
            "samples": 200,
            "threshold": 0.8125,
            "coverage": 0.94,
        }
        return Version(**(fields | changes))

    return make


@dataclass
class Registry:
    """A model registry in memory: its versions by number."""

    held: dict[int, Version] = field(default_factory=dict)

    def hold(self, *versions: Version) -> None:
        self.held.update((version.number, version) for version in versions)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, make_version: Callable[..., Version]) -> Registry:
    """The registry of every environment, empty. Without AWS: see test_registry.py for that."""
    from scripts.serving import registry as module

    registry = Registry()

    def register(_environment: object, _bucket: object, model: Any, _evaluation: object) -> Version:
        if found := of_model(_environment, model.name):
            return found
        version = make_version(len(registry.held) + 1, model_name=model.name, reason="")
        registry.hold(version)
        return version

    def of_model(_environment: object, name: str) -> Version | None:
        return next((item for item in registry.held.values() if item.model_name == name), None)

    def decide(_environment: object, version: Version, status: str, reason: str) -> Version:
        registry.hold(replace(version, status=status, reason=reason))
        return registry.held[version.number]

    monkeypatch.setattr(module, "register", register)
    monkeypatch.setattr(module, "of_model", of_model)
    monkeypatch.setattr(module, "decide", decide)
    monkeypatch.setattr(module, "find", lambda _environment, which: registry.held[int(which)])
    monkeypatch.setattr(
        module,
        "versions",
        lambda _environment: sorted(registry.held.values(), key=lambda v: v.number, reverse=True),
    )
    return registry
