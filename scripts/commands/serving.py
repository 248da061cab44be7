"""What serves: updates, going back, and retraining."""

from invoke import Context, Exit, task

from scripts import pipeline, release, switch, tables
from scripts import retrain as retrain_module
from scripts import rollback as rollback_module
from scripts.commands import (
    ALGORITHM_HELP,
    BAKE_HELP,
    DEFAULT_ENV,
    ENV_HELP,
    GATE_HELP,
    INSTANCE_HELP,
    SET_HELP,
    STRATEGY_HELP,
    friendly,
    seconds,
    settings,
    stated,
    use,
)
from scripts.console import Screen
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.serving import deployment, registry
from scripts.serving.endpoint import Fleet
from scripts.serving.rollout import CANARY, Rollout
from scripts.training.train import EFFICIENTNET


@task(
    help={
        "env": ENV_HELP,
        "version": "number, as in `invoke models` (the newest approved one by default)",
        "override": "why a version that is not approved is deployed all the same; recorded",
        "strategy": STRATEGY_HELP,
        "bake": BAKE_HELP,
        "instances": "how many (2 at first, later as they are)",
        "instance-type": "such as ml.m5.large (that one at first, later as it is)",
        "capture": "per cent of requests that are captured (100 at first, later as it is)",
    },
)
@friendly
def endpoint(
    _: Context,
    env: str = DEFAULT_ENV,
    version: str | None = None,
    override: str | None = None,
    strategy: str = CANARY,
    bake: str | None = None,
    instances: int = 0,
    instance_type: str | None = None,
    capture: str | None = None,
) -> None:
    """Put an approved version into service; then run `invoke apply`."""
    fleet = Fleet(instance_type, instances or None, _percentage(capture))
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    rollout = release.rollout_of(environment, provisioned, strategy, seconds(bake))
    with deployment.change(provisioned.bucket, "rollout"):
        release.deploy_endpoint(
            environment,
            provisioned,
            Screen(),
            registry.find(environment, version)
            if version
            else release.newest_approved(environment),
            rollout,
            fleet=fleet,
            override=override,
        )


def _percentage(text: str | None) -> int | None:
    """A whole number from the command line; None when nothing was given."""
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise UserError(f"'{text}' is no percentage. Give 0 to 100.") from error


@task(help={"env": ENV_HELP})
@friendly
def stop(_: Context, env: str = DEFAULT_ENV) -> None:
    """Switch the endpoint off for a while; uploads wait meanwhile."""
    environment, screen = use(env), Screen()
    pipeline.build_packages(environment, screen)
    switch.stop(environment, pipeline.open_provisioned(environment), screen)


@task(help={"env": ENV_HELP})
@friendly
def start(_: Context, env: str = DEFAULT_ENV) -> None:
    """Switch the endpoint on again, as it was."""
    environment, screen = use(env), Screen()
    pipeline.build_packages(environment, screen)
    switch.start(environment, pipeline.open_provisioned(environment), screen)


@task(help={"env": ENV_HELP, "reason": "why; recorded with the version that is left"})
@friendly
def rollback(_: Context, reason: str = "", env: str = DEFAULT_ENV) -> None:
    """Return at once to the approved version that was deployed before."""
    why = stated(reason)
    environment = use(env)
    rollback_module.rollback(environment, pipeline.open_provisioned(environment), Screen(), why)


@task(
    help={
        "env": ENV_HELP,
        "add": "folder of newly labelled pictures, a folder for each class",
        "set": SET_HELP,
        "gate": GATE_HELP,
        "algorithm": ALGORITHM_HELP,
        "instance-type": INSTANCE_HELP,
        "strategy": STRATEGY_HELP,
        "bake": BAKE_HELP,
        "restart": "forget an unfinished retraining",
        "dry-run": "show what would be done, and do nothing",
    },
    iterable=["set", "gate"],
)
@friendly
def retrain(
    _: Context,
    set: list[str],
    gate: list[str],
    env: str = DEFAULT_ENV,
    add: str | None = None,
    algorithm: str = EFFICIENTNET,
    instance_type: str | None = None,
    strategy: str = CANARY,
    bake: str | None = None,
    restart: bool = False,
    dry_run: bool = False,
) -> None:
    """Train again, and deploy what the gate approves; resumes when killed."""
    request = retrain_module.Request(add, algorithm, instance_type, settings(set))
    rule = Rule.with_settings(gate)
    environment, screen = use(env), Screen()

    def rollout(provisioned: pipeline.Provisioned) -> Rollout:
        return release.rollout_of(environment, provisioned, strategy, seconds(bake))

    if dry_run:
        for line in retrain_module.describe(environment, request, rule, rollout, restart):
            screen.print(f"  {line}")
        return
    ended = retrain_module.retrain(environment, screen, request, rule, rollout, restart=restart)
    tables.show_retraining(screen, ended)
    if ended.outcome is None:
        again = f"Then run `{environment.command('retrain')}` again."
        raise Exit(f"The live model stays for now. {ended.reason} {again}", code=1)
    if ended.outcome != retrain_module.DEPLOYED:
        raise Exit(f"The live model stays: {ended.outcome}. {ended.reason}", code=1)
