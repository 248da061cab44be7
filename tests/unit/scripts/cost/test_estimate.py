"""What a month costs, line by line, beside a calculation by hand."""

import json
import re
from pathlib import Path

import pytest

from scripts.cost import estimate, wording
from scripts.cost.estimate import Assumptions, Resource, monthly
from scripts.environment import TERRAFORM
from scripts.errors import UserError

MEASURED = {
    "billed_s": {"serialize": 0.2, "infer": 0.05, "filter": 0.01, "monitor": 2.0},
    "execution_s": 0.26,
    "decision_bytes": 900,
    "capture_bytes": 4000,
    "log_bytes": 1000,
}
ALL = [
    *(
        Resource(
            "aws_lambda_function",
            f"f.{name}",
            {"function_name": f"scones-dev-{name}", "memory_size": memory},
        )
        for name, memory in (("serialize", 1024), ("infer", 256), ("filter", 256), ("monitor", 512))
    ),
    Resource("aws_appautoscaling_target", "t", {"min_capacity": 2, "max_capacity": 4}),
    *(Resource("aws_cloudwatch_metric_alarm", f"a{n}", {}) for n in range(24)),
    Resource("aws_kms_key", "k", {}),
]


# Their lines need more than a name.
SERVING = {"aws_appautoscaling_target", "aws_lambda_function"}


@pytest.fixture(autouse=True)
def as_measured(monkeypatch):
    monkeypatch.setattr(estimate, "measured", lambda: MEASURED)


def line(found, what):
    (one,) = [item for item in found.lines if item.what.startswith(what)]
    return one


MONTH = Assumptions(pictures_per_day=1_000_000 / estimate.DAYS_A_MONTH)  # a million a month


@pytest.mark.parametrize(
    ("what", "dollars"),
    [
        ("endpoint, 2 x ml.m5.large", 2 * 730 * 0.115),
        ("24 alarms", 2.40),
        ("key", 1.00),
        ("Express executions", 1.00),
        ("their duration", (0.26 + 0.05) * 0.0625 * 16.67),
        ("calls", 0.60),
        ("serialize, 1024 MB", 0.2 * 1.0 * 13.3334),
        ("infer, 256 MB", 0.05 * 0.25 * 13.3334),
        ("a decision, and its delivery", 2 * 0.625),
        ("VehicleClassified", 0.95),
        ("reading uploads", 0.40),
        ("capture files", 5.0 / 8),
        ("logs", 0.50),
    ],
)
def test_a_line_is_what_it_is_by_hand(what, dollars):
    assert line(monthly(ALL, MONTH), what).monthly == pytest.approx(dollars, rel=1e-3)


def test_what_is_paid_without_a_picture_does_not_depend_on_pictures():
    few, many = (monthly(ALL, Assumptions(pictures_per_day=n)) for n in (1, 1_000_000))
    assert few.idle == pytest.approx(many.idle)
    assert many.monthly - many.idle == pytest.approx(1_000_000 * (few.monthly - few.idle), rel=0.01)


def test_more_instances_than_the_least_may_be_assumed_and_never_fewer():
    five = monthly(ALL, Assumptions(instances=5))
    assert line(five, "endpoint, 5").monthly == pytest.approx(5 * 730 * 0.115)
    assert line(monthly(ALL, Assumptions(instances=1)), "endpoint, 2")


def test_without_an_endpoint_pictures_cost_nothing():
    found = monthly([Resource("aws_kms_key", "k", {})], Assumptions())
    assert (found.monthly, found.per_million) == (1.0, 0.0)


def test_tracing_is_sampled_one_a_second_and_a_twentieth_of_the_rest():
    traced = Resource("aws_sfn_state_machine", "m", {"tracing_configuration": [{"enabled": True}]})
    day = estimate.SECONDS_A_DAY
    found = monthly([*ALL, traced], Assumptions(pictures_per_day=21 * day))
    recorded = 2 * day * estimate.DAYS_A_MONTH
    assert line(found, "traces").quantity == pytest.approx(recorded)


