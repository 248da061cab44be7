"""Batch transform jobs: whole objects in, one answer beside each."""

import json

import pytest
from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/TransformJobs"
BUCKET = "localcloud-tests"


@pytest.fixture
def start(cloud, model):
    """start(data, type): submit a transform job; returns its name and where its output goes."""

    def submit(uri, data_type="S3Prefix", model_name=model, **changes):
        name = cloud.name("transform")
        request = {
            "TransformJobName": name,
            "ModelName": model_name,
            "MaxConcurrentTransforms": 3,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": data_type, "S3Uri": uri}},
                "ContentType": "text/plain",
            },
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/transforms/{name}"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
        cloud.sagemaker.create_transform_job(**request | changes)
        return name, f"transforms/{name}/"

    return submit


def end_of(cloud, name):
    return cloud.wait_for(
        lambda: cloud.sagemaker.describe_transform_job(TransformJobName=name),
        lambda found: found["TransformJobStatus"] not in ("InProgress", "Stopping"),
    )


def put_texts(cloud, folder, texts):
    for key, text in texts.items():
        cloud.put(f"{folder}/{key}", text)


def test_each_object_below_a_prefix_is_answered(cloud, start):
    put_texts(cloud, "texts", {"a.txt": "one", "deep/b.txt": "two"})
    name, output = start(f"s3://{BUCKET}/texts/")
    assert end_of(cloud, name)["TransformJobStatus"] == "Completed"
    assert cloud.keys(output) == [f"{output}a.txt.out", f"{output}deep/b.txt.out"]
    answer = json.loads(cloud.read(f"{output}deep/b.txt.out"))
    assert (answer["word"], answer["text"]) == ("first", "two")


def test_each_object_that_a_manifest_lists_is_answered(cloud, start):
    put_texts(cloud, "listed", {"a.txt": "one", "deep/b.txt": "two", "c.txt": "not listed"})
    listed = [{"prefix": f"s3://{BUCKET}/listed/"}, "a.txt", "deep/b.txt"]
    name, output = start(cloud.put("manifests/listed.json", json.dumps(listed)), "ManifestFile")
    assert end_of(cloud, name)["TransformJobStatus"] == "Completed"
    assert cloud.keys(output) == [f"{output}a.txt.out", f"{output}deep/b.txt.out"]


def test_a_manifest_that_is_no_json_is_a_client_error(cloud, start):
    name, _ = start(cloud.put("manifests/broken.json", "broken"), "ManifestFile")
    job = end_of(cloud, name)
    assert job["TransformJobStatus"] == "Failed"
    assert "must be a JSON array of a prefix and of paths" in job["FailureReason"]


def test_a_refused_record_fails_the_job_but_keeps_the_other_answers(cloud, start):
    put_texts(cloud, "mixed", {"a.txt": "one", "b.txt": "refuse"})
    name, output = start(f"s3://{BUCKET}/mixed/")
    job = end_of(cloud, name)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert cloud.keys(output) == [f"{output}a.txt.out"]


def test_the_log_names_the_refused_record_and_what_the_model_said(cloud, start):
    put_texts(cloud, "refused", {"a.txt": "refuse"})
    name, _ = start(f"s3://{BUCKET}/refused/")
    end_of(cloud, name)
    assert cloud.logs(GROUP, f"{name}/data-log") == [
        f"{BUCKET}/refused/a.txt: Bad HTTP status received from algorithm: 422 not this one"
    ]


def test_the_jobs_environment_is_added_to_the_containers(cloud, start):
    put_texts(cloud, "moody", {"a.txt": "one"})
    name, output = start(f"s3://{BUCKET}/moody/", Environment={"MOOD": "sunny"})
    end_of(cloud, name)
    assert json.loads(cloud.read(f"{output}a.txt.out"))["mood"] == "sunny"


def test_a_stopped_job_stores_no_output(cloud, start):
    put_texts(cloud, "slow", {f"{number:02}.txt": "sleep 0.2" for number in range(40)})
    name, output = start(f"s3://{BUCKET}/slow/")
    cloud.wait_for(lambda: cloud.logs(GROUP, f"{name}/i-0"))
    cloud.sagemaker.stop_transform_job(TransformJobName=name)
    assert cloud.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] in (
        "Stopping",
        "Stopped",
    )
    job = end_of(cloud, name)
    assert job["TransformJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert cloud.keys(output) == []


def test_a_job_that_has_ended_cannot_be_stopped(cloud, start):
    put_texts(cloud, "single", {"a.txt": "one"})
    name, _ = start(f"s3://{BUCKET}/single/")
    end_of(cloud, name)
    with pytest.raises(ClientError, match="the transform job is in status Completed"):
        cloud.sagemaker.stop_transform_job(TransformJobName=name)


def test_a_model_that_does_not_load_fails_the_job(cloud, start):
    put_texts(cloud, "single", {"a.txt": "one"})
    name, _ = start(f"s3://{BUCKET}/single/", model_name=cloud.create_model("broken"))
    assert end_of(cloud, name)["FailureReason"].startswith(
        "AlgorithmError: Model container failed to respond to ping."
    )


def test_a_damaged_model_archive_fails_the_job(cloud, start):
    put_texts(cloud, "single", {"a.txt": "one"})
    damaged = cloud.create_model("first")
    cloud.put(f"models/{damaged}.tar.gz", b"\x1f\x8b damaged")
    name, _ = start(f"s3://{BUCKET}/single/", model_name=damaged)
    assert end_of(cloud, name)["FailureReason"].startswith(
        "ClientError: Failed to extract model data archive for container"
    )


def test_input_without_objects_is_refused_before_the_job_exists(start):
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        start(f"s3://{BUCKET}/nothing/here/")


def test_a_model_that_does_not_exist_is_refused(start):
    with pytest.raises(ClientError, match=r'Could not find model "arn:aws:sagemaker:.*:model/no"'):
        start(f"s3://{BUCKET}/texts/", model_name="no")


def test_splitting_is_refused_rather_than_ignored(cloud, start):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/texts/"}
    with pytest.raises(ClientError, match="SplitType and AssembleWith must be None"):
        start(
            "s3://unused/",
            TransformInput={"DataSource": {"S3DataSource": source}, "SplitType": "Line"},
        )
