"""The monitor's examples: chosen from the severest windows, and found again by image id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scripts.environment import Environment
from scripts.operation import examples
from scripts.report import Inference, Window
from tests.unit.scripts.operation.times import NOW
from tests.unit.scripts.window_records import record

UPLOADS = "scones-dev-uploads"

Happened = Callable[..., None]


def _window(hours_ago: int, severity: str, *drifted: str, kind: str = "most drifted") -> Window:
    named = [{"image_id": image, "kind": kind} for image in drifted]
    start = NOW - timedelta(hours=hours_ago)
    return Window.from_document(record(start, severity=severity, examples=named))


# Which ones


def test_the_severest_windows_come_first_and_of_those_the_newest() -> None:
    windows = [
        _window(4, "act", "older"),
        _window(3, "act", "newer"),
        _window(2, "warn", "milder"),
        _window(1, "none", "normal"),
    ]
    assert examples.ids(windows, "most drifted") == ["newer", "older", "milder", "normal"]


def test_a_picture_is_named_once_and_there_are_at_most_twelve() -> None:
    windows = [_window(hour, "act", "same", f"image-{hour}") for hour in range(20)]
    found = examples.ids(windows, "most drifted")
    assert len(found) == len(set(found)) == examples.MOST_SHOWN


def test_examples_of_another_kind_are_left_out() -> None:
    windows = [_window(1, "act", "unsure", kind="least confident")]
    assert examples.ids(windows, "most drifted") == []


# Where they are


@pytest.fixture
def find(dev: Environment, outputs: dict[str, str], aws: Any) -> Callable[..., list[Inference]]:
    """find(ids, known=(), truths=None): with an empty bucket of uploads, which keeps versions."""
    s3 = dev.client("s3")
    s3.create_bucket(Bucket=UPLOADS)
    s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})

    def run(
        wanted: list[str],
        known: tuple[Inference, ...] = (),
        truths: dict[str, str] | None = None,
    ) -> list[Inference]:
        given = outputs | {"uploads_bucket": UPLOADS}
        return examples.find(dev, given, wanted, known, truths or {})

    return run


@pytest.fixture
def upload(dev: Environment) -> Callable[[str, bytes], str]:
    """upload(key, body): its version."""

    def put(key: str, body: bytes) -> str:
        answer = dev.client("s3").put_object(Bucket=UPLOADS, Key=key, Body=body)
        version: str = answer["VersionId"]
        return version

    return put


def test_what_was_read_already_is_shown_as_it_is(
    find: Callable[..., list[Inference]], aws: Any
) -> None:
    known = Inference(time=NOW, label="bicycle", confidence=0.7, image_id="one", picture=b"seen")
    assert find(["one"], (known,)) == [known]
    assert aws.made("GetObject") == []


def test_an_older_one_is_shown_with_its_decision_and_its_own_upload(
    find: Callable[..., list[Inference]],
    upload: Callable[[str, bytes], str],
    decided: Happened,
) -> None:
    version = upload("incoming/a.png", b"the picture")
    upload("incoming/a.png", b"a newer one")
    decided("old", "review", key="incoming/a.png", label="motorcycle", version_id=version)
    (found,) = find(["old"], truths={"incoming/a.png": "bicycle"})
    assert (found.label, found.confidence, found.decision) == ("motorcycle", 0.61, "review")
    assert (found.picture, found.truth) == (b"the picture", "bicycle")


def test_an_upload_that_has_expired_leaves_no_picture(
    find: Callable[..., list[Inference]],
    upload: Callable[[str, bytes], str],
    decided: Happened,
    dev: Environment,
) -> None:
    version = upload("incoming/a.png", b"the picture")
    dev.client("s3").delete_object(Bucket=UPLOADS, Key="incoming/a.png", VersionId=version)
    decided("old", key="incoming/a.png", label="bicycle", version_id=version)
    (found,) = find(["old"])
    assert found.picture is None


def test_an_upload_that_was_forgotten_is_left_out(find: Callable[..., list[Inference]]) -> None:
    assert find(["forgotten"]) == []


def test_what_was_rejected_after_all_is_left_out(
    find: Callable[..., list[Inference]], decided: Happened
) -> None:
    decided("rejected", "rejected", reason="model_refused")
    assert find(["rejected"]) == []
