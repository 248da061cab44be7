"""What Terraform provisions, and everything at once."""

import sys
from pathlib import Path

from invoke import Context, Exit, task
from rich.console import Console

from scripts import deploy as deploy_module
from scripts import pipeline
from scripts.commands import (
    ALGORITHM_HELP,
    DEFAULT_ENV,
    ENV_HELP,
    GATE_HELP,
    INSTANCE_HELP,
    SET_HELP,
    confirm,
    friendly,
    settings,
    use,
)
from scripts.console import Screen
from scripts.cost.estimate import Assumptions
from scripts.environment import (
    ROOT,
)
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.provisioning import package
from scripts.provisioning.destroy import describe_left
from scripts.review import comment, review
from scripts.review.wording import masked
from scripts.serving.endpoint import INSTANCE_TYPE
from scripts.training.train import EFFICIENTNET


@task(name="package", help={"target": "aws or local"})
@friendly
def package_task(_: Context, target: str = "aws") -> None:
    """Build the Lambda zips and the layer, reproducibly."""
    targets = {item.name: item for item in (package.AWS_TARGET, package.LOCAL_TARGET)}
    if target not in targets:
        raise UserError(f"There is no target '{target}': use aws or local.")
    for path in package.build(targets[target]).values():
        print(f"{path.stat().st_size / 1e3:10,.1f} KB  {path.relative_to(ROOT)}")


@task(
    help={
        "env": ENV_HELP,
        "markdown": "a file to write the review to, as a comment of a pull request",
        "json": "a file to write the review to, for machines; without one, nothing else is shown",
        "raw": "show Terraform's own words, too",
    },
    optional=["json"],
)
@friendly
def plan(
    _: Context,
    env: str = DEFAULT_ENV,
    markdown: str | None = None,
    json: str | bool = False,
    raw: bool = False,
) -> None:
    """Show what applying would change, dangers first; exit 0 for nothing, 2 for changes."""
    environment = use(env)
    only_json = json is True
    pipeline.build_packages(environment, Screen(Console(stderr=only_json, highlight=False)))
    made = pipeline.plan(environment)
    found = review.review(environment.name, made.document, Assumptions(instance_type=INSTANCE_TYPE))
    if raw:
        print(masked(made.text), file=sys.stderr if only_json else sys.stdout)
    print(comment.document(found) if only_json else comment.text(found))
    if markdown:
        Path(markdown).write_text(comment.markdown(found), "utf-8")
    if isinstance(json, str):
        Path(json).write_text(comment.document(found), "utf-8")
    if made.code:
        raise Exit(code=made.code)


@task(help={"env": ENV_HELP})
@friendly
def apply(_: Context, env: str = DEFAULT_ENV) -> None:
    """Package, and make the environment what the configuration says."""
    environment, screen = use(env), Screen()
    pipeline.build_packages(environment, screen)
    provisioned = pipeline.provision(environment, screen)
    for name, value in provisioned.outputs.items():
        screen.print(f"  {name} = {value}")


@task(
    help={
        "env": ENV_HELP,
        "source": "see `invoke --help stage`",
        "set": SET_HELP,
        "gate": GATE_HELP,
        "algorithm": ALGORITHM_HELP,
        "instance-type": INSTANCE_HELP,
    },
    iterable=["set", "gate"],
)
@friendly
def deploy(
    _: Context,
    set: list[str],
    gate: list[str],
    env: str = DEFAULT_ENV,
    source: str | None = None,
    algorithm: str = EFFICIENTNET,
    instance_type: str | None = None,
) -> None:
    """Everything: package, apply, stage, train, evaluate, gate, endpoint, apply."""
    environment, rule = use(env), Rule.with_settings(gate)
    folder = Path(source) if source else None
    deploy_module.deploy(
        environment,
        Screen(),
        lambda step, labels: pipeline.read_dataset(step, folder, labels),
        hyperparameters=settings(set),
        algorithm=algorithm,
        instance_type=instance_type,
        rule=rule,
    )


@task(help={"env": ENV_HELP, "yes": "do not ask"})
@friendly
def destroy(_: Context, env: str = DEFAULT_ENV, yes: bool = False) -> None:
    """Remove everything of an environment, data included; show what is left."""
    environment, screen = use(env), Screen()
    if not yes and not environment.is_local:
        confirm(f"This deletes every picture, model and record of '{env}'.", answer=env)
    remaining = pipeline.destroy(environment, screen)
    for item in remaining:
        screen.print(f"  left: {describe_left(item)}")
    if remaining:
        raise Exit("Something is left; see above.", code=1)
