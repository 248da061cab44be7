"""What the tests of an environment in use share: its queue, and what happened in it."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.operation import monitoring, queues
from scripts.report import ReportData
from scripts.serving.deployment import Deployment
from tests.unit.scripts.operation.times import NOW, START

TABLE = "scones-dev-decisions"
UPLOADS = "scones-dev-uploads"

Happened = Callable[..., None]


@pytest.fixture
def queue(aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue's URL."""
    monkeypatch.setattr(queues, "LONG_POLL_S", 0)
    url: str = dev.client("sqs").create_queue(QueueName="scones-dev-failures")["QueueUrl"]
    return url


@pytest.fixture
def send(queue: str, dev: Environment) -> Callable[..., None]:
    """send(body, ...): messages for the queue; what is no text is sent as JSON."""

    def send(*bodies: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            dev.client("sqs").send_message(QueueUrl=queue, MessageBody=text)

    return send


@pytest.fixture
def uploads(aws: Any, dev: Environment) -> Any:
    """The uploads bucket, versioned as Terraform makes it; returns its client."""
    s3 = dev.client("s3")
    s3.create_bucket(Bucket=UPLOADS)
    s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.fixture
def deployed(evaluation_document: dict[str, Any]) -> Deployment:
    return Deployment(
        endpoint_name="scones-dev",
        model_name="scones-dev-efficientnet-1",
        algorithm="efficientnet",
        labels=("bicycle", "motorcycle"),
        image_size_px=128,
        confidence_threshold=0.8125,
        dataset_id="0123456789ab",
        deployed_at="2026-11-23T10:00:00+00:00",
        evaluation=evaluation_document,
    )


@pytest.fixture
def outputs(aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An empty decisions table and an empty failure queue."""
    monkeypatch.setattr(queues, "LONG_POLL_S", 0)
    dev.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    url = dev.client("sqs").create_queue(QueueName="scones-dev-failures")["QueueUrl"]
    return {"decisions_table": TABLE, "failure_queue_url": url}


@pytest.fixture
def captured(bucket: Bucket, picture: Callable[..., bytes]) -> Happened:
    """captured(inference_id, scores, at=NOW): a request that SageMaker captured."""

    def write(inference_id: str | None, scores: list[float], at: datetime = NOW) -> None:
        record = {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "image/png",
                    "mode": "INPUT",
                    "data": base64.b64encode(picture()).decode(),
                    "encoding": "BASE64",
                },
                "endpointOutput": {
                    "observedContentType": "application/json",
                    "mode": "OUTPUT",
                    "data": json.dumps(scores),
                    "encoding": "JSON",
                },
            },
            "eventMetadata": {
                "eventId": str(uuid.uuid4()),
                "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                **({"inferenceId": inference_id} if inference_id else {}),
            },
            "eventVersion": "0",
        }
        key = f"captures/scones-dev/AllTraffic/{at:%Y/%m/%d/%H/%M-%S}-000-{uuid.uuid4()}.jsonl"
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=json.dumps(record).encode())

    return write


@pytest.fixture
def decided(dev: Environment, outputs: dict[str, str]) -> Happened:
    """decided(image_id, decision, key=..., at=NOW, **more): what the state machine records."""

    def put(
        image: str,
        decision: str = "accepted",
        key: str = "",
        at: datetime = NOW,
        confidence: float = 0.61,
        **more: str,
    ) -> None:
        item = {
            "image_id": image,
            "decision": decision,
            "s3_key": key or f"incoming/{image}.png",
            "decided_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
            **more,
        }
        dev.client("dynamodb").put_item(
            TableName=TABLE,
            Item={name: {"S": value} for name, value in item.items()}
            | {"confidence": {"N": str(confidence)}},
        )

    return put


@pytest.fixture
def failed(dev: Environment, outputs: dict[str, str]) -> Happened:
    """failed(message): what waits in the failure queue."""

    def send(message: Any) -> None:
        dev.client("sqs").send_message(
            QueueUrl=outputs["failure_queue_url"], MessageBody=json.dumps(message)
        )

    return send


@pytest.fixture
def gather(
    dev: Environment, outputs: dict[str, str], bucket: Bucket, deployed: Deployment
) -> Callable[..., ReportData]:
    """gather(since=START, truths=None): what the report would show."""

    def run(
        since: datetime = START,
        truths: dict[str, str] | None = None,
        deployment: Deployment = deployed,
    ) -> ReportData:
        return monitoring.gather(dev, outputs, bucket, deployment, since, truths)

    return run
