"""Where a function's metrics belong."""

import pytest

from lambdas.common import metrics
from lambdas.common.errors import InvalidSettings


@pytest.mark.parametrize("name", ["METRIC_NAMESPACE", "ENVIRONMENT"])
def test_a_wrong_setting_is_named(environment: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        metrics.load_publisher({**environment, name: ""}, "filter")


def test_metrics_are_told_apart_by_environment_and_function(environment: dict[str, str]) -> None:
    found = metrics.load_publisher(environment, "filter")
    assert found == metrics.Publisher("scones", "test", "filter")
