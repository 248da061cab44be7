"""Batches: every picture is decided once, what fails is told, and the next one takes the rest."""

import json
import re
import time

import pytest

from scripts.security.definition import problems
from tests.bad_inputs import stripes
from tests.e2e.client import aws
from tests.e2e.conftest import Place
from tests.e2e.world import ARTIFACTS, MACHINE, TABLE, UPLOADS, Sent, World
from tests.fuzz.seeds import encoded

PICTURES, FAILING = 24, 1  # one of a group is tolerated


@pytest.fixture(scope="module")
def world(deployed: Place) -> World:
    return World(deployed.cloud)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A few pictures, of which one is none."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(PICTURES - 1):
        (folder / f"{number:02d}.png").write_bytes(encoded(stripes(40 + number), "PNG"))
    (folder / "no-picture.png").write_bytes(b"hello")
    return folder


@pytest.fixture(scope="module")
def runs(deployed: Place, world: World, folder):
    """The same batch three times: some fail, those that failed, and nothing that is left."""
    for number in range(FAILING):
        world.cause("deny", at="GetObject", of=f"/{number:02d}.png")
    first = deployed.invoke("batch", str(folder))
    world.heal()
    return [first, deployed.invoke("batch", str(folder)), deployed.invoke("batch", str(folder))]


@pytest.fixture(scope="module")
def sent(deployed: Place, folder) -> list[Sent]:
    """What the folder became in the uploads bucket."""
    s3 = aws(deployed.cloud, "s3", s3={"addressing_style": "path"})
    found = s3.list_object_versions(Bucket=UPLOADS, Prefix=f"adhoc/{folder.name}/")["Versions"]
    return [Sent(item["Key"], item["VersionId"]) for item in found]


def test_the_machine_is_sound_with_the_workflow_in_it(deployed: Place) -> None:
    arn = MACHINE.removesuffix("classify") + "batch"
    found = aws(deployed.cloud, "stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert problems(json.loads(found["definition"])) == []


def test_failures_are_listed_and_the_batch_ends_in_1(runs) -> None:
    first = runs[0]
    assert first.returncode == 1
    assert re.search(r"24 pictures: 0 had a decision, 24 were to be classified", first.stdout)
    assert f"{FAILING} failed, 0 missing" in first.stdout
    assert f"AccessDenied: {FAILING}" in first.stdout
    assert "invoke redrive" in first.stderr


def test_a_second_run_takes_only_what_has_no_decision(runs) -> None:
    second = runs[1]
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"24 pictures: {PICTURES - FAILING} had a decision, {FAILING} were" in second.stdout


def test_a_third_run_has_nothing_to_do(runs) -> None:
    assert runs[2].returncode == 0
    assert "nothing left to classify" in runs[2].stdout


def test_a_folder_is_uploaded_once(runs, sent) -> None:
    assert len(sent) == PICTURES


def test_every_picture_is_decided_and_told_once(runs, sent, world) -> None:
    seen = world.look(calls=False)
    made = [seen.decisions[one.id]["decision"]["S"] for one in sent]
    assert len(made) == PICTURES
    assert made.count("rejected") == 1
    assert {seen.told[one.id] for one in sent} == {1}


def test_what_failed_waits_in_the_failure_queue_as_any_upload_does(runs, sent, world) -> None:
    failures = world.look(calls=False).failures
    of_batch = {one.key: failures[one.key] for one in sent if one.key in failures}
    assert len(of_batch) == FAILING
    for key, (failure,) in of_batch.items():
        assert (failure["input"]["s3_key"], failure["error"]) == (key, "AccessDenied")


def test_results_are_json_lines_and_the_summary_names_them(runs, deployed, folder) -> None:
    s3 = aws(deployed.cloud, "s3", s3={"addressing_style": "path"})
    keys = [
        item["Key"]
        for item in s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="batches/")["Contents"]
        if item["Key"].endswith("summary.json")
    ]
    documents = [s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read() for key in keys]
    of_folder = [one for one in map(json.loads, documents) if one["source"] == str(folder)]
    summary = next(one for one in of_folder if not one["decided_before"])
    assert (summary["asked"], summary["failed"], summary["missing"]) == (PICTURES, FAILING, 0)
    (uri,) = summary["results"]
    body = s3.get_object(Bucket=ARTIFACTS, Key=uri.removeprefix(f"s3://{ARTIFACTS}/"))["Body"]
    results = [json.loads(line) for line in body.read().splitlines()]
    assert len(results) == PICTURES
    failed = [result["failed"] for result in results if "failed" in result]
    assert [one["error"] for one in failed] == ["AccessDenied"] * FAILING
    images = [result.get("image", result.get("failed")) for result in results]
    assert all(image["s3_key"].startswith("adhoc/") for image in images)


