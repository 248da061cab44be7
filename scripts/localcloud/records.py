"""What SageMaker remembers: one record for each job, model, configuration and endpoint.

A description is the request that created the resource plus its state, as far as botocore's shape
of the answer has members for them.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.protocol import ServiceError, keep_members, service_model

ACCOUNT_ID = "000000000000"


class JobFailed(Exception):
    """A job or an endpoint ends as Failed; the message is its FailureReason."""


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
    "Could not find requested job with name: {name}",
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
    """One resource: the request that made it, and the state that running it has given it.

    Whoever looks at the state and then changes it holds `lock`. Values in the state are replaced,
    never changed, so that an answer may be written from them at any time.
    """

    kind: Kind
    name: str
    arn: str
    request: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def update(self, **state: Any) -> None:
        """Set members of the state, as Describe shows them; None removes one."""
        with self.lock:
            merged = {**self.state, **state}
            self.state = {name: value for name, value in merged.items() if value is not None}
            self.modified = datetime.now(UTC)

    @property
    def status(self) -> str:
        return str(self.state.get(self.kind.status_member, ""))

    def move(self, sources: Collection[str], target: str) -> bool:
        """Change the status to `target` if it is one of `sources`. Returns whether it was."""
        with self.lock:
            if self.status not in sources:
                return False
            self.update(**{self.kind.status_member: target})
            return True

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
    """All records, safe to use from several threads. Names differ by more than their case."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def arn(self, kind: Kind, name: str) -> str:
        """AWS writes names in ARNs in lower case."""
        return f"arn:aws:sagemaker:{self._region}:{ACCOUNT_ID}:{kind.arn_part}/{name.lower()}"

    def create(self, kind: Kind, request: dict[str, Any], **state: Any) -> Record:
        """Remember a new resource. Raises ServiceError when the name is taken."""
        name = request[kind.name_member]
        arn = self.arn(kind, name)
        with self._lock:
            if arn in self._records:
                code, message = kind.exists
                raise ServiceError(code, message.format(arn=arn))
            record = self._records[arn] = Record(kind, name, arn, dict(request), dict(state))
            return record

    def get(self, kind: Kind, name: str) -> Record:
        """The record called `name`. Raises ServiceError in AWS's words when there is none."""
        arn = self.arn(kind, name)
        record = self.by_arn(arn)
        if record is None:
            raise ServiceError("ValidationException", kind.missing.format(name=name, arn=arn))
        return record

    def by_arn(self, arn: str) -> Record | None:
        with self._lock:
            return self._records.get(arn)

    def remove(self, record: Record) -> None:
        with self._lock:
            self._records.pop(record.arn, None)

    def all(self, kind: Kind) -> list[Record]:
        with self._lock:
            return [record for record in self._records.values() if record.kind == kind]


def describe(record: Record) -> dict[str, Any]:
    """The answer of Describe<Kind>."""
    model = service_model("sagemaker").operation_model(f"Describe{record.kind.name}")
    return keep_members(model.output_shape, record.view())
