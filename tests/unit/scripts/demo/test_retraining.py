"""The demo's second half: pictures that were held back, and a challenger in live traffic."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import pipeline, retrain
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.dataset.model import Dataset, Sample
from scripts.demo import retraining
from scripts.demo.retraining import CLIENTS, NEW_PICTURES, Outcome, Traffic, hold_back
from scripts.environment import LOCAL, Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.operation import workflow
from scripts.pipeline import Provisioned
from scripts.retrain import Request, Retraining
from scripts.serving.registry import APPROVED, PENDING, Version
from scripts.serving.rollout import LOCAL_BAKE_S, Rollout

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

CLASSES = ("bicycle", "motorcycle")
TIMEOUT_S = 30.0


# Held back


@pytest.fixture
def dataset(picture: Callable[..., bytes]) -> Dataset:
    """Eight pictures of one class and five of the other to learn from; names recur."""
    side_px = iter(range(8, 100))
    train = tuple(
        Sample(f"{number}.png", label, picture(next(side_px)))
        for label, count in ((0, 8), (1, 5))
        for number in range(count)
    )
    test = tuple(Sample("1.png", label, picture(next(side_px))) for label in (0, 1))
    return Dataset(CLASSES, train, test, "folders")


def _files(folder: Path) -> dict[tuple[str, str], bytes]:
    """What lies in a folder of class folders."""
    return {(p.parent.name, p.name): p.read_bytes() for p in folder.glob("*/*")}


def _named(samples: tuple[Sample, ...]) -> dict[tuple[str, str], bytes]:
    return {(CLASSES[item.label], item.name): item.data for item in samples}


def test_half_of_each_class_is_held_back_and_none_is_lost(dataset: Dataset, tmp_path: Path) -> None:
    kept = hold_back(dataset, tmp_path)
    assert Counter(sample.label for sample in kept.train) == {0: 4, 1: 3}
    new = _files(tmp_path / NEW_PICTURES)
    assert Counter(label for label, _ in new) == {"bicycle": 4, "motorcycle": 2}
    assert {**new, **_named(kept.train)} == _named(dataset.train)


def test_nothing_of_test_is_held_back_or_changed(dataset: Dataset, tmp_path: Path) -> None:
    kept = hold_back(dataset, tmp_path)
    assert kept == replace(dataset, train=kept.train)
    held = set(_files(tmp_path / NEW_PICTURES).values())
    assert held.isdisjoint(sample.data for sample in dataset.test)


def test_which_pictures_they_are_does_not_depend_on_their_order(
    dataset: Dataset, tmp_path: Path
) -> None:
    hold_back(dataset, tmp_path / "one")
    hold_back(replace(dataset, train=dataset.train[::-1]), tmp_path / "two")
    one, two = (_files(tmp_path / name / NEW_PICTURES) for name in ("one", "two"))
    assert one == two


def test_pictures_of_an_earlier_demo_are_not_added(dataset: Dataset, tmp_path: Path) -> None:
    hold_back(dataset, tmp_path)
    before = _files(tmp_path / NEW_PICTURES)
    (tmp_path / NEW_PICTURES / "bicycle" / "old.png").write_bytes(b"old")
    hold_back(dataset, tmp_path)
    assert _files(tmp_path / NEW_PICTURES) == before


# Traffic


class Workflow:
    """A workflow that answers, or fails as it is told to; `enough` is set after some requests."""

    def __init__(self, requests: int, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.enough = threading.Event()
        self._requests, self._error = requests, error
        self._lock = threading.Lock()

    def classify(self, _environment: object, _outputs: object, name: str, data: bytes) -> None:
        with self._lock:
            self.asked.append((name, data))
            if len(self.asked) >= self._requests:
                self.enough.set()
            turn = len(self.asked)
        if self._error and turn % 2:
            raise self._error


SAMPLES = tuple(Sample(f"{number}.png", 0, str(number).encode()) for number in range(3))


@pytest.fixture
def let_flow(
    monkeypatch: pytest.MonkeyPatch, dev: Environment
) -> Callable[[Workflow], tuple[Traffic, Workflow]]:
    """let_flow(workflow): traffic until the workflow has had enough."""

    def flow(asked: Workflow) -> tuple[Traffic, Workflow]:
        monkeypatch.setattr(workflow, "classify_bytes", asked.classify)
        traffic = Traffic(dev, {}, SAMPLES)
        with traffic.flowing():
            assert asked.enough.wait(TIMEOUT_S)
        return traffic, asked

    return flow


def test_traffic_classifies_the_pictures_again_and_again_until_it_is_enough(
    let_flow: Callable[[Workflow], tuple[Traffic, Workflow]],
) -> None:
    traffic, asked = let_flow(Workflow(requests=10))
    assert (traffic.answered, traffic.failed) == (len(asked.asked), 0)
    assert {(sample.name, sample.data) for sample in SAMPLES} == set(asked.asked)


def test_nothing_is_asked_any_more_when_traffic_has_stopped(
    let_flow: Callable[[Workflow], tuple[Traffic, Workflow]],
) -> None:
    alive = threading.active_count()
    let_flow(Workflow(requests=10))
    assert threading.active_count() == alive


def test_several_clients_ask_at_once(monkeypatch: pytest.MonkeyPatch, dev: Environment) -> None:
    together, met = threading.Barrier(CLIENTS), threading.Event()

    def classify(*_args: object) -> None:
        if not met.is_set():
            together.wait(TIMEOUT_S)
            met.set()

    monkeypatch.setattr(workflow, "classify_bytes", classify)
    with Traffic(dev, {}, SAMPLES).flowing():
        assert met.wait(TIMEOUT_S)


@pytest.mark.parametrize("code", ["user", "aws"])
def test_a_request_that_fails_is_counted_and_the_next_one_is_made(
    let_flow: Callable[[Workflow], tuple[Traffic, Workflow]],
    aws_error: Callable[..., Exception],
    code: str,
) -> None:
    error = UserError("It failed.") if code == "user" else aws_error("Throttling")
    traffic, asked = let_flow(Workflow(requests=10, error=error))
    assert traffic.failed >= 5
    assert traffic.answered >= 5
    assert traffic.failed + traffic.answered == len(asked.asked)


def test_traffic_stops_when_what_it_accompanies_fails(
    monkeypatch: pytest.MonkeyPatch, dev: Environment
) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    overdue = threading.Event()

    def classify(*_args: object) -> None:
        if time.monotonic() > deadline:
            overdue.set()
            raise LookupError("Nobody stops it.")  # which ends this client

    monkeypatch.setattr(workflow, "classify_bytes", classify)
    with pytest.raises(UserError), Traffic(dev, {}, SAMPLES).flowing():
        raise UserError("An alarm.")
    assert not overdue.is_set()


# The retraining and its outcome

FIGURES = {
    "accuracy": 0.965,
    "accuracy_interval": [0.93, 0.983],
    "threshold": 0.8125,
    "coverage": 0.94,
    "accepted_accuracy": 0.98,
}
VERDICT = {"decision": "approve", "champion": "model-1", "challenger": "model-2", "reasons": []}
STATE = Retraining(
    started_at="2026-11-23T10:00:00+00:00",
    request=Request(),
    verdict=VERDICT,
    champion={"version": 1, "evaluation": {**FIGURES, "by_class": []}},
    challenger={"version": 2, "evaluation": {**FIGURES, "accuracy": 0.975}},
)


class Retrainer:
    """A retraining that notes what it was asked for, and ends as it is told to."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.ends: dict[str, Any] = {"outcome": retrain.DEPLOYED, "reason": "It has baked."}
        self.error: UserError | None = None
        self.waiting = False
        self.kept: Retraining | None = STATE
        self.asked: list[tuple[Request, Rule, Rollout]] = []

    def retrain(
        self,
        _environment: Environment,
        screen: Screen,
        request: Request,
        rule: Rule,
        rollout: Callable[[Provisioned], Rollout],
        *,
        during_rollout: Callable[[], Any],
    ) -> Retraining:
        self.asked.append((request, rule, rollout(Provisioned({}, self.bucket))))
        with screen.step("train", "Train"):
            pass
        if self.kept:
            self.bucket.write_json(retrain.CURRENT, asdict(self.kept))
        if self.error:
            raise self.error
        if self.waiting:
            self.waiting = False
            return replace(STATE, version=2, outcome=None, reason="Version 2 waits.")
        with during_rollout(), screen.step("endpoint", "Deploy"):
            assert _requests.wait(TIMEOUT_S)
        return replace(STATE, **self.ends)


