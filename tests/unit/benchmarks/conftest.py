"""The benchmark's modules, which import each other flat, as `make bench` runs them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
