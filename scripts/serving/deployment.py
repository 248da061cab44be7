"""What is deployed now: recorded in the artefact bucket, handed to Terraform as a var-file.

Terraform does not make the endpoint, so it must be told of it; everyone who plans, on any machine,
reads the same record. Who changes the endpoint, and with it the record, holds one lease.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts import lease
from scripts.artifacts import CURRENT_DEPLOYMENT, DEPLOYMENT_HISTORY, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.lease import Lease

LEASE = "deployments/lease.json"


@dataclass(frozen=True)
class Deployment:
    """One deployment: the endpoint, the model behind it, and the threshold chosen for it.

    `evaluation` is the evaluation's document, see scripts/evaluation/evaluate.py, for the report.
    `version` is the model's in the registry; `override` says why a model that the gate had not
    approved was deployed all the same. While the endpoint is switched off, `stopped_config` is the
    endpoint configuration to start it with again. So many per cent of requests are captured.
    """

    endpoint_name: str
    model_name: str
    algorithm: str
    labels: tuple[str, ...]
    image_size_px: int
    confidence_threshold: float
    dataset_id: str
    deployed_at: str
    evaluation: dict[str, Any]
    stand_in: bool = False
    version: int | None = None
    override: str | None = None
    stopped_config: str | None = None
    capture_percentage: int = 100


def change(bucket: Bucket, purpose: str) -> AbstractContextManager[Lease]:
    """Let nobody else change what serves while the block runs; yields the lease, to be checked.

    `purpose` says in a word or two what is done. Raises UserError when somebody else is at it.
    """
    advice = "An update that does harm is taken back by its alarms, without anybody's help."
    return lease.hold(bucket, LEASE, purpose, advice=advice)


def load(bucket: Bucket) -> Deployment | None:
    """The current deployment, or None before the first and after the last."""
    document = bucket.read_json(CURRENT_DEPLOYMENT)
    if document is None:
        return None
    return _from_document(document)


def require(bucket: Bucket) -> Deployment:
    """The current deployment. Raises UserError when there is none."""
    current = load(bucket)
    if current is None:
        raise UserError("No endpoint is deployed yet. Run: invoke endpoint")
    return current


def save(bucket: Bucket, deployment: Deployment) -> None:
    """Record what is deployed now; what was deployed before stays in the history."""
    document = asdict(deployment)
    moment = deployment.deployed_at.replace(":", "")
    bucket.write_json(f"{DEPLOYMENT_HISTORY}/{moment}-{deployment.model_name}.json", document)
    bucket.write_json(CURRENT_DEPLOYMENT, document)


def history(bucket: Bucket) -> list[Deployment]:
    """Every deployment, newest first."""
    found = (bucket.read_json(key) for key in bucket.keys(f"{DEPLOYMENT_HISTORY}/"))
    deployments = [_from_document(document) for document in found if document]
    return sorted(deployments, key=lambda item: item.deployed_at, reverse=True)


def _from_document(document: dict[str, Any]) -> Deployment:
    return Deployment(**{**document, "labels": tuple(document["labels"])})


def write_var_file(environment: Environment, deployment: Deployment | None) -> Path | None:
    """Write the variables that a deployment sets, for `terraform -var-file`; None without one."""
    if deployment is None:
        return None
    path = environment.build_dir / "deployment.tfvars.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "endpoint_name": deployment.endpoint_name,
                "labels": list(deployment.labels),
                "confidence_threshold": deployment.confidence_threshold,
                "image_size_px": deployment.image_size_px,
                "endpoint_stopped": deployment.stopped_config is not None,
            },
            indent=2,
        )
    )
    return path
