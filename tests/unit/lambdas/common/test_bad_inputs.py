"""The pictures of the table of bad inputs, one test for each, against the image rules alone."""

import pytest

from lambdas.common.errors import Rejected
from lambdas.common.picture import check_size_bytes, normalise
from tests.bad_inputs import (
    CLASSIFIED,
    MAX_UPLOAD_BYTES,
    UPLOADS,
    Upload,
    rejected,
    turned,
)

MAX_PIXELS = 50_000_000


def outcome(data: bytes) -> str:
    try:
        check_size_bytes(len(data), MAX_UPLOAD_BYTES)
        normalise(data, 128, MAX_PIXELS)
    except Rejected as refused:
        return rejected(refused.reason.value)
    return CLASSIFIED


@pytest.mark.parametrize("upload", UPLOADS, ids=str)
def test_an_upload_leads_to_what_the_table_says(upload: Upload) -> None:
    assert outcome(upload.make()) == upload.expected


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_the_upright_one_to_the_model(orientation: int) -> None:
    upright = normalise(turned(1), 128, MAX_PIXELS)
    assert normalise(turned(orientation), 128, MAX_PIXELS) == upright
