"""Everything that Terraform makes, in a cloud of these tests' own, and a story of what goes wrong.

Terraform makes it from the local environment's own file; only the alarms on the monitor look more
often, for it takes minutes otherwise to see that it is silent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.localcloud import control
from scripts.provisioning import package
from scripts.provisioning.package import LOCAL_TARGET
from tests.integration import provisioning
from tests.integration.localcloud.alarms.service import (
    INFERENCE,
    PICTURE,
    PREFIX,
    WINDOW,
    Doings,
    Service,
)
from tests.integration.localcloud.conftest import ROLE, SERVING_IMAGE, LocalCloud, archive

TIMING = {"period_s": 10, "long_period_s": 10, "monitor_period_s": 10}
# Three periods of 10 s, the rest of the one that is running, and room for a busy machine.
WITHIN_S = 100.0

# What goes off in which chapter of the story.
CHAPTERS: dict[str, set[str]] = {
    "the monitor has not run yet": {"monitor-silent"},
    "things fail": {
        *("executions-failed", "executions-keep-failing", "failure-queue-not-empty", "unhealthy"),
        *("serialize-errors", "infer-errors", "filter-errors", "monitor-errors"),
        *("endpoint-server-errors", "rollback-5xx-rate", "rollback-low-confidence-rate"),
        *("monitor-behind", "damaged-captures", "drift-warn", "drift-act"),
    },
    "things are refused, cut off and slow": {
        *("executions-timed-out", "unhealthy"),
        *("serialize-throttles", "infer-throttles", "filter-throttles"),
        *("endpoint-client-errors", "endpoint-latency"),
        *("rollback-4xx-rate", "rollback-latency-p99"),
        *("capture-stopped", "drift-warn"),
    },
    "the monitor falls silent": {"monitor-silent", "drift-warn"},
    "all is well": set(),
}


@dataclass(frozen=True)
class Message:
    """What one reader of a topic was told of an alarm."""

    topic: str
    alarm: str
    state: str
    subject: str
    text: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """Which alarms were on at the end of each chapter, and what people were told."""

    service: Service
    on: dict[str, set[str]]
    messages: list[Message]


@pytest.fixture(scope="session")
def service(
    start_cloud: Callable[[Path], LocalCloud], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service, provisioned, with an endpoint that answers."""
    file = tmp_path_factory.mktemp("place") / "cloud" / "cloud.json"
    cloud = start_cloud(file)
    create_endpoint(cloud)
    packages = tmp_path_factory.mktemp("packages")
    package.build(LOCAL_TARGET, packages)
    variables = {"endpoint_name": PREFIX, "package_dir": str(packages), "alarm_timing": TIMING}
    provisioning.apply(cloud.folder, cloud.endpoints, variables)
    cloud.client("events").disable_rule(Name=f"{PREFIX}-monitor")
    cloud.end_of_change(PREFIX)
    yield Service(cloud)
    control.down(file)


def create_endpoint(cloud: LocalCloud) -> None:
    uri = cloud.put("models/alarms.tar.gz", archive({"code/inference.py": INFERENCE}))
    cloud.sagemaker.create_model(
        ModelName="alarms",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": SERVING_IMAGE, "ModelDataUrl": uri},
    )
    cloud.sagemaker.create_endpoint(
        EndpointName=PREFIX, EndpointConfigName=cloud.create_config("alarms")
    )


@pytest.fixture(scope="session")
def story(service: Service) -> Story:
    """The story, told once: whatever belongs together goes wrong at the same time."""
    inboxes = {topic: subscribe(service.cloud, topic) for topic in ("alarms", "pages")}
    on: dict[str, set[str]] = {}

    def chapter(name: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while (seen := service.on()) != CHAPTERS[name] and time.monotonic() < deadline:
            if "failure-queue-not-empty" not in CHAPTERS[name]:
                service.empty_failures()  # of what was still under way
            time.sleep(1.0)
        on[name] = seen

    service.doings = Doings(monitor=None)
    with service.under_traffic():
        chapter("the monitor has not run yet")

        service.lock_buckets()
        service.doings = Doings(
            moods=("fail",),
            confidence=0.6,
            wrong=("infer", "filter", "monitor"),
            upload=PICTURE,
            monitor={**WINDOW, "DriftSeverity": 3, "DamagedRecords": 2, "UnreadFiles": 7},
        )
        chapter("things fail")

        service.starve("serialize", "infer", "filter")
        service.limit_executions(2)
        service.unlock_buckets()
        service.doings = Doings(
            moods=("refuse", "sleep 1.2"),
            wrong=("serialize", "infer"),
            upload=PICTURE,
            monitor={**WINDOW, "DriftSeverity": 2, "CaptureRatio": 0.2},
        )
        chapter("things are refused, cut off and slow")

        service.feed("serialize", "infer", "filter")
        service.limit_executions(290)
        service.doings = Doings(upload=b"", monitor=None)
        chapter("the monitor falls silent")

        service.doings = Doings()
        chapter("all is well")
    messages = [
        message for topic, url in inboxes.items() for message in read(service.cloud, topic, url)
    ]
    return Story(service, on, messages)


def subscribe(cloud: LocalCloud, topic: str) -> str:
    """A queue that is told what the topic is told."""
    url: str = cloud.client("sqs").create_queue(QueueName=topic)["QueueUrl"]
    here = "us-east-1:000000000000"
    cloud.client("sns").subscribe(
        TopicArn=f"arn:aws:sns:{here}:{PREFIX}-{topic}",
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{here}:{topic}",
    )
    return url


def read(cloud: LocalCloud, topic: str, url: str) -> Iterator[Message]:
    """Every message of an alarm; those about the failures themselves are plain text."""
    sqs = cloud.client("sqs")
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            envelope = json.loads(message["Body"])
            if envelope["Message"].startswith("{"):
                text = json.loads(envelope["Message"])
                name = text["AlarmName"].removeprefix(f"{PREFIX}-")
                yield Message(topic, name, text["NewStateValue"], envelope["Subject"], text)
