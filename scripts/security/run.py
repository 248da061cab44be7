"""Run the checks, a line each, and leave what came of them in build/security.json."""

from collections.abc import Mapping

from scripts.console import DONE, FAILED, UNKNOWN, Screen
from scripts.security import checks, results, toolbox
from scripts.security.report import Report

# Their service is somebody else's, and may be out of reach.
_MAY_BE_UNABLE = {"pip-audit"}
_MARKS = {"clean": DONE, "found": FAILED, "could not run": UNKNOWN}


def run(screen: Screen) -> dict[str, Report]:
    """The report of each check by its name. Raises UserError when a tool fails by itself."""
    if not toolbox.is_ready():
        with screen.step("tools", "Install the tools") as step:
            step.say("into an environment of their own, once")
            toolbox.install()
            step.result = "into an environment of their own, once"
    reports = {}
    for name, (title, check) in checks.ALL.items():
        with screen.step(name, title) as step:
            found = reports[name] = check()
            step.mark, step.result = _MARKS[found.verdict], said(found)
        for finding in found.findings:
            screen.print(f"    {finding}")
    results.record("checks", {name: as_json(report) for name, report in reports.items()})
    return reports


def said(found: Report) -> str:
    """A report in a few words."""
    if found.findings:
        return f"{len(found.findings)} found"
    if found.verdict == "could not run":
        return f"could not run: {found.obstacle or 'there was nothing to check'}"
    return found.checked


def as_json(found: Report) -> dict[str, object]:
    return {
        "verdict": found.verdict,
        "checked": found.checked,
        "findings": list(found.findings),
        "obstacle": found.obstacle,
    }


def is_failure(reports: Mapping[str, Report]) -> bool:
    """Whether something was found, or a check that needs nothing from outside could not run."""
    return any(
        found.verdict == "found" or (found.verdict != "clean" and name not in _MAY_BE_UNABLE)
        for name, found in reports.items()
    )


def summary(reports: Mapping[str, Report]) -> str:
    """The last line: what was found, and which checks could not run."""
    by_verdict = {
        verdict: ", ".join(name for name, found in reports.items() if found.verdict == verdict)
        for verdict in _MARKS
    }
    words = f"Found by {by_verdict['found']}." if by_verdict["found"] else "Nothing was found."
    if by_verdict["could not run"]:
        words += f" Could not run, and so says nothing: {by_verdict['could not run']}."
    return words
