# Through the bucket and not straight from the file: the provider creates functions from files one
# after the other, and from a bucket all at once. It also keeps the versions that were in service.
resource "aws_s3_object" "package" {
  for_each = local.packages

  bucket      = var.artifacts_bucket
  key         = "packages/${each.key}.zip"
  source      = each.value
  source_hash = filebase64sha256(each.value)

  # An object of a tagged bucket needs no tags of its own, and an object can carry ten at most.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(each.value)
      error_message = "There is no ${each.value}: run `invoke package` first."
    }
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  layer_name               = "${var.prefix}-${each.key}"
  description              = each.value.description
  s3_bucket                = aws_s3_object.package[each.value.package].bucket
  s3_key                   = aws_s3_object.package[each.value.package].key
  s3_object_version        = aws_s3_object.package[each.value.package].version_id
  source_code_hash         = aws_s3_object.package[each.value.package].source_hash
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]

  # The new version exists before the functions let go of the old one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:A new account may run ten functions at once, and may reserve none of them; alarms tell of throttling
  #checkov:skip=CKV_AWS_116:The workflow waits for the answer, and keeps the input of what fails; the monitor has no input, and goes on in its next run
  #checkov:skip=CKV_AWS_117:They talk to AWS alone, over TLS; in a VPC that would take a gateway, or an endpoint for each service
  #checkov:skip=CKV_AWS_173:Names and limits, no secret: Lambda's own key will do
  #checkov:skip=CKV_AWS_272:The hash of each package is in the plan, and none but who deploys may write to its folder
  for_each = local.functions

  function_name     = "${var.prefix}-${each.key}"
  description       = each.value.description
  role              = var.role_arns[each.key]
  s3_bucket         = aws_s3_object.package[each.key].bucket
  s3_key            = aws_s3_object.package[each.key].key
  s3_object_version = aws_s3_object.package[each.key].version_id
  source_code_hash  = aws_s3_object.package[each.key].source_hash
  handler           = "handler.handle"
  runtime           = var.runtime
  architectures     = [var.architecture]
  layers            = [for name in each.value.layers : aws_lambda_layer_version.this[name].arn]
  timeout           = each.value.timeout_s
  memory_size       = each.value.memory_mb

  environment {
    variables = merge(each.value.environment, {
      POWERTOOLS_SERVICE_NAME = each.key
      POWERTOOLS_LOG_LEVEL    = "INFO"
    })
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this[each.key].name
    application_log_level = "INFO"
    # Not a start and a report for each call: metrics have durations and errors, and cost less.
    system_log_level = "WARN"
  }

  tracing_config {
    mode = "Active"
  }
}

# Made here and not by Lambda at the first invocation: only so do they have a retention, and go
# away with the functions.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Names of photographs are personal data, so how long is for the environment to say
  for_each = local.functions

  name              = "/aws/lambda/${var.prefix}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = one(var.key[*].arn)
}
