"""The monitor as Terraform makes it: on its schedule, beside an endpoint that really captures.

The model takes bright pictures for bicycles and dark ones for motorcycles, so that darker pictures
are drift that a person can foresee.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import measure
from scripts.provisioning import package
from scripts.provisioning.package import LOCAL_TARGET
from tests.integration import provisioning
from tests.integration.localcloud.conftest import ROLE, SERVING_IMAGE, LocalCloud, archive

PREFIX = "scones-local"
ARTIFACTS = f"{PREFIX}-artifacts-000000000000"
RULE = f"{PREFIX}-monitor"
LABELS = ("bicycle", "motorcycle")
BRIGHT, DARK = (150, 200), (10, 40)
METRICS_ARRIVE_S = 10.0
SCHEDULE_S = 90.0  # a minute, and room for a busy machine

INFERENCE = """
import io, json
from PIL import Image, ImageStat

def model_fn(folder):
    return None

def input_fn(body, content_type):
    return sum(ImageStat.Stat(Image.open(io.BytesIO(body))).mean) / 3 / 255

def predict_fn(brightness, model):
    confidence = 0.6 + 0.39 * abs(2 * brightness - 1)
    return [confidence, 1 - confidence] if brightness > 0.5 else [1 - confidence, confidence]

def output_fn(scores, accept):
    return json.dumps(scores), "application/json"
