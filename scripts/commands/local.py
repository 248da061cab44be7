"""This machine: setting it up, the demo, and the local cloud."""

import math
import sys
import time
from pathlib import Path

from invoke import Context, Exit, task

from scripts import tables
from scripts.commands import (
    GATE_HELP,
    SET_HELP,
    friendly,
    number,
    settings,
    use,
)
from scripts.console import Screen
from scripts.demo import lifetime, story
from scripts.environment import (
    LOCAL,
    LOCAL_CLOUD,
)
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.localcloud import control, faults
from scripts.localcloud.faults import Fault
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
        "source": "another data set: see `invoke --help stage`",
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


@task
@friendly
def cloud_faults(_: Context) -> None:
    """Show every fault that can be caused in the local cloud."""
    rows: list[tuple[str, ...]] = [
        (kind, at, text) for at, kinds in faults.KINDS.items() for kind, text in kinds.items()
    ]
    Screen().table("Fault", "At", "What happens", rows=rows)


@task(
    positional=["kind"],
    help={
        "kind": "such as throttle: see `invoke cloud.faults`",
        "at": "operation that goes wrong",
        "of": "only requests that hold this text, such as a name",
        "share": "share of the calls, above 0 and up to 1",
        "seconds": "how long; until `invoke cloud.heal` by default",
        "body": "what an answer of the kind nonsense says",
    },
)
@friendly
def cloud_fault(
    _: Context,
    kind: str,
    at: str = "InvokeEndpoint",
    of: str = "",
    share: str = "1",
    seconds: str | None = None,
    body: str | None = None,
) -> None:
    """Cause a fault in the local cloud, to see what the safeguards make of it."""
    lasting_s = number(seconds, "seconds") if seconds else math.inf
    fault = Fault(at, kind, number(share, "share"), time.time() + lasting_s, of, body)
    faults.cause(running_cloud(), fault)
    end = "until `invoke cloud.heal`" if lasting_s == math.inf else f"for {lasting_s:g} s"
    print(f"From now on, {end}: {faults.KINDS[at][kind]}.")


@task
@friendly
def cloud_heal(_: Context) -> None:
    """End every fault that was caused in the local cloud."""
    print(f"Faults ended: {faults.heal(running_cloud())}")


def running_cloud() -> Path:
    """The folder of the local cloud. Raises UserError when none is running there."""
    if control.find() is None:
        raise UserError("The local cloud is not running. Start it: invoke cloud.up")
    return LOCAL_CLOUD
