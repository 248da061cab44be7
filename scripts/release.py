"""A model as a version: judged, and put into service."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace

from scripts.artifacts import Bucket
from scripts.console import Screen, Step
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import evaluate, gate
from scripts.evaluation.evaluate import Evaluation
from scripts.evaluation.gate import Decision, Rule, Verdict
from scripts.evaluation.quality import Prediction
from scripts.pipeline import Provisioned
from scripts.serving import baseline, deployment, endpoint, registry
from scripts.serving.deployment import Deployment
from scripts.serving.endpoint import Fleet
from scripts.serving.registry import Version
from scripts.serving.rollout import BAKE_S, CANARY, LOCAL_BAKE_S, Rollout
from scripts.training import models
from scripts.training.models import Model

UNFINISHED = "deployments/rollout.json"
# Reasons of AWS that say nothing about the model: it had no instances, or they took too long.
_NOT_THE_MODELS = re.compile(r"capacity|timed? ?out|exceeded", re.IGNORECASE)
_STATUS: dict[Decision, str] = {
    "approve": registry.APPROVED,
    "reject": registry.REJECTED,
    "person": registry.PENDING,
}


def gate_model(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    model: Model,
    evaluation: Evaluation,
    rule: Rule,
) -> tuple[Version, Verdict]:
    """Register an evaluated model as a version, and decide whether it may be deployed.

    The champion is what is deployed now. A version that was decided before, or that somebody has
    deployed all the same, keeps its status: it is judged again only for the table.
    """
    with screen.step("gate", "Gate") as step:
        bucket = provisioned.bucket
        version = registry.register(environment, bucket, model, evaluation)
        champion = None
        live = deployment.load(bucket)
        if live and live.model_name != model.name:
            step.say(f"comparing with {live.model_name}")
            role_arn = provisioned.outputs["sagemaker_role_arn"]
            theirs = models.register(environment, bucket, role_arn, live.model_name)
            # What does not know the same classes cannot be asked about them; the gate says so.
            known = set(live.labels) == set(model.labels)
            answers = (
                _test_predictions(environment, bucket, theirs, model.dataset_id, step)
                if known
                else []
            )
            champion = gate.candidate(live.evaluation, answers)
        answers = _test_predictions(environment, bucket, model, model.dataset_id, step)
        challenger = gate.candidate(evaluation.document(), answers)
        verdict = gate.judge(challenger, champion, rule)
        is_live = live is not None and live.model_name == model.name
        words = f"{verdict.decision}. {' '.join(verdict.reasons)}"
        if version.status != registry.PENDING:
            words = f"{version.status.lower()} before. {version.reason}"
        elif not is_live:
            reason = " ".join(verdict.reasons)
            version = registry.decide(environment, version, _STATUS[verdict.decision], reason)
        step.result = f"version {version.number}, {registry.algorithm_in_words(version)}: {words}"
        return version, verdict


def _test_predictions(
    environment: Environment, bucket: Bucket, model: Model, dataset_id: str, step: Step
) -> list[Prediction]:
    return evaluate.test_predictions(environment, bucket, model, dataset_id, step.say)


def deploy_endpoint(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    version: Version,
    rollout: Rollout,
    *,
    fleet: Fleet | None = None,
    config: str | None = None,
    override: str | None = None,
    before_record: Callable[[], None] = lambda: None,
) -> Deployment:
    """Put a version into service and record the deployment.

    `before_record` is called when the version serves, and is not on record yet. `config` names the
    update, so that one that was begun is not begun again; without it, it is remembered here.

    Raises endpoint.RolledBack, after rejecting the version, when the endpoint went back to its
    previous model. Raises UserError for a version that is not approved, unless `override` says why
    it is deployed all the same, and for other labels than those that the workflow reads scores by.
    """
    if version.status != registry.APPROVED and not override:
        raise UserError(not_approved(environment, version))
    with screen.step("endpoint", "Deploy the endpoint") as step:
        bucket, role_arn = provisioned.bucket, provisioned.outputs["sagemaker_role_arn"]
        model = models.register(environment, bucket, role_arn, version.model_name)
        live = deployment.load(bucket)
        if live and live.labels != model.labels:
            raise UserError(
                f"The model's labels are {', '.join(model.labels)}; the workflow reads scores as "
                f"{', '.join(live.labels)} until it is applied again. Use another environment."
            )
        config = config or _config_of(environment, bucket, model, fleet)
        # Before the first answer, so that the monitor never meets a model that it does not know.
        missing = baseline.freeze(bucket, model, version.number, step.say)
        try:
            deployed = endpoint.deploy(
                environment,
                bucket,
                model,
                rollout=rollout,
                fleet=fleet,
                config=config,
                say=step.say,
            )
        except endpoint.RolledBack as error:
            bucket.delete(UNFINISHED)  # its update has ended: the next try needs another one
            if _is_the_models_fault(str(error)):
                registry.decide(environment, version, registry.REJECTED, str(error))
            raise
        if version.status != registry.APPROVED:
            said = f"{version.reason} Deployed all the same: {override}"
            registry.decide(environment, version, version.status, said)
        deployed = replace(deployed, version=version.number, override=override)
        before_record()
        deployment.save(bucket, deployed)
        bucket.delete(UNFINISHED)
        what = f"version {version.number}, {registry.algorithm_in_words(version)}"
        step.result = f"{deployed.endpoint_name} in service with {what}"
        if missing:
            step.result += f"; drift cannot be seen without a baseline: {missing}"
        return deployed


def _is_the_models_fault(reason: str) -> bool:
    return "alarm" in reason.lower() or not _NOT_THE_MODELS.search(reason)


def _config_of(environment: Environment, bucket: Bucket, model: Model, fleet: Fleet | None) -> str:
    """The configuration of the update: of one to the same that was killed on its way, the same."""
    wanted = {"model": model.name, "fleet": asdict(fleet or Fleet())}
    begun = bucket.read_json(UNFINISHED) or {}
    config = begun.pop("config", None)
    if config is None or begun != wanted:
        config = endpoint.new_config_name(environment)
        bucket.write_json(UNFINISHED, {**wanted, "config": config})
    return str(config)


def rollout_of(
    environment: Environment,
    provisioned: Provisioned,
    strategy: str = CANARY,
    bake_s: int | None = None,
) -> Rollout:
    """How updates are made here: with Terraform's alarms, and a short bake on this machine."""
    if bake_s is None:
        bake_s = LOCAL_BAKE_S if environment.is_local else BAKE_S
    return Rollout(strategy, bake_s, tuple(provisioned.outputs.get("rollback_alarm_names", [])))


