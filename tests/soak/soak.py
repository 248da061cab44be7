"""Use the workflow hard for some minutes, with everything that can go wrong: `make soak`.

    python tests/soak/soak.py [--uploads 2000] [--rate 8]

One upload in five is hostile, half of the events arrive three times, and for a tenth of the time
the endpoint fails in one way after another. Nothing may be lost, answered twice or accepted
wrongly. Writes build/soak.json, and ends in 1 when something was.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from memory import Growth, Watch  # noqa: E402

from scripts.console import Screen  # noqa: E402
from scripts.dataset import load, make_splits  # noqa: E402
from scripts.dataset.cifar100 import CLASSES  # noqa: E402
from scripts.environment import BUILD  # noqa: E402
from scripts.pipeline import DOWNLOADS  # noqa: E402
from tests.bad_inputs import CLASSIFIED, UPLOADS, Upload  # noqa: E402
from tests.e2e.world import Seen, Sent, World  # noqa: E402

FILE = BUILD / "soak.json"
HOSTILE_ONE_IN = 5
REPEATED_SHARE = 0.5
FAILING_S, PERIOD_S = 2.0, 20.0  # a tenth of the time
KINDS = ("throttle", "unavailable", "error", "nonsense", "hang", "gone", "not-ready")
SETTLE_S = 400.0
FLAT_SHARE, FLAT_MB = 0.1, 10.0
# It keeps all that it is given in memory, as a cloud keeps it on disks.
A_STORE = "emulator"


@dataclass(frozen=True)
class Item:
    """One upload to be made: `kind` is a hostile kind, or which test picture it is."""

    key: str
    body: bytes
    kind: str
    is_hostile: bool


def hostile_uploads() -> list[Upload]:
    """All that must be rejected, but for the one that takes 25 MB each time."""
    kinds = [upload for upload in UPLOADS if upload.expected != CLASSIFIED]
    return [upload for upload in kinds if "size limit" not in upload.case]


def items(count: int, pictures: Sequence[bytes]) -> list[Item]:
    """The uploads in their order; the same for the same count."""
    bodies = [(str(upload), upload.make()) for upload in hostile_uploads()]
    hostile, good = itertools.cycle(bodies), itertools.cycle(enumerate(pictures))
    made = []
    for number in range(count):
        is_hostile = number % HOSTILE_ONE_IN == 0
        kind, body = next(hostile) if is_hostile else next(good)
        made.append(Item(f"incoming/soak/{number:05d}.png", body, str(kind), is_hostile))
    return made


def break_the_endpoint(world: World, enough: threading.Event) -> Counter[str]:
    """One fault after another, for a tenth of the time, until it is enough; returns how many."""
    caused: Counter[str] = Counter()
    for kind in itertools.cycle(KINDS):
        if enough.wait(PERIOD_S - FAILING_S):
            return caused
        world.cause(kind, until_s=time.time() + FAILING_S)
        caused[kind] += 1
        enough.wait(FAILING_S)
    return caused


def upload(world: World, all_items: Sequence[Item], rate: float, progress: Any) -> list[Sent]:
    """All of them, `rate` a second."""
    started = time.monotonic()

    def put(number: int) -> Sent:
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        sent = world.put(all_items[number].key, all_items[number].body)
        progress(number + 1, len(all_items), "uploading")
        return sent

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(put, range(len(all_items))))


def settle(world: World, sent: Sequence[Sent], progress: Any) -> Seen:
    """Wait until each is decided and told, or has failed, and no execution is on its way."""
    deadline = time.monotonic() + SETTLE_S
    calm_since = time.monotonic()
    before: tuple[int, int] | None = None
    while True:
        seen = world.look(calls=False)
        told = sum(seen.told[one.id] for one in sent)
        state = (told, sum(map(len, seen.failures.values())))
        progress(min(sum(state), len(sent)), len(sent), "waiting for decisions")
        if state != before:
            before, calm_since = state, time.monotonic()
        is_calm = time.monotonic() - calm_since > 15
        if (is_calm and sum(state) >= len(sent)) or time.monotonic() > deadline:
            return seen
        time.sleep(1)


def wrong_acceptances(
    all_items: Sequence[Item], sent: Sequence[Sent], seen: Seen, clean: dict[str, str]
) -> int:
    """Accepted though hostile, or with other scores than the model gives that picture."""
    wrong = 0
    for item, one in zip(all_items, sent, strict=True):
        decision = seen.decisions.get(one.id)
        if decision and decision["decision"]["S"] == "accepted":
            wrong += item.is_hostile or decision["scores"]["S"] != clean[item.kind]
    return wrong


def counts(all_items: Sequence[Item], sent: Sequence[Sent], seen: Seen) -> dict[str, int]:
    """What became of the uploads."""
    ids = [one.id for one in sent]
    decided = [seen.decisions[item] for item in ids if item in seen.decisions]
    return {
        "uploads": len(sent),
        "hostile": sum(item.is_hostile for item in all_items),
        "decisions": len(decided),
        **Counter(item["decision"]["S"] for item in decided),
        "untold": sum(seen.told[item] == 0 for item in ids),
        "duplicates": sum(max(0, seen.told[item] - 1) for item in ids),
        "waiting_failures": sum(map(len, seen.failures.values())),
    }


def is_flat(name: str, growth: Growth) -> bool:
    small = growth.late_mb - growth.early_mb <= FLAT_MB
    return name.startswith(A_STORE) or small or growth.share <= FLAT_SHARE


def problems(result: dict[str, Any]) -> Iterator[str]:
    """What went wrong, a sentence each."""
    found = result["after_redrive"]
    if found["decisions"] != found["uploads"]:
        yield f"{found['decisions']} decisions for {found['uploads']} uploads"
    for name in ("untold", "duplicates", "waiting_failures"):
        if found[name]:
            yield f"{found[name]} {name.replace('_', ' ')}"
    if result["wrong_acceptances"]:
        yield f"{result['wrong_acceptances']} wrong acceptances"
    if found.get("rejected", 0) != found["hostile"]:
        yield f"{found.get('rejected', 0)} rejected, of {found['hostile']} that had to be"
    for name, growth in result["memory"].items():
        if not is_flat(name, Growth(**growth)):
            yield f"{name} grew from {growth['early_mb']:.0f} to {growth['late_mb']:.0f} MB"


class Place:
    """A local cloud of the soak's own, in which tasks are run."""

    def __init__(self, folder: Path) -> None:
        self.cloud = folder / "cloud"
        self._environment = {**os.environ, "SCONES_LOCAL_CLOUD": str(self.cloud)}

    def invoke(self, *words: str) -> str:
        """Run a task. Raises CalledProcessError when it fails."""
        command = [sys.executable, "-m", "invoke", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            done.check_returncode()
        return done.stdout


def reference(world: World, pictures: Sequence[bytes], progress: Any) -> dict[str, str]:
    """The scores of each test picture while all is well, by its number."""
    sent = world.put_all({f"incoming/clean/{n:03d}.png": body for n, body in enumerate(pictures)})
    seen = settle(world, sent, progress)
    return {str(n): seen.decisions[one.id]["scores"]["S"] for n, one in enumerate(sent)}


def soak(place: Place, screen: Screen, count: int, rate: float) -> dict[str, Any]:
    """All of it; returns what goes into soak.json."""
    with screen.step("deploy", "Deploy") as step:
        step.say("training on real pictures")
        place.invoke("cloud.up")
        place.invoke("deploy")
    world = World(place.cloud)
    test = make_splits(load(None, CLASSES, DOWNLOADS, lambda *_: None)).test
    pictures = [sample.data for sample in test]
    with screen.step("clean", "Each picture once") as step:
        clean = reference(world, pictures, step.progress)
    watch = Watch(world.pid)
    all_items, enough = items(count, pictures), threading.Event()
    world.cause("repeat", at="ObjectCreated", of="incoming/soak/", share=REPEATED_SHARE)
    with ThreadPoolExecutor(1) as pool, screen.step("soak", "Soak") as step:
        breaking = pool.submit(break_the_endpoint, world, enough)
        try:
            sent = upload(world, all_items, rate, step.progress)
        finally:
            enough.set()
        caused = breaking.result()
        world.heal()
        before = counts(all_items, sent, settle(world, sent, step.progress))
        step.result = f"{before['decisions']} decided, {before['waiting_failures']} failed"
    with screen.step("redrive", "Redrive") as step:
        if before["waiting_failures"]:
            place.invoke("redrive", "--yes")
        settle(world, sent, step.progress)
        seen = world.look()
    memory = watch.stop()
    return {
        "rate": rate,
        "faults": dict(caused),
        "endpoint_answers": sum(seen.calls[one.id] for one in sent),
        "before_redrive": before,
        "after_redrive": counts(all_items, sent, seen),
        "wrong_acceptances": wrong_acceptances(all_items, sent, seen, clean),
        "memory": {name: asdict(growth) for name, growth in memory.items()},
        "seconds": screen.seconds,
    }


def show(screen: Screen, result: dict[str, Any]) -> None:
    after = result["after_redrive"]
    screen.table(
        *("", "Before the redrive", "After it"),
        rows=[
            (name.replace("_", " "), str(result["before_redrive"].get(name, 0)), str(value))
            for name, value in after.items()
        ],
    )
    screen.print(f"Wrong acceptances: {result['wrong_acceptances']}")
    screen.table(
        *("Process", "Early, MB", "Late, MB", "Peak, MB"),
        rows=[
            (name, *(f"{growth[key]:.0f}" for key in ("early_mb", "late_mb", "peak_mb")))
            for name, growth in result["memory"].items()
        ],
    )
    screen.print(f"The {A_STORE} is not judged: it keeps all that it is given in memory.")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uploads", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=8.0, help="uploads a second")
    options = parser.parse_args(arguments)
    screen = Screen()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        try:
            result = soak(place, screen, options.uploads, options.rate)
        finally:
            place.invoke("cloud.down")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(result, indent=2) + "\n")
    show(screen, result)
    found = list(problems(result))
    screen.print("; ".join(found) if found else "Nothing lost, nothing twice, nothing wrong.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
