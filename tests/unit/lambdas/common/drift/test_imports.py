"""The monitor's function carries numpy and nothing heavier for its statistics."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[5]


def test_the_judge_imports_numpy_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import lambdas.common.drift.judge; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    assert output.split() == ["lambdas", "numpy"]
