"""A line of a function's log is small, and one line whatever is in it."""

import json
from types import SimpleNamespace

import pytest

from lambdas.common.logs import open_logger


@pytest.fixture
def logged(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """What a call writes that logs a key of a stranger's."""
    # Loggers of one service share where they write to.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    logger = open_logger()

    @logger.inject_lambda_context
    def handle(_event: object, _context: object) -> None:
        logger.info("accepted", key="a\u2028b\x1b[2J")

    context = SimpleNamespace(
        function_name="scones-dev-filter",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:scones-dev-filter",
        aws_request_id="4d8f3c6e",
    )
    handle({}, context)
    return capsys.readouterr().out


def test_what_the_groups_name_says_is_not_said_on_every_line(logged: str) -> None:
    assert "scones-dev-filter" not in logged
    assert json.loads(logged)["function_request_id"] == "4d8f3c6e"


def test_a_strangers_key_stays_on_one_line_and_moves_no_cursor(logged: str) -> None:
    assert logged.count("\n") == 1
    assert logged.isascii()
    assert "\x1b" not in logged
