locals {
  buckets = {
    uploads   = { name = "${var.prefix}-uploads-${var.account_id}", arn = var.arns.uploads_bucket }
    artifacts = { name = "${var.prefix}-artifacts-${var.account_id}", arn = var.arns.artifacts_bucket }
  }
}

# force_destroy stays off: removing an environment empties its buckets deliberately, and a
# mistaken plan can never take photographs or models with it.
resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Who read what is for the account's CloudTrail to record, which serves all of its buckets
  #checkov:skip=CKV_AWS_144:Photographs stay in their region; models can be trained again from the staged data
  #checkov:skip=CKV2_AWS_62:Uploads are announced below; nobody waits for artifacts
  for_each = local.buckets

  bucket = each.value.name
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.key == null ? "AES256" : "aws:kms"
      kms_master_key_id = one(var.key[*].arn)
    }

    # One data key serves a bucket for a while, so that not every object costs a request to KMS.
    bucket_key_enabled = var.key != null
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RefuseUnencryptedTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [each.value.arn, "${each.value.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses a bucket policy while the public access block of the same bucket is being changed.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.this["uploads"].id
  eventbridge = true
}
