"""The whole workflow on this machine, from an empty cloud to an empty cloud.

Everything is measured from outside, as another team would see it: uploads go into the bucket,
decisions are read from the table, and a subscriber counts what was really delivered.
"""

import json
import os
import platform
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts import destroy, monitoring, pipeline, terraform, workflow
from scripts.console import Screen
from scripts.dataset.model import Splits
from scripts.deployment import Deployment
from scripts.environment import BUILD, Environment
from scripts.errors import UserError
from scripts.evaluate import Evaluation
from scripts.pipeline import Provisioned
from scripts.workflow import INCOMING, Uploaded

FOLDER = BUILD / "demo"
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


def run(
    environment: Environment,
    screen: Screen,
    source: Path | None,
    *,
    keep: bool,
    hyperparameters: Mapping[str, object] | None = None,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Run the demo in a local cloud that is up; returns summary.json's content.

    Leaves summary.json and report.html in `folder`. Unless `keep`, everything is removed again.
    """
    started = time.monotonic()
    provisioned, splits, staged, trained, evaluation, deployed = pipeline.deploy(
        environment, screen, source, hyperparameters=hyperparameters
    )
    result = _classify_everything(environment, provisioned, screen, splits, deployed)
    answer = _classify_one(environment, provisioned, screen, splits, folder)
    data = _report(environment, provisioned, screen, deployed, result, folder)
    remaining = None if keep else destroy_environment(environment, screen)
    summary = {
        "dataset": {
            **{part: sum(counts.values()) for part, counts in staged.counts.items()},
            "classes": list(deployed.labels),
        },
        "training": {
            "algorithm": trained.algorithm,
            "seconds": trained.seconds,
            "job": trained.job,
        },
        "evaluation": _evaluation_summary(evaluation),
        "workflow": workflow_summary(result),
        "classify": answer,
        "capture": {"records": data.captured_records},
        "cleanup": {"remaining": None if remaining is None else len(remaining)},
        "seconds": {**screen.seconds, "total": round(time.monotonic() - started, 2)},
        "versions": versions(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


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


def problems(summary: Mapping[str, Any]) -> str:
    """What went wrong in a demo, in one line; empty when all went well."""
    counts = summary["workflow"]
    wrong = [
        f"{counts[name]} uploads {name}" for name in ("failed", "missing") if counts[name] != 0
    ]
    if counts["duplicates"]:
        wrong.append(f"{counts['duplicates']} answers given twice")
    if counts["rejected"] != NO_PICTURES:
        wrong.append(f"{counts['rejected']} uploads rejected instead of {NO_PICTURES}")
    if summary["cleanup"]["remaining"]:
        wrong.append(f"{summary['cleanup']['remaining']} resources left behind")
    return ", ".join(wrong)


def versions() -> dict[str, str]:
    """Of what matters to the figures."""
    from importlib.metadata import version

    names = ("ministack", "moto", "sagemaker", "torch", "onnxruntime", "pillow")
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        **{name: version(name) for name in names},
    }


def destroy_environment(environment: Environment, screen: Screen) -> list[str]:
    """Remove everything and return what is left, which should be nothing."""
    with screen.step("destroy", "Clean up") as step:
        workspace = terraform.open_workspace(environment)
        outputs = terraform.outputs(workspace)
        step.say("endpoint and models")
        destroy.remove_models(environment, step.say)
        for name in ("uploads_bucket", "artifacts_bucket"):
            if name in outputs:
                destroy.empty_bucket(environment, outputs[name], step.say)
        removed = terraform.destroy(
            workspace, None, lambda done, total, kind: step.progress(done, total, kind)
        )
        remaining = destroy.inventory(environment)
        step.result = f"{removed} resources removed, {len(remaining)} left"
        return remaining


def _classify_everything(
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
        failed = workflow.queue_length(environment, provisioned.outputs["failure_queue_url"])
        review = workflow.peek(environment, provisioned.outputs["review_queue_url"], len(uploads))
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


def _classify_one(
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
        step.result = describe_answer(answer)
        kept = ("label", "confidence", "decision", "assignment")
        return {name: answer[name] for name in kept if name in answer}


def describe_answer(answer: Mapping[str, Any]) -> str:
    """A workflow's answer in one line."""
    if answer["decision"] == "rejected":
        return f"rejected [{answer['reason']}]: {answer['detail']}"
    line = f"{answer['label']} with confidence {answer['confidence']:.3f}: {answer['decision']}"
    if place := answer.get("assignment"):
        line += f", bay {place['loading_bay']}, orders up to {place['max_distance_km']:g} km"
    return line


def _report(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    deployed: Deployment,
    result: Run,
    folder: Path,
) -> Any:
    """Read back all captured data; it arrives a little after the answers."""
    with screen.step("report", "Report") as step:
        asked = sum(d["decision"] != "rejected" for d in result.decisions.values())
        deadline = time.monotonic() + CAPTURE_TIMEOUT_S
        while True:
            data = monitoring.gather(
                environment,
                provisioned.outputs,
                provisioned.bucket,
                deployed,
                result.started,
                result.truths,
                len(result.uploads),
            )
            if len(data.inferences) >= asked or time.monotonic() > deadline:
                break
            step.say(f"{len(data.inferences)} of {asked} captured inferences are there")
            time.sleep(0.5)
        path = folder / "report.html"
        monitoring.write(data, path)
        step.result = f"{data.captured_records} captured records in {path.name}"
        return data


def _evaluation_summary(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "threshold": evaluation.chosen.value,
        "coverage": evaluation.coverage,
        "accepted_accuracy": evaluation.accepted_accuracy,
    }


def end_with_make(interval_s: float = 0.5) -> None:
    """When `make` started this process and is killed, stop too, as if by Ctrl-C."""
    if "MAKELEVEL" not in os.environ:
        return
    starter = os.getppid()

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(interval_s)
        import signal

        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Hold the lock of this checkout. Raises UserError when another demo has it."""
    import fcntl

    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "Another `make demo` runs in this folder. Wait for it, or use another clone."
            ) from None
        yield
