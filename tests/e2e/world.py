"""A deployed workflow, and all that can be seen of it from outside."""

import copy
import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lambdas.common.capture import parse_file
from lambdas.common.messages import image_id
from scripts.environment import DEFAULT_REGION, dummy_credentials
from scripts.localcloud import faults
from scripts.localcloud.faults import Fault
from tests.e2e.client import aws

PREFIX = "scones-local"
UPLOADS = f"{PREFIX}-uploads-000000000000"
ARTIFACTS = f"{PREFIX}-artifacts-000000000000"
TABLE = f"{PREFIX}-decisions"
MACHINE = f"arn:aws:states:us-east-1:000000000000:stateMachine:{PREFIX}-classify"
TOPIC = f"arn:aws:sns:us-east-1:000000000000:{PREFIX}-alarms"
AT_ONCE = 8


@dataclass(frozen=True)
class Sent:
    """One object version."""

    key: str
    version_id: str
    bucket: str = UPLOADS

    @property
    def id(self) -> str:
        return image_id(self.bucket, self.key, self.version_id)

    @property
    def input(self) -> dict[str, str]:
        return {"s3_bucket": self.bucket, "s3_key": self.key, "version_id": self.version_id}


@dataclass
class Seen:
    """What became of uploads, counted by image id; failures by key."""

    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def of(self, sent: Sent) -> str:
        """The outcome in words: what was decided, and how many times somebody was told."""
        decision = self.decisions.get(sent.id)
        failures = self.failures.get(sent.key, [])
        if failures:
            (failure,) = failures
            assert decision is None or "delivered_at" not in decision
            whole = failure["input"] == sent.input
            kept = "its input is kept" if whole else f"kept is {failure['input']}"
            return f"failed [{failure['error']}], {kept}, {self._told(sent)}"
        if decision is None:
            return f"nothing, {self._told(sent)}"
        made = decision["decision"]["S"]
        what = f"rejected [{decision['reason']['S']}]" if made == "rejected" else "classified"
        return f"{what}, {self._told(sent)}"

    def with_calls(self, sent: Sent) -> str:
        """The same, with the number of times that the endpoint was asked."""
        return f"{self.of(sent)}, endpoint asked {self.calls[sent.id]} times"

    def _told(self, sent: Sent) -> str:
        return f"told {self.told[sent.id]} times"


