"""A person's mistake is one line that says what to do; a stop is a stop."""

from __future__ import annotations

import errno
import inspect
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from invoke import Exit

from scripts import commands
from scripts.errors import UserError

pytestmark = pytest.mark.usefixtures("signals")


# How a task ends


def _ended(function: Callable[[], Any]) -> Exit:
    """How a friendly task ends."""
    with pytest.raises(Exit) as caught:
        commands.friendly(function)()
    return caught.value


def _raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_mistake_ends_in_one_line_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    end = _ended(_raiser(UserError("Name an environment.")))
    assert (end.message, end.code) == ("Error: Name an environment.", 1)
    assert capsys.readouterr().err == ""


def test_the_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCONES_DEBUG", "1")
    end = _ended(_raiser(UserError("Name an environment.")))
    assert end.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_what_aws_refuses_ends_in_one_line(aws_error: Callable[..., ClientError]) -> None:
    end = _ended(_raiser(aws_error("ExpiredToken", "The token has\nexpired")))
    assert end.code == 1
    assert "expired" in end.message
    assert "\n" not in end.message


def test_an_aws_that_cannot_be_reached_ends_in_one_line() -> None:
    end = _ended(_raiser(EndpointConnectionError(endpoint_url="http://127.0.0.1:9")))
    assert end.code == 1
    assert "http://127.0.0.1:9" in end.message


def test_a_full_disk_ends_in_one_line() -> None:
    end = _ended(_raiser(OSError(errno.ENOSPC, "No space left on device", "/some/file")))
    assert end.code == 1
    assert "No space left on device" in end.message
    assert "\n" not in end.message


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        commands.friendly(_raiser(ZeroDivisionError()))()
    with pytest.raises(FileNotFoundError):
        commands.friendly(_raiser(FileNotFoundError()))()


def test_ctrl_c_says_how_to_go_on_and_ends_in_code_130() -> None:
    end = _ended(_raiser(KeyboardInterrupt()))
    assert end.code == 130
    assert "again" in end.message


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_and_a_closed_terminal_stop_a_task_as_ctrl_c_does(
    signum: signal.Signals,
) -> None:
    def work() -> None:
        assert signal.getsignal(signum) != signal.SIG_DFL, "It would end the whole run."
        signal.raise_signal(signum)
        time.sleep(5)

    signal.signal(signum, signal.SIG_DFL)
    assert _ended(work).code == 130


def test_a_job_that_is_to_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    assert commands.friendly(lambda: signal.raise_signal(signal.SIGHUP) or "done")() == "done"


def test_a_friendly_function_returns_what_it_returns_and_keeps_its_name() -> None:
    def add(first: int, second: int = 2) -> int:
        """Add."""
        return first + second

    friendly = commands.friendly(add)
    assert friendly(1, second=4) == 5
    assert (friendly.__name__, friendly.__doc__) == ("add", "Add.")
    assert inspect.signature(friendly) == inspect.signature(add)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "--env", ""], "Name an environment"),
        (["plan", "--env", "nowhere"], "terraform/environments/nowhere.tfvars is missing"),
        (["deploy", "--env", "../dev"], "There is no environment"),
        (["package", "--target", "gcp"], "There is no target 'gcp': use aws or local"),
        (["report", "--since", "soon"], "'soon' is no period"),
        (["report", "--watch", "--every", "0"], "--every 0 would never rest"),
        (["report", "--watch", "--every", "often"], "'often' is no number of seconds"),
        (["apply", "--env", "dev"], "needs AWS credentials"),
    ],
)
def test_on_the_command_line_a_mistake_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    no_account: Path,
    words: list[str],
    message: str,
) -> None:
    code, out, err = invoke(*words)
    assert code == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_an_endpoint_override_with_real_aws_is_refused_on_the_command_line(
    invoke: Callable[..., tuple[int, str, str]],
    no_account: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566")
    code, _, err = invoke("deploy", "--env", "dev")
    assert code == 1
    assert "unset AWS_ENDPOINT_URL_S3" in err


# Small parsers


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("epochs=3", ("epochs", "3")),
        ("note=a=b", ("note", "a=b")),
        ("empty=", ("empty", "")),
    ],
)
def test_a_setting_is_a_name_and_a_value(text: str, setting: tuple[str, str]) -> None:
    assert commands.setting(text) == setting


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_what_is_no_setting_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UserError, match="Write it as name=value"):
        commands.setting(text)
