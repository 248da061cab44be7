"""Retrain: stage, train, evaluate, gate, roll out, apply; each only when the one before agrees.

What a retraining has reached is one document in the artefact bucket, written after each step: one
that was killed goes on where it was, on any machine. Nothing that is live changes before the gate
has approved. A lease keeps a second retraining out, and another one, while the model takes over,
whoever else would change what serves.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts import lease, pipeline, release
from scripts.artifacts import RETRAINING, Bucket
from scripts.console import Screen
from scripts.dataset import extend, read_additions
from scripts.dataset.model import Progress, Splits
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, registry
from scripts.serving.rollout import Rollout, deployment_config, possible
from scripts.training import train
from scripts.training.train import TrainingResult

CURRENT = f"{RETRAINING}/current.json"
LEASE = f"{RETRAINING}/lease.json"
DEPLOYED, REJECTED, ROLLED_BACK = "deployed", "rejected", "rolled back"
_STEPS = ("stage", "train", "evaluate and gate", "roll out", "apply")


@dataclass(frozen=True)
class Request:
    """What a person asked for. `add` is a folder of newly labelled pictures, by class."""

    add: str | None = None
    algorithm: str = train.EFFICIENTNET
    instance_type: str | None = None
    hyperparameters: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        train.check_algorithm(self.algorithm)


@dataclass(frozen=True)
class Retraining:
    """How far a retraining is: what is None has not been reached. `outcome` ends it."""

    started_at: str
    request: Request
    dataset_id: str | None = None
    job: str | None = None
    version: int | None = None
    verdict: dict[str, Any] | None = None
    champion: dict[str, Any] | None = None
    challenger: dict[str, Any] | None = None
    config: str | None = None
    rolled_out: bool = False
    outcome: str | None = None
    reason: str = ""
    finished_at: str | None = None

    @property
    def next_step(self) -> str:
        reached = (self.dataset_id, self.job and self.version, self.verdict, self.rolled_out)
        return _STEPS[next((i for i, done in enumerate(reached) if not done), len(reached))]


def current(bucket: Bucket) -> Retraining | None:
    """The retraining that was begun last, finished or not."""
    document = bucket.read_json(CURRENT)
    if document is None:
        return None
    return Retraining(**{**document, "request": Request(**document["request"])})


def retrain(
    environment: Environment,
    screen: Screen,
    request: Request,
    rule: Rule,
    rollout: Callable[[Provisioned], Rollout],
    *,
    restart: bool = False,
    during_rollout: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Retraining:
    """Run a retraining to its end, or take up the unfinished one.

    `during_rollout` is entered while the endpoint is updated.

    A rejection and a rollback are outcomes; without an outcome it waits for a person, and goes on
    when it is run again. Raises UserError when another retraining runs, or somebody else changes
    what serves when the model is to take over, when an unfinished one was asked for something else
    (and not `restart`), and at the first step that fails.
    """
    provisioned = pipeline.open_provisioned(environment)
    bucket, how = provisioned.bucket, rollout(provisioned)
    with lease.hold(bucket, LEASE, "retraining") as held:
        state = begin(current(bucket), request, restart)

        def reached(**changes: Any) -> Retraining:
            held.check()
            after = replace(state, **changes)
            bucket.write_json(CURRENT, asdict(after))
            return after

        state = reached()
        if _is_staged(state, request):
            if request.add is not None:
                screen.print(_staged_in_words(state, request))
        else:
            state = reached(dataset_id=_stage(provisioned, screen, state.request))
        if state.job is None:
            state = reached(job=train.new_job_name(environment, state.request.algorithm))
        if state.verdict is None:
            try:
                trained = _train(environment, provisioned, screen, state)
            except (UserError, KeyboardInterrupt):  # this job has ended: the next try needs another
                reached(job=None)
                raise
            state = reached(**_make_version(environment, provisioned, screen, trained, rule))
        if not state.rolled_out:
            version = registry.find(environment, str(state.version))
            if version.status == registry.PENDING:
                return reached(reason=release.not_approved(environment, version))
            if version.status == registry.REJECTED:
                return _finish(bucket, reached, REJECTED, version.reason)
        with deployment.change(bucket, "rollout"):
            if not state.rolled_out:
                state = reached(config=state.config or endpoint.new_config_name(environment))
                try:
                    with during_rollout():
                        release.deploy_endpoint(
                            environment, provisioned, screen, version, how, config=state.config
                        )
                except endpoint.RolledBack as error:
                    return _finish(bucket, reached, ROLLED_BACK, str(error))
                state = reached(rolled_out=True)
            if state.dataset_id:
                pipeline.use_dataset(bucket, state.dataset_id)
            pipeline.build_packages(environment, screen)
            pipeline.provision(environment, screen, "apply", "Apply the threshold")
            return _finish(bucket, reached, DEPLOYED, "It was approved, and it has baked.")


def begin(found: Retraining | None, request: Request, restart: bool) -> Retraining:
    """The unfinished retraining, if there is one and it is what is asked for; else a new one."""
    new = Retraining(datetime.now(UTC).isoformat(timespec="seconds"), request)
    if found is None or found.outcome or restart:
        return new
    if request in (found.request, Request()):
        return found
    if found.job is None and request.add == found.request.add:
        return replace(found, request=request)  # what it was refused for may have been put right
    raise UserError(
        f"The retraining of {found.started_at} is unfinished (next: {found.next_step}) and was "
        "asked for something else. Finish it by running this without options, or add --restart."
    )


def _is_staged(state: Retraining, request: Request) -> bool:
    """Whether the data set stays: a folder that is named again may have been corrected since.

    It is read again until there is a job, which trains on what was staged before it.
    """
    return state.dataset_id is not None and (state.job is not None or request.add is None)


def _staged_in_words(state: Retraining, request: Request) -> str:
    words = f"stage: done before, data set {state.dataset_id}"
    return words if request.add is None else f"{words}; --restart reads the folder anew"


def _data(
    provisioned: Provisioned, request: Request, progress: Progress
) -> tuple[tuple[str, ...], Splits, str]:
    """The staged data set with what is to be added: classes, parts, and the addition in words."""
    classes, splits = pipeline.read_current_dataset(provisioned.bucket, progress)
    if request.add is None:
        return classes, splits, "nothing added"
    added = read_additions(Path(request.add), classes, progress)
    splits, additions = extend(splits, classes, added, progress=progress)
    return classes, splits, additions.in_words()


def _stage(provisioned: Provisioned, screen: Screen, request: Request) -> str:
    with screen.step("stage", "Stage data") as step:
        classes, splits, words = _data(provisioned, request, pipeline.progress_of(step))
        staged = pipeline.stage_splits(provisioned, step, splits, classes)
        step.result = f"{words}; {step.result}"
        return staged.dataset_id


def _train(
    environment: Environment, provisioned: Provisioned, screen: Screen, state: Retraining
) -> TrainingResult:
    return pipeline.train_model(
        environment,
        provisioned,
        screen,
        state.request.hyperparameters,
        algorithm=state.request.algorithm,
        instance_type=state.request.instance_type,
        job=state.job,
        dataset_id=state.dataset_id,
    )


def _make_version(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    trained: TrainingResult,
    rule: Rule,
) -> dict[str, Any]:
    """Evaluate, register and judge; what the retraining's document is to remember of it."""
    live = deployment.load(provisioned.bucket)
    model, evaluation = pipeline.evaluate_model(environment, provisioned, screen, trained.job)
    version, verdict = release.gate_model(environment, provisioned, screen, model, evaluation, rule)
    return {
        "version": version.number,
        "verdict": verdict.document(),
        "champion": live
        and {
            "version": live.version,
            "algorithm": registry.algorithm_in_words(live),
            "evaluation": live.evaluation,
        },
        "challenger": {
            "version": version.number,
            "algorithm": registry.algorithm_in_words(version),
            "evaluation": evaluation.document(),
            "training_seconds": trained.seconds,
        },
    }


