locals {
  # Who may assume each role. The source account, and the source ARN where the service sends
  # one, keep the service from being talked into it on behalf of a stranger.
  trust = {
    serialize = { service = "lambda.amazonaws.com" }
    infer     = { service = "lambda.amazonaws.com" }
    filter    = { service = "lambda.amazonaws.com" }
    workflow  = { service = "states.amazonaws.com", source_arn = var.arns.state_machine }
    events    = { service = "events.amazonaws.com", source_arn = var.arns.upload_rule }
    # Jobs and endpoints are named after the role exists.
    sagemaker = { service = "sagemaker.amazonaws.com", source_arn = "arn:aws:sagemaker:${var.region}:${var.account_id}:*" }
  }

  trust_conditions = {
    for role, who in local.trust : role => merge(
      { StringEquals = { "aws:SourceAccount" = var.account_id } },
      { for operator, arn in { ArnLike = try(who.source_arn, null) } : operator => { "aws:SourceArn" = arn } if arn != null },
    )
  }
}
