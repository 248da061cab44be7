"""The local cloud's process before anything runs in it."""

import os
import shutil

import pytest

from scripts.localcloud import __main__ as main


def test_what_a_predecessor_left_is_removed_and_what_is_others_is_not(tmp_path):
    theirs = tmp_path / "letters" / "letter.txt"
    for path in (theirs, tmp_path / "s3" / "bucket" / "object", tmp_path / "tmp" / "x"):
        path.parent.mkdir(parents=True)
        path.write_text("something")
    (tmp_path / "cloud.json").write_text("{}")
    main._clear(tmp_path)
    assert list(tmp_path.iterdir()) == [theirs.parent]
    assert theirs.exists()


def test_the_log_begins_anew(tmp_path):
    (tmp_path / "cloud.log").write_text("of a predecessor")
    main._clear(tmp_path)
    assert (tmp_path / "cloud.log").read_text() == ""


def test_processes_that_still_write_are_waited_for(tmp_path, monkeypatch):
    (tmp_path / "s3").mkdir()
    remove = shutil.rmtree
    refusals = [OSError("Directory not empty")] * 3

    def refuse_at_first(path):
        if refusals:
            raise refusals.pop()
        remove(path)

    monkeypatch.setattr(main.shutil, "rmtree", refuse_at_first)
    main._clear(tmp_path)
    assert not (tmp_path / "s3").exists()


def test_what_cannot_be_removed_is_an_error_in_the_end(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError("never")

    (tmp_path / "s3").mkdir()
    monkeypatch.setattr(main, "CLEAR_TIMEOUT_S", 0.1)
    monkeypatch.setattr(main.shutil, "rmtree", refuse)
    with pytest.raises(PermissionError, match="never"):
        main._clear(tmp_path)


def test_the_users_settings_of_aws_and_proxies_are_forgotten(monkeypatch):
    environ = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "HOME": "/me"}
    monkeypatch.setattr(os, "environ", environ)
    main._forget_the_user()
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3"} & environ.keys()
    assert environ["AWS_ACCESS_KEY_ID"] == "test"
    assert (environ["NO_PROXY"], environ["no_proxy"]) == ("*", "*")
    assert environ["HOME"] == "/me"


def test_a_folder_is_locked_by_one_at_a_time(tmp_path):
    assert main._lock(tmp_path / "cloud.lock")
    assert not main._lock(tmp_path / "cloud.lock")


def test_the_emulators_port_is_none_that_outgoing_connections_get():
    assert main._free_port() in range(20_000, 32_000)
