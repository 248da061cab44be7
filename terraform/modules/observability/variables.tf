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

variable "alarm_email" {
  description = "Address that receives alarms, or null."
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

variable "latency_threshold_ms" {
  description = "Alarm when the model's 99th percentile latency stays above this many milliseconds."
  type        = number
}
