"""A package of its own: some installed ones bring a `tests`, too."""
