"""An evaluated model becomes a version, and the gate decides about it once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import release
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.evaluation import evaluate
from scripts.evaluation.gate import Rule, Verdict
from scripts.evaluation.quality import Prediction
from scripts.pipeline import Provisioned
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.training import models
from scripts.training.models import Model

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

LABELS = ("bicycle", "motorcycle")
CHAMPION, CHALLENGER = "scones-dev-efficientnet-1", "scones-dev-efficientnet-2"
ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"


def _answers(wrong: int, among: int = 200) -> list[Prediction]:
    """Test pictures, of which the first `wrong` are called the other class; well calibrated."""
    confidence = max(0.6, 1 - wrong / among)
    found = []
    for number in range(among):
        truth = number % 2
        called = truth if number >= wrong else 1 - truth
        scores = (confidence, 1 - confidence) if called == 0 else (1 - confidence, confidence)
        found.append(Prediction(f"{LABELS[truth]}/{number}.png", truth, scores))
    return found


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], list[Prediction]]:
    """What models answer, by model and by the data set whose test pictures they are asked."""
    known: dict[tuple[str, str], list[Prediction]] = {}

    def predictions(
        _environment: object, _bucket: object, model: Model, dataset_id: str, _say: object
    ) -> list[Prediction]:
        return known[model.name, dataset_id]

    def register(_environment: object, _bucket: object, role_arn: str, job: str) -> Model:
        assert role_arn == ROLE
        return Model(job, job, "efficientnet", LABELS, 128, "old-data")

    monkeypatch.setattr(evaluate, "test_predictions", predictions)
    monkeypatch.setattr(models, "register", register)
    return known


@pytest.fixture
def judge(
    dev: Environment, bucket: Bucket, screen: Screen, evaluation_document: dict[str, Any]
) -> Callable[..., tuple[Version, Verdict]]:
    """judge(): what becomes of the challenger, which was trained on new data."""
    model = Model(CHALLENGER, CHALLENGER, "efficientnet", LABELS, 128, "new-data")
    document = {**evaluation_document, "model_name": CHALLENGER, "threshold": 0.5}
    evaluation: Any = SimpleNamespace(document=lambda: document)
    provisioned = Provisioned({"sagemaker_role_arn": ROLE}, bucket)

    def call(rule: Rule | None = None) -> tuple[Version, Verdict]:
        return release.gate_model(dev, provisioned, screen, model, evaluation, rule or Rule())

    return call


@pytest.fixture
def live(bucket: Bucket, make_deployment: Callable[..., Deployment]) -> Deployment:
    """A champion in service, evaluated on other data than the challenger."""
    found = make_deployment(1, dataset_id="old-data")
    deployment.save(bucket, found)
    return found


def test_a_first_model_becomes_a_version_that_the_floors_alone_approve(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    shown: Callable[[], str],
) -> None:
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    version, verdict = judge()
    assert (version.number, version.model_name, version.status) == (1, CHALLENGER, APPROVED)
    assert registry.held == {1: version}
    assert version.reason == "It reaches every floor. There is no champion to compare it with."
    assert (verdict.champion, verdict.comparison) == (None, None)
    assert f"version 1, efficientnet: approve. {version.reason}" in shown()


@pytest.mark.parametrize(
    ("wrong", "status", "reason"),
    [(100, REJECTED, "chance does not explain"), (23, PENDING, "chance may explain")],
)
def test_what_the_gate_says_is_the_versions_status_with_its_reasons(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    wrong: int,
    status: str,
    reason: str,
) -> None:
    answers[CHALLENGER, "new-data"] = _answers(wrong)
    version, verdict = judge()
    assert version.status == registry.held[1].status == status
    assert version.reason == " ".join(verdict.reasons)
    assert reason in version.reason


def test_the_champion_answers_the_challengers_test_pictures(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    live: Deployment,
) -> None:
    answers[CHALLENGER, "new-data"] = _answers(wrong=12)
    answers[CHAMPION, "new-data"] = _answers(wrong=0)
    version, verdict = judge()
    assert verdict.champion == CHAMPION
    assert verdict.comparison
    assert verdict.comparison.only_champion == 12
    assert version.status == REJECTED
    assert "worse than the champion" in version.reason


def test_a_champion_that_does_not_know_a_new_class_is_asked_nothing_and_a_person_decides(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    evaluation_document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = ("bicycle", "scooter")
    document = {**evaluation_document, "labels": list(labels)}
    champion = Model(CHAMPION, CHAMPION, "efficientnet", labels, 128, "old-data")
    monkeypatch.setattr(models, "register", lambda *_args: champion)
    deployment.save(bucket, make_deployment(1, labels=labels, evaluation=document))
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    version, verdict = judge()
    assert version.status == PENDING
    assert "bicycle, scooter and not bicycle, motorcycle" in verdict.reasons[0]


def test_a_model_is_not_its_own_champion(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment.save(bucket, make_deployment(2))
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    _, verdict = judge()
    assert (verdict.challenger, verdict.champion) == (CHALLENGER, None)


@pytest.mark.parametrize("status", [APPROVED, REJECTED])
def test_a_version_that_was_decided_is_judged_for_the_table_and_keeps_its_status(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    make_version: Callable[..., Version],
    status: str,
) -> None:
    decided = make_version(7, model_name=CHALLENGER, status=status)
    registry.hold(decided)
    answers[CHALLENGER, "new-data"] = _answers(wrong=4 if status == REJECTED else 100)
    version, verdict = judge()
    assert version == registry.held[7] == decided
    assert verdict.decision == ("approve" if status == REJECTED else "reject")


def test_what_was_decided_before_is_said_instead_of_the_new_verdict(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    make_version: Callable[..., Version],
    shown: Callable[[], str],
) -> None:
    registry.hold(make_version(7, model_name=CHALLENGER, status=REJECTED, reason="By hand."))
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    judge()
    assert "version 7, efficientnet: rejected before. By hand." in shown()


def test_a_version_that_was_deployed_all_the_same_does_not_approve_itself(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    make_version: Callable[..., Version],
    make_deployment: Callable[..., Deployment],
    bucket: Bucket,
) -> None:
    registry.hold(make_version(7, model_name=CHALLENGER, status=PENDING))
    deployment.save(bucket, make_deployment(7, model_name=CHALLENGER))
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    assert judge()[0].status == PENDING


def test_a_version_that_waits_is_judged_again(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
    make_version: Callable[..., Version],
) -> None:
    registry.hold(make_version(7, model_name=CHALLENGER, status=PENDING))
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    assert judge()[0].status == APPROVED


def test_the_rule_that_was_given_decides(
    registry: Registry,
    answers: dict[tuple[str, str], list[Prediction]],
    judge: Callable[..., tuple[Version, Verdict]],
) -> None:
    answers[CHALLENGER, "new-data"] = _answers(wrong=4)
    version, verdict = judge(Rule(coverage=1.0, accuracy=1.0))
    assert verdict.rule == Rule(coverage=1.0, accuracy=1.0)
    assert version.status == REJECTED
