"""The one table to review beside terraform/modules/identity: who may do what, and who may not.

Each row is a question to IAM: may this role do this action, on this resource, in this context?
What is denied is in intrusions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.integration.security.conftest import PREFIX
from tests.integration.security.intrusions import FORBIDDEN, FORBIDDEN_TO_ALL, Question
from tests.integration.security.names import (
    ALARMS,
    ARTIFACTS,
    BATCH,
    BUS,
    CHILD,
    FAILURES,
    MACHINE,
    MODEL,
    REPORTER,
    REVIEW,
    RUN,
    STEPS,
    TABLE,
    TOPIC,
    UPLOADS,
    drift,
    event,
    function,
    log_stream,
    namespace,
    prefix,
)


@dataclass(frozen=True)
class Row:
    """A question and its right answer; `context` holds the request's condition keys."""

    role: str
    action: str
    resource: str
    expected: str  # allowed or denied
    why: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        where = "".join(f" with {key} {value}" for key, value in self.context.items())
        may = "may" if self.expected == "allowed" else "may not"
        return f"{self.role} {may} {self.action} on {self.resource}{where}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "context": dict(self.context)}


def log_and_traces(name: str) -> list[Question]:
    """What every function needs."""
    own = log_stream(f"/aws/lambda/{PREFIX}-{name}")
    return [
        ("logs:CreateLogStream", own, "logs", {}),
        ("logs:PutLogEvents", own, "logs", {}),
        ("xray:PutTraceSegments", "*", "tracing", {}),
        ("xray:PutTelemetryRecords", "*", "tracing", {}),
    ]


def log_delivery_and_traces() -> list[Question]:
    """What every state machine needs."""
    delivery = ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "PutResourcePolicy")
    return [
        *((f"logs:{action}", "*", "sets its log delivery up", {}) for action in delivery),
        ("xray:PutTraceSegments", "*", "tracing", {}),
        ("xray:GetSamplingRules", "*", "tracing", {}),
    ]


def classifying() -> list[Question]:
    """What it takes to classify a photograph, once or in a batch."""
    return [
        *(("lambda:InvokeFunction", function(name), "runs a step", {}) for name in STEPS),
        ("dynamodb:PutItem", TABLE, "records a decision", {}),
        ("dynamodb:UpdateItem", TABLE, "confirms its delivery", {}),
        ("sqs:SendMessage", REVIEW, "asks a person", {}),
        ("sqs:SendMessage", FAILURES, "keeps the input of a failure", {}),
        ("events:PutEvents", BUS, "publishes a classification", event()),
        *log_delivery_and_traces(),
    ]


# What each role needs.
_NEEDED: dict[str, list[Question]] = {
    "serialize": [
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "reads an upload", {}),
        ("s3:GetObjectVersion", f"{UPLOADS}/incoming/a.jpg", "reads the event's version", {}),
        ("s3:GetObject", f"{UPLOADS}/adhoc/a.jpg", "reads a caller's upload", {}),
        ("s3:GetObjectVersion", f"{UPLOADS}/adhoc/a.jpg", "reads the version it names", {}),
        ("s3:ListBucket", UPLOADS, "tells a deleted upload from a forbidden one", {}),
        *log_and_traces("serialize"),
    ],
    "infer": [
        ("sagemaker:InvokeEndpoint", MODEL, "asks the model", {}),
        *log_and_traces("infer"),
    ],
    "filter": log_and_traces("filter"),
    "monitor": [
        ("s3:GetObject", f"{ARTIFACTS}/captures/a.jsonl", "reads captured inferences", {}),
        ("s3:GetObject", f"{ARTIFACTS}/deployments/current.json", "knows what is deployed", {}),
        *(
            (f"s3:{action}", f"{ARTIFACTS}/monitoring/state.json", "keeps its records", {})
            for action in ("GetObject", "PutObject")
        ),
        *(
            ("s3:ListBucket", ARTIFACTS, "finds what is new", prefix(f"{folder}/x"))
            for folder in ("captures", "monitoring")
        ),
        ("cloudwatch:GetMetricData", "*", "counts requests and outcomes", {}),
        ("events:PutEvents", BUS, "tells of drift", drift()),
        *log_and_traces("monitor"),
    ],
    "workflow": classifying(),
    "batch": [
        *classifying(),
        ("states:StartExecution", BATCH, "starts its children", {}),
        ("states:DescribeExecution", RUN, "knows of its runs", {}),
        ("states:DescribeExecution", CHILD, "follows its children", {}),
        ("states:StopExecution", RUN, "stops its runs", {}),
        ("s3:GetObject", f"{ARTIFACTS}/batches/x/pending.jsonl", "reads a manifest", {}),
        ("s3:PutObject", f"{ARTIFACTS}/batches/x/results/y", "writes results", {}),
        ("s3:ListMultipartUploadParts", f"{ARTIFACTS}/batches/x", "writes large ones", {}),
        ("s3:AbortMultipartUpload", f"{ARTIFACTS}/batches/x", "gives large ones up", {}),
    ],
    "reporter": [
        ("sqs:GetQueueAttributes", FAILURES, "counts what failed", {}),
        ("sqs:ReceiveMessage", FAILURES, "looks at it", {}),
        ("sns:Publish", TOPIC, "tells people", {}),
        *log_delivery_and_traces(),
    ],
    "events": [
        ("states:StartExecution", MACHINE, "starts an execution for an upload", {}),
        ("states:StartExecution", REPORTER, "has a failure told", {}),
    ],
    "sagemaker": [
        *(
            ("s3:GetObject", f"{ARTIFACTS}/{folder}/x", "reads its inputs", {})
            for folder in ("datasets", "training", "models")
        ),
        *(
            ("s3:PutObject", f"{ARTIFACTS}/{folder}/x", "writes its results", {})
            for folder in ("models", "captures", "transforms")
        ),
        *(
            ("s3:ListBucket", ARTIFACTS, "finds its inputs and results", prefix(f"{folder}/"))
            for folder in ("datasets", "training", "models", "captures", "transforms")
        ),
        *(
            ("cloudwatch:PutMetricData", "*", "publishes metrics", namespace(name))
            for name in ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
        ),
        *(("cloudwatch:DescribeAlarms", alarm, "rolls an update back", {}) for alarm in ALARMS),
        ("logs:CreateLogGroup", log_stream("/aws/sagemaker/TrainingJobs"), "logs", {}),
        ("logs:PutLogEvents", log_stream("/aws/sagemaker/Endpoints/a"), "logs", {}),
        ("ecr:GetAuthorizationToken", "*", "logs in to the registry", {}),
        *(
            (
                "ecr:BatchGetImage",
                f"arn:aws:ecr:us-east-1:763104351884:repository/{repository}",
                "pulls AWS's images",
                {},
            )
            for repository in ("pytorch-training", "pytorch-inference", "image-classification")
        ),
    ],
}

ROLES = tuple(_NEEDED)


def rows() -> list[Row]:
    """Every row, role by role."""
    found = []
    for role, needed in _NEEDED.items():
        allowed = {(action, resource) for action, resource, _, _ in needed}
        found += [Row(role, *what, "allowed", why, when) for *what, why, when in needed]
        found += [
            Row(role, action, resource, "denied", why)
            for action, resource, why in FORBIDDEN_TO_ALL
            if (action, resource) not in allowed
        ]
        found += [Row(role, *what, "denied", why, when) for *what, why, when in FORBIDDEN[role]]
    return found
