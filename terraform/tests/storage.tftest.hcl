# Buckets, queues and the decisions table: private, encrypted, and with an end for everything.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix     = "scones-test"
  account_id = "123456789012"
  arns = {
    uploads_bucket   = "arn:aws:s3:::scones-test-uploads-123456789012"
    artifacts_bucket = "arn:aws:s3:::scones-test-artifacts-123456789012"
    review_queue     = "arn:aws:sqs:us-east-1:123456789012:scones-test-review"
    failures_queue   = "arn:aws:sqs:us-east-1:123456789012:scones-test-failures"
    upload_rule      = "arn:aws:events:us-east-1:123456789012:rule/scones-test-uploads"
  }
  upload_prefixes         = ["incoming/", "adhoc/"]
  upload_retention_days   = 30
  capture_retention_days  = 90
  decision_retention_days = 365
}

run "no_bucket_is_public" {
  command = plan

  module {
    source = "./modules/storage"
  }

  assert {
    condition     = toset(keys(aws_s3_bucket_public_access_block.this)) == toset(keys(aws_s3_bucket.this))
    error_message = "Every bucket needs a public access block."
  }

  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "All four kinds of public access must be blocked."
  }

  assert {
    condition     = length(aws_s3_bucket_ownership_controls.this) == 2 && alltrue([for control in aws_s3_bucket_ownership_controls.this : control.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "Access control lists must be off."
  }
}

run "everything_is_encrypted_at_rest_and_on_its_way" {
  command = plan

  module {
    source = "./modules/storage"
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 2 && alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "Decisions are about versions: every bucket must keep them."
  }

  assert {
    condition = length(aws_s3_bucket_server_side_encryption_configuration.this) == 2 && alltrue([
      for encryption in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(encryption.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Without a key of ours every bucket must encrypt with S3's."
  }

  assert {
    condition = alltrue([
      for name, policy in aws_s3_bucket_policy.this : anytrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*"
        && statement.Condition == { Bool = { "aws:SecureTransport" = "false" } }
        && toset(statement.Resource) == toset([
          "arn:aws:s3:::scones-test-${name}-123456789012",
          "arn:aws:s3:::scones-test-${name}-123456789012/*",
        ])
      ])
    ]) && length(aws_s3_bucket_policy.this) == 2
    error_message = "Each bucket policy must deny every action without TLS, on the bucket and on its objects."
  }

  assert {
    condition = alltrue([
      for queue in aws_sqs_queue.this : queue.sqs_managed_sse_enabled && anytrue([
        for statement in jsondecode(queue.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "sqs:*"
        && statement.Condition == { Bool = { "aws:SecureTransport" = "false" } }
      ])
    ])
    error_message = "Every queue must encrypt and must deny every action without TLS."
  }

  assert {
    condition     = alltrue([for queue in aws_sqs_queue.this : queue.message_retention_seconds == 1209600])
    error_message = "Messages must be kept for the 14 days that SQS offers."
  }
}

run "uploads_are_announced_and_only_their_rule_may_write_to_the_failures_queue" {
  command = plan

  module {
    source = "./modules/storage"
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads.eventbridge
    error_message = "Without the notification no upload starts anything."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue.this["failures"].policy).Statement : statement if statement.Effect == "Allow"] == [{
      Sid       = "KeepUndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:us-east-1:123456789012:scones-test-failures"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:events:us-east-1:123456789012:rule/scones-test-uploads" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }]
    error_message = "EventBridge must be allowed to keep undelivered events there, for this rule and account alone."
  }

  assert {
    condition     = length([for statement in jsondecode(aws_sqs_queue.this["review"].policy).Statement : statement if statement.Effect == "Allow"]) == 0
    error_message = "Nobody outside the account may write to the review queue."
  }
}

run "everything_has_an_end" {
  command = plan

  module {
    source = "./modules/storage"
  }

  assert {
    condition = { for rule in aws_s3_bucket_lifecycle_configuration.this["uploads"].rule : rule.filter[0].prefix => rule.expiration[0].days if rule.id != "remove-leftovers" } == {
      "incoming/" = 30
      "adhoc/"    = 30
    }
    error_message = "Uploads must expire after upload_retention_days."
  }

  assert {
    condition = { for rule in aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule : rule.filter[0].prefix => rule.expiration[0].days if rule.id != "remove-leftovers" } == {
      "captures/"           = 90
      "transforms/"         = 90
      "monitoring/windows/" = 365
      "batches/"            = 365
    }
    error_message = "Captures and predictions must expire after capture_retention_days, records of windows and batches after decision_retention_days."
  }

  assert {
    condition = alltrue([
      for configuration in aws_s3_bucket_lifecycle_configuration.this : anytrue([
        for rule in configuration.rule :
        rule.id == "remove-leftovers" && rule.status == "Enabled"
        && try(rule.noncurrent_version_expiration[0].noncurrent_days, 0) == 15
        && try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, 0) == 1
      ])
    ])
    error_message = "Old versions must be removed after 15 days, and unfinished uploads after a day, in every bucket."
  }

  # An upload may be overwritten as soon as it is there, and its event may be a day late.
  assert {
    condition = alltrue([
      for queue in aws_sqs_queue.this : one([
        for rule in aws_s3_bucket_lifecycle_configuration.this["uploads"].rule : rule.noncurrent_version_expiration[0].noncurrent_days if rule.id == "remove-leftovers"
      ]) > queue.message_retention_seconds / 86400
    ])
    error_message = "A case that waits in a queue must still find the version of the photograph that it names."
  }

  assert {
    condition     = aws_dynamodb_table.decisions.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.decisions.hash_key == "image_id"
    error_message = "The table must be paid by use and keyed by image_id."
  }

  assert {
    condition     = one(aws_dynamodb_table.decisions.ttl).enabled && one(aws_dynamodb_table.decisions.ttl).attribute_name == "expires_at"
    error_message = "Decisions must expire by expires_at."
  }

  assert {
    condition     = one(aws_dynamodb_table.decisions.point_in_time_recovery).enabled
    error_message = "The table must have point-in-time recovery."
  }
}

run "the_local_cloud_does_without_expiry" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    expire_objects = false
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "expire_objects = false must leave out the lifecycle configuration."
  }
}
