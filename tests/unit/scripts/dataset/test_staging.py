import json
import threading
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scripts.dataset.model import Splits
from scripts.dataset.staging import describe, stage
from scripts.errors import UserError

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def splits(samples: Any) -> Splits:
    def part(count: int, start: int) -> tuple[Any, ...]:
        return (*samples(count, start=start), *samples(count, label=1, start=start))

    return Splits(part(6, 0), part(2, 20), part(3, 30), (), 0, "a folder of class folders")


OBJECTS = 22 + 8  # pictures; lists and manifests


class Recorder:
    """Passes everything to a client, and keeps the keys that were written, in order."""

    def __init__(self, client: Any, fail_after: int | None = None) -> None:
        self._client = client
        self._fail_after = fail_after
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **request: Any) -> Any:
        if self._fail_after is not None and len(self.written) >= self._fail_after:
            raise KeyboardInterrupt
        answer = self._client.put_object(**request)
        self.written.append(request["Key"])
        return answer


def keys(s3: Any) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket="artifacts").get("Contents", [])}


def test_everything_is_uploaded_and_the_marker_last(s3: Any, splits: Splits) -> None:
    recorder = Recorder(s3)
    staged = stage(splits, CLASSES, recorder, "artifacts")
    assert (staged.uploaded, staged.unchanged) == (OBJECTS, 0)
    assert recorder.written[-1] == f"datasets/{staged.dataset_id}/dataset.json"
    assert keys(s3) == set(recorder.written)
    assert len(recorder.written) == OBJECTS + 1


def test_the_result_says_where_everything_is(s3: Any, splits: Splits) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts", "some/datasets/")
    uri = f"s3://artifacts/some/datasets/{staged.dataset_id}/"
    assert staged.uri == uri
    assert staged.channels == {
        name: f"{uri}{name}/"
        for name in ("train", "validation", "test", "train_lst", "validation_lst")
    }
    assert staged.manifests["test"] == f"{uri}manifests/test.json"
    assert staged.counts["train"] == {"bicycle": 6, "motorcycle": 6}
    assert staged.dataset_id == staged.digest[:12]
    for location in (*staged.channels.values(), *staged.manifests.values()):
        assert any(key.startswith(location.removeprefix("s3://artifacts/")) for key in keys(s3))


def test_pictures_have_their_bytes_and_media_type(s3: Any, splits: Splits) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts")
    folder = f"datasets/{staged.dataset_id}"
    found = s3.get_object(Bucket="artifacts", Key=f"{folder}/test/motorcycle/0030.png")
    assert found["Body"].read() == splits.test[3].data
    assert found["ContentType"] == "image/png"
    lst = s3.head_object(Bucket="artifacts", Key=f"{folder}/train/train.lst")
    assert lst["ContentType"] == "text/tab-separated-values"


def test_staging_the_same_data_again_uploads_nothing(s3: Any, splits: Splits) -> None:
    first = stage(splits, CLASSES, s3, "artifacts")
    recorder = Recorder(s3)
    second = stage(replace(splits, train=splits.train[::-1]), CLASSES, recorder, "artifacts")
    assert recorder.written == []
    assert (second.uploaded, second.unchanged) == (0, OBJECTS)
    assert second.uri == first.uri


def test_a_staging_that_was_killed_uploads_only_what_is_missing(s3: Any, splits: Splits) -> None:
    killed = Recorder(s3, fail_after=10)
    with pytest.raises(KeyboardInterrupt):
        stage(splits, CLASSES, killed, "artifacts")
    present = len(keys(s3))
    assert 10 <= present < OBJECTS
    assert not any(key.endswith("dataset.json") for key in keys(s3))
    staged = stage(splits, CLASSES, s3, "artifacts")
    assert (staged.uploaded, staged.unchanged) == (OBJECTS - present, present)
    assert f"datasets/{staged.dataset_id}/dataset.json" in keys(s3)


def test_the_first_fault_stops_the_uploads_that_have_not_begun(s3: Any, splits: Splits) -> None:
    class FirstFails(Recorder):
        def put_object(self, **request: Any) -> Any:
            self.written.append(request["Key"])
            if len(self.written) == 1:
                raise KeyboardInterrupt
            time.sleep(0.05)

    recorder = FirstFails(s3)
    with pytest.raises(KeyboardInterrupt):
        stage(splits, CLASSES, recorder, "artifacts")
    assert len(recorder.written) < OBJECTS


@pytest.mark.parametrize("change", ["deleted", "overwritten", "truncated"])
def test_an_object_that_changed_after_the_marker_is_uploaded_again(
    s3: Any, splits: Splits, change: str
) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts")
    key = f"datasets/{staged.dataset_id}/train/bicycle/0000.png"
    original = s3.get_object(Bucket="artifacts", Key=key)["Body"].read()
    if change == "deleted":
        s3.delete_object(Bucket="artifacts", Key=key)
    else:
        other = {"overwritten": b"x" * len(original), "truncated": original[:-1]}[change]
        s3.put_object(Bucket="artifacts", Key=key, Body=other)
    again = stage(splits, CLASSES, s3, "artifacts")
    assert (again.uploaded, again.unchanged) == (1, OBJECTS - 1)
    assert s3.get_object(Bucket="artifacts", Key=key)["Body"].read() == original
    assert stage(splits, CLASSES, s3, "artifacts").uploaded == 0


