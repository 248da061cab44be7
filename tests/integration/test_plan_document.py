"""What the real Terraform says of each kind of change, and what is made of it.

Without a provider's help: terraform_data is Terraform's own.
"""

import json
import subprocess

import pytest

from scripts.provisioning import terraform_release
from scripts.review import changes

BEFORE = """
variable "secret" {
  default   = "hunter2"
  sensitive = true
}
resource "terraform_data" "changed" { input = { size = 1, name = "a", list = ["x"] } }
resource "terraform_data" "destroyed" {}
resource "terraform_data" "forgotten" {}
resource "terraform_data" "old_name" {}
resource "terraform_data" "replaced" { triggers_replace = ["a"] }
resource "terraform_data" "secret" { input = { size = 1, key = var.secret } }
resource "terraform_data" "unchanged" { input = "same" }
output "told" { value = "a" }
"""
AFTER = """
variable "secret" {
  default   = "hunter3"
  sensitive = true
}
resource "terraform_data" "added" {}
resource "terraform_data" "changed" { input = { size = 2, name = "b", list = ["y", "z"] } }
removed {
  from = terraform_data.forgotten
  lifecycle { destroy = false }
}
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
resource "terraform_data" "new_name" {}
resource "terraform_data" "replaced" { triggers_replace = ["b"] }
resource "terraform_data" "secret" { input = { size = 2, key = var.secret } }
resource "terraform_data" "unchanged" { input = "same" }
output "told" { value = "b" }
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A plan from BEFORE to AFTER as Terraform's JSON."""
    folder = tmp_path_factory.mktemp("terraform")

    def run(*arguments):
        return subprocess.run(
            [terraform_release.find(), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    (folder / "main.tf").write_text(BEFORE)
    run("init", "-input=false")
    run("apply", "-auto-approve", "-input=false")
    (folder / "main.tf").write_text(AFTER)
    run("plan", "-input=false", "-out=plan")
    return json.loads(run("show", "-json", "plan"))


@pytest.fixture(scope="module")
def found(document):
    return {change.name.partition(".")[2]: change for change in changes.changes(document)}


def test_every_kind_of_change_is_told_by_its_name(found):
    assert {name: change.action for name, change in found.items()} == {
        "added": "add",
        "changed": "change",
        "destroyed": "destroy",
        "forgotten": "forget",
        "new_name": "move",
        "replaced": "replace",
        "secret": "change",
    }


def test_numbers_are_told_and_texts_are_not(found):
    told = found["changed"].differences
    assert told == ("input.size 1 -> 2", "input.list", "input.name", "output")


def test_a_secret_is_not_told_nor_what_stands_beside_it(found):
    assert found["secret"].differences == ("input", "output")


def test_what_forces_a_replacement_is_told(found):
    assert found["replaced"].because == ("triggers_replace",)


def test_what_only_apply_tells_counts_as_different(found):
    assert "id" in found["added"].unknown
    assert "output" in found["changed"].unknown


def test_outputs_are_told(document):
    assert changes.changed_outputs(document) == ["told"]


def test_a_plan_without_changes_has_none(document):
    assert changes.changes({"resource_changes": None}) == []
    assert changes.drifted(document) == []
