"""What is said of the largest uploads is measured on files that are what they are called."""

import subprocess
from dataclasses import replace

import decoding
import decoding_uploads
import pytest
import tables
from decoding_uploads import UPLOADS
from PIL import Image

from lambdas.common.container import MAX_SCANS, read_header


def small(name):
    """The upload of that name, with 48 x 32 pixels."""
    return replace(UPLOADS[name], size=(48, 32), coarseness_px=8)


@pytest.mark.parametrize("name", UPLOADS)
def test_each_upload_has_the_format_and_the_pixels_that_it_is_named_for(tmp_path, name):
    decoding_uploads.make(small(name), tmp_path / "upload")
    header = read_header((tmp_path / "upload").read_bytes())
    assert (header.width, header.height) == (48, 32)
    assert header.format in name.upper()


@pytest.mark.parametrize("name", UPLOADS)
def test_each_upload_has_nearly_as_many_pixels_as_are_allowed_or_is_a_phone_s(name):
    width, height = UPLOADS[name].size
    assert (width, height) == (4000, 3000) or 49_900_000 < width * height <= 50_000_000


def test_the_endless_jpeg_has_as_many_scans_as_are_allowed(tmp_path):
    decoding_uploads.make(small("JPEG, progressive, 100 scans"), tmp_path / "upload")
    assert (tmp_path / "upload").read_bytes().count(b"\xff\xda") == MAX_SCANS == 100


def test_the_16_bit_png_shows_the_same_as_the_one_of_8_bits(tmp_path):
    decoding_uploads.make(small("PNG, RGBA, 16 bits"), tmp_path / "16")
    decoding_uploads.make(small("PNG, RGBA"), tmp_path / "8")
    with Image.open(tmp_path / "16") as sixteen, Image.open(tmp_path / "8") as eight:
        assert sixteen.tobytes() == eight.tobytes()
    assert [(tmp_path / name).read_bytes()[24] for name in ("16", "8")] == [16, 8]


def test_an_upload_is_serialized_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "UPLOADS", {"JPEG": small("JPEG")})
    figures = decoding.measure(lambda _: None)["JPEG"]
    assert figures["pixels"] == 48 * 32
    assert figures["runs"] == decoding.RUNS
    assert 0 < figures["min_s"] <= figures["median_s"] <= figures["max_s"]
    assert 20e6 < figures["memory_bytes"] < 500e6


def test_the_uploads_are_shown_with_their_size_time_and_memory(screen, shown):
    figures = {"bytes": 23_100_000, "pixels": 50_000_000, "memory_bytes": 120 * 2**20}
    figures |= {"median_s": 0.2, "min_s": 0.19, "max_s": 0.21, "runs": 3}
    measured = {"date": "today", "machine": "a machine", "load": 0.1}
    tables.show(screen, "decoding", {"measured": measured, "figures": {"JPEG": figures}})
    assert shown().splitlines()[-2].split() == [
        "JPEG",
        "23.1",
        "50.0",
        "0.20",
        "0.19",
        "0.21",
        "120",
    ]


def test_the_memory_is_that_of_the_process_and_not_of_the_one_that_started_it(tmp_path):
    decoding_uploads.make(small("JPEG"), tmp_path / "upload")
    before = decoding._once(tmp_path / "upload")["memory_bytes"]
    held = bytearray(b"x") * 300_000_000
    after = decoding._once(tmp_path / "upload")["memory_bytes"]
    assert after < before + len(held) / 10


def test_an_upload_that_is_rejected_ends_the_measurement(tmp_path, capfd):
    (tmp_path / "upload").write_bytes(b"no picture")
    with pytest.raises(subprocess.CalledProcessError):
        decoding._once(tmp_path / "upload")
    assert "not a JPEG, PNG or WebP" in capfd.readouterr().err
