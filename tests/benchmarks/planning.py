"""`invoke plan` on what is deployed and unchanged, beside `terraform plan` alone.

What the second takes is Terraform's and its provider's; the rest of the first is packages, the
record of deployment, the plan as JSON, and its review.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import in_turns

from scripts.environment import DEFAULT_REGION, TERRAFORM, dummy_credentials
from scripts.provisioning import terraform_release
from scripts.provisioning.terraform import PARALLELISM
from tests.gameday.game import Tasks

RUNS = 5


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of each."""
    with tempfile.TemporaryDirectory() as temporary:
        cloud = Path(temporary) / "cloud"
        tasks = Tasks(cloud)

        def invoke(*words: str) -> None:
            done = tasks.invoke(*words)
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)

        try:
            say("deploying")
            for words in (("cloud.up",), ("deploy", "--set", "epochs=4")):
                invoke(*words)
            say("planning")
            return in_turns(
                {"invoke plan": lambda: invoke("plan"), "terraform plan": _terraform(cloud)}, RUNS
            )
        finally:
            tasks.invoke("cloud.down")


def _terraform(cloud: Path) -> Callable[[], object]:
    """Terraform's own plan, in the folder and with the variables that the task has prepared."""
    folder = cloud / "environment"
    endpoints = json.loads((cloud / "cloud.json").read_text())["endpoints"]
    environment = {
        **os.environ,
        **dummy_credentials(DEFAULT_REGION),
        **endpoints,
        "TF_DATA_DIR": str(folder / "terraform"),
        "CHECKPOINT_DISABLE": "1",
    }
    files = (TERRAFORM / "environments" / "local.tfvars", folder / "deployment.tfvars.json")
    command = [
        *(str(terraform_release.find()), "plan", "-input=false", "-detailed-exitcode"),
        *(f"-parallelism={PARALLELISM}", *(f"-var-file={file}" for file in files)),
    ]
    return lambda: subprocess.run(
        command, cwd=folder / "root", env=environment, capture_output=True, check=True
    )
