"""A load as drivers would make it."""

import json
from pathlib import Path

from invoke import Context, Exit, task

from scripts import pipeline
from scripts.commands import DEFAULT_ENV, ENV_HELP, confirm, friendly, number, use
from scripts.console import Screen
from scripts.environment import BUILD
from scripts.errors import UserError
from scripts.traffic import outcome, pictures, plan
from scripts.traffic import run as load
from scripts.traffic.run import Load


@task(
    help={
        "env": ENV_HELP,
        "rate": "pictures in a second, minute or hour, such as 20/s, 300/m, 1000/h",
        "minutes": "for how long",
        "rhythm": f"how they are spread: {', '.join(plan.RHYTHMS)} (24 hours in those minutes)",
        "burst": "send this many at once; --rate and --minutes are ignored",
        "mix": "shares of other pictures, as kind=share: a class, "
        f"{', '.join([*pictures.DRIFTED, pictures.HOSTILE_KIND])}",
        "to": "workflow: uploads; endpoint: straight to the model, without the workflow",
        "at-once": "uploads on their way at the same time, at most",
        "out": "file to write the result to, as JSON",
        "seed": "seed for the order and times of the pictures; the same seed sends the same",
        "yes": "do not ask",
    }
)
@friendly
def traffic(
    _: Context,
    env: str = DEFAULT_ENV,
    rate: str = "5/s",
    minutes: str = "1",
    rhythm: str = "steady",
    burst: int = 0,
    mix: str = "",
    to: str = plan.WORKFLOW,
    at_once: int = 32,
    out: str | None = None,
    seed: int = 0,
    yes: bool = False,
) -> None:
    """Send pictures as drivers would, and say what became of them and how soon."""
    seconds = 60 * number(minutes, "minutes")
    due = plan.burst(burst) if burst else plan.stream(plan.rate_of(rate), seconds, rhythm, seed)
    if to not in plan.TARGETS:
        raise UserError(f"Nothing is called '{to}' here. Send to: {', '.join(plan.TARGETS)}.")
    if at_once < 1:
        raise UserError(f"With {at_once} at once nothing is sent. Give 1 or more.")
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    with screen.step("pictures", "Test pictures") as step:
        classes, splits = pipeline.read_current_dataset(
            provisioned.bucket, pipeline.progress_of(step)
        )
        labelled: dict[str, list[bytes]] = {name: [] for name in classes}
        for sample in splits.test:
            labelled[classes[sample.label]].append(sample.data)
        if missing := [name for name, found in labelled.items() if not found]:
            raise UserError(f"No test picture of {', '.join(missing)} is staged. Add some.")
        shares = plan.mix_of(mix, pictures.known(classes))
        step.result = f"{len(splits.test)} of {len(classes)} classes"
    if not environment.is_local and not yes:
        told = "; other systems are told of the decisions" if to == plan.WORKFLOW else ""
        confirm(f"This sends {len(due):,} pictures to the {to} of '{env}'{told}.")
    asked = Load(to, due, plan.kinds(len(due), shares, classes, seed), seed, at_once)
    with screen.step("traffic", "Traffic") as step:
        result = load.run(environment, provisioned.outputs, labelled, asked, step.progress)
        step.result = f"{result['sent']:,} pictures, {result['rate'] or 0:g}/s"
    path = Path(out) if out else BUILD / env / "traffic.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    screen.table(*outcome.TIMES_COLUMNS, rows=outcome.times_rows(result))
    screen.table(*outcome.PARTS_COLUMNS, rows=outcome.parts_rows(result))
    for line in outcome.describe(result):
        screen.print(line)
    # What the endpoint does not take is lost; an upload that is not taken never was there.
    lost = result["lost"] + (result["not_sent"] if to == plan.WORKFLOW else 0)
    if lost:
        raise Exit(f"{lost:,} pictures were lost or not taken; see {path}.", code=1)
