"""Training jobs that really train: a process of their own, AWS's states and failure reasons."""

import math
import re
import shutil
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts import processes
from scripts.localcloud import container, standin
from scripts.localcloud.aws import Aws
from scripts.localcloud.container import TrainingFolder
from scripts.localcloud.logs import LogStream
from scripts.localcloud.objects import download_source, require_objects, split_s3_uri
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import TRAINING_JOB, JobFailed, Record, Records
from scripts.localcloud.training_output import OutputTail

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
STOP_GRACE_S = 120.0  # as on AWS: SIGTERM, and SIGKILL two minutes later
DEFAULT_MAX_RUNTIME_S = 86_400
MAX_LINE_BYTES = 65_536
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingJobs:
    """Creates, stops and deletes training jobs."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records
        # By the record's identity: a name can be used again.
        self._runs: dict[int, _Run] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        _check(self._aws, request)
        if container.uses_stand_in(request):
            specification = request["AlgorithmSpecification"]
            request = {
                **request,
                "AlgorithmSpecification": {**specification, "MetricDefinitions": standin.METRICS},
            }
        name = request["TrainingJobName"]
        output = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        record = self._records.create(
            TRAINING_JOB,
            request,
            TrainingJobStatus="InProgress",
            ModelArtifacts={"S3ModelArtifacts": f"{output}/{name}/output/model.tar.gz"},
            **_transition({}, "Starting"),
        )
        run = self._runs[id(record)] = _Run(self._aws, record)

        def work() -> None:
            run.work()
            del self._runs[id(record)]

        threading.Thread(target=work, daemon=True, name=name).start()
        return {"TrainingJobArn": record.arn}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRAINING_JOB, request["TrainingJobName"])
        with record.lock:
            if record.status == "Stopping":
                return {}
            if not record.move({"InProgress"}, "Stopping"):
                raise ServiceError(
                    "ValidationException",
                    "The request was rejected because the training job is in status "
                    f"{record.status}.",
                )
            _advance(record, "Stopping")
            if run := self._runs.get(id(record)):
                run.interrupt()
        return {}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRAINING_JOB, request["TrainingJobName"])
        if record.status in ("InProgress", "Stopping"):
            raise ServiceError(
                "ResourceInUse", f"Training job {record.arn} is {record.status}; stop it first."
            )
        self._records.remove(record)
        return {}


def _check(aws: Aws, request: dict[str, Any]) -> None:
    """Refuse what AWS refuses before a job exists, and what cannot be done here."""
    algorithm = request.get("AlgorithmSpecification", {})
    image = algorithm.get("TrainingImage", "")
    if not container.can_run(image):
        raise ServiceError(
            "ValidationException",
            f"Cannot find the requested image: {image}. {container.RUNS}",
        )
    if container.uses_stand_in(request) and "MetricDefinitions" in algorithm:
        raise ServiceError(
            "ValidationException",
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please "
            "retry the request without specifying metric definitions.",
        )
    split_s3_uri(request["OutputDataConfig"]["S3OutputPath"])
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise ServiceError("ValidationException", "The local cloud writes model.tar.gz only.")
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise ServiceError(
                "ValidationException", f"Invalid regex of {definition['Name']}: {error}."
            ) from None
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource")
        if source is None or source["S3DataType"] == "AugmentedManifestFile":
            raise ServiceError(
                "ValidationException",
                f"Channel {channel['ChannelName']}: the local cloud reads an S3DataSource of type "
                "S3Prefix or ManifestFile.",
            )
        require_objects(aws, source, request["RoleArn"])


class _Stopped(Exception):
    """The job was asked to stop before its process had started."""


class _Run:
    """One job on its way through its states. The record's lock guards what it changes."""

    def __init__(self, aws: Aws, record: Record) -> None:
        self._aws, self._record = aws, record
        self._folder = TrainingFolder(aws.work_dir / "training" / uuid.uuid4().hex)
        self._process: subprocess.Popen[bytes] | None = None

    def interrupt(self) -> None:
        """Ask the job's process to end; SageMaker gives it two minutes."""
        if self._process:
            threading.Thread(
                target=processes.stop, args=(self._process, STOP_GRACE_S), daemon=True
            ).start()

    def work(self) -> None:
        """Do the whole job. The record says how it ended."""
        try:
            self._train()
        except _Stopped:
            _finish(self._record, "Stopped")
        except JobFailed as failure:
            _finish(self._record, "Failed", str(failure))
        except Exception as error:
            _finish(self._record, "Failed", f"InternalServerError: {error}")
            raise
        finally:
            shutil.rmtree(self._folder.base, ignore_errors=True)

    def _train(self) -> None:
        request = self._record.request
        self._begin("Downloading", TrainingStartTime=datetime.now(UTC))
        for channel in request.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            target = self._folder.channel(channel["ChannelName"])
            for _ in download_source(self._aws, source, target):
                self._check_stop()
        command, environment = container.training_command(self._aws, self._folder, request)
        stream = f"{self._record.name}/algo-1-{int(datetime.now(UTC).timestamp())}"
        log = LogStream(self._aws, LOG_GROUP, stream)
        tail = OutputTail(request["AlgorithmSpecification"].get("MetricDefinitions", []))
        try:
            code = self._run(command, environment, log, tail)
        finally:
            log.close()
        self._record.update(FinalMetricDataList=tail.metrics())
        with self._record.lock:
            is_stopped = self._record.state["SecondaryStatus"] in ("Stopping", "MaxRuntimeExceeded")
            if not is_stopped and code == 0:
                _advance(self._record, "Uploading")
        if code and not is_stopped:
            raise JobFailed(
                container.failure_reason(request, self._folder, command, code, tail.last_line)
            )
        self._upload()
        _finish(self._record, "Completed")

    def _run(
        self, command: list[str], environment: dict[str, str], log: LogStream, tail: OutputTail
    ) -> int:
        """Run the job's process to its end, or to the end of its time. Returns its exit code."""
        with self._record.lock:
            self._begin("Training")
            process = self._process = processes.start_guarded(
                command,
                env=environment,
                cwd=self._folder.code,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

        def read_output() -> None:
            assert process.stdout
            while raw := process.stdout.readline(MAX_LINE_BYTES):
                line = raw.decode("utf-8", "replace").rstrip()
                tail.add(line)
                log.write(line)
            process.stdout.close()

        reader = threading.Thread(target=read_output, daemon=True)
        reader.start()
        limits = self._record.request.get("StoppingCondition", {})
        try:
            code = process.wait(limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S))
        except subprocess.TimeoutExpired:
            with self._record.lock:
                if self._record.status == "InProgress":
                    _advance(self._record, "MaxRuntimeExceeded")
            processes.stop(process, STOP_GRACE_S)
            code = process.wait()
        reader.join(5)  # the guard has ended whatever could still write
        return code

    def _begin(self, secondary: str, **state: Any) -> None:
        with self._record.lock:
            self._check_stop()
            self._record.update(**state)
            _advance(self._record, secondary)

    def _check_stop(self) -> None:
        if self._record.status == "Stopping":
            raise _Stopped

    def _upload(self) -> None:
        """Write model.tar.gz, and output.tar.gz when the job left further files."""
        uri = self._record.state["ModelArtifacts"]["S3ModelArtifacts"]
        bucket, model_key = split_s3_uri(uri)
        archives = {model_key: self._folder.model}
        further = self._folder.output / "data"
        if any(further.iterdir()):
            archives[model_key.replace("model.tar.gz", "output.tar.gz")] = further
        for key, content in archives.items():
            archive = self._folder.base / "upload.tar.gz"
            with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                for path in sorted(content.iterdir()):
                    tar.add(path, arcname=path.name)
            try:
                with archive.open("rb") as body:
                    self._aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
            except ClientError as error:
                message = f"ClientError: Artifact upload failed:s3://{bucket}/{key}: {error}"
                raise JobFailed(message) from error