def newest_approved(environment: Environment) -> Version:
    """The newest version that may be deployed. Raises UserError when there is none."""
    versions = registry.versions(environment)
    for version in versions:
        if version.status == registry.APPROVED:
            return version
    if not versions:
        raise UserError("No model has been evaluated yet. Run: invoke train, then invoke evaluate")
    raise UserError(not_approved(environment, versions[0]))


def settle(environment: Environment, which: str, status: str, reason: str) -> str:
    """A person's decision about a version that waits for one; returns it in words.

    Raises UserError for one that is decided already.
    """
    version = registry.find(environment, which)
    if version.status != registry.PENDING:
        words = f"Version {version.number} is {version.status.lower()} already. {version.reason}"
        if version.status == registry.REJECTED:
            words += f" {_override(environment, version)}"
        raise UserError(words)
    registry.decide(environment, version, status, f"A person: {reason}")
    return f"Version {version.number} is {status.lower()}."


def not_approved(environment: Environment, version: Version) -> str:
    """Why a version is not deployed, and what to do about it."""
    number = version.number
    if version.status == registry.PENDING:
        return (
            f"Version {number} waits for a person. {version.reason} Decide with "
            f"`{environment.command(f'approve {number} --reason …')}` or "
            f"`{environment.command(f'reject {number} --reason …')}`"
        )
    return (
        f"Version {number} is {version.status.lower()}. {version.reason} "
        f"{_override(environment, version)}"
    )


def _override(environment: Environment, version: Version) -> str:
    return (
        "To deploy it all the same, and have that recorded: "
        f"{environment.command(f'endpoint --version {version.number} --override REASON')}"
    )
