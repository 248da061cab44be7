"""The artefact bucket: small JSON documents, archives, and where each kind of thing lies."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.environment import Environment
from scripts.errors import UserError

DATASETS = "datasets"
TRAINING = "training"
MODELS = "models"
TRANSFORMS = "transforms"
CAPTURES = "captures"
RETRAINING = "retraining"
BATCHES = "batches"
BASELINES = "monitoring/baselines"
WINDOWS = "monitoring/windows"
CURRENT_DATASET = f"{DATASETS}/current.json"
CURRENT_DEPLOYMENT = "deployments/current.json"
DEPLOYMENT_HISTORY = "deployments/history"


def dataset_key(dataset_id: str) -> str:
    """Where the document of a staged data set lies: its id, digest, classes, channels, counts."""
    return f"{DATASETS}/{dataset_id}.json"


@dataclass(frozen=True)
class Bucket:
    """A bucket of an environment."""

    name: str
    s3: Any

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def key(self, uri: str) -> str:
        """The key of an object of this bucket. Raises UserError when `uri` is elsewhere."""
        start = f"s3://{self.name}/"
        if not uri.startswith(start):
            raise UserError(f"{uri} is not in the bucket {self.name}.")
        return uri.removeprefix(start)

    def read(self, key: str) -> bytes | None:
        """The object at `key`, or None when there is none."""
        try:
            body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return body

    def read_json(self, key: str) -> Any | None:
        """The document at `key`, or None when there is none."""
        body = self.read(key)
        return None if body is None else json.loads(body)

    def write_json(self, key: str, document: Any) -> None:
        body = json.dumps(document, indent=2).encode()
        self.s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self.s3.delete_object(Bucket=self.name, Key=key)

    def download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.s3.download_file(self.name, key, str(path))

    def upload(self, path: Path, key: str) -> str:
        self.s3.upload_file(str(path), self.name, key)
        return self.uri(key)

    def keys(self, prefix: str, after: str = "") -> list[str]:
        """All keys that begin with `prefix`, in their order: those behind `after` alone."""
        behind = {"StartAfter": after} if after else {}
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, **behind
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def folders(self, prefix: str) -> list[str]:
        """What the keys under `prefix`, which ends with a slash, begin with up to the next one."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, Delimiter="/"
        )
        return [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]


def open_bucket(environment: Environment, name: str) -> Bucket:
    return Bucket(name, environment.client("s3", max_pool_connections=32))
