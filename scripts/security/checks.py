"""Every check of `make security`, in order: each runs its tool and returns a report."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from scripts.environment import ROOT, TERRAFORM
from scripts.errors import UserError
from scripts.security import definition, report, results, toolbox
from scripts.security.report import Report

WORKFLOWS = ROOT / ".github" / "workflows"
EXCLUSIONS = ROOT / "scripts" / "security" / "cloudsplaining.yaml"
# What is installed somewhere: here, in the layer, and in SageMaker's containers.
PINNED = [
    ROOT / "requirements.txt",
    ROOT / "lambdas" / "requirements.txt",
    ROOT / "lambdas" / "monitor" / "requirements.txt",
    ROOT / "scripts" / "algorithm" / "requirements.txt",
]
AUDIT_TIMEOUT_S = 10


def permissions() -> Report:
    """Ask IAM every question of the matrix; writes the rendered policies for those that follow."""
    # What an earlier run left must not be taken for the result of this one.
    results.FILE.unlink(missing_ok=True)
    for old in results.POLICIES.glob("*.json"):
        old.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration/security"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "10000"},  # or the summary is cut off
        capture_output=True,
        text=True,
        check=False,
    )
    matrix = results.read().get("matrix", {"rows": []})
    found = report.of_pytest(done.stdout, len(matrix["rows"]))
    if done.returncode and not found.findings:
        raise UserError(f"The tests of permissions did not run. {toolbox.last_line(done)}")
    return found


def workflow() -> Report:
    """Check the definition of every state machine, and every expression beside them."""
    definitions = {
        path.name: definition.read(path) for path in sorted(TERRAFORM.rglob("*.asl.json"))
    }
    findings = [
        f"{name}: {problem}"
        for name, machine in definitions.items()
        for problem in definition.problems(machine)
    ]
    files = sorted(TERRAFORM.rglob("*.jsonata"))
    for path in files:
        if mistake := definition.mistake(definition.filled(path.read_text("utf-8"))):
            findings.append(f"{path.name}: {mistake}")
    expressions = sum(map(definition.expressions, definitions.values())) + len(files)
    checked = f"{len(definitions)} definitions, {expressions} expressions" if definitions else ""
    return Report(checked, findings)


def configuration() -> Report:
    """Run checkov on Terraform's files."""
    done = toolbox.run(
        *("checkov", "--directory", str(TERRAFORM), "--framework", "terraform"),
        *("--skip-download", "--compact", "--quiet", "--output", "json"),
    )
    with _readable("checkov", done):
        return report.of_checkov(done.stdout)


def policies() -> Report:
    """Run parliament on the rendered policies."""
    done = toolbox.run(
        *("parliament", "--directory", str(results.POLICIES)),
        *("--include_policy_extension", "json", "--json"),
    )
    with _readable("parliament", done):
        # It ends in 1 when it has found something, and as any Python program when it breaks.
        if done.returncode and not done.stdout.strip():
            raise ValueError("no output")
        return report.of_parliament(done.stdout, len(_rendered()))


def risks() -> Report:
    """Run cloudsplaining on each rendered policy."""
    outputs = {}
    for path in _rendered():
        done = toolbox.run(
            *("cloudsplaining", "scan-policy-file", "--input-file", str(path)),
            *("--exclusions-file", str(EXCLUSIONS)),
        )
        if done.returncode:
            raise UserError(f"cloudsplaining failed. {toolbox.last_line(done)}")
        outputs[path.stem] = done.stdout
    return report.of_cloudsplaining(outputs)


def workflows() -> Report:
    """Run zizmor on GitHub's workflows."""
    done = toolbox.run("zizmor", "--offline", "--format", "json", str(WORKFLOWS))
    with _readable("zizmor", done):
        return report.of_zizmor(done.stdout, len(_workflows()))


def schema() -> Report:
    """Compare GitHub's workflows with their schema, which check-jsonschema brings along."""
    done = toolbox.run(
        *("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        *("--output-format", "json", *_workflows()),
    )
    with _readable("check-jsonschema", done):
        return report.of_check_jsonschema(done.stdout, len(_workflows()))


def _workflows() -> list[str]:
    return sorted(str(path) for path in WORKFLOWS.glob("*.yml"))


def dependencies() -> Report:
    """Run pip-audit on the pinned dependencies, if its service knows the first one of them."""
    lines = chain.from_iterable(path.read_text("utf-8").splitlines() for path in PINNED)
    first = next(line for line in lines if "==" in line)
    results.FOLDER.mkdir(parents=True, exist_ok=True)
    probe = results.FOLDER / "first-dependency.txt"
    probe.write_text(f"{first}\n", "utf-8")
    found = _audit(str(probe))
    return found if found.verdict == "could not run" else _audit(*map(str, PINNED))


def _audit(*files: str) -> Report:
    done = toolbox.run(
        *("pip-audit", "--no-deps", "--disable-pip", "--format", "json"),
        *("--progress-spinner", "off", "--timeout", str(AUDIT_TIMEOUT_S)),
        *chain.from_iterable(("--requirement", file) for file in files),
    )
    try:
        return report.of_pip_audit(done.stdout)
    except ValueError:
        # Without a network, or with a proxy in between, it has nothing to say.
        return Report(obstacle=toolbox.last_line(done))


def _rendered() -> list[Path]:
    return sorted(results.POLICIES.glob("*.json"))


@contextmanager
def _readable(tool: str, done: "subprocess.CompletedProcess[str]") -> Iterator[None]:
    """An answer that cannot be read is the tool's failure."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise UserError(f"{tool} failed. {toolbox.last_line(done)}") from error


# Title and check; those that need the tools come last, and those that read policies after the one
# that writes them.
ALL: dict[str, tuple[str, Callable[[], Report]]] = {
    "matrix": ("Who may do what", permissions),
    "state machine": ("State machines", workflow),
    "checkov": ("checkov", configuration),
    "parliament": ("parliament", policies),
    "cloudsplaining": ("cloudsplaining", risks),
    "zizmor": ("zizmor", workflows),
    "schema": ("GitHub's schema", schema),
    "pip-audit": ("pip-audit", dependencies),
}
