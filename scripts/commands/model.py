"""From pictures to a version that the gate has judged."""

from pathlib import Path

from invoke import Context, task

from scripts import pipeline, release, tables
from scripts.commands import (
    ALGORITHM_HELP,
    DEFAULT_ENV,
    ENV_HELP,
    GATE_HELP,
    INSTANCE_HELP,
    SET_HELP,
    friendly,
    settings,
    stated,
    use,
)
from scripts.console import Screen
from scripts.errors import UserError
from scripts.evaluation.evaluate import TARGET
from scripts.evaluation.gate import Rule
from scripts.serving import deployment as deployment_module
from scripts.serving import registry
from scripts.training.train import EFFICIENTNET

_DECISION_HELP = {
    "version": "number, as in `invoke models`",
    "reason": "why; recorded with the version",
    "env": ENV_HELP,
}


@task(
    help={
        "env": ENV_HELP,
        "source": "folder of class folders, folder with .lst files, CIFAR-100 archive or parquet",
        "seed": "chooses the validation part",
    }
)
@friendly
def stage(
    _: Context,
    env: str = DEFAULT_ENV,
    source: str | None = None,
    seed: int = 0,
) -> None:
    """Bring pictures of the environment's labels to S3 as train, validation and test."""
    provisioned = pipeline.open_provisioned(use(env))
    folder = Path(source) if source else None
    pipeline.stage_data(provisioned, Screen(), folder, seed)


@task(
    help={
        "env": ENV_HELP,
        "set": SET_HELP,
        "algorithm": ALGORITHM_HELP,
        "instance-type": INSTANCE_HELP,
    },
    iterable=["set"],
)
@friendly
def train(
    _: Context,
    set: list[str],
    env: str = DEFAULT_ENV,
    algorithm: str = EFFICIENTNET,
    instance_type: str | None = None,
) -> None:
    """Train a model on the staged data in a SageMaker training job."""
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    pipeline.train_model(
        environment,
        provisioned,
        Screen(),
        settings(set),
        algorithm=algorithm,
        instance_type=instance_type,
    )


@task(
    help={
        "env": ENV_HELP,
        "job": "training job (the newest by default)",
        "target": "how often accepted pictures must be right, 0 to 1",
        "gate": GATE_HELP,
    },
    iterable=["gate"],
)
@friendly
def evaluate(
    _: Context,
    gate: list[str],
    env: str = DEFAULT_ENV,
    job: str | None = None,
    target: float = TARGET,
) -> None:
    """Test a trained model, choose its threshold, and let the gate decide."""
    if not 0 < target <= 1:
        raise UserError(f"The target {target:g} is no share. Give one between 0 and 1: {TARGET}.")
    rule = Rule.with_settings(gate)
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    model, found = pipeline.evaluate_model(environment, provisioned, screen, job, target)
    tables.show_evaluation(screen, found)
    _version, verdict = release.gate_model(environment, provisioned, screen, model, found, rule)
    tables.show_verdict(screen, verdict.document())


@task(help={"env": ENV_HELP})
@friendly
def models(_: Context, env: str = DEFAULT_ENV) -> None:
    """List the versions of the model: quality, status, and which one is live."""
    environment, screen = use(env), Screen()
    live = deployment_module.load(pipeline.open_provisioned(environment).bucket)
    shown = registry.versions(environment)
    tables.show_models(screen, shown, live.model_name if live else None)


@task(positional=["version"], help=_DECISION_HELP)
@friendly
def approve(_: Context, version: str, reason: str = "", env: str = DEFAULT_ENV) -> None:
    """Approve a version that waits for a person."""
    print(release.settle(use(env), version, registry.APPROVED, stated(reason)))


@task(positional=["version"], help=_DECISION_HELP)
@friendly
def reject(_: Context, version: str, reason: str = "", env: str = DEFAULT_ENV) -> None:
    """Reject a version that waits for a person."""
    print(release.settle(use(env), version, registry.REJECTED, stated(reason)))
