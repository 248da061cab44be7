# Who may use the key, for what. In a key policy the resource "*" is the key itself.
#
# People and roles of the account use it through S3, SQS, SNS and DynamoDB only, and only for this
# environment's buckets, queues, topics and table, which each service names in the encryption context.
# There they need no permission of their own, as with the keys that AWS manages: what they may read and
# write is said once, where it always was (modules/identity for our roles), and somebody who may
# upload a photograph need not know that there is a key. Naming the roles here would say it twice,
# and shut out every uploader whom we do not know.
locals {
  here = "${var.region}:${var.account_id}"

  statements = concat(
    [{
      # Without it nobody could ever change this policy; IAM's own policies say who administers.
      Sid       = "Administer"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }],
    local.through_services,
    local.by_services,
  )

  # An upload in parts, and a message to a queue or a topic, need Decrypt as well as a data key.
  # A bucket key puts the bucket into the context, a request without one the object.
  things = {
    s3 = {
      actions = ["kms:GenerateDataKey", "kms:Decrypt"]
      context = { "aws:s3:arn" = flatten([for bucket in [var.arns.uploads_bucket, var.arns.artifacts_bucket] : [bucket, "${bucket}/*"]]) }
    }
    sqs = {
      actions = ["kms:GenerateDataKey", "kms:Decrypt"]
      context = { "aws:sqs:arn" = [var.arns.review_queue, var.arns.failures_queue] }
    }
    sns = {
      actions = ["kms:GenerateDataKey", "kms:Decrypt"]
      context = { "aws:sns:topicArn" = [var.arns.alarm_topic, var.arns.pages_topic] }
    }
    dynamodb = {
      actions = local.encrypt_and_decrypt
      context = { "aws:dynamodb:tableName" = [reverse(split("/", var.arns.decisions_table))[0]] }
    }
  }

  through_services = concat(
    [
      for service, thing in local.things : {
        Sid       = "UseThrough${title(service)}"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = thing.actions
        Resource  = "*"
        Condition = {
          StringEquals = { "kms:CallerAccount" = var.account_id, "kms:ViaService" = "${service}.${var.region}.amazonaws.com" }
          StringLike   = { for key, values in thing.context : "kms:EncryptionContext:${key}" => values }
        }
      }
    ],
    [{
      # Neither carries an encryption context. The grant is what DynamoDB works with when nobody is
      # asking: for maintenance, and for backups.
      Sid       = "LetDynamodbHoldAGrant"
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = ["kms:DescribeKey", "kms:CreateGrant"]
      Resource  = "*"
      Condition = {
        StringEquals = { "kms:CallerAccount" = var.account_id, "kms:ViaService" = "dynamodb.${var.region}.amazonaws.com" }
        BoolIfExists = { "kms:GrantIsForAWSResource" = "true" }
      }
    }],
  )

  # Services that come in their own name.
  by_services = [
    {
      Sid       = "LetAlarmsPublish"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:${local.here}:alarm:${var.prefix}-*" }
      }
    },
    {
      # Here the context takes the place of aws:SourceArn and aws:SourceAccount: AWS says of encrypted
      # topics that EventBridge does not send them along to KMS, promises nothing of queues, and an
      # undelivered event that cannot be kept is lost without a word. The queue's own policy
      # demands the rule and the account.
      Sid       = "KeepUndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "*"
      Condition = { StringEquals = { "kms:EncryptionContext:aws:sqs:arn" = var.arns.failures_queue } }
    },
    {
      Sid       = "KeepLogs"
      Effect    = "Allow"
      Principal = { Service = "logs.${var.region}.amazonaws.com" }
      Action    = concat(local.encrypt_and_decrypt, ["kms:DescribeKey"])
      Resource  = "*"
      Condition = {
        ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = [
            for folder in ["lambda", "vendedlogs/states"] : "arn:aws:logs:${local.here}:log-group:/aws/${folder}/${var.prefix}-*"
          ]
        }
      }
    },
  ]

  encrypt_and_decrypt = [
    "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
  ]
}
