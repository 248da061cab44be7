"""The demo while it runs: one at a time, watched from outside, and gone with its make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts import demo, destroy, terraform
from scripts.console import Screen
from scripts.environment import ROOT, Environment
from scripts.errors import UserError


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(quiet=True))


# The subscriber


def test_the_subscriber_counts_every_event_it_is_sent_repetitions_included(
    aws: Any, dev: Environment
) -> None:
    sqs = dev.client("sqs")
    ids = [f"image-{number}" for number in range(12)]
    with demo._subscriber(dev) as told:
        url = sqs.get_queue_url(QueueName="scones-dev-demo-subscriber")["QueueUrl"]
        for image in [*ids, ids[0]]:
            body = json.dumps({"detail": {"image_id": image}})
            sqs.send_message(QueueUrl=url, MessageBody=body)
        assert Counter(told()) == Counter([*ids, ids[0]])
        assert Counter(told()) == Counter([*ids, ids[0]])  # and none of them again


def test_the_subscriber_is_told_of_classified_vehicles_alone(aws: Any, dev: Environment) -> None:
    with demo._subscriber(dev):
        (rule,) = aws.made("PutRule")
        (target,) = aws.made("PutTargets")[0]["Targets"]
        url = dev.client("sqs").get_queue_url(QueueName=rule["Name"])["QueueUrl"]
        attributes = dev.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )["Attributes"]
        assert target["Arn"] == attributes["QueueArn"]
    assert json.loads(rule["EventPattern"]) == {
        "source": ["scones.classifier"],
        "detail-type": ["VehicleClassified"],
    }


def test_the_subscriber_leaves_nothing_behind_even_when_something_fails(
    aws: Any, dev: Environment
) -> None:
    with pytest.raises(ValueError, match="why"), demo._subscriber(dev):
        raise ValueError("why")
    assert dev.client("events").list_rules()["Rules"] == []
    assert "QueueUrls" not in dev.client("sqs").list_queues()


# Removing everything


def test_models_go_before_buckets_buckets_before_terraforms_and_then_all_is_looked_at(
    dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(text: str, result: Any = None) -> Callable[..., Any]:
        return lambda *args: (order.append(text.format(*map(str, args))), result)[1]

    outputs = {"uploads_bucket": "uploads", "artifacts_bucket": "artifacts"}
    monkeypatch.setattr(terraform, "open_workspace", note("open"))
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: outputs)
    monkeypatch.setattr(terraform, "destroy", note("terraform", 3))
    monkeypatch.setattr(destroy, "remove_models", note("models"))
    monkeypatch.setattr(destroy, "empty_bucket", note("bucket {1}"))
    monkeypatch.setattr(destroy, "inventory", note("inventory", ["queue left"]))
    assert demo.destroy_environment(dev, screen) == ["queue left"]
    assert order == [
        "open",
        "models",
        "bucket uploads",
        "bucket artifacts",
        "terraform",
        "inventory",
    ]


def test_an_environment_that_was_never_provisioned_can_be_destroyed(
    dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: {})
    monkeypatch.setattr(terraform, "destroy", lambda *_args: 0)
    monkeypatch.setattr(destroy, "remove_models", lambda *_args: None)
    monkeypatch.setattr(destroy, "inventory", lambda _environment: [])
    assert demo.destroy_environment(dev, screen) == []


# One at a time


def test_a_second_demo_in_the_same_folder_is_told_so(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "demo.lock"
    with (
        demo.only_one(lock),
        pytest.raises(UserError, match="Another `make demo` runs"),
        demo.only_one(lock),
    ):
        pytest.fail("Two demos run.")


def test_the_next_demo_may_run_when_the_first_has_ended_or_failed(tmp_path: Path) -> None:
    lock = tmp_path / "demo.lock"
    with pytest.raises(ValueError, match="why"), demo.only_one(lock):
        raise ValueError("why")
    with demo.only_one(lock):
        assert lock.exists()


def _python(program: str, **environ: str) -> subprocess.Popen[bytes]:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, **environ},
    )


def test_a_killed_demo_does_not_keep_the_next_one_from_running(tmp_path: Path) -> None:
    lock = tmp_path / "demo.lock"
    killed = _python(
        "import pathlib, time\n"
        "from scripts.demo import only_one\n"
        f"with only_one(pathlib.Path({str(lock)!r})):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    assert killed.stdout
    assert killed.stdout.readline() == b"held\n"
    with pytest.raises(UserError), demo.only_one(lock):
        pytest.fail("Two demos run.")
    killed.kill()
    killed.communicate()
    with demo.only_one(lock):
        assert lock.exists()


# Ending with make


_MAKE = """
import subprocess
subprocess.Popen([sys.executable, "-c", sys.argv[1]]).wait()
"""
_DEMO = """
import sys, time
sys.path.insert(0, {root!r})
from scripts.demo import end_with_make
end_with_make(0.02)
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped as if by Ctrl-C", flush=True)
"""


def test_a_demo_whose_make_is_killed_stops_as_if_by_ctrl_c() -> None:
    program = _DEMO.format(root=str(ROOT))
    make = subprocess.Popen(
        [sys.executable, "-c", f"import sys{_MAKE}", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "MAKELEVEL": "1"},
    )
    assert make.stdout
    assert make.stdout.readline() == b"ready\n"
    make.kill()
    # Up to the end of what the demo prints, which is the end of the demo.
    assert make.stdout.read() == b"stopped as if by Ctrl-C\n"
    make.stdout.close()
    make.wait()


def test_a_demo_that_was_not_started_by_make_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    started: list[Any] = []
    monkeypatch.setattr("threading.Thread.start", lambda thread: started.append(thread))
    demo.end_with_make()
    assert started == []
    monkeypatch.setenv("MAKELEVEL", "1")
    demo.end_with_make()
    assert len(started) == 1
