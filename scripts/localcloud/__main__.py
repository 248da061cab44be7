"""The local cloud's one long-running process. `invoke cloud.up` starts it, `cloud.down` stops it.

    python -m scripts.localcloud FOLDER

It keeps everything in FOLDER, where it first removes what a predecessor left: a crashed one leaves
nothing to trip over. When everything answers, FOLDER/cloud.json says where it is. Its children are
guarded, so that even `kill -9` leaves no process behind.
"""

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from scripts import processes
from scripts.environment import DEFAULT_REGION, ROOT, dummy_credentials
from scripts.localcloud import faults, lambda_bootstrap
from scripts.localcloud.aws import Aws
from scripts.localcloud.sagemaker import SageMaker
from scripts.localcloud.server import Server

START_TIMEOUT_S = 30.0
CLEAR_TIMEOUT_S = 5.0
END_GRACE_S = 0.3
# Where no system takes the ports of outgoing connections from.
PORTS = range(20_000, 32_000)
# All that may be in the folder, beside cloud.log, into which this process itself writes. Nothing
# else is removed: somebody may have named a folder that holds more.
OURS = (
    *("cloud.json", "cloud.json.tmp", "environment", "layers", "ministack.log"),
    *(faults.FILE, f"{faults.FILE}.tmp", faults.STRUCK),
    *("s3", "sagemaker", "state", "tmp"),
)


def main(folder: Path) -> int:
    """Run until SIGTERM or SIGINT, or until the emulator dies. Returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _lock(folder.with_name(f"{folder.name}.lock")):
        print("Another local cloud is running in this folder.", file=sys.stderr)
        return 1
    stopping = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.set())
    _clear(folder)
    (folder / "tmp").mkdir()
    _forget_the_user()
    try:
        return _run(folder, stopping)
    finally:
        (folder / "cloud.json").unlink(missing_ok=True)
        _end_children()


def _run(folder: Path, stopping: threading.Event) -> int:
    url = f"http://127.0.0.1:{_free_port()}"
    server = Server(SageMaker(Aws(DEFAULT_REGION, url, folder / "sagemaker")), folder / faults.FILE)
    sagemaker_url = f"http://127.0.0.1:{server.server_port}"
    endpoints = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker_url,
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": sagemaker_url,
    }
    emulator = _start_emulator(folder, endpoints)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    if _await_emulator(url, emulator, stopping):
        with _whereabouts(folder, endpoints):
            while not stopping.wait(0.2) and emulator.poll() is None:
                pass
    if stopping.is_set():
        return 0
    print("The emulator did not start, or ended by itself; see ministack.log.", file=sys.stderr)
    return 1


def _lock(file: Path) -> bool:
    """Lock `file` until this process has ended, when the kernel lets go. False when another has."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
    for _ in range(10):  # those who only look hold it for an instant
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False


def _clear(folder: Path) -> None:
    """Remove what a predecessor left. The processes of a crashed one write for an instant more."""
    deadline = time.monotonic() + CLEAR_TIMEOUT_S
    while left := [folder / name for name in OURS if (folder / name).exists()]:
        for path in left:
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
    with contextlib.suppress(FileNotFoundError):
        os.truncate(folder / "cloud.log", 0)


def _forget_the_user() -> None:
    """Drop the user's settings of AWS, and any proxy: all that is asked is on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(dummy_credentials(DEFAULT_REGION), NO_PROXY="*", no_proxy="*")


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _start_emulator(folder: Path, endpoints: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start the emulator. Its environment is also what its Lambda processes inherit."""
    environment = {
        **os.environ,
        **endpoints,
        "GATEWAY_PORT": endpoints["AWS_ENDPOINT_URL"].rpartition(":")[2],
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "LOG_LEVEL": "WARNING",
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",  # AWS's own default
        "LOCAL_LAMBDA_PYTHON": sys.executable,
        "LOCAL_LAMBDA_BOOTSTRAP": lambda_bootstrap.__file__,
        "LOCAL_LAMBDA_LAYERS": str(folder / "layers"),
        "LOCAL_CLOUD_FAULTS": str(folder / faults.FILE),
    }
    with (folder / "ministack.log").open("wb") as log:
        return processes.start_guarded(
            [sys.executable, "-m", "scripts.localcloud.emulator"],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _await_emulator(
    url: str, emulator: "subprocess.Popen[bytes]", stopping: threading.Event
) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and emulator.poll() is None and not stopping.is_set():
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=2).close()  # noqa: S310
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def _whereabouts(folder: Path, endpoints: dict[str, str]) -> Iterator[None]:
    """Write cloud.json, locked: one that is not locked is a dead predecessor's."""
    unfinished = folder / "cloud.json.tmp"
    with unfinished.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"pid": os.getpid(), "endpoints": endpoints, "folder": str(folder)}, file)
        file.flush()
        unfinished.rename(folder / "cloud.json")
        yield


def _end_children() -> None:
    """End the emulator, every job and every model server; what they hold ends with this cloud."""
    left = psutil.Process().children()
    for _ in range(2):  # a guard that is asked a second time kills
        for guard in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                guard.terminate()
        _, left = psutil.wait_procs(left, END_GRACE_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