def _transition(state: Mapping[str, Any], secondary: str) -> dict[str, Any]:
    """The members that change with the secondary status, and when it began and ended."""
    now = datetime.now(UTC)
    before = [{"EndTime": now, **item} for item in state.get("SecondaryStatusTransitions", [])]
    new = {"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]}
    return {"SecondaryStatus": secondary, "SecondaryStatusTransitions": [*before, new]}


def _advance(record: Record, secondary: str) -> None:
    with record.lock:
        record.update(**_transition(record.state, secondary))


def _finish(record: Record, status: str, reason: str | None = None) -> None:
    """End the job: as `status`, or as Stopped when it was stopped or ran out of time."""
    with record.lock:
        secondary = status
        if status == "Completed" and record.status == "Stopping":
            status = secondary = "Stopped"
        elif status == "Completed" and record.state["SecondaryStatus"] == "MaxRuntimeExceeded":
            status, secondary = "Stopped", "MaxRuntimeExceeded"
        if record.state["SecondaryStatus"] != secondary:
            _advance(record, secondary)
        now = datetime.now(UTC)
        transitions = record.state["SecondaryStatusTransitions"]
        record.update(
            TrainingJobStatus=status,
            FailureReason=reason[:1024] if reason else None,
            SecondaryStatusTransitions=[{"EndTime": now, **item} for item in transitions],
            TrainingEndTime=now,
        )
        if started := record.state.get("TrainingStartTime"):
            seconds = math.ceil((now - started).total_seconds())
            record.update(TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)
