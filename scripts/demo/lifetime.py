"""A demo's process: it ends with `make`, and there is one in a folder."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.errors import UserError


def end_with_make(interval_s: float = 0.5) -> None:
    """When `make` started this process and is killed, stop too, as if by Ctrl-C."""
    if "MAKELEVEL" not in os.environ:
        return
    starter, never = os.getppid(), threading.Event()

    def watch() -> None:
        while os.getppid() == starter:
            never.wait(interval_s)
        import signal

        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Hold the lock of this checkout. Raises UserError when another demo has it."""
    import fcntl

    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "Another `make demo` runs in this folder. Wait for it, or use another clone."
            ) from None
        yield
