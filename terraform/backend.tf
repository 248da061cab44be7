# Bucket, key and region belong to an environment and are given at `terraform init` with
# -backend-config. The local environment replaces this block by a local backend (an override
# file beside links to this folder), so that it needs no bucket to keep its state in.
terraform {
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
