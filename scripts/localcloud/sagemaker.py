"""SageMaker's operations by name: those that really happen here, and what records answer."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from scripts.localcloud import container
from scripts.localcloud.aws import Aws
from scripts.localcloud.endpoints import Endpoints
from scripts.localcloud.listing import listing
from scripts.localcloud.objects import split_s3_uri
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import (
    ENDPOINT_CONFIG,
    KINDS,
    MODEL,
    Kind,
    Record,
    Records,
    describe,
)
from scripts.localcloud.training import TrainingJobs
from scripts.localcloud.transform import TransformJobs

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class SageMaker:
    """The control plane's operations by name, and the endpoints for the runtime."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self._records = Records(aws.region)
        self.endpoints = Endpoints(aws, self._records)
        training = TrainingJobs(aws, self._records)
        transform = TransformJobs(aws, self._records)
        self.operations: dict[str, Operation] = {
            "CreateTrainingJob": training.create,
            "StopTrainingJob": training.stop,
            "DeleteTrainingJob": training.delete,
            "CreateTransformJob": transform.create,
            "StopTransformJob": transform.stop,
            "CreateModel": self._create_model,
            "DeleteModel": self._deleter(MODEL),
            "CreateEndpointConfig": self.endpoints.create_config,
            "DeleteEndpointConfig": self._deleter(ENDPOINT_CONFIG),
            "CreateEndpoint": self.endpoints.create,
            "UpdateEndpoint": self.endpoints.update,
            "UpdateEndpointWeightsAndCapacities": self.endpoints.change_capacities,
            "DeleteEndpoint": self.endpoints.delete,
            "ListTags": self._list_tags,
            "AddTags": self._add_tags,
            "DeleteTags": self._delete_tags,
        }
        for kind in KINDS:
            self.operations[f"Describe{kind.name}"] = self._describer(kind)
            self.operations[f"List{kind.name}s"] = self._lister(kind)

    def handles(self, operation: str, request: dict[str, Any]) -> bool:
        """Whether this is ours to answer; what is not, moto may know."""
        if operation in ("ListTags", "AddTags", "DeleteTags"):
            parts = request["ResourceArn"].split(":", 5)[5].partition("/")
            return parts[0] in {kind.arn_part for kind in KINDS}
        return operation in self.operations

    def _create_model(self, request: dict[str, Any]) -> dict[str, Any]:
        primary = request.get("PrimaryContainer", {})
        uri, image = primary.get("ModelDataUrl"), primary.get("Image", "")
        if not uri:
            raise ServiceError(
                "ValidationException",
                "The local cloud serves models with a PrimaryContainer that has a ModelDataUrl.",
            )
        if not container.can_run(image):
            raise ServiceError(
                "ValidationException",
                f"Requested image {image} not found. {container.RUNS}",
            )
        bucket, key = split_s3_uri(uri)
        try:
            self.aws.s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            message = f"Could not find model data at {uri}."
            raise ServiceError("ValidationException", message) from None
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

    def _tagged(self, request: dict[str, Any]) -> Record:
        arn = request["ResourceArn"]
        record = self._records.by_arn(arn)
        if record is None:
            raise ServiceError("ValidationException", f"Could not find resource '{arn}'.")
        return record

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._tagged(request).request.get("Tags", [])}

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._tagged(request)
        with record.lock:
            tags = [*record.request.get("Tags", []), *request["Tags"]]
            record.request["Tags"] = list({tag["Key"]: tag for tag in tags}.values())
            return {"Tags": record.request["Tags"]}

    def _delete_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._tagged(request)
        with record.lock:
            tags = record.request.get("Tags", [])
            kept = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]
            record.request["Tags"] = kept
        return {}
