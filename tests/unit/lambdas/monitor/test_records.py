"""Which captured records count, for 0, 1, 20 and thousands of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lambdas.monitor.records import Records, gather
from tests.unit.lambdas.monitor.conftest import image_id

DEPLOYED = datetime(2026, 11, 7, 9, tzinfo=UTC)
LATER = DEPLOYED + timedelta(minutes=5)
Captured = Callable[..., bytes]


def read(*contents: bytes, sample: int = 100, since: datetime = DEPLOYED) -> Records:
    files = ((f"file-{number}", content) for number, content in enumerate(contents))
    return gather(files, 2, since, sample)


@pytest.mark.parametrize("count", [0, 1, 20, 3_000])
def test_every_record_of_ours_counts(captured: Captured, count: int) -> None:
    lines = [captured([0.9, 0.1], LATER, image_id(number)) for number in range(count)]
    records = read(b"".join(lines[:15]), b"".join(lines[15:]))
    assert records.scores.shape == (count, 2)
    assert records.image_ids == [image_id(number) for number in range(count)]
    assert (records.captured, records.foreign, records.repeated) == (count, 0, 0)
    assert records.newest == (LATER if count else None)


@pytest.mark.parametrize(
    "inference_id", [None, "", "a-caller-of-its-own", "A" * 64, "é" * 64, image_id(1)[:63]]
)
def test_a_request_that_is_not_the_workflows_is_foreign(
    captured: Captured, inference_id: str | None
) -> None:
    records = read(
        captured([0.9, 0.1], LATER, image_id(1)) + captured([0.5, 0.5], LATER, inference_id)
    )
    assert (records.captured, records.foreign) == (2, 1)
    assert records.scores.tolist() == [[0.9, 0.1]]


@pytest.mark.parametrize(
    "answer",
    [
        *("[1.0]", "[0.4, 0.3, 0.3]", "[]", "nonsense"),
        *("[0.9, 0.9]", "[-0.5, 1.5]", "[0.7, NaN]", "[1e999, 0]"),
    ],
)
def test_an_answer_of_another_model_or_of_none_is_foreign(captured: Captured, answer: str) -> None:
    records = read(captured(answer, LATER, image_id(1)) + captured([0.2, 0.8], LATER, image_id(2)))
    assert (records.captured, records.foreign) == (2, 1)
    assert records.image_ids == [image_id(2)]


def test_an_answer_from_before_the_deployment_is_the_earlier_models(captured: Captured) -> None:
    before, at = DEPLOYED - timedelta(seconds=1), DEPLOYED
    records = read(
        captured([0.9, 0.1], before, image_id(1)) + captured([0.9, 0.1], at, image_id(2)),
        since=DEPLOYED + timedelta(milliseconds=700),
    )
    assert (records.foreign, records.image_ids) == (1, [image_id(2)])


def test_of_several_answers_for_a_picture_the_last_one_counts(captured: Captured) -> None:
    records = read(
        captured([0.5, 0.5], LATER, image_id(1)) + captured([0.9, 0.1], LATER, image_id(2)),
        captured([0.2, 0.8], LATER, image_id(1)),
    )
    assert (records.captured, records.foreign, records.repeated) == (3, 0, 1)
    assert dict(zip(records.image_ids, records.scores.tolist(), strict=True)) == {
        image_id(2): [0.9, 0.1],
        image_id(1): [0.2, 0.8],
    }


def test_a_damaged_line_is_counted_with_its_file_and_hides_no_other(captured: Captured) -> None:
    line = captured([0.9, 0.1], LATER, image_id(1))
    records = read(line, line[:100] + b"\nnonsense\n" + captured([0.9, 0.1], LATER, image_id(2)))
    assert records.damaged == {"file-1": 2}
    assert len(records.image_ids) == 2


def test_pictures_of_a_small_window_are_all_kept_in_the_order_of_arrival(
    captured: Captured,
) -> None:
    bodies = {image_id(number): b"picture %d" % number for number in range(20)}
    lines = [captured([0.9, 0.1], LATER, name, body) for name, body in bodies.items()]
    assert list(read(*lines).pictures.items()) == list(bodies.items())


def test_of_a_large_window_a_sample_of_pictures_is_kept_whatever_files_they_come_in(
    captured: Captured,
) -> None:
    lines = [captured([0.9, 0.1], LATER, image_id(n), b"%d" % n) for n in range(1_000)]
    one = read(b"".join(lines), sample=50)
    many = read(*(b"".join(lines[start : start + 7]) for start in range(0, 1_000, 7)), sample=50)
    assert one.pictures == many.pictures
    assert set(one.pictures) == set(sorted(one.image_ids)[:50])
    numbers = [int(body) for body in one.pictures.values()]
    assert np.median(numbers) == pytest.approx(500, abs=200)  # neither the first nor the last


def test_a_picture_that_is_not_base64_is_left_out_and_its_scores_are_not(
    captured: Captured,
) -> None:
    line = captured([0.9, 0.1], LATER, image_id(1), b"a picture")
    records = read(line.replace(b"YSBw", b"YS!w"))
    assert (records.image_ids, records.pictures) == ([image_id(1)], {})
