"""What can be done, as invoke tasks: each parses its arguments, calls scripts/, and prints."""

import errno
import functools
import os
import shlex
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from invoke import Collection, Context, Exit, task

from scripts import demo as demo_module
from scripts import deployment as deployment_module
from scripts import monitoring, package, pipeline, terraform, terraform_release, workflow
from scripts.console import Screen
from scripts.environment import (
    BUILD,
    LOCAL,
    LOCAL_CLOUD,
    ROOT,
    TERRAFORM,
    Environment,
    open_environment,
)
from scripts.errors import UserError
from scripts.localcloud import control

ENV_HELP = "environment: a file terraform/environments/<env>.tfvars; 'local' is this machine"
DEFAULT_ENV = LOCAL


def friendly(function: Callable[..., Any]) -> Callable[..., Any]:
    """End in one line for what a person can mend; SCONES_DEBUG=1 shows the traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # A cancelled job and a closed terminal end like Ctrl-C: what was begun is ended in order.
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) == signal.SIG_DFL:  # not under nohup
                signal.signal(signum, signal.default_int_handler)
        try:
            return function(*args, **kwargs)
        except UserError as error:
            if os.environ.get("SCONES_DEBUG"):
                traceback.print_exc()
            raise Exit(f"Error: {error}", code=1) from error
        except (BotoCoreError, ClientError) as error:
            if os.environ.get("SCONES_DEBUG"):
                traceback.print_exc()
            reason = " ".join(str(error).split())
            raise Exit(f"Error: AWS did not do as asked. {reason}", code=1) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise Exit(f"Error: {error}. Make room, then run this again.", code=1) from error
        except KeyboardInterrupt:
            raise Exit("Stopped. Run the same command again to go on.", code=130) from None

    return wrapper


def use(env: str) -> Environment:
    """Open the environment and make it this process's."""
    environment = open_environment(env, os.environ)
    environment.activate()
    return environment


def words(text: str) -> list[str]:
    """Comma-separated words."""
    return [word.strip() for word in text.split(",") if word.strip()]


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
        "set": "a hyperparameter, as name=value; may be repeated",
        "out": "folder for summary.json and report.html",
    },
    iterable=["set"],
)
@friendly
def demo(
    _: Context,
    set: list[str],
    keep: bool = False,
    source: str | None = None,
    out: str = str(demo_module.FOLDER),
) -> None:
    """Run the whole workflow on this machine, and remove it again."""
    demo_module.end_with_make()
    screen, folder = Screen(), Path(out)
    hyperparameters = dict(map(setting, set))
    with demo_module.only_one(LOCAL_CLOUD.with_name(f"{LOCAL_CLOUD.name}-demo.lock")):
        if control.down():
            screen.print("Stopped the local cloud that an earlier command had left running.")
        with screen.step("cloud", "Start the local cloud") as step:
            cloud = control.up(detached=keep)
            step.result = cloud.endpoints["AWS_ENDPOINT_URL"]
        try:
            summary = demo_module.run(
                use(LOCAL),
                screen,
                Path(source) if source else None,
                keep=keep,
                hyperparameters=hyperparameters,
                folder=folder,
            )
        finally:
            if not keep:
                control.down()
    show_summary(screen, summary, folder, keep)
    if problems := demo_module.problems(summary):
        raise Exit(f"Error: {problems}", code=1)


def show_summary(screen: Screen, summary: dict[str, Any], folder: Path, keep: bool) -> None:
    """The end of the demo: what came out, in a few calm lines."""
    counts, evaluation = summary["workflow"], summary["evaluation"]
    low, high = evaluation["accuracy_interval"]
    accepted = counts["accuracy_accepted"]
    screen.print()
    screen.table(
        "What",
        "Result",
        rows=[
            ("Accuracy on test", f"{evaluation['accuracy']:.3f}, 95 % {low:.3f} to {high:.3f}"),
            ("Threshold", f"{evaluation['threshold']:.4g}"),
            ("Uploads", f"{counts['uploaded']}"),
            (
                "  accepted",
                "0" if accepted is None else f"{counts['accepted']}, right: {accepted:.3f}",
            ),
            ("  for a person", f"{counts['review']}"),
            ("  rejected", f"{counts['rejected']}"),
            ("  failed, missing, twice", "{failed}, {missing}, {duplicates}".format(**counts)),
            ("Captured", f"{summary['capture']['records']} requests"),
            (
                "Left behind",
                "everything, as asked" if keep else str(summary["cleanup"]["remaining"]),
            ),
            ("Time", f"{summary['seconds']['total']:.0f} s"),
        ],
    )
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    screen.print(f"\nLook at {shown}/report.html; the figures are in {shown}/summary.json.")
    if keep:
        screen.print(
            "The local cloud is running. Try: invoke classify PHOTO, invoke report, "
            "invoke apply; stop it with: invoke cloud.down"
        )


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


