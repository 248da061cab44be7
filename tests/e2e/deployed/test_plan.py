"""`make plan` on what is deployed: nothing, and a change that does harm in four ways at once.

The comment on that change is left in build/example-plan.md; docs/example-plan.md is a copy of it.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.environment import BUILD
from tests.e2e.conftest import ROOT, Place

EXAMPLE = BUILD / "example-plan.md"
COPIED = ("lambdas", "scripts", "terraform", "tasks.py")
# A pull request as nobody should merge it unseen: by file, what is replaced by what.
HARM = {
    "terraform/main.tf": ("${local.prefix}-artifacts-", "${local.prefix}-models-"),
    "terraform/modules/storage/buckets.tf": ("${var.prefix}-artifacts-", "${var.prefix}-models-"),
    "terraform/modules/identity/permissions.tf": (
        "      AskTheModel = {",
        """      TidyUp = {
        actions   = ["s3:DeleteObject"]
        resources = ["${var.arns.uploads_bucket}/*"]
      }
      AskTheModel = {""",
    ),
    "terraform/environments/local.tfvars": (
        "endpoint_scaling = {",
        "latency_threshold_ms = 5000\nendpoint_scaling = { minimum = 4,",
    ),
}


@dataclass(frozen=True)
class Reviewed:
    """A plan: how it ended, and what was written for people and for machines."""

    ended: "subprocess.CompletedProcess[str]"
    comment: str
    document: dict[str, object]

    @property
    def first_ten(self) -> list[str]:
        return self.comment.splitlines()[:10]

    def tells(self, *words: str) -> bool:
        """Whether one of the first ten lines has all of these words."""
        return any(all(word in line for word in words) for line in self.first_ten)


def reviewed(place: Place, folder: Path, checkout: Path = ROOT) -> Reviewed:
    comment, document = folder / "comment.md", folder / "plan.json"
    ended = place.invoke(
        *("plan", "--raw", "--markdown", str(comment), "--json", str(document)), checkout=checkout
    )
    assert ended.returncode in (0, 2), ended.stdout + ended.stderr
    return Reviewed(ended, comment.read_text("utf-8"), json.loads(document.read_text("utf-8")))


@pytest.fixture(scope="module")
def unchanged(deployed: Place, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    return reviewed(deployed, tmp_path_factory.mktemp("unchanged"))


@pytest.fixture(scope="module")
def harmful(deployed: Place, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """The plan of a checkout with the change in it; nothing of it is applied."""
    folder = tmp_path_factory.mktemp("harmful")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    (checkout / "build").mkdir()
    (checkout / "build" / "packages").symlink_to(BUILD / "packages")  # the same code
    for name, (old, new) in HARM.items():
        text = (checkout / name).read_text("utf-8")
        assert text.count(old) == 1, name
        (checkout / name).write_text(text.replace(old, new), "utf-8")
    found = reviewed(deployed, folder, checkout)
    EXAMPLE.write_text(found.comment, "utf-8")
    return found


def test_an_unchanged_tree_has_no_changes_and_nothing_changed_outside_of_terraform(unchanged):
    assert unchanged.ended.returncode == 0
    assert unchanged.comment.startswith("### Plan for `local`: no changes\n- Cost: $")
    assert unchanged.document["counts"] == {}
    assert unchanged.document["changed_outside_terraform"] == []


def test_a_change_ends_in_terraforms_own_code(harmful):
    assert harmful.ended.returncode == 2
    assert harmful.document["counts"]["replace"] >= 1


def test_a_bucket_that_would_be_replaced_is_seen_in_the_first_ten_lines(harmful):
    assert harmful.tells('aws_s3_bucket.this["artifacts"]', "Replaced, and objects with it")
    assert harmful.tells("because of `bucket`")


def test_a_policy_that_would_be_wider_is_seen_there_with_what_it_allows(harmful):
    assert harmful.tells(
        "Wider", 'aws_iam_role_policy.this["infer"]', "s3:DeleteObject on arn:aws:s3:::scones-local"
    )


def test_a_cost_that_would_rise_by_half_is_seen_there(harmful):
    assert harmful.tells("**Cost**", "mostly SageMaker", "10,000 pictures a day")


def test_an_alarm_that_would_be_quieter_is_seen_there(harmful):
    assert harmful.tells("Alarms", "endpoint-latency", "threshold 1000000 -> 5000000")


def test_no_account_number_is_in_what_is_shown_or_written(harmful):
    for text in (harmful.ended.stdout, harmful.comment, json.dumps(harmful.document)):
        assert re.search(r"\d{12}", text) is None
    assert "ACCOUNT" in harmful.comment
