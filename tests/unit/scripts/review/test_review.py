"""What a reviewer is told of a plan: dangers within the first ten lines, and nothing secret."""

import re

import pytest

from scripts.review import comment, review
from scripts.review.wording import code
from tests.unit.scripts.review.plans import BUCKET, ROLE, allow, change, policy

ALARM = 'module.observability.aws_cloudwatch_metric_alarm.this["latency"]'


def judged(*changes, before=(), after=(), **more):
    def state(resources):
        return {"root_module": {"resources": list(resources)}}

    return review.review(
        "dev",
        {
            "resource_changes": list(changes),
            "prior_state": {"values": state(before)},
            "planned_values": state(after),
            **more,
        },
    )


def hosted(instances):
    return {
        "type": "aws_appautoscaling_target",
        "address": "t",
        "mode": "managed",
        "values": {"min_capacity": instances},
    }


def told(found, *words):
    first_ten = comment.markdown(found).splitlines()[:10]
    return any(all(word in line for word in words) for line in first_ten)


MANY = [change(f'module.storage.aws_thing.t["{n}"]', ["update"], {}, {"a": n}) for n in range(40)]


def test_a_bucket_that_would_be_replaced_is_told_first_with_the_reason():
    replaced = change(BUCKET, ["delete", "create"], {"bucket": "a"}, {"bucket": "b"})
    replaced["change"]["replace_paths"] = [["bucket"]]
    found = judged(*MANY, replaced)
    assert told(found, "Replaced, and objects with it", BUCKET, "because of `bucket`")


def test_a_policy_that_would_be_wider_is_told_first_with_what_it_lets_do():
    before = policy(allow("s3:GetObject", "arn:aws:s3:::b/*"))
    after = policy(allow(["s3:GetObject", "s3:DeleteObject"], "arn:aws:s3:::b/*"))
    found = judged(*MANY, change(ROLE, ["update"], before, after))
    assert told(found, "Wider", ROLE, "its role may s3:DeleteObject on arn:aws:s3:::b/*")


def test_a_cost_that_would_rise_by_half_is_told_first():
    found = judged(*MANY, before=[hosted(2)], after=[hosted(3)])
    assert told(found, "**Cost**", "$167.90 before, $251.85 after (+50%)", "mostly SageMaker")


def test_a_cost_that_would_rise_by_less_is_told_without_a_warning():
    found = judged(before=[hosted(3)], after=[hosted(4)])
    assert told(found, "- Cost: $251.85 before, $335.80 after (+33%)")
    assert found.warnings() == []


def managed(kind, **values):
    return {"type": kind, "address": f"{kind}.x", "mode": "managed", "values": values}


def test_something_new_without_a_price_is_named_first():
    found = judged(*MANY, before=[hosted(2)], after=[hosted(2), managed("aws_nat_gateway")])
    assert told(found, "⚠️ **Cost**", "as before", "; not priced: `aws_nat_gateway`")
    assert found.as_json()["monthly_usd"]["not_priced"] == ["aws_nat_gateway"]


def test_a_table_that_would_be_provisioned_is_named_first():
    before, after = (
        managed("aws_dynamodb_table", billing_mode=mode)
        for mode in ("PAY_PER_REQUEST", "PROVISIONED")
    )
    found = judged(*MANY, before=[before], after=[after])
    assert told(found, "⚠️ **Cost**", "not priced: `aws_dynamodb_table with provisioned capacity`")


def test_what_had_no_price_before_is_named_without_a_warning():
    gateway = managed("aws_nat_gateway")
    found = judged(before=[hosted(2), gateway], after=[hosted(2), gateway])
    assert told(found, "- Cost: $167.90 a month, as before", "not priced: `aws_nat_gateway`")
    assert found.warnings() == []


def test_what_has_a_price_or_is_free_is_not_named():
    known = [hosted(2), managed("aws_kms_key"), managed("aws_iam_role")]
    found = judged(after=known)
    assert "not priced" not in comment.markdown(found)
    assert found.as_json()["monthly_usd"]["not_priced"] == []


@pytest.mark.parametrize(("region", "is_said"), [("us-east-1", False), ("eu-west-1", True)])
def test_a_cost_at_the_prices_of_another_region_says_so(region, is_said):
    found = judged(after=[hosted(2)], variables={"region": {"value": region}})
    for text in (comment.markdown(found), comment.text(found).replace("eu-west-1", "`eu-west-1`")):
        assert (", at the prices of us-east-1, not of `eu-west-1`" in text) is is_said
    assert found.as_json()["monthly_usd"]["prices_of"] == "us-east-1"


