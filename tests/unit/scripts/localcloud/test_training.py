"""Training jobs that are stopped at an awkward moment, or cannot be done here."""

import threading

import pytest

from scripts.localcloud import training
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import TRAINING_JOB, Records
from scripts.localcloud.training import TrainingJobs

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312"
BUILTIN = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def request(**changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}
    return {
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::000000000000:role/sagemaker",
        "AlgorithmSpecification": {"TrainingImage": IMAGE},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models/"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        **changes,
    }


@pytest.fixture
def records():
    return Records("us-east-1")


@pytest.fixture
def jobs(services, records, monkeypatch):
    monkeypatch.setattr(training, "require_objects", lambda *_: None)
    return TrainingJobs(services, records)


def states(record):
    return [item["Status"] for item in record.state["SecondaryStatusTransitions"]]


def test_a_job_that_is_stopped_while_it_downloads_starts_no_process(
    jobs, records, monkeypatch, eventually
):
    started = []
    is_stopped = threading.Event()

    def download(_services, _source, folder):
        yield folder / "first.png"
        is_stopped.wait(5)
        yield folder / "second.png"

    monkeypatch.setattr(training, "download_source", download)
    monkeypatch.setattr(training.processes, "start_guarded", started.append)
    jobs.create(request())
    jobs.stop({"TrainingJobName": "job"})
    is_stopped.set()
    record = records.get(TRAINING_JOB, "job")
    eventually(lambda: record.status == "Stopped")
    assert states(record)[-2:] == ["Stopping", "Stopped"]
    assert started == []


def test_the_time_of_a_job_that_never_trained_is_not_billed(jobs, records, monkeypatch, eventually):
    monkeypatch.setattr(
        training._Run, "work", lambda self: training._finish(self._record, "Failed")
    )
    jobs.create(request())
    record = records.get(TRAINING_JOB, "job")
    eventually(lambda: record.status == "Failed")
    assert "BillableTimeInSeconds" not in record.state


def test_a_failure_inside_the_local_cloud_is_the_services_own(
    jobs, records, monkeypatch, eventually
):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(training, "download_source", fail)
    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)  # which prints it to the log
    jobs.create(request())
    assert str(eventually(lambda: printed)[0].exc_value) == "a bug"
    record = records.get(TRAINING_JOB, "job")
    assert record.status == "Failed"
    assert record.state["FailureReason"] == "InternalServerError: a bug"


def test_a_long_reason_is_cut_to_what_awss_model_allows(records):
    record = records.create(
        TRAINING_JOB, {"TrainingJobName": "job"}, **training._transition({}, "Training")
    )
    training._finish(record, "Failed", "x" * 2000)
    assert len(record.state["FailureReason"]) == 1024


def test_a_name_can_be_used_again_while_the_first_ones_thread_still_ends(
    jobs, records, monkeypatch, eventually
):
    may_end = threading.Event()

    def work(self):
        training._finish(self._record, "Failed")
        may_end.wait(5)

    monkeypatch.setattr(training._Run, "work", work)
    for _ in range(2):
        jobs.create(request())
        eventually(lambda: records.get(TRAINING_JOB, "job").status == "Failed")
        jobs.delete({"TrainingJobName": "job"})
    may_end.set()
    eventually(lambda: not jobs._runs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OutputDataConfig": {"S3OutputPath": "https://elsewhere/"}}, "is not an S3 URI"),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://b/", "CompressionType": "NONE"}},
            r"model\.tar\.gz only",
        ),
        (
            {"InputDataConfig": [{"ChannelName": "train", "DataSource": {}}]},
            "Channel train: the local cloud reads an S3DataSource",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": "me/image-classification:1"}},
            "Cannot find the requested image: me/.*PyTorch images, and a stand-in for image-",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": BUILTIN, "MetricDefinitions": []}},
            "can't override the metric definitions for Amazon SageMaker algorithms",
        ),
    ],
)
def test_what_cannot_be_done_here_is_refused_rather_than_ignored(jobs, records, changes, words):
    with pytest.raises(ServiceError, match=words):
        jobs.create(request(**changes))
    assert records.all(TRAINING_JOB) == []


def test_sagemaker_brings_the_metric_definitions_of_its_own_algorithm(jobs, records, monkeypatch):
    monkeypatch.setattr(training._Run, "work", lambda _self: None)
    jobs.create(request(AlgorithmSpecification={"TrainingImage": BUILTIN}))
    specification = records.get(TRAINING_JOB, "job").request["AlgorithmSpecification"]
    names = [item["Name"] for item in specification["MetricDefinitions"]]
    assert names == ["train:accuracy", "validation:accuracy"]


def test_a_gpu_instance_can_be_asked_for(jobs, records, monkeypatch):
    monkeypatch.setattr(training._Run, "work", lambda _self: None)
    resources = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50}
    jobs.create(request(ResourceConfig=resources))
    assert records.get(TRAINING_JOB, "job").status == "InProgress"
