variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "endpoint_name" {
  description = "SageMaker endpoint that is scaled."
  type        = string
}

variable "endpoint_variant" {
  description = "Production variant of the endpoint that is scaled."
  type        = string
}

variable "limits" {
  description = "Least and most instances, invocations per instance and minute to aim at, and seconds to wait after a change in either direction."
  type = object({
    minimum                  = number
    maximum                  = number
    invocations_per_instance = number
    scale_out_cooldown_s     = number
    scale_in_cooldown_s      = number
  })
}

variable "nights" {
  description = "When a night begins and ends (cron expressions of Application Auto Scaling), and the least number of instances in it; null: nights are as days."
  type = object({
    begin    = string
    end      = string
    timezone = string
    minimum  = number
  })
  default = null
}
