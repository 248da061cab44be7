"""Layers of a local Lambda."""

import io
import json
import zipfile
from urllib.parse import SplitResult, parse_qs, urlsplit

import awslambdaric.bootstrap
import pytest

from scripts.localcloud import lambda_bootstrap
from scripts.localcloud.lambda_bootstrap import mount_layers

ARN = "arn:aws:lambda:us-east-1:000000000000:layer:common:3"


@pytest.fixture
def layer(monkeypatch):
    """An emulator in which the function `layered` has one layer; returns the layer's downloads."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("python/shared.py", "ANSWER = 42")
    downloads = []

    def get(url):
        match urlsplit(url):
            case SplitResult(path="/2015-03-31/functions/layered/configuration"):
                return json.dumps({"Layers": [{"Arn": ARN}]}).encode()
            case SplitResult(path="/2015-03-31/functions/plain/configuration"):
                return b"{}"
            case SplitResult(path="/2018-10-31/layers", query=query):
                assert parse_qs(query) == {"find": ["LayerVersion"], "Arn": [ARN]}
                return json.dumps({"Content": {"Location": "http://127.0.0.1:9/zip"}}).encode()
            case SplitResult(path="/zip"):
                downloads.append(url)
                return out.getvalue()
        raise AssertionError(url)

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(lambda_bootstrap, "_get", get)
    return downloads


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "layers"
    path.mkdir()
    return path


def test_a_layer_is_unpacked_into_a_folder_of_its_version(layer, folder):
    (mounted,) = mount_layers("layered", folder)
    assert mounted == folder / ARN.replace(":", "_") / "python"
    assert (mounted / "shared.py").read_text() == "ANSWER = 42"


def test_a_layer_is_fetched_once(layer, folder):
    assert mount_layers("layered", folder) == mount_layers("layered", folder)
    assert len(layer) == 1


def test_a_function_without_layers_mounts_none(layer, folder):
    assert mount_layers("plain", folder) == []


def test_when_another_process_is_first_its_copy_is_used_and_ours_is_removed(
    layer, folder, monkeypatch
):
    target = folder / ARN.replace(":", "_")
    extract = zipfile.ZipFile.extractall

    def extract_late(archive, path):
        extract(archive, path)
        extract(archive, target)  # the other process finishes just before

    monkeypatch.setattr(zipfile.ZipFile, "extractall", extract_late)
    assert mount_layers("layered", folder) == [target / "python"]
    assert list(folder.iterdir()) == [target]


@pytest.mark.parametrize("fails", [False, True])
def test_a_call_that_says_nothing_ends_with_an_empty_line(monkeypatch, capsys, fails):
    def handler(event, _context):
        if fails:
            raise ValueError(event)
        return event

    monkeypatch.setattr(awslambdaric.bootstrap, "_get_handler", lambda _name: handler)
    lambda_bootstrap.end_each_log_with_an_empty_line()
    found = awslambdaric.bootstrap._get_handler("handler.handle")
    if fails:
        with pytest.raises(ValueError, match="x"):
            found("x", None)
    else:
        assert found("x", None) == "x"
    assert capsys.readouterr().err == "\n"
