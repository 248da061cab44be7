"""How large a network's pictures may be: what Terraform accepts as `image_size_px`."""

from scripts.errors import UserError

MIN_PX, MAX_PX = 32, 320


def check(name: str, size_px: int) -> None:
    """Raise UserError, naming the hyperparameter, for a size that could be live but not applied."""
    if not MIN_PX <= size_px <= MAX_PX:
        raise UserError(
            f"{name} must give pictures of {MIN_PX} to {MAX_PX} pixels, which is what the workflow "
            f"can carry; it gives {size_px}. Set another with --set {name}=…"
        )
