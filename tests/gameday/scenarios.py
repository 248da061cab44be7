"""The faults of a game day, each really caused, in an order in which one leaves the next alone."""

import contextlib
import io
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

import psutil
from PIL import Image

from scripts.environment import ROOT
from tests.bad_inputs import CLASSIFIED, UPLOADS
from tests.faulty_checkout import checkout_with
from tests.fuzz.seeds import encoded
from tests.gameday.game import Game, Scenario
from tests.gameday.traffic import darkened
from tests.soak.memory import role

QUICK = ("--set", "epochs=4")
DRIFT_RATE = 12.0
SEEN = 90  # characters that a table has room for
# On one request in three of the workflow's, and on none of a transform's: evaluation sees no fault.
_BROKEN = (
    '    if content_type == "image/png" and sum(bytes(body)) % 3 == 0:\n'
    '        raise RuntimeError("broken on purpose")\n'
)


def nothing(_: Game) -> None:
    """There is nothing to end."""


def fault(kind: str, at: str = "InvokeEndpoint", **how: Any) -> Callable[[Game], None]:
    return lambda game: game.world.cause(kind, at=at, **how)


def heal(game: Game) -> None:
    game.world.heal()


def alarm(name: str) -> Callable[[Game], str]:
    return lambda game: game.fires(name)


def calm(*names: str) -> Callable[[Game], bool]:
    return lambda game: game.is_calm(*names)


# Uploads


def send_corrupt(game: Game) -> None:
    kinds = [upload for upload in UPLOADS if upload.expected != CLASSIFIED]
    bodies = {f"incoming/corrupt/{n:02d}": upload.make() for n, upload in enumerate(kinds)}
    game.notes["corrupt"] = game.world.put_all(bodies)


def all_rejected(game: Game) -> str:
    seen = game.world.look(calls=False)
    decided = [seen.decisions.get(sent.id) for sent in game.notes["corrupt"]]
    rejected = sum(item is not None and item["decision"]["S"] == "rejected" for item in decided)
    return f"{rejected} rejected, each with a reason" if rejected == len(decided) else ""


def several_executions(game: Game) -> str:
    seen = game.world.look()
    sent = game.traffic.since(game.began_s)
    again = sum(seen.calls[one.id] > 1 for one in sent)
    return f"{again} pictures came more than once" if again >= 20 else ""


# Processes


