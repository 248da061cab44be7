output "state_bucket" {
  description = "Bucket of Terraform's state, which every environment finds by its name."
  value       = aws_s3_bucket.state.bucket
}

output "role_arns" {
  description = "Roles for GitHub's workflows: set them as the repository's variables AWS_PLAN_ROLE and AWS_DEPLOY_ROLE, once GitHub's environment of that name has required reviewers and main as its only branch: without them, any branch could deploy."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}

output "permissions_boundary" {
  description = "What the environment's roles may do at most: set it as permissions_boundary in the environment's file. The deployment's role cannot make a role without it."
  value       = local.has_github ? aws_iam_policy.github["boundary"].arn : null
}
