"""`invoke plan` on what is deployed and unchanged, beside `terraform plan` alone.

What the second takes is Terraform's and its provider's; the rest of the first is packages, the
record of deployment, the plan as JSON, and its review.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployment import deployed
from measuring import in_turns

from scripts.environment import DEFAULT_REGION, TERRAFORM, dummy_credentials
from scripts.provisioning import terraform, terraform_release

RUNS = 5


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of each."""
    with deployed(say) as here:
        say("planning")

        def invoke() -> None:
            done = here.tasks.invoke("plan")
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)

        return in_turns({"invoke plan": invoke, "terraform plan": _terraform(here.cloud)}, RUNS)


def _terraform(cloud: Path) -> Callable[[], object]:
    """Terraform's own plan, in the folder and with the variables that the task has prepared."""
    folder = cloud / "environment"
    endpoints = json.loads((cloud / "cloud.json").read_text())["endpoints"]
    environment = {
        **os.environ,
        **dummy_credentials(DEFAULT_REGION),
        **endpoints,
        **terraform.settings(terraform.LOCAL_DATA),
    }
    files = (TERRAFORM / "environments" / "local.tfvars", folder / "deployment.tfvars.json")
    command = [
        *(str(terraform_release.find()), "plan", "-input=false", "-detailed-exitcode"),
        *(f"-parallelism={terraform.PARALLELISM}", *(f"-var-file={file}" for file in files)),
    ]
    return lambda: subprocess.run(
        command, cwd=folder / "root", env=environment, capture_output=True, check=True
    )
