"""For those who change the project."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from invoke import Context, Exit, task

from scripts import pipeline
from scripts.commands import DEFAULT_ENV, ENV_HELP, friendly, use
from scripts.console import Screen
from scripts.cost.estimate import resources_of
from scripts.documents import picture, variables
from scripts.environment import ROOT, TERRAFORM
from scripts.provisioning import terraform, terraform_release
from scripts.security import run as checked

DOCS = ROOT / "docs"


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
    # Hundreds of processes run the same modules: each would compile them anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Six processes keep two processors busy: the longest stories wait half of their time.
    run(f"pytest -n 6 {f'tests/{only}' if only else 'tests'}")


@task(help={"env": ENV_HELP, "check": "write nothing, and end in 1 where a page differs"})
@friendly
def documents(_: Context, env: str = DEFAULT_ENV, check: bool = False) -> None:
    """Write the pages made from the code: variables, and a picture of what is deployed."""
    environment, screen = use(env), Screen()
    pipeline.open_provisioned(environment)
    planned = pipeline.plan(environment).document["planned_values"]["root_module"]
    architecture = DOCS / "architecture.md"
    pages = {
        DOCS / "variables.md": variables.page(),
        architecture: picture.within(
            architecture.read_text("utf-8"), picture.mermaid(resources_of(planned))
        ),
    }
    changed = [path for path, text in pages.items() if path.read_text("utf-8") != text]
    for path in changed:
        screen.print(f"{path.relative_to(ROOT)} {'differs' if check else 'is written'}.")
        if not check:
            path.write_text(pages[path], "utf-8")
    if not changed:
        screen.print("The pages are as the code is.")
    if check and changed:
        raise Exit("Run: invoke documents", code=1)


@task
@friendly
def security(_: Context) -> None:
    """Check permissions, configuration, workflow and dependencies, into build/security.json."""
    screen = Screen()
    reports = checked.run(screen)
    screen.print(checked.summary(reports))
    if checked.is_failure(reports):
        raise Exit(code=1)


@task(
    help={
        "uploads": "how many, one in five of them hostile",
        "rate": "uploads a second",
    }
)
@friendly
def soak(_: Context, uploads: int = 2000, rate: int = 8) -> None:
    """Use the workflow hard for some minutes; nothing may be lost, twice or wrong."""
    run(f"python tests/soak/soak.py --uploads {uploads} --rate {rate}")


@task(help={"only": "only faults whose name holds this text"})
@friendly
def gameday(_: Context, only: str = "") -> None:
    """Cause every fault for real, and see every safeguard work: a quarter of an hour."""
    run(shlex.join(["python", "tests/gameday/gameday.py", "--only", only]))


@task(
    help={
        "model": "train nine models: ten minutes",
        "demo": "time a warm `make demo`, too",
        "cold": "time `make demo` in a fresh clone, too",
    }
)
@friendly
def bench(_: Context, model: bool = False, demo: bool = False, cold: bool = False) -> None:
    """Measure speed, memory and drift detection, into build/bench.json."""
    chosen = (("--model", model), ("--demo", demo), ("--cold", cold))
    options = [option for option, on in chosen if on]
    run(" ".join(["python", "tests/benchmarks/bench.py", *options]))


def run(command: str, folder: Path = ROOT) -> None:
    """Run a tool of the virtual environment; its failure is the task's."""
    print(f"$ {command}", flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path}
    code = subprocess.run(shlex.split(command), cwd=folder, env=environment, check=False).returncode
    if code:
        raise Exit(code=code)
