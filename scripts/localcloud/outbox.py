"""Items on their way to another service: logs, metrics and captures, sent in the background."""

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

Item = TypeVar("Item")

CAPACITY = 10_000


class Outbox(Generic[Item]):
    """Collects items and sends them in order, in batches, from a thread of its own.

    What the service does not take waits for the next time; beyond `capacity` items the oldest are
    dropped. Both are said on stderr, once until the service answers again.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[list[Item]], None],
        *,
        batch_size: int,
        interval_s: float,
        capacity: int = CAPACITY,
    ) -> None:
        self._name, self._send = name, send
        self._batch_size, self._interval_s, self._capacity = batch_size, interval_s, capacity
        self._waiting: deque[Item] = deque()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._closed = threading.Event()
        self._dropped = 0
        self._is_away = False
        threading.Thread(target=self._flush_regularly, daemon=True, name=name).start()

    def add(self, item: Item) -> None:
        with self._lock:
            self._waiting.append(item)
            self._drop_surplus()

    def flush(self) -> None:
        """Send what waits; returns when all is sent or the service has refused."""
        with self._sending:
            while batch := self._take():
                try:
                    self._send(batch)
                except (BotoCoreError, ClientError) as error:
                    self._put_back(batch)
                    if not self._is_away:
                        print(f"{self._name} must wait: {error}", file=sys.stderr)
                    self._is_away = True
                    return
                self._note_arrival()

    def close(self) -> None:
        """Send what waits, for the last time."""
        self._closed.set()
        self.flush()

    def _take(self) -> list[Item]:
        with self._lock:
            size = min(self._batch_size, len(self._waiting))
            return [self._waiting.popleft() for _ in range(size)]

    def _put_back(self, batch: list[Item]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(batch))
            self._drop_surplus()

    def _note_arrival(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if self._is_away or dropped:
            print(f"{self._name} goes on; {dropped} lost.", file=sys.stderr)
        self._is_away = False

    def _drop_surplus(self) -> None:
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self._dropped += 1

    def _flush_regularly(self) -> None:
        while not self._closed.wait(self._interval_s):
            self.flush()
