# The names are known before a bucket is ready to be used: whoever takes them waits for
# versioning, because an object without a version id has no place in the decisions table.
output "uploads_bucket" {
  description = "Name of the bucket that photographs are uploaded to."
  value       = aws_s3_bucket.this["uploads"].bucket
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "artifacts_bucket" {
  description = "Name of the bucket with datasets, models and captured inferences."
  value       = aws_s3_bucket.this["artifacts"].bucket
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "decisions_table" {
  description = "Name of the table with one decision for each image version."
  value       = aws_dynamodb_table.decisions.name
}

output "review_queue_url" {
  description = "URL of the queue of cases that wait for a person."
  value       = aws_sqs_queue.this["review"].url
}

output "failures_queue_url" {
  description = "URL of the queue of failed inputs and undelivered events."
  value       = aws_sqs_queue.this["failures"].url
}
