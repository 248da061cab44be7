"""The whole demo on a small data set, and what happens when it is killed on the way."""

import json
import os
import signal
from typing import Any

import pytest

FILES_THAT_ARE_NO_PICTURES = 3
TEST_PICTURES = 20


@pytest.fixture(scope="module")
def killed_place(place):
    """A place in which one demo after the other was killed, at three different steps."""
    here = place()
    for step in ("✓ Package", "✓ Stage data", "✓ Provision the workflow"):
        demo = here.demo()
        demo.wait_for(step)
        os.kill(demo.process.pid, signal.SIGKILL)
        demo.process.wait()
        here.assert_empty()
    return here


@pytest.fixture(scope="module")
def finished(killed_place) -> dict[str, Any]:
    """The summary of a demo that ran after all of that, and of the tasks that followed it."""
    demo = killed_place.demo("--keep")
    assert demo.process.wait(600) == 0, demo.log.read_text()
    summary: dict[str, Any] = json.loads((killed_place.out / "summary.json").read_text())
    tasks = {task: killed_place.invoke(task) for task in ("plan", "destroy", "cloud.down")}
    return {**summary, "tasks": tasks}


def test_a_demo_works_after_others_were_killed_during_apply_training_and_run(finished):
    assert finished["workflow"]["failed"] == 0


def test_every_upload_is_answered_exactly_once(finished):
    counts = finished["workflow"]
    assert counts["uploaded"] == TEST_PICTURES + FILES_THAT_ARE_NO_PICTURES
    assert (counts["missing"], counts["duplicates"]) == (0, 0)
    assert counts["accepted"] + counts["review"] == TEST_PICTURES


def test_files_that_are_no_pictures_are_rejected(finished):
    assert finished["workflow"]["rejected"] == FILES_THAT_ARE_NO_PICTURES


def test_every_answer_of_the_endpoint_is_captured(finished):
    assert finished["capture"]["records"] >= TEST_PICTURES


def test_the_monitor_has_looked_at_what_was_captured(finished, killed_place):
    assert "monitor failed" not in finished["drift"]
    page = (killed_place.out / "report.html").read_text()
    assert "The monitor has not run" not in page


def test_the_model_learns_what_can_be_learnt(finished):
    assert finished["evaluation"]["accuracy"] > 0.8


def test_a_plan_right_after_the_second_apply_shows_no_change(finished):
    plan = finished["tasks"]["plan"]
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert "Plan for local: no changes" in plan.stdout


def test_the_challenger_has_taken_over_without_a_failed_request(finished):
    assert finished["gate"]["decision"] == "approve"
    deployment = finished["deployment"]
    assert (deployment["outcome"], deployment["strategy"]) == ("deployed", "canary")
    assert deployment["requests"] > 0
    assert deployment["failed_requests"] == 0


def test_nothing_is_left_behind(finished, killed_place):
    destroy = finished["tasks"]["destroy"]
    assert destroy.returncode == 0, destroy.stdout + destroy.stderr
    assert ", 0 left" in destroy.stdout
    killed_place.assert_empty()


def test_the_summary_names_every_step_and_its_time(finished):
    steps = {"package", "provision", "stage", "train", "evaluate", "endpoint", "apply", "run"}
    assert steps | {"cloud", "classify", "report", "total"} <= set(finished["seconds"])


def test_the_report_is_one_file_that_needs_nothing_else(finished, killed_place):
    page = (killed_place.out / "report.html").read_text()
    assert "Observed recent inferences" in page
    assert "Count of executions" in page
    assert 'src="http' not in page


def test_a_second_demo_in_the_same_folder_says_so(place):
    here = place()
    first = here.demo()
    first.wait_for("✓ Start the local cloud")
    second = here.demo()
    assert second.process.wait(30) == 1
    assert "Another `make demo` runs in this folder" in second.log.read_text()
    os.kill(first.process.pid, signal.SIGINT)
    assert first.process.wait(60) == 130
    here.assert_empty()
