"""The service in a local cloud, what is done to it, and what CloudWatch and people see of that."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lambdas.common.metrics import Publisher
from scripts.localcloud import faults
from scripts.localcloud.faults import Fault
from tests.bad_inputs import stripes
from tests.fuzz.seeds import encoded
from tests.integration.localcloud.conftest import LocalCloud

PREFIX = "scones-local"
UPLOADS = f"{PREFIX}-uploads-000000000000"
MACHINE = f"arn:aws:states:us-east-1:000000000000:stateMachine:{PREFIX}-classify"
PICTURE = encoded(stripes(), "PNG")
PAUSE_S = 0.1
MISTAKE_EVERY_S = 0.25
EVERY_S = 1.0

# What the monitor publishes of a window in which all is well.
WINDOW: Mapping[str, float] = {
    "CapturedInferences": 60,
    "CaptureRatio": 1,
    "DriftSeverity": 0,
    "LowConfidenceRate": 0.05,
    "EstimatedAccuracy": 0.97,
    "DamagedRecords": 0,
    "UnreadFiles": 0,
}

# It answers a picture with a confident score, and a text with what the text asks it to do.
INFERENCE = """
import time

class Refused(ValueError):
    status_code = 415

def model_fn(folder):
    return None

def input_fn(body, content_type):
    return body

def predict_fn(body, model):
    if body == b"refuse":
        raise Refused("not this one")
    if body == b"fail":
        raise RuntimeError("it went wrong")
    if body.startswith(b"sleep "):
        time.sleep(float(body.split()[1]))
    return "[0.97, 0.03]"

def output_fn(answer, accept):
    return answer, "application/json"
"""


@dataclass
class Doings:
    """What goes on at present, over and over: nothing bad, unless it is said.

    Every other request asks the model for one of `moods`, each decision has `confidence`, and the
    functions called `wrong` get an input that they cannot take. `upload` is what arrives in the
    bucket, `monitor` what the monitor publishes; None: nothing.
    """

    moods: tuple[str, ...] = ("hello",)
    confidence: float = 0.97
    wrong: tuple[str, ...] = ()
    upload: bytes | None = None
    monitor: Mapping[str, float] | None = field(default_factory=lambda: WINDOW)


class Service:
    """The service as Terraform made it, under steady traffic."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.doings = Doings()
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._errors: list[BaseException] = []
        for name in ("sagemaker-runtime", "lambda", "s3", "logs"):
            cloud.client(name)  # threads that make one at the same time get in each other's way

    @contextmanager
    def under_traffic(self) -> Iterator[Service]:
        work = (
            *((self._ask, PAUSE_S), (self._decide, PAUSE_S), (self._mistake, MISTAKE_EVERY_S)),
            *((self._upload, EVERY_S), (self._monitor, EVERY_S)),
        )
        threads = [threading.Thread(target=self._repeat, args=one) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()
        assert self._errors == []

    def _repeat(self, work: Any, every_s: float) -> None:
        while not self._stopping.wait(every_s):
            try:
                work()
            except BaseException as error:
                self._errors.append(error)
                raise

    def _ask(self) -> None:
        runtime, number = self.cloud.client("sagemaker-runtime"), next(self._numbers)
        moods = self.doings.moods
        text = moods[number // 2 % len(moods)] if number % 2 else "hello"
        with contextlib.suppress(runtime.exceptions.ModelError):
            runtime.invoke_endpoint(
                EndpointName=PREFIX, Body=text.encode(), ContentType="text/plain"
            )

    def _decide(self) -> None:
        image = {"s3_bucket": UPLOADS, "s3_key": "incoming/a.png", "version_id": "v1"}
        scores = {"bicycle": self.doings.confidence, "motorcycle": 1 - self.doings.confidence}
        self._call("filter", {"image": image, "scores": scores, "variant": "AllTraffic"})

    def _mistake(self) -> None:
        for name in self.doings.wrong:
            self._call(name, {})

    def _upload(self) -> None:
        if self.doings.upload is not None:
            key = f"incoming/{next(self._numbers)}.png"
            self.cloud.client("s3").put_object(Bucket=UPLOADS, Key=key, Body=self.doings.upload)

    def _monitor(self) -> None:
        for metric, value in (self.doings.monitor or {}).items():
            self._publish(metric, value)

    def _call(self, function: str, payload: dict[str, Any]) -> None:
        functions = self.cloud.client("lambda")
        with contextlib.suppress(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName=f"{PREFIX}-{function}", Payload=json.dumps(payload))

    def _publish(self, metric: str, value: float) -> None:
        """As the monitor does: in a line of its log."""
        line = io.StringIO()
        with contextlib.redirect_stdout(line):
            Publisher("scones", "local", "monitor").count(metric, value)
        stream = {"logGroupName": f"/aws/lambda/{PREFIX}-monitor", "logStreamName": "test"}
        logs, event = self.cloud.client("logs"), {"message": line.getvalue()}
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[event | {"timestamp": int(1000 * time.time())}])

    def lock_buckets(self) -> None:
        """Let no function read anything, as `invoke cloud.fault` does."""
        faults.cause(self.cloud.folder, Fault("GetObject", "deny", of=f"{PREFIX}-"))

    def unlock_buckets(self) -> None:
        faults.heal(self.cloud.folder)

    def starve(self, *functions: str) -> None:
        """Let none of these functions run: Lambda turns every call away."""
        for name in functions:
            self.cloud.client("lambda").put_function_concurrency(
                FunctionName=f"{PREFIX}-{name}", ReservedConcurrentExecutions=0
            )

    def feed(self, *functions: str) -> None:
        for name in functions:
            self.cloud.client("lambda").delete_function_concurrency(FunctionName=f"{PREFIX}-{name}")

    def limit_executions(self, seconds: int) -> None:
        """Give executions less time than their retries take."""
        machines = self.cloud.client("stepfunctions")
        found = machines.describe_state_machine(stateMachineArn=MACHINE)
        definition = json.loads(found["definition"]) | {"TimeoutSeconds": seconds}
        machines.update_state_machine(stateMachineArn=MACHINE, definition=json.dumps(definition))

    def empty_failures(self) -> None:
        sqs = self.cloud.client("sqs")
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{PREFIX}-failures")["QueueUrl"])

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Every alarm by its name after the prefix."""
        found = self.cloud.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=f"{PREFIX}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return {
            alarm["AlarmName"].removeprefix(f"{PREFIX}-"): alarm
            for alarm in [*found["MetricAlarms"], *found["CompositeAlarms"]]
        }

    def on(self) -> set[str]:
        """The alarms that are in ALARM."""
        return {name for name, alarm in self.alarms().items() if alarm["StateValue"] == "ALARM"}
