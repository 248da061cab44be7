"""Readers of capture files are compared on the same work only."""

from __future__ import annotations

from pathlib import Path

import capture_files
import capture_readers
import monitoring
import pytest

from lambdas.common.capture import parse_file, parse_key

PROJECTS_OWN = ("monitor", "json", "pandas")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    capture_files.write(folder, records=60, files=3)
    return folder


def test_the_files_are_capture_files_with_keys_in_the_order_of_time(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    files = [parse_file(path.read_bytes()) for path in paths]
    assert [len(file.records) for file in files] == [20, 20, 20]
    assert sum(file.damaged_lines for file in files) == 0
    places = [parse_key(capture_files.key_of(path)) for path in paths]
    times = [place.time for place in places if place]
    assert times == sorted(times)
    assert len(times) == len(paths)


def test_every_reader_of_the_projects_own_finds_the_same(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    found = [capture_readers.READERS[name][1](paths) for name in PROJECTS_OWN]
    assert found[0]["records"] == 60
    assert found[0]["low"] > 0
    assert found[1:] == found[:1] * 2


def test_readers_that_do_not_agree_are_not_compared() -> None:
    def run(low: int) -> list[dict[str, object]]:
        return [{"records": 60, "low": low, "first_class": 30, "quantiles": [0.5]}]

    monitoring._check_the_same({"one": run(3), "other": run(3), "bytes": [{"bytes": 1}]})
    with pytest.raises(ValueError, match="do not agree"):
        monitoring._check_the_same({"one": run(3), "other": run(4)})
