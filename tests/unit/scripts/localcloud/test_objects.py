"""What jobs and models read from S3: prefixes, manifests, archives."""

import io
import json
import tarfile
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError

from scripts.localcloud.objects import (
    BadArchive,
    SourceObject,
    download_archive,
    download_source,
    path_below,
    require_objects,
    source_objects,
    split_s3_uri,
)
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import JobFailed

ROLE = "arn:aws:iam::000000000000:role/sagemaker"


@pytest.fixture
def storage(aws):
    """The clients of a local SageMaker, with one bucket called `pictures`."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="pictures")
    return SimpleNamespace(s3=s3, region="us-east-1")


@pytest.fixture
def put(storage):
    def put_object(key, body=b"content"):
        storage.s3.put_object(Bucket="pictures", Key=key, Body=body)
        return f"s3://pictures/{key}"

    return put_object


def prefix(uri):
    return {"S3DataType": "S3Prefix", "S3Uri": uri}


def manifest(uri):
    return {"S3DataType": "ManifestFile", "S3Uri": uri}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a/b.txt", ("bucket", "a/b.txt")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/a?b#c%20d", ("bucket", "a?b#c%20d")),
    ],
)
def test_a_uri_is_a_bucket_and_a_key(uri, expected):
    assert split_s3_uri(uri) == expected


@pytest.mark.parametrize("uri", ["", "bucket/key", "https://bucket/key", "s3:///key"])
def test_what_is_no_s3_uri_is_refused(uri):
    with pytest.raises(ServiceError, match="is not an S3 URI"):
        split_s3_uri(uri)


@pytest.mark.parametrize(
    ("prefix", "key", "path"),
    [
        ("data/train/", "data/train/cat/1.png", "cat/1.png"),
        ("data/train", "data/train/cat/1.png", "cat/1.png"),
        ("data/train", "data/train-more/1.png", "train-more/1.png"),
        ("data/part-", "data/part-1.csv", "part-1.csv"),
        ("data/a.csv", "data/a.csv", "a.csv"),
        ("top", "top/1.png", "1.png"),
        ("", "data/1.png", "data/1.png"),
        ("data/", "data//1.png", "1.png"),
    ],
)
def test_an_object_goes_where_its_key_goes_on_after_the_prefix(prefix, key, path):
    assert path_below(prefix, key) == path


def test_a_source_is_every_object_below_its_prefix_without_folder_markers(storage, put):
    for key in ("set/", "set/a.png", "set/deep/b.png", "other/c.png"):
        put(key)
    assert list(source_objects(storage, prefix("s3://pictures/set/"))) == [
        SourceObject("pictures", "set/a.png", "a.png"),
        SourceObject("pictures", "set/deep/b.png", "deep/b.png"),
    ]


def test_a_source_can_be_what_a_manifest_lists(storage, put):
    listed = json.dumps([{"prefix": "s3://pictures/set/"}, "a.png", "deep/b.png"])
    assert list(source_objects(storage, manifest(put("m.json", listed)))) == [
        SourceObject("pictures", "set/a.png", "a.png"),
        SourceObject("pictures", "set/deep/b.png", "deep/b.png"),
    ]


@pytest.mark.parametrize(
    "content", ["no json", "{}", "[]", '["a"]', '[{"prefix": "a/"}]', '[{"prefix": "s3://b/"}, 1]']
)
def test_a_manifest_that_is_none_fails_the_job(storage, put, content):
    with pytest.raises(JobFailed, match=r"^ClientError: Data download failed:The manifest s3://"):
        list(source_objects(storage, manifest(put("m.json", content))))


def test_a_manifest_that_is_not_there_fails_the_job(storage):
    with pytest.raises(
        JobFailed, match=r"^ClientError: Data download failed:s3://pictures/m\.json"
    ):
        list(source_objects(storage, manifest("s3://pictures/m.json")))


def test_a_source_without_objects_fails_the_job(storage):
    with pytest.raises(JobFailed, match="No data files found under S3 URL"):
        list(source_objects(storage, prefix("s3://pictures/none/")))


def test_a_job_with_input_may_begin(storage, put):
    put("set/a.png")
    require_objects(storage, prefix("s3://pictures/set"), ROLE)


@pytest.mark.parametrize("uri", ["s3://pictures/none/", "s3://no-such-bucket/set/"])
def test_a_job_without_input_is_refused_in_awss_words(storage, uri):
    with pytest.raises(ServiceError) as raised:
        require_objects(storage, prefix(uri), ROLE)
    assert raised.value.code == "ValidationException"
    assert raised.value.message.startswith(
        f'No S3 objects found under S3 URL "{uri}" given in input data source.'
    )
    assert f'the role "{ROLE}" has "s3:ListBucket"' in raised.value.message


def test_a_source_is_copied_into_its_folder(storage, put, tmp_path):
    put("set/deep/b.png", b"picture")
    (file,) = download_source(storage, prefix("s3://pictures/set/"), tmp_path / "channel")
    assert file == tmp_path / "channel" / "deep" / "b.png"
    assert file.read_bytes() == b"picture"


def test_a_key_that_would_leave_the_channel_is_refused(storage, put, tmp_path):
    put("set/../../escaped.txt")
    with pytest.raises(JobFailed, match="leaves the channel"):
        list(download_source(storage, prefix("s3://pictures/set/"), tmp_path / "channel"))
    assert not list(tmp_path.rglob("escaped.txt"))


def test_keys_of_which_one_is_the_others_folder_fail_the_job(storage, put, tmp_path):
    put("set/a")
    put("set/a/b")
    with pytest.raises(JobFailed, match=r"^ClientError: Data download failed:set/a"):
        list(download_source(storage, prefix("s3://pictures/set/"), tmp_path))


def packed(name="word", **attributes):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        if info.isfile():
            info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    return out.getvalue()


def test_an_archive_is_unpacked_and_not_kept(storage, put, tmp_path):
    folder = tmp_path / "instance" / "model"
    download_archive(storage, put("model.tar.gz", packed()), folder)
    assert list(folder.parent.iterdir()) == [folder]
    assert (folder / "word").read_text() == "hello"


def test_an_archives_folders_are_made(storage, put, tmp_path):
    download_archive(storage, put("model.tar.gz", packed("code/deep/word")), tmp_path / "model")
    assert (tmp_path / "model" / "code" / "deep" / "word").read_text() == "hello"
    download_archive(
        storage, put("model.tar.gz", packed("empty", type=tarfile.DIRTYPE)), tmp_path / "other"
    )
    assert (tmp_path / "other" / "empty").is_dir()


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        b"",
        packed()[:40],
        packed("../escaped"),
        packed("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        packed("device", type=tarfile.CHRTYPE),
    ],
    ids=["text", "empty", "truncated", "outside", "link outside", "device"],
)
def test_a_damaged_or_dangerous_archive_is_refused(storage, put, tmp_path, content):
    with pytest.raises(BadArchive):
        download_archive(storage, put("model.tar.gz", content), tmp_path / "model")
    assert not (tmp_path / "escaped").exists()


def test_an_archive_that_is_not_there_is_s3s_error(storage, tmp_path):
    with pytest.raises(ClientError):
        download_archive(storage, "s3://pictures/none.tar.gz", tmp_path / "model")
