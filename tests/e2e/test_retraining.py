"""Challengers on their way to a live endpoint: good ones arrive, the others do no harm.

One environment, and somebody who uses it all the time. The tests build on each other's fixtures:
each is a next day in the life of one endpoint.
"""

import io
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.client import Client, aws
from tests.e2e.conftest import LENIENT, QUICK, ROOT, Place
from tests.faulty_checkout import checkout_with

ENDPOINT = "scones-local"
CALM_S = 5.0  # how long nothing must fail after a rollback
FAILS = '    if bytes(body[:2]) == b"\\xff\\xd8":\n        raise RuntimeError("JPEG")\n'
SLOW = "    import time\n\n    if bytes(body[:2]) == b'\\xff\\xd8':\n        time.sleep(0.5)\n"


@dataclass(frozen=True)
class Live:
    """The environment, and pictures that its model knows: three PNG and one JPEG, in turn."""

    place: Place
    pictures: list[bytes]

    def client(self) -> Client:
        return Client(self.place.cloud, self.pictures)

    def endpoint(self) -> dict[str, Any]:
        found: dict[str, Any] = aws(self.place.cloud, "sagemaker").describe_endpoint(
            EndpointName=ENDPOINT
        )
        return found

    def retrain(self, *options: str, checkout: Path = ROOT) -> tuple[int, str]:
        """Exit code and output of a retraining."""
        words = ("retrain", *QUICK, *LENIENT, *options)
        ended = self.place.invoke(*words, checkout=checkout)
        return ended.returncode, ended.stdout + ended.stderr

    def await_calm(self) -> None:
        """Return when no rollback alarm fires any more."""
        cloudwatch = aws(self.place.cloud, "cloudwatch")
        deadline = time.monotonic() + 90
        while firing := cloudwatch.describe_alarms(
            AlarmNamePrefix=f"{ENDPOINT}-rollback", StateValue="ALARM"
        )["MetricAlarms"]:
            assert time.monotonic() < deadline, firing
            time.sleep(0.5)


