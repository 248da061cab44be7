"""The Model Registry of the local cloud, by the very code that uses AWS's."""

import threading
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from scripts.artifacts import Bucket
from scripts.environment import DEFAULT_REGION, Environment, dummy_credentials
from scripts.evaluation import evaluate
from scripts.evaluation.quality import Prediction
from scripts.provisioning import destroy
from scripts.serving import registry
from scripts.serving.registry import APPROVED, PENDING, REJECTED
from scripts.training.models import Model

BUCKET = "localcloud-tests"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


@pytest.fixture(scope="module")
def job(cloud):
    """A training job that has ended."""
    return cloud.train("print('done')\n")["TrainingJobName"]


@pytest.fixture
def environment(cloud, monkeypatch):
    """An environment of its own, with an empty registry."""
    for name, value in {**dummy_credentials(DEFAULT_REGION), **cloud.endpoints}.items():
        monkeypatch.setenv(name, value)
    return Environment("local", DEFAULT_REGION, cloud.name("project"), {})


@pytest.fixture
def register(environment, cloud, job):
    """register(name, wrong=8): a version of a model that is wrong about 8 of 200 pictures."""

    def make(name, wrong=8):
        test = [Prediction(str(i), 0 if i >= wrong else 1, (0.96, 0.04)) for i in range(200)]
        labels = ("bicycle", "motorcycle")
        evaluation = evaluate.assess(name, labels, test, test, target=0.9)
        model = Model(
            name, job, "efficientnet", labels, 128, "0123456789ab", False, IMAGE, f"s3://{BUCKET}/m"
        )
        return registry.register(environment, Bucket(BUCKET, cloud.client("s3")), model, evaluation)

    return make


@pytest.fixture
def sagemaker(environment):
    return environment.client("sagemaker")


def test_versions_are_registered_listed_and_found(environment, register):
    first, second = register("first"), register("second")
    assert (first.number, first.status, first.accuracy) == (1, PENDING, 0.96)
    assert registry.versions(environment) == [second, first]
    assert registry.find(environment, "1") == first
    assert registry.of_model(environment, "second") == second


def test_a_decision_stays_with_everything_else_of_the_version(environment, register):
    version = register("first")
    registry.decide(environment, version, APPROVED, "It reaches every floor.")
    approved = replace(version, status=APPROVED, reason="It reaches every floor.")
    assert registry.versions(environment) == [approved]
    registry.decide(environment, version, REJECTED, "Rolled back.")
    assert registry.versions(environment) == [
        replace(version, status=REJECTED, reason="Rolled back.")
    ]


def test_figures_measured_anew_change_and_the_decision_stays(environment, register):
    registry.decide(environment, register("first"), APPROVED, "Good.")
    found = register("first", wrong=10)
    assert (found.number, found.accuracy, found.status, found.reason) == (
        *(1, 0.95, APPROVED),
        "Good.",
    )
    assert registry.versions(environment) == [found]


def test_what_it_takes_to_serve_a_version_and_its_metrics_are_kept(sagemaker, register):
    found = sagemaker.describe_model_package(ModelPackageName=register("first").arn)
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/m"}
    assert found["InferenceSpecification"]["Containers"] == [container]
    statistics = found["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] == f"s3://{BUCKET}/models/first/evaluation.json"
    assert found["ModelPackageStatus"] == "Completed"


def test_the_group_has_the_environments_tags(sagemaker, environment, register):
    register("first")
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=environment.prefix)
    tags = sagemaker.list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"]
    assert {"Key": "Environment", "Value": "local"} in tags


def test_more_versions_than_a_page_holds_are_all_listed_and_removed(environment, register):
    for number in range(12):
        register(f"model-{number}")
    assert [v.number for v in registry.versions(environment)] == list(range(12, 0, -1))
    registry.remove(environment, lambda _text: None)
    assert registry.versions(environment) == []


def test_a_removed_registry_leaves_nothing_and_can_be_begun_anew(environment, register):
    register("first")
    prefix = environment.prefix
    left = {f"ModelPackage {prefix}/1", f"ModelPackageGroup {prefix}"}
    assert left <= set(destroy.inventory(environment))
    destroy.remove_models(environment, lambda _text: None)
    assert not [item for item in destroy.inventory(environment) if "ModelPackage" in item]
    destroy.remove_models(environment, lambda _text: None)
    assert register("second").number == 1


def test_a_number_is_never_given_twice(sagemaker, register):
    sagemaker.delete_model_package(ModelPackageName=register("first").arn)
    assert register("second").number == 2


def test_versions_made_at_once_get_numbers_of_their_own(environment, register):
    register("first")
    threads = [threading.Thread(target=register, args=(f"model-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [v.number for v in registry.versions(environment)] == list(range(9, 0, -1))


def test_a_group_with_versions_cannot_be_deleted(sagemaker, environment, register):
    register("first")
    with pytest.raises(ClientError, match="delete them first") as error:
        sagemaker.delete_model_package_group(ModelPackageGroupName=environment.prefix)
    assert error.value.response["Error"]["Code"] == "ConflictException"


def test_a_group_is_not_made_twice(sagemaker, environment, register):
    register("first")
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=environment.prefix)


def test_versions_can_be_listed_by_status(sagemaker, environment, register):
    registry.decide(environment, register("first"), APPROVED, "Good.")
    register("second")
    found = sagemaker.list_model_packages(
        ModelPackageGroupName=environment.prefix, ModelApprovalStatus="Approved"
    )["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in found] == [1]


def test_answers_have_the_shape_of_their_model(cloud, environment):
    """The fixture compares each answer with botocore's shape."""
    cloud.checked.clear()
    sagemaker, group = cloud.sagemaker, {"ModelPackageGroupName": environment.prefix}
    sagemaker.create_model_package_group(**group)
    sagemaker.describe_model_package_group(**group)
    sagemaker.list_model_package_groups(NameContains=environment.prefix)
    arn = sagemaker.create_model_package(**group)["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert sagemaker.list_model_packages(**group)["ModelPackageSummaryList"]
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(**group)
    assert len(cloud.checked) == 8


def test_metadata_is_changed_and_removed_by_name(sagemaker, register):
    arn = register("first").arn
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"owner": "ops"},
        CustomerMetadataPropertiesToRemove=["samples"],
    )
    kept = sagemaker.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
    assert (kept["owner"], kept["model_name"]) == ("ops", "first")
    assert "samples" not in kept


def test_what_is_not_there_is_said_in_awss_words(sagemaker, environment, register):
    with pytest.raises(ClientError, match=r"ModelPackageGroup arn:.* does not exist"):
        sagemaker.list_model_packages(ModelPackageGroupName=environment.prefix)
    arn = register("first").arn
    with pytest.raises(ClientError, match=r"ModelPackage arn:.*/9 does not exist"):
        sagemaker.describe_model_package(ModelPackageName=f"{arn[:-1]}9")


def test_a_package_outside_a_group_is_refused_in_words(sagemaker):
    with pytest.raises(ClientError, match="in a ModelPackageGroup only"):
        sagemaker.create_model_package(ModelPackageName="alone")
