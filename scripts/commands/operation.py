"""What is served: single answers, what failed, the report, and removing an upload."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from invoke import Context, Exit, task

from scripts import pipeline
from scripts.commands import DEFAULT_ENV, ENV_HELP, confirm, friendly, seconds, use
from scripts.console import Screen
from scripts.environment import BUILD
from scripts.errors import UserError
from scripts.operation import failures, monitoring, queues, workflow
from scripts.operation import forget as forget_module
from scripts.operation import redrive as redrive_module
from scripts.operation import watch as watch_module
from scripts.operation.failures import Failure
from scripts.report import ReportData
from scripts.serving import deployment

_FAILURES_SHOWN = 1000


@task(positional=["photo"], help={"photo": "a JPEG, PNG or WebP file", "env": ENV_HELP})
@friendly
def classify(_: Context, photo: str, env: str = DEFAULT_ENV) -> None:
    """Classify one photo through the deployed workflow."""
    environment = use(env)
    outputs = pipeline.open_provisioned(environment).outputs
    print(workflow.describe_answer(workflow.classify(environment, outputs, Path(photo))))


@task(
    help={
        "env": ENV_HELP,
        "since": "period, such as 30m, 24h or 7d",
        "out": "file to write",
        "watch": "write it again and again, until Ctrl-C; the page follows by itself",
        "every": "with --watch: seconds from one writing to the next",
    }
)
@friendly
def report(
    _: Context,
    env: str = DEFAULT_ENV,
    since: str = "24h",
    out: str | None = None,
    watch: bool = False,
    every: str = "30",
) -> None:
    """Write the monitoring report, one HTML file, from captured data and the monitor's windows."""
    period = monitoring.parse_period(since)
    every_s = seconds(every)
    if not every_s:
        raise UserError("--every 0 would never rest: give a second or more.")
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    path = Path(out) if out else BUILD / env / "report.html"

    def make() -> ReportData:
        deployed = deployment.require(provisioned.bucket)
        return monitoring.gather(
            environment,
            provisioned.outputs,
            provisioned.bucket,
            deployed,
            datetime.now(UTC) - period,
        )

    def tell(data: ReportData) -> None:
        print(f"{monitoring.describe(data)}: {path}")

    if watch:
        monitoring.watch(make, path, every_s, tell)
        return
    data = make()
    monitoring.write(data, path)
    tell(data)


@task(help={"env": ENV_HELP})
@friendly
def monitor(_: Context, env: str = DEFAULT_ENV) -> None:
    """Have the monitor look at once at what was captured since the last time."""
    environment, screen = use(env), Screen()
    record = watch_module.watch(environment, pipeline.open_provisioned(environment).outputs)
    if record is None:
        screen.print("There is nothing to look at yet. Run this again in a few minutes.")
        return
    for line in watch_module.describe(record):
        screen.print(line)


@task(
    help={
        "env": ENV_HELP,
        "error": "only failures with this error, such as EndpointTimeout",
        "discard": "delete them instead, for what can never succeed",
        "yes": "do not ask",
    }
)
@friendly
def redrive(
    _: Context,
    env: str = DEFAULT_ENV,
    error: str | None = None,
    discard: bool = False,
    yes: bool = False,
) -> None:
    """Show what failed, and give each input another try, once."""
    environment, screen = use(env), Screen()
    outputs = pipeline.open_provisioned(environment).outputs
    url = outputs["failure_queue_url"]
    found = redrive_module.waiting(environment, url, error)
    if not found:
        held = queues.length(environment, url)
        what = f"with the error {error}" if error else "in the failure queue"
        others = f" {held} are held by somebody, or of other kinds: try again in some minutes."
        screen.print(f"Nothing waits {what}.{others if held else ''}")
        return
    shown = found[:_FAILURES_SHOWN]
    screen.table(*failures.COLUMNS, rows=[failures.row(failure) for failure in shown])
    if len(shown) < len(found):
        screen.print(f"These are the oldest; {len(found) - len(shown):,} more wait.")
    chosen = _asked_for(found, error, discard)
    verb = "Delete" if discard else "Replay"
    if len(chosen) < len(found):
        screen.print(f"{len(found) - len(chosen)} of them cannot be replayed; see --discard.")
    if not chosen:
        return
    if not yes:
        confirm(f"{verb} {len(chosen):,} of {len(found):,}?")
    ids = [failure.message.id for failure in chosen]
    if discard:
        settled = redrive_module.discard(environment, url, ids)
        screen.print(f"{settled:,} deleted.")
    else:
        with screen.step("redrive", "Redrive") as step:
            ended = redrive_module.redrive(
                environment, outputs, ids, lambda done, total: step.progress(done, total)
            )
            step.result = ", ".join(f"{count:,} {how}" for how, count in sorted(ended.items()))
        settled = sum(
            count for how, count in ended.items() if how not in redrive_module.STILL_WAITING
        )
    left = redrive_module.waiting(environment, url)
    if settled < len(ids) or _asked_for(left, error, discard):
        again = environment.command("redrive")
        raise Exit(
            f"{settled:,} of {len(ids):,} are done; {len(left):,} can be seen in the queue now. "
            f"`{again}` shows them, and after some minutes what gave no answer or is held by "
            "somebody.",
            code=1,
        )
    if left:
        screen.print(f"{len(left):,} others wait in the queue.")


def _asked_for(found: Iterable[Failure], error: str | None, discard: bool) -> list[Failure]:
    """Those with this error, if one is given, that can be replayed or are to be deleted."""
    return [
        failure
        for failure in found
        if error in (None, failure.error) and (discard or failure.input is not None)
    ]


@task(
    positional=["key"],
    help={"key": "of the upload, as in the bucket", "env": ENV_HELP, "yes": "do not ask"},
)
@friendly
def forget(_: Context, key: str, env: str = DEFAULT_ENV, yes: bool = False) -> None:
    """Remove one upload everywhere: picture, decisions, captures, messages."""
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    if not yes:
        confirm(f"This deletes {key} and all that is known of it in '{env}'.")
    with screen.step("forget", "Forget") as step:
        removed = forget_module.forget(
            environment,
            provisioned.outputs,
            provisioned.bucket,
            key,
            step.say,
        )
        step.result = (
            f"{removed.versions} versions, {removed.decisions} decisions, "
            f"{removed.captures} captured inferences, {removed.messages} messages"
        )
    if removed.unseen:
        screen.print(
            f"{removed.unseen} messages are held by somebody just now and were not looked at: "
            "run this again in some minutes."
        )
    screen.print("Out of reach:")
    for trace in forget_module.OUT_OF_REACH:
        screen.print(f"  {trace}")
