import fcntl
import hashlib
import shutil
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.dataset import download as module
from scripts.dataset.download import RemoteFile, download
from scripts.dataset.model import quiet
from scripts.errors import UserError

BODY = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def remote(file_server: Any) -> RemoteFile:
    file_server.body = BODY
    sha256 = hashlib.sha256(BODY).hexdigest()
    return RemoteFile(url=file_server.url, name="data.bin", size_bytes=len(BODY), sha256=sha256)


@pytest.fixture
def fetch(remote: RemoteFile, tmp_path: Path) -> Callable[..., Path]:
    """fetch(remote=…): download without long pauses."""

    def run(file: RemoteFile = remote, **options: Any) -> Path:
        options = {"pause_s": 0.001, "timeout_s": 5.0, "progress": quiet} | options
        return download(file, tmp_path / "cache", **options)

    return run


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_file_is_downloaded_whole_and_leaves_nothing_else(fetch: Any) -> None:
    path = fetch()
    assert path.read_bytes() == BODY
    assert leftovers(path.parent) == ["data.bin"]


def test_a_file_that_is_there_is_not_fetched_again(fetch: Any, file_server: Any) -> None:
    fetch()
    fetch()
    assert len(file_server.requests) == 1


def test_a_cached_file_that_has_changed_is_fetched_again(fetch: Any, file_server: Any) -> None:
    path = fetch()
    path.write_bytes(b"x" * len(BODY))
    assert fetch().read_bytes() == BODY
    assert len(file_server.requests) == 2


def test_a_cut_connection_is_continued_where_it_broke(fetch: Any, file_server: Any) -> None:
    file_server.faults = [("cut", 100_000), ("cut", 200_000)]
    assert fetch().read_bytes() == BODY
    ranges = [request.get("Range") for request in file_server.requests]
    assert ranges == [None, "bytes=100000-", "bytes=300000-"]
    assert file_server.requests[1]["If-Range"] == '"one"'


def test_the_next_run_continues_what_this_one_could_not_finish(
    fetch: Any, file_server: Any
) -> None:
    file_server.faults = [("cut", 100_000)]
    with pytest.raises(UserError, match="run this again, it continues where it stopped"):
        fetch(attempts=1)
    assert fetch().read_bytes() == BODY
    assert file_server.requests[1]["Range"] == "bytes=100000-"


def test_a_file_that_changed_on_the_server_is_started_afresh(fetch: Any, file_server: Any) -> None:
    file_server.faults = [("cut", 100_000)]
    file_server.body = b"y" * len(BODY)
    with pytest.raises(UserError):
        fetch(attempts=1)
    file_server.body, file_server.etag = BODY, '"two"'
    assert fetch().read_bytes() == BODY


def test_a_server_without_ranges_is_started_afresh(fetch: Any, file_server: Any) -> None:
    file_server.faults = [("cut", 100_000)]
    file_server.ignores_ranges = True
    assert fetch().read_bytes() == BODY


