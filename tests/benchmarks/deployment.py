"""The whole workflow in a local cloud of a measurement's own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.dataset import load, make_splits
from scripts.dataset.cifar100 import CLASSES
from scripts.pipeline import DOWNLOADS
from tests.gameday.game import Tasks


@dataclass(frozen=True)
class Deployment:
    """Where it is: the cloud's folder, the tasks for it, and a folder for what is measured with."""

    cloud: Path
    tasks: Tasks
    folder: Path


@contextmanager
def deployed(say: Callable[[str], None]) -> Iterator[Deployment]:
    """Deploy a quickly trained model; everything is gone at the end. Raises SystemExit."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tasks = Tasks(folder / "cloud")
        try:
            say("deploying")
            for words in (("cloud.up",), ("deploy", "--set", "epochs=4")):
                done = tasks.invoke(*words)
                if done.returncode:
                    raise SystemExit(done.stdout + done.stderr)
            yield Deployment(folder / "cloud", tasks, folder)
        finally:
            tasks.invoke("cloud.down")


def held_out_pictures() -> list[bytes]:
    """The pictures that no model here has learned from, as files."""
    return [
        sample.data for sample in make_splits(load(None, CLASSES, DOWNLOADS, lambda *_: None)).test
    ]
