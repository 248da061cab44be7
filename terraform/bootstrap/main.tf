# What must exist before anything else can be planned: the bucket of Terraform's state, and the roles
# that GitHub's workflows take. Applied once for an account, by a person; README.md says how.
#
# Its own state is a local file. Keep it, or import the few resources again: nothing else needs it.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      Project   = var.project
      ManagedBy = "terraform/bootstrap"
    }
  }
}

locals {
  state_bucket = "${var.project}-terraform-state-${var.account_id}"
  has_github   = var.github_repository != null
}
