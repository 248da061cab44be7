output "functions" {
  description = "ARN and timeout of each function, for the workflow that calls them."
  value = {
    for name, function in aws_lambda_function.this : name => {
      arn       = function.arn
      timeout_s = function.timeout
    }
  }
}

output "function_names" {
  description = "Name of each function."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}
