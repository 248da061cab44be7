"""SageMaker's Model Registry: groups, and in each the numbered versions of a model.

moto has a registry too, but its versions cannot be deleted, forget what an update leaves out, and
share a number with one that came before.
"""

from collections.abc import Callable
from typing import Any

from scripts.localcloud.listing import listing
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import Kind, Record, Records, describe

GROUP = Kind(
    "ModelPackageGroup",
    "model-package-group",
    "ModelPackageGroup {arn} does not exist.",
    ("ValidationException", "Model Package Group already exists: {arn}"),
)
PACKAGE = Kind(
    "ModelPackage",
    "model-package",
    "ModelPackage {arn} does not exist.",
    ("ConflictException", "Model Package already exists: {arn}"),
)
_UNDECIDED = {"ModelApprovalStatus": "PendingManualApproval"}
_COMPLETED: dict[str, Any] = {
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": []},
    "CreatedBy": {},
}


class ModelRegistry:
    """The registry's operations by name. Requests conform to the service model already."""

    def __init__(self, region: str) -> None:
        self._records = Records(region)
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda request: describe(self._group(request)),
            "ListModelPackageGroups": lambda request: listing(
                self._records.all(GROUP), GROUP, request
            ),
            "DeleteModelPackageGroup": self._delete_group,
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda request: _unnamed(describe(self._package(request))),
            "ListModelPackages": self._list,
            "UpdateModelPackage": self._update,
            "DeleteModelPackage": self._delete,
            "ListTags": self._list_tags,
        }

    def handles(self, operation: str, request: dict[str, Any]) -> bool:
        """Whether this is the registry's to answer."""
        if operation == "ListTags":
            return f":{GROUP.arn_part}/" in request["ResourceArn"]
        return operation in self.operations

    def _create_group(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.create(
            GROUP, request, ModelPackageGroupStatus="Completed", CreatedBy={}
        )
        return {"ModelPackageGroupArn": record.arn}

    def _delete_group(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self._group(request)
        with group.lock:
            if self._versions(group):
                message = f"Model Package Group {group.arn} has versions: delete them first."
                raise ServiceError("ConflictException", message)
            self._records.remove(group)
        return {}

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        if "ModelPackageGroupName" not in request:
            message = "The local cloud keeps model packages in a ModelPackageGroup only."
            raise ServiceError("ValidationException", message)
        group = self._group(request)
        with group.lock:  # a number is used once, even when its version is gone
            number = group.state.get("LastVersion", 0) + 1
            group.update(LastVersion=number)
            record = self._records.create(
                PACKAGE,
                {**_UNDECIDED, **request, "ModelPackageName": f"{group.name}/{number}"},
                ModelPackageGroupName=group.name,
                ModelPackageVersion=number,
                **_COMPLETED,
            )
        return {"ModelPackageArn": record.arn}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._records.all(PACKAGE)
        if "ModelPackageGroupName" in request:
            found = self._versions(self._group(request))
        wanted = request.get("ModelApprovalStatus")
        found = [item for item in found if wanted in (None, item.view()["ModelApprovalStatus"])]
        answer = listing(found, PACKAGE, request)
        answer["ModelPackageSummaryList"] = [
            _unnamed(item) for item in answer["ModelPackageSummaryList"]
        ]
        return answer

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        """Change what the request names, and nothing else."""
        package = self._package({"ModelPackageName": request["ModelPackageArn"]})
        with package.lock:
            kept = package.view().get("CustomerMetadataProperties", {})
            changed = {**kept, **request.get("CustomerMetadataProperties", {})}
            for key in request.get("CustomerMetadataPropertiesToRemove", []):
                changed.pop(key, None)
            package.update(**{**request, "CustomerMetadataProperties": changed})
        return {"ModelPackageArn": package.arn}

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        self._records.remove(self._package(request))
        return {}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self._group({"ModelPackageGroupName": request["ResourceArn"]})
        return {"Tags": group.request.get("Tags", [])}

    def _group(self, request: dict[str, Any]) -> Record:
        return self._records.get(GROUP, _name(GROUP, request["ModelPackageGroupName"]))

    def _package(self, request: dict[str, Any]) -> Record:
        return self._records.get(PACKAGE, _name(PACKAGE, request["ModelPackageName"]))

    def _versions(self, group: Record) -> list[Record]:
        packages = self._records.all(PACKAGE)
        return [item for item in packages if item.state["ModelPackageGroupName"] == group.name]


def _unnamed(answer: dict[str, Any]) -> dict[str, Any]:
    """AWS gives a version's group and number instead of a name."""
    return {member: value for member, value in answer.items() if member != PACKAGE.name_member}


def _name(kind: Kind, name_or_arn: str) -> str:
    return name_or_arn.rpartition(f":{kind.arn_part}/")[2]