@task(name="package", help={"target": "aws or local"})
@friendly
def package_task(_: Context, target: str = "aws") -> None:
    """Build the Lambda zips and the layer, reproducibly."""
    targets = {item.name: item for item in (package.AWS_TARGET, package.LOCAL_TARGET)}
    if target not in targets:
        raise UserError(f"There is no target '{target}': use aws or local.")
    for path in package.build(targets[target]).values():
        print(f"{path.stat().st_size / 1e3:10,.1f} KB  {path.relative_to(ROOT)}")


@task(help={"env": ENV_HELP})
@friendly
def plan(_: Context, env: str = DEFAULT_ENV) -> None:
    """Show what applying would change; exit 0 for nothing, 2 for changes."""
    environment = use(env)
    pipeline.build_packages(environment, Screen())
    code, text = pipeline.plan(environment)
    print(text)
    if code:
        raise Exit(code=code)


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
        "source": "folder of class folders, folder with .lst files, CIFAR-100 archive or parquet",
        "classes": "class names in label order, comma-separated",
        "seed": "chooses the validation part",
    }
)
@friendly
def stage(
    _: Context,
    env: str = DEFAULT_ENV,
    source: str | None = None,
    classes: str = ",".join(pipeline.CLASSES),
    seed: int = 0,
) -> None:
    """Bring labelled pictures to S3 as train, validation and test."""
    provisioned = pipeline.open_provisioned(use(env))
    folder = Path(source) if source else None
    pipeline.stage_data(provisioned, Screen(), folder, words(classes), seed)


@task(
    help={"env": ENV_HELP, "set": "a hyperparameter, as name=value; may be repeated"},
    iterable=["set"],
)
@friendly
def train(_: Context, set: list[str], env: str = DEFAULT_ENV) -> None:
    """Train a model on the staged data in a SageMaker training job."""
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    pipeline.train_model(environment, provisioned, Screen(), dict(map(setting, set)))