def test_its_progress_can_be_asked_for(runs, deployed) -> None:
    listed = deployed.invoke("batch.status").stdout.splitlines()
    assert listed[0].split() == ["Batch", "Status", "Classified", "Failed", "Of", "Seconds"]
    newest, first = listed[1].split(), listed[2].split()
    assert newest[1:5] == ["SUCCEEDED", "1", "0", "1"]
    assert first[1:5] == ["SUCCEEDED", "23", "1", "24"]
    one = deployed.invoke("batch.status", "--id", first[0])
    assert (one.returncode, "1 failed, 0 missing" in one.stdout) == (1, True)


def test_a_batch_of_which_too_many_fail_is_given_up_and_says_why(deployed, world, folder) -> None:
    denied = folder.with_name("denied")
    denied.mkdir()
    for number in range(4):
        (denied / f"{number}.png").write_bytes(encoded(stripes(120 + number), "PNG"))
    world.cause("deny", at="GetObject", of="/denied/")
    ended = deployed.invoke("batch", str(denied))
    world.heal()
    assert ended.returncode == 1
    assert re.search(
        r"4 were to be classified: none, (4 failed, 0|2 failed, 2) missing", ended.stdout
    )
    assert re.search(r"AccessDenied: [24]$", ended.stdout, re.M)
    newest = deployed.invoke("batch.status").stdout.splitlines()[1].split()
    assert newest[1] == "FAILED"


def test_a_batch_whose_starter_went_away_goes_on(deployed, world, folder) -> None:
    more = folder.with_name("more")
    more.mkdir()
    (more / "a.png").write_bytes(encoded(stripes(99), "PNG"))
    started = deployed.invoke("batch", str(more), "--no-wait")
    assert started.returncode == 0, started.stdout + started.stderr
    batch = re.search(r"batch.status --id (\S+)", started.stdout)[1]
    deadline = time.monotonic() + 60
    while " RUNNING " in (status := deployed.invoke("batch.status", "--id", batch)).stdout:
        assert time.monotonic() < deadline, status.stdout
    assert re.search(r"\b1 were to be classified: 1 (accepted|review)", status.stdout)


def test_a_decision_that_nobody_could_be_told_of_is_told_by_the_next_batch(
    deployed, world, folder
) -> None:
    untold = folder.with_name("untold")
    untold.mkdir()
    (untold / "no-picture.png").write_bytes(b"nobody")
    world.cause("deny", at="SendMessage")  # neither a person nor the failure queue is told
    first = deployed.invoke("batch", str(untold))
    world.heal()
    assert "InputNotKept: 1" in first.stdout, first.stdout + first.stderr
    s3 = aws(deployed.cloud, "s3", s3={"addressing_style": "path"})
    (item,) = s3.list_object_versions(Bucket=UPLOADS, Prefix="adhoc/untold/")["Versions"]
    sent = Sent(item["Key"], item["VersionId"])
    assert world.look(calls=False).told[sent.id] == 0
    aws(deployed.cloud, "dynamodb").update_item(
        TableName=TABLE,
        Key={"image_id": {"S": sent.id}},
        UpdateExpression="SET decided_at = :then",  # no execution lasts until now
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    second = deployed.invoke("batch", str(untold))
    assert "1 were to be classified: 1 rejected" in second.stdout, second.stdout + second.stderr
    seen = world.look(calls=False)
    assert seen.told[sent.id] == 1
    assert "delivered_at" in seen.decisions[sent.id]
