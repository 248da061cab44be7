"""The gallery: which pictures to look at, and their small, safe copies."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lambdas.common.picture import DECODER_ERRORS
from scripts.report import wording
from scripts.report.model import Inference, ReportData

MOST_SHOWN = 12
"""Pictures per gallery."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_MOST_PIXELS = 50_000_000
_TINY_PX = 64
"""Up to this size every pixel is kept and shown as a square; above, a photograph is shrunk."""
_SIDE_PX = 240
_LONGEST_NAME = 22
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
# Characters that turn the reading direction could make a key look like another one.
_DIRECTION = {code: f"\\u{code:04x}" for code in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F),
                                                  *range(0x2066, 0x206A))}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One picture of a gallery, in words and as a data URI (empty where there is no picture)."""

    source: str
    is_tiny: bool
    alt: str
    label: str
    confidence: str
    truth: str
    is_wrong: bool
    decision: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """`thumbnails` are pictures in the order that `finding` states."""

    title: str
    finding: str
    thumbnails: tuple[Thumbnail, ...]


def galleries(data: ReportData) -> tuple[Gallery, ...]:
    """The wrong ones, surest first, the least sure of the others, and the monitor's examples.

    A gallery with no picture in it comes last; without the monitor there are no examples.
    """
    inferences = data.inferences
    wrong = [inference for inference in inferences if inference.is_right is False]
    others = [inference for inference in inferences if inference.is_right is not False]
    worst = _first(sorted(wrong, key=lambda inference: -inference.confidence))
    unsure = _first(sorted(others, key=lambda inference: inference.confidence))
    below = sum(inference.confidence < data.threshold for inference in others)
    has_truth = any(inference.truth is not None for inference in inferences)
    drifted = _first(data.most_drifted)
    found = [
        Gallery(
            "Wrong labels", _wrong_finding(len(wrong), len(worst), has_truth), _thumbnails(worst)
        ),
        Gallery(
            "Least sure" if not wrong else "Least sure of the others",
            _unsure_finding(len(others), len(unsure), below),
            _thumbnails(unsure),
        ),
    ]
    if data.windows:
        found.append(Gallery("Most drifted", _drifted_finding(drifted), _thumbnails(drifted)))
    return tuple(sorted(found, key=lambda gallery: not gallery.thumbnails))


def safe_text(text: str) -> str:
    """A key as one visible line: control and direction characters are spelled out."""
    return text.translate(_CONTROL | _DIRECTION)


def short_name(key: str, longest: int) -> str:
    """The file name of a key in at most `longest` characters: its beginning and its end."""
    name = safe_text(key.rstrip("/").rpartition("/")[2] or key)
    if len(name) <= longest:
        return name
    tail = longest // 2
    return f"{name[: longest - tail - 1]}\u2026{name[-tail:]}"


def data_uri(picture: bytes | None) -> tuple[str, bool]:
    """A re-encoded copy as a data URI, and whether it is tiny; ('', False) without a picture.

    Only the pixels travel: metadata, trailing bytes and whatever else the file held stay behind.
    A picture that is not a PNG, JPEG or WebP, is too large or damaged counts as none.
    """
    from PIL import Image, ImageOps

    if not picture:
        return "", False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    return "", False
                image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (*DECODER_ERRORS, Image.DecompressionBombError, Warning):
        return "", False
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image, mask=image.getchannel("A"))
    is_tiny = max(flat.size) <= _TINY_PX
    out = io.BytesIO()
    if is_tiny:
        flat.save(out, "PNG", optimize=True)
    else:
        flat.thumbnail((_SIDE_PX, _SIDE_PX))
        flat.save(out, "JPEG", quality=80, optimize=True)
    kind = "png" if is_tiny else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}", is_tiny


def _first(ordered: Iterable[Inference]) -> list[Inference]:
    """The first MOST_SHOWN, each picture once: the same one again would show nothing new."""
    found: list[Inference] = []
    seen: set[bytes] = set()
    for inference in ordered:
        if inference.picture and inference.picture in seen:
            continue
        seen.add(inference.picture or b"")
        found.append(inference)
        if len(found) == MOST_SHOWN:
            break
    return found


def _thumbnails(inferences: Iterable[Inference]) -> tuple[Thumbnail, ...]:
    return tuple(_thumbnail(inference) for inference in inferences)


def _thumbnail(inference: Inference) -> Thumbnail:
    source, is_tiny = data_uri(inference.picture)
    confidence = wording.confidence(inference.confidence)
    truth = inference.truth or ""
    alt = f"Picture labelled {inference.label} with confidence {confidence}"
    if truth:
        alt += f", truly {truth}"
    names = {"accepted": "accepted", "review": "for review", None: ""}
    key = inference.key or ""
    return Thumbnail(
        source=source,
        is_tiny=is_tiny,
        alt=alt,
        label=inference.label,
        confidence=confidence,
        truth=truth,
        is_wrong=inference.is_right is False,
        decision=names[inference.decision],
        key=safe_text(key),
        name=short_name(key, _LONGEST_NAME),
    )


def _wrong_finding(wrong: int, shown: int, has_truth: bool) -> str:
    if not has_truth:
        return "No true label is known, so none can be called wrong"
    if wrong == 0:
        return "No picture was given a wrong label"
    if wrong == 1:
        return "One picture was given a wrong label"
    some = "" if wrong <= shown else f"the {shown} surest are shown, "
    return f"{wording.number(wrong)} pictures were given a wrong label; {some}surest first"


def _unsure_finding(others: int, shown: int, below: int) -> str:
    if others == 0:
        return "No other picture was captured"
    if others == 1:
        return f"The only one lies {'below' if below else 'above'} the threshold"
    lie = "lies" if below <= 1 else "lie"
    number = "None" if below == 0 else wording.number(below)
    finding = f"{number} of {wording.number(others)} pictures {lie} below the threshold"
    return finding if others <= shown else f"{finding}; the {shown} least sure are shown"


def _drifted_finding(shown: Sequence[Inference]) -> str:
    if not shown:
        return "The monitor named none that can be shown"
    return (
        f"{wording.counted(len(shown), 'picture')} least like the baseline's, "
        "from the severest and newest windows"
    )
