"""The demo as a whole: what comes after what, its summary, and what counts as a problem."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import deploy, pipeline
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.demo import retraining, story, uploads
from scripts.demo.retraining import Outcome
from scripts.demo.story import versions
from scripts.demo.uploads import Run
from scripts.environment import Environment
from scripts.evaluation.gate import Rule
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.serving.rollout import Rollout

# What went wrong


def _summary(
    cleanup: int | None = 0, deployment: dict[str, Any] | None = None, **counts: int
) -> dict[str, Any]:
    fine = {"failed": 0, "missing": 0, "duplicates": 0, "rejected": uploads.NO_PICTURES}
    deployed = {"outcome": "deployed", "reason": "", "requests": 90, "failed_requests": 0}
    return {
        "workflow": {**fine, **counts},
        "deployment": {**deployed, **(deployment or {})},
        "cleanup": {"remaining": cleanup},
    }


@pytest.mark.parametrize("cleanup", [0, None])
def test_a_demo_in_which_all_went_well_has_no_problem(cleanup: int | None) -> None:
    assert story.problems(_summary(cleanup)) == ""


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (_summary(failed=1), "1 uploads failed"),
        (_summary(missing=2), "2 uploads missing"),
        (_summary(missing=-1), "-1 uploads missing"),
        (_summary(duplicates=1), "1 answers given twice"),
        (_summary(rejected=4), "4 uploads rejected instead of 3"),
        (_summary(rejected=0), "0 uploads rejected instead of 3"),
        (_summary(cleanup=5), "5 resources left behind"),
        (
            _summary(deployment={"outcome": "rejected", "reason": "It is worse."}),
            "the challenger is not deployed: It is worse.",
        ),
        (
            _summary(deployment={"outcome": "rolled back", "reason": "An alarm."}),
            "the challenger is not deployed: An alarm.",
        ),
        (
            _summary(deployment={"outcome": "stopped", "reason": "It waits for a person."}),
            "the challenger is not deployed: It waits for a person.",
        ),
        (_summary(deployment={"failed_requests": 2}), "2 requests failed meanwhile"),
        (
            _summary(deployment={"requests": 0}),
            "nobody used the workflow while the challenger was deployed",
        ),
    ],
)
def test_each_thing_that_went_wrong_is_said(summary: dict[str, Any], problem: str) -> None:
    assert story.problems(summary) == problem


def test_versions_name_what_the_figures_depend_on() -> None:
    found = versions()
    assert found["python"] == sys.version.split()[0]
    assert {"machine", "ministack", "sagemaker", "torch", "onnxruntime", "pillow"} <= set(found)
    assert all(found.values())


# The summary


class Parts:
    """Every part of the demo, replaced by a note of it and what it would return."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def replaced(self, name: str, value: Any) -> Callable[..., Any]:
        def part(*args: Any, **options: Any) -> Any:
            self.noted.append(name)
            self.given[name] = (args, options)
            return value

        return part


OUTCOME = Outcome(
    outcome="deployed",
    reason="The gate approved it and it has baked.",
    gate={"decision": "approve", "champion": {"version": 1}, "challenger": {"version": 2}},
    requests=90,
    failed_requests=0,
    rollout=Rollout("canary", 20, ("an-alarm", "another")),
    seconds={"train": 70.5, "endpoint": 61.0},
)


@pytest.fixture
def parts(
    monkeypatch: pytest.MonkeyPatch,
    bucket: Bucket,
    make_run: Callable[..., Run],
    make_deployment: Callable[..., Deployment],
) -> Parts:
    parts = Parts()
    counts = {"train": {"bicycle": 3, "motorcycle": 4}, "test": {"bicycle": 2}}
    provisioned = SimpleNamespace(bucket=bucket)
    first = SimpleNamespace(
        provisioned=provisioned,
        splits="splits",
        staged=SimpleNamespace(counts=counts),
        trained=SimpleNamespace(algorithm="efficientnet", seconds=133, job="the-job"),
        deployment=make_deployment(1),
    )
    challenger = {**make_deployment().evaluation, "accuracy": 0.975}
    deployment.save(bucket, make_deployment(2, evaluation=challenger))
    report = SimpleNamespace(captured_records=201)
    monkeypatch.setattr(deploy, "deploy", parts.replaced("deploy", first))
    monkeypatch.setattr(retraining, "run", parts.replaced("retrain", OUTCOME))
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: provisioned)
    monkeypatch.setattr(uploads, "classify_everything", parts.replaced("everything", make_run()))
    monkeypatch.setattr(uploads, "classify_one", parts.replaced("one", {"label": "bicycle"}))
    monkeypatch.setattr(uploads, "look_for_drift", parts.replaced("monitor", "No drift."))
    monkeypatch.setattr(uploads, "report", parts.replaced("report", report))
    monkeypatch.setattr(pipeline, "destroy", parts.replaced("destroy", ["queue left"]))
    return parts


