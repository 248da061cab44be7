"""Endpoints: created, invoked, updated under traffic, repaired, deleted."""

import threading
import time

import pytest
from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/Endpoints"


def error_of(call, *arguments, **named):
    """The error that the call ends in."""
    with pytest.raises(ClientError) as raised:
        call(*arguments, **named)
    return raised.value.response


def test_an_endpoint_in_service_answers_with_its_model_and_variant(cloud, endpoint):
    answer = cloud.invoke(endpoint, "hello")
    assert (answer["Body"]["word"], answer["Body"]["text"]) == ("first", "hello")
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_the_containers_environment_reaches_the_model(cloud):
    model = cloud.create_model("first", Environment={"MOOD": "proud"})
    assert (
        cloud.invoke(cloud.create_endpoint(cloud.create_config(model)))["Body"]["mood"] == "proud"
    )


def test_the_description_tells_configuration_variants_and_capture(cloud, endpoint):
    found = cloud.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert found["EndpointStatus"] == "InService"
    assert found["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 1,
            "DesiredInstanceCount": 1,
        }
    ]
    assert found["DataCaptureConfig"]["CaptureStatus"] == "Started"


def test_an_endpoint_that_is_being_created_already_tells_its_configuration(cloud, model):
    name, config = cloud.name("endpoint"), cloud.create_config(model)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    found = cloud.sagemaker.describe_endpoint(EndpointName=name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("Creating", config)
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    assert found["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def test_an_endpoint_that_is_being_created_can_be_neither_changed_nor_deleted(cloud, model):
    name, config = cloud.name("endpoint"), cloud.create_config(model)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    for change in (
        lambda: cloud.sagemaker.delete_endpoint(EndpointName=name),
        lambda: cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config),
    ):
        error = error_of(change)["Error"]
        assert error["Code"] == "ValidationException"
        assert error["Message"].startswith('Cannot update in-progress endpoint "arn:')


def test_an_endpoint_that_is_being_created_cannot_be_invoked(cloud, model):
    name = cloud.name("endpoint")
    config = cloud.create_config(model)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    error = error_of(cloud.invoke, name)["Error"]
    assert error["Code"] == "ValidationError"


def test_a_name_that_no_endpoint_has_is_a_validation_error(cloud):
    answer = error_of(cloud.invoke, "nobody")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == "ValidationError"
    assert answer["Error"]["Message"] == "Endpoint nobody of account 000000000000 not found."


def test_the_case_of_a_name_matters_to_those_who_invoke_it_only(cloud, endpoint):
    assert error_of(cloud.invoke, endpoint.upper())["Error"]["Code"] == "ValidationError"
    found = cloud.sagemaker.describe_endpoint(EndpointName=endpoint.upper())
    assert found["EndpointName"] == endpoint
    assert found["EndpointArn"].endswith(f":endpoint/{endpoint.lower()}")


@pytest.mark.parametrize(
    ("text", "status", "side", "message"),
    [("refuse", 422, "client", "not this one"), ("fail", 500, "server", "it went wrong")],
)
def test_what_the_model_refuses_is_a_model_error_with_its_status(
    cloud, endpoint, text, status, side, message
):
    answer = error_of(cloud.invoke, endpoint, text)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["Error"]["Message"].startswith(
        f'Received {side} error ({status}) from primary with message "{message}".'
    )
    assert answer["OriginalStatusCode"] == status
    assert answer["OriginalMessage"] == message


def test_a_model_that_does_not_load_fails_the_endpoint(cloud):
    name = cloud.create_endpoint(cloud.create_config(cloud.create_model("broken")))
    found = cloud.sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint."
    )
    assert "cannot be loaded" in cloud.logs(f"{GROUP}/{name}")


def test_a_damaged_archive_fails_the_endpoint(cloud):
    model = cloud.create_model("first")
    cloud.put(f"models/{model}.tar.gz", b"\x1f\x8b damaged")
    name = cloud.create_endpoint(cloud.create_config(model))
    found = cloud.sagemaker.describe_endpoint(EndpointName=name)
    assert found["FailureReason"].startswith("Failed to extract model data archive for container")


def test_an_archive_that_is_gone_fails_the_endpoint(cloud):
    model = cloud.create_model("first")
    cloud.client("s3").delete_object(Bucket="localcloud-tests", Key=f"models/{model}.tar.gz")
    name = cloud.create_endpoint(cloud.create_config(model))
    found = cloud.sagemaker.describe_endpoint(EndpointName=name)
    assert found["FailureReason"].startswith("Failed to download model data for container")


