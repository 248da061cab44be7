variable "account_id" {
  description = "AWS account that this is for; credentials of another one are refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "region" {
  description = "Region of the state bucket, and of the environments."
  type        = string
  default     = "us-east-1"
}

variable "project" {
  description = "Project name that every environment's resources begin with."
  type        = string
  default     = "scones"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.project))
    error_message = "project must be 2 to 12 lower-case letters and digits, beginning with a letter."
  }
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflows may plan and deploy; null: none may."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME."
  }
}

variable "environment" {
  description = "The one environment that the workflows plan and deploy, as a file of terraform/environments names it. GitHub's environment has the same name; its reviewers approve a deployment."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment)) && !contains(["local", "github"], var.environment)
    error_message = "environment must be the name of one on AWS, and not github: its roles have that name."
  }
}

variable "github_oidc_provider_arn" {
  description = "GitHub's OIDC provider where the account has one already: there can be only one. null: it is made."
  type        = string
  default     = null
}
