"""Start, stop and sudden death: no process stays behind, and the next start works."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from scripts.environment import ROOT
from scripts.errors import UserError
from scripts.localcloud import control

GROUP = "/aws/sagemaker/TrainingJobs"
# A job that does not end when it is asked to.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("working", flush=True)
time.sleep(600)
"""


@pytest.fixture
def file(tmp_path):
    """The file of a local cloud's whereabouts; what still runs there at the end is stopped."""
    path = tmp_path / "place" / "cloud" / "cloud.json"
    yield path
    control.down(path)
    await_nobody(path)


def processes_of(file):
    """Command lines, by process id, of every living process in the cloud's folder or told of it."""
    folder = str(file.parent)
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            line = " ".join(process.cmdline())
            told = [line, process.cwd(), process.environ().get("TMPDIR", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(folder in text for text in told):
                found[process.pid] = line
    return found


def await_nobody(file):
    deadline = time.monotonic() + 10
    while processes_of(file) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(file) == {}


def find_processes(file, words):
    """Those whose command line contains `words`, without the guards above them."""
    return [
        psutil.Process(pid)
        for pid, line in processes_of(file).items()
        if words in line and "guard.py" not in line
    ]


def start_job(cloud):
    name = cloud.start_training(STUBBORN)
    cloud.wait_for(lambda: cloud.logs(GROUP, name))
    return name


def in_a_process(code, file):
    """Run `code` in a Python of its own, with `file` at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


UP = "import sys, pathlib; from scripts.localcloud import control; f = pathlib.Path(sys.argv[1]);"


def test_a_second_up_finds_the_running_one(cloud):
    file = cloud.folder / "cloud.json"
    found = control.up(file, detached=False)
    assert found == control.find(file)
    assert found.endpoints == cloud.endpoints


def test_two_that_start_at_once_get_the_same_cloud(file):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(control.up(file, detached=False)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]


def test_down_leaves_nothing_behind_and_says_whether_there_was_something(file):
    control.up(file, detached=False)
    (emulator,) = find_processes(file, "scripts.localcloud.emulator")
    assert control.down(file) is True
    assert not emulator.is_running()  # without a wait for its guard to notice
    await_nobody(file)
    assert control.find(file) is None
    assert control.down(file) is False


def test_down_is_quick_while_a_job_runs_that_ignores_it(file, start_cloud):
    start_job(start_cloud(file))
    began = time.monotonic()
    control.down(file)
    assert time.monotonic() - began < 30  # a job that is asked to stop has two minutes
    await_nobody(file)


def test_down_stops_a_cloud_that_is_just_starting(file):
    def start():
        with contextlib.suppress(UserError):  # which is how it says that it was stopped
            control.up(file, detached=False)

    starter = threading.Thread(target=start)
    starter.start()
    deadline = time.monotonic() + 10
    while not control.down(file):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    starter.join()
    control.down(file)  # in case it had been started again
    await_nobody(file)


def test_a_detached_cloud_outlives_its_starter(file):
    starter = in_a_process(f"{UP} print(control.up(f).pid)", file)
    output, _ = starter.communicate(timeout=30)
    found = control.find(file)
    assert found is not None
    assert found.pid == int(output)


def test_a_cloud_that_is_not_detached_ends_with_its_starter_however_that_ends(file):
    code = f"{UP} print(control.up(f, detached=False).pid, flush=True); sys.stdin.read()"
    starter = in_a_process(code, file)
    assert starter.stdout.readline().strip().isdecimal()
    starter.kill()
    starter.wait()
    starter.stdout.close()
    await_nobody(file)


def test_nothing_survives_the_supervisor_and_the_next_start_works(file, start_cloud):
    cloud = start_cloud(file)
    endpoint = cloud.create_endpoint(cloud.create_config(cloud.create_model("first")))
    start_job(cloud)
    assert cloud.invoke(endpoint)["Body"]["word"] == "first"
    supervisor = psutil.Process(control.find(file).pid)
    supervisor.kill()
    supervisor.wait(5)
    again = start_cloud(file)  # at once: the others may still be dying
    assert again.sagemaker.list_endpoints()["Endpoints"] == []
    assert find_processes(file, "serving.py") == []


def test_nothing_survives_the_emulator_and_the_next_start_works(file, start_cloud):
    start_job(start_cloud(file))
    (emulator,) = find_processes(file, "scripts.localcloud.emulator")
    emulator.kill()
    await_nobody(file)
    assert control.find(file) is None
    assert "ended by itself; see ministack.log" in (file.parent / "cloud.log").read_text()
    assert start_cloud(file)


def test_a_killed_training_process_fails_its_job(cloud):
    name = start_job(cloud)
    (training,) = find_processes(cloud.folder / "cloud.json", "train.py")
    training.kill()
    job = cloud.end_of_training(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "ExitCode 137" in job["FailureReason"]


def test_a_killed_model_server_is_replaced(cloud):
    file = cloud.folder / "cloud.json"
    before = find_processes(file, "serving.py")
    name = cloud.create_endpoint(cloud.create_config(cloud.create_model("first")))
    (killed,) = set(find_processes(file, "serving.py")) - set(before)
    killed.kill()
    group = f"/aws/sagemaker/Endpoints/{name}"
    cloud.wait_for(lambda: cloud.logs(group) == ["loading first"] * 2)
    cloud.wait_for(lambda: killed not in find_processes(file, "serving.py"))
    assert cloud.invoke(name)["Body"]["word"] == "first"


def test_what_a_dead_cloud_left_is_not_taken_for_a_running_one(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": os.getpid(), "endpoints": {}}))
    assert control.find(file) is None


def test_a_start_that_fails_says_the_last_line_of_its_log(file, tmp_path, monkeypatch):
    monkeypatch.setattr(control, "ROOT", tmp_path)  # where there is nothing to start
    with pytest.raises(UserError, match=r"did not start: .*No module named 'scripts'"):
        control.up(file, detached=False)


def test_a_start_that_takes_too_long_is_given_up(file, monkeypatch):
    monkeypatch.setattr(control, "START_TIMEOUT_S", 0.2)
    file.parent.mkdir(parents=True)
    with (file.parent.parent / "cloud.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="The local cloud did not start: no answer"):
            control.up(file, detached=False)
