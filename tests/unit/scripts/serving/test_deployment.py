"""The record of what is deployed, and the variables that Terraform gets from it."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.artifacts import Bucket
from scripts.environment import ROOT, Environment
from scripts.serving import deployment
from scripts.serving.deployment import Deployment


@pytest.fixture
def deployed(evaluation_document: dict[str, Any]) -> Deployment:
    return Deployment(
        endpoint_name="scones-dev",
        model_name="scones-dev-efficientnet-1",
        algorithm="efficientnet",
        labels=("bicycle", "motorcycle"),
        image_size_px=128,
        confidence_threshold=0.8125,
        dataset_id="0123456789ab",
        deployed_at="2026-11-23T10:00:00+00:00",
        evaluation=evaluation_document,
    )


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(environment, "BUILD", tmp_path / "build")
    return tmp_path / "build"


def test_a_record_is_read_as_it_was_saved(bucket: Bucket, deployed: Deployment) -> None:
    deployment.save(bucket, deployed)
    assert deployment.load(bucket) == deployed


def test_before_the_first_deployment_there_is_no_record(bucket: Bucket) -> None:
    assert deployment.load(bucket) is None


def test_the_newest_record_is_the_one_that_counts(bucket: Bucket, deployed: Deployment) -> None:
    deployment.save(bucket, deployed)
    deployment.save(bucket, replace(deployed, model_name="another"))
    found = deployment.load(bucket)
    assert found
    assert found.model_name == "another"


def test_the_record_lies_where_the_documentation_says(bucket: Bucket, deployed: Deployment) -> None:
    deployment.save(bucket, deployed)
    assert bucket.keys("") == [
        "deployments/current.json",
        "deployments/history/2026-11-23T100000+0000-scones-dev-efficientnet-1.json",
    ]


def test_the_history_begins_with_the_newest_deployment(
    bucket: Bucket, deployed: Deployment
) -> None:
    later = replace(deployed, deployed_at="2026-11-24T10:00:00+00:00", model_name="another")
    for item in (later, deployed):
        deployment.save(bucket, item)
    assert deployment.history(bucket) == [later, deployed]


def test_a_record_from_before_versions_and_overrides_can_still_be_read(
    bucket: Bucket, deployed: Deployment
) -> None:
    deployment.save(bucket, deployed)
    document = bucket.read_json("deployments/current.json")
    for name in ("stand_in", "version", "override", "stopped_config"):
        del document[name]
    bucket.write_json("deployments/current.json", document)
    assert deployment.load(bucket) == deployed


def test_terraform_is_given_exactly_what_the_deployment_decided(
    build: Path, dev: Environment, deployed: Deployment
) -> None:
    path = deployment.write_var_file(dev, deployed)
    assert path
    assert path.is_relative_to(build)
    assert json.loads(path.read_text()) == {
        "endpoint_name": "scones-dev",
        "labels": ["bicycle", "motorcycle"],
        "confidence_threshold": 0.8125,
        "image_size_px": 128,
        "endpoint_stopped": False,
    }


def test_terraform_is_told_that_the_endpoint_is_switched_off(
    build: Path, dev: Environment, deployed: Deployment
) -> None:
    path = deployment.write_var_file(dev, dataclasses.replace(deployed, stopped_config="config-1"))
    assert path
    assert json.loads(path.read_text())["endpoint_stopped"] is True


def test_every_variable_of_the_file_is_one_of_terraforms(
    build: Path, dev: Environment, deployed: Deployment
) -> None:
    path = deployment.write_var_file(dev, deployed)
    assert path
    declared = re.findall(r'variable "(\w+)"', (ROOT / "terraform" / "variables.tf").read_text())
    assert set(json.loads(path.read_text())) <= set(declared)


def test_terraform_reads_a_file_with_this_ending_as_json(
    build: Path, dev: Environment, deployed: Deployment
) -> None:
    path = deployment.write_var_file(dev, deployed)
    assert path
    assert path.name.endswith(".tfvars.json")


def test_without_a_deployment_there_is_no_file(build: Path, dev: Environment) -> None:
    assert deployment.write_var_file(dev, None) is None
    assert not build.exists()
