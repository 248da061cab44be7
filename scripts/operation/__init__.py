"""The workflow in use: uploads and decisions, captured inferences, the report on them."""
