"""This machine: setting it up, the demo, and the local cloud."""

import sys
from pathlib import Path

from invoke import Context, Exit, task

from scripts import tables
from scripts.commands import (
    GATE_HELP,
    SET_HELP,
    friendly,
    settings,
    use,
)
from scripts.console import Screen
from scripts.demo import lifetime, story
from scripts.environment import (
    LOCAL,
    LOCAL_CLOUD,
)
from scripts.evaluation.gate import Rule
from scripts.localcloud import control
from scripts.provisioning import terraform_release


@task
@friendly
def setup(_: Context) -> None:
    """Find Terraform, or download the pinned release and check it."""
    binary = terraform_release.find()
    version = ".".join(map(str, terraform_release.version(binary)))
    print(f"Ready: Python {sys.version.split()[0]}, Terraform {version}")


@task(
    help={
        "keep": "leave everything running, to look around",
        "source": "another data set: see `invoke stage`",
        "set": SET_HELP,
        "gate": GATE_HELP,
        "out": "folder for summary.json and report.html",
    },
    iterable=["set", "gate"],
)
@friendly
def demo(
    _: Context,
    set: list[str],
    gate: list[str],
    keep: bool = False,
    source: str | None = None,
    out: str = str(story.FOLDER),
) -> None:
    """Run the whole workflow on this machine, and remove it again."""
    lifetime.end_with_make()
    screen, folder, rule = Screen(), Path(out), Rule.with_settings(gate)
    with lifetime.only_one(LOCAL_CLOUD.with_name(f"{LOCAL_CLOUD.name}-demo.lock")):
        if control.down():
            screen.print("Stopped the local cloud that an earlier command had left running.")
        with screen.step("cloud", "Start the local cloud") as step:
            cloud = control.up(detached=keep)
            step.result = cloud.endpoints["AWS_ENDPOINT_URL"]
        try:
            summary = story.run(
                use(LOCAL),
                screen,
                Path(source) if source else None,
                keep=keep,
                hyperparameters=settings(set),
                rule=rule,
                folder=folder,
            )
        finally:
            if not keep:
                control.down()
    tables.show_demo(screen, summary, folder, keep)
    if problems := story.problems(summary):
        raise Exit(f"Error: {problems}", code=1)


@task
@friendly
def cloud_up(_: Context) -> None:
    """Start AWS on this machine: loopback only, no account, no Docker."""
    cloud = control.up()
    print(f"The local cloud is running (process {cloud.pid}):")
    for name, url in cloud.endpoints.items():
        print(f"  {name}={url}")


@task
@friendly
def cloud_down(_: Context) -> None:
    """Stop the local cloud; everything in it is gone."""
    print("Stopped." if control.down() else "The local cloud was not running.")


@task
@friendly
def cloud_status(_: Context) -> None:
    """Say whether the local cloud is running, and where."""
    cloud = control.find()
    print(f"Running, process {cloud.pid}." if cloud else "Not running. Start it: invoke cloud.up")