def test_the_summary_has_every_figure_under_its_name(
    parts: Parts, dev: Environment, screen: Screen, tmp_path: Path, make_run: Callable[..., Run]
) -> None:
    screen.seconds["train"] = 133.5
    summary = story.run(dev, screen, None, keep=False, folder=tmp_path / "new")
    assert json.loads((tmp_path / "new" / "summary.json").read_text()) == summary
    assert summary["seconds"].pop("total") >= 0
    assert summary["seconds"] == {
        "train": 133.5,
        "retrain_train": 70.5,
        "retrain_endpoint": 61.0,
    }
    del summary["seconds"]
    assert summary.pop("versions") == versions()
    assert summary == {
        "dataset": {"train": 7, "test": 2, "classes": ["bicycle", "motorcycle"]},
        "training": {"algorithm": "efficientnet", "seconds": 133, "job": "the-job"},
        "evaluation": {
            "accuracy": 0.975,
            "accuracy_interval": [0.93, 0.983],
            "threshold": 0.8125,
            "coverage": 0.94,
            "accepted_accuracy": 0.98,
        },
        "gate": OUTCOME.gate,
        "deployment": {
            "outcome": "deployed",
            "reason": "The gate approved it and it has baked.",
            "version": 2,
            "strategy": "canary",
            "bake_s": 20,
            "alarms": ["an-alarm", "another"],
            "seconds": 61.0,
            "requests": 90,
            "failed_requests": 0,
        },
        "workflow": uploads.workflow_summary(make_run()),
        "classify": {"label": "bicycle"},
        "capture": {"records": 201},
        "drift": "No drift.",
        "cleanup": {"remaining": 1},
    }


def test_a_challenger_that_never_reached_the_endpoint_has_no_seconds_there(
    parts: Parts,
    dev: Environment,
    screen: Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = Outcome("stopped", "It waits.", {}, 0, 0, Rollout(), {"train": 70.5})
    monkeypatch.setattr(retraining, "run", lambda *_args: stopped)
    summary = story.run(dev, screen, None, keep=False, folder=tmp_path)
    assert summary["deployment"]["seconds"] is None
    assert summary["deployment"]["outcome"] == "stopped"


def test_the_challenger_takes_over_before_the_uploads_and_captures_are_read_before_the_end(
    parts: Parts, dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    story.run(dev, screen, None, keep=False, folder=tmp_path)
    before = ["deploy", "retrain", "everything", "one"]
    assert parts.noted == [*before, "monitor", "report", "destroy"]


def test_the_uploads_are_counted_against_what_is_deployed_then(
    parts: Parts, dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    story.run(dev, screen, None, keep=False, folder=tmp_path)
    for part in ("everything", "monitor", "report"):
        args, _ = parts.given[part]
        (deployed,) = (item for item in args if isinstance(item, Deployment))
        assert deployed.version == 2


def test_both_trainings_and_both_gates_get_what_was_asked_for(
    parts: Parts, dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    rule, values = Rule(accuracy=0.5), {"epochs": "2"}
    story.run(dev, screen, None, keep=True, hyperparameters=values, rule=rule, folder=tmp_path)
    _, options = parts.given["deploy"]
    assert (options["hyperparameters"], options["rule"]) == (values, rule)
    args, _ = parts.given["retrain"]
    assert args[3:] == (values, rule, tmp_path)


def test_the_champion_is_trained_without_what_the_challenger_will_add(
    parts: Parts,
    dev: Environment,
    screen: Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[Any] = []
    monkeypatch.setattr(pipeline, "read_dataset", lambda *args: (read.append(args), "all")[1])
    monkeypatch.setattr(retraining, "hold_back", lambda data, folder: ("half of", data, folder))
    story.run(dev, screen, Path("some/source"), keep=True, folder=tmp_path)
    args, _ = parts.given["deploy"]
    assert args[2]("a step", ["car", "bus"]) == ("half of", "all", tmp_path)
    assert read == [("a step", Path("some/source"), ["car", "bus"])]


def test_what_is_kept_is_not_removed_and_nothing_is_said_to_remain(
    parts: Parts, dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    summary = story.run(dev, screen, None, keep=True, folder=tmp_path)
    assert "destroy" not in parts.noted
    assert summary["cleanup"] == {"remaining": None}
