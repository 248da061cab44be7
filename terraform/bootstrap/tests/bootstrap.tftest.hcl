# The state bucket, and who may take the roles of GitHub's workflows.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/some" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::scones-terraform-state-123456789012" }
  }
}

variables {
  account_id = "123456789012"
}

run "the_state_is_versioned_encrypted_private_and_where_the_tasks_look_for_it" {
  command = plan

  assert {
    condition     = aws_s3_bucket.state.bucket == "scones-terraform-state-123456789012"
    error_message = "scripts/provisioning/terraform.py looks for the bucket by this name."
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "A damaged state must be recoverable."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls, aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls, aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "Nobody outside may read the state."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The state must travel encrypted."
  }
}

run "without_a_repository_nobody_outside_gets_a_role" {
  command = plan

  assert {
    condition     = length(aws_iam_role.github) + length(aws_iam_policy.github) + length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Roles are made for a repository only."
  }
}

run "a_pull_request_may_plan_and_only_an_approved_environment_may_deploy" {
  command = plan

  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = {
      for name, role in aws_iam_role.github : name => jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      plan   = "repo:owner/name:pull_request"
      deploy = "repo:owner/name:environment:dev"
    }
    error_message = "A role is for one repository, and for one way to it."
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.github : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "Only a token that was made for AWS counts."
  }

  assert {
    condition     = toset([for name, one in aws_iam_role_policy_attachment.github : name]) == toset(["plan-plan", "deploy-provision", "deploy-operate", "deploy-scale", "deploy-bounded"])
    error_message = "The plan's role may read, the deployment's role what a person's may."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.github["bounded"].policy).Statement[0].Condition.StringNotEquals["iam:PermissionsBoundary"] == "arn:aws:iam::123456789012:policy/${aws_iam_policy.github["boundary"].name}"
    error_message = "The deployment may make only roles that the boundary bounds."
  }

  assert {
    condition = length([
      for action in flatten(jsondecode(aws_iam_policy.github["boundary"].policy).Statement[*].Action) : action if can(regex("^(iam|sts|organizations):", action))
    ]) == 0
    error_message = "No role of the environment may change permissions."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.github : !can(regex("PREFIX|PROJECT|ENVIRONMENT|REGION|ACCOUNT", policy.policy)) && can(jsondecode(policy.policy))])
    error_message = "Every placeholder must be filled."
  }

  assert {
    condition = length([
      for action in flatten(jsondecode(aws_iam_policy.github["plan"].policy).Statement[*].Action) : action
      if !can(regex(":(Get|List|Describe|Validate|View)", action)) && !contains(["s3:PutObject", "s3:DeleteObject"], action)
    ]) == 0
    error_message = "A plan must not change anything but the state's lock."
  }
}

run "an_existing_provider_can_be_used" {
  command = plan

  variables {
    github_repository        = "owner/name"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account can have only one."
  }
}

run "an_account_has_twelve_digits" {
  command = plan

  variables {
    account_id = "1234"
  }

  expect_failures = [var.account_id]
}
