"""What tests of several folders share: an AWS in memory that refuses what AWS would refuse."""

from __future__ import annotations

import functools
import gc
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import botocore.loaders
import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from PIL import Image
from xdist.scheduler import LoadScopeScheduling

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.localcloud.protocol import problems_with

REGION = "us-east-1"
# Folders whose fixtures take minutes: one process runs all their files. Other files go anywhere.
TOGETHER = (
    "tests/e2e/deployed/",
    "tests/integration/localcloud/alarms/",
    "tests/integration/security/",
)


class SharedSession(boto3.session.Session):
    """Makes each client once: that takes longer than what most tests ask of it."""

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str, *args: Any, config: Any = None, **options: Any) -> Any:
        settings = {name: os.environ[name] for name in _aws_names()}
        wanted = repr((service_name, args, config and vars(config), options, settings))
        if wanted not in self._clients:
            self._clients[wanted] = super().client(service_name, *args, config=config, **options)
        return self._clients[wanted]


# Every session, and the SageMaker SDK beside them, would read the models of the services and their
# endpoints again, for a tenth of a second.
_create_loader = functools.cache(botocore.loaders.create_loader)
botocore.loaders.create_loader = botocore.session.create_loader = _create_loader
# Threads that change moto's lists at the same time would undo each other's changes.
_MOTO = threading.RLock()


@functools.cache
def _session() -> SharedSession:
    return SharedSession()


class ByWhatIsShared(LoadScopeScheduling):
    """Hands out files, and the folders `TOGETHER`, whole.

    xdist's own groups do nothing under pytest 9.2: they rename `Item._nodeid`, which is gone.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
        return folder or nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatIsShared:
    """Called by xdist, once."""
    # In the order of the folders: what takes longest comes first, so that no process waits alone.
    config.option.loadscopereorder = False
    return ByWhatIsShared(config, log)


def pytest_collection_finish() -> None:
    """Called by pytest: what has been imported by now stays, and need not be looked at again."""
    gc.freeze()


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing of the machine's AWS settings, and nothing that asks the network; returns HOME."""
    for name in _aws_names():
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    return home


def _aws_names() -> list[str]:
    return [name for name in os.environ if name.startswith(("AWS_", "TF_AWS_"))]


@dataclass
class Aws:
    """AWS in memory. Each request is checked against botocore's model, patterns and limits too.

    `answers` stand in for moto by operation: a response, a function of the request, an error to
    raise, or a list of these, used up one by one (the last one stays).
    """

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation, in their order."""
        return [request for name, request in self.calls if name == operation]

    def answer(self, operation: str, request: dict[str, Any]) -> Any:
        answer = self.answers[operation]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(request) if callable(answer) else answer


@pytest.fixture
def aws(no_account: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty account, in which every request is checked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr("scripts.environment.POLL_S", 0.0)  # nothing takes its time here
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())
    state = Aws()
    really_call = botocore.client.BaseClient._make_api_call

    def checked_call(client: Any, operation: str, request: dict[str, Any]) -> Any:
        shape = client.meta.service_model.operation_model(operation).input_shape
        problems = list(problems_with(shape, _as_json(request))) if shape else []
        assert not problems, f"AWS would refuse {operation}: {problems}"
        state.calls.append((operation, request))
        if operation in state.answers:
            return state.answer(operation, request)
        with _MOTO:
            return really_call(client, operation, request)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", checked_call)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield state


def _as_json(value: Any) -> Any:
    """A request as AWS's JSON protocol would carry it, as far as its constraints go."""
    match value:
        case Mapping():
            return {key: _as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_json(item) for item in value]
        case bytes() | bytearray():
            return bytes(value).decode("latin-1")
        case str() | bool() | int() | float() | None:
            return value
    return str(value)  # times, and bodies that are files


@pytest.fixture
def aws_error() -> Callable[..., ClientError]:
    """aws_error(code, message): an error as a client raises it."""

    def make(code: str, message: str = "", status: int = 400) -> ClientError:
        answer: Any = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        return ClientError(answer, "AnyOperation")

    return make


@pytest.fixture
def dev() -> Environment:
    """An environment on AWS."""
    return Environment("dev", REGION, "scones", {})


@pytest.fixture
def bucket(aws: Aws, dev: Environment) -> Bucket:
    """The artefact bucket, empty."""
    s3 = dev.client("s3")
    s3.create_bucket(Bucket="scones-dev-artifacts")
    return Bucket("scones-dev-artifacts", s3)


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """picture(side_px=32): a PNG file."""

    def make(side_px: int = 32) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (side_px, side_px), "steelblue").save(out, "PNG")
        return out.getvalue()

    return make


@pytest.fixture
def evaluation_document() -> dict[str, Any]:
    """What evaluation leaves beside a model."""
    document: dict[str, Any] = json.loads(
        """{
          "model_name": "scones-dev-efficientnet-1", "labels": ["bicycle", "motorcycle"],
          "samples": 200, "accuracy": 0.965, "accuracy_interval": [0.93, 0.983],
          "confusion": [[97, 3], [4, 96]], "by_class": [], "target": 0.97, "threshold": 0.8125,
          "target_reached": true, "validation_coverage": 0.95, "validation_accepted_accuracy": 0.97,
          "coverage": 0.94, "accepted_accuracy": 0.98,
          "calibration_error": 0.02, "calibration_error_interval": [0.01, 0.04],
          "reliability": [{"low": 0.9, "high": 1.0, "samples": 200, "confidence": 0.97,
                           "accuracy": 0.965, "accuracy_interval": [0.93, 0.983]}]
        }"""
    )
    return document
