"""One deployment, which the tests of this folder share: see `TOGETHER` in tests/conftest.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import LENIENT, QUICK, Place


@pytest.fixture(scope="session")
def deployed(place: Callable[[], Place], small_dataset: Path) -> Place:
    """A deployed workflow in a cloud of its own."""
    here = place()
    for words in (("cloud.up",), ("deploy", "--source", str(small_dataset), *QUICK, *LENIENT)):
        ended = here.invoke(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    return here
