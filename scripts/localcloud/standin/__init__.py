"""A stand-in for AWS's image classification (MXNet), whose container runs on AWS alone.

It reads the same channels and hyperparameters, and takes and answers the same requests, but what
it trains and serves is scripts/algorithm. The local cloud starts its programs, `train.py` and
`serve.py`, where SageMaker would start AWS's container. It says what it is in the first line of
every log, and in a file of every model.
"""

import shutil
from pathlib import Path

from scripts.environment import ROOT

ALGORITHM = ROOT / "scripts" / "algorithm"
TRAIN = "scripts.localcloud.standin.train"
SERVE = "serve.py"
MARK = "STAND-IN.txt"
WORDS = (
    "STAND-IN: this is not AWS's image classification (MXNet), which runs on AWS alone. "
    "EfficientNet-Lite0 takes its place; the results are not those of AWS's algorithm."
)
CONTENT_TYPES = ("application/x-image", "image/jpeg", "image/png")
# SageMaker knows what to look for in the logs of its own algorithms.
METRICS = [
    {"Name": "train:accuracy", "Regex": r"Epoch\[\d+\] Train-accuracy=([0-9.]+)"},
    {"Name": "validation:accuracy", "Regex": r"Epoch\[\d+\] Validation-accuracy=([0-9.]+)"},
]


def install(code: Path) -> None:
    """Make `code` the serving code of the container, whatever a model brought along."""
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    for file in (*ALGORITHM.glob("*.py"), Path(__file__).with_name(SERVE)):
        shutil.copy(file, code)
