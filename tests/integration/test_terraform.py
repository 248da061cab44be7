"""Terraform's own tests, and the configuration's agreement with the Python beside it."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lambdas.common.errors import EndpointTimeout, EndpointUnavailable, Throttled
from lambdas.monitor import store, telling
from scripts.environment import ROOT, TERRAFORM
from scripts.operation.workflow import ADHOC, INCOMING
from scripts.provisioning.package import AWS_TARGET, FUNCTIONS
from scripts.provisioning.terraform import Workspace
from scripts.serving.endpoint import VARIANT
from tests.integration import provisioning


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The local environment's, without a cloud."""
    return provisioning.open_workspace(tmp_path_factory.mktemp("cloud"), {})


def run(workspace: Workspace, *arguments: str) -> str:
    """What terraform answers; it must succeed."""
    answer = subprocess.run(
        [workspace.binary, *arguments],
        cwd=workspace.folder,
        env=workspace.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_configuration_is_valid(workspace):
    run(workspace, "validate", "-no-color")


def test_every_assertion_of_terraform_test_holds(workspace):
    said = run(workspace, "test", "-no-color")
    passed = re.search(r"(\d+) passed, 0 failed", said)
    assert passed, said
    assert int(passed.group(1)) >= len(list((TERRAFORM / "tests").glob("*.tftest.hcl")))


def test_the_bootstrap_is_valid_and_every_assertion_on_it_holds(workspace, tmp_path):
    bootstrap = replace(
        workspace,
        folder=TERRAFORM / "bootstrap",
        variables={**workspace.variables, "TF_DATA_DIR": str(tmp_path)},
    )
    run(bootstrap, "init", "-backend=false", "-input=false", "-lockfile=readonly")
    run(bootstrap, "validate", "-no-color")
    run(bootstrap, "test", "-no-color")


def test_every_environment_file_sets_variables_that_exist():
    declared = set(re.findall(r'^variable "(\w+)"', (TERRAFORM / "variables.tf").read_text(), re.M))
    for path in (TERRAFORM / "environments").glob("*.tfvars"):
        names = set(re.findall(r"^(\w+)\s*=", path.read_text(), re.M))
        assert names <= declared, path.name


def test_the_endpoint_variant_that_alarms_watch_is_the_one_that_is_deployed():
    assert f'default     = "{VARIANT}"' in (TERRAFORM / "variables.tf").read_text()


def test_terraform_and_the_packages_agree_on_runtime_and_functions():
    variables = (TERRAFORM / "variables.tf").read_text()
    assert f'default     = "{AWS_TARGET.runtime}"' in variables
    assert f'default     = "{AWS_TARGET.architecture}"' in variables
    handlers = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    assert handlers == set(FUNCTIONS)


def test_terraform_and_the_scripts_agree_on_the_folders_of_the_uploads_bucket():
    main = (TERRAFORM / "main.tf").read_text()
    assert f'by_event = "{INCOMING}"' in main
    assert f'by_request = "{ADHOC}"' in main


def test_terraform_and_the_monitor_agree_on_its_event_and_its_folders():
    permissions = (TERRAFORM / "modules" / "identity" / "permissions.tf").read_text()
    source, kind = telling.EVENT_SOURCE, telling.EVENT_TYPE
    assert f'"events:source" = "{source}", "events:detail-type" = "{kind}"' in permissions
    for key in (store.CAPTURES, store.STATE, store.BASELINES, store.WINDOWS):
        assert f"/{key.partition('/')[0]}/*" in permissions
    assert f"/{store.DEPLOYMENT}" in permissions


@pytest.mark.parametrize("step", ["Serialize", "Infer"])
@pytest.mark.parametrize("error", [Throttled, EndpointUnavailable, EndpointTimeout])
def test_a_fault_of_a_service_that_a_function_calls_is_retried_by_its_step(step, error):
    definition = (TERRAFORM / "modules" / "workflow" / "classify.asl.json").read_text()
    retriers = json.loads(definition)["States"][step]["Retry"]
    matching = [retrier for retrier in retriers if error.__name__ in retrier["ErrorEquals"]]
    assert [retrier["MaxAttempts"] >= 1 for retrier in matching] == [True]


def test_no_generated_file_lies_among_the_sources():
    left = [path for path in Path(TERRAFORM).rglob("*") if ".terraform" in path.parts]
    assert left == []
