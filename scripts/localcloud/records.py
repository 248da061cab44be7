"""What SageMaker remembers: one record for each job, model, configuration and endpoint.

Create, Describe, List and Delete of every kind are the same few lines, driven by botocore's
shapes: a description is the request that created the resource plus its state.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.protocol import ServiceError, keep_members, service_model

ACCOUNT_ID = "000000000000"


@dataclass(frozen=True)
class Kind:
    """A kind of resource, as SageMaker's API names it."""

    name: str
    arn_part: str
    # The words AWS uses when a resource of this kind is missing, or exists already.
    missing: str
    exists: tuple[str, str]

    @property
    def name_member(self) -> str:
        return f"{self.name}Name"

    @property
    def arn_member(self) -> str:
        return f"{self.name}Arn"

    @property
    def status_member(self) -> str:
        return f"{self.name}Status"


TRAINING_JOB = Kind(
    "TrainingJob",
    "training-job",
    "Requested resource not found.",
    (
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, "
        "and a training job with this name already exists ({arn})",
    ),
)
TRANSFORM_JOB = Kind(
    "TransformJob",
    "transform-job",
    'Could not find requested job with name "{name}".',
    (
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, "
        "and a job with this name already exists ({arn})",
    ),
)
MODEL = Kind(
    "Model",
    "model",
    'Could not find model "{arn}".',
    ("ValidationException", 'Cannot create already existing model "{arn}".'),
)
ENDPOINT_CONFIG = Kind(
    "EndpointConfig",
    "endpoint-config",
    'Could not find endpoint configuration "{arn}".',
    ("ValidationException", 'Cannot create already existing endpoint configuration "{arn}".'),
)
ENDPOINT = Kind(
    "Endpoint",
    "endpoint",
    'Could not find endpoint "{arn}".',
    ("ValidationException", 'Cannot create already existing endpoint "{arn}".'),
)
KINDS = (TRAINING_JOB, TRANSFORM_JOB, MODEL, ENDPOINT_CONFIG, ENDPOINT)


@dataclass
class Record:
    """One resource: the request that made it, and the state that running it has given it."""

    kind: Kind
    name: str
    arn: str
    request: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def update(self, **state: Any) -> None:
        """Set members of the state, as Describe shows them."""
        self.state.update(state)
        self.modified = datetime.now(UTC)

    @property
    def status(self) -> str:
        return str(self.state.get(self.kind.status_member, ""))

    def view(self) -> dict[str, Any]:
        """Every member any answer about this resource may show."""
        return {
            **self.request,
            self.kind.name_member: self.name,
            self.kind.arn_member: self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            **self.state,
        }


class Records:
    """All records, safe to use from several threads."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._lock = threading.RLock()
        self._records: dict[tuple[str, str], Record] = {}

    def arn(self, kind: Kind, name: str) -> str:
        return f"arn:aws:sagemaker:{self._region}:{ACCOUNT_ID}:{kind.arn_part}/{name}"

    def create(self, kind: Kind, request: dict[str, Any], **state: Any) -> Record:
        """Remember a new resource. Raises ServiceError when the name is taken."""
        name = request[kind.name_member]
        arn = self.arn(kind, name)
        with self._lock:
            if (kind.name, name) in self._records:
                code, message = kind.exists
                raise ServiceError(code, message.format(name=name, arn=arn))
            record = Record(kind, name, arn, dict(request), dict(state))
            self._records[kind.name, name] = record
            return record

    def get(self, kind: Kind, name: str) -> Record:
        """The record called `name`. Raises ServiceError in AWS's words when there is none."""
        with self._lock:
            record = self._records.get((kind.name, name))
        if record is None:
            message = kind.missing.format(name=name, arn=self.arn(kind, name))
            raise ServiceError("ValidationException", message)
        return record

    def remove(self, record: Record) -> None:
        with self._lock:
            self._records.pop((record.kind.name, record.name), None)

    def all(self, kind: Kind) -> list[Record]:
        with self._lock:
            return [record for record in self._records.values() if record.kind == kind]

    def by_arn(self, arn: str) -> Record | None:
        with self._lock:
            return next((item for item in self._records.values() if item.arn == arn), None)


def describe(record: Record) -> dict[str, Any]:
    """The answer of Describe<Kind>."""
    model = service_model("sagemaker").operation_model(f"Describe{record.kind.name}")
    return keep_members(model.output_shape, record.view())


def listing(records: list[Record], kind: Kind, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of List<Kind>s: filtered, sorted and cut into pages as the request asks."""
    output = service_model("sagemaker").operation_model(f"List{kind.name}s").output_shape
    member = next(name for name, shape in output.members.items() if shape.type_name == "list")
    chosen = [record for record in records if all(test(record) for test in _filters(request))]
    sort_keys: dict[str, Callable[[Record], Any]] = {
        "Name": lambda record: record.name,
        "Status": lambda record: record.status,
    }
    chosen.sort(
        key=sort_keys.get(request.get("SortBy", ""), lambda record: record.created),
        # AWS sorts endpoints, models and configurations newest first, and so jobs here.
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    start = int(request.get("NextToken", 0))
    size = int(request.get("MaxResults", 10))
    page = list(itertools.islice(chosen, start, start + size))
    summary = output.members[member].member
    answer: dict[str, Any] = {member: [keep_members(summary, record.view()) for record in page]}
    if start + size < len(chosen):
        answer["NextToken"] = str(start + size)
    return answer


def _filters(request: dict[str, Any]) -> list[Callable[[Record], bool]]:
    tests: list[Callable[[Record], bool]] = []
    if contains := request.get("NameContains"):
        tests.append(lambda record: contains.lower() in record.name.lower())
    if status := request.get("StatusEquals"):
        tests.append(lambda record: record.status == status)
    for member, attribute in (("CreationTime", "created"), ("LastModifiedTime", "modified")):
        if (after := request.get(f"{member}After")) is not None:
            tests.append(lambda r, a=attribute, t=after: getattr(r, a).timestamp() >= _epoch(t))
        if (before := request.get(f"{member}Before")) is not None:
            tests.append(lambda r, a=attribute, t=before: getattr(r, a).timestamp() <= _epoch(t))
    return tests


def _epoch(value: float | str) -> float:
    return float(value) if isinstance(value, int | float) else _parse_time(value)


def _parse_time(value: str) -> float:
    return datetime.fromisoformat(value).timestamp()
