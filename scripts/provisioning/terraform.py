"""Run Terraform for an environment: prepare, plan, apply, destroy, and read its outputs."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged, Terraform

from scripts import processes
from scripts.environment import ROOT, TERRAFORM, Environment
from scripts.errors import UserError
from scripts.provisioning import package, terraform_release

PARALLELISM = 30  # resources wait for AWS, not for this machine's processors
PLUGIN_CACHE = ROOT / ".local" / "terraform-plugins"
# What `init` leaves is the same for every local cloud, so that one after the other can use it.
LOCAL_DATA = ROOT / ".local" / "terraform"
LOCK_FILE = ".terraform.lock.hcl"
NO_CHANGES, FAILED, CHANGES = 0, 1, 2  # terraform plan -detailed-exitcode
# Terraform and its provider end after seconds: Go collects their garbage less often than it would.
GARBAGE_PERCENT = "400"
LOCK_TIMEOUT = "5m"  # how long to wait for somebody else's apply
_LOCKED = (
    "Somebody else changes this environment, or was killed doing so. If nobody does: "
    "docs/operations.md, 'A lock that was left'."
)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Workspace:
    """Terraform, ready to run: where, which binary, and with which process environment."""

    folder: Path
    binary: Path
    variables: dict[str, str]
    var_file: Path | None = None

    def command(self, name: str, *args: str, **options: Any) -> list[str]:
        """A terraform command line. Options are spelled with underscores; None is left out."""
        terraform = Terraform(str(self.folder), terraform_bin_path=str(self.binary))
        line: list[str] = terraform.generate_cmd_string(name, *args, **options)
        return line

    def var_files(self, extra: Path | None) -> list[str]:
        return [str(path) for path in (self.var_file, extra) if path]


def open_workspace(environment: Environment) -> Workspace:
    """Prepare the folder, the backend and the providers. Raises UserError when that fails."""
    binary = terraform_release.find()
    data = LOCAL_DATA if environment.is_local else environment.build_dir / "terraform"
    data.mkdir(parents=True, exist_ok=True)
    # Neither TF_WORKSPACE nor TF_CLI_ARGS of a person's shell may lead to another state.
    inherited = {
        name: value
        for name, value in environment.variables.items()
        if not name.startswith(("TF_WORKSPACE", "TF_CLI_ARGS"))
    }
    variables = {**inherited, **settings(data)}
    folder = _link_folder(environment.build_dir) if environment.is_local else TERRAFORM
    workspace = Workspace(folder, binary, variables, environment.var_file)
    _initialise(workspace, data, None if environment.is_local else _state_location(environment))
    if environment.is_local:
        _drop_checksums(folder / LOCK_FILE)
    return workspace


def _initialise(workspace: Workspace, data: Path, state: list[str] | None) -> None:
    """Run `terraform init`, which takes seconds, unless it has run and nothing has changed."""
    fingerprint, initialised = _fingerprint(state), data / "initialised.json"
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        providers = (data / "providers").glob("*/*/*/*/*")  # links into the plugin cache
        if (
            initialised.exists()
            and initialised.read_text() == fingerprint
            and all(provider.exists() for provider in providers)
        ):
            return
        # It notes where modules are, and would go on reading those of another checkout.
        shutil.rmtree(data / "modules", ignore_errors=True)
        command = workspace.command(
            "init",
            input=False,
            no_color=IsFlagged,
            reconfigure=IsFlagged,
            lockfile="readonly",
            backend_config=state,
        )
        _run(workspace, command)
        initialised.write_text(fingerprint)


def _fingerprint(state: list[str] | None) -> str:
    """What `terraform init` depends on."""
    modules = sorted(str(path) for path in (TERRAFORM / "modules").iterdir())
    files = [TERRAFORM / name for name in (LOCK_FILE, "versions.tf", "backend.tf")]
    # Each run of a test that names a module is one that `init` has to note, too.
    files += sorted((TERRAFORM / "tests").glob("*.tftest.hcl"))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return json.dumps({"modules": modules, "files": digests, "state": state})


def settings(data: Path) -> dict[str, str]:
    """Terraform's own environment variables."""
    PLUGIN_CACHE.mkdir(parents=True, exist_ok=True)
    return {
        "TF_DATA_DIR": str(data),
        "TF_IN_AUTOMATION": "1",
        "TF_PLUGIN_CACHE_DIR": str(PLUGIN_CACHE),
        "CHECKPOINT_DISABLE": "1",
        "GOGC": GARBAGE_PERCENT,
    }


def _link_folder(build_dir: Path) -> Path:
    """Terraform's folder with a local backend in place of S3's.

    Its files are links, so that there is one configuration; the state lives and dies with the
    local cloud. `packages` leads to the packages that were built for this machine.
    """
    folder = build_dir / "root"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in TERRAFORM.iterdir():
        if path.name != ".terraform":
            (folder / path.name).symlink_to(path)
    (folder / "packages").symlink_to(package.LOCAL_TARGET.folder)
    backend = {"terraform": {"backend": {"local": {"path": "../terraform.tfstate"}}}}
    (folder / "backend_override.tf.json").write_text(json.dumps(backend, indent=2))
    return folder


def _drop_checksums(lock: Path) -> None:
    """Put a lock file without checksums in the place of a link to the whole one.

    Terraform compares all 700 MB of the provider with them, in every command, for seconds. On this
    machine `init` has done that, and that is enough.
    """
    text = re.sub(r"\n *hashes = \[[^]]*\]", "", lock.read_text("utf-8"))
    lock.unlink()
    lock.write_text(text, "utf-8")


