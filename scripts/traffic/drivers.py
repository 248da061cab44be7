"""Send what a file lists, when it says so: `python -m scripts.traffic.drivers FILE`.

Locust runs the drivers, as lightweight threads: it replaces Python's blocking calls by its own,
which is why this is a process of its own, and why Locust is imported before all else. Each
photograph that was sent is a line of JSON on stdout: see `outcome.Sent`.
"""

import locust  # isort: skip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common.aws_errors import error_code
from scripts.environment import Environment, open_environment
from scripts.traffic.plan import WORKFLOW

Send = Callable[[str, bytes], str | None]
_STOP_WITHIN_S = 60


def sender(environment: Environment, target: str, name: str, at_once: int) -> Send:
    """send(key, body): the version that was made, if any. `name` is a bucket's or an endpoint's."""
    if target == WORKFLOW:
        s3 = environment.client("s3", max_pool_connections=at_once)

        def upload(key: str, body: bytes) -> str | None:
            return str(s3.put_object(Bucket=name, Key=key, Body=body).get("VersionId", "null"))

        return upload
    # A failure is a finding here, so it is not tried again.
    runtime = environment.client(
        "sagemaker-runtime", max_pool_connections=at_once, retries={"total_max_attempts": 1}
    )

    def ask(_key: str, body: bytes) -> None:
        runtime.invoke_endpoint(
            EndpointName=name,
            ContentType="application/x-image",
            Accept="application/json",
            Body=body,
        )["Body"].read()

    return ask


def reason(error: BotoCoreError | ClientError) -> str:
    """What kind of error it was: those of a kind are counted together."""
    return error_code(error) if isinstance(error, ClientError) else type(error).__name__


class Driver(locust.User):
    """Takes the next photograph of all drivers, waits until it is due, and sends it."""

    send: ClassVar[Send]
    photographs: ClassVar[Iterator[tuple[int, dict[str, Any]]]]
    started_s: ClassVar[float]

    @locust.task
    def drive(self) -> None:
        number, photograph = next(self.photographs, (-1, {}))
        if number < 0:
            raise locust.exception.StopUser
        due_s = self.started_s + photograph["due_s"]
        time.sleep(max(0.0, due_s - time.time()))
        body = Path(photograph["file"]).read_bytes()
        sent_s, began, error = time.time(), time.perf_counter(), None
        version = None
        try:
            version = type(self).send(photograph["key"], body)
        except (BotoCoreError, ClientError) as failure:
            error = failure
        took_s = time.perf_counter() - began
        line = {
            "number": number,
            "sent_s": sent_s,
            "late_s": max(0.0, sent_s - due_s),
            "took_s": took_s,
            "version_id": version,
            "error": reason(error) if error else None,
        }
        print(json.dumps(line), flush=True)


def main(path: str) -> None:
    """Send everything; returns when all of it was sent."""
    wanted = json.loads(Path(path).read_text("utf-8"))
    at_once = wanted["at_once"]
    environment = open_environment(wanted["environment"], os.environ)
    environment.activate()
    Driver.send = staticmethod(sender(environment, wanted["target"], wanted["name"], at_once))
    Driver.photographs = iter(list(enumerate(wanted["photographs"])))
    Driver.started_s = time.time()
    runner = locust.env.Environment(
        user_classes=[Driver], stop_timeout=_STOP_WITHIN_S
    ).create_local_runner()
    runner.start(at_once, spawn_rate=at_once)
    assert runner.spawning_greenlet
    runner.spawning_greenlet.join()
    while runner.user_count:
        time.sleep(0.05)
    runner.quit()


if __name__ == "__main__":
    main(sys.argv[1])