_requests = threading.Event()


@pytest.fixture
def retrainer(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Iterator[Retrainer]:
    state = Retrainer(bucket)
    outputs = {"rollback_alarm_names": ["an-alarm"]}
    monkeypatch.setattr(retrain, "retrain", state.retrain)
    monkeypatch.setattr(
        pipeline, "open_provisioned", lambda _environment: Provisioned(outputs, bucket)
    )
    monkeypatch.setattr(workflow, "classify_bytes", lambda *_args: _requests.set())
    yield state
    _requests.clear()


@pytest.fixture
def run(dev: Environment, screen: Screen, bucket: Bucket, tmp_path: Path) -> Callable[[], Outcome]:
    """run(): the demo's retraining on this machine."""
    first: Any = SimpleNamespace(
        provisioned=Provisioned({}, bucket), splits=SimpleNamespace(test=SAMPLES)
    )
    here = replace(dev, name=LOCAL)
    return lambda: retraining.run(
        here, screen, first, {"epochs": "2"}, Rule(accuracy=0.5), tmp_path
    )


def test_the_pictures_that_were_held_back_are_added_and_everything_else_is_as_before(
    retrainer: Retrainer, run: Callable[[], Outcome], tmp_path: Path
) -> None:
    found = run()
    request = Request(add=str(tmp_path / NEW_PICTURES), hyperparameters={"epochs": "2"})
    rollout = Rollout("canary", LOCAL_BAKE_S, ("an-alarm",))
    assert retrainer.asked == [(request, Rule(accuracy=0.5), rollout)]
    assert found.rollout == rollout


def test_a_challenger_that_is_deployed_was_deployed_in_traffic(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    found = run()
    assert (found.outcome, found.reason) == ("deployed", "It has baked.")
    assert found.requests >= 1
    assert found.failed_requests == 0


def test_the_gates_document_has_the_verdict_and_the_figures_of_both_sides(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    assert run().gate == {
        **VERDICT,
        "champion": {"version": 1, **FIGURES},
        "challenger": {"version": 2, **FIGURES, "accuracy": 0.975},
        "approved_by_demo": False,
    }


def test_a_gate_without_a_champion_has_one_side(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    retrainer.kept = replace(STATE, champion=None)
    assert run().gate["champion"] is None


def test_its_steps_have_their_own_times(
    retrainer: Retrainer, run: Callable[[], Outcome], screen: Screen
) -> None:
    assert set(run().seconds) == {"train", "endpoint"}
    assert screen.seconds == {}


def test_a_challenger_that_the_gate_rejects_is_an_outcome(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    retrainer.ends = {"outcome": retrain.REJECTED, "reason": "It is worse."}
    found = run()
    assert (found.outcome, found.reason) == ("rejected", "It is worse.")


def test_a_challenger_that_is_rolled_back_is_an_outcome(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    retrainer.ends = {"outcome": retrain.ROLLED_BACK, "reason": "An alarm."}
    found = run()
    assert (found.outcome, found.reason) == ("rolled back", "An alarm.")


def test_where_the_gate_wants_a_person_the_demo_approves_and_says_so(
    retrainer: Retrainer,
    run: Callable[[], Outcome],
    registry: Registry,
    make_version: Callable[..., Version],
    shown: Callable[[], str],
) -> None:
    registry.hold(make_version(2, status=PENDING))
    retrainer.waiting = True
    found = run()
    assert (found.outcome, found.gate["approved_by_demo"]) == ("deployed", True)
    assert len(retrainer.asked) == 2
    assert registry.held[2].status == APPROVED
    assert registry.held[2].reason == f"A person: {retraining.IN_A_PERSONS_PLACE}"
    assert "The gate wants a person" in shown()


def test_where_the_gate_approves_the_demo_does_not(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    assert run().gate["approved_by_demo"] is False
    assert len(retrainer.asked) == 1


def test_a_retraining_that_fails_is_an_outcome_with_the_gates_document(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    retrainer.error = UserError("The endpoint failed.")
    found = run()
    assert (found.outcome, found.reason) == ("stopped", "The endpoint failed.")
    assert (found.requests, found.failed_requests) == (0, 0)
    assert found.gate["decision"] == "approve"


def test_a_retraining_that_never_reached_the_gate_has_no_decision(
    retrainer: Retrainer, run: Callable[[], Outcome]
) -> None:
    retrainer.error, retrainer.kept = UserError("The training failed."), None
    found = run()
    assert found.outcome == "stopped"
    assert "decision" not in found.gate
