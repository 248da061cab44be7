"""Terraform's binary: the one on PATH if it is new enough, else a download that is checked."""

from __future__ import annotations

import hashlib
import io
import platform
import stat
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import UserError
from scripts.provisioning import terraform_release
from scripts.provisioning.terraform_release import PINNED

PROGRAM = f"#!/bin/sh\necho Terraform v{PINNED}\n".encode()


@dataclass
class Releases:
    """A web server with one release: its files by name, and what was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cuts_off: bool = False

    def publish(self, program: bytes) -> str:
        """Publish a release with `program` for this machine; returns its archive's name."""
        name = f"terraform_{PINNED}_linux_amd64.zip"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("LICENSE.txt", "some terms")
            opened.writestr("terraform", program)
        self.files[name] = archive.getvalue()
        digest = hashlib.sha256(archive.getvalue()).hexdigest()
        other = f"{'0' * 64}  terraform_{PINNED}_linux_amd64.zip.sig\n"
        self.files[f"terraform_{PINNED}_SHA256SUMS"] = f"{other}{digest}  {name}\n".encode()
        return name


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    """A release on this machine, for a machine like most."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            version, name = self.path.strip("/").split("/")
            found.asked.append(name)
            if version != PINNED or name not in found.files:
                self.send_error(404)
                return
            body = found.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + (1 if found.cuts_off else 0)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Releases(f"http://127.0.0.1:{server.server_port}")
    found.publish(PROGRAM)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """on_path(script): PATH holds this `terraform` (and a shell); "" for none."""

    def put(script: str) -> Path:
        folder = tmp_path / "path"
        folder.mkdir(exist_ok=True)
        if script:
            (folder / "terraform").write_text(f"#!/bin/sh\n{script}\n")
            (folder / "terraform").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return folder / "terraform"

    return put


def _refusal(folder: Path, releases: str) -> str:
    with pytest.raises(UserError) as caught:
        terraform_release.find(folder, releases)
    message = str(caught.value)
    assert "\n" not in message
    assert f"Install Terraform {PINNED} or newer" in message
    return message


def _nothing_is_kept(folder: Path) -> bool:
    return not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("version", ["1.11.0", "1.11.4", "1.20.0", "2.0.0", "1.12.0-beta1"])
def test_a_terraform_on_path_that_is_new_enough_is_used(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path, version: str
) -> None:
    expected = on_path(f"echo Terraform v{version}; echo on linux_amd64")
    assert terraform_release.find(tmp_path / "bin", releases.url) == expected
    assert releases.asked == []


@pytest.mark.parametrize(
    "script",
    [
        "",
        "echo Terraform v1.9.8",
        "echo Terraform v0.15.0",
        "echo OpenTofu v1.11.0",
        "echo something else",
        "echo Terraform v1.11.4; exit 1",
    ],
)
def test_without_one_the_pinned_release_is_downloaded(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path, script: str
) -> None:
    on_path(script)
    binary = terraform_release.find(tmp_path / "bin", releases.url)
    assert binary.parent == tmp_path / "bin"
    assert binary.read_bytes() == PROGRAM
    assert stat.S_IMODE(binary.stat().st_mode) == 0o755
    assert terraform_release.version(binary) == tuple(map(int, PINNED.split(".")))
    assert list((tmp_path / "bin").iterdir()) == [binary]


def test_a_download_is_announced_and_makes_the_folders_it_needs(
    on_path: Callable[[str], Path],
    releases: Releases,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    on_path("")
    folder = tmp_path / "new" / "bin"
    terraform_release.find(folder, releases.url).unlink()
    assert terraform_release.find(folder, releases.url).exists()
    assert capsys.readouterr().err == f"Downloading Terraform {PINNED}\n" * 2


def test_a_file_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    broken = tmp_path / "terraform"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert terraform_release.version(broken) == (0,)
    assert terraform_release.version(tmp_path / "missing") == (0,)


def test_asking_for_the_version_does_not_ask_the_network(tmp_path: Path) -> None:
    script = tmp_path / "terraform"
    script.write_text('#!/bin/sh\necho "Terraform v1.$CHECKPOINT_DISABLE.0"\n')
    script.chmod(0o755)
    assert terraform_release.version(script) == (1, 1, 0)


def test_a_downloaded_release_is_not_downloaded_again(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path
) -> None:
    on_path("")
    first = terraform_release.find(tmp_path / "bin", releases.url)
    releases.asked.clear()
    assert terraform_release.find(tmp_path / "bin", releases.url) == first
    assert releases.asked == []


@pytest.mark.parametrize(
    ("machine", "system", "name"),
    [
        ("aarch64", "linux", "linux_arm64"),
        ("arm64", "darwin", "darwin_arm64"),
        ("x86_64", "darwin", "darwin_amd64"),
    ],
)
def test_the_release_is_the_one_for_this_machine(
    on_path: Callable[[str], Path],
    releases: Releases,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: str,
    system: str,
    name: str,
) -> None:
    on_path("")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", system)
    assert "Not Found" in _refusal(tmp_path / "bin", releases.url)
    assert releases.asked == [f"terraform_{PINNED}_{name}.zip"]


def test_a_release_that_does_not_match_its_published_sum_is_refused_and_not_kept(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path
) -> None:
    on_path("")
    releases.files[releases.publish(PROGRAM)] += b"one byte more"
    assert "does not match its published SHA-256" in _refusal(tmp_path / "bin", releases.url)
    assert _nothing_is_kept(tmp_path / "bin")


@pytest.mark.parametrize(
    "sums", [b"", b"<html>Please log in\n</html>\n", b"\xff\xfe", b"one-word\n"], ids=repr
)
def test_a_release_without_a_published_sum_is_refused_and_not_kept(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path, sums: bytes
) -> None:
    on_path("")
    releases.files[f"terraform_{PINNED}_SHA256SUMS"] = sums
    assert "does not match its published SHA-256" in _refusal(tmp_path / "bin", releases.url)
    assert _nothing_is_kept(tmp_path / "bin")


def test_the_sum_of_another_file_does_not_count(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path
) -> None:
    on_path("")
    name = releases.publish(PROGRAM)
    sums = f"terraform_{PINNED}_SHA256SUMS"
    releases.files[sums] = releases.files[sums].replace(b" terraform", b" other_terraform")
    assert name in _refusal(tmp_path / "bin", releases.url)


def test_a_download_that_breaks_off_ends_in_one_line_and_is_not_kept(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path
) -> None:
    on_path("")
    releases.cuts_off = True
    assert "cannot be downloaded" in _refusal(tmp_path / "bin", releases.url)
    assert _nothing_is_kept(tmp_path / "bin")


def test_a_host_that_cannot_be_reached_ends_in_one_line(
    on_path: Callable[[str], Path], releases: Releases, tmp_path: Path
) -> None:
    on_path("")
    message = _refusal(tmp_path / "bin", "http://127.0.0.1:9")  # discard: nothing listens there
    assert "Connection refused" in message
    assert _nothing_is_kept(tmp_path / "bin")


@pytest.mark.parametrize(("machine", "system"), [("riscv64", "linux"), ("x86_64", "win32")])
def test_a_machine_without_a_release_is_told_what_to_do(
    on_path: Callable[[str], Path],
    releases: Releases,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: str,
    system: str,
) -> None:
    on_path("")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", system)
    assert "no Terraform to download" in _refusal(tmp_path / "bin", releases.url)
    assert releases.asked == []


def test_releases_come_from_hashicorp_over_tls_and_satisfy_what_is_asked_of_path() -> None:
    assert terraform_release.RELEASES == "https://releases.hashicorp.com/terraform"
    assert tuple(map(int, PINNED.split("."))) >= terraform_release.OLDEST
