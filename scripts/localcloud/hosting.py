"""A model in a process of its own, for an endpoint's instance or a transform job."""

import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from scripts import processes
from scripts.localcloud import serving
from scripts.localcloud.aws import Aws, LogStream
from scripts.localcloud.container import JobFailed, serving_command

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 60.0  # SageMaker gives a model 60 seconds


class Instance:
    """One running model server. Create it with `start`; `stop` ends its process."""

    def __init__(
        self, folder: Path, process: subprocess.Popen[bytes], log: LogStream, port_file: Path
    ) -> None:
        self._folder, self._process, self._log, self._port_file = folder, process, log, port_file
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._reader = threading.Thread(target=self._ship_log, daemon=True)
        self._reader.start()

    @classmethod
    def start(cls, aws: Aws, container: Mapping[str, Any], log_group: str, name: str) -> "Instance":
        """Unpack the model and start serving it. Raises JobFailed when it does not come up."""
        folder = aws.work_dir / "hosting" / f"{name}-{uuid.uuid4().hex[:8]}"
        model_dir = folder / "model"
        environment = serving_command(aws, model_dir, container)
        port_file = folder / "port"
        process = processes.start_guarded(
            [sys.executable, "-u", serving.__file__, model_dir, port_file],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        log = LogStream(aws, log_group, f"{name}/{uuid.uuid4().hex}")
        instance = cls(folder, process, log, port_file)
        try:
            instance._await_ping()
        except JobFailed:
            instance.stop()
            raise
        return instance

    def _await_ping(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._port_file.exists():
                port = int(self._port_file.read_text())
                self._pool = urllib3.HTTPConnectionPool(
                    "127.0.0.1", port, maxsize=64, timeout=ANSWER_TIMEOUT_S, retries=False
                )
                if self._pool.request("GET", "/ping").status == 200:
                    return
            time.sleep(0.02)
        raise JobFailed("did not pass the ping health check. Please check CloudWatch logs")

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, str]:
        """Status, body and content type of the model's answer.

        A server that cannot be reached counts as 503; one that is silent for a minute as 504.
        """
        assert self._pool
        headers = {"Content-Type": content_type, "Accept": accept}
        try:
            answer = self._pool.request("POST", "/invocations", body=body, headers=headers)
        except urllib3.exceptions.TimeoutError:
            return 504, b"Your invocation timed out while waiting for a response.", "text/plain"
        except urllib3.exceptions.HTTPError:
            return 503, b"The model server cannot be reached.", "text/plain"
        return answer.status, answer.data, answer.headers.get("Content-Type", "")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        processes.stop(self._process)
        self._reader.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ship_log(self) -> None:
        assert self._process.stdout
        for raw in self._process.stdout:
            self._log.write(raw.decode("utf-8", "replace").rstrip())
        self._log.flush()
