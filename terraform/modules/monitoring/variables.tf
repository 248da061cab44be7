variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "function" {
  description = "The monitor's function."
  type        = object({ arn = string, name = string })
}

variable "schedule" {
  description = "How often it runs, as EventBridge's rate(…)."
  type        = string
}

variable "enabled" {
  description = "Whether it runs: there is nothing to look at while the endpoint is switched off."
  type        = bool
  default     = true
}
