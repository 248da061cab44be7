"""What it costs."""

from pathlib import Path

from invoke import Context, task

from scripts import pipeline
from scripts.commands import DEFAULT_ENV, ENV_HELP, friendly, number, use
from scripts.console import Screen
from scripts.cost import wording
from scripts.cost.estimate import Assumptions, monthly, resources_of
from scripts.errors import UserError
from scripts.serving.endpoint import INSTANCE_TYPE


@task(
    help={
        "env": ENV_HELP,
        "pictures-per-day": "how many uploads, such as 10000",
        "instances": "that serve all the time (the least that the scaling allows)",
        "instance-type": "such as ml.m5.large",
        "markdown": "a file to write the tables to",
    }
)
@friendly
def cost(
    _: Context,
    env: str = DEFAULT_ENV,
    pictures_per_day: str = "10000",
    instances: int = 0,
    instance_type: str = INSTANCE_TYPE,
    markdown: str | None = None,
) -> None:
    """Estimate a month on AWS with an endpoint: what is paid without a picture first."""
    pictures = number(pictures_per_day, "pictures-per-day")
    if pictures < 1:
        raise UserError("Give a picture a day or more: --pictures-per-day 10000")
    wording.check_instance_type(instance_type)
    environment, screen = use(env), Screen()
    pipeline.build_packages(environment, screen)
    planned = pipeline.plan(environment, endpoint_to_be=environment.prefix).document
    assumed = Assumptions(pictures, instance_type, instances or None)
    found = monthly(resources_of(planned["planned_values"]["root_module"]), assumed)
    screen.table(*wording.COLUMNS, rows=wording.rows(found))
    for line in wording.conclusion(found, environment.region):
        screen.print(line)
    if markdown:
        Path(markdown).write_text(wording.markdown(found, environment.region), "utf-8")
