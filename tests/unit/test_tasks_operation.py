"""What is served, as tasks: answers, the report, failures, and removing an upload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import pipeline
from scripts.commands import operation
from scripts.environment import ROOT, Environment
from scripts.operation import forget, monitoring, queues, redrive, workflow
from scripts.operation.failures import Failure
from scripts.operation.forget import Forgotten
from scripts.operation.queues import Message
from scripts.report import ModelInfo, ReportData
from scripts.serving import deployment
from scripts.serving.deployment import Deployment

Invoke = Callable[..., tuple[int, str, str]]


def test_a_classified_photo_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = {"decision": "review", "label": "bicycle", "confidence": 0.6}
    given: list[Any] = []
    monkeypatch.setattr(workflow, "classify", lambda *args: (given.append(args[2]), answer)[1])
    assert invoke("classify", "driver.jpg")[:2] == (0, "bicycle with confidence 0.600: review\n")
    assert given == [Path("driver.jpg")]


def test_a_report_needs_a_deployment(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deployment, "load", lambda _bucket: None)
    code, _, err = invoke("report")
    assert code == 1
    assert "Run: invoke endpoint" in err


@pytest.fixture
def reported(
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    make_deployment: Callable[..., Deployment],
) -> list[timedelta]:
    """Every report is about 12 captured records. Returns the periods that were asked for."""
    periods: list[timedelta] = []
    now = datetime.now(UTC)
    data = ReportData(
        environment="dev",
        endpoint="scones-dev",
        model=ModelInfo(algorithm="efficientnet"),
        threshold=0.8,
        labels=("bicycle", "motorcycle"),
        period_start=now,
        period_end=now,
        generated_at=now,
        captured_records=12,
    )

    def gather(*args: Any) -> ReportData:
        periods.append(datetime.now(UTC) - args[4])
        return data

    monkeypatch.setattr(deployment, "load", lambda _bucket: make_deployment())
    monkeypatch.setattr(monitoring, "gather", gather)
    return periods


@pytest.mark.parametrize("out", [None, "some/page.html"])
def test_a_report_is_about_the_period_and_says_where_it_is(
    invoke: Invoke,
    reported: list[timedelta],
    monkeypatch: pytest.MonkeyPatch,
    out: str | None,
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(monitoring, "write", lambda _data, path: written.append(path))
    words = ["--out", out] if out else []
    code, shown, _ = invoke("report", "--env", "dev", "--since", "7d", *words)
    expected = Path(out) if out else ROOT / "build" / "dev" / "report.html"
    assert code == 0
    assert written == [expected]
    assert shown == f"12 captured records, no executions, no windows: {expected}\n"
    assert abs(reported[0] - timedelta(days=7)) < timedelta(minutes=1)


def test_a_watched_report_is_written_until_ctrl_c_and_each_time_about_the_latest_period(
    invoke: Invoke, reported: list[timedelta], monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshes: list[int | None] = []

    def rest(seconds: float) -> None:
        assert seconds == 5
        if len(refreshes) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(monitoring, "write", lambda data, _path: refreshes.append(data.refresh_s))
    monkeypatch.setattr(monitoring.time, "sleep", rest)
    code, shown, _ = invoke("report", "--since", "1h", "--watch", "--every", "5")
    assert code == 0
    assert refreshes == [5, 5, 5, None]
    assert shown.count("12 captured records") == 3
    assert all(abs(asked - timedelta(hours=1)) < timedelta(minutes=1) for asked in reported)


# Failures


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, opened: Environment) -> Callable[..., list[list[str]]]:
    """waiting(ended, name=error, ..., left={}): failures by message id, and those that wait then.

    Returns what was replayed.
    """

    def failed(errors: dict[str, str], kind: str | None) -> list[Failure]:
        return [
            Failure(
                Message(name, name, 0.0, {}),
                None if error == "Unreadable" else {"s3_key": name},
                f"incoming/{name}.png",
                error,
                "why",
            )
            for name, error in errors.items()
            if kind in (None, error)
        ]

    def wait(
        ended: dict[str, int], left: dict[str, str] | None = None, **errors: str
    ) -> list[list[str]]:
        replayed: list[list[str]] = []
        looks = [errors, left or {}]

        def look(_environment: object, _url: str, kind: str | None = None) -> list[Failure]:
            return failed(looks.pop(0), kind)

        def again(_environment: object, _outputs: object, ids: list[str], _progress: Any) -> Any:
            replayed.append(ids)
            return ended

        provisioned = SimpleNamespace(outputs={"failure_queue_url": "failures"}, bucket=None)
        monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: provisioned)
        monkeypatch.setattr(redrive, "waiting", look)
        monkeypatch.setattr(redrive, "redrive", again)
        return replayed

    return wait


def test_failures_are_shown_and_replayed_once_somebody_says_yes(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = waiting({"accepted": 2}, a="BadScores", b="Undelivered")
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    code, out, _ = invoke("redrive")
    assert code == 0
    assert replayed == [["a", "b"]]
    assert "incoming/a.png" in out
    assert "2 accepted" in out


@pytest.mark.parametrize("typed", ["", "y", "no"])
def test_nothing_is_replayed_unless_somebody_says_yes(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    replayed = waiting({}, a="BadScores")
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    code, _, err = invoke("redrive")
    assert (code, replayed) == (1, [])
    assert "Nothing was done" in err


def test_what_cannot_be_replayed_is_not_and_is_said(
    invoke: Invoke, waiting: Callable[..., Any]
) -> None:
    replayed = waiting({"accepted": 1}, a="BadScores", b="Unreadable")
    _, out, _ = invoke("redrive", "--yes")
    assert replayed == [["a"]]
    assert "1 of them cannot be replayed" in out


@pytest.mark.parametrize("outcome", redrive.STILL_WAITING)
def test_a_redrive_after_which_something_still_waits_is_a_failure(
    invoke: Invoke, waiting: Callable[..., Any], outcome: str
) -> None:
    waiting({"accepted": 1, outcome: 1}, a="BadScores", b="BadScores")
    code, _, err = invoke("redrive", "--yes")
    assert code == 1
    assert "1 of 2 are done" in err


def test_a_redrive_that_did_not_receive_all_is_a_failure_and_says_how_many_still_wait(
    invoke: Invoke, waiting: Callable[..., Any]
) -> None:
    waiting({"accepted": 1}, left={"b": "E", "d": "E"}, a="E", b="E", c="E")
    code, _, err = invoke("redrive", "--yes")
    assert code == 1
    assert "1 of 3 are done; 2 can be seen in the queue now." in err
    assert "`invoke redrive --env dev` shows them" in err


@pytest.mark.parametrize(("left", "expected"), [("BadScores", 1), ("AccessDenied", 0)])
def test_what_still_waits_is_a_failure_where_it_was_asked_for(
    invoke: Invoke, waiting: Callable[..., Any], left: str, expected: int
) -> None:
    waiting({"accepted": 1}, left={"b": left}, a="BadScores")
    code, out, _ = invoke("redrive", "--yes", "--error", "BadScores")
    assert code == expected
    assert ("1 others wait in the queue." in out) == (not expected)


def test_many_failures_are_all_replayed_and_only_the_oldest_are_shown(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: (questions.append(text), "yes")[1])
    monkeypatch.setattr(operation, "_FAILURES_SHOWN", 2)
    replayed = waiting({"accepted": 3}, a="E", b="E", c="E")
    code, out, _ = invoke("redrive")
    assert (code, replayed) == (0, [["a", "b", "c"]])
    assert "incoming/b.png" in out
    assert "incoming/c.png" not in out
    assert "These are the oldest; 1 more wait." in out
    assert questions[0].startswith("Replay 3 of 3?")


def test_an_empty_failure_queue_is_good_news(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = waiting({})
    monkeypatch.setattr(queues, "length", lambda *_args: 0)
    assert invoke("redrive")[:2] == (0, "Nothing waits in the failure queue.\n")
    assert replayed == []


def test_failures_that_somebody_holds_are_not_good_news(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting({})
    monkeypatch.setattr(queues, "length", lambda *_args: 3)
    assert "3 are held by somebody, or of other kinds" in invoke("redrive")[1]


def test_failures_that_can_never_succeed_are_deleted_on_request(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = waiting({}, a="Unreadable")
    deleted: list[Any] = []
    monkeypatch.setattr(redrive, "discard", lambda *args: (deleted.append(args[2]), 1)[1])
    code, out, _ = invoke("redrive", "--discard", "--yes")
    assert (code, deleted, replayed) == (0, [["a"]], [])
    assert "1 deleted." in out


def test_a_discard_after_which_something_still_waits_is_a_failure(
    invoke: Invoke, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting({}, left={"b": "Unreadable"}, a="Unreadable", b="Unreadable")
    monkeypatch.setattr(redrive, "discard", lambda *_args: 1)
    code, _, err = invoke("redrive", "--discard", "--yes")
    assert code == 1
    assert "1 of 2 are done; 1 can be seen in the queue now." in err


# Removing an upload


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch, opened: Environment) -> list[str]:
    """Keys that were forgotten."""
    keys: list[str] = []

    def forgets(*args: Any) -> Forgotten:
        keys.append(args[3])
        return Forgotten(versions=2, decisions=1, captures=3, messages=0)

    monkeypatch.setattr(forget, "forget", forgets)
    return keys


def test_forgetting_says_what_was_removed_and_what_is_out_of_reach(
    invoke: Invoke, forgotten: list[str]
) -> None:
    code, out, _ = invoke("forget", "incoming/a.png", "--yes")
    assert (code, forgotten) == (0, ["incoming/a.png"])
    assert "2 versions, 1 decisions, 3 captured inferences, 0 messages" in out
    assert all(trace in out for trace in forget.OUT_OF_REACH)


def test_nothing_is_forgotten_where_nobody_can_say_yes(
    invoke: Invoke, forgotten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    code, _, err = invoke("forget", "incoming/a.png")
    assert (code, forgotten) == (1, [])
    assert "--yes" in err