def test_a_damaged_marker_is_written_again_and_nothing_else(s3: Any, splits: Splits) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts")
    marker = f"datasets/{staged.dataset_id}/dataset.json"
    s3.put_object(Bucket="artifacts", Key=marker, Body=b"{")
    recorder = Recorder(s3)
    assert stage(splits, CLASSES, recorder, "artifacts").uploaded == 0
    assert recorder.written == [marker]
    assert json.loads(s3.get_object(Bucket="artifacts", Key=marker)["Body"].read())["counts"]


def test_a_bucket_whose_etags_are_no_md5_is_complete_after_one_staging(
    s3: Any, splits: Splits
) -> None:
    class Kms(Recorder):
        """ETags as KMS encryption makes them: other than the MD5, and stable."""

        def put_object(self, **request: Any) -> Any:
            return {"ETag": self._veiled(super().put_object(**request)["ETag"])}

        def get_paginator(self, name: str) -> Any:
            pages = self._client.get_paginator(name)

            class Pages:
                def paginate(self, **request: Any) -> Any:
                    for page in pages.paginate(**request):
                        for item in page.get("Contents", []):
                            item["ETag"] = Kms._veiled(item["ETag"])
                        yield page

            return Pages()

        @staticmethod
        def _veiled(etag: str) -> str:
            return f'"{etag.strip(chr(34))[::-1]}"'

    stage(splits, CLASSES, Kms(s3), "artifacts")
    again = Kms(s3)
    assert stage(splits, CLASSES, again, "artifacts").uploaded == 0
    assert again.written == []


def test_foreign_objects_among_the_pictures_are_refused(s3: Any, splits: Splits) -> None:
    staged = stage(splits, CLASSES, s3, "artifacts")
    foreign = f"datasets/{staged.dataset_id}/train/bicycle/foreign.png"
    s3.put_object(Bucket="artifacts", Key=foreign, Body=b"x")
    with pytest.raises(UserError, match=r"holds 1 objects .*\(train/bicycle/foreign\.png\)"):
        stage(splits, CLASSES, s3, "artifacts")


def test_more_objects_than_one_page_of_a_listing_are_all_found(s3: Any, splits: Splits) -> None:
    class SmallPages(Recorder):
        def get_paginator(self, name: str) -> Any:
            paginator = self._client.get_paginator(name)
            paginate = paginator.paginate
            paginator.paginate = lambda **request: paginate(
                **request, PaginationConfig={"PageSize": 7}
            )
            return paginator

    stage(splits, CLASSES, s3, "artifacts")
    assert stage(splits, CLASSES, SmallPages(s3), "artifacts").unchanged == OBJECTS


def test_a_key_that_s3_would_refuse_is_named_before_anything_is_uploaded(
    s3: Any, splits: Splits
) -> None:
    with pytest.raises(UserError, match="is longer than 1024 bytes"):
        stage(splits, CLASSES, s3, "artifacts", "p" * 1000)
    assert keys(s3) == set()


def test_a_missing_bucket_says_what_to_do(s3: Any, splits: Splits) -> None:
    with pytest.raises(UserError, match=r"s3://gone/.* there is no such bucket: provision"):
        stage(splits, CLASSES, s3, "gone")


def test_denied_access_says_what_to_do(s3: Any, splits: Splits) -> None:
    class Denied(Recorder):
        def put_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    with pytest.raises(UserError, match="access is denied: check the credentials"):
        stage(splits, CLASSES, Denied(s3), "artifacts")


def test_an_s3_that_does_not_answer_says_what_to_do(
    splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(UserError, match=r"is out of reach .* it uploads only what is missing"):
        stage(splits, CLASSES, client, "artifacts")


def test_a_fault_that_no_person_made_is_not_disguised(s3: Any, splits: Splits) -> None:
    class Broken(Recorder):
        def put_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "InternalError"}}, "PutObject")

    with pytest.raises(ClientError, match="InternalError"):
        stage(splits, CLASSES, Broken(s3), "artifacts")


def test_uploads_run_at_once(s3: Any, splits: Splits) -> None:
    meeting = threading.Barrier(4)

    class Slow(Recorder):
        def put_object(self, **request: Any) -> Any:
            if "/test/bicycle/" in request["Key"] or request["Key"].endswith("test.lst"):
                meeting.wait(10)
            return super().put_object(**request)

    assert stage(splits, CLASSES, Slow(s3), "artifacts").uploaded == OBJECTS


def test_staging_reports_its_progress(s3: Any, splits: Splits) -> None:
    seen: list[tuple[str, int, int | None]] = []
    stage(splits, CLASSES, s3, "artifacts", progress=lambda *step: seen.append(step))
    assert seen == [("uploading", done, OBJECTS) for done in range(1, OBJECTS + 1)]


def test_a_data_set_is_described_in_one_line(splits: Splits) -> None:
    assert describe(splits, CLASSES) == (
        "12 train, 4 validation, 6 test pictures of bicycle, motorcycle (a folder of class folders)"
    )


def test_the_description_names_what_was_left_out(splits: Splits) -> None:
    line = describe(replace(splits, dropped=("bicycle/a.png", "bicycle/b.png")), CLASSES)
    assert line.endswith(
        "; 2 of train left out because test has them: bicycle/a.png, bicycle/b.png"
    )
