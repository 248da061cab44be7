"""What a changed policy means: nothing that is wider is left out, and little else is called so."""

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.review import grants
from scripts.review.changes import changes
from scripts.review.policies import differences
from tests.unit.scripts.review.plans import BUCKET, ROLE, allow, change, policy

SECURE = {"Bool": {"aws:SecureTransport": "false"}}


def deny(action, resource, **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def found(*several):
    return differences(changes({"resource_changes": list(several)}))


def wider(before, after, address=ROLE):
    """What is told as wider of one policy's change."""
    return [
        grant for one in found(change(address, ["update"], before, after)) for grant in one.wider
    ]


def test_a_new_action_is_wider():
    before, after = (
        policy(allow("s3:GetObject", "b")),
        policy(allow(["s3:GetObject", "s3:Put"], "b")),
    )
    assert wider(before, after) == ["its role may s3:Put on b"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (allow("s3:Get*", "b/*"), allow("s3:GetObject", "b/incoming/*")),
        (allow("*", "*"), allow("s3:GetObject", "b")),
        (allow("s3:GetObject", ["a", "b"]), allow(["s3:GetObject"], "b")),
        (allow("s3:Get", "b"), allow("s3:Get", "b", Condition=SECURE)),
        (allow("s3:Get", "b"), deny("s3:Get", "b")),
    ],
)
def test_less_than_before_is_not_wider(before, after):
    assert wider(policy(before), policy(after)) == []
    assert wider(policy(after), policy(before))


def test_the_same_in_other_words_is_no_change():
    before = policy(allow("s3:GetObject", ["a", "b"]))
    after = policy(allow(["S3:getobject"], "b"), allow("s3:GetObject", "a"))
    assert found(change(ROLE, ["update"], before, after)) == []


@pytest.mark.parametrize("pattern", ["s3:Get?", "s3:GetObject?", "s3:[a-z]*"])
def test_a_question_mark_is_one_character_and_nothing_else_is_a_pattern(pattern):
    assert wider(policy(allow(pattern, "b")), policy(allow("s3:Get*", "b")))


def test_a_condition_that_is_taken_away_or_changed_makes_it_wider():
    bound = policy(allow("sqs:SendMessage", "q", Condition={"StringEquals": {"a": "1"}}))
    other = policy(allow("sqs:SendMessage", "q", Condition={"StringEquals": {"a": "2"}}))
    assert wider(bound, policy(allow("sqs:SendMessage", "q"))) == [
        "its role may sqs:SendMessage on q"
    ]
    assert "where" in wider(bound, other)[0]


def test_a_denial_that_is_taken_away_makes_it_wider_in_words_that_say_so():
    before = policy(deny("s3:*", "b", Principal="*", Condition=SECURE))
    (told,) = wider(before, policy(), "aws_s3_bucket_policy.p")
    assert told.startswith("* is no longer denied s3:* on b where")


def test_a_narrower_denial_is_wider():
    assert wider(policy(deny("s3:*", "*")), policy(deny("s3:Put*", "*")))
    assert not wider(policy(deny("s3:Put*", "*")), policy(deny("s3:*", "*")))


@pytest.mark.parametrize("name", ["NotAction", "NotResource", "NotPrincipal"])
def test_everything_but_something_is_the_gravest(name):
    statement = {**allow("s3:x", "a", Principal="p"), name: "b"}
    (one,) = found(change("aws_s3_bucket_policy.p", ["update"], policy(), policy(statement)))
    assert "everything but b" in one.wider[0]
    assert one.gravity == 0


def test_everybody_is_graver_than_a_new_action_and_that_than_another_resource():
    before = policy(allow("s3:Get", "b", Principal="p"))
    rest = {"*": 0, "q": 2}
    for who, gravity in rest.items():
        after = policy(allow("s3:Get", "b", Principal={"AWS": who}))
        (one,) = found(change("aws_s3_bucket_policy.p", ["update"], before, after))
        assert one.gravity == gravity
    (one,) = found(
        change(
            "aws_s3_bucket_policy.p",
            ["update"],
            before,
            policy(allow("s3:Put", "b", Principal="p")),
        )
    )
    assert one.gravity == 1


def test_everybody_of_one_account_is_not_everybody_but_everybody_else_is():
    for operator, gravity in (("StringEquals", 1), ("StringNotEquals", 0)):
        condition = {operator: {"kms:CallerAccount": "123456789012"}}
        given_ = policy(allow("kms:Sign", "*", Principal={"AWS": "*"}, Condition=condition))
        (one,) = found(change("aws_kms_key.k", ["update"], policy(), given_))
        assert one.gravity == gravity


