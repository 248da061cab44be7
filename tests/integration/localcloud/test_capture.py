"""Data capture and metrics of an endpoint, as they arrive in S3 and CloudWatch."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

BUCKET = "localcloud-tests"
# A real record of SageMaker's, with its picture cut short.
REAL = {
    "captureData": {
        "endpointInput": {
            "observedContentType": "image/png",
            "mode": "INPUT",
            "data": "iVBORw0KGgo=",
            "encoding": "BASE64",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": "[0.008059315383434296, 0.9919406771659851]",
            "encoding": "JSON",
        },
    },
    "eventMetadata": {
        "eventId": "0c0b075f-7076-461d-9aea-4f5a4f1a09ed",
        "inferenceTime": "2024-08-04T15:04:48Z",
    },
    "eventVersion": "0",
}
# What varies from one record to the next; everything else is the same in all of them.
FORMS = {
    "data": r".+",
    "eventId": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "inferenceTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}


def same_form(found, real, name=""):
    """Whether a record has the members, types, order and fixed values of a real one."""
    if isinstance(real, dict):
        return list(found) == list(real) and all(
            same_form(found[key], real[key], key) for key in real
        )
    if name in FORMS:
        return all(re.fullmatch(FORMS[name], text) for text in (found, real))
    return found == real


@pytest.fixture(scope="module")
def captures(cloud, endpoint):
    """Keys and records of what the endpoint captured of three requests."""
    prefix = f"captures/{endpoint}/AllTraffic/"
    cloud.invoke(endpoint, "plain", ContentType="image/png")
    cloud.invoke(endpoint, "named", InferenceId="picture-7", CustomAttributes="smoke-test")
    with pytest.raises(ClientError):
        cloud.invoke(endpoint, "refuse")
    cloud.invoke(endpoint, "last")

    def look():
        return [
            (key, json.loads(line))
            for key in cloud.keys(prefix)
            for line in cloud.read(key).decode().splitlines()
        ]

    return cloud.wait_for(look, lambda found: len(found) >= 3)


def by_text(captures, word):
    return next(
        record
        for _, record in captures
        if base64.b64decode(record["captureData"]["endpointInput"]["data"]) == word.encode()
    )


def test_a_record_has_the_form_of_a_real_one(captures):
    assert same_form(by_text(captures, "plain"), REAL)


def test_a_file_has_the_place_and_the_name_of_a_real_one(captures, endpoint):
    for key, _ in captures:
        assert re.fullmatch(
            rf"captures/{endpoint}/AllTraffic/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-"
            + FORMS["eventId"]
            + r"\.jsonl",
            key,
        )


def test_a_file_is_named_after_the_time_of_its_first_record(captures):
    first_records = {key: record for key, record in reversed(captures)}
    for key, record in first_records.items():
        year, month, day, hour, name = key.split("/")[-5:]
        minute, second = name.split("-")[:2]
        assert record["eventMetadata"]["inferenceTime"] == (
            f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
        )


def test_inference_id_and_custom_attributes_are_recorded(captures):
    metadata = by_text(captures, "named")["eventMetadata"]
    assert metadata["inferenceId"] == "picture-7"
    assert metadata["customAttributes"] == ["smoke-test"]


def test_the_answer_is_recorded_as_the_json_it_is(captures):
    output = by_text(captures, "last")["captureData"]["endpointOutput"]
    assert json.loads(output["data"])["text"] == "last"


def test_what_the_model_refused_is_not_captured(captures):
    assert len(captures) == 3


def test_a_deleted_endpoint_has_written_its_last_captures(cloud, model):
    config = cloud.create_config(
        model,
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/last-captures",
            "CaptureOptions": [{"CaptureMode": "Output"}],
        },
    )
    name = cloud.create_endpoint(config)
    cloud.invoke(name)
    cloud.delete_endpoint(name)
    assert len(cloud.keys(f"last-captures/{name}/")) == 1


@pytest.fixture(scope="module")
def measured(cloud, model):
    """The endpoint whose metrics are looked at: 3 answers, 1 refusal, 2 failures."""
    name = cloud.create_endpoint(cloud.create_config(model))
    for text in ("one", "two", "sleep 0.2"):
        cloud.invoke(name, text)
    for text in ("refuse", "fail", "fail"):
        with pytest.raises(ClientError, match="ModelError"):
            cloud.invoke(name, text)
    return name


@pytest.mark.parametrize(
    ("metric", "unit", "total"),
    [
        ("Invocations", "None", 6),
        ("Invocation4XXErrors", "None", 1),
        ("Invocation5XXErrors", "None", 2),
    ],
)
def test_invocations_and_errors_are_counted(cloud, measured, metric, unit, total):
    found = cloud.wait_for(
        lambda: statistics(cloud, measured, metric), lambda seen: seen["SampleCount"] == 6
    )
    assert (found["Sum"], found["Unit"]) == (total, unit)


def test_the_models_latency_is_in_microseconds(cloud, measured):
    found = cloud.wait_for(
        lambda: statistics(cloud, measured, "ModelLatency"), lambda seen: seen["SampleCount"] == 6
    )
    assert found["Unit"] == "Microseconds"
    assert 200_000 <= found["Maximum"] < 2_000_000
    assert 0 < found["Minimum"] < 200_000


def test_the_time_around_the_model_is_measured_apart(cloud, measured):
    found = cloud.wait_for(
        lambda: statistics(cloud, measured, "OverheadLatency"),
        lambda seen: seen["SampleCount"] == 6,
    )
    assert found["Unit"] == "Microseconds"
    assert 0 < found["Maximum"] < 200_000


def statistics(cloud, endpoint, metric):
    """What CloudWatch has of the metric for the endpoint's variant, in one figure each."""
    now = datetime.now(UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    return {
        "SampleCount": sum(point["SampleCount"] for point in points),
        "Sum": sum(point["Sum"] for point in points),
        "Minimum": min((point["Minimum"] for point in points), default=0),
        "Maximum": max((point["Maximum"] for point in points), default=0),
        "Unit": points[0]["Unit"] if points else "",
    }
