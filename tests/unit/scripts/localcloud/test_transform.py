"""The threads of a batch transform job, and how much it sends its model."""

import contextlib
import dataclasses
import threading
import time
from types import SimpleNamespace

import pytest

from scripts.localcloud import transform
from scripts.localcloud.hosting import Answer
from scripts.localcloud.objects import SourceObject
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import TRANSFORM_JOB, Records
from scripts.localcloud.transform import _in_parallel

MIB = 1024**2


def test_each_item_is_worked_on_once():
    done = []
    _in_parallel(done.append, iter(range(100)), 8)
    assert sorted(done) == list(range(100))


def test_as_many_as_allowed_are_worked_on_at_once():
    together = threading.Barrier(3)
    _in_parallel(lambda _: together.wait(5), iter(range(3)), 3)
    assert not together.broken


def test_the_first_error_ends_the_work_and_is_raised():
    done = []

    def work(item):
        done.append(item)
        if item == 3:
            raise ValueError("the third")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="the third"):
        _in_parallel(work, iter(range(10_000)), 2)
    assert len(done) < 10_000


def test_an_error_of_the_items_is_raised():
    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        _in_parallel(lambda _: None, items(), 2)


def request(**changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://pictures/test/"}
    return {
        "TransformJobName": "some-job",
        "ModelName": "some-model",
        "TransformInput": {"DataSource": {"S3DataSource": source}},
        "TransformOutput": {"S3OutputPath": "s3://answers"},
        **changes,
    }


@pytest.fixture
def run(services, tmp_path, monkeypatch):
    """run(sizes, **request): a job over pictures of so many bytes; its record, answers and log."""
    lines = []

    def job(sizes, **changes):
        items = [SourceObject("pictures", f"test/{name}", name) for name in sizes]
        monkeypatch.setattr(transform, "source_objects", lambda *_: iter(items))
        monkeypatch.setattr(transform, "read", lambda _aws, _bucket, key: bytes(sizes[key[5:]]))
        aws = dataclasses.replace(services, work_dir=tmp_path)
        asked = request(**changes)
        record = Records("us-east-1").create(TRANSFORM_JOB, asked, TransformJobStatus="InProgress")
        transform._Run(aws, record, SimpleNamespace()).work()
        answers = sorted(call["Key"] for call in services.s3.made("put_object"))
        return record.state, answers, lines

    def log(*_):
        return SimpleNamespace(write=lines.append, close=lambda: None)

    @contextlib.contextmanager
    def serving(_run):
        yield SimpleNamespace(invoke=lambda *_: Answer(200, b"[0.5, 0.5]", "application/json"))

    monkeypatch.setattr(transform, "LogStream", log)
    monkeypatch.setattr(transform._Run, "_serving", serving)
    return job


def test_an_object_over_six_megabytes_fails_the_job_but_keeps_the_other_answers(run):
    state, answers, lines = run({"a.png": 6 * MIB, "b.png": 6 * MIB + 1})
    assert state["TransformJobStatus"] == "Failed"
    assert state["FailureReason"] == "ClientError: See job logs for more information"
    assert answers == ["a.png.out"]
    (line,) = lines
    assert line.startswith("pictures/test/b.png: Too much data for max payload size")


def test_a_job_may_ask_for_a_larger_payload(run):
    sizes = {"a.png": 25 * MIB}
    assert run(sizes, MaxPayloadInMB=25)[0]["TransformJobStatus"] == "Completed"
    assert run(sizes, MaxPayloadInMB=24)[0]["TransformJobStatus"] == "Failed"


def test_a_payload_limit_of_zero_is_none(run):
    assert run({"a.png": 30 * MIB}, MaxPayloadInMB=0)[0]["TransformJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("changes", "is_allowed"),
    [
        ({"MaxConcurrentTransforms": 4, "MaxPayloadInMB": 25}, True),
        ({"MaxConcurrentTransforms": 4, "MaxPayloadInMB": 26}, False),
        ({"MaxPayloadInMB": 101}, False),
        ({"MaxConcurrentTransforms": 16}, True),
        ({"MaxConcurrentTransforms": 17}, False),
    ],
)
def test_all_requests_at_once_may_have_a_hundred_megabytes(
    services, monkeypatch, changes, is_allowed
):
    monkeypatch.setattr(transform, "require_objects", lambda *_: None)
    with contextlib.nullcontext() if is_allowed else pytest.raises(ServiceError, match="100 MB"):
        transform._check(services, request(**changes), SimpleNamespace(request={}))
