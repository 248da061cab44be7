"""SageMaker's operations: ours where something really happens, moto's for the rest."""

from collections.abc import Callable
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.endpoints import Endpoints
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import (
    ENDPOINT_CONFIG,
    KINDS,
    MODEL,
    Kind,
    Records,
    describe,
    listing,
)
from scripts.localcloud.training import TrainingJobs
from scripts.localcloud.transform import TransformJobs

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class SageMaker:
    """The control plane's operations by name, and the endpoints for the runtime."""

    def __init__(self, aws: Aws) -> None:
        self._records = Records(aws.region)
        self.endpoints = Endpoints(aws, self._records)
        self._training = TrainingJobs(aws, self._records)
        transform = TransformJobs(aws, self._records)
        self.operations: dict[str, Operation] = {
            "CreateTrainingJob": self._training.create,
            "StopTrainingJob": self._training.stop,
            "DeleteTrainingJob": self._training.delete,
            "CreateTransformJob": transform.create,
            "StopTransformJob": transform.stop,
            "CreateModel": self._create_model,
            "DeleteModel": self._deleter(MODEL),
            "CreateEndpointConfig": self.endpoints.create_config,
            "DeleteEndpointConfig": self._deleter(ENDPOINT_CONFIG),
            "CreateEndpoint": self.endpoints.create,
            "UpdateEndpoint": self.endpoints.update,
            "DeleteEndpoint": self.endpoints.delete,
        }
        for kind in KINDS:
            self.operations[f"Describe{kind.name}"] = self._describer(kind)
            self.operations[f"List{kind.name}s"] = self._lister(kind)

    def close(self) -> None:
        """End every training job and every model server, and write out what is buffered."""
        self._training.close()
        self.endpoints.close()

    def tags_of(self, arn: str) -> list[dict[str, str]] | None:
        """The tags of one of our resources; None when `arn` is none of ours."""
        record = self._records.by_arn(arn)
        return None if record is None else record.request.setdefault("Tags", [])

    def _create_model(self, request: dict[str, Any]) -> dict[str, Any]:
        container = request.get("PrimaryContainer")
        if not container or "ModelDataUrl" not in container:
            raise ServiceError(
                "ValidationException",
                "The local cloud serves models with a PrimaryContainer that has a ModelDataUrl.",
            )
        return {"ModelArn": self._records.create(MODEL, request).arn}

    def _describer(self, kind: Kind) -> Operation:
        return lambda request: describe(self._records.get(kind, request[kind.name_member]))

    def _lister(self, kind: Kind) -> Operation:
        return lambda request: listing(self._records.all(kind), kind, request)

    def _deleter(self, kind: Kind) -> Operation:
        def delete(request: dict[str, Any]) -> dict[str, Any]:
            self._records.remove(self._records.get(kind, request[kind.name_member]))
            return {}

        return delete
