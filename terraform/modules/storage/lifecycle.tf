locals {
  # Folder => days until its objects expire.
  expiry_days = {
    uploads = { for folder in var.upload_prefixes : folder => var.upload_retention_days }
    artifacts = {
      "captures/"   = var.capture_retention_days
      "transforms/" = var.capture_retention_days
      # Like a decision, they name pictures, and hold none.
      "monitoring/windows/" = var.decision_retention_days
      "batches/"            = var.decision_retention_days
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = { for name, bucket in local.buckets : name => bucket if var.expire_objects }

  bucket = aws_s3_bucket.this[each.key].id

  dynamic "rule" {
    for_each = local.expiry_days[each.key]

    content {
      id     = "expire-${replace(trimsuffix(rule.key, "/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  # An expired or overwritten object lives on as an old version: without this rule nothing in a
  # versioned bucket is ever deleted. The queues keep a case for 14 days, and an event may be a day
  # late: while one waits for a person or for a redrive, the version that it names can be read.
  rule {
    id     = "remove-leftovers"
    status = "Enabled"

    filter {
      prefix = ""
    }

    noncurrent_version_expiration {
      noncurrent_days = 15
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