def model_servers(game: Game) -> list[int]:
    """The process ids of the model servers that run."""
    running = []
    for process in psutil.Process(game.world.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            if role(process.cmdline()) == "model server":
                running.append(process.pid)
    return running


def kill_a_model_server(game: Game) -> None:
    running = model_servers(game)
    game.notes["servers"], game.notes["killed"] = len(running), running[0]
    os.kill(running[0], signal.SIGKILL)


def is_replaced(game: Game) -> str:
    running = model_servers(game)
    is_new = game.notes["killed"] not in running and len(running) == game.notes["servers"]
    return "another one serves in its place" if is_new else ""


# Models


def in_background(game: Game, note: str, *words: str, checkout: Path = ROOT) -> None:
    """Run a task beside the traffic; its end is noted."""
    game.notes.pop(note, None)

    def work() -> None:
        ended = game.tasks.invoke(*words, checkout=checkout)
        game.notes[note] = (ended.returncode, ended.stdout + ended.stderr)

    threading.Thread(target=work, daemon=True).start()


def offer_a_worse_model(game: Game) -> None:
    """Retrain with pictures that somebody labelled wrongly."""
    folder = game.cloud.parent / "labelled-wrongly"
    labels = sorted({picture.label for picture in game.pictures})
    for number, picture in enumerate(game.pictures * 3):
        wrong = labels[labels.index(picture.label) - 1]
        path = folder / wrong / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another file each time, or it would be known as a test picture.
        path.write_bytes(darker_by(picture.data, 1 + number // len(game.pictures)))
    in_background(game, "worse", "retrain", *QUICK, "--set", "seed=1", "--add", str(folder))


def darker_by(data: bytes, steps: int) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return encoded(picture.convert("RGB").point(lambda v: max(0, v - 3 * steps)), "PNG")


def offer_a_broken_model(game: Game) -> None:
    """Retrain with a fault in the serving code that only traffic shows."""
    folder = checkout_with(game.cloud.parent / "checkout", _BROKEN)
    in_background(game, "broken", "retrain", *QUICK, "--set", "seed=2", checkout=folder)


def ended(note: str, word: str) -> Callable[[Game], str]:
    """What the task said when it ended as it had to."""

    def look(game: Game) -> str:
        code, said = game.notes.get(note, (0, ""))
        lines = [line for line in said.splitlines() if word in line]
        return shorten(lines[-1], SEEN, placeholder=" …") if code == 1 and lines else ""

    return look


# Pictures


def darken(game: Game) -> None:
    game.traffic.rate, game.traffic.change = DRIFT_RATE, darkened


def flood(game: Game) -> None:
    game.traffic.rate, game.traffic.only = DRIFT_RATE, "motorcycle"


def usual_pictures(game: Game) -> None:
    game.traffic.change, game.traffic.only = None, None


def drift(signal: str) -> Callable[[Game], str]:
    """The monitor's verdict, once it warns, and this signal is among those that drift."""

    def look(game: Game) -> str:
        found = game.window().get("drift", {})
        drifting = [item["name"] for item in found.get("signals", []) if item["drifting"]]
        is_seen = found.get("severity") in ("warn", "act") and signal in drifting
        return shorten(found["sentence"], SEEN, placeholder=" …") if is_seen else ""

    return look


def stop_capture(game: Game) -> None:
    game.compress("capture-stopped")
    game.world.cause("uncaptured", at="InvokeEndpoint")


def no_drift(game: Game) -> bool:
    is_over = game.severity() not in ("warn", "act")
    if is_over:
        game.traffic.rate = game.rate
    return is_over


def monitor_is_back(game: Game) -> bool:
    return game.is_calm("monitor-errors") and bool(game.window())


def wait_for_calm(game: Game) -> bool:
    """Nothing fires any more."""
    return game.is_calm("unhealthy", "endpoint-server-errors", "infer-errors")


SCENARIOS = (
    Scenario(
        *("corrupt uploads", "rejected with a reason; no alarm"),
        *(send_corrupt, all_rejected, nothing, calm("executions-failed")),
    ),
    Scenario(
        *("endpoint answers 5xx", "alarm endpoint-server-errors; retried"),
        *(fault("error", share=0.5), alarm("endpoint-server-errors"), heal),
        calm("endpoint-server-errors"),
    ),
    Scenario(
        *("endpoint throttles", "alarm infer-errors; retried"),
        *(fault("throttle", share=0.7), alarm("infer-errors"), heal, calm("infer-errors")),
    ),
    Scenario(
        *("endpoint gone", "alarm failure-queue-not-empty; nothing lost"),
        *(fault("gone"), alarm("failure-queue-not-empty"), heal),
        calm("infer-errors", "executions-failed"),
        within_s=150,
    ),
    Scenario(
        *("slow model", "alarm endpoint-latency"),
        *(fault("slow", share=0.5), alarm("endpoint-latency"), heal, calm("endpoint-latency")),
    ),
    Scenario(
        *("process killed", "another one takes its place"),
        *(kill_a_model_server, is_replaced, nothing, wait_for_calm),
    ),
    Scenario(
        *("events three times", "one decision, told once"),
        *(fault("repeat", at="ObjectCreated"), several_executions, heal, wait_for_calm),
    ),
    Scenario(
        *("worse model offered", "the gate rejects it"),
        *(offer_a_worse_model, ended("worse", "rejected"), nothing, wait_for_calm),
        within_s=240,
    ),
    Scenario(
        *("broken model canaried", "rolled back by an alarm"),
        *(offer_a_broken_model, ended("broken", "rolled back"), nothing, wait_for_calm),
        within_s=300,
    ),
    Scenario(
        *("pictures darkened", "the monitor warns of drift"),
        *(darken, drift("brightness"), usual_pictures, no_drift),
        within_s=150,
    ),
    Scenario(
        *("class flood", "the monitor warns of drift"),
        *(flood, drift("class mix"), usual_pictures, no_drift),
        within_s=150,
    ),
    Scenario(
        *("capture stopped", "alarm capture-stopped"),
        *(stop_capture, alarm("capture-stopped"), heal, calm("capture-stopped")),
    ),
    Scenario(
        *("monitor fails", "alarm monitor-errors"),
        *(fault("deny", at="GetObject", of="monitoring/"), alarm("monitor-errors"), heal),
        monitor_is_back,
        within_s=180,
    ),
)
