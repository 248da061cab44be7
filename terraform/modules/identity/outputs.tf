output "role_arns" {
  description = "ARN of each role: serialize, infer, filter, monitor, workflow, reporter, events, sagemaker."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
  # Whoever takes a role takes it with its permissions.
  depends_on = [aws_iam_role_policy.this]
}
