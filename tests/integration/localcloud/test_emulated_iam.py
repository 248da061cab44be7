"""What the emulated IAM is taught: SimulatePrincipalPolicy answers as AWS's does."""

import json

import pytest

TRUST = {"Version": "2012-10-17", "Statement": []}


def document(*actions, effect="Allow", resource="*", **rest):
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource, **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def simulate(cloud):
    """simulate(policy, actions, resources, context, boundary=None): the decisions, in order."""
    iam = cloud.client("iam")

    def run(policy, actions, resources=(), context=(), boundary=None):
        name = cloud.name("role")
        limits = {}
        if boundary:
            made = iam.create_policy(PolicyName=f"{name}-boundary", PolicyDocument=boundary)
            limits = {"PermissionsBoundary": made["Policy"]["Arn"]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **limits)
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=policy)
        results = iam.simulate_principal_policy(
            PolicySourceArn=role["Role"]["Arn"],
            ActionNames=actions,
            ResourceArns=list(resources),
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": kind}
                for key, kind, values in context
            ],
        )["EvaluationResults"]
        return [result["EvalDecision"] for result in results]

    return run


@pytest.mark.parametrize(
    ("context", "decision"),
    [
        ([("s3:prefix", "string", ["datasets/a"])], "allowed"),
        ([("S3:Prefix", "string", ["datasets/a"])], "allowed"),
        ([("s3:prefix", "string", ["models/a"])], "implicitDeny"),
        ([], "implicitDeny"),
    ],
)
def test_a_condition_is_met_by_the_context_of_the_request(simulate, context, decision):
    condition = {"StringLike": {"s3:prefix": "datasets/*"}}
    policy = document("s3:ListBucket", Condition=condition)
    assert simulate(policy, ["s3:ListBucket"], context=context) == [decision]


def test_every_condition_of_several_must_be_met(simulate):
    condition = {"StringEquals": {"events:source": "ours", "events:detail-type": "Classified"}}
    policy = document("events:PutEvents", Condition=condition)
    source, kind = (
        ("events:source", "string", ["ours"]),
        ("events:detail-type", "string", ["Classified"]),
    )
    for context, decision in (([source, kind], "allowed"), ([source], "implicitDeny")):
        assert simulate(policy, ["events:PutEvents"], context=context) == [decision]


def test_a_key_with_several_values_is_compared_value_by_value(simulate):
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}
    policy = document("s3:PutObject", Condition=condition)
    for values, decision in ((["a", "b"], "allowed"), (["a", "c"], "implicitDeny")):
        context = [("aws:TagKeys", "stringList", values)]
        assert simulate(policy, ["s3:PutObject"], context=context) == [decision]


def test_every_action_is_evaluated_on_every_resource(simulate):
    policy = document("s3:GetObject", resource="arn:aws:s3:::ours/*")
    resources = ["arn:aws:s3:::ours/a", "arn:aws:s3:::theirs/a"]
    assert simulate(policy, ["s3:GetObject", "s3:PutObject"], resources) == [
        "allowed",
        "implicitDeny",
        "implicitDeny",
        "implicitDeny",
    ]


def test_a_permissions_boundary_bounds(simulate):
    boundary = document("s3:*")
    policy = document("s3:GetObject", "sqs:SendMessage")
    decisions = simulate(policy, ["s3:GetObject", "sqs:SendMessage"], boundary=boundary)
    assert decisions == ["allowed", "implicitDeny"]


def test_an_explicit_denial_is_told_from_a_missing_grant(simulate):
    policy = document("s3:GetObject", effect="Deny")
    assert simulate(policy, ["s3:GetObject"]) == ["explicitDeny"]


def test_a_role_that_does_not_exist_is_an_error(cloud):
    iam = cloud.client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::000000000000:role/nobody", ActionNames=["s3:GetObject"]
        )


def test_users_are_simulated_as_before(cloud):
    iam = cloud.client("iam")
    name = cloud.name("user")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=document("s3:GetObject"))
    (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject"])[
        "EvaluationResults"
    ]
    assert result["EvalDecision"] == "allowed"
