"""A model folder is what was written, or it is refused."""

import json

import pytest

import artefact
from artefact import ArtefactError


@pytest.fixture
def folder(tmp_path):
    artefact.write(tmp_path, b"graph", {"labels": ["a", "b"], "image_size": 64})
    return tmp_path


def test_what_is_written_is_read_back(folder):
    found = artefact.read(folder)
    assert (found.model, found.labels, found.image_size) == (b"graph", ("a", "b"), 64)


def test_the_size_counts_every_file(tmp_path):
    size_bytes = artefact.write(tmp_path, b"graph", {"labels": [], "image_size": 64})
    assert size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", [artefact.MODEL, artefact.DESCRIPTION])
def test_a_changed_file_is_refused(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    with pytest.raises(ArtefactError, match=f"{name} is not the file that was trained"):
        artefact.read(folder)


@pytest.mark.parametrize("name", [artefact.MODEL, artefact.DESCRIPTION, artefact.MANIFEST])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name} is missing"):
        artefact.read(folder)


def test_a_file_that_the_manifest_does_not_know_is_refused(folder):
    manifest = json.loads((folder / artefact.MANIFEST).read_text())
    del manifest["files"][artefact.MODEL]
    (folder / artefact.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"says nothing about model\.onnx"):
        artefact.read(folder)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}'])
def test_a_manifest_of_another_format_is_refused(folder, content):
    (folder / artefact.MANIFEST).write_text(content)
    with pytest.raises(ArtefactError, match=r"manifest\.json is not"):
        artefact.read(folder)


def test_a_description_without_labels_is_refused(tmp_path):
    artefact.write(tmp_path, b"graph", {"image_size": 64})
    with pytest.raises(ArtefactError, match="lacks usable labels"):
        artefact.read(tmp_path)


def test_the_code_that_containers_add_is_ignored(folder):
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text("")
    assert artefact.read(folder).labels == ("a", "b")
