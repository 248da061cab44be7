"""A local cloud that really runs, and algorithms small enough to train and serve in a moment."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from scripts.environment import DEFAULT_REGION
from scripts.localcloud import control
from scripts.localcloud.protocol import problems_with

ROLE = "arn:aws:iam::000000000000:role/sagemaker"
TRAINING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312"
SERVING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
BUCKET = "localcloud-tests"
# As AWS's endpoint variables call the services that the emulator does not have.
SERVICES = {
    "sagemaker": "SAGEMAKER",
    "sagemaker-runtime": "SAGEMAKER_RUNTIME",
    "application-autoscaling": "APPLICATION_AUTO_SCALING",
}
WAIT_S = 30.0
POOL = 50  # connections: no call of a test waits for another's

# A model is a word. It answers with that word, and with what a request's body asks it to do. Some
# words cannot be loaded (broken), or do harm only when they are asked (picky, slow).
INFERENCE = """
import json, os, pathlib, time

class Refused(ValueError):
    status_code = 422

def model_fn(folder):
    word = (pathlib.Path(folder) / "word").read_text()
    print("loading", word, flush=True)
    if word == "broken":
        raise SystemExit("cannot be loaded")
    return word

def input_fn(body, content_type):
    return body.decode()

def predict_fn(text, word):
    if text == "refuse":
        raise Refused("not this one")
    if text == "fail":
        raise RuntimeError("it went wrong")
    if text == "die":
        os._exit(3)
    if word == "picky" and "b" in text:
        raise RuntimeError("not this letter")
    if word == "slow":
        time.sleep(0.5)
    if text.startswith("sleep "):
        print("sleeping", flush=True)
        time.sleep(float(text.split()[1]))
    return {"word": word, "text": text, "mood": os.environ.get("MOOD")}

def output_fn(answer, accept):
    return json.dumps(answer), "application/json"
"""


def archive(files: dict[str, str]) -> bytes:
    """A .tar.gz of `files`, text by name."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    """To AWS, null is the same as absent; moto makes use of that."""
    return {name: value for name, value in members.items() if value is not None}


@dataclass
class LocalCloud:
    """A running local cloud and what tests do with it. Each answer's shape is checked."""

    endpoints: dict[str, str]
    folder: Path
    checked: set[str] = field(default_factory=set)
    _clients: dict[str, Any] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            variable = f"AWS_ENDPOINT_URL_{SERVICES.get(service, '')}"
            client = boto3.client(
                service,
                endpoint_url=self.endpoints.get(variable, self.endpoints["AWS_ENDPOINT_URL"]),
                region_name=DEFAULT_REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    inject_host_prefix=False,
                    max_pool_connections=POOL,
                ),
            )
            if service in ("sagemaker", "application-autoscaling"):
                client.meta.events.register("before-parse", self._check)
            self._clients[service] = client
        return self._clients[service]

    def _check(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] == 200:
            answer = json.loads(response_dict["body"] or b"{}", object_hook=without_nulls)
            shape = operation_model.output_shape
            assert answer == {} if shape is None else problems_with(shape, answer) == []
            self.checked.add(operation_model.name)

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    def name(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def put(self, key: str, body: bytes | str) -> str:
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def read(self, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def logs(self, group: str, stream_prefix: str = "") -> list[str]:
        """Every message of the streams of a log group; none when there is no such group."""
        logs = self.client("logs")
        try:
            streams = logs.describe_log_streams(
                logGroupName=group,
                **({"logStreamNamePrefix": stream_prefix} if stream_prefix else {}),
            )["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    def start_training(self, code: str, **changes: Any) -> str:
        """Submit a training job that runs `code` as train.py. Returns its name."""
        name = self.name("training")
        source = self.put(f"code/{name}.tar.gz", archive({"train.py": code}))
        data = self.put(f"data/{name}/animals/cat.txt", "meow").removesuffix("animals/cat.txt")
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": TRAINING_IMAGE,
                "TrainingInputMode": "File",
            },
            "HyperParameters": {
                "sagemaker_program": json.dumps("train.py"),
                "sagemaker_submit_directory": json.dumps(source),
            },
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 10,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        for member, value in changes.items():
            old = request.get(member, {})
            request[member] = old | value if isinstance(value, dict) else value
        self.sagemaker.create_training_job(**request)
        return name

    def end_of_training(self, name: str) -> dict[str, Any]:
        """The job's description once it has ended."""
        return self.wait_for(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            lambda found: found["TrainingJobStatus"] not in ("InProgress", "Stopping"),
        )

    def train(self, code: str, **changes: Any) -> dict[str, Any]:
        return self.end_of_training(self.start_training(code, **changes))

    def create_model(self, word: str, **container: Any) -> str:
        """A model that answers with `word`."""
        name = self.name("model")
        content = archive({"word": word, "code/inference.py": INFERENCE})
        uri = self.put(f"models/{name}.tar.gz", content)
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": SERVING_IMAGE, "ModelDataUrl": uri, **container},
        )
        return name

    def create_config(self, model: str, instances: int = 1, **settings: Any) -> str:
        name = self.name("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": instances,
                }
            ],
            **settings,
        )
        return name

    def create_endpoint(self, config: str) -> str:
        """An endpoint that is in service, or has failed."""
        name = self.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.end_of_change(name)
        return name

    def end_of_change(self, endpoint: str) -> dict[str, Any]:
        """The endpoint's description once it is neither being created nor updated."""
        return self.wait_for(
            lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint),
            lambda found: found["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"),
        )

    def delete_endpoint(self, endpoint: str) -> None:
        """Delete an endpoint and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=endpoint)
        self.wait_for(
            lambda: self.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"],
            lambda found: endpoint not in [item["EndpointName"] for item in found],
        )

    def invoke(self, endpoint: str, text: str = "hello", **headers: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=text.encode(), **({"ContentType": "text/plain"} | headers)
        )
        return answer | {"Body": json.loads(answer["Body"].read())}

    @staticmethod
    def wait_for(
        look: Callable[[], Any], is_enough: Callable[[Any], Any] = bool, within_s: float = WAIT_S
    ) -> Any:
        """What `look` sees once it is enough. Fails when that takes too long."""
        began = time.monotonic()
        while not is_enough(seen := look()):
            waited = time.monotonic() - began
            assert waited < within_s, f"still {seen!r}"
            time.sleep(min(0.02 + waited / 20, 0.25))  # what takes long need not be seen at once
        return seen


@pytest.fixture(scope="session")
def start_cloud() -> Callable[[Path], LocalCloud]:
    """start_cloud(file): a local cloud with one bucket, which ends with this process."""

    def start(file: Path) -> LocalCloud:
        running = LocalCloud(control.up(file, detached=False).endpoints, file.parent)
        running.client("s3").create_bucket(Bucket=BUCKET)
        return running

    return start


@pytest.fixture(scope="session")
def cloud(
    start_cloud: Callable[[Path], LocalCloud], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCloud]:
    """The local cloud that most tests share."""
    file = tmp_path_factory.mktemp("place") / "cloud" / "cloud.json"
    yield start_cloud(file)
    control.down(file)


@pytest.fixture(scope="module")
def model(cloud: LocalCloud) -> str:
    """A model that answers with the word `first`."""
    return cloud.create_model("first")


@pytest.fixture(scope="module")
def endpoint(cloud: LocalCloud, model: str) -> str:
    """An endpoint in service that captures everything."""
    return cloud.create_endpoint(
        cloud.create_config(
            model,
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"s3://{BUCKET}/captures",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
            },
        )
    )
