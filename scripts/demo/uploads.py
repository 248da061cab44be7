"""Uploads of every kind, and what became of each, counted from outside.

Uploads go into the bucket as a driver's app puts them there, decisions are read from the table,
and a subscriber counts what was really delivered.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.console import Screen
from scripts.dataset.model import Splits
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import monitoring, queues, watch, workflow
from scripts.operation.workflow import INCOMING, Uploaded
from scripts.pipeline import Provisioned
from scripts.report import ReportData
from scripts.serving.deployment import Deployment

DECISION_TIMEOUT_S = 120.0
CAPTURE_TIMEOUT_S = 30.0
NO_PICTURES = 3  # files among the uploads that cannot be classified
_HTML = b"<!doctype html><title>A bicycle</title><p>This is no picture.</p>"


@dataclass(frozen=True)
class Run:
    """What was uploaded, what became of it, and the true labels by key."""

    uploads: list[Uploaded]
    decisions: dict[str, dict[str, Any]]
    deliveries: Counter[str]
    failed: int
    truths: dict[str, str]
    started: datetime


def classify_everything(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    splits: Splits,
    deployed: Deployment,
) -> Run:
    """Upload every test picture and three files that are none; the events do the rest."""
    with screen.step("run", "Run the workflow") as step, _subscriber(environment) as subscriber:
        started = datetime.now(UTC)
        bodies = {
            f"{INCOMING}{index:03d}-{sample.name}": sample.data
            for index, sample in enumerate(splits.test)
        }
        truths = {
            key: deployed.labels[sample.label]
            for key, sample in zip(bodies, splits.test, strict=True)
        }
        bodies.update(_no_pictures(splits.test[0].data))
        uploads = workflow.upload_all(
            environment,
            provisioned.outputs["uploads_bucket"],
            bodies,
            lambda done, total: step.progress(done, total, "uploading"),
        )
        decisions = workflow.await_decisions(
            environment,
            provisioned.outputs,
            uploads,
            DECISION_TIMEOUT_S,
            lambda done, total: step.progress(done, total, "waiting for decisions"),
        )
        failed = queues.length(environment, provisioned.outputs["failure_queue_url"])
        queue = provisioned.outputs["review_queue_url"]
        waiting = queues.length(environment, queue)
        review = queues.peek(environment, queue, waiting)
        deliveries = Counter(body["image_id"] for _, body in review)
        deliveries.update(subscriber())
        result = Run(uploads, decisions, deliveries, failed, truths, started)
        counts = workflow_summary(result)
        step.result = ", ".join(
            f"{counts[name]} {name}"
            for name in ("uploaded", "accepted", "review", "rejected", "failed", "missing")
        )
        return result


def _no_pictures(picture: bytes) -> dict[str, bytes]:
    return {
        f"{INCOMING}empty.png": b"",
        f"{INCOMING}page.png": _HTML,
        f"{INCOMING}half.png": picture[: len(picture) // 2],
    }


@contextmanager
def _subscriber(environment: Environment) -> Iterator[Any]:
    """Another team: a queue that is told of every classified vehicle.

    Yields a function that returns the image ids it was told of so far, repetitions included.
    """
    name = f"{environment.prefix}-demo-subscriber"
    sqs, events = environment.client("sqs"), environment.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {"source": ["scones.classifier"], "detail-type": ["VehicleClassified"]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    told: list[str] = []

    def read() -> list[str]:
        while True:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return told
            for message in answer["Messages"]:
                told.append(json.loads(message["Body"])["detail"]["image_id"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    try:
        yield read
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=url)


def classify_one(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    splits: Splits,
    folder: Path,
) -> dict[str, Any]:
    """The same by request: `invoke classify` with one test picture."""
    with screen.step("classify", "Classify one photo") as step:
        sample = splits.test[0]
        photo = folder / "photo" / sample.name
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(sample.data)
        answer = workflow.classify(environment, provisioned.outputs, photo)
        step.result = workflow.describe_answer(answer)
        kept = ("label", "confidence", "decision", "assignment")
        return {name: answer[name] for name in kept if name in answer}


def look_for_drift(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    deployed: Deployment,
    result: Run,
) -> str:
    """Run the monitor on what was captured, which arrives a little after the answers.

    Returns what it found, or why it could not: with fewer than 20 held-out pictures nobody can.
    """
    with screen.step("monitor", "Look for drift") as step:
        asked = sum(d["decision"] != "rejected" for d in result.decisions.values())
        deadline = time.monotonic() + CAPTURE_TIMEOUT_S
        while (
            found := len(_gather(environment, provisioned, deployed, result).inferences)
        ) < asked and time.monotonic() < deadline:
            step.say(f"{found} of {asked} captured inferences are there")
            time.sleep(0.5)
        try:
            record = watch.watch(environment, provisioned.outputs)
            # None: a run that its schedule began was faster.
            step.result = record["drift"]["sentence"] if record else "The report shows its windows."
        except UserError as error:
            step.result = str(error)
        return step.result


def report(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    deployed: Deployment,
    result: Run,
    folder: Path,
) -> ReportData:
    """The monitoring report, with every true label, as `folder`/report.html."""
    with screen.step("report", "Report") as step:
        data = _gather(environment, provisioned, deployed, result)
        path = folder / "report.html"
        monitoring.write(data, path)
        step.result = f"{data.captured_records} captured records in {path.name}"
        return data


def _gather(
    environment: Environment, provisioned: Provisioned, deployed: Deployment, result: Run
) -> ReportData:
    return monitoring.gather(
        environment,
        provisioned.outputs,
        provisioned.bucket,
        deployed,
        result.started,
        result.truths,
        len(result.uploads),
    )


def workflow_summary(result: Run) -> dict[str, Any]:
    """Outcomes as counted from outside: what nobody was told of is missing, twice is twice."""
    made = Counter(decision["decision"] for decision in result.decisions.values())
    accepted = [d for d in result.decisions.values() if d["decision"] == "accepted"]
    right = [d for d in accepted if d["label"] == result.truths.get(d["s3_key"])]
    delivered = sum(upload.image_id in result.deliveries for upload in result.uploads)
    return {
        "uploaded": len(result.uploads),
        "accepted": made["accepted"],
        "review": made["review"],
        "rejected": made["rejected"],
        "failed": result.failed,
        "missing": len(result.uploads) - delivered - result.failed,
        "duplicates": sum(count - 1 for count in result.deliveries.values()),
        "accuracy_accepted": len(right) / len(accepted) if accepted else None,
    }