@pytest.mark.parametrize(
    ("condition", "is_bound"),
    [
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "123456789012"}}, False),
        ({"ArnLike": {"aws:SourceArn": "*"}}, False),
        ({"ArnLike": {"aws:SourceArn": ["*"]}}, False),
    ],
)
def test_a_condition_that_every_stranger_meets_binds_nobody(condition, is_bound):
    public = policy(allow("s3:GetObject", "b/x", Principal="*", Condition=condition))
    (one,) = found(change("aws_s3_bucket_policy.p", ["update"], policy(), public))
    assert (one.gravity > 0) == is_bound


@pytest.mark.parametrize(
    ("address", "attribute"),
    [
        ("aws_lambda_function.f", "role"),
        ("aws_sfn_state_machine.m", "role_arn"),
        ("aws_cloudwatch_event_target.t", "role_arn"),
        ("aws_sagemaker_model.m", "execution_role_arn"),
    ],
)
def test_another_role_is_to_be_read(address, attribute):
    (one,) = found(change(address, ["update"], {attribute: "filter"}, {attribute: "admin"}))
    assert one.to_read == f"{attribute} differs"
    assert found(change(address, ["create"], None, {attribute: "admin"})) == []


def test_in_a_keys_own_policy_everything_is_the_key():
    (one,) = found(change("aws_kms_key.k", ["update"], policy(), policy(allow("kms:Sign", "*"))))
    assert (one.wider, one.gravity) == (("whoever has it may kms:Sign on this key",), 1)


def test_whom_a_role_trusts_is_a_policy_too():
    def trust(*services):
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": services},
        }
        return {"assume_role_policy": json.dumps({"Statement": statement})}

    (one,) = found(change("aws_iam_role.r", ["update"], trust("a.com"), trust("a.com", "b.com")))
    assert one.wider == ("b.com may sts:AssumeRole",)


def test_a_boundary_that_is_taken_from_a_role_is_told():
    (one,) = found(
        change(
            "aws_iam_role.r",
            ["update"],
            {"permissions_boundary": "b"},
            {"permissions_boundary": None},
        )
    )
    assert one.to_read == "permissions_boundary differs"


def test_a_policy_that_is_attached_is_told_with_its_name():
    given_ = {
        "role": "scones-dev-infer",
        "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
    }
    (one,) = found(change("aws_iam_role_policy_attachment.a", ["create"], None, given_))
    assert one.wider == (
        "scones-dev-infer may do all that arn:aws:iam::aws:policy/AdministratorAccess allows",
    )
    assert not one.is_new


@pytest.mark.parametrize("kind", ["aws_iam_user", "aws_iam_access_key", "aws_lambda_function_url"])
def test_what_grants_something_in_another_way_is_to_be_read(kind):
    (one,) = found(change(f"{kind}.x", ["create"], None, {"name": "x"}))
    assert one.to_read


def test_a_function_that_others_may_call_is_told():
    given_ = {"principal": "*", "action": "lambda:InvokeFunction", "function_name": "f"}
    (one,) = found(change("aws_lambda_permission.p", ["create"], None, given_))
    assert one.wider == ("* may lambda:InvokeFunction on f",)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"principal_org_id": "o-1"}, "of organization o-1"),
        ({"function_url_auth_type": "AWS_IAM"}, "by a URL of type AWS_IAM"),
    ],
)
def test_a_function_that_others_may_call_without_a_limit_that_they_had_is_wider(limit, words):
    open_to_all = {"principal": "*", "action": "lambda:InvokeFunctionUrl", "function_name": "f"}
    bound = open_to_all | limit
    replaced = change("aws_lambda_permission.p", ["delete", "create"], bound, open_to_all)
    (one,) = found(replaced)
    assert one.wider == ("* may lambda:InvokeFunctionUrl on f",)
    assert one.gravity == 0
    (new,) = found(change("aws_lambda_permission.p", ["create"], None, bound))
    assert new.wider == (f"* may lambda:InvokeFunctionUrl on f where {words}",)


@pytest.mark.parametrize(
    "kind",
    [
        "aws_cloudwatch_event_permission",
        "aws_lambda_layer_version_permission",
        "aws_sagemaker_model_package_group_policy",
        "aws_kms_grant",
        "aws_lakeformation_permissions",
        "aws_iot_policy_attachment",
        "aws_eks_access_policy_association",
        "aws_s3_bucket_acl",
    ],
)
def test_what_grants_something_by_its_name_is_to_be_read(kind):
    (one,) = found(change(f"{kind}.x", ["create"], None, {"principal": "*"}))
    assert one.to_read == "what it grants is not read here"
    assert not one.is_new


def test_a_policy_of_scaling_grants_nothing():
    assert found(change("aws_appautoscaling_policy.x", ["create"], None, {"name": "x"})) == []


