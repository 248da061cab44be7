"""The local cloud's one long-running process. `invoke cloud.up` starts it, `cloud.down` stops it.

    python -m scripts.localcloud FOLDER

It keeps everything in FOLDER, which is made anew: a crashed predecessor leaves nothing to trip
over. When everything answers, FOLDER/cloud.json says where it is. Its children are guarded, so
that even `kill -9` leaves no process behind.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import IO

from scripts import processes
from scripts.environment import DEFAULT_REGION, dummy_credentials
from scripts.localcloud import lambda_bootstrap
from scripts.localcloud.aws import Aws
from scripts.localcloud.sagemaker import SageMaker
from scripts.localcloud.server import Server

START_TIMEOUT_S = 30.0
# Each concurrent Lambda is a process; two busy cores gain nothing from more of them.
LAMBDA_CONCURRENCY = 24


def main(folder: Path) -> int:
    """Run until SIGTERM or SIGINT, or until the emulator dies. Returns the exit code."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = (folder.parent / f"{folder.name}.lock").open("w")
    if not _acquire(lock):
        print("Another local cloud is running in this folder.", file=sys.stderr)
        return 1
    for child in folder.iterdir() if folder.exists() else ():
        if child.name != "cloud.log":  # where this process itself writes
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    (folder / "tmp").mkdir(parents=True, exist_ok=True)

    os.environ.update(dummy_credentials(DEFAULT_REGION))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    sagemaker = SageMaker(Aws(DEFAULT_REGION, url, folder / "sagemaker"))
    server = Server(sagemaker)
    sagemaker_url = f"http://127.0.0.1:{server.server_port}"
    endpoints = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker_url,
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": sagemaker_url,
    }
    stopping = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    emulator = _start_ministack(folder, port, endpoints)
    try:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _await_ministack(url, emulator, stopping)
        _write_whereabouts(folder, endpoints)
        while not stopping.wait(0.2):
            if emulator.poll() is not None:
                print("The emulator ended by itself; see ministack.log.", file=sys.stderr)
                return 1
        return 0
    finally:
        (folder / "cloud.json").unlink(missing_ok=True)
        sagemaker.close()
        server.shutdown()
        processes.stop(emulator)


def _acquire(lock: IO[str]) -> bool:
    """Take the folder for this process's lifetime. Those who only look hold it for an instant."""
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start_ministack(
    folder: Path, port: int, endpoints: dict[str, str]
) -> "subprocess.Popen[bytes]":
    """Start the emulator. Its environment is also what its Lambda processes inherit."""
    environment = {
        **os.environ,
        **endpoints,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "LOG_LEVEL": "WARNING",
        "LAMBDA_ACCOUNT_CONCURRENCY": str(LAMBDA_CONCURRENCY),
        "LOCAL_LAMBDA_PYTHON": sys.executable,
        "LOCAL_LAMBDA_BOOTSTRAP": lambda_bootstrap.__file__,
        "LOCAL_LAMBDA_LAYERS": str(folder / "layers"),
    }
    with (folder / "ministack.log").open("wb") as log:
        return processes.start_guarded(
            [sys.executable, "-m", "ministack"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _await_ministack(
    url: str, emulator: "subprocess.Popen[bytes]", stopping: threading.Event
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and emulator.poll() is None and not stopping.is_set():
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=2)
            return
        time.sleep(0.05)
    raise SystemExit("The emulator did not start; see ministack.log.")


def _write_whereabouts(folder: Path, endpoints: dict[str, str]) -> None:
    whereabouts = {"pid": os.getpid(), "endpoints": endpoints, "folder": str(folder)}
    unfinished = folder / "cloud.json.tmp"
    unfinished.write_text(json.dumps(whereabouts, indent=2))
    unfinished.rename(folder / "cloud.json")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