def _state_location(environment: Environment) -> list[str]:
    """Where an AWS environment's state is: one bucket an account, one key an environment."""
    account = environment.client("sts").get_caller_identity()["Account"]
    bucket = f"{environment.project}-terraform-state-{account}"
    s3 = environment.client("s3")
    if bucket not in {item["Name"] for item in s3.list_buckets()["Buckets"]}:
        raise UserError(
            f"The bucket for Terraform's state, {bucket}, does not exist. Create it once: "
            f"make bootstrap ACCOUNT={account} REGION={environment.region}"
        )
    return [
        f"bucket={bucket}",
        f"key={environment.name}/terraform.tfstate",
        f"region={s3.head_bucket(Bucket=bucket)['BucketRegion']}",
    ]


def plan(workspace: Workspace, deployment: Path | None, out: Path) -> tuple[int, str]:
    """Write a plan to `out`. Returns 0 (no changes) or 2 (changes), and the plan as text.

    `deployment` is the var-file of what is deployed: scripts/serving/deployment.py. Raises
    UserError.
    """
    command = workspace.command(
        "plan",
        input=False,
        no_color=IsFlagged,
        detailed_exitcode=IsFlagged,
        lock=False,  # it changes nothing, and whoever does should not wait for it
        parallelism=PARALLELISM,
        var_file=workspace.var_files(deployment),
        out=str(out),
    )
    return _run(workspace, command, allowed=(NO_CHANGES, CHANGES))


def show(workspace: Workspace, plan_file: Path) -> dict[str, Any]:
    """A plan as Terraform's JSON: resource_changes, planned_values, prior_state and more."""
    command = [str(workspace.binary), "show", "-json", "-no-color", str(plan_file)]
    _, text = _run(workspace, command)
    document: dict[str, Any] = json.loads(text)
    return document


def apply(workspace: Workspace, deployment: Path | None, progress: Progress | None = None) -> int:
    """Make the environment what the configuration says. Returns how many resources changed."""
    return _change("apply", workspace, deployment, progress)


def destroy(workspace: Workspace, progress: Progress | None = None) -> int:
    """Remove everything that Terraform made. Returns how many resources that were."""
    return _change("destroy", workspace, None, progress)


def _change(
    name: str, workspace: Workspace, deployment: Path | None, progress: Progress | None
) -> int:
    command = workspace.command(
        name,
        auto_approve=IsFlagged,
        input=False,
        json=IsFlagged,
        lock_timeout=LOCK_TIMEOUT,
        parallelism=PARALLELISM,
        var_file=workspace.var_files(deployment),
    )
    return _run_with_progress(workspace, command, progress)


def outputs(workspace: Workspace) -> dict[str, Any]:
    """The configuration's outputs by name; empty before the first apply."""
    _, text = _run(workspace, workspace.command("output", json=IsFlagged))
    return {name: output["value"] for name, output in json.loads(text).items()}


def validate() -> None:
    """Check the configuration without any backend or cloud. Raises UserError with the mistake."""
    with tempfile.TemporaryDirectory() as data:
        variables = {**os.environ, **settings(Path(data))}
        workspace = Workspace(TERRAFORM, terraform_release.find(), variables)
        init = workspace.command("init", backend=False, input=False, no_color=IsFlagged)
        _run(workspace, init)
        _run(workspace, workspace.command("validate", no_color=IsFlagged))


def _run(
    workspace: Workspace, command: list[str], allowed: tuple[int, ...] = (0,)
) -> tuple[int, str]:
    with _started(workspace, command) as process:
        output, errors = process.communicate()
    if process.returncode not in allowed:
        text = errors.decode("utf-8", "replace") or output.decode("utf-8", "replace")
        raise UserError(f"terraform {command[1]} failed. {_first_error(text)}")
    return process.returncode, output.decode("utf-8", "replace")


def _run_with_progress(workspace: Workspace, command: list[str], progress: Progress | None) -> int:
    """Run a command that reports as JSON lines, counting the resources it has finished."""
    done, total, problems = 0, 0, []
    with _started(workspace, command) as process:
        assert process.stdout
        for line in process.stdout:
            event = _parse(line)
            kind = event.get("type")
            if kind == "change_summary" and event["changes"]["operation"] == "plan":
                total = sum(event["changes"][key] for key in ("add", "change", "remove"))
            elif kind == "planned_change":
                total += 1
            elif kind == "apply_complete":
                done += 1
                resource = event["hook"]["resource"]["resource_type"]
                if progress:
                    progress(done, max(total, done), resource.removeprefix("aws_"))
            elif kind == "diagnostic" and event["diagnostic"]["severity"] == "error":
                diagnostic = event["diagnostic"]
                problems.append(f"{diagnostic['summary']} {diagnostic.get('detail', '')}".strip())
        assert process.stderr
        rest = process.stderr.read().decode("utf-8", "replace")
        process.wait()
    if process.returncode:
        words = " ".join((problems[0] if problems else _first_error(rest)).split())
        if "acquiring the state lock" in words:
            words = f"{_LOCKED} {words}"
        raise UserError(f"terraform {command[1]} failed: {words}")
    return done


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return event


def _first_error(text: str) -> str:
    lines = [line.strip("│╷╵ ") for line in text.splitlines()]
    start = next((i for i, line in enumerate(lines) if line.startswith("Error")), 0)
    return " ".join(filter(None, lines[start : start + 12]))


@contextmanager
def _started(workspace: Workspace, command: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A guarded terraform. Ctrl-C lets it finish what it is doing, so that no state is lost."""
    process = processes.start_guarded(
        command,
        env=workspace.variables,
        cwd=workspace.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        processes.stop(process, grace_s=60)