"""


def pictures(count: int, brightness: tuple[int, int], seed: int = 0) -> list[bytes]:
    """PNGs with means between these brightnesses, 0 to 255."""
    random = np.random.default_rng(seed)
    found = []
    for mean in random.integers(*brightness, count):
        buffer = io.BytesIO()
        Image.fromarray(pixels(random, int(mean))).save(buffer, "PNG")
        found.append(buffer.getvalue())
    return found


def pixels(random: np.random.Generator, mean: int) -> Any:
    noise = random.normal(mean, 20, (32, 32, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


@dataclass
class Monitored:
    """An endpoint under the eyes of the monitor; `told` is a queue that gets its events."""

    cloud: LocalCloud
    told: str
    asked: int = 0

    def ask(self, uploads: Sequence[bytes]) -> None:
        """Ask the endpoint about pictures, as the workflow does; returns once all is captured."""
        runtime = self.cloud.client("sagemaker-runtime")
        for body in uploads:
            self.asked += 1
            image_id = hashlib.sha256(str(self.asked).encode()).hexdigest()
            runtime.invoke_endpoint(
                EndpointName=PREFIX,
                Body=body,
                ContentType="application/x-image",
                InferenceId=image_id,
            )
        self.cloud.wait_for(self.captured, lambda count: count >= self.asked)

    def captured(self) -> int:
        bodies = [self.read(key) for key in self.keys(f"captures/{PREFIX}/AllTraffic/")]
        return sum(body.count(b'"inferenceId"') for body in bodies)

    def watch(self) -> Any:
        """Invoke the function, as the schedule does."""
        answer = self.cloud.client("lambda").invoke(FunctionName=f"{PREFIX}-monitor")
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    def watch_all(self, wanted: int, of: str = "captured") -> list[Any]:
        """The next windows, until there are so many records, or requests, in them."""
        before, found = self.windows(), dict[str, Any]()

        def look() -> int:
            record = self.watch()
            if record and record["window"]["end"] not in before:
                found[record["window"]["end"]] = record
            return sum(one["traffic"][of] for one in found.values())

        self.cloud.wait_for(look, lambda count: count >= wanted)
        return list(found.values())

    def windows(self) -> dict[str, Any]:
        """Every record that is kept, by the window's end."""
        found = [json.loads(self.read(key)) for key in self.keys("monitoring/windows/")]
        return {record["window"]["end"]: record for record in found}

    def keys(self, prefix: str) -> list[str]:
        pages = self.cloud.client("s3").get_paginator("list_objects_v2")
        return [
            item["Key"]
            for page in pages.paginate(Bucket=ARTIFACTS, Prefix=prefix)
            for item in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        answer = self.cloud.client("s3").get_object(Bucket=ARTIFACTS, Key=key)
        body: bytes = answer["Body"].read()
        return body

    def put(self, key: str, document: Any) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.cloud.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=body)

    def events(self) -> list[Any]:
        messages = self.cloud.client("sqs").receive_message(
            QueueUrl=self.told, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]

    def total(self, metric: str) -> tuple[float, float]:
        """A metric's sum and number of values since the beginning."""
        now = datetime.now(UTC)
        (point,) = self.cloud.client("cloudwatch").get_metric_statistics(
            Namespace="scones",
            MetricName=metric,
            Dimensions=[
                {"Name": "Environment", "Value": "local"},
                {"Name": "service", "Value": "monitor"},
            ],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(days=1),
            Period=2 * 86400,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"] or [{"Sum": 0.0, "SampleCount": 0.0}]
        return point["Sum"], point["SampleCount"]


@pytest.fixture(scope="module")
def monitored(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """The monitor, provisioned, with its schedule off; an endpoint, and its model's baseline."""
    provision(cloud, tmp_path_factory.mktemp("packages"))
    cloud.client("events").disable_rule(Name=RULE)
    create_endpoint(cloud)
    place = Monitored(cloud, create_queue(cloud))
    usual = [np.asarray(Image.open(io.BytesIO(body))) for body in pictures(200, BRIGHT, seed=1)]
    confidence = [0.6 + 0.39 * abs(2 * picture.mean() / 255 - 1) for picture in usual]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    baseline = Baseline(
        version=1,
        model_name="a-model",
        labels=LABELS,
        threshold=0.6,
        created_at=now,
        scores=np.array([[one, 1 - one] for one in confidence]),
        pictures=np.array([measure(picture) for picture in usual]),
    )
    place.put("monitoring/baselines/a-model.json", baseline.to_json())
    deployment = {
        "model_name": "a-model",
        "version": 1,
        "labels": LABELS,
        "image_size_px": 32,
        "confidence_threshold": 0.6,
        "deployed_at": now,
    }
    place.put("deployments/current.json", deployment)
    yield place
    cloud.delete_endpoint(PREFIX)


def provision(cloud: LocalCloud, packages: Path) -> None:
    package.build(LOCAL_TARGET, packages)
    variables = {"endpoint_name": PREFIX, "package_dir": str(packages)}
    provisioning.apply(cloud.folder, cloud.endpoints, variables, ["module.monitoring"])


def create_endpoint(cloud: LocalCloud) -> None:
    model = cloud.name("monitored")
    uri = cloud.put(f"models/{model}.tar.gz", archive({"code/inference.py": INFERENCE}))
    cloud.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": SERVING_IMAGE, "ModelDataUrl": uri},
    )
    config = cloud.create_config(
        model,
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{ARTIFACTS}/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )
    cloud.sagemaker.create_endpoint(EndpointName=PREFIX, EndpointConfigName=config)
    assert cloud.end_of_change(PREFIX)["EndpointStatus"] == "InService"


def create_queue(cloud: LocalCloud) -> str:
    """A queue of another system, such as a retraining pipeline, that is told of drift."""
    url: str = cloud.client("sqs").create_queue(QueueName="retraining")["QueueUrl"]
    events = cloud.client("events")
    pattern = {"source": ["scones.monitor"], "detail-type": ["DriftDetected"]}
    events.put_rule(Name="retraining", EventPattern=json.dumps(pattern))
    arn = "arn:aws:sqs:us-east-1:000000000000:retraining"
    events.put_targets(Rule="retraining", Targets=[{"Id": "queue", "Arn": arn}])
    return url


@pytest.fixture(scope="module")
def usual(monitored: Monitored) -> list[Any]:
    """The records of windows in which 60 pictures like the baseline's were asked about."""
    monitored.ask(pictures(60, BRIGHT))
    found = monitored.watch_all(60)
    # Captures are read as they come, metrics only when a period is over.
    known = sum(record["traffic"]["invoked"] for record in found)
    return found + monitored.watch_all(60 - known, "invoked")


def test_what_was_asked_is_captured_counted_and_judged(
    monitored: Monitored, usual: list[Any]
) -> None:
    assert sum(record["traffic"]["captured"] for record in usual) == 60
    assert sum(record["traffic"]["invoked"] for record in usual) == 60
    assert sum(record["foreign_records"] for record in usual) == 0
    judged = [record for record in usual if record["confidence"]]
    assert {record["drift"]["severity"] for record in judged} == {"none"}
    assert {record["classes"]["motorcycle"] for record in judged} == {0}
    statistics = judged[0]["pictures"]["statistics"]
    assert statistics["brightness"]["p50"] == pytest.approx(0.68, abs=0.1)


def test_every_window_is_kept_as_it_was_told(monitored: Monitored, usual: list[Any]) -> None:
    kept = monitored.windows()
    assert [kept[record["window"]["end"]] for record in usual] == usual


def test_its_metrics_arrive(monitored: Monitored, usual: list[Any]) -> None:
    monitored.cloud.wait_for(
        lambda: monitored.total("CapturedInferences")[0],
        lambda total: total == 60,
        METRICS_ARRIVE_S,
    )
    severity, verdicts = monitored.total("DriftSeverity")
    assert severity == 0
    assert verdicts == sum(record["drift"]["severity"] == "none" for record in usual)


def test_a_late_file_and_a_damaged_line_count_once(monitored: Monitored, usual: list[Any]) -> None:
    key = monitored.keys(f"captures/{PREFIX}/AllTraffic/")[0]
    whole = monitored.read(key).splitlines()[0]
    late = datetime.now(UTC) - timedelta(hours=3)
    name = f"{late:%Y/%m/%d/%H/%M-%S}-000-0f0e0d0c-0000-4000-8000-000000000000.jsonl"
    monitored.put(f"captures/{PREFIX}/AllTraffic/{name}", whole + b"\n" + whole[:100] + b"\n")
    first = monitored.watch_all(1)[-1]
    assert (first["late_files"], first["damaged_lines"]) == (1, 1)
    assert first["damaged_files"] == [f"captures/{PREFIX}/AllTraffic/{name}"]
    second = monitored.cloud.wait_for(monitored.watch, lambda record: record != first)
    assert (second["files"], second["traffic"]["captured"]) == (0, 0)


def test_monitors_at_the_same_time_count_every_record_once(
    monitored: Monitored, usual: list[Any]
) -> None:
    before = monitored.windows()
    monitored.ask(pictures(40, BRIGHT, seed=2))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            list(pool.map(lambda _: monitored.watch(), range(4)))
    monitored.cloud.wait_for(lambda: monitored.watch() and total(monitored, before) >= 40)
    assert total(monitored, before) == 40


def total(monitored: Monitored, before: dict[str, Any]) -> int:
    """Records in the windows that are new."""
    windows = monitored.windows().items()
    return sum(one["traffic"]["captured"] for end, one in windows if end not in before)


@pytest.fixture(scope="module")
def dark(monitored: Monitored, usual: list[Any]) -> list[Any]:
    """The records of windows in which the pictures had become dark."""
    monitored.events()
    monitored.ask(pictures(300, DARK, seed=3))
    return monitored.watch_all(300)


def test_darker_pictures_are_drift_and_others_are_told(
    monitored: Monitored, dark: list[Any]
) -> None:
    assert dark[-1]["drift"]["severity"] == "act"
    drifting = {signal["name"] for signal in dark[-1]["drift"]["signals"] if signal["drifting"]}
    assert {"brightness", "class mix"} <= drifting
    (event, *_) = monitored.cloud.wait_for(monitored.events)
    assert (event["source"], event["detail-type"]) == ("scones.monitor", "DriftDetected")
    assert event["detail"]["drift"]["severity"] in ("warn", "act")
    assert event["detail"]["model_name"] == "a-model"


def test_the_schedule_runs_the_monitor(monitored: Monitored, dark: list[Any]) -> None:
    before = monitored.windows()
    monitored.cloud.client("events").enable_rule(Name=RULE)
    monitored.cloud.wait_for(lambda: len(monitored.windows()) > len(before), within_s=SCHEDULE_S)
    monitored.cloud.client("events").disable_rule(Name=RULE)
