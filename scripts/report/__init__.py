"""The monitoring report: data in, one self-contained HTML page out. Nothing here calls AWS.

`ReportData` holds everything that the page shows; `render` turns it into HTML text. The drawing
libraries are imported by `render` only, so importing this package costs next to nothing.
"""

from scripts.report.model import (
    Decision,
    Evaluation,
    Inference,
    ModelInfo,
    Outcome,
    OutcomeKind,
    ReliabilityBin,
    ReportData,
)
from scripts.report.page import render
from scripts.report.windows import Window

__all__ = [
    "Decision",
    "Evaluation",
    "Inference",
    "ModelInfo",
    "Outcome",
    "OutcomeKind",
    "ReliabilityBin",
    "ReportData",
    "Window",
    "render",
]
