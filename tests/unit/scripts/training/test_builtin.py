"""What a job of AWS's image classification asks for, down to the request that is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.training import builtin, train
from scripts.training.job_request import JobRequest

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/some-job"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
PLACE = "s3://scones-dev-artifacts/datasets/0123456789ab"


def _dataset(classes: int = 2, training: int = 850, validation: int = 150) -> dict[str, Any]:
    return {
        "dataset_id": "0123456789ab",
        "classes": [f"class-{number}" for number in range(classes)],
        "channels": {
            name: f"{PLACE}/{name}/"
            for name in ("train", "validation", "test", "train_lst", "validation_lst")
        },
        "counts": {"train": training, "validation": validation, "test": 200},
    }


def _list(bucket: Bucket, part: str, *paths: str) -> None:
    lines = (f"{index}\t0\t{path}\n" for index, path in enumerate(paths))
    key = f"datasets/0123456789ab/{part}_lst/{part}.lst"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body="".join(lines).encode())


@pytest.fixture
def staged(bucket: Bucket) -> Bucket:
    """The bucket with the lists of a data set."""
    _list(bucket, "train", "bicycle/0.png", "motorcycle/1.JPG")
    _list(bucket, "validation", "bicycle/2.jpeg")
    return bucket


def _request(
    environment: Environment, staged: Bucket, instance_type: str | None = None, **given: object
) -> JobRequest:
    return builtin.request(environment, staged, _dataset(), given, instance_type)


@pytest.fixture
def sent(aws: Any, staged: Bucket, dev: Environment) -> Callable[..., dict[str, Any]]:
    """sent(dataset, hyperparameters, instance type): the CreateTrainingJob request that is made."""
    aws.answers["CreateTrainingJob"] = {"TrainingJobArn": ARN}
    aws.answers["ListTags"] = {"Tags": []}
    aws.answers["DescribeTrainingJob"] = lambda request: {
        **request,
        "TrainingJobArn": ARN,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "TrainingTimeInSeconds": 350,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://scones-dev-artifacts/models/x"},
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": IMAGE},
        "CreationTime": 1.0,
    }

    def make(dataset: dict[str, Any], given: dict[str, object], kind: str | None) -> dict[str, Any]:
        staged.write_json(CURRENT_DATASET, dataset)
        options: dict[str, Any] = {"algorithm": "builtin", "instance_type": kind}
        train.train(dev, staged, ROLE, given, lambda _line: None, **options)
        (made,) = aws.made("CreateTrainingJob")
        return dict(made)

    return make


# The container


@pytest.mark.parametrize(
    ("region", "image"),
    [
        ("us-east-1", IMAGE),
        ("eu-west-1", "685385470294.dkr.ecr.eu-west-1.amazonaws.com/image-classification:1"),
        ("cn-north-1", "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/image-classification:1"),
    ],
)
def test_the_container_is_that_of_the_region(region: str, image: str) -> None:
    environment = Environment("dev", region, "scones", {})
    assert builtin.image_uri(environment) == image
    assert builtin.is_image(image)


def test_a_region_without_the_algorithm_is_said_in_one_line() -> None:
    with pytest.raises(UserError, match=r"in xx-north-9.* --algorithm efficientnet\.$"):
        builtin.image_uri(Environment("dev", "xx-north-9", "scones", {}))


@pytest.mark.parametrize(
    "image",
    [
        "",
        "image-classification:1",
        "me/image-classification:1",
        f"{IMAGE}0",
        f"{IMAGE}/image-classification:1",
        IMAGE.replace("image-", "my-image-"),
        "785573368785.dkr.ecr.us-east-1.amazonaws.com/image-classification-neo:latest",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6-cpu-py312",
    ],
)
def test_other_images_are_not_taken_for_it(image: str) -> None:
    assert not builtin.is_image(image)


# The instance


def test_unless_told_otherwise_it_trains_on_one_v100(staged: Bucket, dev: Environment) -> None:
    assert _request(dev, staged).instance_type == "ml.p3.2xlarge"


@pytest.mark.parametrize(
    ("instance_type", "gpus"),
    [
        ("ml.p2.xlarge", 1),
        ("ml.p2.16xlarge", 16),
        ("ml.p3.8xlarge", 4),
        ("ml.g4dn.xlarge", 1),
        ("ml.g4dn.12xlarge", 4),
        ("ml.g5.2xlarge", 1),
        ("ml.g5.48xlarge", 8),
    ],
)
def test_a_gpu_instance_is_used_and_its_gpus_are_counted(
    staged: Bucket, dev: Environment, instance_type: str, gpus: int
) -> None:
    asked = _request(dev, staged, instance_type, mini_batch_size=gpus)
    assert asked.instance_type == instance_type
    if gpus > 1:
        with pytest.raises(UserError, match=f"instance's {gpus} GPUs"):
            _request(dev, staged, instance_type, mini_batch_size=gpus - 1)


@pytest.mark.parametrize("instance_type", ["ml.m5.xlarge", "ml.c5.2xlarge", "ml.p5.48xlarge"])
def test_another_instance_is_refused_with_those_that_are_possible(
    staged: Bucket, dev: Environment, instance_type: str
) -> None:
    with pytest.raises(UserError) as caught:
        _request(dev, staged, instance_type)
    words = str(caught.value)
    assert words.startswith(
        f"AWS's image classification trains on GPUs only, and not on {instance_type}. Choose one of"
    )
    assert "ml.p3.2xlarge" in words
    assert "ml.g4dn.xlarge" in words
    assert "\n" not in words


def test_every_instance_type_is_one_that_sagemaker_trains_on() -> None:
    service = botocore.session.get_session().get_service_model("sagemaker")
    assert set(builtin.GPUS) <= set(service.shape_for("TrainingInstanceType").enum)


# The request


def test_a_demand_that_is_not_met_ends_before_anything_is_submitted(
    sent: Callable[..., dict[str, Any]], aws: Any
) -> None:
    with pytest.raises(UserError, match="mini_batch_size must be at most"):
        sent(_dataset(training=20), {}, None)
    with pytest.raises(UserError, match="no hyperparameter 'depth'"):
        sent(_dataset(), {"depth": "18"}, None)
    with pytest.raises(UserError, match="GPUs only"):
        sent(_dataset(), {}, "ml.m5.xlarge")
    assert aws.made("CreateTrainingJob") == []


@pytest.mark.parametrize("missing", ["channels", "counts"])
def test_a_data_set_without_lists_is_to_be_staged_again(
    staged: Bucket, dev: Environment, missing: str
) -> None:
    dataset = _dataset()
    if missing == "counts":
        del dataset["counts"]
    else:
        del dataset["channels"]["validation_lst"]
    with pytest.raises(UserError, match="Run: invoke stage"):
        builtin.request(dev, staged, dataset, {}, None)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_picture_that_awss_algorithm_cannot_read_is_named_before_it_ends_the_job(
    staged: Bucket, dev: Environment, part: str
) -> None:
    _list(staged, part, "bicycle/0.png", "bicycle/new photo.webp")
    with pytest.raises(UserError, match=r"reads \.jpg, \.jpeg, \.png only, and not bicycle/new"):
        _request(dev, staged)


@pytest.mark.parametrize("shape", ["3,384,32", "3,32,384", "3,31,31"])
def test_pictures_that_terraform_would_refuse_are_refused(
    staged: Bucket, dev: Environment, shape: str
) -> None:
    with pytest.raises(UserError, match=r"^image_shape must give pictures of 32 to 320 pixels"):
        _request(dev, staged, use_pretrained_model="0", image_shape=shape)


def test_the_data_set_says_how_many_classes_and_samples_there_are(
    sent: Callable[..., dict[str, Any]],
) -> None:
    values = sent(_dataset(classes=7, training=300), {}, None)["HyperParameters"]
    assert (values["num_classes"], values["num_training_samples"]) == ("7", "300")


def test_hyperparameters_are_plain_text_and_not_json(sent: Callable[..., dict[str, Any]]) -> None:
    values = sent(_dataset(), {"learning_rate": "0.01", "early_stopping": "true"}, None)
    assert values["HyperParameters"]["learning_rate"] == "0.01"
    assert values["HyperParameters"]["early_stopping"] == "True"
    assert values["HyperParameters"]["image_shape"] == "3,224,224"


def test_metrics_and_code_are_awss_own_and_none_are_sent(
    sent: Callable[..., dict[str, Any]],
) -> None:
    request = sent(_dataset(), {}, None)
    assert "MetricDefinitions" not in request["AlgorithmSpecification"]
    assert "Environment" not in request
    assert not any(name.startswith("sagemaker_") for name in request["HyperParameters"])


def test_the_request_is_awss_documented_example_field_by_field(
    sent: Callable[..., dict[str, Any]],
) -> None:
    """The example is the CreateTrainingJob dictionary of AWS's notebook
    Image-classification-lst-format (amazon-sagemaker-examples, imageclassification_caltech):
    Caltech-256 with 15,240 training pictures in 257 classes, on one ml.p2.xlarge.
    """
    chosen = {
        "mini_batch_size": "128",
        "epochs": "6",
        "learning_rate": "0.01",
        "top_k": "5",
        "checkpoint_frequency": "2",
    }
    request = sent(_dataset(257, 15_240, 15_367), dict(chosen), "ml.p2.xlarge")

    def channel(name: str) -> dict[str, Any]:
        return {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": f"{PLACE}/{name}/",
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            "ContentType": "application/x-image",
            "CompressionType": "None",
        }

    tags = {tag["Key"]: tag["Value"] for tag in request.pop("Tags")}  # the example has none
    assert tags["Algorithm"] == "builtin"
    assert request == {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://scones-dev-artifacts/models"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.p2.xlarge",
            "VolumeSizeInGB": 50,
        },
        "TrainingJobName": request["TrainingJobName"],
        "HyperParameters": {
            "image_shape": "3,224,224",
            "num_layers": "18",
            "num_training_samples": "15240",
            "num_classes": "257",
            "mini_batch_size": "128",
            "epochs": "6",
            "learning_rate": "0.01",
            "top_k": "5",
            "resize": "256",
            "checkpoint_frequency": "2",
            "use_pretrained_model": "1",
        },
        # The example's limit is 100 hours; ours is four, as for every job here.
        "StoppingCondition": {"MaxRuntimeInSeconds": 14_400},
        "InputDataConfig": [
            channel(name) for name in ("train", "validation", "train_lst", "validation_lst")
        ],
    }


def test_botocore_accepts_the_request(sent: Callable[..., dict[str, Any]]) -> None:
    request = sent(_dataset(), {}, None)
    session = botocore.session.get_session()
    operation = session.get_service_model("sagemaker").operation_model("CreateTrainingJob")
    report = ParamValidator().validate(request, operation.input_shape)
    assert not report.has_errors(), report.generate_report()
    wire = create_serializer("json").serialize_to_request(request, operation)
    assert wire["headers"]["X-Amz-Target"] == "SageMaker.CreateTrainingJob"
    assert json.loads(wire["body"]) == request