class World:
    """The service in the local cloud of `cloud`, used as others use it.

    Another team's queue gets every event, and a person's every message of the alarms' topic.
    """

    def __init__(self, cloud: Path) -> None:
        self.cloud = cloud
        self._seen = Seen()
        self._s3 = aws(cloud, "s3", s3={"addressing_style": "path"}, max_pool_connections=AT_ONCE)
        self._machine = aws(
            cloud, "stepfunctions", inject_host_prefix=False, max_pool_connections=64
        )
        self._sqs, self._dynamodb = aws(cloud, "sqs"), aws(cloud, "dynamodb")
        self._queues = {
            name: self._sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("another-team", "a-person")
        } | {
            name: self._sqs.get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"]
            for name in ("review", "failures")
        }
        self._subscribe()

    def _subscribe(self) -> None:
        events, arn = aws(self.cloud, "events"), "arn:aws:sqs:us-east-1:000000000000"
        pattern = {"source": ["scones.classifier"], "detail-type": ["VehicleClassified"]}
        events.put_rule(Name="another-team", EventPattern=json.dumps(pattern))
        events.put_targets(
            Rule="another-team", Targets=[{"Id": "queue", "Arn": f"{arn}:another-team"}]
        )
        aws(self.cloud, "sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"{arn}:a-person")

    @property
    def pid(self) -> int:
        """The local cloud's process."""
        return int(json.loads((self.cloud / "cloud.json").read_text())["pid"])

    def put(self, key: str, body: bytes) -> Sent:
        """Upload one file; below incoming/ that starts an execution."""
        answer = self._s3.put_object(Bucket=UPLOADS, Key=key, Body=body)
        return Sent(key, answer["VersionId"])

    def put_all(self, bodies: dict[str, bytes]) -> list[Sent]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.put, bodies.keys(), bodies.values()))

    def delete(self, sent: Sent) -> None:
        self._s3.delete_object(Bucket=UPLOADS, Key=sent.key, VersionId=sent.version_id)

    def capture(self, key: str, lines: Iterable[str]) -> None:
        """Write a file where SageMaker captures."""
        body = "\n".join(lines).encode()
        self._s3.put_object(Bucket=ARTIFACTS, Key=f"captures/{key}", Body=body)

    def start(self, given: dict[str, Any]) -> None:
        """Start an execution with any input, as a caller who does not wait."""
        self._machine.start_execution(stateMachineArn=MACHINE, input=json.dumps(given))

    def ask(self, given: Any) -> dict[str, Any]:
        """The same, and wait for the end."""
        answer: dict[str, Any] = self._machine.start_sync_execution(
            stateMachineArn=MACHINE, input=json.dumps(given)
        )
        return answer

    def cause(self, kind: str, at: str = "InvokeEndpoint", **how: Any) -> None:
        faults.cause(self.cloud, Fault(at, kind, **how))

    def monitor(self) -> None:
        """Have the monitor look now."""
        aws(self.cloud, "lambda").invoke(FunctionName=f"{PREFIX}-monitor", Payload=b"{}")

    def heal(self, of: str = "") -> None:
        faults.heal(self.cloud, of)

    def await_strikes(self, of: str, count: int) -> None:
        """Return when so many calls have run into the fault of that `of`."""
        deadline = time.monotonic() + 60
        while faults.struck(self.cloud, of) < count:
            assert time.monotonic() < deadline, f"the fault of {of} has not struck"
            time.sleep(0.1)

    def look(self, *, calls: bool = True) -> Seen:
        """All that has become of everything so far; failures are left where they are.

        Counting the `calls` of the endpoint means reading all that was captured.
        """
        seen = self._seen
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=TABLE)
        seen.decisions = {item["image_id"]["S"]: item for page in pages for item in page["Items"]}
        seen.told.update(message["detail"]["image_id"] for message in self._receive("another-team"))
        seen.told.update(message["image_id"] for message in self._receive("review"))
        if calls:
            seen.calls = Counter(
                record.inference_id for record in self._captured() if record.inference_id
            )
        seen.failures = {}
        for message in self._receive("failures", keep=True):
            given = message.get("input")
            key = given.get("s3_key", "") if isinstance(given, dict) else ""
            seen.failures.setdefault(str(key), []).append(message)
        return copy.deepcopy(seen)

    def alarms(self) -> list[str]:
        """What a person has been told since the last time, subject and text."""
        return [
            f"{message.get('Subject', '')}\n{message['Message']}"
            for message in self._receive("a-person")
        ]

    def _receive(self, queue: str, *, keep: bool = False) -> list[Any]:
        url, found = self._queues[queue], []
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += messages
        for message in found:
            one = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if keep:
                self._sqs.change_message_visibility(**one, VisibilityTimeout=0)
            else:
                self._sqs.delete_message(**one)
        return [json.loads(message["Body"]) for message in found]

    def _captured(self) -> Iterable[Any]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=ARTIFACTS, Prefix="captures/"
        )
        for page in pages:
            for item in page.get("Contents", []):
                body = self._s3.get_object(Bucket=ARTIFACTS, Key=item["Key"])["Body"].read()
                yield from parse_file(body, item["Key"]).records

    def total(self, namespace: str, metric: str, dimensions: dict[str, str]) -> float:
        """A metric's sum since the beginning."""
        now = datetime.now(UTC)
        points = aws(self.cloud, "cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(days=1),
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    def variables(self) -> dict[str, str]:
        """The process environment of whoever works in this environment."""
        endpoints = json.loads((self.cloud / "cloud.json").read_text())["endpoints"]
        return {**dummy_credentials(DEFAULT_REGION), **endpoints}

    def outputs(self) -> dict[str, str]:
        """What Terraform says of it, as far as a report needs it."""
        return {"decisions_table": TABLE, "failure_queue_url": self._queues["failures"]}

    def waiting(self) -> int:
        """How many failures wait."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queues["failures"], AttributeNames=names
        )
        return sum(int(answer["Attributes"][name]) for name in names)

    def settle(self, decided: Iterable[Sent], failed: int, within_s: float) -> None:
        """Return when so many have failed, and all of `decided` are decided and delivered."""
        missing = {sent.id for sent in decided}
        deadline = time.monotonic() + within_s
        while missing or self.waiting() < failed:
            delivered = {
                item["image_id"]["S"]
                for page in self._dynamodb.get_paginator("scan").paginate(TableName=TABLE)
                for item in page["Items"]
                if "delivered_at" in item
            }
            missing -= delivered
            assert time.monotonic() < deadline, (missing, self.waiting(), failed)
            time.sleep(0.5)