def _finish(
    bucket: Bucket, reached: Callable[..., Retraining], outcome: str, reason: str
) -> Retraining:
    """Close the document, and keep it for later."""
    ended = reached(
        outcome=outcome, reason=reason, finished_at=datetime.now(UTC).isoformat(timespec="seconds")
    )
    name = ended.started_at.replace(":", "")
    bucket.write_json(f"{RETRAINING}/history/{name}.json", asdict(ended))
    return ended


def describe(
    environment: Environment,
    request: Request,
    rule: Rule,
    rollout: Callable[[Provisioned], Rollout],
    restart: bool = False,
) -> list[str]:
    """What `retrain` would do, step by step, without doing it.

    Raises UserError for everything that can be known to be wrong before it is begun.
    """
    provisioned = pipeline.open_provisioned(environment)
    bucket = provisioned.bucket
    state = begin(current(bucket), request, restart)
    live = deployment.load(bucket)
    lines = []
    if state.request != request or state.dataset_id:
        lines.append(f"go on with the retraining of {state.started_at}, at: {state.next_step}")
    if _is_staged(state, request):
        lines.append(_staged_in_words(state, request))
    else:
        classes, splits, words = _data(provisioned, state.request, lambda *_: None)
        parts = ", ".join(f"{len(samples)} {part}" for part, samples in splits.parts().items())
        lines.append(f"stage: {parts} pictures of {', '.join(classes)}; {words}")
    settings = ", ".join(f"{k}={v}" for k, v in state.request.hyperparameters.items())
    champion = f"version {live.version}, {live.model_name}" if live else "no model: floors only"
    if state.verdict:
        lines.append(f"train: done, {state.job}")
        lines.append(
            f"evaluate and gate: done, version {state.version}: {state.verdict['decision']}"
        )
    else:
        lines.append(f"train: {state.request.algorithm}, {settings or 'its default settings'}")
        lines.append(f"evaluate and gate: against {champion}; {rule.in_words()}")
    lines.append(f"roll out: {_rollout_in_words(environment, rollout(provisioned))}")
    lines.append("apply: Terraform, with the new threshold")
    return lines


def _rollout_in_words(environment: Environment, rollout: Rollout) -> str:
    instances = endpoint.instances(environment)
    if not instances:
        return "create the endpoint"
    deployment_config(rollout, instances)
    strategy, remark = possible(rollout.strategy, instances)
    alarms = ", ".join(rollout.alarms) or "no alarm"
    return remark or f"{strategy} over {instances} instances, bake {rollout.bake_s} s; {alarms}"