def test_a_part_that_does_not_fit_is_thrown_away_and_fetched_again(
    fetch: Any, file_server: Any, tmp_path: Path
) -> None:
    file_server.etag = ""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data.bin.part").write_bytes(b"z" * 1000)
    assert fetch().read_bytes() == BODY
    assert [request.get("Range") for request in file_server.requests] == ["bytes=1000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(
    fetch: Any, file_server: Any, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data.bin.part").write_bytes(BODY + b"more")
    assert fetch().read_bytes() == BODY
    assert "Range" not in file_server.requests[0]


def test_a_part_that_is_already_whole_needs_no_request(
    fetch: Any, file_server: Any, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data.bin.part").write_bytes(BODY)
    assert fetch().read_bytes() == BODY
    assert file_server.requests == []


def test_a_range_that_the_server_cannot_satisfy_is_started_afresh(
    fetch: Any, file_server: Any
) -> None:
    file_server.faults = [("cut", 1000), 416]
    assert fetch().read_bytes() == BODY
    assert "Range" not in file_server.requests[2]


def test_a_weak_etag_is_not_offered_for_a_range(fetch: Any, file_server: Any) -> None:
    file_server.etag = 'W/"one"'
    file_server.faults = [("cut", 1000)]
    assert fetch().read_bytes() == BODY
    assert "If-Range" not in file_server.requests[1]


def test_a_file_with_another_digest_is_refused_and_not_kept(
    fetch: Any, remote: RemoteFile, tmp_path: Path, file_server: Any
) -> None:
    with pytest.raises(UserError, match="is not the expected file, its SHA-256 differs"):
        fetch(replace(remote, sha256="0" * 64))
    assert leftovers(tmp_path / "cache") == []
    assert len(file_server.requests) == 1


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    fetch: Any, remote: RemoteFile, difference: int, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="has 1,048,576 bytes, not"):
        fetch(replace(remote, size_bytes=len(BODY) + difference))
    assert leftovers(tmp_path / "cache") == []


def test_a_file_of_untold_size_is_fetched(fetch: Any, file_server: Any) -> None:
    file_server.hides_length = True
    file_server.faults = [("cut", 1000)]
    assert fetch().read_bytes() == BODY


def test_a_file_of_untold_size_that_does_not_end_is_cut_off(
    fetch: Any, remote: RemoteFile, file_server: Any, tmp_path: Path
) -> None:
    file_server.hides_length = True
    with pytest.raises(UserError, match="has more than 5,000 bytes"):
        fetch(replace(remote, size_bytes=5000))
    assert leftovers(tmp_path / "cache") == []


def test_a_redirected_download_is_continued_at_its_new_address(
    fetch: Any, file_server: Any
) -> None:
    file_server.faults = ["redirect", ("cut", 1000), "redirect"]
    assert fetch().read_bytes() == BODY
    assert file_server.requests[-1]["Range"] == "bytes=1000-"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_is_tried_again(fetch: Any, file_server: Any, status: int) -> None:
    file_server.faults = [status, status]
    assert fetch().read_bytes() == BODY


def test_attempts_are_bounded(fetch: Any, file_server: Any) -> None:
    file_server.faults = [503] * 10
    with pytest.raises(UserError, match=r"not downloaded after 3 attempts, .* status 503"):
        fetch(attempts=3)
    assert len(file_server.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_tried_again(fetch: Any, file_server: Any, status: int) -> None:
    file_server.faults = [status] * 5
    with pytest.raises(UserError, match=f"was refused with status {status}"):
        fetch()
    assert len(file_server.requests) == 1


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(
    fetch: Any, file_server: Any
) -> None:
    file_server.faults = ["stall", "stall"]
    with pytest.raises(UserError, match=r"no connection \(.*timed out"):
        fetch(attempts=2, timeout_s=0.1)


def test_a_server_that_is_not_there_is_named(fetch: Any, remote: RemoteFile) -> None:
    with pytest.raises(
        UserError, match=r"http://127\.0\.0\.1:1/x was not downloaded after 2 attempts"
    ):
        fetch(replace(remote, url="http://127.0.0.1:1/x"), attempts=2)


@pytest.mark.parametrize(
    "reason", [socket.gaierror(-2, "Name unknown"), ssl.SSLCertVerificationError("self-signed")]
)
def test_a_host_without_an_address_or_a_valid_certificate_is_not_tried_again(
    fetch: Any, remote: RemoteFile, monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    calls: list[str] = []

    def refuse(request: urllib.request.Request, timeout: float) -> None:
        calls.append(request.full_url)
        raise urllib.error.URLError(reason)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(UserError, match=r"is out of reach .* check the network connection"):
        fetch()
    assert calls == [remote.url]


def test_a_full_disk_is_noticed_before_the_download(
    fetch: Any, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(UserError, match="free some disk space"):
        fetch()
    assert file_server.requests == []


def test_a_folder_that_cannot_be_made_is_named(fetch: Any, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cache/data\.bin cannot be written"):
        fetch()


def test_progress_ends_with_everything(fetch: Any) -> None:
    seen: list[tuple[str, int, int | None]] = []
    fetch(progress=lambda *step: seen.append(step))
    assert seen[-1] == ("downloading data.bin", len(BODY), len(BODY))


def test_a_second_download_waits_for_the_first_and_uses_its_file(
    fetch: Any, file_server: Any, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    waiting = threading.Event()
    with (tmp_path / "cache" / ".data.bin.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(
            target=fetch, kwargs={"progress": lambda what, *_: "waiting" in what and waiting.set()}
        )
        second.start()
        assert waiting.wait(10)
        (tmp_path / "cache" / "data.bin").write_bytes(BODY)
    second.join(10)
    assert not second.is_alive()
    assert file_server.requests == []
