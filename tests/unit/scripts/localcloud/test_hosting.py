"""Model servers in processes of their own."""

import dataclasses
import sys

import psutil
import pytest

from scripts.localcloud import hosting
from scripts.localcloud.hosting import NO_ANSWER, Instance, NotHealthy, Unreachable
from scripts.localcloud.records import JobFailed

GOOD = """
import os, time
def model_fn(folder):
    print("loaded", flush=True)
def input_fn(body, content_type):
    return body.decode()
def predict_fn(text, model):
    if text == "die":
        os._exit(1)
    if text == "sleep":
        time.sleep(60)
    return str(os.getpid())
def output_fn(answer, accept):
    return answer, "text/plain"
"""


@pytest.fixture
def host(services, tmp_path, monkeypatch):
    """host(code): an instance that serves `code`; what still runs at the end is stopped."""
    services = dataclasses.replace(services, work_dir=tmp_path)
    code = []
    started = []

    def unpack(_services, model_dir, _container, extra):
        if not code[0]:
            (model_dir / "code").mkdir(parents=True)
            raise JobFailed("no archive")
        (model_dir / "code").mkdir(parents=True)
        (model_dir / "code" / "inference.py").write_text(code[0])
        return {"PATH": "/usr/bin:/bin", **extra}

    monkeypatch.setattr(hosting, "serving_environment", unpack)
    monkeypatch.setattr(hosting, "RESTART_PAUSE_S", 0.05)

    def start(text):
        code[:] = [text]
        started.append(Instance.start(services, {}, "/group", "stream"))
        return started[-1]

    yield start
    for instance in started:
        instance.stop()


def ask(instance, text=b"hello"):
    return instance.invoke(text, "text/plain", "text/plain")


def folders(tmp_path):
    hosted = tmp_path / "hosting"
    return list(hosted.iterdir()) if hosted.exists() else []


def test_a_healthy_instance_answers_from_a_process_of_its_own(host):
    answer = ask(host(GOOD))
    assert (answer.status, answer.content_type) == (200, "text/plain")
    assert "serving.py" in " ".join(psutil.Process(int(answer.body)).cmdline())


def test_its_output_is_logged(host, services, eventually):
    instance = host(GOOD)
    instance.stop()
    (sent,) = services.logs.made("put_log_events")
    assert [event["message"] for event in sent["logEvents"]] == ["loaded"]


def test_a_stopped_instance_leaves_neither_process_nor_files(host, tmp_path):
    instance = host(GOOD)
    pid = int(ask(instance).body)
    instance.stop()
    assert not psutil.pid_exists(pid)
    assert folders(tmp_path) == []
    with pytest.raises(Unreachable):
        ask(instance)


@pytest.mark.parametrize("code", ["raise SystemExit('cannot')", "def model_fn(_): 1 / 0", "("])
def test_a_server_that_does_not_come_up_is_not_healthy(host, tmp_path, code):
    with pytest.raises(NotHealthy):
        host(code)
    assert folders(tmp_path) == []


def test_a_server_that_takes_too_long_is_not_healthy(host, tmp_path, monkeypatch):
    monkeypatch.setattr(hosting, "START_TIMEOUT_S", 0.3)
    with pytest.raises(NotHealthy):
        host("import time\ntime.sleep(60)")
    assert folders(tmp_path) == []


def test_an_unusable_archive_leaves_no_files(host, tmp_path):
    with pytest.raises(JobFailed, match="no archive"):
        host("")
    assert folders(tmp_path) == []


def test_a_server_that_dies_breaks_off_and_comes_back(host, eventually):
    instance = host(GOOD)
    before = ask(instance).body
    assert ask(instance, b"die").status == 503

    def answer_again():
        try:
            answer = ask(instance)
        except Unreachable:
            return None
        return answer if answer.status == 200 else None

    assert eventually(answer_again).body != before


def test_a_server_that_is_silent_too_long_has_no_answer(host, monkeypatch):
    monkeypatch.setattr(hosting, "ANSWER_TIMEOUT_S", 0.2)
    answer = ask(host(GOOD), b"sleep")
    assert answer.status == NO_ANSWER
    assert answer.body.startswith(b"Your invocation timed out while waiting for a response")


def test_a_server_may_be_stopped_while_it_starts(host, tmp_path, monkeypatch):
    monkeypatch.setattr(Instance, "_await_ready", lambda self: None)
    instance = host("import time\ntime.sleep(60)")
    instance.stop()
    assert folders(tmp_path) == []
    assert not [
        process
        for process in psutil.Process().children(recursive=True)
        if sys.executable in process.cmdline() and str(tmp_path) in " ".join(process.cmdline())
    ]
