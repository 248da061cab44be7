"""tar.gz files that are the same for the same content, and are unpacked safely."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def pack(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz with `files` (content by name), sorted, without times or owners."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(files[name]))
    # Weights hardly compress: the fastest level is as good as the best.
    return gzip.compress(raw.getvalue(), compresslevel=1, mtime=0)


def unpack(archive: Path) -> dict[str, bytes]:
    """Content by name of every plain file in a .tar.gz; links and the like are left out."""
    with tarfile.open(archive, "r:gz") as tar:
        files = {}
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                files[member.name.removeprefix("./")] = content.read()
        return files
