"""Archives: the same bytes for the same content, and nothing but plain files come out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts import archives

_NAMES = st.from_regex(r"[a-z]{1,8}(/[a-zé ]{1,8}){0,2}", fullmatch=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_NAMES, st.binary(max_size=200), max_size=5))
def test_what_is_packed_is_what_is_unpacked(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = tmp_path / "some.tar.gz"
    path.write_bytes(archives.pack(files))
    assert archives.unpack(path) == files


def test_the_same_content_gives_the_same_bytes_in_any_order_at_any_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = archives.pack({"a": b"1", "b": b"2"})
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert archives.pack({"b": b"2", "a": b"1"}) == first


def test_other_content_gives_other_bytes() -> None:
    assert archives.pack({"a": b"1"}) != archives.pack({"a": b"2"})


def test_files_carry_no_time_and_no_owner(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archives.pack({"b": b"", "a": b""}))) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["a", "b"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_links_folders_and_devices_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "some.tar.gz"
    kinds = {
        "link": tarfile.SYMTYPE,
        "hardlink": tarfile.LNKTYPE,
        "folder": tarfile.DIRTYPE,
        "pipe": tarfile.FIFOTYPE,
        "device": tarfile.CHRTYPE,
    }
    with tarfile.open(path, "w:gz") as tar:
        plain = tarfile.TarInfo("plain")
        plain.size = 1
        tar.addfile(plain, io.BytesIO(b"1"))
        for name, kind in kinds.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "plain"
            tar.addfile(member)
    assert archives.unpack(path) == {"plain": b"1"}


def test_names_are_the_same_whether_or_not_they_begin_with_a_dot(tmp_path: Path) -> None:
    path = tmp_path / "some.tar.gz"
    path.write_bytes(archives.pack({"./model.json": b"{}"}))
    assert archives.unpack(path) == {"model.json": b"{}"}
