"""A staged data set is read back as it was staged, or not at all."""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scripts.dataset import staged as module
from scripts.dataset.model import Splits
from scripts.dataset.staged import read_staged
from scripts.dataset.staging import stage
from scripts.errors import UserError

CLASSES = ("bicycle", "motorcycle")
WAY_OUT = "bring back the earlier versions of its objects, or stage its source again"


@pytest.fixture
def splits(samples: Any) -> Splits:
    def part(count: int, start: int) -> tuple[Any, ...]:
        return (*samples(count, start=start), *samples(count, label=1, start=start))

    leak = ("bicycle/leak.png",)
    return Splits(part(6, 0), part(2, 20), part(3, 30), leak, 5, "a folder of class folders")


@pytest.fixture
def dataset_id(s3: Any, splits: Splits) -> str:
    return stage(splits, CLASSES, s3, "artifacts").dataset_id


@pytest.fixture
def read(s3: Any, dataset_id: str) -> Any:
    """read(): classes and parts."""
    return lambda client=s3: read_staged(client, "artifacts", dataset_id)


@pytest.fixture
def refusal(read: Any, dataset_id: str) -> Any:
    """refusal(): the line that says why the data set is not read."""

    def call() -> str:
        with pytest.raises(UserError) as caught:
            read()
        message = str(caught.value)
        assert "\n" not in message
        assert f"s3://artifacts/datasets/{dataset_id}/" in message
        return message

    return call


@pytest.fixture
def write(s3: Any, dataset_id: str) -> Any:
    """write(key, body): replaces an object of the data set."""

    def call(key: str, body: bytes) -> None:
        s3.put_object(Bucket="artifacts", Key=f"datasets/{dataset_id}/{key}", Body=body)

    return call


@pytest.fixture
def content(s3: Any, dataset_id: str) -> Any:
    """content(key): a JSON document of the data set."""

    def call(key: str) -> Any:
        found = s3.get_object(Bucket="artifacts", Key=f"datasets/{dataset_id}/{key}")
        return json.loads(found["Body"].read())

    return call


