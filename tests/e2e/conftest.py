"""A small data set, a cloud of its own, and the demo as a person starts it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
TRAIN, TEST = 60, 10  # pictures of each class
STEP_TIMEOUT_S = 300.0
QUICK = ("--set", "epochs=3", "--set", "image_size=32", "--set", "batch_size=16")
# Twenty test pictures cannot show that a model loses no more than three points.
LENIENT = tuple(
    word
    for limit in ("accuracy=0.5", "recall=0.3", "coverage=0.1", "calibration_error=1", "margin=1")
    for word in ("--gate", limit)
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the table of bad inputs: each row's test has noted expected and observed."""
    reports = [
        report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])
    ]
    rows = sorted(
        value
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "bad_input" and report.when == "call"
    )
    if not rows:
        return
    terminalreporter.section("bad inputs: case, expected, observed, verdict")
    for row, case, expected, observed in rows:
        verdict = "as expected" if expected == observed else "NOT AS EXPECTED"
        terminalreporter.write_line(f"{row:2} {case:45} | {expected} | {observed} | {verdict}")
    numbers = {row for row, *_ in rows}
    terminalreporter.write_line(f"{len(numbers)} rows of the table, {len(rows)} cases")


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that can be told apart: horizontal stripes and vertical ones, in any colour."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for part, count in (("train", TRAIN), ("test", TEST)):
        for axis, name in enumerate(("bicycle", "motorcycle")):
            target = folder / part / name
            target.mkdir(parents=True)
            for index in range(count):
                stripes = (np.indices((32, 32))[axis] // random.integers(2, 5)) % 2
                colours = random.integers(0, 256, (2, 3))
                noise = random.normal(0, 12, (32, 32, 3))
                pixels = np.clip(colours[stripes] + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(target / f"{name}_{index:03d}.png")
    return folder


@dataclass
class Task:
    """A running task, and what it has said so far."""

    process: "subprocess.Popen[str]"
    log: Path

    def wait_for(self, text: str) -> None:
        """Return when the task has printed `text`; fail when it ends or takes too long."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while text not in self.log.read_text():
            assert self.process.poll() is None, f"ended before {text!r}: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"no {text!r} in time: {self.log.read_text()}"
            time.sleep(0.1)


class Place:
    """Where the tasks of a test run: a folder for the cloud and one for the results."""

    def __init__(self, folder: Path, dataset: Path) -> None:
        self.cloud = folder / "cloud"
        self.out = folder / "out"
        self.dataset = dataset
        self.environment = {**os.environ, "SCONES_LOCAL_CLOUD": str(self.cloud)}
        self._folder = folder
        self._started = 0

    def invoke(self, *arguments: str, checkout: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        """Run a task in this place, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str) -> Task:
        """Start a task in this place."""
        self._started += 1
        path = self._folder / f"task-{self._started}.log"
        with path.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "invoke", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                text=True,
            )
        return Task(process, path)

    def demo(self, *options: str) -> Task:
        """Start a quick demo in this place."""
        source = ("--source", str(self.dataset))
        return self.start("demo", *source, *QUICK, *LENIENT, "--out", str(self.out), *options)

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started for this place, by environment or arguments."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("SCONES_LOCAL_CLOUD") == str(self.cloud)
                if mine or any(str(self.cloud) in part for part in process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def assert_empty(self, within_s: float = 10.0) -> None:
        """Fail when a process is still there after `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [process.cmdline() for process in self.processes()] == []


@pytest.fixture(scope="session")
def place(
    tmp_path_factory: pytest.TempPathFactory, small_dataset: Path
) -> Iterator[Callable[[], Place]]:
    """Make a place for tasks; whatever still runs there at the end is killed."""
    places: list[Place] = []

    def make() -> Place:
        places.append(Place(tmp_path_factory.mktemp("place"), small_dataset))
        return places[-1]

    yield make
    for item in places:
        for process in item.processes():
            process.kill()
