"""Training jobs that really train: a process of their own, AWS's states and failure reasons."""

import contextlib
import re
import shutil
import subprocess
import tarfile
import threading
from datetime import UTC, datetime
from typing import Any

from scripts import processes
from scripts.localcloud import container
from scripts.localcloud.aws import Aws, LogStream, split_s3_uri
from scripts.localcloud.container import JobFailed, TrainingFolder
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import TRAINING_JOB, Record, Records

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
STOP_GRACE_S = 120.0  # as on AWS: SIGTERM, and SIGKILL two minutes later
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
    """Runs each training job in a thread that watches the job's process."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TrainingJobName"]
        bucket, prefix = split_s3_uri(request["OutputDataConfig"]["S3OutputPath"])
        folder = f"{prefix.rstrip('/')}/{name}".lstrip("/")
        artifact = f"s3://{bucket}/{folder}/output/model.tar.gz"
        record = self._records.create(
            TRAINING_JOB,
            request,
            TrainingJobStatus="InProgress",
            ModelArtifacts={"S3ModelArtifacts": artifact},
            SecondaryStatusTransitions=[],
            TrainingStartTime=datetime.now(UTC),
        )
        _advance(record, "Starting")
        threading.Thread(target=self._run, args=(record,), daemon=True, name=name).start()
        return {"TrainingJobArn": record.arn}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRAINING_JOB, request["TrainingJobName"])
        if record.status not in ("InProgress", "Stopping"):
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the training job is in status {record.status}.",
            )
        record.update(TrainingJobStatus="Stopping")
        _advance(record, "Stopping")
        process = self._processes.get(record.name)
        if process:
            threading.Thread(
                target=processes.stop, args=(process, STOP_GRACE_S), daemon=True
            ).start()
        return {}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRAINING_JOB, request["TrainingJobName"])
        if record.status in ("InProgress", "Stopping"):
            raise ServiceError(
                "ResourceInUse", f"Training job {record.arn} is {record.status}; stop it first."
            )
        self._records.remove(record)
        return {}

    def close(self) -> None:
        """End the processes of all jobs, at once."""
        for process in list(self._processes.values()):
            processes.stop(process, grace_s=0.5)

    def _run(self, record: Record) -> None:
        folder = TrainingFolder(self._aws.work_dir / "training" / record.name)
        try:
            ended = self._train(record, folder)
            _finish(record, "Stopped" if ended != "Completed" else "Completed", ended)
        except JobFailed as failure:
            record.update(FailureReason=str(failure)[:1024])
            _finish(record, "Failed", "Failed")
        except Exception as error:
            record.update(FailureReason=f"InternalServerError: {error}"[:1024])
            _finish(record, "Failed", "Failed")
            raise
        finally:
            shutil.rmtree(folder.base, ignore_errors=True)

    def _train(self, record: Record, folder: TrainingFolder) -> str:
        """Run the job. Returns its last secondary status; raises JobFailed."""
        request = record.request
        container.require_known_image(
            request["AlgorithmSpecification"].get("TrainingImage", "")
        )
        _advance(record, "Downloading")
        container.download_channels(self._aws, folder, request.get("InputDataConfig", []))
        command, environment = container.training_command(self._aws, folder, request)
        if record.status == "Stopping":
            return "Stopped"
        _advance(record, "Training")
        log = LogStream(self._aws, LOG_GROUP, f"{record.name}/algo-1-{int(_now().timestamp())}")
        process = processes.start_guarded(
            command,
            env=environment,
            cwd=folder.code,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._processes[record.name] = process
        overtime = threading.Timer(
            request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400),
            self._exceed,
            (record, process),
        )
        overtime.start()
        tail = _Tail(request["AlgorithmSpecification"].get("MetricDefinitions", []))
        assert process.stdout
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            tail.add(line)
            log.write(line)
        code = process.wait()
        overtime.cancel()
        log.flush()
        self._processes.pop(record.name, None)
        record.update(FinalMetricDataList=tail.metrics())
        stopped = record.state.get("SecondaryStatus") in ("Stopping", "MaxRuntimeExceeded")
        if code and not stopped:
            raise JobFailed(_failure_reason(folder, command, code, tail.last_lines))
        if not stopped:
            _advance(record, "Uploading")
        self._upload_model(record, folder)
        if not stopped:
            return "Completed"
        exceeded = record.state["SecondaryStatus"] == "MaxRuntimeExceeded"
        return "MaxRuntimeExceeded" if exceeded else "Stopped"

    def _exceed(self, record: Record, process: subprocess.Popen[bytes]) -> None:
        _advance(record, "MaxRuntimeExceeded")
        processes.stop(process, STOP_GRACE_S)

    def _upload_model(self, record: Record, folder: TrainingFolder) -> None:
        archive = folder.base / "model.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            for path in sorted(folder.model.iterdir()):
                tar.add(path, arcname=path.name)
        bucket, key = split_s3_uri(record.state["ModelArtifacts"]["S3ModelArtifacts"])
        self._aws.s3.upload_file(str(archive), bucket, key)
        for path in sorted((folder.output / "data").rglob("*")):
            if path.is_file():
                name = path.relative_to(folder.output / "data").as_posix()
                target = key.replace("model.tar.gz", f"data/{name}")
                self._aws.s3.upload_file(str(path), bucket, target)


class _Tail:
    """The last lines of a job's output, and the metrics its definitions find in it."""

    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._metrics: dict[str, tuple[float, datetime]] = {}
        self.last_lines: list[str] = []

    def add(self, line: str) -> None:
        self.last_lines = [*self.last_lines[-19:], line]
        for name, pattern in self._patterns:
            if match := pattern.search(line):
                with contextlib.suppress(ValueError):
                    self._metrics[name] = (float(match.group(1)), _now())

    def metrics(self) -> list[dict[str, Any]]:
        return [
            {"MetricName": name, "Value": value, "Timestamp": time}
            for name, (value, time) in self._metrics.items()
        ]


def _failure_reason(
    folder: TrainingFolder, command: list[str], code: int, last_lines: list[str]
) -> str:
    """What AWS shows: the job's own words when it left some, else the end of its output."""
    note = folder.output / "failure"
    if note.is_file():
        return f"AlgorithmError: {note.read_text('utf-8', 'replace')}, exit code: {code}"
    error = next((line for line in reversed(last_lines) if line.strip()), "")
    script = " ".join(["python", *(part.split("/")[-1] for part in command[2:])])
    return (
        f"AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\n"
        f'ErrorMessage "{error}"\nCommand "{script}", exit code: {code}'
    )


def _advance(record: Record, secondary: str) -> None:
    """Move to a secondary status and note when, as DescribeTrainingJob lists it."""
    now = _now()
    transitions: list[dict[str, Any]] = record.state["SecondaryStatusTransitions"]
    if transitions:
        transitions[-1].setdefault("EndTime", now)
    transitions.append(
        {"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]}
    )
    record.update(SecondaryStatus=secondary)


def _finish(record: Record, status: str, secondary: str) -> None:
    now = _now()
    started = record.state["TrainingStartTime"]
    seconds = int((now - started).total_seconds())
    if record.state["SecondaryStatus"] != secondary:
        _advance(record, secondary)
    record.state["SecondaryStatusTransitions"][-1]["EndTime"] = now
    # The status goes last: whoever waits for it then sees everything else in place.
    record.update(TrainingEndTime=now, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)
    record.update(TrainingJobStatus=status)


def _now() -> datetime:
    return datetime.now(UTC)
