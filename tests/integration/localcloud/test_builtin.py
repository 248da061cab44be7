"""AWS's image classification on the local cloud: trained, registered and served by a stand-in."""

import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.dataset import load, make_splits, stage
from scripts.environment import DEFAULT_REGION, Environment
from scripts.errors import UserError
from scripts.localcloud.standin import MARK, WORDS
from scripts.training import builtin, models, train

BUCKET = "localcloud-tests"
ROLE = "arn:aws:iam::000000000000:role/sagemaker"
CLASSES = ("dark", "bright")
SMALL = {
    "use_pretrained_model": "0",
    "image_shape": "3,32,32",
    "epochs": "2",
    "mini_batch_size": "4",
}


def picture(shade, random):
    pixels = np.clip(random.normal(shade, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def environment(cloud):
    """The local environment, for programs that read where AWS is from their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.endpoints.items():
            patch.setenv(name, value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", DEFAULT_REGION)
        patch.setenv("NO_PROXY", "*")
        yield Environment("local", DEFAULT_REGION, "scones", {})


@pytest.fixture(scope="module")
def bucket(cloud, environment, tmp_path_factory):
    """The bucket with a small data set, staged as the one to train on."""
    random = np.random.default_rng(0)
    source = tmp_path_factory.mktemp("source")
    for part, count in (("train", 20), ("test", 4)):
        for name, shade in zip(CLASSES, (60, 190), strict=True):
            (source / part / name).mkdir(parents=True)
            for number in range(count):
                (source / part / name / f"{number}.png").write_bytes(picture(shade, random))
    dataset = load(source, CLASSES, source)
    found = Bucket(BUCKET, cloud.client("s3"))
    staged = stage(make_splits(dataset), CLASSES, found.s3, BUCKET)
    found.write_json(
        CURRENT_DATASET,
        {
            "dataset_id": staged.dataset_id,
            "classes": list(CLASSES),
            "channels": dict(staged.channels),
            "counts": {part: sum(n.values()) for part, n in staged.counts.items()},
        },
    )
    return found


@pytest.fixture(scope="module")
def trained(environment, bucket):
    """A finished training: its result, and its log as it was passed on."""
    log = []
    result = train.train(environment, bucket, ROLE, SMALL, log.append, algorithm="builtin")
    return SimpleNamespace(result=result, log=log)


@pytest.fixture(scope="module")
def model(environment, bucket, trained):
    return models.register(environment, bucket, ROLE, trained.result.job)


@pytest.fixture(scope="module")
def serving(cloud, model):
    """The name of an endpoint that serves the model."""
    name = cloud.create_endpoint(cloud.create_config(model.name))
    yield name
    cloud.delete_endpoint(name)


def ask(cloud, endpoint, body, content_type="application/x-image", accept="application/json"):
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept
    )
    return answer["Body"].read()


def assert_probabilities(scores):
    assert len(scores) == len(CLASSES)
    assert all(0 <= score <= 1 for score in scores)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


# Training


def test_the_result_has_awss_metrics_and_says_that_it_is_a_stand_ins(trained):
    assert trained.result.algorithm == "builtin"
    assert trained.result.stand_in
    assert set(trained.result.metrics) == {"train:accuracy", "validation:accuracy"}
    assert trained.result.metrics["train:accuracy"] > 0.5
    assert trained.result.seconds > 0


def test_the_log_begins_with_what_it_is_and_has_awss_form(trained):
    assert trained.log[0] == WORDS
    text = "\n".join(trained.log)
    assert re.findall(r"Epoch\[(\d)\] Validation-accuracy=[01]\.\d{6}", text) == ["0", "1"]


def test_the_job_ran_on_the_gpu_instance_that_it_asked_for(cloud, trained):
    job = cloud.sagemaker.describe_training_job(TrainingJobName=trained.result.job)
    assert job["ResourceConfig"]["InstanceType"] == builtin.INSTANCE_TYPE
    assert builtin.is_image(job["AlgorithmSpecification"]["TrainingImage"])
    names = [item["Name"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]]
    assert names == ["train:accuracy", "validation:accuracy"]


def test_the_artefact_carries_a_file_that_says_what_it_is(bucket, trained):
    files = models.archive(bucket, trained.result.model_uri)
    assert files[MARK].decode() == f"{WORDS}\n"


def test_a_completed_training_is_found_again_by_its_name(environment, bucket, cloud, trained):
    before = len(cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"])
    log = []
    again = train.train(
        environment, bucket, ROLE, {}, log.append, algorithm="builtin", job=trained.result.job
    )
    assert again == trained.result
    assert log == []
    assert len(cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"]) == before


def test_what_awss_container_refuses_ends_the_job_in_its_words(environment, bucket, monkeypatch):
    monkeypatch.setattr(builtin.builtin_hyperparameters, "check", lambda *_args: None)
    with pytest.raises(
        UserError, match="ended as Failed: ClientError: mini_batch_size must be at most the number"
    ):
        train.train(
            environment,
            bucket,
            ROLE,
            {**SMALL, "mini_batch_size": "5000"},
            lambda _line: None,
            algorithm="builtin",
        )


# The model


def test_the_model_is_the_jobs_artefact_in_awss_container(environment, bucket, trained, model):
    assert model.stand_in
    assert model.algorithm == "builtin"
    assert model.labels == CLASSES
    assert model.image_size_px == 32
    assert model.image == builtin.image_uri(environment)
    assert model.model_data_url == trained.result.model_uri
    assert model.dataset_id == bucket.read_json(CURRENT_DATASET)["dataset_id"]


def test_a_transform_answers_the_probabilities_of_every_picture(cloud, bucket, model):
    name = cloud.name("transform")
    cloud.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model.name,
        TransformInput={
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "ManifestFile",
                    "S3Uri": bucket.uri(f"datasets/{model.dataset_id}/manifests/test.json"),
                }
            },
            "ContentType": "application/x-image",
        },
        TransformOutput={
            "S3OutputPath": bucket.uri(f"transforms/{name}"),
            "Accept": "application/json",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    done = cloud.wait_for(
        lambda: cloud.sagemaker.describe_transform_job(TransformJobName=name),
        lambda found: found["TransformJobStatus"] not in ("InProgress", "Stopping"),
    )
    assert done["TransformJobStatus"] == "Completed", done.get("FailureReason")
    keys = cloud.keys(f"transforms/{name}/")
    assert len(keys) == 8
    for key in keys:
        assert_probabilities(json.loads(cloud.read(key)))


@pytest.mark.parametrize("content_type", ["application/x-image", "image/png"])
def test_an_endpoint_answers_a_json_array_of_probabilities(cloud, serving, content_type):
    body = picture(60, np.random.default_rng(1))
    assert_probabilities(json.loads(ask(cloud, serving, body, content_type)))


def test_an_endpoint_answers_json_lines_to_who_asks_for_them(cloud, serving):
    body = picture(60, np.random.default_rng(1))
    answer = ask(cloud, serving, body, accept="application/jsonlines")
    assert_probabilities(json.loads(answer)["prediction"])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"not a picture", "application/x-image", 400), (b"", "text/csv", 415)],
)
def test_what_is_no_picture_is_refused(cloud, serving, body, content_type, status):
    with pytest.raises(ClientError) as caught:
        ask(cloud, serving, body, content_type)
    assert caught.value.response["OriginalStatusCode"] == status


def test_the_endpoints_log_says_first_that_it_is_a_stand_in(cloud, serving):
    lines = cloud.wait_for(lambda: cloud.logs(f"/aws/sagemaker/Endpoints/{serving}"))
    assert lines[0] == WORDS
