# `alarms` tells of everything; `pages` only of what gets somebody out of bed, so that a paging service
# can be subscribed to all of it.
#
# Without a key of ours they are not encrypted: CloudWatch may not use SNS's own key, and its alarms
# would get lost.
locals {
  emails      = { alarms = var.alarm_email, pages = var.page_email }
  topic_names = { for name in keys(local.emails) : name => "${var.prefix}-${name}" }
  topic_arns  = { for name, topic in local.topic_names : name => "arn:aws:sns:${var.region}:${var.account_id}:${topic}" }
}

resource "aws_sns_topic" "this" {
  for_each = local.topic_names

  name              = each.value
  kms_master_key_id = one(var.key[*].arn)

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LetAlarmsPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:${var.region}:${var.account_id}:alarm:${var.prefix}-*" }
          StringEquals = { "aws:SourceAccount" = var.account_id }
        }
      },
      {
        Sid       = "RefuseUnencryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = { for name, address in local.emails : name => address if address != null }

  topic_arn = aws_sns_topic.this[each.key].arn
  protocol  = "email"
  endpoint  = each.value
}
