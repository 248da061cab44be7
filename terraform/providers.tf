# Where AWS is, and whose credentials are used, comes from the environment (AWS_ENDPOINT_URL,
# AWS_PROFILE, ...), as it does for every other tool of the project.
provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]

  # Buckets of a cloud on the loopback interface have no host names of their own.
  s3_use_path_style = var.environment == "local"

  default_tags {
    tags = {
      Project     = var.project
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
