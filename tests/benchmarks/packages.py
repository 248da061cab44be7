"""How much is shipped to Lambda, and what a cold start imports."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from measuring import in_turns

from scripts.environment import ROOT
from scripts.provisioning import package

# Each handler's imports, without its `boto3.client(…)`, which needs settings and takes its time
# everywhere; and what the original design's function imported.
HANDLERS = {
    "serialize": "import boto3, aws_lambda_powertools, lambdas.common.picture",
    "infer": "import boto3, aws_lambda_powertools, lambdas.common.scores",
    "filter": "import aws_lambda_powertools, lambdas.common.decision",
    "monitor": "import boto3, aws_lambda_powertools, lambdas.monitor.watch",
    "a handler that imports the SageMaker SDK": "import sagemaker.core.resources",
}


def imports() -> dict[str, Any]:
    """A fresh interpreter that imports what a handler imports, as a cold start does."""

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    return in_turns({"nothing": run(""), **{name: run(code) for name, code in HANDLERS.items()}})


def packages() -> dict[str, Any]:
    """Sizes in bytes for AWS, and the seconds to build them again when nothing has changed."""
    paths = package.build(package.AWS_TARGET)
    again = in_turns({"unchanged": lambda: package.build(package.AWS_TARGET)})
    return {"bytes": {name: path.stat().st_size for name, path in paths.items()}, **again}
