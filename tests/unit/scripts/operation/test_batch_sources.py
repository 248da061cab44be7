"""What a batch is to classify, and what is refused."""

import pytest
from botocore.exceptions import ClientError

from scripts.errors import UserError
from scripts.operation import batch_sources
from scripts.operation.batch_sources import Picture
from tests.unit.scripts.operation.conftest import UPLOADS


@pytest.fixture
def put(uploads):
    """put(key, body=b"x"): the version's id."""

    def put(key, body=b"x"):
        return uploads.put_object(Bucket=UPLOADS, Key=key, Body=body)["VersionId"]

    return put


@pytest.fixture
def find(dev, uploads):
    """find(source): the pictures, as a list."""
    return lambda source: list(batch_sources.find(dev, UPLOADS, str(source)))


@pytest.fixture
def manifest(tmp_path):
    """manifest(line, ...): its path."""

    def write(*lines):
        path = tmp_path / "some.jsonl"
        path.write_bytes(b"".join(line.encode() + b"\n" for line in lines))
        return path

    return write


def test_a_prefix_is_the_newest_version_of_every_object_below_it(find, put):
    put("incoming/a.jpg")
    newer = put("incoming/a.jpg", b"y")
    other = put("incoming/b.jpg")
    put("incoming/folder/", b"")
    put("adhoc/c.jpg")
    assert find(f"s3://{UPLOADS}/incoming/") == [
        Picture("incoming/a.jpg", newer),
        Picture("incoming/b.jpg", other),
    ]


def test_a_deleted_object_is_left_out(find, put, uploads):
    put("incoming/a.jpg")
    uploads.delete_object(Bucket=UPLOADS, Key="incoming/a.jpg")
    assert find(f"s3://{UPLOADS}/incoming/") == []


@pytest.mark.parametrize("source", ["s3://elsewhere/incoming/", f"s3://{UPLOADS}/models/"])
def test_what_the_workflow_may_not_read_is_refused_with_the_way_to_bring_it_in(find, source):
    with pytest.raises(UserError, match=rf"aws s3 cp --recursive {source} s3://{UPLOADS}/adhoc/"):
        find(source)


def test_a_manifest_names_keys_and_versions_and_each_counts_once(find, put, manifest):
    first = put("incoming/a.jpg")
    newer = put("incoming/a.jpg", b"y")
    named = f'{{"s3_key": "incoming/a.jpg", "version_id": "{first}"}}'
    newest = '{"s3_key": "incoming/a.jpg"}'
    found = find(manifest(named, "", newest, named, newest))
    assert found == [Picture("incoming/a.jpg", first), Picture("incoming/a.jpg", newer)]


def test_a_manifest_may_lie_in_s3(find, put):
    version = put("incoming/a.jpg")
    put("manifests/some.jsonl", b'{"s3_key": "incoming/a.jpg"}\n')
    assert find(f"s3://{UPLOADS}/manifests/some.jsonl") == [Picture("incoming/a.jpg", version)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "line 2 is no JSON"),
        ("[" * 5000, "line 2 is no JSON"),
        ("7", "line 2 names no s3_key below incoming/ or adhoc/"),
        ('{"s3_key": "models/a.jpg"}', "line 2 names no s3_key below"),
        ('{"s3_key": ["incoming/a.jpg"]}', "line 2 names no s3_key below"),
        ('{"s3_bucket": "b", "s3_key": "incoming/a"}', "line 2 names another bucket"),
        ('{"s3_key": "incoming/' + "a" * 1100 + '"}', "line 2 has a key or a version_id"),
        ('{"s3_key": "incoming/a", "version_id": 7}', "line 2 has a key or a version_id"),
        ('{"s3_key": "adhoc/\\ud800.jpg"}', "line 2 has a key or a version_id"),
        ('{"s3_key": "incoming/a", "version_id": "\\ud800"}', "line 2 has a key or a version_id"),
        (
            '{"s3_key": "incoming/a", "version_id": "' + "v" * 1100 + '"}',
            "line 2 has a key or a version_id",
        ),
        ('{"s3_key": "incoming/gone.jpg"}', "line 2: incoming/gone.jpg is not in"),
        ("x" * 20_000, "line 2 is longer than 16384 bytes"),
    ],
)
def test_a_damaged_line_of_a_manifest_is_named(find, put, manifest, line, message):
    put("incoming/a.jpg")
    with pytest.raises(UserError, match=message):
        find(manifest('{"s3_key": "incoming/a.jpg"}', line))


@pytest.mark.parametrize("code", ["400", "403", "SlowDown"])
def test_an_answer_that_says_nothing_about_the_picture_is_not_taken_for_a_missing_one(
    find, manifest, aws, aws_error, code
):
    aws.answers["HeadObject"] = aws_error(code)
    with pytest.raises(ClientError, match=code):
        find(manifest('{"s3_key": "incoming/a.jpg"}'))


@pytest.mark.parametrize("source", ["nowhere", "nowhere.jsonl", f"s3://{UPLOADS}/nowhere.jsonl"])
def test_a_source_that_is_not_there_is_named(find, source):
    with pytest.raises(UserError, match="nowhere"):
        find(source)


def test_a_folder_is_uploaded_where_no_event_starts_an_execution_and_only_once(
    find, tmp_path, uploads
):
    folder = tmp_path / "photographs"
    (folder / "monday").mkdir(parents=True)
    (folder / "monday" / "a b.JPG").write_bytes(b"one")
    (folder / "c.png").write_bytes(b"two")
    found = find(folder)
    assert [picture.key.split("/", 3)[3] for picture in found] == ["c.png", "monday/a b.JPG"]
    assert all(picture.key.startswith("adhoc/photographs/") for picture in found)
    assert find(folder) == found
    (folder / "c.png").write_bytes(b"changed")
    assert find(folder)[0] != found[0]
    assert len(uploads.list_object_versions(Bucket=UPLOADS)["Versions"]) == 3


def test_only_pictures_are_uploaded_and_no_link_is_followed(find, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "notes.txt").write_bytes(b"notes")
    with pytest.raises(UserError, match="holds no pictures"):
        find(folder)
