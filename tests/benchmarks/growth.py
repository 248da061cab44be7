"""Batches of 100, 1,000 and 10,000 photographs: does a picture cost more when there are more?"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from deployment import Deployment, deployed, held_out_pictures

from scripts.environment import ROOT
from scripts.traffic.photographs import photograph
from tests.e2e.client import aws
from tests.soak.memory import MB, Watch

SIZES = (100, 1_000, 10_000)
ARTIFACTS, TABLE = "scones-local-artifacts-000000000000", "scones-local-decisions"


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds, memory and stored bytes of each batch, and what became of its pictures."""
    pictures = held_out_pictures()
    with deployed(say) as here:
        return {
            str(size): _batch(here, _folder(here.folder, pictures, size, say), say)
            for size in SIZES
        }


def _folder(parent: Path, pictures: Sequence[bytes], size: int, say: Callable[[str], None]) -> Path:
    say(f"{size:,} photographs")
    folder = parent / f"photographs-{size}"
    folder.mkdir()
    for number in range(size):
        # Another seed for each size: what was in a smaller batch has a decision already.
        (folder / f"{number:05d}.jpg").write_bytes(photograph(pictures, number, seed=size))
    return folder


def _batch(here: Deployment, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    cloud = here.cloud
    before, size = _decisions(cloud), len(list(folder.iterdir()))
    say(f"a batch of {size:,}")
    watch = Watch(json.loads((cloud / "cloud.json").read_text())["pid"])
    started = time.perf_counter()
    command = [sys.executable, "-m", "invoke", "batch", str(folder)]
    most = 0
    with subprocess.Popen(
        command, cwd=ROOT, env=here.tasks.environment, stdout=subprocess.DEVNULL
    ) as process:
        of_process = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                most = max(most, of_process.memory_info().rss)
            except psutil.Error:  # it has just ended
                break
            time.sleep(0.2)
    seconds = time.perf_counter() - started
    grown = watch.stop()
    s3 = aws(cloud, "s3", s3={"addressing_style": "path"})
    newest = max(
        item["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=ARTIFACTS, Prefix="batches/"
        )
        for item in page["Contents"]
        if item["Key"].endswith("summary.json")
    )
    summary = json.loads(s3.get_object(Bucket=ARTIFACTS, Key=newest)["Body"].read())
    ids = _ids(s3, summary)
    return {
        "pictures": size,
        "decisions": _decisions(cloud) - before,
        "lost": summary["missing"] + summary["failed"],
        "twice": len(ids) - len(set(ids)) + summary["decisions"].get("duplicate", 0),
        "seconds": seconds,
        "classifying_s": summary["seconds"],
        "task_bytes": most,
        "peak_mb": {
            role: round(max(g.peak_mb for name, g in grown.items() if name.startswith(role)), 1)
            for role in sorted({name.rpartition(" ")[0] for name in grown})
        },
        "stored_bytes": _stored(s3, newest.rpartition("/")[0]),
    }


def _decisions(cloud: Path) -> int:
    pages = aws(cloud, "dynamodb").get_paginator("scan").paginate(TableName=TABLE, Select="COUNT")
    return sum(page["Count"] for page in pages)


def _ids(s3: Any, summary: dict[str, Any]) -> list[str]:
    """A digest of each picture that has a result."""
    found = []
    for uri in summary["results"]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        for line in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
            if image := json.loads(line).get("image"):
                name = f"{image['s3_key']}\n{image['version_id']}"
                found.append(hashlib.sha256(name.encode()).hexdigest())
    return found


def _stored(s3: Any, folder: str) -> int:
    """Bytes of the batch's own files: the manifest, the results, the summary."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=ARTIFACTS, Prefix=f"{folder}/")
    return sum(item["Size"] for page in pages for item in page["Contents"])


def table(figures: dict[str, Any]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """For the terminal."""
    columns = (
        *("Pictures", "Decisions", "Lost", "Twice", "Seconds", "Pictures/s"),
        *("Stored bytes/picture", "Task MB", "Function MB", "Model server MB", "Emulator MB"),
    )
    rows: list[tuple[str, ...]] = [
        (
            *(f"{item[key]:,}" for key in ("pictures", "decisions", "lost", "twice")),
            f"{item['classifying_s']:,.0f}",
            f"{item['pictures'] / item['classifying_s']:.1f}",
            f"{item['stored_bytes'] / item['pictures']:,.0f}",
            f"{item['task_bytes'] / MB:.0f}",
            *(
                f"{item['peak_mb'].get(role, 0):.0f}"
                for role in ("function", "model server", "emulator")
            ),
        )
        for item in figures.values()
    ]
    return [(columns, rows)]
