"""A retraining's data, and its plan: what is added, and what would be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from scripts import pipeline, retrain
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen
from scripts.dataset import read_staged
from scripts.dataset.model import Splits
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.pipeline import Provisioned
from scripts.retrain import Request, Retraining
from scripts.serving import deployment, endpoint
from scripts.serving.deployment import Deployment
from scripts.serving.rollout import Rollout

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def provisioned(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Provisioned:
    """A provisioned environment without an endpoint."""
    found = Provisioned({"labels": ["bicycle", "motorcycle"]}, bucket)
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: found)
    monkeypatch.setattr(endpoint, "instances", lambda _environment: 0)
    return found


@pytest.fixture
def staged(
    provisioned: Provisioned, screen: Screen, tmp_path: Path, picture: Callable[..., bytes]
) -> Splits:
    """A data set in S3: ten pictures of each class to learn from, two for the test."""
    side_px = 8
    for part, count in (("train", 10), ("test", 2)):
        for name in CLASSES:
            folder = tmp_path / "source" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                side_px += 1
                (folder / f"{number}.png").write_bytes(picture(side_px))
    splits, _ = pipeline.stage_data(provisioned, screen, tmp_path / "source")
    return splits


@pytest.fixture
def new_pictures(tmp_path: Path, staged: Splits, picture: Callable[..., bytes]) -> Path:
    """Twenty new bicycles, one picture of train and one of test."""
    folder = tmp_path / "new" / "bicycle"
    folder.mkdir(parents=True)
    for side_px in range(100, 120):
        (folder / f"{side_px}.png").write_bytes(picture(side_px))
    for name, part in (("known.png", staged.train), ("tested.png", staged.test)):
        (folder / name).write_bytes(next(item.data for item in part if item.label == 0))
    return tmp_path / "new"


def _contents(splits: Splits, part: str) -> set[str]:
    return {sample.content for sample in splits.parts()[part]}


# Staging


def test_new_pictures_are_added_to_what_is_learnt_from_and_test_stays_what_it_is(
    provisioned: Provisioned,
    screen: Screen,
    shown: Callable[[], str],
    staged: Splits,
    new_pictures: Path,
) -> None:
    bucket = provisioned.bucket
    dataset_id = retrain._stage(provisioned, screen, Request(add=str(new_pictures)))
    _, splits = read_staged(bucket.s3, bucket.name, dataset_id)
    assert _contents(splits, "test") == _contents(staged, "test")
    assert len(splits.train) + len(splits.validation) == 40
    for part in ("train", "validation"):
        assert _contents(staged, part) < _contents(splits, part)
    assert "20 pictures added" in shown()
    assert "1 known already" in shown()
    assert "1 left out, as test has the same" in shown()


def test_what_is_trained_on_otherwise_stays_what_it_is(
    provisioned: Provisioned, screen: Screen, staged: Splits, new_pictures: Path
) -> None:
    before = provisioned.bucket.read_json(CURRENT_DATASET)
    retrain._stage(provisioned, screen, Request(add=str(new_pictures)))
    assert provisioned.bucket.read_json(CURRENT_DATASET) == before


def test_without_new_pictures_the_data_set_is_the_one_that_is_staged(
    provisioned: Provisioned,
    screen: Screen,
    shown: Callable[[], str],
    staged: Splits,
    aws: Any,
) -> None:
    bucket = provisioned.bucket
    before, writes = bucket.read_json(CURRENT_DATASET), len(aws.made("PutObject"))
    assert before
    assert retrain._stage(provisioned, screen, Request()) == before["dataset_id"]
    assert len(aws.made("PutObject")) == writes
    assert "nothing added; " in shown()


def test_a_folder_that_is_not_there_is_named_before_anything_is_written(
    provisioned: Provisioned, screen: Screen, staged: Splits, aws: Any
) -> None:
    writes = len(aws.made("PutObject"))
    with pytest.raises(UserError, match="no-such-folder"):
        retrain._stage(provisioned, screen, Request(add="no-such-folder"))
    assert len(aws.made("PutObject")) == writes


def test_retraining_needs_a_staged_data_set(
    provisioned: Provisioned, dev: Environment, screen: Screen
) -> None:
    match = r"No data set is staged\. Run: invoke stage"
    with pytest.raises(UserError, match=match):
        retrain._stage(provisioned, screen, Request())
    with pytest.raises(UserError, match=match):
        _plan(dev)


# The plan


def _plan(
    environment: Environment,
    request: Request | None = None,
    rollout: Rollout | None = None,
    restart: bool = False,
) -> str:
    lines = retrain.describe(
        environment, request or Request(), Rule(), lambda _: rollout or Rollout(), restart
    )
    return "\n".join(lines)


def test_a_plan_says_what_each_step_would_do_and_does_nothing(
    staged: Splits, dev: Environment, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "instances", lambda _environment: 2)
    before = len(aws.made("PutObject")) + len(aws.made("DeleteObject"))
    lines = _plan(dev, Request(hyperparameters={"epochs": "9"})).splitlines()
    parts = ", ".join(f"{len(samples)} {part}" for part, samples in staged.parts().items())
    assert lines == [
        f"stage: {parts} pictures of bicycle, motorcycle; nothing added",
        "train: efficientnet, epochs=9",
        f"evaluate and gate: against no model: floors only; {Rule().in_words()}",
        "roll out: canary over 2 instances, bake 600 s; no alarm",
        "apply: Terraform, with the new threshold",
    ]
    assert len(aws.made("PutObject")) + len(aws.made("DeleteObject")) == before


def test_a_plan_counts_the_new_pictures_and_stages_none(
    staged: Splits, new_pictures: Path, dev: Environment, provisioned: Provisioned
) -> None:
    before = provisioned.bucket.keys("")
    plan = _plan(dev, Request(add=str(new_pictures)))
    assert "4 test pictures" in plan
    assert "20 pictures added" in plan
    assert provisioned.bucket.keys("") == before


def test_a_plan_names_the_champion(
    staged: Splits,
    dev: Environment,
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment.save(bucket, make_deployment(3))
    assert "against version 3, scones-dev-efficientnet-3; accuracy at least" in _plan(dev)


def test_a_plan_without_an_endpoint_creates_one(staged: Splits, dev: Environment) -> None:
    assert "roll out: create the endpoint" in _plan(dev)


def test_a_plan_for_one_instance_says_what_is_done_in_place_of_a_canary(
    staged: Splits, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "instances", lambda _environment: 1)
    assert "canary needs two instances and there is one: everything moves at once" in _plan(dev)


def test_a_plan_names_the_alarms(
    staged: Splits, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "instances", lambda _environment: 4)
    plan = _plan(dev, rollout=Rollout("linear", 30, ("an-alarm", "another")))
    assert "linear over 4 instances, bake 30 s; an-alarm, another" in plan


def test_a_plan_of_an_algorithm_that_there_is_not_is_refused(
    staged: Splits, dev: Environment
) -> None:
    with pytest.raises(UserError, match="There is no algorithm 'guessing'"):
        _plan(dev, Request(algorithm="guessing"))


def test_what_is_not_known_is_reached_in_the_order_of_the_steps() -> None:
    state = Retraining("2026-11-23T10:00:00+00:00", Request())
    assert state.next_step == "stage"
    for changes, step in (
        ({"dataset_id": "0123456789ab"}, "train"),
        ({"job": "a-job"}, "train"),
        ({"version": 2, "verdict": {"decision": "approve"}}, "roll out"),
        ({"rolled_out": True}, "apply"),
    ):
        state = replace(state, **changes)
        assert state.next_step == step


# The plan of one that is unfinished

UNFINISHED = Retraining(
    started_at="2026-11-22T10:00:00+00:00",
    request=Request(add="new", hyperparameters={"epochs": "9"}),
    dataset_id="0123456789ab",
    job="a-job",
)


@pytest.fixture
def unfinished(provisioned: Provisioned) -> Retraining:
    provisioned.bucket.write_json(retrain.CURRENT, asdict(UNFINISHED))
    return UNFINISHED


@pytest.mark.parametrize(
    ("request_", "remark"),
    [(UNFINISHED.request, "; --restart reads the folder anew"), (Request(), "")],
)
def test_a_plan_of_an_unfinished_retraining_says_where_it_would_go_on(
    unfinished: Retraining, dev: Environment, request_: Request, remark: str
) -> None:
    plan = _plan(dev, request_)
    assert "go on with the retraining of 2026-11-22T10:00:00+00:00, at: train" in plan
    assert f"stage: done before, data set 0123456789ab{remark}\n" in plan
    assert "train: efficientnet, epochs=9" in plan


def test_a_plan_reads_the_folder_again_while_no_job_trains_on_it(
    provisioned: Provisioned, dev: Environment, new_pictures: Path
) -> None:
    request = Request(add=str(new_pictures))
    state = replace(UNFINISHED, request=request, job=None)
    provisioned.bucket.write_json(retrain.CURRENT, asdict(state))
    assert "20 pictures added" in _plan(dev, request)
    assert "stage: done before, data set 0123456789ab\n" in _plan(dev)


def test_a_plan_of_something_else_is_refused_while_one_is_unfinished(
    unfinished: Retraining, dev: Environment
) -> None:
    with pytest.raises(UserError, match=r"unfinished \(next: train\).*--restart"):
        _plan(dev, replace(unfinished.request, add="other"))


def test_a_plan_with_restart_begins_anew(
    unfinished: Retraining, staged: Splits, dev: Environment
) -> None:
    plan = _plan(dev, restart=True)
    assert "go on with" not in plan
    assert "train: efficientnet, its default settings" in plan


@pytest.mark.parametrize("outcome", [retrain.DEPLOYED, retrain.REJECTED, retrain.ROLLED_BACK])
def test_a_plan_after_one_that_has_ended_begins_anew(
    provisioned: Provisioned, staged: Splits, dev: Environment, outcome: str
) -> None:
    ended = replace(UNFINISHED, outcome=outcome)
    provisioned.bucket.write_json(retrain.CURRENT, asdict(ended))
    assert "go on with" not in _plan(dev)
