"""Pieces of a plan, as `terraform show -json` writes them."""

import json
import re

ROLE = 'module.identity.aws_iam_role_policy.this["infer"]'
BUCKET = 'module.storage.aws_s3_bucket.this["artifacts"]'


def change(address, actions, before=None, after=None, **more):
    return {
        "address": address,
        "type": re.search(r"aws_\w+", address)[0],
        "mode": "managed",
        "module_address": address.rpartition(".aws_")[0],
        "change": {"actions": actions, "before": before, "after": after, **more},
    }


def policy(*statements):
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}
