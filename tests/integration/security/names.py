"""The names that the matrix is written in: our resources, and what a request says of itself."""

from __future__ import annotations

from tests.integration.security.conftest import ENDPOINT, PREFIX

HERE = "us-east-1:000000000000"
UPLOADS = f"arn:aws:s3:::{PREFIX}-uploads-000000000000"
ARTIFACTS = f"arn:aws:s3:::{PREFIX}-artifacts-000000000000"
STRANGERS = "arn:aws:s3:::somebody-elses"
TABLE = f"arn:aws:dynamodb:{HERE}:table/{PREFIX}-decisions"
REVIEW = f"arn:aws:sqs:{HERE}:{PREFIX}-review"
FAILURES = f"arn:aws:sqs:{HERE}:{PREFIX}-failures"
BUS = f"arn:aws:events:{HERE}:event-bus/default"
RULE = f"arn:aws:events:{HERE}:rule/{PREFIX}-uploads"
MACHINE = f"arn:aws:states:{HERE}:stateMachine:{PREFIX}-classify"
BATCH = f"arn:aws:states:{HERE}:stateMachine:{PREFIX}-batch"
RUN = f"arn:aws:states:{HERE}:execution:{PREFIX}-batch:x"
CHILD = f"arn:aws:states:{HERE}:express:{PREFIX}-batch/pictures:x:y"
REPORTER = f"arn:aws:states:{HERE}:stateMachine:{PREFIX}-failure-report"
MODEL = f"arn:aws:sagemaker:{HERE}:endpoint/{ENDPOINT}"
TOPIC = f"arn:aws:sns:{HERE}:{PREFIX}-alarms"
ALARMS = [
    f"arn:aws:cloudwatch:{HERE}:alarm:{PREFIX}-rollback-{what}"
    for what in ("5xx-rate", "4xx-rate", "latency-p99", "low-confidence-rate")
]
KEY = f"arn:aws:kms:{HERE}:key/00000000-0000-0000-0000-000000000000"
USER = "arn:aws:iam::000000000000:user/intruder"
STEPS = ("serialize", "infer", "filter")


def function(name: str) -> str:
    return f"arn:aws:lambda:{HERE}:function:{PREFIX}-{name}"


def log_stream(group: str) -> str:
    return f"arn:aws:logs:{HERE}:log-group:{group}:log-stream:some-stream"


def role_arn(name: str) -> str:
    return f"arn:aws:iam::000000000000:role/{PREFIX}-{name}"


def event(source: str = "scones.classifier", kind: str = "VehicleClassified") -> dict[str, str]:
    return {"events:source": source, "events:detail-type": kind}


def drift(source: str = "scones.monitor", kind: str = "DriftDetected") -> dict[str, str]:
    return event(source, kind)


def prefix(folder: str) -> dict[str, str]:
    return {"s3:prefix": folder}


def namespace(name: str) -> dict[str, str]:
    return {"cloudwatch:namespace": name}