def test_uploads_are_kept_as_long_as_the_lifecycle_says_and_as_old_versions():
    rule = {"filter": [{"prefix": "incoming/"}], "expiration": [{"days": 30}]}
    old = {"filter": [{"prefix": ""}], "noncurrent_version_expiration": [{"noncurrent_days": 15}]}
    lifecycle = Resource("aws_s3_bucket_lifecycle_configuration", "l", {"rule": [rule, old]})
    found = line(monthly([*ALL, lifecycle], MONTH), "uploads kept")
    assert found.quantity == pytest.approx(3000 * 45 / estimate.DAYS_A_MONTH, rel=1e-3)


def test_the_original_workflow_is_dominated_by_its_transitions():
    assert 125 < estimate.original() < 130


def test_what_is_left_out_beyond_hosting_is_uploading_and_keeping():
    found = monthly(ALL, MONTH)
    left_out = ("uploads written", "uploads kept", "captures kept", "decisions kept")
    kept = sum(line(found, what).monthly for what in left_out)
    assert estimate.beyond_hosting(found) == pytest.approx(found.per_million - kept, rel=1e-3)


def test_a_batch_pays_a_transition_and_an_execution_for_a_group_of_pictures():
    found = monthly(ALL, MONTH)
    executions = 1.00 + line(found, "their duration").monthly
    by_hand = estimate.beyond_hosting(found) - executions + (executions + 25) / 20
    assert estimate.in_a_batch(found) == pytest.approx(by_hand, rel=1e-3)
    batch = (TERRAFORM / "modules" / "workflow" / "batch.tf").read_text("utf-8")
    assert f"group_size = max(1, min({estimate.GROUP_SIZE}, " in batch


def test_a_transform_pays_for_checking_each_upload_and_for_an_object_of_each_answer():
    found = monthly(ALL, MONTH)
    checking = 0.2 * 1.0 * 13.3334 + 0.20 + 0.40
    telling = 2 * 0.625 + 0.95
    by_hand = checking + 5.00 + 0.80 + telling
    assert estimate.by_transform(found) == pytest.approx(by_hand, rel=1e-3)


def test_the_shipped_prices_all_have_a_unit_and_are_above_nothing():
    assert all(price > 0 and unit for price, unit in estimate.prices().values())


def test_every_shipped_price_says_how_it_was_looked_up_and_on_which_page_of_aws_it_stands():
    path = Path(estimate.__file__).parent / "prices.json"
    for _, _, how, page in json.loads(path.read_text("utf-8"))["prices"].values():
        assert how in ("listing", "memory")
        assert re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9/-]+/pricing/(on-demand/)?", page)


def test_resources_of_child_modules_count():
    key = {"type": "aws_kms_key", "address": "k", "mode": "managed", "values": {}}
    data = {**key, "mode": "data"}
    module = {"resources": [data], "child_modules": [{"resources": [key]}]}
    assert [item.address for item in estimate.resources_of(module)] == ["k"]


def test_the_table_begins_with_what_is_paid_without_a_picture():
    rows = wording.rows(monthly(ALL, MONTH))
    assert rows[0][1] == "endpoint, 2 x ml.m5.large"
    titles = [row[1] for row in rows if not row[0]]
    assert titles == ["without a picture", "with pictures, beside that", "together"]


def test_as_markdown_it_is_a_table_and_a_conclusion():
    text = wording.markdown(monthly(ALL, MONTH), "us-east-1")
    assert text.startswith("| Service | What |")
    assert "A million pictures cost $" in text


def test_prices_of_another_region_are_said_to_be_so():
    here, there = (wording.markdown(monthly(ALL, MONTH), name) for name in ("us-east-1", "eu-x-1"))
    assert "At the prices of us-east-1, not of eu-x-1" in there
    assert "At the prices" not in here


def test_what_has_no_price_is_named_by_kind():
    gateways = [Resource("aws_nat_gateway", f"g{n}", {}) for n in range(2)]
    found = monthly([*ALL, *gateways], MONTH)
    assert found.unpriced == {"g0": "aws_nat_gateway", "g1": "aws_nat_gateway"}
    assert "Not priced, and in no line: aws_nat_gateway." in wording.markdown(found, "us-east-1")
    assert "Not priced" not in wording.markdown(monthly(ALL, MONTH), "us-east-1")


