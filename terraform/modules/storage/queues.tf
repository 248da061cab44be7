locals {
  queues = {
    # Cases that wait for a person: review and rejected.
    review = { arn = var.arns.review_queue, statements = [] }

    # Inputs of failed executions, and, as EventBridge's dead-letter queue, events that could
    # not start one.
    failures = {
      arn = var.arns.failures_queue
      statements = [{
        Sid       = "KeepUndeliveredEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = var.arns.failures_queue
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.arns.upload_rule }
          StringEquals = { "aws:SourceAccount" = var.account_id }
        }
      }]
    }
  }
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues

  name                       = "${var.prefix}-${each.key}"
  sqs_managed_sse_enabled    = var.key == null ? true : null
  kms_master_key_id          = one(var.key[*].arn)
  message_retention_seconds  = 14 * 24 * 3600 # the longest there is: nothing may be lost over a holiday
  visibility_timeout_seconds = 300            # time for a person, or a script, to deal with what was received

  # The policy is part of the queue and not a resource of its own: the provider watches each of
  # the two for 25 seconds until it believes that the attributes have arrived.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "RefuseUnencryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.value.statements,
    )
  })
}
