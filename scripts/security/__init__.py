"""What `make security` checks: permissions, the configuration, the workflow, and dependencies."""
