"""The local cloud, and the whole demo on it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from measuring import RUNS, spread, timed

from scripts.environment import BUILD, ROOT
from scripts.localcloud import control

SUMMARY = Path("demo") / "summary.json"


def local_cloud() -> dict[str, Any]:
    """From nothing to a cloud that answers, and back."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cloud" / "cloud.json"
        ups, downs = [], []
        for _ in range(RUNS):
            ups.append(timed(lambda: control.up(file)))
            downs.append(timed(lambda: control.down(file)))
    return {"up": spread(ups), "down": spread(downs)}


def warm_demo() -> dict[str, Any]:
    """`make demo` in this checkout, which is set up already."""
    took = timed(lambda: subprocess.run(["make", "demo"], cwd=ROOT, check=True))
    return _demo(took, BUILD / SUMMARY)


def cold_demo() -> dict[str, Any]:
    """`make demo` in a fresh clone, with an empty HOME and no package cache."""
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "HOME": str(home), "PIP_NO_CACHE_DIR": "1"}
        run = ["make", "demo"]
        took = timed(lambda: subprocess.run(run, cwd=clone, env=environment, check=True))
        return _demo(took, clone / "build" / SUMMARY)


def _demo(took: float, summary: Path) -> dict[str, Any]:
    return {"total_s": took, "steps_s": json.loads(summary.read_text())["seconds"]}
