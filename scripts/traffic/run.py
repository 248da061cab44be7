"""A load from its plan to its result."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from lambdas.common.messages import image_id
from scripts import processes
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.operation import redrive, workflow
from scripts.traffic import outcome, pictures, services
from scripts.traffic.outcome import Sent
from scripts.traffic.pictures import Photograph
from scripts.traffic.plan import ENDPOINT

DECIDED_WITHIN_S = 300.0
FOLDER = f"{workflow.INCOMING}traffic/"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Load:
    """What is sent where: when each photograph is due (seconds), and of which kind it is."""

    target: str
    due_s: Sequence[float]
    kinds: Sequence[str]
    seed: int
    at_once: int


def run(
    environment: Environment,
    outputs: Mapping[str, Any],
    labelled: Mapping[str, Sequence[bytes]],
    load: Load,
    progress: Progress,
) -> dict[str, Any]:
    """Send it all, wait for the decisions, and count. `labelled`: encoded pictures by class.

    Raises UserError when nothing is deployed, and when the drivers themselves fail.
    """
    workflow.deployed(outputs, "state_machine_arn")
    with tempfile.TemporaryDirectory() as temporary, services.instances(environment) as changes:
        folder = Path(temporary)
        photographs = _photographs(folder, labelled, load, progress)
        began_s = time.time()
        sent = list(_send(environment, outputs, folder, photographs, load, progress))
        if load.target == ENDPOINT:
            result = outcome.of_endpoint(sent)
        else:
            result = _of_workflow(environment, outputs, sent, progress)
        parts = services.parts(environment, outputs, began_s, time.time())
        asked = ("model",) if load.target == ENDPOINT else parts.keys()
        result["parts"] = {part: parts[part] for part in asked if part in parts}
    return (
        {"target": load.target, "kinds": dict(Counter(load.kinds))}
        | result
        | {"instances": changes}
    )


def _photographs(
    folder: Path, labelled: Mapping[str, Sequence[bytes]], load: Load, progress: Progress
) -> list[Photograph]:
    """The file of each photograph, in the order in which they are sent."""
    pools: dict[str, list[Photograph]] = {}
    for kind, count in Counter(load.kinds).items():
        progress(0, len(load.kinds), f"{kind} pictures")
        pools[kind] = pictures.make(folder, kind, labelled, count, load.seed)
    turns: Counter[str] = Counter()
    chosen = []
    for kind in load.kinds:
        chosen.append(pools[kind][turns[kind] % len(pools[kind])])
        turns[kind] += 1
    return chosen


def _send(
    environment: Environment,
    outputs: Mapping[str, Any],
    folder: Path,
    photographs: Sequence[Photograph],
    load: Load,
    progress: Progress,
) -> Iterator[Sent]:
    start = f"{FOLDER}{datetime.now(UTC):%Y%m%d-%H%M%S}/"
    keys = [f"{start}{n:06d}-{one.kind}.jpg" for n, one in enumerate(photographs)]
    name = environment.prefix if load.target == ENDPOINT else outputs["uploads_bucket"]
    wanted = {
        "environment": environment.name,
        "target": load.target,
        "name": name,
        "at_once": min(load.at_once, len(keys)),
        "photographs": [
            {"due_s": due, "key": key, "file": str(one.path)}
            for due, key, one in zip(load.due_s, keys, photographs, strict=True)
        ],
    }
    file, log = folder / "drivers.json", folder / "drivers.log"
    file.write_text(json.dumps(wanted), "utf-8")
    done = 0
    with log.open("wb") as errors:
        for line in _lines(file, errors):
            number = line.pop("number")
            done += 1
            progress(done, len(keys), f"sent to the {load.target}")
            yield Sent(keys[number], photographs[number].truth, **line)
    if done < len(keys):
        last = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:]
        raise UserError(f"Only {done} of {len(keys)} were sent: {' '.join(last) or 'no reason'}")


def _lines(file: Path, errors: IO[bytes]) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "scripts.traffic.drivers", str(file)]
    process = processes.start_guarded(
        command, env=os.environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors
    )
    try:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    finally:
        processes.stop(process)


def _of_workflow(
    environment: Environment, outputs: Mapping[str, Any], sent: Sequence[Sent], progress: Progress
) -> dict[str, Any]:
    bucket, table = outputs["uploads_bucket"], outputs["decisions_table"]
    by_image = [(one, image_id(bucket, one.key, one.version_id or "null")) for one in sent]
    missing = {image: one for one, image in by_image if not one.error}
    decisions: dict[str, dict[str, Any]] = {}
    failed: set[str] = set()
    deadline = time.monotonic() + DECIDED_WITHIN_S
    while missing and time.monotonic() < deadline:
        found = workflow.decisions(environment, table, missing)
        told = {image for image, item in found.items() if "delivered_at" in item}
        decisions |= found
        failures = redrive.waiting(environment, outputs["failure_queue_url"])
        failed |= {failure.key for failure in failures}
        missing = {
            image: one
            for image, one in missing.items()
            if image not in told and one.key not in failed
        }
        progress(len(sent) - len(missing), len(sent), "waiting for decisions")
        time.sleep(workflow.POLL_S)
    return outcome.of_workflow(by_image, decisions, failed)
