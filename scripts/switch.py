"""Switch the endpoint off for a while, and on again: it is what costs money when nobody uses it.

While it is off, uploads wait in their bucket: the rule that starts an execution is off, too, and so
are the monitor's schedule and the actions of alarms. Both directions go on where they were killed.
"""

from dataclasses import replace

from scripts import pipeline
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation.workflow import INCOMING
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint


def stop(environment: Environment, provisioned: Provisioned, screen: Screen) -> None:
    """Stop taking uploads, then delete the endpoint.

    Raises UserError when there is none, and while somebody else changes it.
    """
    with deployment.change(provisioned.bucket, "stop of the endpoint"):
        _stop(environment, provisioned, screen)


def start(environment: Environment, provisioned: Provisioned, screen: Screen) -> None:
    """Create the endpoint as it was, then take uploads again.

    Raises UserError when it is on, and while somebody else changes it.
    """
    with deployment.change(provisioned.bucket, "start of the endpoint"):
        _start(environment, provisioned, screen)


def _stop(environment: Environment, provisioned: Provisioned, screen: Screen) -> None:
    live = deployment.require(provisioned.bucket)
    config = live.stopped_config or endpoint.config_of(environment)
    if config is None:
        raise UserError(
            f"The endpoint {live.endpoint_name} is gone. Run: {environment.command('endpoint')}"
        )
    deployment.save(provisioned.bucket, replace(live, stopped_config=config))
    pipeline.provision(environment, screen, "pause", "Pause the workflow")
    with screen.step("stop", "Stop the endpoint") as step:
        endpoint.stop(environment, config, step.say)
        step.result = "it costs nothing any more; uploads wait in their bucket"
    screen.print(f"On again: {environment.command('endpoint.start')}")


def _start(environment: Environment, provisioned: Provisioned, screen: Screen) -> None:
    live = deployment.require(provisioned.bucket)
    if live.stopped_config is None:
        raise UserError(f"The endpoint {live.endpoint_name} is not switched off.")
    with screen.step("start", "Start the endpoint") as step:
        endpoint.start(environment, live.stopped_config, live.labels, step.say)
        step.result = f"{live.endpoint_name} in service"
    deployment.save(provisioned.bucket, replace(live, stopped_config=None))
    pipeline.provision(environment, screen, "resume", "Resume the workflow")
    where = f"s3://{provisioned.outputs['uploads_bucket']}/{INCOMING}"
    screen.print(f"What was uploaded meanwhile: {environment.command(f'batch {where}')}")
