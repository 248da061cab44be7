"""How fast the monitor is: from capture files to score metrics beside others, and a whole window.

Each reading is a process of its own, on one processor. Seconds are processor seconds: here the
readers may have to share, and on Lambda the monitor has 0.29 of a processor with its 512 MB.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import capture_files
from measuring import spread

from scripts.environment import DEFAULT_REGION, ROOT, dummy_credentials
from scripts.localcloud import control

HERE = Path(__file__).parent
# Beside the tools of `make security`: `make clean` leaves it.
TOOLS = ROOT / ".local" / "benchmark-tools"
REQUIREMENTS = HERE / "requirements.txt"
BUCKET = "monitor-benchmark"
RUNS = 5

# By its name in the table, how each reads, and whether with one of the tools.
READERS: Mapping[str, tuple[str, bool]] = {
    "nothing but the bytes": ("bytes", False),
    "the monitor": ("monitor", False),
    "json": ("json", False),
    "json, pandas": ("pandas", False),
    "Polars": ("polars", True),
    "DuckDB": ("duckdb", True),
}

# The function's environment (terraform/modules/functions/settings.tf).
ENVIRONMENT: Mapping[str, str] = {
    "ARTIFACTS_BUCKET": BUCKET,
    "ENDPOINT_NAME": "scones-bench",
    "ENDPOINT_VARIANT": "AllTraffic",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:classify",
    "METRIC_PERIOD_S": "60",
    "LOW_CONFIDENCE_ACTION": "review",
    "METRIC_NAMESPACE": "scones",
    "ENVIRONMENT": "benchmark",
    "PYTHONPATH": str(ROOT),
    "POLARS_MAX_THREADS": "1",
}

Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """Records a second and memory of each reader, and what a window takes, on the same files."""
    say("installing Polars and DuckDB")
    python = _tools()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"writing {capture_files.RECORDS:,} records")
        capture_files.write(folder)
        readers = _readers(folder, python, say)
        say("a window of the monitor")
        window = _window(folder)
    return {
        "records": capture_files.RECORDS,
        "files": capture_files.FILES,
        "readers": readers,
        "window": window,
    }


def _readers(folder: Path, tools: Path, say: Say) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in READERS}
    for round_ in range(RUNS):
        for name, (reader, is_a_tool) in READERS.items():
            say(f"round {round_ + 1} of {RUNS}: {name}")
            python = tools if is_a_tool else Path(sys.executable)
            runs[name].append(_run(python, "capture_readers.py", reader, str(folder)))
    _check_the_same(runs)
    interpreter = _run(Path(sys.executable), "capture_readers.py", "nothing", str(folder))
    return {
        name: {
            **spread([run["processor_s"] for run in taken]),
            "memory_bytes": max(run["memory_bytes"] for run in taken) - interpreter["memory_bytes"],
        }
        for name, taken in runs.items()
    }


def _check_the_same(runs: Mapping[str, list[dict[str, Any]]]) -> None:
    """Raise ValueError unless all readers have found the same: only then is it the same work."""
    answers = {
        name: json.dumps([run[key] for key in ("records", "low", "first_class", "quantiles")])
        for name, (run, *_) in runs.items()
        if "records" in run
    }
    if len(set(answers.values())) > 1:
        raise ValueError(f"the readers do not agree: {answers}")


def _window(folder: Path) -> dict[str, Any]:
    """The function's work on all of the files, which lie in the local cloud's S3."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "cloud" / "cloud.json"
        cloud = control.up(file)
        try:
            aws = {**dummy_credentials(DEFAULT_REGION), **cloud.endpoints}
            _upload(folder, cloud.endpoints["AWS_ENDPOINT_URL"])
            runs = [
                _run(Path(sys.executable), "monitor_window.py", BUCKET, variables=aws)
                for _ in range(3)
            ]
        finally:
            control.down(file)
    return {
        **spread([run["processor_s"] for run in runs]),
        **{name: runs[0][name] for name in ("records", "pictures")},
        "memory_bytes": max(run["memory_bytes"] for run in runs),
    }


def _upload(folder: Path, url: str) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    s3 = boto3.client("s3", endpoint_url=url, region_name=DEFAULT_REGION, **keys)
    s3.create_bucket(Bucket=BUCKET)
    for path in folder.glob("*.jsonl"):
        s3.put_object(Bucket=BUCKET, Key=capture_files.key_of(path), Body=path.read_bytes())


def _run(
    python: Path, program: str, *arguments: str, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a program prints, in a process of its own, on one processor where that can be said."""
    processor = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    output = subprocess.run(
        [str(python), str(HERE / program), *arguments],
        env={**os.environ, **ENVIRONMENT, **(variables or {})},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=None if processor is None else lambda: os.sched_setaffinity(0, {processor}),
    ).stdout
    found: dict[str, Any] = json.loads(output)
    return found


def _tools() -> Path:
    """The Python of the tools' environment, made at the first use."""
    python = TOOLS / "bin" / "python"
    pinned = TOOLS / "requirements.txt"
    if pinned.exists() and pinned.read_bytes() == REQUIREMENTS.read_bytes():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True)
    quietly = ("--quiet", "--disable-pip-version-check")
    command = [str(python), "-m", "pip", "install", *quietly, "-r", str(REQUIREMENTS)]
    subprocess.run(command, check=True)
    pinned.write_bytes(REQUIREMENTS.read_bytes())
    return python
