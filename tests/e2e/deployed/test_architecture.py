"""The picture in docs/architecture.md is what is deployed."""

from tests.e2e.conftest import Place


def test_the_pages_made_from_the_code_are_as_the_code_is(deployed: Place) -> None:
    done = deployed.invoke("documents", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
