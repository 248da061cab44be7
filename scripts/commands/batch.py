"""Many pictures at once."""

from invoke import Context, Exit, task

from scripts import pipeline
from scripts.commands import DEFAULT_ENV, ENV_HELP, friendly, use
from scripts.console import Screen
from scripts.operation import batch as batch_module
from scripts.operation.batch import State


@task(
    name="run",
    positional=["source"],
    help={
        "source": "s3://BUCKET/PREFIX of the uploads bucket, a manifest (.jsonl), or a folder",
        "env": ENV_HELP,
        "wait": "follow it to its end; --no-wait leaves it to batch.status",
        "beside": "start it although another one runs: they must name different pictures",
    },
)
@friendly
def run(
    _: Context, source: str, env: str = DEFAULT_ENV, wait: bool = True, beside: bool = False
) -> None:
    """Classify many pictures: those that have no decision yet."""
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    with screen.step("prepare", "Prepare") as step:
        batch = batch_module.start(
            environment, provisioned.outputs, provisioned.bucket, source, step.say, beside=beside
        )
        step.result = f"{batch.asked:,} pictures, {batch.decided:,} of them have a decision"
    if not batch.pending:
        screen.print("There is nothing left to classify.")
        return
    status = environment.command(f"batch.status --id {batch.id}")
    screen.print(f"Batch {batch.id}. It runs on without this command: {status}")
    if not wait:
        return
    with screen.step("classify", "Classify") as step:
        ended = batch_module.follow(
            environment, provisioned.outputs, provisioned.bucket, batch.id, step.progress
        )
        step.result = f"{ended.classified:,} of {ended.total:,}, {ended.failed:,} failed"
    _tell(environment.command("redrive"), provisioned, screen, ended)


@task(help={"id": "of one batch; without it, the newest are listed", "env": ENV_HELP})
@friendly
def status(_: Context, id: str | None = None, env: str = DEFAULT_ENV) -> None:
    """Show how far a batch is, and what came of it."""
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    ids = [id] if id else batch_module.latest(environment, provisioned.outputs)
    if not ids:
        screen.print(f"There is no batch yet: {environment.command('batch SOURCE')}")
        return
    states = [
        batch_module.state(environment, provisioned.outputs, provisioned.bucket, item)
        for item in ids
    ]
    screen.table(
        *("Batch", "Status", "Classified", "Failed", "Of", "Seconds"),
        rows=[
            (
                *(item.id, item.status),
                *(f"{count:,}" for count in (item.classified, item.failed, item.total)),
                f"{item.seconds:,.0f}",
            )
            for item in states
        ],
    )
    if id and not states[0].is_running:
        _tell(environment.command("redrive"), provisioned, screen, states[0])


def _tell(redrive: str, provisioned: pipeline.Provisioned, screen: Screen, ended: State) -> None:
    """What came of it; ends in 1 where pictures have no decision."""
    found = batch_module.summary(provisioned.bucket, ended)
    for line in batch_module.describe(found):
        screen.print(line)
    if found["failed"] or found["missing"]:
        raise Exit(
            "The same batch again takes what has no decision. What failed by itself, and not with "
            f"its group, waits in the failure queue, too: {redrive}",
            code=1,
        )
