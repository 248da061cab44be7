# The Lambda functions are what the packages, the model and the threshold say.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix                = "scones-test"
  role_arns             = { serialize = "arn:aws:iam::123456789012:role/serialize", infer = "arn:aws:iam::123456789012:role/infer", filter = "arn:aws:iam::123456789012:role/filter", monitor = "arn:aws:iam::123456789012:role/monitor" }
  package_dir           = "tests/packages"
  artifacts_bucket      = "artifacts"
  runtime               = "python3.13"
  architecture          = "arm64"
  log_retention_days    = 14
  uploads_bucket        = "uploads"
  upload_prefixes       = ["incoming/", "adhoc/"]
  image_size_px         = 128
  endpoint_name         = "model"
  labels                = ["bicycle", "motorcycle"]
  confidence_threshold  = 0.85
  low_confidence_action = "review"
  metric_namespace      = "scones"
  environment           = "test"
  endpoint_variant      = "AllTraffic"
  state_machine_arn     = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
  metric_period_s       = 60
  key                   = { arn = "arn:aws:kms:us-east-1:123456789012:key/ours" }
  assignments = {
    bicycle    = { loading_bay = "A", max_distance_km = 3 }
    motorcycle = { loading_bay = "B", max_distance_km = 15 }
  }
}

run "functions_get_their_own_role_settings_package_and_log_group" {
  command = plan

  module {
    source = "./modules/functions"
  }

  assert {
    condition     = tomap({ for name, function in aws_lambda_function.this : name => function.role }) == var.role_arns
    error_message = "Each function must run as its own role."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.logging_config[0].system_log_level == "WARN" && function.logging_config[0].log_format == "JSON"])
    error_message = "Lambda must not log a start and a report for each call: at a million pictures that is more than a dollar."
  }

  assert {
    condition     = aws_lambda_function.this["serialize"].memory_size >= 1024
    error_message = "serialize must have room for the largest upload, which takes 889 MB."
  }

  assert {
    condition = aws_lambda_function.this["serialize"].environment[0].variables == tomap({
      POWERTOOLS_SERVICE_NAME = "serialize"
      POWERTOOLS_LOG_LEVEL    = "INFO"
      UPLOADS_BUCKET          = "uploads"
      ALLOWED_PREFIXES        = "incoming/,adhoc/"
      IMAGE_SIZE_PX           = "128"
      MAX_UPLOAD_BYTES        = "26214400"
      MAX_PIXELS              = "50000000"
      METRIC_NAMESPACE        = "scones"
      ENVIRONMENT             = "test"
    })
    error_message = "serialize must know its bucket, its folders, its limits and where its metrics belong."
  }

  assert {
    condition = aws_lambda_function.this["infer"].environment[0].variables == tomap({
      POWERTOOLS_SERVICE_NAME = "infer"
      POWERTOOLS_LOG_LEVEL    = "INFO"
      ENDPOINT_NAME           = "model"
      LABELS                  = "bicycle,motorcycle"
      METRIC_NAMESPACE        = "scones"
      ENVIRONMENT             = "test"
    })
    error_message = "infer must know its endpoint, the labels in the model's order, and where its metrics belong."
  }

  assert {
    condition = aws_lambda_function.this["monitor"].environment[0].variables == tomap({
      POWERTOOLS_SERVICE_NAME = "monitor"
      POWERTOOLS_LOG_LEVEL    = "INFO"
      ARTIFACTS_BUCKET        = "artifacts"
      ENDPOINT_NAME           = "model"
      ENDPOINT_VARIANT        = "AllTraffic"
      STATE_MACHINE_ARN       = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
      METRIC_PERIOD_S         = "60"
      LOW_CONFIDENCE_ACTION   = "review"
      METRIC_NAMESPACE        = "scones"
      ENVIRONMENT             = "test"
    })
    error_message = "monitor must know the bucket, whose captures and whose metrics it reads, and where its own belong."
  }

  assert {
    condition     = { for name, function in aws_lambda_function.this : name => length(function.layers) } == { serialize = 1, infer = 1, filter = 1, monitor = 2 }
    error_message = "NumPy is for the monitor alone: the others would carry it at every cold start."
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this["filter"].environment[0].variables["CONFIDENCE_THRESHOLD"] == "0.85",
      aws_lambda_function.this["filter"].environment[0].variables["LOW_CONFIDENCE_ACTION"] == "review",
      jsondecode(aws_lambda_function.this["filter"].environment[0].variables["ASSIGNMENTS"]).motorcycle == { loading_bay = "B", max_distance_km = 15 },
      aws_lambda_function.this["filter"].environment[0].variables["METRIC_NAMESPACE"] == "scones",
      aws_lambda_function.this["filter"].environment[0].variables["ENVIRONMENT"] == "test",
    ])
    error_message = "filter must know the threshold, what to do below it, the assignments, and where to publish its decisions."
  }

  assert {
    condition     = alltrue([for name, function in aws_lambda_function.this : function.source_code_hash == filebase64sha256("tests/packages/${name}.zip") && function.s3_key == "packages/${name}.zip"])
    error_message = "A function must change when, and only when, its package does."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : one(function.tracing_config).mode == "Active" && function.handler == "handler.handle"])
    error_message = "Functions must be traced and start at handler.handle."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      one(function.logging_config).log_group == "/aws/lambda/scones-test-${name}" && aws_cloudwatch_log_group.this[name].retention_in_days == 14
    ])
    error_message = "Logs must go to a group with a retention."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == "arn:aws:kms:us-east-1:123456789012:key/ours"])
    error_message = "Logs must be encrypted with the key where there is one."
  }
}

run "a_missing_package_says_what_to_do" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    package_dir = "tests/there-is-no-such-folder"
  }

  expect_failures = [aws_s3_object.package]
}