def setting(text: str) -> tuple[str, str]:
    """A `name=value` from the command line."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UserError(f"'{text}' is no setting. Write it as name=value.")
    return name, value


@task(
    help={
        "env": ENV_HELP,
        "job": "training job (the newest by default)",
        "target": "how often accepted pictures must be right, 0 to 1",
    }
)
@friendly
def evaluate(
    _: Context, env: str = DEFAULT_ENV, job: str | None = None, target: float = 0.97
) -> None:
    """Test a trained model and choose its confidence threshold."""
    if not 0 < target <= 1:
        raise UserError(f"The target {target:g} is no share. Give one between 0 and 1: 0.97.")
    environment, screen = use(env), Screen()
    provisioned = pipeline.open_provisioned(environment)
    _model, found = pipeline.evaluate_model(environment, provisioned, screen, job, target)
    rows = [
        (
            item.label,
            str(item.samples),
            "-" if item.precision is None else f"{item.precision:.3f}",
            "-" if item.recall is None else f"{item.recall:.3f}",
            *map(str, counts),
        )
        for item, counts in zip(found.by_class, found.confusion, strict=True)
    ]
    predicted = [f"called {label}" for label in found.labels]
    screen.table("True class", "n", "Precision", "Recall", *predicted, rows=rows)


@task(
    help={
        "env": ENV_HELP,
        "job": "training job (the newest by default)",
        "capture": "per cent of requests that are captured",
    }
)
@friendly
def endpoint(
    _: Context, env: str = DEFAULT_ENV, job: str | None = None, capture: int = 100
) -> None:
    """Put an evaluated model into service; apply afterwards."""
    if not 0 <= capture <= 100:
        raise UserError(f"{capture} is no percentage. Give 0 to 100.")
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    pipeline.deploy_endpoint(environment, provisioned, Screen(), job, capture)


@task(help={"env": ENV_HELP, "source": "see `invoke stage`", "classes": "see `invoke stage`"})
@friendly
def deploy(
    _: Context,
    env: str = DEFAULT_ENV,
    source: str | None = None,
    classes: str = ",".join(pipeline.CLASSES),
) -> None:
    """Everything: package, apply, stage, train, evaluate, endpoint, apply."""
    environment = use(env)
    pipeline.deploy(environment, Screen(), Path(source) if source else None, words(classes))


@task(positional=["photo"], help={"photo": "a JPEG, PNG or WebP file", "env": ENV_HELP})
@friendly
def classify(_: Context, photo: str, env: str = DEFAULT_ENV) -> None:
    """Classify one photo through the deployed workflow."""
    environment = use(env)
    outputs = pipeline.open_provisioned(environment).outputs
    print(demo_module.describe_answer(workflow.classify(environment, outputs, Path(photo))))


@task(help={"env": ENV_HELP, "since": "period, such as 30m, 24h or 7d", "out": "file to write"})
@friendly
def report(_: Context, env: str = DEFAULT_ENV, since: str = "24h", out: str | None = None) -> None:
    """Write the monitoring report, one HTML file, from captured data."""
    from datetime import UTC, datetime

    period = monitoring.parse_period(since)
    environment = use(env)
    provisioned = pipeline.open_provisioned(environment)
    deployed = deployment_module.load(provisioned.bucket)
    if deployed is None:
        raise UserError("No endpoint is deployed yet. Run: invoke endpoint")
    data = monitoring.gather(
        environment,
        provisioned.outputs,
        provisioned.bucket,
        deployed,
        datetime.now(UTC) - period,
    )
    path = Path(out) if out else BUILD / env / "report.html"
    monitoring.write(data, path)
    print(f"{data.captured_records} captured records, {len(data.outcomes)} executions: {path}")


@task(help={"env": ENV_HELP, "yes": "do not ask"})
@friendly
def destroy(_: Context, env: str = DEFAULT_ENV, yes: bool = False) -> None:
    """Remove everything of an environment, data included; show what is left."""
    environment, screen = use(env), Screen()
    if not yes and not environment.is_local:
        question = f"This deletes every picture, model and record of '{env}'. Type its name: "
        try:
            answer = input(question)
        except EOFError as error:
            raise UserError(
                "Nobody is there to answer, so nothing was removed. Add --yes."
            ) from error
        if answer != env:
            raise UserError("Nothing was removed.")
    remaining = demo_module.destroy_environment(environment, screen)
    for item in remaining:
        screen.print(f"  left: {item}")
    if remaining:
        raise Exit("Something is left; see above.", code=1)


@task
@friendly
def lint(_: Context) -> None:
    """Check formatting, style, types, and Terraform's own rules."""
    run("ruff format --check .")
    run("ruff check .")
    run("mypy")
    run("mypy --config-file ../../pyproject.toml .", ROOT / "scripts" / "algorithm")
    run(shlex.join([str(terraform_release.find()), "fmt", "-check", "-recursive", str(TERRAFORM)]))
    terraform.validate()


@task(help={"only": "unit, integration or e2e"})
@friendly
def test(_: Context, only: str = "") -> None:
    """Run the tests: unit, integration, Terraform's, end to end."""
    # By file, so that what a module's tests share (a running cloud, a demo) is made once.
    run(f"pytest -n 2 --dist loadfile {f'tests/{only}' if only else 'tests'}")


@task(help={"demo": "time a warm `make demo`, too", "cold": "time a cold one, too"})
@friendly
def bench(_: Context, demo: bool = False, cold: bool = False) -> None:
    """Measure what the README claims, into build/bench.json."""
    options = [option for option, on in (("--demo", demo), ("--cold", cold)) if on]
    run(" ".join(["python", "tests/benchmarks/bench.py", *options]))


def run(command: str, folder: Path = ROOT) -> None:
    """Run a tool of the virtual environment; its failure is the task's."""
    print(f"$ {command}", flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path}
    code = subprocess.run(shlex.split(command), cwd=folder, env=environment, check=False).returncode
    if code:
        raise Exit(code=code)


cloud = Collection("cloud")
cloud.add_task(cloud_up, "up")  # type: ignore[arg-type]
cloud.add_task(cloud_down, "down")  # type: ignore[arg-type]
cloud.add_task(cloud_status, "status")  # type: ignore[arg-type]

namespace = Collection(
    setup,
    demo,
    package_task,
    plan,
    apply,
    stage,
    train,
    evaluate,
    endpoint,
    deploy,
    classify,
    report,
    destroy,
    lint,
    test,
    bench,
    cloud,
)