class Wrapped:
    """Passes everything to a client, but for what a test replaces."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_what_was_staged_is_read_back(read: Any, splits: Splits) -> None:
    assert read() == (CLASSES, splits)


def test_staging_what_was_read_uploads_nothing(s3: Any, read: Any, dataset_id: str) -> None:
    classes, splits = read()
    again = stage(splits, classes, s3, "artifacts")
    assert (again.dataset_id, again.uploaded) == (dataset_id, 0)


def test_a_data_set_is_read_from_the_prefix_it_was_staged_to(s3: Any, splits: Splits) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts", "some/place/")
    assert read_staged(s3, "artifacts", staged.dataset_id, "/some/place") == (CLASSES, splits)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_picture_that_was_replaced_is_found_out(
    refusal: Any, write: Any, picture: Any, part: str, splits: Splits
) -> None:
    write(f"{part}/bicycle/{splits.parts()[part][0].name}", picture(999))
    assert "was changed after it was staged" in refusal()
    assert WAY_OUT in refusal()


def test_a_picture_that_was_replaced_later_is_named(
    s3: Any, dataset_id: str, write: Any, picture: Any
) -> None:
    class Later(Wrapped):
        def get_object(self, **request: Any) -> Any:
            answer = self._client.get_object(**request)
            if request["Key"].endswith("train/bicycle/0001.png"):
                answer["LastModified"] += timedelta(seconds=2)
            return answer

    write("train/bicycle/0001.png", picture(999))
    with pytest.raises(UserError, match=r"was changed .* \(train/bicycle/0001\.png\): bring back"):
        read_staged(Later(s3), "artifacts", dataset_id)


def test_a_picture_that_was_written_again_unchanged_does_no_harm(
    read: Any, write: Any, splits: Splits
) -> None:
    write("train/bicycle/0000.png", splits.train[0].data)
    assert read() == (CLASSES, splits)


def test_a_picture_that_is_gone_is_named(s3: Any, refusal: Any, dataset_id: str) -> None:
    key = f"datasets/{dataset_id}/test/motorcycle/0031.png"
    s3.delete_object(Bucket="artifacts", Key=key)
    assert "(test/motorcycle/0031.png is gone)" in refusal()


def test_a_picture_larger_than_any_staged_one_is_not_fetched(
    s3: Any, read: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PICTURE_BYTES", 1000)
    fetched: list[int] = []

    class Watched(Wrapped):
        def get_object(self, **request: Any) -> Any:
            answer = self._client.get_object(**request)
            body = answer["Body"].read
            answer["Body"].read = lambda: fetched.append(answer["ContentLength"]) or body()
            return answer

    write("train/bicycle/0002.png", b"x" * 5000)
    with pytest.raises(UserError, match=r"was changed .* \(train/bicycle/0002\.png\)"):
        read(Watched(s3))
    assert fetched
    assert 5000 not in fetched


def test_a_manifest_with_a_picture_less_is_found_out(
    refusal: Any, write: Any, content: Any
) -> None:
    write("manifests/train.json", json.dumps(content("manifests/train.json")[:-1]).encode())
    assert "was changed after it was staged" in refusal()


def test_a_picture_moved_from_test_to_train_is_found_out(
    refusal: Any, write: Any, content: Any, splits: Splits
) -> None:
    test, train = content("manifests/test.json"), content("manifests/train.json")
    moved = test.pop()
    write(f"train/{moved}", splits.test[-1].data)
    write("manifests/test.json", json.dumps(test).encode())
    write("manifests/train.json", json.dumps([*train, moved]).encode())
    assert "was changed after it was staged" in refusal()


def test_a_manifest_that_is_none_is_named(refusal: Any, write: Any) -> None:
    write("manifests/validation.json", b"[")
    assert "(manifests/validation.json: " in refusal()


def test_a_manifest_that_is_gone_is_named(s3: Any, refusal: Any, dataset_id: str) -> None:
    s3.delete_object(Bucket="artifacts", Key=f"datasets/{dataset_id}/manifests/test.json")
    assert "(manifests/test.json is gone)" in refusal()


def test_classes_that_were_swapped_are_found_out(refusal: Any, write: Any, content: Any) -> None:
    write("dataset.json", json.dumps(content("dataset.json") | {"classes": CLASSES[::-1]}).encode())
    assert "was changed after it was staged" in refusal()


def test_another_data_set_under_this_id_is_found_out(
    s3: Any, refusal: Any, write: Any, content: Any, splits: Splits
) -> None:
    """Even one that agrees with itself."""
    smaller = replace(splits, train=splits.train[:-1])
    other = stage(smaller, CLASSES, s3, "artifacts", "elsewhere").digest
    write("dataset.json", json.dumps(content("dataset.json") | {"digest": other}).encode())
    write("manifests/train.json", json.dumps(content("manifests/train.json")[:-1]).encode())
    assert "was changed after it was staged" in refusal()


def test_a_marker_with_the_digest_of_other_data_is_found_out(
    refusal: Any, write: Any, content: Any, dataset_id: str
) -> None:
    digest = f"{dataset_id:0<64}"
    write("dataset.json", json.dumps(content("dataset.json") | {"digest": digest}).encode())
    assert "was changed after it was staged" in refusal()


def test_a_damaged_marker_is_named(refusal: Any, write: Any) -> None:
    write("dataset.json", b"{}")
    assert "(dataset.json: " in refusal()


def test_a_data_set_that_was_never_completed_is_not_read(s3: Any, refusal: Any) -> None:
    key = next(
        item["Key"]
        for item in s3.list_objects_v2(Bucket="artifacts")["Contents"]
        if item["Key"].endswith("dataset.json")
    )
    s3.delete_object(Bucket="artifacts", Key=key)
    assert "there is no complete data set in" in refusal()
    assert refusal().endswith("stage one, with invoke stage")


def test_a_missing_bucket_says_what_to_do(s3: Any) -> None:
    with pytest.raises(UserError, match="there is no such bucket: provision"):
        read_staged(s3, "gone", "0123456789ab")


def test_an_s3_that_does_not_answer_says_what_to_do(splits: Splits) -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(UserError, match=r"is out of reach .* credentials, then run this again$"):
        read_staged(client, "artifacts", "0123456789ab")


def test_a_fault_that_no_person_made_is_not_disguised(s3: Any, read: Any) -> None:
    class Broken(Wrapped):
        def get_object(self, **request: Any) -> Any:
            if request["Key"].endswith(".png"):
                raise ClientError({"Error": {"Code": "InternalError"}}, "GetObject")
            return self._client.get_object(**request)

    with pytest.raises(ClientError, match="InternalError"):
        read(Broken(s3))


def test_pictures_are_read_at_once(s3: Any, read: Any, splits: Splits) -> None:
    meeting = threading.Barrier(4)

    class Slow(Wrapped):
        def get_object(self, **request: Any) -> Any:
            if "/validation/" in request["Key"]:
                meeting.wait(10)
            return self._client.get_object(**request)

    assert read(Slow(s3)) == (CLASSES, splits)


def test_reading_reports_its_progress(s3: Any, dataset_id: str) -> None:
    seen: list[tuple[str, int, int | None]] = []
    read_staged(s3, "artifacts", dataset_id, progress=lambda *step: seen.append(step))
    assert seen == [("reading pictures", done, 22) for done in range(1, 23)]