def test_an_attribute_that_grants_something_is_to_be_read():
    opened = change("aws_s3_bucket.x", ["update"], {"acl": "private"}, {"acl": "public-read"})
    taken = change("aws_vpc_endpoint.x", ["update"], policy(deny("*", "*")), {"policy": None})
    new = change("aws_secretsmanager_secret.x", ["create"], None, policy(allow("*", "*")))
    assert [one.to_read for one in found(opened, taken, new)] == [
        "acl differs",
        "policy differs",
        "policy differs",
    ]


def test_an_attribute_that_aws_computes_for_something_new_says_nothing():
    unknown = {"policy": True, "acl": True}
    new = change("aws_s3_bucket.x", ["create"], None, {"bucket": "x"}, after_unknown=unknown)
    assert found(new) == []


def test_a_policy_that_only_apply_will_show_or_that_is_secret_is_to_be_read():
    unknown = change(ROLE, ["update"], policy(), {}, after_unknown={"policy": True})
    secret = change(
        ROLE, ["update"], policy(), policy(allow("s3:x", "hush")), after_sensitive={"policy": True}
    )
    assert [one.to_read for one in found(unknown, secret)] == [
        "its policy is known after apply",
        "its policy is marked as sensitive",
    ]
    assert "hush" not in str(found(secret))


def test_two_policies_that_cannot_be_read_are_not_taken_for_the_same():
    assert "cannot be read" in wider({"policy": "{"}, {"policy": "}"})[0]
    assert wider({"policy": "{"}, {"policy": "{"}) == []


def test_policies_of_a_new_role_are_new_and_those_of_an_old_role_are_wider():
    role = change("aws_iam_role.r", ["create"], None, {"name": "new", "assume_role_policy": "{}"})
    for name, is_new in (("new", True), ("old", False)):
        given_ = {"role": name, **policy(allow("s3:Get", "b"))}
        one = found(role, change(ROLE, ["create"], None, given_))[-1]
        assert (one.address, one.is_new) == (ROLE, is_new)


def test_the_denial_of_a_bucket_that_is_gone_is_not_missed():
    before = {"bucket": "b", **policy(deny("s3:*", "b", Principal="*"))}
    gone = change("aws_s3_bucket_policy.p", ["delete"], before)
    assert found(change(BUCKET, ["delete"], {"bucket": "b"}), gone) == []
    assert found(gone)[0].wider


def test_a_policy_that_follows_a_bucket_to_its_new_name_is_not_wider():
    old, new = ({"bucket": name, "arn": f"arn:aws:s3:::{name}"} for name in ("a-b", "a-c"))
    replaced = change(BUCKET, ["delete", "create"], old, {"bucket": new["bucket"]})

    def reading(name):
        return policy(allow("s3:Get", [f"arn:aws:s3:::{name}/*", "arn:aws:s3:::a-b-other/*"]))

    assert found(replaced, change(ROLE, ["update"], reading("a-b"), reading("a-c"))) == []
    elsewhere = found(replaced, change(ROLE, ["update"], reading("a-b"), reading("a-d")))
    assert elsewhere[0].wider == ("its role may s3:Get on arn:aws:s3:::a-d/*",)


# An oracle: which of a few concrete actions on a few resources a policy allows.
WORDS = ["".join(word) for n in range(4) for word in itertools.product("ab", repeat=n)]
PATTERNS = st.text("ab*?", max_size=3)
STATEMENTS = st.builds(
    lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
    st.sampled_from(["Allow", "Deny"]),
    st.lists(PATTERNS, min_size=1, max_size=2),
    st.lists(PATTERNS, min_size=1, max_size=2),
)


def matching(pattern):
    regex = "".join({"*": ".*", "?": "."}.get(c, c) for c in pattern)
    return {word for word in WORDS if re.fullmatch(regex, word)}


def allowed(statements):
    by_effect = {"Allow": set(), "Deny": set()}
    for one in statements:
        for action, resource in itertools.product(one["Action"], one["Resource"]):
            by_effect[one["Effect"]] |= set(itertools.product(matching(action), matching(resource)))
    return by_effect["Allow"] - by_effect["Deny"]


@given(st.lists(STATEMENTS, max_size=3), st.lists(STATEMENTS, max_size=3))
def test_nothing_that_is_wider_is_left_out(before, after):
    told = wider(policy(*before), policy(*after))
    assert told or allowed(after) <= allowed(before)


@given(PATTERNS, PATTERNS)
def test_a_pattern_covers_another_only_if_it_matches_all_that_the_other_does(one, other):
    covers = grants.Grant("Allow", "", "x", one, "").covers(
        grants.Grant("Allow", "", "x", other, "")
    )
    assert not covers or matching(other) <= matching(one)


@given(st.lists(STATEMENTS, max_size=3))
def test_a_policy_is_not_wider_than_itself(statements):
    assert wider(policy(*statements), policy(*reversed(statements))) == []
