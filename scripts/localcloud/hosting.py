"""A model in a process of its own, for an endpoint's instance or a transform job."""

import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from scripts import processes
from scripts.localcloud import serving
from scripts.localcloud.aws import Aws
from scripts.localcloud.container import serving_environment
from scripts.localcloud.logs import LogStream

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 60.0  # SageMaker gives a model 60 seconds
RESTART_PAUSE_S = 0.5
MAX_LINE_BYTES = 65_536
NO_ANSWER = 0  # the status by which SageMaker reports that a model did not answer in time


class NotHealthy(Exception):
    """A model server ended, or did not answer, before it was ready to serve."""


class Unreachable(Exception):
    """There is no model server to ask just now: it has died and is not back yet."""


@dataclass(frozen=True)
class Answer:
    """What a model answered. `status` is its HTTP status, or NO_ANSWER."""

    status: int
    body: bytes
    content_type: str


class Instance:
    """One model server, started again when it dies. Make it with `start`, end it with `stop`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], log: LogStream) -> None:
        self._folder, self._environment, self._log = folder, environment, log
        self._port_file = folder / "port"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._is_proven = False
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_running, daemon=True)

    @classmethod
    def start(
        cls,
        aws: Aws,
        container: Mapping[str, Any],
        log_group: str,
        log_stream: str,
        environment: Mapping[str, str] | None = None,
    ) -> "Instance":
        """Unpack the model, start serving it and wait until it is healthy.

        `environment` is added to the container's own. Raises JobFailed when the model's archive
        is unusable, NotHealthy when the server does not come up.
        """
        folder = aws.work_dir / "hosting" / uuid.uuid4().hex
        try:
            variables = serving_environment(aws, folder / "model", container, environment or {})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        instance = cls(folder, variables, LogStream(aws, log_group, log_stream))
        instance._keeper.start()
        try:
            instance._await_ready()
        except BaseException:
            instance.stop()
            raise
        return instance

    def invoke(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The model's answer; 503 when it broke off. Raises Unreachable when none was asked."""
        headers = {"Content-Type": content_type, "Accept": accept}
        pool = self._connect()
        if pool is None:
            raise Unreachable
        try:
            answer = pool.request("POST", "/invocations", body=body, headers=headers)
        except urllib3.exceptions.NewConnectionError as error:
            raise Unreachable from error
        except urllib3.exceptions.TimeoutError:
            return Answer(
                NO_ANSWER,
                b"Your invocation timed out while waiting for a response from container primary. "
                b"Review the latency metrics for each container in Amazon CloudWatch, resolve the "
                b"issue, and try again.",
                "text/plain",
            )
        except urllib3.exceptions.HTTPError:
            return Answer(503, b"The model server broke off.", "text/plain")
        return Answer(answer.status, answer.data, answer.headers.get("Content-Type", ""))

    def stop(self) -> None:
        """End the server's process and remove its files."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process:
            processes.stop(process)
        self._keeper.join(5)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._keeper.is_alive():
            if self._answers_ping():
                self._is_proven = True
                return
            time.sleep(0.02)
        raise NotHealthy

    def _answers_ping(self) -> bool:
        pool = self._connect()
        try:
            return pool is not None and pool.request("GET", "/ping", timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _connect(self) -> urllib3.HTTPConnectionPool | None:
        with self._lock:
            if self._pool is None and self._port_file.exists():
                self._pool = urllib3.HTTPConnectionPool(
                    "127.0.0.1",
                    int(self._port_file.read_text()),
                    maxsize=64,
                    timeout=ANSWER_TIMEOUT_S,
                    retries=False,
                )
            return self._pool

    def _keep_running(self) -> None:
        """Run the server and ship its log; over and over, unless it never came up at all."""
        while process := self._start_process():
            assert process.stdout
            while raw := process.stdout.readline(MAX_LINE_BYTES):
                self._log.write(raw.decode("utf-8", "replace").rstrip())
            process.stdout.close()
            process.wait()
            with self._lock:
                self._port_file.unlink(missing_ok=True)
                self._pool = None
            if not self._is_proven:
                return
            self._stopping.wait(RESTART_PAUSE_S)

    def _start_process(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = processes.start_guarded(
                [sys.executable, "-u", serving.__file__, self._folder / "model", self._port_file],
                env=self._environment,
                cwd=self._folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            return self._process
