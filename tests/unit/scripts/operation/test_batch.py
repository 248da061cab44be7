"""How a batch is started, followed and summed up."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.messages import image_id
from scripts.errors import UserError
from scripts.operation import batch
from scripts.operation.batch import State
from tests.unit.scripts.operation.conftest import TABLE, UPLOADS

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:scones-dev-batch"
OUTPUTS = {
    "uploads_bucket": UPLOADS,
    "decisions_table": TABLE,
    "batch_state_machine_arn": MACHINE,
}
BEGAN = datetime(2026, 11, 7, 12, tzinfo=UTC)
AN_HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.fixture
def table(aws, dev):
    dynamodb = dev.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


@pytest.fixture
def decide(table):
    """decide(key, version, ...): a decision, made an hour ago, and told to nobody."""

    def record(key, version, **fields):
        item = {"image_id": image_id(UPLOADS, key, version), "execution": "the-execution"}
        item |= {"decided_at": AN_HOUR_AGO, **fields}
        table.put_item(TableName=TABLE, Item={name: {"S": text} for name, text in item.items()})

    return record


@pytest.fixture
def machine(aws):
    """A state machine that nothing runs in."""
    aws.answers["ListExecutions"] = {"executions": []}
    aws.answers["StartExecution"] = {"executionArn": f"{MACHINE}:x", "startDate": BEGAN}
    return aws


@pytest.fixture
def start(dev, bucket, uploads, table, machine):
    """start(source): the batch."""
    return lambda source, **how: batch.start(dev, OUTPUTS, bucket, source, lambda _: None, **how)


def ended(**changed):
    state = State("20261107-120000", "SUCCEEDED", 2, 1, 3, BEGAN, 60.0)
    return State(**{**vars(state), **changed})


def test_only_pictures_without_a_decision_are_asked_for(start, uploads, decide, bucket, machine):
    versions = {
        key: uploads.put_object(Bucket=UPLOADS, Key=key, Body=b"x")["VersionId"]
        for key in ("incoming/a.jpg", "incoming/b.jpg", "incoming/c.jpg")
    }
    decide("incoming/b.jpg", versions["incoming/b.jpg"], delivered_at=AN_HOUR_AGO)
    made = start(f"s3://{UPLOADS}/incoming/")
    assert (made.asked, made.decided, made.pending) == (3, 1, 2)
    (request,) = machine.made("StartExecution")
    assert request["name"] == made.id
    given = json.loads(request["input"])
    assert given["results"] == f"batches/{made.id}/results"
    lines = [json.loads(line) for line in bucket.read(given["manifest"]).splitlines()]
    assert lines == [
        {"s3_bucket": UPLOADS, "s3_key": key, "version_id": versions[key]}
        for key in ("incoming/a.jpg", "incoming/c.jpg")
    ]


def test_a_decision_that_nobody_was_told_of_is_completed_with_its_own_claim(
    start, uploads, decide, bucket, machine
):
    version = uploads.put_object(Bucket=UPLOADS, Key="incoming/a", Body=b"x")["VersionId"]
    decide("incoming/a", version)
    assert start(f"s3://{UPLOADS}/incoming/").pending == 1
    manifest = json.loads(machine.made("StartExecution")[0]["input"])["manifest"]
    assert json.loads(bucket.read(manifest))["redrive_of"] == "the-execution"


def test_a_decision_whose_execution_may_still_be_telling_is_left_to_it(start, uploads, decide):
    version = uploads.put_object(Bucket=UPLOADS, Key="incoming/a", Body=b"x")["VersionId"]
    decide("incoming/a", version, decided_at=datetime.now(UTC).isoformat())
    assert start(f"s3://{UPLOADS}/incoming/").pending == 0


def test_nothing_is_started_when_everything_has_a_decision(start, uploads, decide, machine, bucket):
    version = uploads.put_object(Bucket=UPLOADS, Key="incoming/a", Body=b"x")["VersionId"]
    decide("incoming/a", version, delivered_at=AN_HOUR_AGO)
    assert start(f"s3://{UPLOADS}/incoming/").pending == 0
    assert machine.made("StartExecution") == []
    assert bucket.keys("batches/") == []


def test_an_empty_source_is_a_mistake(start, machine):
    with pytest.raises(UserError, match=r"There is no picture in s3://"):
        start(f"s3://{UPLOADS}/incoming/")
    assert machine.made("StartExecution") == []


def test_one_batch_at_a_time_unless_it_may_run_beside_another(start, uploads, table, machine):
    uploads.put_object(Bucket=UPLOADS, Key="incoming/a.jpg", Body=b"x")
    running = {
        "executionArn": f"{MACHINE}:x",
        "stateMachineArn": MACHINE,
        "name": "20261107-110000",
        "status": "RUNNING",
        "startDate": BEGAN,
    }
    machine.answers["ListExecutions"] = {"executions": [running]}
    with pytest.raises(UserError, match=r"Batch 20261107-110000 is under way.*batch\.status"):
        start(f"s3://{UPLOADS}/incoming/")
    assert start(f"s3://{UPLOADS}/incoming/", beside=True).pending == 1


def test_without_an_endpoint_there_is_no_batch(dev, bucket):
    with pytest.raises(UserError, match="No endpoint is deployed yet"):
        batch.start(dev, {}, bucket, "anything", lambda _: None)


@pytest.fixture
def described(aws):
    """described(status): an execution of that status, with a Map Run of eight pictures."""

    def describe(status):
        aws.answers["DescribeExecution"] = {
            "executionArn": f"{MACHINE}:x",
            "stateMachineArn": MACHINE,
            "status": status,
            "startDate": BEGAN,
            "stopDate": BEGAN + timedelta(minutes=1),
        }
        aws.answers["ListMapRuns"] = {"mapRuns": [{"mapRunArn": "arn:run"}]}
        counts = {"succeeded": 5, "failed": 1, "timedOut": 1, "aborted": 1, "total": 8}
        aws.answers["DescribeMapRun"] = {"itemCounts": counts}

    return describe


def test_while_it_runs_its_state_is_that_of_its_map_run(dev, bucket, results, described):
    described("RUNNING")
    found = batch.state(dev, OUTPUTS, bucket, "20261107-120000")
    assert (found.classified, found.failed, found.total, found.seconds) == (5, 3, 8, 60.0)
    assert found.is_running


def test_when_it_has_ended_its_state_is_that_of_its_results(dev, bucket, results, described):
    described("SUCCEEDED")
    found = batch.state(dev, OUTPUTS, bucket, "20261107-120000")
    assert (found.classified, found.failed, found.total) == (3, 3, 8)
    assert not found.is_running


def test_what_nobody_remembers_is_listed_as_its_map_run_ended(dev, bucket, described):
    described("SUCCEEDED")
    found = batch.state(dev, OUTPUTS, bucket, "x")
    assert (found.classified, found.failed) == (5, 3)
    with pytest.raises(UserError, match=r"batch\.json is gone"):
        batch.summary(bucket, found)


@pytest.fixture
def results(bucket):
    """What became of eight pictures, as Step Functions writes it.

    Three are of a group in which one failed, two of one in which too many did, one of a group that
    ended before its photographs had an answer; one had a decision before, and one is missing.
    """
    folder = "batches/20261107-120000"
    bucket.write_json(f"{folder}/batch.json", {"source": "here", "asked": 8, "decided": 1})
    files = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    cut_off = '{"errorMessage": "no answer\\nin time", "stackTr'
    too_many_failed = [
        {"failed": {"error": "Throttled", "cause": "too many"}},
        {"decision": "review"},
    ]
    lines = {
        "SUCCEEDED": [
            {"decision": "accepted", "label": "bicycle"},
            {"decision": "review", "label": "motorcycle"},
            {"failed": {"s3_key": "adhoc/c", "error": "EndpointTimeout", "cause": cut_off}},
        ],
        "FAILED": [
            {
                "Input": _items("adhoc/d", "adhoc/e"),
                "Error": "TooManyFailed",
                "Cause": json.dumps(too_many_failed),
            },
            {"Input": _items("adhoc/f"), "Error": "States.Runtime", "Cause": "too large"},
        ],
    }
    for status, found in lines.items():
        key = f"{folder}/results/uuid/{status}_0.jsonl"
        body = "".join(json.dumps(line) + "\n" for line in found).encode()
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=body)
        files[status].append({"Key": key, "Size": len(body)})
    bucket.write_json(f"{folder}/results/uuid/manifest.json", {"ResultFiles": files})


def _items(*keys):
    return json.dumps({"Items": [{"s3_key": key} for key in keys]})


def test_a_summary_counts_decisions_failures_and_what_is_missing(bucket, results):
    found = batch.summary(bucket, ended())
    assert found["decisions"] == {"accepted": 1, "review": 2}
    assert found["accepted_labels"] == {"bicycle": 1}
    assert found["errors"] == {"EndpointTimeout": 1, "Throttled": 1, "States.Runtime": 1}
    assert found["failures"] == [
        {"key": "adhoc/c", "error": "EndpointTimeout", "cause": "no answer in time"},
        {"key": "adhoc/d", "error": "Throttled", "cause": "too many"},
        {"key": "adhoc/f", "error": "States.Runtime", "cause": "too large"},
    ]
    assert (found["failed"], found["missing"]) == (3, 1)
    assert bucket.read_json("batches/20261107-120000/summary.json") == found


def test_a_summary_in_words_has_every_number(bucket, results):
    first, *others = batch.describe(batch.summary(bucket, ended()))
    assert first == (
        "8 pictures: 1 had a decision, 7 were to be classified: 1 accepted, 2 review, "
        "3 failed, 1 missing."
    )
    assert others[0] == "  EndpointTimeout: 1"
    assert others[3] == "  adhoc/c: EndpointTimeout: no answer in time"
    assert others[6].startswith("  results: s3://scones-dev-artifacts/batches/")


def test_a_batch_that_was_stopped_before_it_wrote_anything_misses_everything(bucket):
    document = {"source": "here", "asked": 5, "decided": 1}
    bucket.write_json("batches/20261107-120000/batch.json", document)
    assert batch.summary(bucket, ended(status="ABORTED"))["missing"] == 4


def test_an_unknown_batch_is_a_mistake(dev, bucket, aws, aws_error):
    aws.answers["DescribeExecution"] = aws_error("ExecutionDoesNotExist")
    with pytest.raises(UserError, match=r"There is no batch x: invoke batch\.status --env dev"):
        batch.state(dev, OUTPUTS, bucket, "x")
