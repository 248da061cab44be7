"""Clients of the emulated services, for the local SageMaker."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Aws:
    """The emulator at `endpoint_url`, and the folder in which jobs and endpoints run."""

    region: str
    endpoint_url: str
    work_dir: Path
    s3: Any = field(init=False, repr=False)
    logs: Any = field(init=False, repr=False)
    cloudwatch: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import boto3
        from botocore.config import Config

        config = Config(
            region_name=self.region,
            s3={"addressing_style": "path"},
            max_pool_connections=20,
            retries={"mode": "standard"},
        )
        for service in ("s3", "logs", "cloudwatch"):
            client = boto3.client(service, endpoint_url=self.endpoint_url, config=config)
            object.__setattr__(self, service, client)
