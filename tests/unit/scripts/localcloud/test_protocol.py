"""Requests checked against botocore's model: one test for each kind of constraint."""

import json
from datetime import UTC, datetime

import pytest

from scripts.localcloud.protocol import (
    ServiceError,
    check_request,
    encode,
    keep_members,
    parse_request,
    problems_with,
    service_model,
)


def refused(operation, request, service="sagemaker"):
    """The error that a request is refused with."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    with pytest.raises(ServiceError) as raised:
        parse_request(service, operation, body)
    return raised.value


def variant(**changes):
    return {"VariantName": "A", "ModelName": "m", **changes}


def config(**changes):
    return {"EndpointConfigName": "c", "ProductionVariants": [variant()], **changes}


def test_a_request_that_conforms_is_returned_as_it_is():
    body = json.dumps(config()).encode()
    assert parse_request("sagemaker", "CreateEndpointConfig", body) == config()


def test_an_empty_body_is_an_empty_request():
    assert parse_request("sagemaker", "ListModels", b"") == {}


def test_null_is_the_same_as_absent():
    assert parse_request("sagemaker", "ListModels", b'{"NameContains": null}') == {}
    assert "must not be null" in refused("DeleteModel", {"ModelName": None}).message


def test_an_unknown_operation_is_refused():
    assert refused("CreateWorld", {}).code == "UnknownOperationException"


def test_an_unknown_operation_is_refused_before_its_body_is_read():
    assert refused("CreateWorld", b"not json").code == "UnknownOperationException"


def test_what_is_not_json_is_refused():
    assert refused("ListModels", b"{").code == "SerializationException"


def test_json_that_is_no_object_is_refused():
    assert refused("ListModels", [1]).code == "SerializationException"


def test_a_missing_member_is_named():
    error = refused("DeleteModel", {})
    assert error.code == "ValidationException"
    assert error.message == (
        "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_every_problem_is_told_at_once():
    message = refused("CreateEndpoint", {}).message
    assert message.startswith("2 validation errors detected: ")
    assert "'endpointName'" in message
    assert "'endpointConfigName'" in message


def test_an_unknown_member_is_refused():
    error = refused("DeleteModel", {"ModelName": "m", "Force": True})
    assert error.code == "ValidationException"
    assert "Unknown member 'force'" in error.message


@pytest.mark.parametrize("value", [5, True, ["m"], {"Name": "m"}])
def test_a_member_of_a_wrong_type_is_a_serialization_error(value):
    error = refused("DeleteModel", {"ModelName": value})
    assert error.code == "SerializationException"
    assert "'modelName' must be of type string" in error.message


def test_a_truth_value_is_no_number():
    assert refused("ListModels", {"MaxResults": True}).code == "SerializationException"


def test_a_number_below_the_minimum_is_refused():
    message = refused("ListModels", {"MaxResults": 0}).message
    assert "Value '0' at 'maxResults'" in message
    assert "Member must have value greater than or equal to 1" in message


def test_a_number_above_the_maximum_is_refused():
    message = refused("ListModels", {"MaxResults": 101}).message
    assert "Member must have value less than or equal to 100" in message


def test_a_text_that_is_too_long_is_refused():
    message = refused("ListModels", {"NameContains": "x" * 64}).message
    assert "Member must have length less than or equal to 63" in message


def test_a_list_that_is_too_short_is_refused():
    message = refused("CreateEndpointConfig", config(ProductionVariants=[])).message
    assert "Member must have length greater than or equal to 1" in message


def test_a_list_that_is_too_long_is_refused():
    variants = [variant(VariantName=f"V{number}") for number in range(11)]
    message = refused("CreateEndpointConfig", config(ProductionVariants=variants)).message
    assert "Member must have length less than or equal to 10" in message


def test_a_text_that_does_not_match_its_pattern_is_refused():
    message = refused("DeleteModel", {"ModelName": "no spaces"}).message
    assert "Member must satisfy regular expression pattern: [a-zA-Z0-9]" in message


def test_a_pattern_must_match_the_whole_text():
    assert "pattern" in refused("DeleteModel", {"ModelName": "name\n"}).message
    assert "pattern" in refused("DeleteModel", {"ModelName": "name!"}).message


def test_a_patterns_digits_are_ascii_digits():
    account = "\u0661" * 12
    role = {"ModelName": "m", "ExecutionRoleArn": f"arn:aws:iam::{account}:role/sagemaker"}
    assert "pattern" in refused("CreateModel", role).message


def test_a_value_that_is_not_in_its_set_is_refused():
    message = refused("ListModels", {"SortBy": "Colour"}).message
    assert "Member must satisfy enum value set: [Name, CreationTime]" in message


def test_a_problem_deep_inside_is_found_and_named():
    request = config(ProductionVariants=[variant(), variant(InitialInstanceCount=-1)])
    message = refused("CreateEndpointConfig", request).message
    assert "'productionVariants.2.member.initialInstanceCount'" in message


def test_the_keys_and_values_of_a_map_are_checked():
    environment = {"1": "starts with a digit", "GOOD": "x" * 1025}
    message = refused(
        "CreateModel", {"ModelName": "m", "PrimaryContainer": {"Environment": environment}}
    ).message
    assert "'primaryContainer.environment.1.key'" in message
    assert "'primaryContainer.environment.GOOD.value'" in message


def test_another_service_may_call_its_validation_errors_otherwise():
    with pytest.raises(ServiceError) as raised:
        check_request(
            "sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "no/pe"}, "ValidationError"
        )
    assert raised.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("member", "value"), [("InferenceId", "a\x01b"), ("CustomAttributes", "gr\u00fcn")]
)
def test_javas_classes_of_printable_and_of_ascii_characters_are_understood(member, value):
    shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
    assert problems_with(shape, {"EndpointName": "e", "Body": b"", member: "plain text"}) == []
    assert len(problems_with(shape, {"EndpointName": "e", "Body": b"", member: value})) == 1


def test_nothing_is_wrong_with_an_answer_that_conforms():
    shape = service_model("sagemaker").operation_model("CreateModel").output_shape
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/m"
    assert problems_with(shape, {"ModelArn": arn}) == []
    assert problems_with(shape, {"ModelArn": arn, "Colour": "red"}) == ["Unknown member 'colour'"]


def test_times_are_written_as_epoch_seconds():
    assert encode({"At": datetime(2026, 1, 1, tzinfo=UTC)}) == b'{"At": 1767225600.0}'


def test_an_error_has_its_code_and_its_message_in_both_spellings():
    error = ServiceError("ModelError", "no", 424, {"OriginalStatusCode": 500})
    assert json.loads(error.body()) == {
        "__type": "ModelError",
        "message": "no",
        "Message": "no",
        "OriginalStatusCode": 500,
    }


def test_an_answer_keeps_only_what_its_shape_has_and_what_is_known():
    shape = service_model("sagemaker").operation_model("DescribeModel").output_shape
    found = keep_members(shape, {"ModelName": "m", "Tags": [], "ExecutionRoleArn": None})
    assert found == {"ModelName": "m"}
