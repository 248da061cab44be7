"""The demo counts from outside: what was told to others, not what was meant to be."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from scripts import demo, monitoring
from scripts.console import Screen
from scripts.demo import Run, describe_answer, workflow_summary
from scripts.environment import Environment
from scripts.workflow import Uploaded


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(quiet=True))


def _run(**given: Any) -> Run:
    """Four uploads, each decided and told of once."""
    ids = ("a", "b", "c", "d")
    decided = ("accepted", "accepted", "review", "rejected")
    fields: dict[str, Any] = {
        "uploads": [Uploaded(f"incoming/{item}.png", "1", item) for item in ids],
        "decisions": {
            item: {"decision": made, "s3_key": f"incoming/{item}.png", "label": "bicycle"}
            for item, made in zip(ids, decided, strict=True)
        },
        "deliveries": Counter(ids),
        "failed": 0,
        "truths": {"incoming/a.png": "bicycle", "incoming/b.png": "motorcycle"},
        "started": datetime.now(UTC),
    }
    return Run(**(fields | given))


# Counting


def test_outcomes_are_counted_by_what_was_decided() -> None:
    assert workflow_summary(_run()) == {
        "uploaded": 4,
        "accepted": 2,
        "review": 1,
        "rejected": 1,
        "failed": 0,
        "missing": 0,
        "duplicates": 0,
        "accuracy_accepted": 0.5,
    }


def test_a_decision_that_nobody_was_told_of_is_missing() -> None:
    counts = workflow_summary(_run(deliveries=Counter("acd")))
    assert counts["missing"] == 1
    assert counts["accepted"] == 2


def test_an_upload_without_any_decision_is_missing() -> None:
    run = _run(deliveries=Counter("abc"))
    del run.decisions["d"]
    assert workflow_summary(run)["missing"] == 1


def test_a_failed_upload_is_failed_and_not_missing() -> None:
    run = _run(deliveries=Counter("abc"), failed=1)
    del run.decisions["d"]
    counts = workflow_summary(run)
    assert (counts["failed"], counts["missing"]) == (1, 0)


def test_an_answer_that_was_given_twice_is_a_duplicate_each_time_after_the_first() -> None:
    assert workflow_summary(_run(deliveries=Counter("aabcddd")))["duplicates"] == 3


def test_a_duplicate_does_not_make_up_for_a_missing_answer() -> None:
    counts = workflow_summary(_run(deliveries=Counter("aabc")))
    assert (counts["missing"], counts["duplicates"]) == (1, 1)


def test_answers_about_other_uploads_do_not_count_as_ours() -> None:
    assert workflow_summary(_run(deliveries=Counter(["a", "b", "c", "other"])))["missing"] == 1


def test_without_an_accepted_upload_there_is_no_accuracy() -> None:
    run = replace(_run(), decisions={})
    assert workflow_summary(run)["accuracy_accepted"] is None


def test_an_accepted_picture_that_was_none_is_wrong() -> None:
    run = _run(truths={"incoming/a.png": "bicycle"})
    assert workflow_summary(run)["accuracy_accepted"] == 0.5


# What went wrong


def _summary(cleanup: int | None = 0, **counts: int) -> dict[str, Any]:
    fine = {"failed": 0, "missing": 0, "duplicates": 0, "rejected": demo.NO_PICTURES}
    return {"workflow": {**fine, **counts}, "cleanup": {"remaining": cleanup}}


@pytest.mark.parametrize("cleanup", [0, None])
def test_a_demo_in_which_all_went_well_has_no_problem(cleanup: int | None) -> None:
    assert demo.problems(_summary(cleanup)) == ""


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (_summary(failed=1), "1 uploads failed"),
        (_summary(missing=2), "2 uploads missing"),
        (_summary(missing=-1), "-1 uploads missing"),
        (_summary(duplicates=1), "1 answers given twice"),
        (_summary(rejected=4), "4 uploads rejected instead of 3"),
        (_summary(rejected=0), "0 uploads rejected instead of 3"),
        (_summary(cleanup=5), "5 resources left behind"),
    ],
)
def test_each_thing_that_went_wrong_is_said(summary: dict[str, Any], problem: str) -> None:
    assert demo.problems(summary) == problem


def test_the_three_files_that_are_no_pictures_are_empty_html_and_half_a_picture(
    picture: Callable[..., bytes],
) -> None:
    files = demo._no_pictures(picture())
    assert len(files) == demo.NO_PICTURES
    assert all(key.startswith("incoming/") and key.endswith(".png") for key in files)
    bodies = list(files.values())
    assert b"" in bodies
    assert any(body.startswith(b"<!doctype html>") for body in bodies)
    assert picture()[: len(picture()) // 2] in bodies


def test_versions_name_what_the_figures_depend_on() -> None:
    found = demo.versions()
    assert found["python"] == sys.version.split()[0]
    assert {"machine", "ministack", "sagemaker", "torch", "onnxruntime", "pillow"} <= set(found)
    assert all(found.values())


# The summary


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every part of the demo, replaced by a note of it and what it would return."""
    noted: list[str] = []
    evaluation = SimpleNamespace(
        accuracy=0.965,
        accuracy_interval=(0.93, 0.983),
        chosen=SimpleNamespace(value=0.8125),
        coverage=0.94,
        accepted_accuracy=0.98,
    )
    deployed = (
        "provisioned",
        "splits",
        SimpleNamespace(counts={"train": {"bicycle": 3, "motorcycle": 4}, "test": {"bicycle": 2}}),
        SimpleNamespace(algorithm="efficientnet", seconds=133, job="the-job"),
        evaluation,
        SimpleNamespace(labels=("bicycle", "motorcycle")),
    )

    def replaced(name: str, value: Any) -> Callable[..., Any]:
        return lambda *_args, **_options: (noted.append(name), value)[1]

    monkeypatch.setattr(demo.pipeline, "deploy", replaced("deploy", deployed))
    monkeypatch.setattr(demo, "_classify_everything", replaced("everything", _run()))
    monkeypatch.setattr(demo, "_classify_one", replaced("one", {"label": "bicycle"}))
    report = SimpleNamespace(captured_records=201)
    monkeypatch.setattr(demo, "_report", replaced("report", report))
    monkeypatch.setattr(demo, "destroy_environment", replaced("destroy", ["queue left"]))
    return noted