@pytest.mark.parametrize(
    "kind",
    ["aws_db_instance", "aws_sagemaker_endpoint", "aws_lambda_provisioned_concurrency_config"],
)
def test_what_is_paid_for_by_the_hour_has_no_price_here(kind):
    assert monthly([Resource(kind, "x", {})], MONTH).unpriced_kinds == (kind,)


@pytest.mark.parametrize(
    ("mode", "named"),
    [
        ("PAY_PER_REQUEST", ()),
        ("PROVISIONED", ("aws_dynamodb_table with provisioned capacity",)),
        (None, ("aws_dynamodb_table with provisioned capacity",)),
    ],
)
def test_a_table_has_a_price_only_as_long_as_it_is_paid_by_the_request(mode, named):
    table = Resource("aws_dynamodb_table", "t", {"billing_mode": mode})
    assert monthly([table], MONTH).unpriced_kinds == named


def test_every_kind_of_resource_in_the_configuration_is_counted_or_known_to_be_free():
    text = "".join(file.read_text("utf-8") for file in TERRAFORM.rglob("*.tf"))
    kinds = set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))
    assert kinds
    by_request = {"billing_mode": "PAY_PER_REQUEST"}
    found = monthly([Resource(kind, kind, by_request) for kind in kinds - SERVING], MONTH)
    assert found.unpriced_kinds == ()


def test_an_instance_without_a_price_is_named_with_those_that_have_one():
    with pytest.raises(UserError, match=r"ml\.x1.*It has: ml\.m5\.large"):
        wording.check_instance_type("ml.x1")


def nights(begin, end="cron(0 5 * * ? *)", minimum="1"):
    """Scheduled actions as Terraform's state has them."""
    return [
        Resource(
            "aws_appautoscaling_scheduled_action",
            f"s.{name}",
            {
                "name": f"scones-dev-{name}",
                "schedule": schedule,
                "scalable_target_action": [{"min_capacity": least, "max_capacity": "4"}],
            },
        )
        for name, schedule, least in (("night", begin, minimum), ("day", end, "2"))
    ]


@pytest.mark.parametrize(
    ("scheduled", "instances", "what", "hours"),
    [
        (
            nights("cron(0 20 * * ? *)"),
            None,
            "2 x ml.m5.large, 1 at night",
            730 * (15 * 2 + 9) / 24,
        ),
        (nights("cron(30 4 * * ? *)"), None, "2 x ml.m5.large, 1 at night", 730 * (2 - 0.5 / 24)),
        (nights("cron(0 20 * * ? *)", minimum="4"), None, "2 x ml.m5.large, 4 at night", 2007.5),
        (nights("cron(0 20 ? * MON-FRI *)"), None, "2 x ml.m5.large", 730 * 2),
        (nights("cron(0 20 * * ? *)"), 3, "3 x ml.m5.large", 730 * 3),
    ],
)
def test_nights_have_instances_of_their_own(scheduled, instances, what, hours):
    found = line(monthly([*ALL, *scheduled], Assumptions(instances=instances)), "endpoint")
    assert (found.what, found.quantity) == (f"endpoint, {what}", pytest.approx(hours))


def test_an_estimate_made_at_night_is_that_of_the_day():
    by_night = [
        Resource(one.type, one.address, {"min_capacity": 1, "max_capacity": 4})
        if one.type == "aws_appautoscaling_target"
        else one
        for one in ALL
    ]
    scheduled = nights("cron(0 20 * * ? *)")
    made = [monthly([*some, *scheduled], MONTH).monthly for some in (ALL, by_night)]
    assert made[0] == made[1]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_table_that_can_be_had_back_costs_by_its_size(is_enabled):
    table = {
        "billing_mode": "PAY_PER_REQUEST",
        "point_in_time_recovery": [{"enabled": is_enabled}],
    }
    found = monthly([*ALL, Resource("aws_dynamodb_table", "t", table)], MONTH)
    kept = [one.monthly for one in found.lines if one.what.startswith("decisions kept")]
    gb = 900 * 1e6 * 365 / 30.4 / 1e9
    assert sum(kept) == pytest.approx(gb * (0.45 if is_enabled else 0.25))
    assert estimate.beyond_hosting(found) == pytest.approx(
        estimate.beyond_hosting(monthly(ALL, MONTH))
    )
