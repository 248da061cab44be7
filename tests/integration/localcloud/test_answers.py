"""Answers: their shape for every operation, errors, tags, pages, and Application Auto Scaling."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from scripts.environment import DEFAULT_REGION
from scripts.localcloud.aws import Aws
from scripts.localcloud.sagemaker import SageMaker

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/some/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def post(cloud, headers, body=b"", path="/"):
    """A request as no SDK would make it: status and answer."""
    address = urlsplit(cloud.endpoints["AWS_ENDPOINT_URL_SAGEMAKER"])
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def test_every_operation_answers_in_the_shape_of_its_model(cloud, model, tmp_path):
    """The fixture compares each answer with botocore's shape; here each operation is asked."""
    cloud.checked.clear()
    sagemaker = cloud.sagemaker
    config = cloud.create_config(model)
    endpoint = cloud.create_endpoint(config)
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    cloud.end_of_change(endpoint)
    weight = {"VariantName": "AllTraffic", "DesiredWeight": 0.5}
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[weight]
    )
    cloud.end_of_change(endpoint)
    job = cloud.start_training("import time\ntime.sleep(600)\n")
    sagemaker.stop_training_job(TrainingJobName=job)
    cloud.end_of_training(job)
    transform = cloud.name("transform")
    source = {"S3DataType": "S3Prefix", "S3Uri": cloud.put("answers/a.txt", "sleep 5")}
    sagemaker.create_transform_job(
        TransformJobName=transform,
        ModelName=model,
        TransformInput={"DataSource": {"S3DataSource": source}},
        TransformOutput={"S3OutputPath": "s3://localcloud-tests/answers-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sagemaker.stop_transform_job(TransformJobName=transform)
    sagemaker.describe_transform_job(TransformJobName=transform)
    sagemaker.describe_model(ModelName=model)
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    sagemaker.list_tags(ResourceArn=arn)
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    for kind in ("training_jobs", "transform_jobs", "models", "endpoint_configs", "endpoints"):
        assert getattr(sagemaker, f"list_{kind}")(MaxResults=100)
    sagemaker.delete_training_job(TrainingJobName=job)
    sagemaker.delete_endpoint(EndpointName=endpoint)
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    sagemaker.delete_model(ModelName=cloud.create_model("short"))
    ours = SageMaker(Aws(DEFAULT_REGION, cloud.endpoints["AWS_ENDPOINT_URL"], tmp_path)).operations
    assert cloud.checked >= ours.keys()


def test_each_answer_names_its_request(cloud):
    answer = cloud.sagemaker.list_models()
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_an_unknown_operation_is_refused(cloud):
    status, answer = post(cloud, {"X-Amz-Target": "SageMaker.CreateWorld"}, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_an_operation_that_cannot_be_done_here_says_so_at_once(cloud):
    with pytest.raises(ClientError, match="The local cloud cannot do this") as error:
        cloud.sagemaker.delete_mlflow_tracking_server(TrackingServerName="x")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_is_not_json_is_a_serialization_error(cloud):
    status, answer = post(cloud, {"X-Amz-Target": "SageMaker.ListModels"}, b"{")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_a_request_is_validated_before_what_it_names_is_looked_up(cloud):
    body = b'{"EndpointName": "no/such", "EndpointConfigName": "nothing"}'
    status, answer = post(cloud, {"X-Amz-Target": "SageMaker.UpdateEndpoint"}, body)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "1 validation error detected" in answer["message"]
    assert "Could not find" not in answer["message"]


def test_a_body_over_six_megabytes_is_refused_in_words(cloud):
    body = b"x" * 6_291_457
    status, answer = post(cloud, {}, body, path="/endpoints/any/invocations")
    assert (status, answer["__type"]) == (413, "ValidationError")


def test_a_body_of_six_megabytes_reaches_the_endpoint(cloud, endpoint):
    assert len(cloud.invoke(endpoint, "x" * 6_291_456)["Body"]["text"]) == 6_291_456


def test_a_request_without_a_length_is_refused(cloud):
    status, _ = post(cloud, {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n")
    assert status == 411


def test_a_request_that_breaks_off_is_not_taken_for_a_whole_one(cloud, endpoint):
    address = urlsplit(cloud.endpoints["AWS_ENDPOINT_URL_SAGEMAKER"])
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
        connection.sendall(head.encode() + b"half")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


def test_an_inference_id_that_is_too_long_is_refused(cloud, endpoint):
    headers = {"X-Amzn-SageMaker-Inference-Id": "x" * 65}
    status, answer = post(cloud, headers, b"x", path=f"/endpoints/{endpoint}/invocations")
    assert (status, answer["__type"]) == (400, "ValidationError")
    assert "inferenceId" in answer["message"]


def test_what_the_runtime_cannot_do_is_refused_rather_than_ignored(cloud, endpoint):
    headers = {"X-Amzn-SageMaker-Target-Model": "other.tar.gz"}
    status, answer = post(cloud, headers, b"x", path=f"/endpoints/{endpoint}/invocations")
    assert (status, answer["message"]) == (400, "The local cloud does not have TargetModel.")


def test_tags_are_added_replaced_and_removed(cloud, model):
    sagemaker = cloud.sagemaker
    arn = sagemaker.describe_model(ModelName=model)["ModelArn"]
    sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b", "never there"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]


def test_tags_of_nothing_are_an_error(cloud):
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/nobody"
    with pytest.raises(ClientError, match="Could not find resource"):
        cloud.sagemaker.list_tags(ResourceArn=arn)


def test_pages_pass_nothing_over_when_what_they_list_is_deleted(cloud, model):
    prefix = cloud.name("page")
    for number in range(5):
        cloud.sagemaker.create_endpoint_config(
            EndpointConfigName=f"{prefix}-{number}",
            ProductionVariants=[
                {"VariantName": "A", "ModelName": model, "InstanceType": "ml.m5.large"}
            ],
        )
    pages = cloud.sagemaker.get_paginator("list_endpoint_configs").paginate(
        NameContains=prefix, PaginationConfig={"PageSize": 2}
    )
    for page in pages:
        for item in page["EndpointConfigs"]:
            cloud.sagemaker.delete_endpoint_config(EndpointConfigName=item["EndpointConfigName"])
    assert cloud.sagemaker.list_endpoint_configs(NameContains=prefix)["EndpointConfigs"] == []


def test_a_scalable_target_is_registered_described_and_tagged(cloud):
    scaling = cloud.client("application-autoscaling")
    arn = scaling.register_scalable_target(
        **TARGET, MinCapacity=1, MaxCapacity=3, Tags={"Project": "scones"}
    )["ScalableTargetARN"]
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(item["ScalableTargetARN"], item["MaxCapacity"]) for item in found] == [(arn, 3)]
    assert arn.split(":")[4] == "000000000000"
    scaling.tag_resource(ResourceARN=arn, Tags={"Owner": "ops"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["Project"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"Owner": "ops"}
    scaling.deregister_scalable_target(**TARGET)
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]


def test_tags_of_a_scalable_target_that_is_not_there_are_an_error(cloud):
    arn = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/none"
    with pytest.raises(ClientError) as error:
        cloud.client("application-autoscaling").list_tags_for_resource(ResourceARN=arn)
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
