"""The artifacts bucket as the monitor uses it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.monitor import store as store_module
from lambdas.monitor.checkpoint import Checkpoint, beginning
from lambdas.monitor.store import READS_AT_ONCE, S3, Store
from tests.unit.lambdas.monitor.conftest import capture_key

NOON = datetime(2026, 11, 7, 12, tzinfo=UTC)


def put(store: Store, key: str, body: bytes) -> None:
    store.s3.put_object(Bucket=store.bucket, Key=key, Body=body)


def test_captures_are_listed_with_their_sizes_from_an_hour_on(store: Store) -> None:
    hours = [capture_key(NOON + hour * timedelta(hours=1)) for hour in (-1, 0, 1)]
    elsewhere = [capture_key(NOON, endpoint="another"), "captures/scones-test/Other/x.jsonl"]
    for size, key in enumerate([*hours, *elsewhere]):
        put(store, key, bytes(size))
    found = store.list_captures("scones-test", "AllTraffic", NOON)
    assert found == {hours[1]: 1, hours[2]: 2}


def test_a_listing_of_several_pages_is_complete(store: Store) -> None:
    keys = [capture_key(NOON, number) for number in range(5)]
    for key in keys:
        put(store, key, b"x")

    class Paged:
        """S3 with two keys a page."""

        def list_objects_v2(self, **kwargs: Any) -> dict[str, Any]:
            return store.s3.list_objects_v2(MaxKeys=2, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(store.s3, name)

    paged: S3 = Paged()
    found = Store(paged, store.bucket).list_captures("scones-test", "AllTraffic", NOON)
    assert list(found) == keys


def test_files_are_read_in_the_order_that_was_asked_for(store: Store) -> None:
    bodies = {capture_key(NOON, number): b"%d" % number for number in range(3 * READS_AT_ONCE)}
    for key, body in bodies.items():
        put(store, key, body)
    keys = sorted(bodies, reverse=True)
    assert list(store.read_files(keys)) == [(key, bodies[key]) for key in keys]


def test_a_file_that_is_gone_by_now_is_left_out(store: Store) -> None:
    put(store, "a", b"1")
    put(store, "c", b"3")
    assert list(store.read_files(["a", "b", "c"])) == [("a", b"1"), ("c", b"3")]


def test_a_file_that_must_not_be_read_is_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(store.s3, "get_object", deny)
    with pytest.raises(ClientError, match="AccessDenied"):
        list(store.read_files(["a"]))


def test_no_more_files_are_in_memory_than_are_read_at_once(store: Store) -> None:
    keys = [f"key-{number}" for number in range(5 * READS_AT_ONCE)]
    asked: list[str] = []

    class Counting:
        def get_object(self, **kwargs: Any) -> dict[str, Any]:
            asked.append(kwargs["Key"])
            return store.s3.get_object(Bucket=store.bucket, Key="key")

        def __getattr__(self, name: str) -> Any:
            return getattr(store.s3, name)

    put(store, "key", b"x")
    counting: S3 = Counting()
    for number, _ in enumerate(Store(counting, store.bucket).read_files(keys)):
        assert len(asked) <= number + READS_AT_ONCE


def test_of_an_enormous_file_only_the_beginning_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAX_FILE_BYTES", 3)
    put(store, "a", b"12345")
    assert list(store.read_files(["a"])) == [("a", b"123")]


def test_before_the_first_window_there_is_no_checkpoint(store: Store) -> None:
    assert store.read_checkpoint() is None


def test_a_checkpoint_is_replaced_only_by_who_has_read_it(store: Store) -> None:
    first, second = beginning(NOON), beginning(NOON + timedelta(hours=1))
    assert store.write_checkpoint(first, None)
    found, etag = store.read_checkpoint() or (None, "")
    assert found == first
    assert store.write_checkpoint(second, etag)
    assert not store.write_checkpoint(first, etag)
    assert (store.read_checkpoint() or (None, ""))[0] == second


def test_of_two_first_monitors_one_writes_the_checkpoint(store: Store) -> None:
    assert store.write_checkpoint(beginning(NOON), None)
    assert not store.write_checkpoint(beginning(NOON), None)


def test_a_checkpoint_that_cannot_be_written_is_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    monkeypatch.setattr(store.s3, "put_object", deny)
    with pytest.raises(ClientError, match="AccessDenied"):
        store.write_checkpoint(Checkpoint(NOON, NOON), None)


def test_a_model_without_a_baseline_has_none(store: Store) -> None:
    put(store, "monitoring/baselines/model-2.json", b'{"a": 1}')
    assert store.read_baseline("model") is None
    assert store.read_baseline("model-2") == {"a": 1}


def test_a_window_that_was_written_is_there(store: Store, aws: Callable[[str], Any]) -> None:
    name = "2026/11/07/12-00-00.json"
    assert not store.has_window(name)
    store.write_window(name, {"a": 1})
    assert store.has_window(name)
    body = aws("s3").get_object(Bucket="artifacts", Key=f"monitoring/windows/{name}")["Body"].read()
    assert body == b'{"a": 1}'