def test_the_summary_has_every_figure_under_its_name(
    parts: list[str], dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    screen.seconds["train"] = 133.5
    summary = demo.run(dev, screen, None, keep=False, folder=tmp_path / "new")
    assert json.loads((tmp_path / "new" / "summary.json").read_text()) == summary
    seconds = summary.pop("seconds")
    assert seconds.keys() == {"train", "total"}
    assert summary.pop("versions") == demo.versions()
    assert summary == {
        "dataset": {"train": 7, "test": 2, "classes": ["bicycle", "motorcycle"]},
        "training": {"algorithm": "efficientnet", "seconds": 133, "job": "the-job"},
        "evaluation": {
            "accuracy": 0.965,
            "accuracy_interval": [0.93, 0.983],
            "threshold": 0.8125,
            "coverage": 0.94,
            "accepted_accuracy": 0.98,
        },
        "workflow": workflow_summary(_run()),
        "classify": {"label": "bicycle"},
        "capture": {"records": 201},
        "cleanup": {"remaining": 1},
    }


def test_captures_are_read_back_before_they_are_removed(
    parts: list[str], dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    demo.run(dev, screen, None, keep=False, folder=tmp_path)
    assert parts == ["deploy", "everything", "one", "report", "destroy"]


def test_what_is_kept_is_not_removed_and_nothing_is_said_to_remain(
    parts: list[str], dev: Environment, screen: Screen, tmp_path: Path
) -> None:
    summary = demo.run(dev, screen, None, keep=True, folder=tmp_path)
    assert "destroy" not in parts
    assert summary["cleanup"] == {"remaining": None}


# Waiting for captures


@pytest.mark.parametrize("at_once", [True, False])
def test_the_report_waits_until_every_answered_upload_is_captured(
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    at_once: bool,
) -> None:
    # Of the four, one was rejected and never reached the endpoint.
    found = iter([3] if at_once else [0, 2, 3])
    written: list[int] = []

    def gather(*_args: Any) -> Any:
        count = next(found)
        return SimpleNamespace(inferences=[None] * count, captured_records=count)

    monkeypatch.setattr(monitoring, "gather", gather)
    monkeypatch.setattr(monitoring, "write", lambda data, _: written.append(data.captured_records))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    provisioned = SimpleNamespace(outputs={}, bucket=None)
    demo._report(dev, provisioned, screen, None, _run(), tmp_path)  # type: ignore[arg-type]
    assert written == [3]


def test_a_report_whose_captures_never_come_is_written_with_what_there_is(
    dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = SimpleNamespace(inferences=[None], captured_records=1)
    written: list[Any] = []
    monkeypatch.setattr(monitoring, "gather", lambda *_args: data)
    monkeypatch.setattr(monitoring, "write", lambda found, _: written.append(found))
    monkeypatch.setattr(demo, "CAPTURE_TIMEOUT_S", 0.0)
    provisioned = SimpleNamespace(outputs={}, bucket=None)
    demo._report(dev, provisioned, screen, None, _run(), tmp_path)  # type: ignore[arg-type]
    assert written == [data]


# Answers in one line


def test_an_accepted_answer_says_where_the_driver_goes() -> None:
    answer = {
        "decision": "accepted",
        "label": "bicycle",
        "confidence": 0.97351,
        "assignment": {"loading_bay": "A", "max_distance_km": 3.0},
    }
    expected = "bicycle with confidence 0.974: accepted, bay A, orders up to 3 km"
    assert describe_answer(answer) == expected


def test_an_answer_for_review_has_no_assignment() -> None:
    answer = {"decision": "review", "label": "bicycle", "confidence": 0.6}
    assert describe_answer(answer) == "bicycle with confidence 0.600: review"


def test_a_rejected_answer_gives_the_reason() -> None:
    answer = {"decision": "rejected", "reason": "empty", "detail": "The file is empty."}
    assert describe_answer(answer) == "rejected [empty]: The file is empty."
