"""The size of a network's pictures: no model may be trained that Terraform would refuse."""

import re

import pytest

from scripts.environment import TERRAFORM
from scripts.errors import UserError
from scripts.training import image_size


@pytest.mark.parametrize("size_px", [32, 128, 320])
def test_a_size_that_the_workflow_can_carry_is_accepted(size_px: int) -> None:
    image_size.check("image_size", size_px)


@pytest.mark.parametrize("size_px", [0, 31, 321, 384])
def test_any_other_size_is_refused_by_name_with_what_to_set(size_px: int) -> None:
    with pytest.raises(UserError, match=rf"32 to 320 pixels.* {size_px}\..*--set image_size="):
        image_size.check("image_size", size_px)


def test_terraform_accepts_the_same_sizes() -> None:
    variables = (TERRAFORM / "variables.tf").read_text("utf-8")
    limits = re.search(r"image_size_px >= (\d+) && var\.image_size_px <= (\d+)", variables)
    assert limits
    assert (int(limits[1]), int(limits[2])) == (image_size.MIN_PX, image_size.MAX_PX)
