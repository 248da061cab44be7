"""Galleries: the right pictures, few of them, and safe small copies."""

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from scripts.report import ReportData
from scripts.report.pictures import (
    MOST_SHOWN,
    Gallery,
    data_uri,
    galleries,
    safe_text,
    short_name,
)


def _decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def _gallery(data: ReportData, title: str) -> Gallery:
    return next(gallery for gallery in galleries(data) if gallery.title == title)


def test_a_tiny_picture_keeps_every_pixel(png):
    uri, is_tiny = data_uri(png(32, "red"))
    assert is_tiny
    assert uri.startswith("data:image/png;base64,")
    assert _decoded(uri).convert("RGB").getpixel((31, 31)) == (255, 0, 0)


def test_a_photograph_is_shrunk_to_a_bounded_size():
    noise = Image.effect_noise((1200, 900), 80).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    uri, is_tiny = data_uri(out.getvalue())
    assert not is_tiny
    assert max(_decoded(uri).size) == 240
    assert len(uri) < 60_000


def test_metadata_and_trailing_bytes_do_not_travel(png):
    image = Image.new("RGB", (200, 200))
    exif = Image.Exif()
    exif[0x010E] = "a private description"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    uri, _ = data_uri(out.getvalue() + b"<script>trailing</script>")
    raw = base64.b64decode(uri.partition(",")[2])
    assert b"private" not in raw
    assert b"trailing" not in raw


def test_transparency_lies_on_white():
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    assert _decoded(data_uri(out.getvalue())[0]).convert("RGB").getpixel((0, 0)) == (255,) * 3


@pytest.mark.parametrize("picture", [None, b"", b"<html>", b"%PDF-1.7", b"GIF89a"])
def test_what_is_no_picture_counts_as_none(picture):
    assert data_uri(picture) == ("", False)


def test_a_picture_cut_in_half_counts_as_none(png):
    whole = png(200)
    assert data_uri(whole[: len(whole) // 2]) == ("", False)


def test_a_picture_whose_exif_is_broken_counts_as_none(png):
    broken = b"eXIfII*\0"
    chunk = struct.pack(">I", 4) + broken + struct.pack(">I", zlib.crc32(broken))
    head, data = png(64).split(b"IDAT", 1)
    assert data_uri(head[:-4] + chunk + head[-4:] + b"IDAT" + data) == ("", False)


def test_a_picture_with_too_many_pixels_is_never_decoded():
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    assert data_uri(out.getvalue()) == ("", False)


def test_wrong_pictures_come_surest_first(report, inference):
    wrong = [inference(i, confidence=0.6 + i / 100, truth="motorcycle") for i in range(5)]
    first, _ = galleries(report(inferences=wrong))
    assert [picture.confidence for picture in first.thumbnails] == [
        "0.64",
        "0.63",
        "0.62",
        "0.61",
        "0.60",
    ]


def test_unsure_pictures_come_least_sure_first_and_leave_out_the_wrong_ones(report, inference):
    shown = [inference(0, 0.9), inference(1, 0.6), inference(2, 0.55, truth="motorcycle")]
    _, unsure = galleries(report(inferences=shown))
    assert [picture.confidence for picture in unsure.thumbnails] == ["0.60", "0.90"]
    assert unsure.finding == "1 of 2 pictures lies below the threshold"


def test_a_gallery_is_limited_and_says_so(report, inference):
    many = [inference(i, truth="motorcycle") for i in range(40)]
    wrong, _ = galleries(report(inferences=many))
    assert len(wrong.thumbnails) == MOST_SHOWN
    assert wrong.finding == (
        f"40 pictures were given a wrong label; the {MOST_SHOWN} surest are shown, surest first"
    )


def test_a_picture_that_came_again_and_again_is_shown_once(report, inference, png):
    same = [inference(i, 0.5 + i / 100, picture=png()) for i in range(20)]
    (unsure, _) = galleries(report(inferences=[*same, inference(99, 0.9)]))
    assert [picture.confidence for picture in unsure.thumbnails] == ["0.50", "0.90"]
    assert unsure.finding == "20 of 21 pictures lie below the threshold; the 2 least sure are shown"


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        (0, "No picture was given a wrong label"),
        (1, "One picture was given a wrong label"),
        (2, "2 pictures were given a wrong label; surest first"),
    ],
)
def test_the_finding_agrees_with_the_number_of_mistakes(report, inference, wrong, finding):
    shown = [inference(9), *(inference(i, truth="motorcycle") for i in range(wrong))]
    assert _gallery(report(inferences=shown), "Wrong labels").finding == finding


def test_without_truths_nothing_is_called_wrong(report, inference):
    unsure, wrong = galleries(report(inferences=[inference(truth=None)]))
    assert "No true label is known" in wrong.finding
    assert unsure.finding == "The only one lies above the threshold"


def test_an_alternative_text_says_what_the_model_said(report, inference):
    shown = report(inferences=[inference(confidence=0.6, truth="motorcycle")])
    wrong, _ = galleries(shown)
    alt = "Picture labelled bicycle with confidence 0.60, truly motorcycle"
    assert wrong.thumbnails[0].alt == alt


def test_characters_that_deceive_are_spelled_out():
    assert safe_text("a\n\u202egpj.exe\x00") == "a\\x0a\\u202egpj.exe\\x00"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("incoming/driver-42.jpg", "driver-42.jpg"),
        ("folder/", "folder"),
        ("/", "/"),
        ("incoming/" + "x" * 500 + ".png", "xxxxxxxxx\u2026xxxxxx.png"),
    ],
)
def test_a_long_name_keeps_its_beginning_and_its_end(key, name):
    assert short_name(key, 20) == name
