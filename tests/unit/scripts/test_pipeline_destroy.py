"""Removing an environment: in an order that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import pipeline
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.provisioning import destroy, terraform

pytestmark = pytest.mark.usefixtures("aws")


def test_models_go_before_buckets_buckets_before_terraforms_and_then_all_is_looked_at(
    dev: Environment, screen: Screen, shown: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(text: str, result: Any = None) -> Callable[..., Any]:
        return lambda *args: (order.append(text.format(*map(str, args))), result)[1]

    monkeypatch.setattr(terraform, "open_workspace", note("open"))
    monkeypatch.setattr(terraform, "destroy", note("terraform", 3))
    monkeypatch.setattr(destroy, "remove_models", note("models"))
    monkeypatch.setattr(destroy, "empty_bucket", note("bucket {1}"))
    monkeypatch.setattr(destroy, "inventory", note("inventory", ["queue left"]))
    assert pipeline.destroy(dev, screen) == ["queue left"]
    assert order == [
        "open",
        "models",
        "bucket scones-dev-uploads-123456789012",
        "bucket scones-dev-artifacts-123456789012",
        "terraform",
        "inventory",
    ]
    assert "3 resources removed, 1 left" in shown()


def test_an_environment_that_was_never_provisioned_can_be_destroyed(
    dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "destroy", lambda *_args: 0)
    monkeypatch.setattr(destroy, "remove_models", lambda *_args: None)
    monkeypatch.setattr(destroy, "inventory", lambda _environment: [])
    assert pipeline.destroy(dev, screen) == []


@pytest.mark.parametrize(("failures", "is_removed"), [(1, True), (2, False)])
def test_what_was_written_to_a_bucket_after_it_was_emptied_is_removed_once_more(
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    is_removed: bool,
) -> None:
    emptied: list[str] = []
    results = iter([UserError("api error BucketNotEmpty: it is not")] * failures + [3])

    def remove(*_args: object) -> int:
        result = next(results)
        if isinstance(result, UserError):
            raise result
        return result

    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "destroy", remove)
    monkeypatch.setattr(destroy, "remove_models", lambda *_args: None)
    monkeypatch.setattr(destroy, "empty_bucket", lambda _env, name, _say: emptied.append(name))
    monkeypatch.setattr(destroy, "inventory", lambda _environment: [])
    if is_removed:
        assert pipeline.destroy(dev, screen) == []
    else:
        with pytest.raises(UserError, match="BucketNotEmpty"):
            pipeline.destroy(dev, screen)
    assert emptied == 2 * [f"scones-dev-{name}-123456789012" for name in ("uploads", "artifacts")]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform destroys nothing."""

    def fail(*_args: object) -> int:
        raise UserError("terraform destroy failed. The bucket is not empty.")

    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "destroy", fail)
    monkeypatch.setattr(destroy, "remove_models", lambda *_args: None)


@pytest.mark.usefixtures("failing")
def test_what_still_costs_is_shown_when_the_removal_fails_too(
    dev: Environment, screen: Screen, shown: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = ["Endpoint scones-dev", "queue scones-dev-review"]
    monkeypatch.setattr(destroy, "inventory", lambda _environment: left)
    with pytest.raises(UserError, match="The bucket is not empty"):
        pipeline.destroy(dev, screen)
    assert "left: Endpoint scones-dev: still costs its instances, by the hour" in shown()
    assert "left: queue scones-dev-review: costs nothing" in shown()


@pytest.mark.usefixtures("failing")
def test_a_removal_that_fails_is_told_even_where_nothing_can_be_listed(
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    aws_error: Callable[..., ClientError],
) -> None:
    def refuse(_environment: object) -> list[str]:
        raise aws_error("AccessDenied")

    monkeypatch.setattr(destroy, "inventory", refuse)
    with pytest.raises(UserError, match="The bucket is not empty"):
        pipeline.destroy(dev, screen)
    assert "What is left cannot be listed: An error occurred (AccessDenied)" in shown()
