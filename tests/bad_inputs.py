"""Uploads of every kind that strangers send, made by code: the pictures of the table of bad inputs.

`row` is the number in that table. What is to become of each: it is `classified`, or `rejected` with
a reason.
"""

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image

from tests.fuzz.seeds import encoded

MAX_UPLOAD_BYTES = 25 * 1024 * 1024
CLASSIFIED = "classified"
_PNG = b"\x89PNG\r\n\x1a\n"
_ROW_BYTES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Upload:
    """One kind of upload: what it is called, the file's name, how it is made, what it leads to."""

    row: int
    case: str
    name: str
    make: Callable[[], bytes]
    expected: str

    def __str__(self) -> str:
        return f"{self.row}: {self.case}"


def stripes(width: int = 64, height: int = 64) -> Image.Image:
    """A picture of a kind that the small data set of the tests has: horizontal stripes."""
    picture = Image.new("RGB", (width, height), (40, 90, 160))
    for top in range(0, height, 8):
        picture.paste((220, 180, 60), (0, top, width, min(top + 4, height)))
    return picture


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A grey PNG made by hand, with right checksums; `rows` are compressed already."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return _PNG + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A valid black PNG of `side` x `side` pixels that takes a thousandth of them in bytes."""
    packer = zlib.compressobj(9)
    rows = bytes((side + 1) * (_ROW_BYTES_AT_ONCE // side))
    whole, rest = divmod((side + 1) * side, len(rows))
    packed = [packer.compress(rows) for _ in range(whole)]
    packed += [packer.compress(bytes(rest)), packer.flush()]
    return png(side, side, b"".join(packed))


def wrong_checksum() -> bytes:
    """One byte of the pixels differs from what was written, and the checksum tells."""
    data = bytearray(encoded(stripes(), "PNG", compress_level=0))
    data[len(data) // 2] ^= 1
    return bytes(data)


def animation(file_format: str) -> bytes:
    frames = [stripes(), Image.new("RGB", (64, 64), "black")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    return encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def transparent(mode: str) -> bytes:
    picture = stripes().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 16, 16))
    picture.putalpha(alpha)
    return encoded(picture.convert(mode), "PNG")


def sixteen_bit() -> bytes:
    grey = stripes().convert("L").tobytes()
    wide = struct.pack(f"<{len(grey)}H", *(value * 257 for value in grey))
    return encoded(Image.frombytes("I;16", (64, 64), wide), "PNG")


def turned(orientation: int) -> bytes:
    """The same picture, stored in one of the ways that EXIF knows; 1 is upright."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = stripes()
    picture.paste((0, 160, 0), (0, 0, 20, 12))  # so that no two ways look alike
    if orientation in undo:
        picture = picture.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, "PNG", exif=exif)


def fits_bomb() -> bytes:
    header = b"".join(
        line.ljust(80) for line in (b"SIMPLE  = T", b"BITPIX  = 8", b"NAXIS   = 2", b"END")
    )
    return gzip.compress(header.ljust(2880) + bytes(50_000_000), mtime=0)


def photograph() -> bytes:
    """A JPEG of 4,000 x 3,000 pixels and some 8 MB, as a phone takes it."""
    noise = Random(0).randbytes(1000 * 750 * 3)
    picture = Image.frombytes("RGB", (1000, 750), noise).resize((4000, 3000))
    return encoded(picture, "JPEG", quality=95)


def rejected(reason: str) -> str:
    return f"rejected [{reason}]"


def _text(content: bytes) -> Callable[[], bytes]:
    return lambda: content


NOT_AN_IMAGE = rejected("not_an_image")
DAMAGED = rejected("damaged")
TOO_SMALL = rejected("too_small")
TOO_MANY_PIXELS = rejected("too_many_pixels")

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(%pipe%id) (r) file\nshowpage\n"
_ZIP = b"PK\x05\x06" + bytes(18)

UPLOADS = (
    Upload(1, "0-byte object", "empty.png", _text(b""), rejected("empty")),
    Upload(3, "truncated header", "a.png", lambda: encoded(stripes(), "PNG")[:20], NOT_AN_IMAGE),
    Upload(4, "body cut at half", "a.jpg", lambda: _half(encoded(stripes(), "JPEG")), DAMAGED),
    Upload(5, "corrupted byte, wrong CRC", "a.png", wrong_checksum, DAMAGED),
    Upload(6, "HTML named .png", "page.png", _text(b"<!doctype html><p>bike"), NOT_AN_IMAGE),
    Upload(7, "SVG named .png", "drawing.png", _text(_SVG), NOT_AN_IMAGE),
    Upload(8, "PDF named .png", "paper.png", _text(b"%PDF-1.7\n%%EOF"), NOT_AN_IMAGE),
    Upload(9, "zip named .png", "archive.png", _text(_ZIP), NOT_AN_IMAGE),
    Upload(10, "EPS", "a.eps", _text(_EPS), NOT_AN_IMAGE),
    Upload(11, "100-megapixel PNG", "bomb.png", lambda: bomb(10_000), TOO_MANY_PIXELS),
    Upload(12, "200-megapixel PNG", "bomb.png", lambda: bomb(14_143), TOO_MANY_PIXELS),
    Upload(13, "FITS gzip bomb", "a.fits.gz", fits_bomb, NOT_AN_IMAGE),
    Upload(14, "0 x 0", "a.png", lambda: png(0, 0), DAMAGED),
    Upload(15, "1 x 1", "a.png", lambda: encoded(stripes(1, 1), "PNG"), TOO_SMALL),
    Upload(16, "65535 x 1", "a.png", lambda: encoded(stripes(65535, 1), "PNG"), TOO_SMALL),
    Upload(17, "animated GIF", "a.gif", lambda: animation("GIF"), NOT_AN_IMAGE),
    Upload(18, "animated PNG", "a.png", lambda: animation("PNG"), CLASSIFIED),
    Upload(18, "animated WebP", "a.webp", lambda: animation("WEBP"), CLASSIFIED),
    Upload(19, "TIFF", "a.tif", lambda: encoded(stripes(), "TIFF"), NOT_AN_IMAGE),
    Upload(19, "BMP", "a.bmp", lambda: encoded(stripes(), "BMP"), NOT_AN_IMAGE),
    Upload(
        20, "CMYK JPEG", "a.jpg", lambda: encoded(stripes().convert("CMYK"), "JPEG"), CLASSIFIED
    ),
    Upload(21, "greyscale", "a.png", lambda: encoded(stripes().convert("L"), "PNG"), CLASSIFIED),
    Upload(22, "palette with transparency", "a.png", lambda: transparent("P"), CLASSIFIED),
    Upload(22, "RGBA", "a.png", lambda: transparent("RGBA"), CLASSIFIED),
    Upload(23, "16-bit PNG", "a.png", sixteen_bit, CLASSIFIED),
    *(
        Upload(24, f"EXIF orientation {n}", f"{n}.png", lambda n=n: turned(n), CLASSIFIED)
        for n in range(2, 9)
    ),
    Upload(25, "a JPEG named .png", "a.png", lambda: encoded(stripes(), "JPEG"), CLASSIFIED),
    Upload(
        26,
        "trailing bytes, polyglot",
        "a.png",
        lambda: encoded(stripes(), "PNG") + _ZIP,
        CLASSIFIED,
    ),
    Upload(
        27,
        "over the size limit",
        "a.png",
        lambda: bytes(MAX_UPLOAD_BYTES + 1),
        rejected("too_large"),
    ),
)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


KEYS = (
    (28, "a key with a space, +, % and an umlaut", "a b+c%20d%ü.png"),
    (28, "a key in another script", "велосипед/自転車.png"),
    (28, "a key of 1,024 bytes", "x" * (1024 - len("incoming/"))),
    (29, "a key with ../", "../../etc/passwd"),
    (29, "a key with a line break", "one\ntwo\r\n.png"),
    (29, "a key with quotes", "\"quoted\" 'twice' \\.png"),
    (29, "a key with template code", "{% $error('x') %}{{7*7}}${7*7}.png"),
)
"""Row, case, and the key below `incoming/`. What is uploaded there is a picture."""
