"""What serves: updates, going back, and retraining, as tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import pipeline, release, retrain, rollback
from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.retrain import DEPLOYED, ROLLED_BACK, Request, Retraining
from scripts.serving import deployment
from scripts.serving.endpoint import Fleet
from scripts.serving.registry import APPROVED, REJECTED, Version
from scripts.serving.rollout import BAKE_S, Rollout

if TYPE_CHECKING:
    from tests.unit.conftest import Registry


@pytest.fixture
def provisioned(
    monkeypatch: pytest.MonkeyPatch, opened: Environment, bucket: Bucket
) -> SimpleNamespace:
    """What every task finds: `dev`, with a bucket."""
    found = SimpleNamespace(outputs={}, bucket=bucket)
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: found)
    return found


# Updates


@pytest.fixture
def updates(
    monkeypatch: pytest.MonkeyPatch,
    provisioned: SimpleNamespace,
    registry: Registry,
    make_version: Callable[..., Version],
) -> list[dict[str, Any]]:
    """What was to be put into service, of two approved versions and a rejected one."""
    asked: list[dict[str, Any]] = []
    for number, status in ((1, APPROVED), (2, APPROVED), (3, REJECTED)):
        registry.hold(make_version(number, status=status))

    def deploy_endpoint(
        _environment: object,
        _provisioned: object,
        _screen: object,
        version: Version,
        rollout: Rollout,
        **options: Any,
    ) -> None:
        asked.append({"version": version.number, "rollout": rollout, **options})

    monkeypatch.setattr(release, "deploy_endpoint", deploy_endpoint)
    return asked


def test_the_newest_approved_version_is_put_into_service_as_a_canary(
    invoke: Callable[..., tuple[int, str, str]], updates: list[dict[str, Any]]
) -> None:
    assert invoke("endpoint")[0] == 0
    assert updates == [
        {
            "version": 2,
            "rollout": Rollout("canary", BAKE_S),
            "fleet": Fleet(None, None, None),
            "override": None,
        }
    ]


def test_version_strategy_bake_and_fleet_can_be_chosen(
    invoke: Callable[..., tuple[int, str, str]], updates: list[dict[str, Any]]
) -> None:
    code, _, _ = invoke(
        *("endpoint", "--version", "1", "--strategy", "all-at-once", "--bake", "0"),
        *("--instances", "4", "--instance-type", "ml.c6i.xlarge", "--capture", "25"),
    )
    assert code == 0
    assert updates == [
        {
            "version": 1,
            "rollout": Rollout("all-at-once", 0),
            "fleet": Fleet("ml.c6i.xlarge", 4, 25),
            "override": None,
        }
    ]


def test_a_version_that_is_not_approved_comes_with_the_reason_for_it(
    invoke: Callable[..., tuple[int, str, str]], updates: list[dict[str, Any]]
) -> None:
    assert invoke("endpoint", "--version", "3", "--override", "The fair is today.")[0] == 0
    assert (updates[0]["version"], updates[0]["override"]) == (3, "The fair is today.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--capture=-1"], "0 to 100"),
        (["--capture=101"], "0 to 100"),
        (["--capture", "half"], "'half' is no percentage"),
        (["--instances=-1"], "-1"),
        (["--strategy", "sudden"], "There is no strategy 'sudden'"),
        (["--bake", "3601"], "0 to 3600"),
        (["--bake=-5"], "'-5' is no number of seconds"),
        (["--bake", "long"], "'long' is no number of seconds"),
    ],
)
def test_what_an_endpoint_cannot_be_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    updates: list[dict[str, Any]],
    words: list[str],
    message: str,
) -> None:
    code, out, err = invoke("endpoint", *words)
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert updates == []


def test_nothing_is_put_into_service_while_somebody_else_changes_what_serves(
    invoke: Callable[..., tuple[int, str, str]], updates: list[dict[str, Any]], bucket: Bucket
) -> None:
    with deployment.change(bucket, "retraining"):
        code, out, err = invoke("endpoint")
    assert (code, out) == (1, "")
    assert err.startswith("Error: A retraining is under way")
    assert updates == []


def test_nobody_else_changes_what_serves_during_an_update(
    invoke: Callable[..., tuple[int, str, str]],
    updates: list[dict[str, Any]],
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second: list[tuple[int, str, str]] = []
    # Another run, as what puts into service begins.
    monkeypatch.setattr(
        release, "deploy_endpoint", lambda *_args, **_options: second.append(invoke("endpoint"))
    )
    assert invoke("endpoint")[0] == 0
    assert second[0][2].startswith("Error: Another rollout is under way")
    assert bucket.keys("") == []


# Back


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, opened: Environment) -> list[str]:
    """What rollbacks were asked for."""
    done: list[str] = []
    monkeypatch.setattr(rollback, "rollback", lambda *args: done.append(args[3]))
    return done


def test_going_back_takes_the_reason(
    invoke: Callable[..., tuple[int, str, str]], steps: list[str]
) -> None:
    assert invoke("rollback", "--reason", "Too many errors.")[0] == 0
    assert steps == ["Too many errors."]


def test_going_back_needs_a_reason(
    invoke: Callable[..., tuple[int, str, str]], steps: list[str]
) -> None:
    code, _, err = invoke("rollback")
    assert code == 1
    assert "reason" in err
    assert steps == []


def test_with_nowhere_to_go_back_to_one_line_says_so(
    invoke: Callable[..., tuple[int, str, str]],
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: Any) -> None:
        raise UserError("Nothing approved was deployed before version 1.")

    monkeypatch.setattr(rollback, "rollback", refuse)
    code, _, err = invoke("rollback", "--reason", "Too many errors.")
    assert (code, err) == (1, "Error: Nothing approved was deployed before version 1.\n")


# Retraining

ENDED = Retraining(
    started_at="2026-11-23T10:00:00+00:00",
    request=Request(),
    version=2,
    challenger={"version": 2},
    outcome=DEPLOYED,
    reason="The gate approved it and it has baked.",
)


@pytest.fixture
def retrainings(monkeypatch: pytest.MonkeyPatch, opened: Environment) -> list[Any]:
    """What retrainings were asked for; each ends with its challenger deployed."""
    asked: list[Any] = []

    def start(
        environment: Environment,
        _screen: object,
        request: Request,
        rule: Rule,
        rollout: Callable[[Any], Rollout],
        restart: bool = False,
    ) -> Retraining:
        asked.append((request, rule, rollout(pipeline.open_provisioned(environment)), restart))
        return ENDED

    monkeypatch.setattr(retrain, "retrain", start)
    return asked


def test_a_retraining_by_default_adds_nothing_and_is_a_canary(
    invoke: Callable[..., tuple[int, str, str]], retrainings: list[Any]
) -> None:
    assert invoke("retrain")[0] == 0
    assert retrainings == [(Request(), Rule(), Rollout("canary", BAKE_S), False)]


def test_a_retraining_takes_everything_that_its_steps_take(
    invoke: Callable[..., tuple[int, str, str]], retrainings: list[Any]
) -> None:
    code, _, _ = invoke(
        *("retrain", "--add", "new-pictures", "--algorithm", "builtin", "--set", "epochs=3"),
        *("--instance-type", "ml.g5.xlarge", "--gate", "margin=0.01", "--strategy", "linear"),
        *("--bake", "60", "--restart"),
    )
    assert code == 0
    request = Request("new-pictures", "builtin", "ml.g5.xlarge", {"epochs": "3"})
    assert retrainings == [(request, Rule(margin=0.01), Rollout("linear", 60), True)]


def test_a_retraining_ends_with_champion_against_challenger(
    invoke: Callable[..., tuple[int, str, str]], retrainings: list[Any]
) -> None:
    out = invoke("retrain")[1]
    lines = [line.split() for line in out.splitlines()]
    assert ["Champion", "Challenger"] in lines
    assert ["Version", "-", "2"] in lines
    assert ["Outcome", "deployed"] in lines


@pytest.mark.parametrize("outcome", [retrain.REJECTED, ROLLED_BACK])
def test_a_challenger_that_does_not_take_over_is_shown_and_is_a_failure(
    invoke: Callable[..., tuple[int, str, str]],
    retrainings: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    outcome: str,
) -> None:
    ended = replace(ENDED, outcome=outcome, reason="It is worse.")
    monkeypatch.setattr(retrain, "retrain", lambda *_args, **_options: ended)
    code, out, err = invoke("retrain")
    assert code == 1
    assert f"The live model stays: {outcome}. It is worse." in err
    assert len(err.splitlines()) == 1
    assert "Challenger" in out


def test_a_retraining_that_stops_says_why_in_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    retrainings: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_args: Any, **_options: Any) -> None:
        raise UserError("Version 2 waits for a person.")

    monkeypatch.setattr(retrain, "retrain", stop)
    code, out, err = invoke("retrain")
    assert (code, out, err) == (1, "", "Error: Version 2 waits for a person.\n")


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(
    invoke: Callable[..., tuple[int, str, str]],
    retrainings: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def describe(
        _environment: object,
        request: Request,
        rule: Rule,
        rollout: Callable[[Any], Rollout],
        restart: bool,
    ) -> list[str]:
        asked.append((request, rule, rollout(SimpleNamespace(outputs={})), restart))
        return ["stage: nothing added", "train: efficientnet"]

    monkeypatch.setattr(retrain, "describe", describe)
    code, out, _ = invoke("retrain", "--dry-run", "--add", "new", "--restart", "--gate", "recall=1")
    assert code == 0
    assert out.splitlines() == ["  stage: nothing added", "  train: efficientnet"]
    assert asked == [(Request(add="new"), Rule(recall=1.0), Rollout("canary", BAKE_S), True)]
    assert retrainings == []
