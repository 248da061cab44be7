"""The registry: what a version is made of, how it is found, decided, listed and removed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import evaluate
from scripts.evaluation.evaluate import Evaluation
from scripts.evaluation.quality import Prediction
from scripts.serving import registry
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.training.models import Model

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6-cpu-py312"
MODEL = Model(
    name="scones-dev-efficientnet-20261123-100000-000000",
    job="scones-dev-efficientnet-20261123-100000-000000",
    algorithm="efficientnet",
    labels=("bicycle", "motorcycle"),
    image_size_px=128,
    dataset_id="0123456789ab",
    stand_in=False,
    image=IMAGE,
    model_data_url="s3://scones-dev-artifacts/models/m/served/model.tar.gz",
)
OTHER = replace(MODEL, name="scones-dev-efficientnet-20261124-100000-000000")
DIGEST = "0123456789ab" + "0" * 52
COMMIT = "7fdecae5f47ad7c9ea2f95833d1c88ae1c4e39c3"


def _evaluation(wrong: int = 8) -> Evaluation:
    test = [Prediction(str(i), 0 if i >= wrong else 1, (0.96, 0.04)) for i in range(200)]
    return evaluate.assess(MODEL.name, MODEL.labels, test, test, target=0.9)


@pytest.fixture
def sagemaker(aws: Any, bucket: Bucket) -> Any:
    """SageMaker with one training job, whose data set is staged."""
    aws.answers["DescribeTrainingJob"] = {"Environment": {"GIT_COMMIT": COMMIT}}
    bucket.write_json("datasets/0123456789ab/dataset.json", {"digest": DIGEST})
    return aws


@pytest.fixture
def make(sagemaker: Any, dev: Environment, bucket: Bucket) -> Callable[..., Version]:
    """make(model, evaluation): register a version."""

    def register(model: Model = MODEL, evaluation: Evaluation | None = None) -> Version:
        return registry.register(dev, bucket, model, evaluation or _evaluation())

    return register


# Registering


def test_a_version_has_the_models_origin_and_figures_and_is_undecided(
    make: Callable[..., Version],
) -> None:
    version = make()
    assert (version.number, version.model_name) == (1, MODEL.name)
    assert (version.algorithm, version.stand_in) == ("efficientnet", False)
    assert version.dataset_id == "0123456789ab"
    assert (version.status, version.reason) == (PENDING, "")
    assert (version.accuracy, version.samples) == (0.96, 200)
    assert version.accuracy_interval == _evaluation().accuracy_interval
    assert (version.threshold, version.coverage) == (0.5, 1.0)
    assert version.created_at.tzinfo == UTC


def test_versions_are_counted_in_a_group_of_the_environment(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    assert [make().number, make(OTHER).number] == [1, 2]
    (group,) = sagemaker.made("CreateModelPackageGroup")
    assert group["ModelPackageGroupName"] == "scones-dev"
    assert group["Tags"] == [
        {"Key": "Project", "Value": "scones"},
        {"Key": "Environment", "Value": "dev"},
    ]


def test_a_version_says_what_it_takes_to_serve_it_and_where_its_evaluation_is(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    make()
    (request,) = sagemaker.made("CreateModelPackage")
    inference = request["InferenceSpecification"]
    assert inference["Containers"] == [{"Image": IMAGE, "ModelDataUrl": MODEL.model_data_url}]
    assert inference["SupportedContentTypes"] == ["application/x-image"]
    assert inference["SupportedResponseMIMETypes"] == ["application/json"]
    assert inference["SupportedRealtimeInferenceInstanceTypes"] == ["ml.m5.large"]
    assert inference["SupportedTransformInstanceTypes"] == ["ml.m5.large"]
    assert request["ModelMetrics"]["ModelQuality"]["Statistics"] == {
        "ContentType": "application/json",
        "S3Uri": f"s3://scones-dev-artifacts/models/{MODEL.name}/evaluation.json",
    }
    assert request["ModelApprovalStatus"] == "PendingManualApproval"
    assert request["SkipModelValidation"] == "All"


def test_the_data_digest_and_the_commit_that_trained_are_kept(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    make()
    kept = sagemaker.made("CreateModelPackage")[0]["CustomerMetadataProperties"]
    assert kept["data_digest"] == DIGEST
    assert kept["git_commit"] == COMMIT
    assert kept["training_job"] == MODEL.job
    assert kept["calibration_error"] == str(_evaluation().calibration_error)


def test_what_is_not_known_of_a_model_is_said_to_be_unknown(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = {}
    make(replace(MODEL, dataset_id="ba9876543210"))
    kept = sagemaker.made("CreateModelPackage")[0]["CustomerMetadataProperties"]
    assert (kept["data_digest"], kept["git_commit"]) == ("unknown", "unknown")


def test_what_is_kept_is_written_as_sagemaker_allows_it(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    make(replace(MODEL, algorithm="builtin", stand_in=True), _evaluation(wrong=7))
    kept = sagemaker.made("CreateModelPackage")[0]["CustomerMetadataProperties"]
    assert len(kept) <= 50
    for text in [*kept, *kept.values()]:
        assert re.fullmatch(r"[\w .:/=+\-@]{1,128}", text), text


def test_a_stand_in_is_called_one(make: Callable[..., Version], sagemaker: Any) -> None:
    assert make(replace(MODEL, algorithm="builtin", stand_in=True)).stand_in
    description = sagemaker.made("CreateModelPackage")[0]["ModelPackageDescription"]
    assert description == "builtin (stand-in), data set 0123456789ab"


def test_a_model_is_registered_once(make: Callable[..., Version], sagemaker: Any) -> None:
    assert make() == make()
    assert len(sagemaker.made("CreateModelPackage")) == 1
    assert sagemaker.made("UpdateModelPackage") == []


def test_figures_that_were_measured_anew_are_brought_up_to_date_without_a_new_decision(
    make: Callable[..., Version], sagemaker: Any
) -> None:
    sagemaker.answers["UpdateModelPackage"] = {}
    arn = make().arn
    assert make(evaluation=_evaluation(wrong=10)).accuracy == 0.95
    (request,) = sagemaker.made("UpdateModelPackage")
    assert request["ModelPackageArn"] == arn
    assert request["CustomerMetadataProperties"]["accuracy"] == "0.95"
    assert "ModelApprovalStatus" not in request


# Finding


def test_versions_are_listed_newest_first_from_every_page(
    make: Callable[..., Version], sagemaker: Any, dev: Environment
) -> None:
    arns = [make(replace(MODEL, name=f"scones-dev-efficientnet-{i}")).arn for i in range(3)]
    listed = [{"ModelPackageSummaryList": [{"ModelPackageArn": arn}]} for arn in arns]
    sagemaker.answers["ListModelPackages"] = [
        {**listed[1], "NextToken": "more"},
        {**listed[0], "NextToken": "more yet"},
        listed[2],
    ]
    assert [version.number for version in registry.versions(dev)] == [3, 2, 1]


def test_before_the_first_model_there_are_no_versions(sagemaker: Any, dev: Environment) -> None:
    assert registry.versions(dev) == []
    assert registry.of_model(dev, MODEL.name) is None


def test_a_registry_that_may_not_be_read_is_not_taken_for_an_empty_one(
    sagemaker: Any, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["DescribeModelPackageGroup"] = aws_error("AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        registry.versions(dev)


def test_what_somebody_else_put_into_the_group_is_left_out(
    make: Callable[..., Version], dev: Environment
) -> None:
    make()
    dev.client("sagemaker").create_model_package(
        ModelPackageGroupName="scones-dev", ModelApprovalStatus=APPROVED
    )
    assert [version.number for version in registry.versions(dev)] == [1]


@pytest.mark.parametrize("which", ["1", MODEL.name])
def test_a_version_is_found_by_number_and_by_model(
    make: Callable[..., Version], dev: Environment, which: str
) -> None:
    first, second = make(), make(OTHER)
    assert registry.find(dev, which) == first
    assert registry.of_model(dev, OTHER.name) == second


@pytest.mark.parametrize("which", ["3", "01", "", "scones-dev"])
def test_a_version_that_is_not_there_is_told_those_that_are(
    make: Callable[..., Version], dev: Environment, which: str
) -> None:
    make()
    make(OTHER)
    with pytest.raises(UserError, match=f"no version '{which}'. There are: 2, 1"):
        registry.find(dev, which)


def test_without_any_version_the_way_to_one_is_said(sagemaker: Any, dev: Environment) -> None:
    with pytest.raises(UserError, match="Run: invoke train, then invoke evaluate"):
        registry.find(dev, "1")


# Deciding


def test_a_decision_sets_status_and_reason_and_nothing_else(
    make: Callable[..., Version], sagemaker: Any, dev: Environment
) -> None:
    version = make()
    found = registry.decide(dev, version, REJECTED, "It is worse.\nMuch  worse.")
    assert found == replace(version, status=REJECTED, reason="It is worse. Much worse.")
    assert sagemaker.made("UpdateModelPackage") == [
        {
            "ModelPackageArn": version.arn,
            "ModelApprovalStatus": "Rejected",
            "ApprovalDescription": "It is worse. Much worse.",
        }
    ]


def test_a_reason_that_is_too_long_for_sagemaker_is_cut(
    make: Callable[..., Version], dev: Environment
) -> None:
    version = make()
    assert registry.decide(dev, version, APPROVED, "x" * 1024).reason == "x" * 1024
    assert registry.decide(dev, version, APPROVED, "x" * 1025).reason == "x" * 1023 + "…"


# Removing


def test_every_version_goes_and_then_the_group(
    make: Callable[..., Version], sagemaker: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    arns = [make().arn, make(OTHER).arn]
    # A deletion takes AWS a moment, in which the version is still listed.
    sagemaker.answers["ListModelPackages"] = [
        {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in listed]}
        for listed in (arns, arns[:1], [])
    ]
    sagemaker.answers |= {"DeleteModelPackage": {}, "DeleteModelPackageGroup": {}}
    said: list[str] = []
    registry.remove(dev, said.append)
    deleted = [request["ModelPackageName"] for request in sagemaker.made("DeleteModelPackage")]
    assert deleted == arns
    order = [operation for operation, _ in sagemaker.calls]
    assert order[-3:] == ["ListModelPackages", "ListModelPackages", "DeleteModelPackageGroup"]
    assert said == ["model versions"] * 2


def test_nothing_to_remove_is_no_error(sagemaker: Any, dev: Environment) -> None:
    registry.remove(dev, lambda _text: None)
    assert sagemaker.made("DeleteModelPackageGroup") == []


# The table

_VERSION = Version(
    number=12,
    arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/scones-dev/12",
    model_name=MODEL.name,
    algorithm="efficientnet",
    stand_in=False,
    dataset_id="0123456789ab",
    created_at=datetime(2026, 11, 23, 10, 5, tzinfo=UTC),
    status=APPROVED,
    reason="",
    accuracy=0.96,
    accuracy_interval=(0.92344, 0.97955),
    samples=200,
    threshold=0.8125,
    coverage=0.945,
)


def test_a_row_has_a_cell_under_each_column() -> None:
    (row,) = registry.table_rows([_VERSION], MODEL.name)
    assert dict(zip(registry.COLUMNS, row, strict=True)) == {
        "Version": "12",
        "Date": "2026-11-23 10:05",
        "Algorithm": "efficientnet",
        "Accuracy": "0.960 (0.923 to 0.980)",
        "Threshold": "0.8125",
        "Coverage": "0.945",
        "Status": "approved",
        "Live": "live",
    }


def test_only_what_is_in_service_is_called_live() -> None:
    rows = registry.table_rows([_VERSION, replace(_VERSION, model_name="another")], MODEL.name)
    assert [row[-1] for row in rows] == ["live", ""]
    assert [row[-1] for row in registry.table_rows([_VERSION], None)] == [""]


def test_the_table_calls_a_stand_in_one() -> None:
    stand_in = replace(_VERSION, algorithm="builtin", stand_in=True)
    assert registry.table_rows([stand_in], None)[0][2] == "builtin (stand-in)"


def test_each_status_is_told_in_plain_words() -> None:
    statuses = (APPROVED, REJECTED, PENDING)
    rows = registry.table_rows([replace(_VERSION, status=status) for status in statuses], None)
    assert [row[-2] for row in rows] == ["approved", "rejected", "needs a person"]
