"""The dashboard draws what the service really publishes."""

import json

from tests.integration.localcloud.alarms.service import PREFIX

# No instance stands behind a local endpoint, and the story's model refuses no upload.
NOT_HERE = {("CPUUtilization", None), ("Rejected", "infer")}


def drawn(body):
    """Each metric of the charts: namespace, name and dimensions."""
    for widget in json.loads(body)["widgets"]:
        for row in widget["properties"].get("metrics", []):
            words = [word for word in row if isinstance(word, str)]
            if words:
                namespace, name, *rest = words
                yield namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))


def test_every_metric_that_it_draws_has_been_published(story):
    cloudwatch = story.service.cloud.client("cloudwatch")
    published = {
        (
            metric["Namespace"],
            metric["MetricName"],
            frozenset((item["Name"], item["Value"]) for item in metric["Dimensions"]),
        )
        for metric in cloudwatch.list_metrics()["Metrics"]
    }
    body = cloudwatch.get_dashboard(DashboardName=PREFIX)["DashboardBody"]
    expected = {
        (namespace, name, dimensions)
        for namespace, name, dimensions in drawn(body)
        if (name, dict(dimensions).get("service")) not in NOT_HERE
    }
    assert expected - published == set()
    assert len(expected) > 20
