"""Pictures, sources and servers that these tests are made of; nothing here is a real data set."""

import contextlib
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from PIL import Image

from scripts.dataset.model import Sample


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's data set, nor its proxy, nor its cloud has a part in these tests."""
    for name in ("DATASET_DIR", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


def _picture(seed: int, side: int = 32, mode: str = "RGB", kind: str = "PNG") -> bytes:
    rgb = Image.frombytes("RGB", (side, side), Random(seed).randbytes(side * side * 3))
    out = BytesIO()
    rgb.convert(mode).save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """picture(seed, side=32, mode="RGB", kind="PNG"): an encoded picture, its own for each seed."""
    return _picture


@pytest.fixture
def samples() -> Callable[..., list[Sample]]:
    """samples(count, label=0, start=0): as many different pictures of one class."""

    def make(count: int, label: int = 0, start: int = 0) -> list[Sample]:
        return [
            Sample(f"{seed:04d}.png", label, _picture(label * 100_000 + seed, side=8))
            for seed in range(start, start + count)
        ]

    return make


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., Path]:
    """folders({"train/cat": 3}): a source folder with as many pictures in each folder."""

    def make(counts: dict[str, int], root: Path = tmp_path / "pictures") -> Path:
        for index, (name, count) in enumerate(counts.items()):
            (root / name).mkdir(parents=True)
            for seed in range(count):
                path = root / name / f"{seed:04d}.png"
                path.write_bytes(_picture(index * 1000 + seed, side=8))
        return root

    return make


def _short_string(text: bytes) -> bytes:
    if len(text) < 256:
        return b"U" + bytes([len(text)]) + text
    return b"T" + struct.pack("<i", len(text)) + text


def _pickle_item(value: Any) -> bytes:
    """The opcodes that Python 2's pickle protocol 2 writes for a value."""
    match value:
        case bytes():
            return _short_string(value)
        case bool():
            return b"\x88" if value else b"\x89"
        case None:
            return b"N"
        case int():
            return b"J" + struct.pack("<i", value)
        case list():
            return b"](" + b"".join(map(_pickle_item, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(_pickle_item, value)) + b"t"
        case dict():
            pairs = (_pickle_item(key) + _pickle_item(value[key]) for key in value)
            return b"}(" + b"".join(pairs) + b"u"
        case SimpleNamespace():
            dtype = b"cnumpy\ndtype\n" + _pickle_item((value.dtype, 0, 1)) + b"R"
            dtype += _pickle_item((3, b"|", None, None, None, -1, -1, 0)) + b"b"
            array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
            array += _pickle_item((0,)) + _pickle_item(b"b") + b"tR"
            state = _pickle_item(1) + _pickle_item(value.shape) + dtype
            state += _pickle_item(value.column_major) + _pickle_item(value.data)
            return array + b"(" + state + b"tb"
    raise TypeError(type(value))


@pytest.fixture
def python2_pickle() -> Callable[[Any], bytes]:
    """python2_pickle(value): as CIFAR's authors pickled it; arrays are given by `pixel_rows`."""
    return lambda value: b"\x80\x02" + _pickle_item(value) + b"."


@pytest.fixture
def pixel_rows() -> Callable[..., SimpleNamespace]:
    """pixel_rows(rows): a numpy array of bytes, to be pickled."""

    def make(rows: list[bytes], column_major: bool = False, dtype: bytes = b"u1") -> Any:
        data = b"".join(rows)
        if column_major:
            data = b"".join(bytes(column) for column in zip(*rows, strict=True))
        shape = (len(rows), len(rows[0]) if rows else 0)
        return SimpleNamespace(data=data, shape=shape, column_major=column_major, dtype=dtype)

    return make


@pytest.fixture
def cifar_row() -> Callable[[int], tuple[bytes, bytes]]:
    """cifar_row(seed): a row of CIFAR (three planes of 32 x 32) and the same picture as RGB."""

    def make(seed: int) -> tuple[bytes, bytes]:
        planes = [Random(seed * 3 + channel).randbytes(1024) for channel in range(3)]
        return b"".join(planes), bytes(
            value for pixel in zip(*planes, strict=True) for value in pixel
        )

    return make


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 in memory that has the bucket `artifacts`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="artifacts")
        yield client


@dataclass
class FileServer:
    """A web server with one file, and the faults it is told to have, one request each.

    faults: a status to answer with; ("cut", n) to break off after n bytes; "stall" to send nothing;
    "redirect" to send the caller to another address of this server
    """

    url: str
    body: bytes = b""
    etag: str = '"one"'
    faults: list[Any] = field(default_factory=list)
    ignores_ranges: bool = False
    hides_length: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A FileServer on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            state.requests.append(dict(self.headers.items()))
            fault = state.faults.pop(0) if state.faults else None
            if isinstance(fault, int):
                self.send_error(fault)
                return
            if fault == "stall":
                state.released.wait(10)
                return
            if fault == "redirect":
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                return
            start = self._start()
            rest = state.body[start:]
            self.send_response(206 if start else 200)
            if not state.hides_length:
                self.send_header("Content-Length", str(len(rest)))
            if state.etag:
                self.send_header("ETag", state.etag)
            if start:
                last, total = len(state.body) - 1, len(state.body)
                self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # a caller who has seen enough
                self.wfile.write(rest[: fault[1]] if fault else rest)

        def _start(self) -> int:
            wanted = self.headers.get("Range", "")
            same = self.headers.get("If-Range", state.etag) == state.etag
            if state.ignores_ranges or not wanted or not same:
                return 0
            return int(wanted.removeprefix("bytes=").rstrip("-"))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = FileServer(url=f"http://127.0.0.1:{server.server_port}/file")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    thread.join()
    server.server_close()
