output "state_machine_arn" {
  description = "State machine that classifies one photograph."
  value       = aws_sfn_state_machine.classify.arn
}

output "batch_state_machine_arn" {
  description = "State machine that classifies many photographs."
  value       = aws_sfn_state_machine.batch.arn
}

output "longest_run_s" {
  description = "Seconds that an execution takes when every attempt times out; its limit is Express's 300."
  value       = local.longest_run_s
}
