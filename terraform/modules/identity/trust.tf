locals {
  # Who may assume each role. The source account and the source ARN keep the service from being
  # talked into it on behalf of a stranger, or of another thing of ours. Each of the four services
  # says in its guide that it sends both: docs/aws-requirements.md has the pages.
  trust = merge(
    # Lambda's guide does not say whether the ARN names the version that runs.
    { for name, arn in var.arns.function : name => { service = "lambda.amazonaws.com", source_arns = [arn, "${arn}:*"] } },
    {
      workflow = { service = "states.amazonaws.com", source_arns = [var.arns.state_machine] }
      # Any of ours: the Express children of a Distributed Map cannot assume a role that demands an ARN.
      batch    = { service = "states.amazonaws.com", source_arns = [] }
      reporter = { service = "states.amazonaws.com", source_arns = [var.arns.failure_report] }
      events   = { service = "events.amazonaws.com", source_arns = [var.arns.upload_rule, var.arns.failures_rule] }
      # Jobs and endpoints are named after the role exists.
      sagemaker = { service = "sagemaker.amazonaws.com", source_arns = ["arn:aws:sagemaker:${var.region}:${var.account_id}:*"] }
    },
  )

  trust_conditions = {
    for role, who in local.trust : role => merge(
      { StringEquals = { "aws:SourceAccount" = var.account_id } },
      length(who.source_arns) > 0 ? { ArnLike = { "aws:SourceArn" = who.source_arns } } : {},
    )
  }
}