def test_all_of_it_at_once_is_in_the_first_ten_lines():
    lost = [change(f'aws_s3_bucket.this["{n}"]', ["delete"], {"bucket": "a"}) for n in range(5)]
    wider = [
        change(f'aws_iam_role_policy.this["{n}"]', ["update"], policy(), policy(allow("s3:x", "b")))
        for n in range(5)
    ]
    everything = change(ROLE, ["update"], policy(), policy(allow("*", "*")))
    others = [change(f"aws_x.y{n}", ["delete"], {"a": n}, None) for n in range(9)]
    unread = [change(f"aws_a_policy.p{n}", ["create"], None, {"a": n}) for n in range(5)]
    after = [hosted(9), managed("aws_nat_gateway")]
    found = judged(*others, *lost, *wider, everything, *unread, before=[hosted(2)], after=after)
    assert told(found, "Destroyed, and objects with it")
    assert told(found, "Wider", "its role may * on *")
    assert told(found, "**Cost**", "+350%", "not priced: `aws_nat_gateway`")
    assert told(found, "Look there yourself", "`aws_a_policy.p0`")
    assert told(found, "**5 more** that lose data or widen a policy")


def test_a_bucket_comes_before_logs():
    logs = [change(f"aws_cloudwatch_log_group.l{n}", ["delete"], {"name": "a"}) for n in range(5)]
    assert told(judged(*logs, change(BUCKET, ["delete"], {"bucket": "a"})), "Destroyed", BUCKET)


def test_an_alarm_that_would_look_away_is_told():
    changed = change(ALARM, ["update"], {"threshold": 1000}, {"threshold": 5000})
    assert told(judged(*MANY, changed), "Alarms", ALARM, "threshold 1000 -> 5000")
    assert told(judged(*MANY, change(ALARM, ["delete"], {"threshold": 1000})), "Alarms", "destroy")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("aws_cloudwatch_log_group", {"retention_in_days": 30}, {"retention_in_days": 1}),
        ("aws_dynamodb_table", {"deletion_protection_enabled": True}, {}),
        ("aws_s3_bucket_public_access_block", {"block_public_acls": True}, {}),
        ("aws_s3_bucket", {"force_destroy": False}, {"force_destroy": True}),
        ("aws_kms_key", {"is_enabled": True}, {"is_enabled": False}),
        ("aws_cloudwatch_event_target", {"dead_letter_config": [{"arn": "q"}]}, {}),
    ],
)
def test_protection_that_would_be_weaker_is_told(kind, before, after):
    address = f"module.storage.{kind}.x"
    assert told(judged(*MANY, change(address, ["update"], before, after)), "protection", address)


def test_a_bucket_that_may_no_longer_be_deleted_with_its_objects_is_no_danger():
    kept = change(BUCKET, ["update"], {"force_destroy": True}, {"force_destroy": False})
    assert judged(kept).warnings() == []


@pytest.mark.parametrize(
    "kind",
    [
        "aws_cloudwatch_event_permission",
        "aws_lambda_layer_version_permission",
        "aws_sagemaker_model_package_group_policy",
    ],
)
def test_a_grant_that_is_not_read_is_named_and_nothing_is_said_of_no_policy(kind):
    found = judged(change(f"{kind}.x", ["create"], None, {"principal": "*"}))
    assert told(found, "Look there yourself", f"`{kind}.x`")
    assert "no policy is wider" not in comment.markdown(found)


def test_tags_are_no_danger():
    tagged = change(ALARM, ["update"], {"tags": {"a": "b"}}, {"tags": {"a": "c"}})
    assert judged(tagged).warnings() == []


def test_less_is_no_warning():
    found = judged(change(ROLE, ["update"], policy(allow("s3:GetObject", "a")), policy()))
    assert found.warnings() == []
    assert "its role may no longer s3:GetObject on a" in comment.markdown(found)


def test_the_first_deployment_is_not_an_alarm_but_what_it_lets_everybody_do_is():
    def role(name, *statements):
        made = {"name": name, "assume_role_policy": "{}"}
        held = {"role": name, **policy(*statements)}
        return [
            change(f"aws_iam_role.{name}", ["create"], None, made),
            change(f"aws_iam_role_policy.{name}", ["create"], None, held),
        ]

    found = judged(*role("tame", allow("s3:x", "a")), *role("wild", allow("s3:*", "a")))
    assert not told(found, "Wider")
    assert told(found, "New, for everything or everybody", "aws_iam_role_policy.wild", "s3:*")
    assert told(found, "New, with policies of their own", "aws_iam_role_policy.tame")


