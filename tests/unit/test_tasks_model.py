"""From pictures to a version that was decided: what the tasks pass on, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import pipeline, release
from scripts.environment import Environment
from scripts.evaluation.gate import Check, Rule, Verdict
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version

if TYPE_CHECKING:
    from tests.unit.conftest import Registry


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (None, 0)),
        (["--source", "some/folder", "--seed", "7"], (Path("some/folder"), 7)),
    ],
)
def test_staging_takes_source_and_seed(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: tuple[Any, ...],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(pipeline, "stage_data", lambda *args: given.append(args[2:]))
    assert invoke("stage", *words)[0] == 0
    assert given == [expected]


@pytest.mark.parametrize(
    ("words", "values", "options"),
    [
        ([], {}, {"algorithm": "efficientnet", "instance_type": None}),
        (
            ["--algorithm", "builtin", "--instance-type", "ml.g5.xlarge", "--set", "epochs=3"],
            {"epochs": "3"},
            {"algorithm": "builtin", "instance_type": "ml.g5.xlarge"},
        ),
        (
            ["--set", "epochs=3", "--set", "seed=7", "--set", "epochs=4"],
            {"epochs": "4", "seed": "7"},
            {"algorithm": "efficientnet", "instance_type": None},
        ),
    ],
)
def test_training_takes_an_algorithm_its_settings_and_an_instance(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    values: dict[str, str],
    options: dict[str, Any],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(
        pipeline, "train_model", lambda *args, **options: given.append((args[3], options))
    )
    assert invoke("train", *words)[0] == 0
    assert given == [(values, options)]


# Evaluating, and the gate


@pytest.fixture
def evaluated(
    monkeypatch: pytest.MonkeyPatch, opened: Environment, make_version: Callable[..., Version]
) -> list[Any]:
    """What evaluations and gates were asked for; the model is rejected for its accuracy."""
    asked: list[Any] = []
    evaluation = SimpleNamespace(
        labels=("bicycle",),
        by_class=[SimpleNamespace(label="bicycle", samples=100, precision=0.96, recall=0.97)],
        confusion=[[97]],
    )

    def gate_model(*args: Any) -> tuple[Version, Verdict]:
        asked.append(args[3:])
        check = Check("accuracy", "at least 0.99", "0.970", passed=False, clearly_missed=True)
        verdict = Verdict("reject", "new", None, args[5], ("It is bad.",), (check,), None, ())
        return make_version(1, status=REJECTED), verdict

    monkeypatch.setattr(
        pipeline,
        "evaluate_model",
        lambda *args: (asked.append(args[3:]), ("a model", evaluation))[1],
    )
    monkeypatch.setattr(release, "gate_model", gate_model)
    return asked


def test_an_evaluation_ends_with_the_gates_decision(
    invoke: Callable[..., tuple[int, str, str]], evaluated: list[Any]
) -> None:
    code, out, _ = invoke("evaluate")
    assert code == 0
    (job, target), (model, _evaluation, rule) = evaluated
    assert (job, target, model, rule) == (None, 0.97, "a model", Rule())
    lines = [line.split() for line in out.splitlines()]
    assert ["bicycle", "100", "0.960", "0.970", "97"] in lines
    assert ["accuracy", "at", "least", "0.99", "0.970", "no"] in lines


def test_an_evaluation_takes_a_job_a_target_and_limits_of_the_gate(
    invoke: Callable[..., tuple[int, str, str]], evaluated: list[Any]
) -> None:
    words = ["--job", "some-job", "--target", "0.99", "--gate", "accuracy=0.99"]
    assert invoke("evaluate", *words, "--gate", "margin=0.01")[0] == 0
    assert evaluated[0] == ("some-job", 0.99)
    assert evaluated[1][2] == Rule(accuracy=0.99, margin=0.01)


@pytest.mark.parametrize("target", ["97", "0", "-0.5", "1.01", "nan"])
def test_a_target_that_is_no_share_is_refused(
    invoke: Callable[..., tuple[int, str, str]], evaluated: list[Any], target: str
) -> None:
    code, _, err = invoke("evaluate", f"--target={target}")
    assert code == 1
    assert "between 0 and 1" in err
    assert evaluated == []


@pytest.mark.parametrize("task", ["evaluate", "deploy", "demo", "retrain"])
@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("beauty=1", "The gate has no setting 'beauty'. Write name=value"),
        ("accuracy=97", "accuracy must be a number from 0 to 1, not '97'"),
    ],
)
def test_a_limit_that_the_gate_does_not_have_is_refused_before_anything_is_done(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    task: str,
    limit: str,
    message: str,
) -> None:
    code, out, err = invoke(task, "--gate", limit)
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1


# Versions


def test_models_are_listed_newest_first_with_the_one_that_is_live(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    make_version: Callable[..., Version],
    make_deployment: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.hold(make_version(1, status=APPROVED), make_version(2, status=PENDING))
    monkeypatch.setattr(deployment, "load", lambda _bucket: make_deployment(1))
    code, out, _ = invoke("models")
    assert code == 0
    newest, oldest = (line.split() for line in out.splitlines()[1:])
    assert (newest[0], oldest[0]) == ("2", "1")
    assert oldest[-1] == "live"
    assert "live" not in newest


def test_before_the_first_deployment_no_model_is_live(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    make_version: Callable[..., Version],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.hold(make_version(1, status=APPROVED))
    monkeypatch.setattr(deployment, "load", lambda _bucket: None)
    code, out, _ = invoke("models")
    assert code == 0
    assert "live" not in out


def test_without_a_model_the_list_says_how_to_make_one(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deployment, "load", lambda _bucket: None)
    code, out, _ = invoke("models")
    assert code == 0
    assert "invoke train, then invoke evaluate" in out


@pytest.mark.parametrize(("task", "status"), [("approve", APPROVED), ("reject", REJECTED)])
def test_a_person_decides_about_a_version_and_says_why(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    make_version: Callable[..., Version],
    task: str,
    status: str,
) -> None:
    registry.hold(make_version(2))
    code, out, _ = invoke(task, "2", "--reason", "I looked at it.")
    assert code == 0
    assert out.lower() == f"version 2 is {status.lower()}.\n"
    assert registry.held[2].status == status
    assert "I looked at it." in registry.held[2].reason


@pytest.mark.parametrize("task", ["approve", "reject"])
def test_what_is_decided_already_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    make_version: Callable[..., Version],
    task: str,
) -> None:
    registry.hold(make_version(2, status=REJECTED))
    code, out, err = invoke(task, "2", "--reason", "I looked at it.")
    assert (code, out) == (1, "")
    assert err.startswith("Error: Version 2 is rejected already.")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("task", ["approve", "reject"])
@pytest.mark.parametrize(("words", "missing"), [([], "version"), (["2"], "reason")])
def test_a_decision_needs_a_version_and_a_reason(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    registry: Registry,
    make_version: Callable[..., Version],
    task: str,
    words: list[str],
    missing: str,
) -> None:
    registry.hold(make_version(2))
    code, out, err = invoke(task, *words)
    assert (code, out) == (1, "")
    assert missing in err
    assert len(err.splitlines()) == 1
    assert registry.held[2].status == PENDING
