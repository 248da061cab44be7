import os
from pathlib import Path

import pytest

from scripts.dataset import paths
from scripts.errors import UserError


def test_a_file_inside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"data")
    assert paths.read_inside(tmp_path / "a.png", tmp_path, 4) == b"data"


def test_a_link_to_another_file_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"data")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert paths.read_inside(tmp_path / "b.png", tmp_path, 4) == b"data"


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"data")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.png").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"a\.png leads out of .*root"):
        paths.read_inside(root / "a.png", root, 4)


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png"):
        paths.read_inside(tmp_path / "a.png", tmp_path, 4)


def test_a_file_over_the_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12345")
    with pytest.raises(UserError, match=r"a\.png in .* has 5 bytes, the limit is 4"):
        paths.read_inside(tmp_path / "a.png", tmp_path, 4)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png in .* is not a file"):
        paths.read_inside(tmp_path / "a.png", tmp_path, 4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.png in .* cannot be read \(No such file"):
        paths.read_inside(tmp_path / "a.png", tmp_path, 4)


def test_entries_are_in_order_and_without_what_desktops_leave(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    assert [path.name for path in paths.entries(tmp_path)] == ["a.png", "b.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone cannot be listed"):
        list(paths.entries(tmp_path / "gone"))