def test_a_failed_endpoint_can_be_deleted_but_not_updated(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(cloud.create_model("broken")))
    config = cloud.create_config(model)
    error = error_of(cloud.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=config)[
        "Error"
    ]
    assert "It can only be deleted" in error["Message"]
    cloud.delete_endpoint(name)


def test_an_update_fails_no_request_of_concurrent_clients(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    answers, failures, is_over = [], [], threading.Event()

    def ask_again_and_again():
        while not is_over.is_set():
            try:
                answers.append(cloud.invoke(name, "sleep 0.03")["Body"]["word"])
            except Exception as error:
                failures.append(error)

    clients = [threading.Thread(target=ask_again_and_again) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for word in ("second", "third"):
            config = cloud.create_config(cloud.create_model(word))
            cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
            assert cloud.end_of_change(name)["EndpointConfigName"] == config
            cloud.wait_for(lambda word=word: answers[-1] == word)
    finally:
        is_over.set()
        for client in clients:
            client.join()
    assert failures == []
    assert set(answers) == {"first", "second", "third"}


def test_a_request_in_flight_is_finished_by_the_model_that_began_it(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    config = cloud.create_config(cloud.create_model("second"))
    answers = []
    slow = threading.Thread(target=lambda: answers.append(cloud.invoke(name, "sleep 1.5")))
    slow.start()
    cloud.wait_for(lambda: "sleeping" in cloud.logs(f"{GROUP}/{name}"))
    cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    cloud.wait_for(lambda: cloud.invoke(name)["Body"]["word"] == "second")
    slow.join()
    assert [answer["Body"]["word"] for answer in answers] == ["first"]


def test_an_update_to_a_broken_model_keeps_the_old_one_and_says_why(cloud, model):
    config = cloud.create_config(model)
    name = cloud.create_endpoint(config)
    broken = cloud.create_config(cloud.create_model("broken"))
    cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    found = cloud.end_of_change(name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)
    assert "did not pass the ping health check" in found["FailureReason"]
    assert cloud.invoke(name)["Body"]["word"] == "first"


def test_a_model_server_that_dies_is_a_server_error_and_is_replaced(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    answer = error_of(cloud.invoke, name, "die")
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] == 503

    def is_back():
        try:
            return cloud.invoke(name)["Body"]["word"] == "first"
        except ClientError:
            return False

    cloud.wait_for(is_back)


def test_the_other_instance_answers_while_one_is_replaced(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model, instances=2))
    error_of(cloud.invoke, name, "die")
    time.sleep(0.05)  # the kernel closes a dead process's sockets one after the other
    until = time.monotonic() + 0.3  # less than a model server needs to come back
    while time.monotonic() < until:
        assert cloud.invoke(name)["Body"]["word"] == "first"


def test_a_deleted_endpoint_is_gone(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    cloud.sagemaker.delete_endpoint(EndpointName=name)

    def describe():
        try:
            return cloud.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
        except ClientError as error:
            return error.response["Error"]["Message"]

    assert cloud.wait_for(describe, lambda seen: seen != "Deleting").startswith(
        'Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/'
    )
    assert error_of(cloud.invoke, name)["Error"]["Code"] == "ValidationError"


def test_the_last_log_lines_of_a_deleted_endpoint_have_arrived(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    cloud.delete_endpoint(name)
    assert cloud.logs(f"{GROUP}/{name}") == ["loading first"]


def test_a_model_without_data_or_with_an_unknown_image_is_refused(cloud):
    container = {"Image": "example/cobol:1", "ModelDataUrl": "s3://localcloud-tests/none.tar.gz"}
    create = cloud.sagemaker.create_model
    role = "arn:aws:iam::000000000000:role/sagemaker"
    error = error_of(create, ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
    assert "Requested image example/cobol:1 not found" in error["Error"]["Message"]
    container["Image"] = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0"
    error = error_of(create, ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
    assert "Could not find model data at s3://localcloud-tests/none" in error["Error"]["Message"]


def test_two_variants_share_the_traffic_by_weight_and_can_be_named(cloud, model):
    second = cloud.create_model("second")
    config = cloud.name("config")
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {
                "VariantName": name,
                "ModelName": name_of_model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for name, name_of_model, weight in (("Old", model, 3.0), ("New", second, 1.0))
        ],
    )
    endpoint = cloud.create_endpoint(config)
    asked = [cloud.invoke(endpoint)["InvokedProductionVariant"] for _ in range(120)]
    assert 10 <= asked.count("New") <= 55  # 30 expected; beyond these limits in 1 of 10,000 runs
    assert cloud.invoke(endpoint, TargetVariant="New")["Body"]["word"] == "second"
    error = error_of(cloud.invoke, endpoint, TargetVariant="Other")["Error"]
    assert error["Code"] == "ValidationError"
