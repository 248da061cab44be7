data "aws_caller_identity" "current" {}

locals {
  prefix       = "${var.project}-${var.environment}"
  account_id   = data.aws_caller_identity.current.account_id
  here         = "${var.region}:${local.account_id}"
  has_endpoint = var.endpoint_name != null
  steps        = ["serialize", "infer", "filter"]
  functions    = concat(local.steps, ["monitor"])

  # The only folders of the uploads bucket that are ever read.
  upload_prefixes = { by_event = "incoming/", by_request = "adhoc/" }

  # ARNs follow from names, so that policies can be written and reviewed before the thing they
  # name exists, and so that a queue need not wait for the rule that may write to it.
  arns = {
    uploads_bucket   = "arn:aws:s3:::${local.prefix}-uploads-${local.account_id}"
    artifacts_bucket = "arn:aws:s3:::${local.prefix}-artifacts-${local.account_id}"
    decisions_table  = "arn:aws:dynamodb:${local.here}:table/${local.prefix}-decisions"
    review_queue     = "arn:aws:sqs:${local.here}:${local.prefix}-review"
    failures_queue   = "arn:aws:sqs:${local.here}:${local.prefix}-failures"
    upload_rule      = "arn:aws:events:${local.here}:rule/${local.prefix}-uploads"
    event_bus        = "arn:aws:events:${local.here}:event-bus/default"
    state_machine    = "arn:aws:states:${local.here}:stateMachine:${local.prefix}-classify"
    batch            = "arn:aws:states:${local.here}:stateMachine:${local.prefix}-batch"
    batch_runs       = "arn:aws:states:${local.here}:execution:${local.prefix}-batch"
    batch_children   = "arn:aws:states:${local.here}:express:${local.prefix}-batch"
    failure_report   = "arn:aws:states:${local.here}:stateMachine:${local.prefix}-failure-report"
    failures_rule    = "arn:aws:events:${local.here}:rule/${local.prefix}-failures"
    failures_alarm   = "arn:aws:cloudwatch:${local.here}:alarm:${local.prefix}-executions-failed"
    alarm_topic      = "arn:aws:sns:${local.here}:${local.prefix}-alarms"
    pages_topic      = "arn:aws:sns:${local.here}:${local.prefix}-pages"
    function         = { for name in local.functions : name => "arn:aws:lambda:${local.here}:function:${local.prefix}-${name}" }
    function_logs    = { for name in local.functions : name => "arn:aws:logs:${local.here}:log-group:/aws/lambda/${local.prefix}-${name}" }
    # SageMaker writes names in ARNs in lower case.
    endpoint        = "arn:aws:sagemaker:${local.here}:endpoint/${lower(coalesce(var.endpoint_name, local.prefix))}"
    rollback_alarms = module.observability.rollback_alarm_arns
  }

  # The object and not its ARN: whether there is a key is known before it exists.
  key = one(module.encryption)
}

module "encryption" {
  source = "./modules/encryption"
  count  = var.customer_managed_key ? 1 : 0

  prefix     = local.prefix
  region     = var.region
  account_id = local.account_id
  arns       = local.arns
}

module "storage" {
  source = "./modules/storage"

  prefix                  = local.prefix
  account_id              = local.account_id
  arns                    = local.arns
  key                     = local.key
  upload_prefixes         = values(local.upload_prefixes)
  upload_retention_days   = var.upload_retention_days
  capture_retention_days  = var.capture_retention_days
  decision_retention_days = var.decision_retention_days
  expire_objects          = var.expire_objects
}

module "identity" {
  source = "./modules/identity"

  prefix               = local.prefix
  region               = var.region
  account_id           = local.account_id
  arns                 = local.arns
  upload_prefixes      = values(local.upload_prefixes)
  permissions_boundary = var.permissions_boundary
}

module "functions" {
  source = "./modules/functions"
  count  = local.has_endpoint ? 1 : 0

  prefix                = local.prefix
  role_arns             = module.identity.role_arns
  key                   = local.key
  package_dir           = var.package_dir
  artifacts_bucket      = module.storage.artifacts_bucket
  runtime               = var.lambda_runtime
  architecture          = var.lambda_architecture
  log_retention_days    = var.log_retention_days
  uploads_bucket        = module.storage.uploads_bucket
  upload_prefixes       = values(local.upload_prefixes)
  image_size_px         = var.image_size_px
  endpoint_name         = var.endpoint_name
  labels                = var.labels
  confidence_threshold  = var.confidence_threshold
  low_confidence_action = var.low_confidence_action
  assignments           = var.assignments
  metric_namespace      = var.project
  environment           = var.environment
  endpoint_variant      = var.endpoint_variant
  state_machine_arn     = local.arns.state_machine
  metric_period_s       = var.monitor_metric_period_s
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = local.has_endpoint ? 1 : 0

  prefix   = local.prefix
  function = module.functions[0].functions["monitor"]
  schedule = var.monitor_schedule
  enabled  = !var.endpoint_stopped
}

module "scaling" {
  source = "./modules/scaling"
  count  = local.has_endpoint && !var.endpoint_stopped ? 1 : 0

  prefix           = local.prefix
  endpoint_name    = var.endpoint_name
  endpoint_variant = var.endpoint_variant
  limits           = var.endpoint_scaling
  nights           = var.endpoint_nights
}

module "workflow" {
  source = "./modules/workflow"
  count  = local.has_endpoint ? 1 : 0

  prefix                  = local.prefix
  environment             = var.environment
  role_arns               = module.identity.role_arns
  key                     = local.key
  functions               = { for name in local.steps : name => module.functions[0].functions[name] }
  uploads_bucket          = module.storage.uploads_bucket
  artifacts_bucket        = module.storage.artifacts_bucket
  event_prefix            = local.upload_prefixes.by_event
  batch_limits            = var.batch_limits
  takes_uploads           = !var.endpoint_stopped
  decisions_table         = module.storage.decisions_table
  review_queue_url        = module.storage.review_queue_url
  failures_queue_url      = module.storage.failures_queue_url
  failures_queue_arn      = local.arns.failures_queue
  failures_alarm_arn      = local.arns.failures_alarm
  alarm_topic_arn         = module.observability.alarm_topic_arn
  decision_retention_days = var.decision_retention_days
  log_retention_days      = var.log_retention_days
}

module "observability" {
  source = "./modules/observability"

  prefix               = local.prefix
  region               = var.region
  account_id           = local.account_id
  key                  = local.key
  alarm_email          = var.alarm_email
  page_email           = var.page_email
  alarm_timing         = var.alarm_timing
  endpoint_name        = var.endpoint_name
  endpoint_variant     = var.endpoint_variant
  metric_namespace     = var.project
  environment          = var.environment
  latency_threshold_ms = var.latency_threshold_ms
  rollback_limits      = var.rollback_limits
  rollback_timing      = var.rollback_timing
  silent               = var.endpoint_stopped
  monthly_budget_usd   = var.monthly_budget_usd
}
