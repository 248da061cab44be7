"""A Distributed Map in the emulated Step Functions."""

import json

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import s3, stepfunctions

from scripts.localcloud import emulated_map

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:many"
# A child that tells its own name, unless it is to fail.
PROCESSOR = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
    "StartAt": "Fail?",
    "States": {
        "Fail?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.fails %}", "Next": "Failed"}],
            "Default": "Remember",
            "Assign": {"number": "{% $states.input.number %}"},
        },
        "Remember": {
            "Type": "Pass",
            "Output": {
                "number": "{% $number %}",
                "id": "{% $states.context.Execution.Id %}",
            },
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "OnPurpose", "Cause": "it was to fail"},
    },
}

FAILS = {"StartAt": "Failed", "States": {"Failed": PROCESSOR["States"]["Failed"]}}


@pytest.fixture
def stored(monkeypatch):
    """What was written to S3, by key."""
    written = {}

    def put(bucket, key, body, headers):
        written[key] = body.decode()
        return 200, {}, b""

    monkeypatch.setattr(s3, "_put_object", put)
    return written


@pytest.fixture
def run(monkeypatch, stored):
    """run(numbers that fail, of=10, **fields): what the Map hands on."""
    monkeypatch.setattr(stepfunctions, "_map_runs", AccountRegionScopedDict())
    execution = {
        "executionArn": f"{MACHINE}:x".replace("stateMachine", "execution"),
        "stateMachineArn": MACHINE,
        "name": "x",
        "status": "RUNNING",
    }
    context = {"QueryLanguage": "JSONata", "StateMachine": {}, "variables": {}}

    def run(*failing, of=10, processor=PROCESSOR, **fields):
        state = {
            "Type": "Map",
            "Label": "pictures",
            "ItemProcessor": processor,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSONL"},
                "Arguments": {"Bucket": "b", "Key": "{% $states.input.manifest %}"},
            },
            "MaxConcurrency": 4,
            "End": True,
            **fields,
        }
        lines = [json.dumps({"number": n, "fails": n in failing}) for n in range(of)]
        manifest = "\n".join(lines).encode()
        monkeypatch.setattr(
            s3, "_get_object", lambda bucket, key, *_: (200 if key == "m" else 404, {}, manifest)
        )
        given = {"manifest": "m", "results": "batches/x/results"}
        return emulated_map._run(state, given, given, processor, execution, context)[0]

    return run


WRITER = {
    "Resource": "arn:aws:states:::s3:putObject",
    "Arguments": {"Bucket": "b", "Prefix": "{% $states.input.results %}"},
    "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
}


def test_each_child_has_a_name_and_variables_of_its_own(run):
    outputs = run()
    assert sorted(output["number"] for output in outputs) == list(range(10))
    ids = {output["id"] for output in outputs}
    assert len(ids) == 10
    assert all(":express:many/pictures:x:" in item for item in ids)


def test_a_group_of_items_is_one_child_and_its_results_are_flattened(run, stored):
    each = {
        "Type": "Map",
        "Items": "{% $states.input.Items %}",
        "ItemProcessor": {**PROCESSOR, "ProcessorConfig": {"Mode": "INLINE"}},
        "End": True,
    }
    processor = {"StartAt": "Each", "States": {"Each": each}}
    batcher = {"MaxItemsPerBatch": 4}
    writer = {**WRITER, "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"}}
    handed_on = run(processor=processor, ItemBatcher=batcher, ResultWriter=writer)
    files = json.loads(stored[handed_on["ResultWriterDetails"]["Key"]])["ResultFiles"]
    results = [json.loads(line) for line in stored[files["SUCCEEDED"][0]["Key"]].splitlines()]
    assert sorted(result["number"] for result in results) == list(range(10))
    assert len({result["id"] for result in results}) == 3
    (told,) = stepfunctions._map_runs.values()
    assert (told["itemCounts"]["succeeded"], told["executionCounts"]["succeeded"]) == (10, 3)


def test_every_item_of_a_group_that_failed_counts_as_failed(run, stored):
    with pytest.raises(stepfunctions._ExecutionError):
        run(
            processor=FAILS,
            ItemBatcher={"MaxItemsPerBatch": 4},
            ResultWriter=WRITER,
            MaxConcurrency=1,
        )
    (told,) = stepfunctions._map_runs.values()
    assert (told["itemCounts"]["failed"], told["executionCounts"]["failed"]) == (4, 1)


def test_results_are_written_and_a_manifest_names_the_files(run, stored):
    handed_on = run(3, ResultWriter=WRITER, ToleratedFailurePercentage=10)
    key = handed_on["ResultWriterDetails"]["Key"]
    files = json.loads(stored[key])["ResultFiles"]
    (succeeded,), (failed,) = files["SUCCEEDED"], files["FAILED"]
    results = [json.loads(line) for line in stored[succeeded["Key"]].splitlines()]
    assert sorted(result["number"] for result in results) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    failure = json.loads(stored[failed["Key"]])
    assert (failure["Error"], failure["Status"]) == ("OnPurpose", "FAILED")
    assert json.loads(failure["Input"])["number"] == 3
    assert failed["Key"].startswith("batches/x/results/")


def test_a_run_is_given_up_when_more_fail_than_is_tolerated(run, stored):
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        run(*range(10), of=100, ToleratedFailurePercentage=5, ResultWriter=WRITER)
    assert raised.value.error == "States.ExceedToleratedFailureThreshold"
    (told,) = stepfunctions._map_runs.values()
    counts = told["itemCounts"]
    assert told["status"] == "FAILED"
    assert 6 <= counts["failed"] <= 10
    assert counts["succeeded"] < 90
    assert any(key.endswith("manifest.json") for key in stored)


def test_no_failure_is_tolerated_unless_that_is_said(run):
    with pytest.raises(stepfunctions._ExecutionError):
        run(0)


def test_children_are_not_kept(run, monkeypatch):
    executions = AccountRegionScopedDict()
    monkeypatch.setattr(stepfunctions, "_executions", executions)
    run()
    assert len(executions) == 0
