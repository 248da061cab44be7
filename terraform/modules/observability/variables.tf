variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "Region whose metrics are read."
  type        = string
}

variable "account_id" {
  description = "Account whose alarms may publish to the topic."
  type        = string
}

variable "key" {
  description = "Key that encrypts the topic; null: the topic is not encrypted."
  type        = object({ arn = string })
  default     = null
}

variable "alarm_email" {
  description = "Address that receives alarms, or null."
  type        = string
  default     = null
}

variable "page_email" {
  description = "Address that is paged when the service is unhealthy, or null."
  type        = string
  default     = null
}

variable "endpoint_name" {
  description = "SageMaker endpoint that classifies; null: only what exists without one is watched."
  type        = string
  default     = null
}

variable "endpoint_variant" {
  description = "Production variant whose metrics are read."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of what the functions publish."
  type        = string
}

variable "environment" {
  description = "Name of the environment: a dimension of those metrics, and in every message."
  type        = string
}

variable "latency_threshold_ms" {
  description = "Alarm when the model's 99th percentile latency stays above this many milliseconds."
  type        = number
}

variable "alarm_timing" {
  description = "Seconds that one datapoint of an alarm stands for: of most, of those that look longer, and of those on the monitor, which runs once in that time."
  type = object({
    period_s         = number
    long_period_s    = number
    monitor_period_s = number
  })
}

variable "rollback_limits" {
  description = "From where on an update of the endpoint is rolled back: three rates from 0 to 1, and the model's 99th percentile latency in ms."
  type = object({
    server_error_rate   = number
    client_error_rate   = number
    latency_ms          = number
    low_confidence_rate = number
  })
}

variable "rollback_timing" {
  description = "A limit must be passed in datapoints_to_alarm of evaluation_periods periods of period_s seconds."
  type = object({
    period_s            = number
    evaluation_periods  = number
    datapoints_to_alarm = number
  })
}

variable "silent" {
  description = "Whether no alarm tells anybody: the endpoint is switched off on purpose."
  type        = bool
  default     = false
}

variable "monthly_budget_usd" {
  description = "What a month may cost before alarm_email is told; null: nobody counts."
  type        = number
  default     = null
}
