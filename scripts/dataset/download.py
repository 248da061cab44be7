"""Download a file: resumable, bounded in time and size, and never half there under its name."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import random
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from scripts.dataset.model import Progress
from scripts.errors import UserError

_CHUNK_BYTES = 1024 * 1024
_SPARE_DISK_BYTES = 256 * 1024**2
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
# No such name, no trust in the server's certificate: asking again at once changes nothing.
_LASTING_FAULTS = (socket.gaierror, ssl.SSLCertVerificationError)


@dataclass(frozen=True)
class RemoteFile:
    """A file on a web server: what it is called here, and what it must be."""

    url: str
    name: str
    size_bytes: int
    sha256: str


class _BrokenOffError(Exception):
    """This attempt failed, and another one may not."""


def download(
    remote: RemoteFile,
    folder: Path,
    progress: Progress,
    *,
    attempts: int = 4,
    timeout_s: float = 20.0,
    pause_s: float = 1.0,
) -> Path:
    """Have `remote` in `folder` under its name, whole and with its SHA-256; return the path.

    A file that is already there and right is kept. What an earlier attempt or run left in
    `<name>.part` is continued if the server still has the same version of the file. `timeout_s`
    bounds the connection and each read; between attempts the pause doubles from `pause_s`, with
    jitter. Two downloads of one file at once: the second waits for the first.

    Raises UserError when the server refuses, all attempts fail, the disk is full, or the file is
    not the expected one.
    """
    target = folder / remote.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{remote.name}.lock", remote.name, progress):
            if not _is_whole(target, remote):
                _check_disk(remote, folder)
                _attempt(remote, target, progress, attempts, timeout_s, pause_s)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written ({error.strerror or error}): free some disk space or "
            "choose another folder"
        ) from error
    return target


@contextmanager
def _alone(lock: Path, name: str, progress: Progress) -> Iterator[None]:
    # The kernel frees the lock of a process that dies, whatever it died of.
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another download of {name}", 0, None)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _check_disk(remote: RemoteFile, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    needed = remote.size_bytes + _SPARE_DISK_BYTES
    if free < needed:
        raise UserError(
            f"{folder} has {free // 1024**2} MiB free, {remote.name} needs {needed // 1024**2}: "
            "free some disk space"
        )


def _attempt(
    remote: RemoteFile,
    target: Path,
    progress: Progress,
    attempts: int,
    timeout_s: float,
    pause_s: float,
) -> None:
    part = target.with_name(f"{target.name}.part")
    fault = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        try:
            resumed = _transfer(remote, part, progress, timeout_s)
        except _BrokenOffError as error:
            fault = str(error)
            continue
        if _is_whole(part, remote):
            part.replace(target)
            _etag_file(part).unlink(missing_ok=True)
            return
        _forget(part)
        if not resumed:
            raise UserError(
                f"{remote.url} is not the expected file, its SHA-256 differs: download it by hand "
                "from a place that you trust"
            )
        fault = "what was continued did not fit together"
    raise UserError(
        f"{remote.url} was not downloaded after {attempts} attempts, {fault}; run this again, it "
        "continues where it stopped"
    )


def _transfer(remote: RemoteFile, part: Path, progress: Progress, timeout_s: float) -> bool:
    """Fetch what is missing in `part`. Returns whether something was there already."""
    have = part.stat().st_size if part.exists() else 0
    if have == remote.size_bytes:
        return True
    if have > remote.size_bytes:
        _forget(part)
        have = 0
    with _open(remote, part, have, timeout_s) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if not resumed:
            have = 0
            _forget(part)
        _check_length(remote, have, response.headers)
        if not resumed:
            _remember_etag(part, response.headers)
        with part.open("ab") as file:
            for chunk in _chunks(response):
                have += len(chunk)
                if have > remote.size_bytes:
                    _forget(part)
                    raise UserError(
                        f"{remote.url} has more than {remote.size_bytes:,} bytes: "
                        "it is not the expected file"
                    )
                file.write(chunk)
                progress(f"downloading {remote.name}", have, remote.size_bytes)
    if have < remote.size_bytes:
        raise _BrokenOffError(f"the connection ended after {have:,} of {remote.size_bytes:,} bytes")
    return resumed


def _open(remote: RemoteFile, part: Path, have: int, timeout_s: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "scones-dataset", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _etag_file(part).exists():
            # The server sends the rest only if its file is still the one that was begun.
            headers["If-Range"] = _etag_file(part).read_text()
    request = urllib.request.Request(remote.url, headers=headers)  # noqa: S310 - constant URLs
    try:
        found: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            _forget(part)
        elif error.code not in _RETRY_STATUSES:
            raise UserError(
                f"{remote.url} was refused with status {error.code}: check the address"
            ) from error
        raise _BrokenOffError(f"the server answered with status {error.code}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, _LASTING_FAULTS):
            raise UserError(
                f"{remote.url} is out of reach ({reason}): check the network connection"
            ) from error
        raise _BrokenOffError(f"no connection ({reason})") from error
    return found


def _chunks(response: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK_BYTES)
        except (http.client.HTTPException, OSError) as error:
            raise _BrokenOffError(f"the connection broke ({error})") from error
        if not chunk:
            return
        yield chunk


def _check_length(remote: RemoteFile, have: int, headers: Message) -> None:
    length = headers.get("Content-Length", "")
    if length.isdecimal() and have + int(length) != remote.size_bytes:
        raise UserError(
            f"{remote.url} has {have + int(length):,} bytes, not {remote.size_bytes:,}: it is not "
            "the expected file"
        )


def _etag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _remember_etag(part: Path, headers: Message) -> None:
    etag = headers.get("ETag", "")
    # A weak tag does not promise the same bytes, and If-Range takes none.
    if etag.startswith('"'):
        _etag_file(part).write_text(etag)


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_file(part).unlink(missing_ok=True)


def _is_whole(path: Path, remote: RemoteFile) -> bool:
    if not path.exists() or path.stat().st_size != remote.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256
