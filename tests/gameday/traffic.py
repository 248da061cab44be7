"""Steady traffic: drivers who upload a picture again and again, all the time."""

import io
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, ImageEnhance

from tests.e2e.world import Sent, World
from tests.fuzz.seeds import encoded

AT_ONCE = 8


@dataclass(frozen=True)
class Picture:
    """A labelled picture of the test set, as a file's bytes."""

    data: bytes
    label: str


class Traffic:
    """Uploads `rate` pictures a second until it is stopped; what and how may change meanwhile."""

    def __init__(self, world: World, pictures: Sequence[Picture], rate: float) -> None:
        self._world, self.rate = world, rate
        self._pictures = pictures
        self._turns = itertools.cycle(range(len(pictures)))
        self.change: Callable[[bytes], bytes] | None = None
        self.only: str | None = None
        self._enough = threading.Event()
        self._sent: list[tuple[float, Sent]] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()

    def since(self, moment_s: float) -> list[Sent]:
        """What was uploaded at or after `moment_s` (seconds since 1970)."""
        with self._lock:
            return [sent for time_s, sent in self._sent if time_s >= moment_s]

    def _run(self) -> None:
        due_s = time.time()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for number in itertools.count():
                due_s = max(due_s + 1 / self.rate, time.time() - 1)
                if self._enough.wait(max(0.0, due_s - time.time())):
                    return
                pool.submit(self._put, f"incoming/gameday/{number:06d}.png", self._next())

    def _next(self) -> bytes:
        picture = next(
            picture
            for turn in self._turns
            if (picture := self._pictures[turn]) and self.only in (None, picture.label)
        )
        return self.change(picture.data) if self.change else picture.data

    def _put(self, key: str, body: bytes) -> None:
        sent = self._world.put(key, body)
        with self._lock:
            self._sent.append((time.time(), sent))


def darkened(data: bytes) -> bytes:
    """The picture as at night: a fifth of its light."""
    with Image.open(io.BytesIO(data)) as picture:
        return encoded(ImageEnhance.Brightness(picture.convert("RGB")).enhance(0.2), "PNG")
