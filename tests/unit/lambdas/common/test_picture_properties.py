"""Whatever is uploaded, it becomes a picture that keeps its contract, or is rejected."""

import io
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lambdas.common.errors import Rejected
from lambdas.common.picture import MAX_PICTURE_BYTES, MIN_SIDE_PX, Picture, normalise
from tests.fuzz.seeds import encoded, seeds, with_right_checksums
from tests.unit.lambdas.hostile import outcome

MAX_PIXELS = 50_000_000
SIZE_PX = 128

# A damaged file can still declare, and then has to get, 50 megapixels.
IN_TIME = timedelta(seconds=30)

SEEDS = seeds()
_pictures = st.sampled_from(list(SEEDS.values()))
_positions = st.integers(0, 3_100)
_beginnings = st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\x00\x00\x00WEBP"])


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A valid file in which some bytes are others, few of them as a rule."""
    upload = bytearray(draw(_pictures))
    for _ in range(draw(st.integers(1, 8))):
        upload[draw(_positions) % len(upload)] = draw(st.integers(0, 255))
    return bytes(upload)


@st.composite
def spliced(draw: st.DrawFn) -> bytes:
    """The beginning of one valid file, some bytes, and the end of another, or of the same."""
    one, other = draw(_pictures), draw(_pictures)
    middle = draw(st.binary(max_size=16))
    return one[: draw(_positions)] + middle + other[draw(_positions) :]


def repaired(uploads: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Half of them with the right checksums: the other half of the PNG files ends there."""
    return st.builds(
        lambda upload, repair: with_right_checksums(upload) if repair else upload,
        uploads,
        st.booleans(),
    )


def kept_or_rejected(upload: bytes) -> Picture | Rejected:
    """What becomes of the upload, checked against the contract of either."""
    found: Picture | Rejected = outcome(normalise, upload, SIZE_PX, MAX_PIXELS, failures=Rejected)
    if isinstance(found, Picture):
        assert_keeps_the_contract(found, SIZE_PX)
    return found


def assert_keeps_the_contract(picture: Picture, size_px: int) -> None:
    assert len(picture.data) <= MAX_PICTURE_BYTES
    with Image.open(io.BytesIO(picture.data)) as image:
        image.load()
        assert picture.content_type == f"image/{str(image.format).lower()}"
        assert image.mode == "RGB"
        assert image.width == image.height <= min(size_px, picture.width, picture.height)
    assert min(picture.width, picture.height) >= MIN_SIDE_PX


@pytest.mark.parametrize("name", SEEDS)
def test_every_valid_file_that_the_others_are_made_of_is_classified(name: str) -> None:
    assert isinstance(kept_or_rejected(SEEDS[name]), Picture)


def test_the_checksums_that_changed_files_get_are_the_right_ones() -> None:
    upload = bytearray(SEEDS["png-rgba"])
    upload[-13] ^= 1  # the last byte of the pixels' checksum
    assert isinstance(kept_or_rejected(bytes(upload)), Rejected)
    assert with_right_checksums(bytes(upload)) == SEEDS["png-rgba"]


@settings(deadline=IN_TIME)
@given(st.binary(max_size=500), _beginnings)
def test_any_bytes_are_classified_or_rejected(content: bytes, beginning: bytes) -> None:
    assert isinstance(kept_or_rejected(content), Rejected)
    kept_or_rejected(beginning + content)


@settings(max_examples=500, deadline=IN_TIME)
@given(repaired(changed()))
def test_a_picture_with_any_bytes_changed_is_classified_or_rejected(upload: bytes) -> None:
    kept_or_rejected(upload)


@settings(max_examples=500, deadline=IN_TIME)
@given(repaired(spliced()))
def test_parts_of_pictures_in_any_order_are_classified_or_rejected(upload: bytes) -> None:
    kept_or_rejected(upload)


@settings(deadline=IN_TIME)
@given(_pictures, _positions)
def test_a_picture_cut_anywhere_is_rejected(upload: bytes, position: int) -> None:
    cut = upload[: position % len(upload)]
    assert isinstance(kept_or_rejected(cut), Rejected)


@settings(deadline=IN_TIME)
@given(_pictures, st.binary(min_size=1, max_size=200))
def test_nothing_that_follows_a_picture_changes_it(upload: bytes, trailing: bytes) -> None:
    assert kept_or_rejected(upload + trailing) == kept_or_rejected(upload)


@settings(max_examples=60, deadline=IN_TIME)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.sampled_from(["L", "RGB", "RGBA"]),
    st.integers(MIN_SIDE_PX, 300),
    st.integers(MIN_SIDE_PX, 300),
    st.integers(16, 1024),
    st.integers(0, 2**32),
)
def test_any_pixels_of_any_size_give_a_picture_of_any_size_that_is_small_enough(
    file_format: str, mode: str, width: int, height: int, size_px: int, seed: int
) -> None:
    mode = "RGB" if (file_format, mode) == ("JPEG", "RGBA") else mode
    content = Random(seed).randbytes(width * height * len(mode))
    upload = encoded(Image.frombytes(mode, (width, height), content), file_format)
    picture = normalise(upload, size_px, MAX_PIXELS)
    assert (picture.width, picture.height) == (width, height)
    assert_keeps_the_contract(picture, size_px)
