"""A load from its plan to its result; the drivers themselves are tested against a local cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.common.messages import image_id
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import redrive, workflow
from scripts.traffic import run as module
from scripts.traffic import services
from scripts.traffic.plan import ENDPOINT, WORKFLOW
from scripts.traffic.run import Load
from tests.bad_inputs import stripes
from tests.fuzz.seeds import encoded

OUTPUTS = {
    "state_machine_arn": "arn:aws:states:us-east-1:123456789012:stateMachine:scones-dev",
    "uploads_bucket": "uploads",
    "decisions_table": "decisions",
    "failure_queue_url": "queue",
}
LABELLED = {"bicycle": [encoded(stripes(), "PNG")]}


def quiet(*_: Any) -> None:
    """Show nothing."""


def load(target: str = WORKFLOW, count: int = 3) -> Load:
    return Load(target, [0.0] * count, ["bicycle"] * count, seed=0, at_once=8)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the drivers were given. They send it all, in the opposite order, without sending."""
    given: dict[str, Any] = {}

    def lines(file: Path, _errors: object) -> Iterator[dict[str, Any]]:
        given.update(json.loads(file.read_text()))
        given["bodies"] = [Path(one["file"]).read_bytes() for one in given["photographs"]]
        for number in reversed(range(given.get("only", len(given["photographs"])))):
            yield {
                "number": number,
                "sent_s": 0.0,
                "late_s": 0.0,
                "took_s": 0.1,
                "version_id": f"v{number}",
                "error": None,
            }

    monkeypatch.setattr(module, "_lines", lines)
    monkeypatch.setattr(services, "parts", lambda *_: {})
    monkeypatch.setattr(services, "instances", lambda _: nullcontext([]))
    monkeypatch.setattr(workflow, "POLL_S", 0.0)
    return given


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """decided(numbers, failed): decided are these at the second look; endings of failed keys."""

    def setting(numbers: list[int], failed: list[str]) -> None:
        looks = []

        def decisions(_e: object, _table: str, wanted: Any) -> dict[str, Any]:
            looks.append(dict(wanted))
            if len(looks) < 2:
                return {}
            moment = datetime.now(UTC).isoformat()
            made = {
                "decision": "accepted",
                "label": "bicycle",
                "decided_at": moment,
                "delivered_at": moment,
            }
            return {
                image: made
                for image, one in wanted.items()
                if int(one.version_id.removeprefix("v")) in numbers
                and image == image_id("uploads", one.key, one.version_id)
            }

        def waiting(_e: object, _url: str) -> list[Any]:
            keys = [one.key for one in looks[-1].values()]
            return [SimpleNamespace(key=key) for key in keys if key.endswith(tuple(failed))]

        monkeypatch.setattr(workflow, "decisions", decisions)
        monkeypatch.setattr(redrive, "waiting", waiting)

    return setting


def test_every_upload_is_waited_for_by_the_version_that_it_made(
    dev: Environment, sent: dict[str, Any], decided: Callable[..., None]
) -> None:
    decided([0, 1, 2], [])
    result = module.run(dev, OUTPUTS, LABELLED, load(), quiet)
    assert result["decisions"] == {"accepted": 3}
    assert (result["lost"], result["accepted_right"], result["sent"]) == (0, 1.0, 3)
    keys = [one["key"] for one in sent["photographs"]]
    assert all(key.startswith("incoming/traffic/") for key in keys)
    assert len(set(keys)) == 3
    assert sent["name"] == "uploads"


def test_a_failure_that_is_kept_is_not_waited_for(
    dev: Environment, sent: dict[str, Any], decided: Callable[..., None]
) -> None:
    decided([0, 2], ["000001-bicycle.jpg"])
    result = module.run(dev, OUTPUTS, LABELLED, load(), quiet)
    assert (result["failed"], result["lost"]) == (1, 0)


def test_what_is_not_decided_in_time_is_lost(
    dev: Environment,
    sent: dict[str, Any],
    decided: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DECIDED_WITHIN_S", 0.2)
    decided([0, 2], [])
    assert module.run(dev, OUTPUTS, LABELLED, load(), quiet)["lost"] == 1


def test_the_endpoint_is_asked_by_its_name_and_nothing_is_waited_for(
    dev: Environment, sent: dict[str, Any]
) -> None:
    result = module.run(dev, OUTPUTS, LABELLED, load(ENDPOINT), quiet)
    assert sent["name"] == "scones-dev"
    assert (result["target"], result["sent"], result["lost"]) == (ENDPOINT, 3, 0)


def test_photographs_of_a_kind_differ(dev: Environment, sent: dict[str, Any]) -> None:
    module.run(dev, OUTPUTS, LABELLED, load(ENDPOINT, 5), quiet)
    assert len(set(sent["bodies"])) == 5


def test_drivers_that_stop_early_are_an_error(dev: Environment, sent: dict[str, Any]) -> None:
    sent["only"] = 2
    with pytest.raises(UserError, match="Only 2 of 3 were sent"):
        module.run(dev, OUTPUTS, LABELLED, load(ENDPOINT), quiet)


def test_nothing_is_sent_where_nothing_is_deployed(dev: Environment) -> None:
    with pytest.raises(UserError, match="No endpoint is deployed yet"):
        module.run(dev, {}, LABELLED, load(), quiet)
