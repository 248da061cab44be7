"""What the tests of tasks share: the command line, and an environment that asks nobody."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from invoke import Program

from scripts.environment import Environment


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
        try:
            Program(namespace=tasks.namespace).run(["invoke", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, dev: Environment) -> Environment:
    """Every task gets `dev`, provisioned, without asking AWS."""
    import tasks

    provisioned = SimpleNamespace(outputs={}, bucket=None)
    monkeypatch.setattr(tasks, "use", lambda _env: dev)
    monkeypatch.setattr(tasks.pipeline, "open_provisioned", lambda _environment: provisioned)
    return dev
