# The key: what it opens, for whom, and that what is stored is encrypted with it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix     = "scones-test"
  region     = "us-east-1"
  account_id = "123456789012"
  arns = {
    uploads_bucket   = "arn:aws:s3:::uploads"
    artifacts_bucket = "arn:aws:s3:::artifacts"
    decisions_table  = "arn:aws:dynamodb:us-east-1:123456789012:table/decisions"
    review_queue     = "arn:aws:sqs:us-east-1:123456789012:review"
    failures_queue   = "arn:aws:sqs:us-east-1:123456789012:failures"
    alarm_topic      = "arn:aws:sns:us-east-1:123456789012:alarms"
    pages_topic      = "arn:aws:sns:us-east-1:123456789012:pages"
    upload_rule      = "arn:aws:events:us-east-1:123456789012:rule/uploads"
  }
  environment = "test"
}

run "the_key_rotates_and_its_end_can_be_called_off_for_a_month" {
  command = plan

  module {
    source = "./modules/encryption"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key must rotate, and wait as long as KMS allows before it is gone."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/scones-test"
    error_message = "The key must be found by the environment's name."
  }
}

run "the_account_administers_the_key" {
  command = plan

  module {
    source = "./modules/encryption"
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement if statement.Action == "kms:*"] == [{
      Sid       = "Administer"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
    error_message = "Without the account nobody could ever change the policy; nobody else may."
  }
}

run "the_account_uses_the_key_through_a_service_for_this_environments_things_alone" {
  command = plan

  module {
    source = "./modules/encryption"
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid => statement.Condition
      if statement.Principal == { AWS = "*" }
      } == {
      UseThroughS3 = {
        StringEquals = { "kms:CallerAccount" = "123456789012", "kms:ViaService" = "s3.us-east-1.amazonaws.com" }
        StringLike   = { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::uploads", "arn:aws:s3:::uploads/*", "arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"] }
      }
      UseThroughSqs = {
        StringEquals = { "kms:CallerAccount" = "123456789012", "kms:ViaService" = "sqs.us-east-1.amazonaws.com" }
        StringLike   = { "kms:EncryptionContext:aws:sqs:arn" = ["arn:aws:sqs:us-east-1:123456789012:review", "arn:aws:sqs:us-east-1:123456789012:failures"] }
      }
      UseThroughSns = {
        StringEquals = { "kms:CallerAccount" = "123456789012", "kms:ViaService" = "sns.us-east-1.amazonaws.com" }
        StringLike   = { "kms:EncryptionContext:aws:sns:topicArn" = ["arn:aws:sns:us-east-1:123456789012:alarms", "arn:aws:sns:us-east-1:123456789012:pages"] }
      }
      UseThroughDynamodb = {
        StringEquals = { "kms:CallerAccount" = "123456789012", "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com" }
        StringLike   = { "kms:EncryptionContext:aws:dynamodb:tableName" = ["decisions"] }
      }
      LetDynamodbHoldAGrant = {
        StringEquals = { "kms:CallerAccount" = "123456789012", "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com" }
        BoolIfExists = { "kms:GrantIsForAWSResource" = "true" }
      }
    }
    error_message = "Only this account, only through these services, and only for what is ours."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid => toset(flatten([statement.Action]))
      if statement.Principal == { AWS = "*" }
      } == {
      UseThroughS3          = toset(["kms:GenerateDataKey", "kms:Decrypt"])
      UseThroughSqs         = toset(["kms:GenerateDataKey", "kms:Decrypt"])
      UseThroughSns         = toset(["kms:GenerateDataKey", "kms:Decrypt"])
      UseThroughDynamodb    = toset(["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"])
      LetDynamodbHoldAGrant = toset(["kms:DescribeKey", "kms:CreateGrant"])
    }
    error_message = "Each service must be able to do what it says it needs, and nothing more."
  }
}

run "alarms_undelivered_events_and_logs_may_use_the_key_each_for_its_own" {
  command = plan

  module {
    source = "./modules/encryption"
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement if statement.Principal == { Service = "cloudwatch.amazonaws.com" }] == [{
      Sid       = "LetAlarmsPublish"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:scones-test-*" }
      }
    }]
    error_message = "Without the key no alarm reaches the topic; strangers' alarms must not."
  }

  # With aws:SourceArn or aws:SourceAccount, undelivered events might be lost without a word.
  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement if statement.Principal == { Service = "events.amazonaws.com" }] == [{
      Sid       = "KeepUndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "*"
      Condition = { StringEquals = { "kms:EncryptionContext:aws:sqs:arn" = "arn:aws:sqs:us-east-1:123456789012:failures" } }
    }]
    error_message = "EventBridge must be able to keep undelivered events in the failures queue, and in no other."
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement if statement.Principal == { Service = "logs.us-east-1.amazonaws.com" }] == [{
      Sid       = "KeepLogs"
      Effect    = "Allow"
      Principal = { Service = "logs.us-east-1.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
      Resource  = "*"
      Condition = {
        ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = [
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/scones-test-*",
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/scones-test-*",
          ]
        }
      }
    }]
    error_message = "CloudWatch Logs must be able to use the key for this environment's log groups, and for no others."
  }
}

run "buckets_queues_and_the_table_are_encrypted_with_the_key" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    key                     = { arn = "arn:aws:kms:us-east-1:123456789012:key/ours" }
    upload_prefixes         = ["incoming/", "adhoc/"]
    upload_retention_days   = 30
    capture_retention_days  = 90
    decision_retention_days = 90
  }

  assert {
    condition = length(aws_s3_bucket_server_side_encryption_configuration.this) == 2 && alltrue([
      for encryption in aws_s3_bucket_server_side_encryption_configuration.this : alltrue([
        one(one(encryption.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms",
        one(one(encryption.rule).apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/ours",
        one(encryption.rule).bucket_key_enabled,
      ])
    ])
    error_message = "Both buckets must encrypt with the key, and ask KMS once in a while instead of for each object."
  }

  assert {
    condition     = length(aws_sqs_queue.this) == 2 && alltrue([for queue in aws_sqs_queue.this : queue.kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/ours"])
    error_message = "Both queues must encrypt with the key."
  }

  assert {
    condition     = one(aws_dynamodb_table.decisions.server_side_encryption).enabled && one(aws_dynamodb_table.decisions.server_side_encryption).kms_key_arn == "arn:aws:kms:us-east-1:123456789012:key/ours"
    error_message = "The table must be encrypted with the key."
  }
}

run "by_default_an_environment_has_a_key" {
  command = plan

  assert {
    condition     = output.key_arn == "arn:aws:kms:us-east-1:123456789012:key/mocked" && local.key == { arn = "arn:aws:kms:us-east-1:123456789012:key/mocked" }
    error_message = "Without being asked, an environment must encrypt with a key of its own."
  }
}

run "an_environment_may_do_without_a_key" {
  command = plan

  variables {
    customer_managed_key = false
  }

  assert {
    condition     = output.key_arn == null && local.key == null && length(module.encryption) == 0
    error_message = "customer_managed_key = false must leave out the key."
  }
}
