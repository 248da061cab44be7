"""Training jobs: what they are given, what they leave, and how they end."""

import io
import itertools
import json
import tarfile

import psutil
import pytest
from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/TrainingJobs"
BUCKET = "localcloud-tests"
TRAIN = """
import json, os, pathlib, sys
data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
cat = (data / "animals" / "cat.txt").read_text()
(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "word").write_text(cat)
(pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "epochs.json").write_text("[1, 2]")
print("arguments", json.dumps(sys.argv[1:]))
print("mood", os.environ["MOOD"])
for epoch in (1, 2):
    print(f"epoch={epoch} accuracy=0.{epoch}")
"""
SLEEP = """
import os, pathlib, time
(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "word").write_text("half")
print("process", os.getpid(), flush=True)
time.sleep(600)
"""
LINGER = """
import signal, sys, time
def save(*_):
    time.sleep(0.5)
    print("saved")
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print("working", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def completed(cloud):
    """A job that has completed."""
    return cloud.train(
        TRAIN,
        Environment={"MOOD": "calm"},
        HyperParameters={"epochs": "2", "classes": '"cat,dog"'},
        AlgorithmSpecification={
            "MetricDefinitions": [
                {"Name": "accuracy", "Regex": r"accuracy=([0-9.]+)"},
                {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
            ]
        },
    )


def states(job):
    return [item["Status"] for item in job["SecondaryStatusTransitions"]]


def unpack(body):
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {item.name: tar.extractfile(item).read().decode() for item in tar if item.isfile()}


def start_sleeping(cloud, **changes):
    """A job that sleeps for ten minutes, and its process."""
    name = cloud.start_training(SLEEP, **changes)
    words = cloud.wait_for(lambda: cloud.logs(GROUP, name))[0].split()
    return name, psutil.Process(int(words[1]))


def test_a_job_goes_through_the_states_in_awss_order(completed):
    assert completed["TrainingJobStatus"] == "Completed"
    assert states(completed) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_each_state_ends_when_the_next_one_begins(completed):
    transitions = completed["SecondaryStatusTransitions"]
    for before, after in itertools.pairwise(transitions):
        assert before["StartTime"] <= before["EndTime"] == after["StartTime"]
    assert transitions[-1]["EndTime"] <= completed["TrainingEndTime"]


def test_the_model_is_what_the_script_wrote_of_its_data(cloud, completed):
    uri = completed["ModelArtifacts"]["S3ModelArtifacts"]
    name = completed["TrainingJobName"]
    assert uri == f"s3://{BUCKET}/models/{name}/output/model.tar.gz"
    assert unpack(cloud.read(f"models/{name}/output/model.tar.gz")) == {"word": "meow"}


def test_further_output_is_kept_beside_the_model(cloud, completed):
    key = f"models/{completed['TrainingJobName']}/output/output.tar.gz"
    assert unpack(cloud.read(key)) == {"epochs.json": "[1, 2]"}


def test_the_script_is_given_its_hyperparameters_and_its_environment(cloud, completed):
    lines = cloud.logs(GROUP, completed["TrainingJobName"])
    assert lines[0] == "arguments " + json.dumps(["--classes", "cat,dog", "--epochs", "2"])
    assert lines[1] == "mood calm"


def test_the_last_value_of_each_defined_metric_is_in_the_description(completed):
    metrics = {m["MetricName"]: m["Value"] for m in completed["FinalMetricDataList"]}
    assert metrics == {"accuracy": pytest.approx(0.2)}


def test_a_job_that_has_completed_cannot_be_stopped(cloud, completed):
    with pytest.raises(ClientError, match="the training job is in status Completed"):
        cloud.sagemaker.stop_training_job(TrainingJobName=completed["TrainingJobName"])


def test_log_lines_arrive_while_the_script_says_nothing_more(cloud):
    name, _ = start_sleeping(cloud)  # which waits for a line of a job that goes on
    cloud.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_failing_script_is_an_algorithm_error_with_its_last_line(cloud):
    job = cloud.train("print('so far so good')\nraise ValueError('no such class')\n")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1")
    assert 'ErrorMessage "ValueError: no such class"' in job["FailureReason"]
    assert job["FailureReason"].endswith('Command "python train.py", exit code: 1')
    assert states(job)[-1] == "Failed"


def test_a_script_may_give_the_reason_of_its_failure_itself(cloud):
    job = cloud.train(
        "import os, pathlib\n"
        "(pathlib.Path(os.environ['SM_OUTPUT_DIR']) / 'failure').write_text('too few pictures')\n"
        "raise SystemExit(3)\n"
    )
    assert job["FailureReason"] == "AlgorithmError: too few pictures, exit code: 3"


def test_a_stop_ends_the_process_and_keeps_the_model_so_far(cloud):
    name, process = start_sleeping(cloud)
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    job = cloud.end_of_training(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert states(job) == ["Starting", "Downloading", "Training", "Stopping", "Stopped"]
    assert "FailureReason" not in job
    cloud.wait_for(lambda: not process.is_running())
    assert unpack(cloud.read(f"models/{name}/output/model.tar.gz")) == {"word": "half"}


def test_a_second_request_to_stop_changes_nothing(cloud):
    name = cloud.start_training(LINGER)
    cloud.wait_for(lambda: cloud.logs(GROUP, name))
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    assert states(cloud.end_of_training(name)).count("Stopping") == 1


def test_a_job_may_use_the_time_between_the_request_to_stop_and_its_end(cloud):
    name = cloud.start_training(LINGER)
    cloud.wait_for(lambda: cloud.logs(GROUP, name))
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    cloud.end_of_training(name)
    assert cloud.logs(GROUP, name)[-1] == "saved"


def test_a_job_ends_when_its_time_is_over(cloud):
    name, process = start_sleeping(cloud, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = cloud.end_of_training(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"
    cloud.wait_for(lambda: not process.is_running())


def test_a_prefix_without_objects_is_refused_before_the_job_exists(cloud):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing/here"}
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL") as error:
        cloud.start_training(
            TRAIN,
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        )
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_an_object_that_is_not_there_is_a_client_error_of_the_job(cloud):
    manifest = cloud.put("manifests/bad.json", json.dumps([{"prefix": f"s3://{BUCKET}/x/"}, "y"]))
    source = {"S3DataType": "ManifestFile", "S3Uri": manifest}
    job = cloud.train(
        TRAIN, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    )
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert states(job) == ["Starting", "Downloading", "Failed"]


def test_an_output_bucket_that_is_not_there_is_a_client_error_of_the_job(cloud):
    job = cloud.train("print('done')\n", OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"})
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")


def test_code_that_is_no_archive_is_an_error_of_the_algorithm(cloud):
    source = cloud.put("code/plain.tar.gz", "not an archive")
    job = cloud.train(TRAIN, HyperParameters={"sagemaker_submit_directory": json.dumps(source)})
    assert job["FailureReason"].startswith("AlgorithmError: framework error: \n")


def test_an_unknown_image_is_refused(cloud):
    with pytest.raises(ClientError, match="Cannot find the requested image: example/cobol:1"):
        cloud.start_training(TRAIN, AlgorithmSpecification={"TrainingImage": "example/cobol:1"})


def test_a_metric_definition_that_is_no_regular_expression_is_refused(cloud):
    definitions = [{"Name": "accuracy", "Regex": "("}]
    with pytest.raises(ClientError, match="Invalid regex of accuracy"):
        cloud.start_training(TRAIN, AlgorithmSpecification={"MetricDefinitions": definitions})


def test_a_name_is_taken_whatever_its_case(cloud, completed):
    with pytest.raises(ClientError, match="must be unique") as error:
        cloud.start_training(TRAIN, TrainingJobName=completed["TrainingJobName"].upper())
    assert error.value.response["Error"]["Code"] == "ResourceInUse"


def test_only_a_job_that_has_ended_can_be_deleted(cloud):
    name, _ = start_sleeping(cloud)
    with pytest.raises(ClientError, match="stop it first") as error:
        cloud.sagemaker.delete_training_job(TrainingJobName=name)
    assert error.value.response["Error"]["Code"] == "ResourceInUse"
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    cloud.end_of_training(name)
    cloud.sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        cloud.sagemaker.describe_training_job(TrainingJobName=name)


def test_nothing_of_a_job_stays_on_the_disk(cloud):
    folder = cloud.folder / "sagemaker" / "training"
    before = set(folder.iterdir()) if folder.exists() else set()
    cloud.train("print('done')\n")
    cloud.wait_for(lambda: set(folder.iterdir()) <= before)
