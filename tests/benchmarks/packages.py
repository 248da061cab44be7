"""How much is shipped to Lambda, and what a cold start imports."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from measuring import in_turns

from scripts.environment import ROOT
from scripts.provisioning import package
from tests.function_environment import ENVIRONMENT

# Each handler, with all that it does before its first call; and what the original design's
# function imported.
HANDLERS = {
    **{name: f"import lambdas.{name}.handler" for name in package.FUNCTIONS},
    "a handler that imports the SageMaker SDK": "import sagemaker.core.resources",
}


def imports() -> dict[str, Any]:
    """A fresh interpreter that imports a handler and makes its clients, as a cold start does."""
    environment = {**os.environ, **ENVIRONMENT}

    def run(code: str) -> Callable[[], object]:
        command = [sys.executable, "-c", code]
        return lambda: subprocess.run(command, cwd=ROOT, env=environment, check=True)

    return in_turns({"nothing": run(""), **{name: run(code) for name, code in HANDLERS.items()}})


def packages() -> dict[str, Any]:
    """Sizes in bytes for AWS, and the seconds to build them again when nothing has changed."""
    paths = package.build(package.AWS_TARGET)
    again = in_turns({"unchanged": lambda: package.build(package.AWS_TARGET)})
    return {"bytes": {name: path.stat().st_size for name, path in paths.items()}, **again}
