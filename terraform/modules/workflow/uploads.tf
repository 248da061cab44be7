resource "aws_cloudwatch_event_rule" "uploads" {
  name        = "${var.prefix}-uploads"
  description = "A photograph arrived under ${var.event_prefix}"
  state       = var.takes_uploads ? "ENABLED" : "DISABLED"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.uploads_bucket] }
      object = { key = [{ prefix = var.event_prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "classify" {
  rule      = aws_cloudwatch_event_rule.uploads.name
  target_id = "classify"
  arn       = aws_sfn_state_machine.classify.arn
  role_arn  = var.role_arns["events"]

  # The placeholders stand without quotes: EventBridge then writes each value as JSON, so that a
  # key with quotes or line breaks arrives as it is. The bucket is versioned: the version is there.
  # Events may arrive in any order: the sequencer tells which of two of a key is the newer.
  input_transformer {
    input_paths = {
      bucket    = "$.detail.bucket.name"
      key       = "$.detail.object.key"
      version   = "$.detail.object.version-id"
      sequencer = "$.detail.object.sequencer"
    }
    input_template = "{\"s3_bucket\": <bucket>, \"s3_key\": <key>, \"version_id\": <version>, \"sequencer\": <sequencer>}"
  }

  # A day and 185 attempts are the most that EventBridge offers.
  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = var.failures_queue_arn
  }
}
