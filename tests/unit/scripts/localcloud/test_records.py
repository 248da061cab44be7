"""Records and their listings."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.localcloud.listing import listing
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import ENDPOINT, MODEL, TRAINING_JOB, Records, describe

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def records():
    return Records("us-east-1")


@pytest.fixture
def endpoints(records):
    """Four endpoints, made on four days, in this order."""
    made = []
    for day, (name, status) in enumerate(
        [("delta", "InService"), ("Alpha", "Failed"), ("beta", "InService"), ("charlie", "Failed")]
    ):
        request = {"EndpointName": name, "EndpointConfigName": "c"}
        record = records.create(ENDPOINT, request, EndpointStatus=status)
        record.created = record.modified = DAY + timedelta(days=day)
        made.append(record)
    return made


def names(endpoints, **request):
    return [item["EndpointName"] for item in listing(endpoints, ENDPOINT, request)["Endpoints"]]


def test_a_name_can_be_used_once(records):
    records.create(MODEL, {"ModelName": "m"})
    with pytest.raises(ServiceError, match=f'Cannot create already existing model "{ARN}:model/m"'):
        records.create(MODEL, {"ModelName": "m"})


def test_a_name_in_another_case_is_the_same_name(records):
    made = records.create(MODEL, {"ModelName": "Model"})
    with pytest.raises(ServiceError, match="already existing"):
        records.create(MODEL, {"ModelName": "MODEL"})
    assert records.get(MODEL, "mODEL") is made
    assert made.name == "Model"
    assert made.arn == f"{ARN}:model/model"


def test_the_same_name_may_belong_to_things_of_different_kinds(records):
    records.create(MODEL, {"ModelName": "same"})
    assert records.create(ENDPOINT, {"EndpointName": "same"})


def test_a_training_job_that_exists_is_in_use(records):
    records.create(TRAINING_JOB, {"TrainingJobName": "t"})
    with pytest.raises(ServiceError) as raised:
        records.create(TRAINING_JOB, {"TrainingJobName": "t"})
    assert raised.value.code == "ResourceInUse"


def test_what_is_missing_is_said_in_awss_words(records):
    with pytest.raises(ServiceError, match=f'Could not find model "{ARN}:model/m".') as raised:
        records.get(MODEL, "m")
    assert raised.value.code == "ValidationException"


def test_what_was_removed_is_missing_and_its_name_is_free(records):
    records.remove(records.create(MODEL, {"ModelName": "m"}))
    assert records.by_arn(f"{ARN}:model/m") is None
    assert records.create(MODEL, {"ModelName": "m"})


def test_a_description_is_the_request_and_the_state(records):
    request = {"EndpointName": "e", "EndpointConfigName": "c", "Tags": []}
    found = describe(records.create(ENDPOINT, request, EndpointStatus="Creating"))
    assert found["EndpointConfigName"] == "c"
    assert found["EndpointStatus"] == "Creating"
    assert found["CreationTime"] <= datetime.now(UTC)
    assert "Tags" not in found  # DescribeEndpoint has no such member


def test_the_state_overrides_the_request(records):
    record = records.create(ENDPOINT, {"EndpointName": "e", "EndpointConfigName": "old"})
    record.update(EndpointConfigName="new")
    assert describe(record)["EndpointConfigName"] == "new"


def test_a_member_that_is_set_to_none_disappears(records):
    record = records.create(ENDPOINT, {"EndpointName": "e"}, FailureReason="why")
    record.update(FailureReason=None)
    assert "FailureReason" not in describe(record)


def test_an_update_is_a_modification(records):
    record = records.create(ENDPOINT, {"EndpointName": "e"})
    before = record.modified
    record.update(EndpointStatus="InService")
    assert record.modified > before


def test_an_answer_being_written_does_not_change_under_the_hand(records):
    record = records.create(ENDPOINT, {"EndpointName": "e"}, EndpointStatus="Creating")
    state = record.state
    record.update(EndpointStatus="InService")
    assert state == {"EndpointStatus": "Creating"}


def test_a_status_moves_only_from_where_it_may(records):
    record = records.create(ENDPOINT, {"EndpointName": "e"}, EndpointStatus="InService")
    assert record.move({"InService"}, "Updating")
    assert not record.move({"InService"}, "Deleting")
    assert record.status == "Updating"


def test_the_newest_come_first(endpoints):
    assert names(endpoints) == ["charlie", "beta", "Alpha", "delta"]


def test_the_order_can_be_turned_round(endpoints):
    assert names(endpoints, SortOrder="Ascending") == ["delta", "Alpha", "beta", "charlie"]


def test_they_can_be_sorted_by_name_and_by_status(endpoints):
    by_name = names(endpoints, SortBy="Name", SortOrder="Ascending")
    assert by_name == ["Alpha", "beta", "charlie", "delta"]
    by_status = names(endpoints, SortBy="Status", SortOrder="Ascending")
    assert by_status == ["Alpha", "charlie", "beta", "delta"]


def test_they_can_be_filtered_by_a_part_of_the_name_in_any_case(endpoints):
    assert names(endpoints, NameContains="AL") == ["Alpha"]


def test_they_can_be_filtered_by_status(endpoints):
    assert names(endpoints, StatusEquals="Failed") == ["charlie", "Alpha"]


@pytest.mark.parametrize("member", ["CreationTime", "LastModifiedTime"])
def test_they_can_be_filtered_by_time(endpoints, member):
    second, third = (DAY + timedelta(days=day) for day in (1, 2))
    assert names(endpoints, **{f"{member}After": third.timestamp()}) == ["charlie", "beta"]
    assert names(endpoints, **{f"{member}Before": second.isoformat()}) == ["Alpha", "delta"]


def test_a_time_that_is_none_is_refused(endpoints):
    with pytest.raises(ServiceError, match="'noon' is not a time"):
        names(endpoints, CreationTimeAfter="noon")


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort_by", ["Name", "Status", "CreationTime"])
def test_the_pages_together_are_the_whole_list(endpoints, order, sort_by):
    request = {"SortBy": sort_by, "SortOrder": order, "MaxResults": 3}
    first = listing(endpoints, ENDPOINT, request)
    second = listing(endpoints, ENDPOINT, request | {"NextToken": first["NextToken"]})
    together = [item["EndpointName"] for page in (first, second) for item in page["Endpoints"]]
    assert together == names(endpoints, SortBy=sort_by, SortOrder=order)
    assert "NextToken" not in second


def test_a_page_without_a_size_holds_ten(records):
    made = [records.create(MODEL, {"ModelName": f"m{number}"}) for number in range(11)]
    page = listing(made, MODEL, {})
    assert len(page["Models"]) == 10
    assert len(listing(made, MODEL, {"NextToken": page["NextToken"]})["Models"]) == 1


def test_a_last_page_that_is_full_has_no_next_one(endpoints):
    assert "NextToken" not in listing(endpoints, ENDPOINT, {"MaxResults": 4})


def test_what_is_deleted_between_two_pages_hides_nothing(endpoints):
    first = listing(endpoints, ENDPOINT, {"MaxResults": 2})
    left = [record for record in endpoints if record.name not in ("charlie", "beta")]
    second = listing(left, ENDPOINT, {"NextToken": first["NextToken"]})
    assert [item["EndpointName"] for item in second["Endpoints"]] == ["Alpha", "delta"]


@pytest.mark.parametrize("token", ["2", "!", "bnVsbA=="])
def test_a_token_that_no_page_gave_is_refused(endpoints, token):
    with pytest.raises(ServiceError, match="Invalid NextToken"):
        listing(endpoints, ENDPOINT, {"NextToken": token})


def test_a_token_of_another_order_is_refused(endpoints):
    token = listing(endpoints, ENDPOINT, {"SortBy": "Name", "MaxResults": 1})["NextToken"]
    with pytest.raises(ServiceError, match="Invalid NextToken"):
        listing(endpoints, ENDPOINT, {"NextToken": token})


def test_a_listing_shows_the_summary_of_its_kind(endpoints):
    (item,) = listing(endpoints, ENDPOINT, {"NameContains": "beta"})["Endpoints"]
    assert item.keys() == {
        "EndpointName",
        "EndpointArn",
        "CreationTime",
        "LastModifiedTime",
        "EndpointStatus",
    }