@pytest.mark.parametrize("rights", ["managed_policy_arns", "inline_policy"])
def test_what_a_new_role_has_besides_is_to_be_looked_at(rights):
    made = {"name": "n", "assume_role_policy": "{}", rights: ["anything"]}
    found = judged(change("aws_iam_role.n", ["create"], None, made))
    assert told(found, "Look there yourself", "aws_iam_role.n", rights)


def test_a_policy_that_is_not_told_is_named():
    unknown = change(ROLE, ["update"], policy(), {}, after_unknown={"policy": True})
    assert told(judged(unknown), "Look there yourself", ROLE, "known after apply")


@pytest.mark.parametrize("length", [0, 250])
def test_no_account_no_address_and_no_text_of_an_attribute_is_told(length):
    secret = {"password": "hunter2", "endpoint": "me@example.com", "tags": {"a": "hunter2"}}
    changed = change('aws_sns_topic_subscription.s["me@example.com"]', ["update"], {}, secret)
    # However long the name is, no part of the number is left where it is cut.
    for shift in range(0, 40, 3) if length else (0,):
        arn = f"arn:aws:sqs:us-east-1:{'x' * (length + shift)}:123456789012:q"
        wider = change(ROLE, ["update"], policy(), policy(allow("sqs:SendMessage", arn)))
        found = judged(changed, wider)
        for text in (comment.markdown(found), comment.text(found), comment.document(found)):
            assert "1234" not in text
            assert "hunter2" not in text
            assert "me@example.com" not in text


def test_names_cannot_break_out_of_their_place():
    evil = 'aws_x.y["`](http://evil) | <img>\n## Approved\x1b[2J\u202e"]'
    found = judged(change(evil, ["create"], None, {"a": 1}))
    for text in (comment.markdown(found), comment.text(found)):
        assert "\n## Approved" not in text
        assert "`](http" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_name_is_code_whatever_it_holds():
    assert code("a`b|c\nd") == "`a'b/c d`"
    assert len(code("x" * 9999)) < 400


def test_a_comment_always_fits():
    long = [change(f'aws_x.y["{n}{"y" * 200}"]', ["update"], {}, {"a": n}) for n in range(900)]
    text = comment.markdown(judged(*long))
    assert len(text) < 65_536
    assert re.search(r"\d+ more lines: see them with `make plan`\.\n$", text)


def test_changes_are_told_by_module_the_gravest_first():
    lines = comment.text(
        judged(
            change("module.storage.aws_a.x", ["update"], {"n": 1}, {"n": 2}),
            change("module.storage.aws_b.x", ["delete"], {"n": 1}, None),
            change("module.workflow[0].aws_c.x", ["create"], None, {"n": 1}),
            change("module.workflow[0].aws_d.x", ["no-op"], {}, {}),
        )
    ).splitlines()
    assert lines[0] == "Plan for dev: 1 to destroy, 1 to change, 1 to add"
    assert lines[lines.index("storage") + 1] == "- destroy aws_b.x"
    assert lines[lines.index("storage") + 2] == "- change aws_a.x (n 1 -> 2)"
    assert lines[lines.index("workflow") + 1] == "- add aws_c.x"
    assert not any("aws_d" in line for line in lines)


def test_what_was_changed_outside_of_terraform_is_named_and_null_is_nothing():
    def drift(address, before, after):
        return {"address": address, "change": {"before": before, "after": after}}

    found = judged(
        resource_drift=[
            drift("aws_x.changed", {"a": 1}, {"a": 2}),
            drift("aws_x.gone", {"a": 1}, None),
            drift("aws_x.same", {"tags": None, "a": 1}, {"tags": {}, "a": 1}),
        ]
    )
    assert found.drifted == ("aws_x.changed", "aws_x.gone")
    assert told(found, "Changed outside of Terraform: `aws_x.changed`, `aws_x.gone`")


def test_nothing_to_change_is_said_in_a_line():
    assert comment.text(judged()).splitlines()[0] == "Plan for dev: no changes"


def test_outputs_alone_are_a_change_too():
    text = comment.text(judged(output_changes={"a": {"actions": ["update"]}}))
    assert text.splitlines()[0] == "Plan for dev: only outputs differ"
    assert text.splitlines()[-1] == "Outputs that differ: a"