@pytest.fixture(scope="module")
def live(place, small_dataset) -> Live:
    """A champion in service."""
    here = place()
    for words in (
        ("cloud.up",),
        ("deploy", "--source", str(small_dataset), *QUICK, *LENIENT),
    ):
        ended = here.invoke(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    png = [path.read_bytes() for path in sorted((small_dataset / "test").glob("*/*_00[0-2].png"))]
    jpeg = io.BytesIO()
    with Image.open(io.BytesIO(png[0])) as picture:
        picture.save(jpeg, "JPEG", quality=95)
    return Live(here, [*png[:3], jpeg.getvalue()])


def swapped(dataset: Path, folder: Path) -> Path:
    """New pictures whose labels are wrong: mirrored and turned, each in the other's folder."""
    classes = ("bicycle", "motorcycle")
    for name, other in zip(classes, reversed(classes), strict=True):
        (folder / other).mkdir(parents=True)
        for path in (dataset / "train" / name).iterdir():
            with Image.open(path) as picture:
                for number, turn in enumerate((Image.Transpose.ROTATE_180, None)):
                    turned = picture.transpose(turn) if turn is not None else picture
                    lighter = turned.point(lambda value: min(255, value + 9))
                    lighter.save(folder / other / f"{number}-{path.name}")
    return folder


# A good challenger, whose retraining is killed on the way


@dataclass(frozen=True)
class Killed:
    """A retraining that was killed while it trained, a second one beside it, and the next."""

    second: tuple[int, str]
    again: tuple[int, str]
    client: Client
    champion: str
    jobs: list[str]


@pytest.fixture(scope="module")
def killed(live: Live) -> Killed:
    champion = live.endpoint()["EndpointConfigName"]
    sagemaker = aws(live.place.cloud, "sagemaker")
    before = {job["TrainingJobName"] for job in _jobs(sagemaker)}
    with live.client() as client:
        first = live.place.start("retrain", *QUICK, *LENIENT, "--set", "seed=1")
        first.wait_for("epoch=1/")
        second = live.retrain()
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        again = live.place.invoke("retrain", *LENIENT, "--bake", "10")
    jobs = [job["TrainingJobName"] for job in _jobs(sagemaker)]
    return Killed(
        second,
        (again.returncode, again.stdout + again.stderr),
        client,
        champion,
        [job for job in jobs if job not in before],
    )


def _jobs(sagemaker: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    return found


def test_a_second_retraining_beside_the_first_is_refused(killed: Killed):
    code, said = killed.second
    assert code == 1
    assert "Another retraining is under way" in said


def test_a_killed_retraining_goes_on_with_the_training_job_that_it_had_begun(killed: Killed):
    code, said = killed.again
    assert code == 0, said
    assert len(killed.jobs) == 1


def test_a_good_challenger_takes_over_and_nobody_notices(live: Live, killed: Killed):
    assert live.endpoint()["EndpointConfigName"] != killed.champion
    assert killed.client.answered > 0
    assert killed.client.failures == []


def test_a_retraining_ends_with_one_table(killed: Killed):
    said = killed.again[1]
    for text in ("Champion", "Challenger", "Accuracy on test", "Threshold", "deployed"):
        assert text in said


# A challenger that is worse


@pytest.fixture(scope="module")
def worse(live: Live, killed: Killed, small_dataset, tmp_path_factory) -> tuple[int, str]:
    """A retraining with pictures that somebody labelled wrongly."""
    folder = tmp_path_factory.mktemp("labelled") / "wrongly"
    return live.retrain("--add", str(swapped(small_dataset, folder)))


def test_a_challenger_that_is_worse_is_rejected_with_the_reason(worse: tuple[int, str]):
    code, said = worse
    assert code == 1
    assert "rejected" in said
    assert "worse" in said


def test_pictures_of_a_rejected_retraining_are_not_kept(live: Live, worse: tuple[int, str]):
    plan = live.place.invoke("retrain", "--dry-run")
    assert "stage: 102 train, 18 validation, 20 test pictures" in plan.stdout


def test_a_rejected_version_is_not_deployed(live: Live, worse: tuple[int, str]):
    before = live.endpoint()["EndpointConfigName"]
    ended = live.place.invoke("endpoint", "--version", "3")
    assert ended.returncode == 1
    assert "rejected" in ended.stderr
    assert "--override" in ended.stderr
    assert live.endpoint()["EndpointConfigName"] == before


@pytest.fixture(scope="module")
def overridden(live: Live, worse: tuple[int, str]) -> tuple[Client, list[str]]:
    """The rejected version is deployed all the same, and rolled back by hand."""
    said = []
    with live.client() as client:
        for words in (
            ("endpoint", "--version", "3", "--override", "a drill", "--strategy", "all-at-once"),
            ("models",),
            ("rollback", "--reason", "the drill is over"),
            ("models",),
        ):
            ended = live.place.invoke(*words, *(("--bake", "0") if "--version" in words else ()))
            assert ended.returncode == 0, ended.stdout + ended.stderr
            said.append(ended.stdout)
    return client, said


def test_a_rejected_version_is_deployed_only_by_an_override(overridden):
    (line,) = [line for line in overridden[1][1].splitlines() if "live" in line]
    assert line.split()[0] == "3"


def test_going_back_by_hand_returns_to_the_approved_version_before(overridden):
    (line,) = [line for line in overridden[1][3].splitlines() if "live" in line]
    assert line.split()[0] == "2"
    assert "approved" in line


def test_neither_an_override_nor_going_back_fails_a_request(overridden):
    client, _ = overridden
    assert client.answered > 0
    assert client.failures == []


# Challengers that only traffic shows to be broken


@dataclass(frozen=True)
class Broken:
    """A retraining with a fault in the serving code, and who used the endpoint meanwhile."""

    code: int
    said: str
    client: Client
    config_before: str
    after: dict[str, Any]
    ended: float


def _retrain_broken(live: Live, folder: Path, fault: str, seed: int) -> Broken:
    live.await_calm()
    before = live.endpoint()["EndpointConfigName"]
    with live.client() as client:
        code, said = live.retrain(
            "--set", f"seed={seed}", checkout=checkout_with(folder / "checkout", fault)
        )
        ended = time.time()
        after = live.endpoint()
        time.sleep(CALM_S)
    return Broken(code, said, client, before, after, ended)


@pytest.fixture(scope="module")
def failing(live: Live, overridden, tmp_path_factory) -> Broken:
    """A challenger that answers 500 for every fourth picture."""
    return _retrain_broken(live, tmp_path_factory.mktemp("failing"), FAILS, seed=2)


@pytest.fixture(scope="module")
def slow(live: Live, failing: Broken, tmp_path_factory) -> Broken:
    """A challenger that takes a hundred times as long for every fourth picture."""
    return _retrain_broken(live, tmp_path_factory.mktemp("slow"), SLOW, seed=3)


@pytest.fixture(params=["failing", "slow"])
def broken(request: pytest.FixtureRequest) -> tuple[Broken, str]:
    """Each of the two, and the end of the name of the alarm that must end it."""
    found: Broken = request.getfixturevalue(request.param)
    return found, {"failing": "rollback-5xx-rate", "slow": "rollback-latency-p99"}[request.param]


def test_a_broken_challenger_is_rolled_back_and_the_retraining_says_so(broken):
    found, alarm = broken
    assert found.code == 1, found.said
    assert "rolled back" in found.said
    assert alarm in found.said


def test_the_endpoint_serves_its_previous_model_and_names_the_alarm(broken):
    found, alarm = broken
    assert found.after["EndpointStatus"] == "InService"
    assert found.after["EndpointConfigName"] == found.config_before
    assert alarm in found.after["FailureReason"]


def test_no_request_fails_after_the_rollback(broken):
    found, _ = broken
    assert found.client.answered > 0
    assert found.client.failures_since(found.ended) == []


def test_the_failing_challenger_had_really_answered(failing: Broken):
    assert failing.client.failures
    assert all("JPEG" in why for _, why in failing.client.failures)


def test_a_slow_challenger_fails_no_request_at_all(slow: Broken):
    assert slow.client.failures == []


def test_a_model_that_was_rolled_back_is_rejected(live: Live, slow: Broken):
    said = live.place.invoke("models").stdout
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()[:1].isdigit()}
    assert "rejected" in rows["4"]
    assert "rejected" in rows["5"]
    assert "live" in rows["2"]
