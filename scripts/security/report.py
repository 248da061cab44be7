"""What a check found, read from the output of its tool. Nothing here runs anything."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_NOTHING = "There were no results found."


@dataclass(frozen=True)
class Report:
    """The result of one check. Only a check that looked at something can be clean.

    `checked` says at what, `findings` what is wrong, a line each, and `obstacle` why the check
    could not run.
    """

    checked: str = ""
    findings: Sequence[str] = ()
    obstacle: str = ""

    @property
    def verdict(self) -> str:
        """`found`, `could not run` or `clean`."""
        if self.findings:
            return "found"
        return "could not run" if self.obstacle or not self.checked else "clean"


def of_checkov(output: str) -> Report:
    """From checkov's JSON. Raises ValueError for anything else."""
    answer = json.loads(output)
    summary = answer.get("summary", answer)  # bare when there was nothing to check
    findings = [
        "{check_id} {resource}, {file_path}:{line}: {check_name}".format(
            **check, line=check["file_line_range"][0]
        )
        for check in answer.get("results", {}).get("failed_checks", [])
    ]
    if summary["parsing_errors"]:
        findings.append(f"{summary['parsing_errors']} files could not be read")
    if not summary["passed"] + summary["failed"]:
        return Report(findings=findings, obstacle="it found nothing to check")
    return Report(
        f"{summary['passed']} checks passed, {summary['skipped']} skipped with a reason", findings
    )


def of_parliament(output: str, policies: int) -> Report:
    """From parliament's JSON lines, about so many policies. Raises ValueError for anything else."""
    findings = []
    for line in filter(None, map(str.strip, output.splitlines())):
        issue = json.loads(line)
        location = issue["location"]
        where = f"{location.get('filepath', '')}:{location.get('line', '')}"
        findings.append(f"{where}: {issue['title']}. {issue['detail']}")
    return _of_policies(findings, policies)


def of_cloudsplaining(outputs: Mapping[str, str]) -> Report:
    """From cloudsplaining's text about each policy by the policy's name."""
    findings = []
    for name, output in outputs.items():
        lines = [line.strip() for line in _COLOUR.sub("", output).splitlines() if line.strip()]
        if lines != [_NOTHING]:
            findings.append(f"{name}: {' '.join(lines) or 'it said nothing'}")
    return _of_policies(findings, len(outputs))


def _of_policies(findings: list[str], policies: int) -> Report:
    if not policies:
        return Report(obstacle="there are no rendered policies")
    return Report(f"{policies} policies", findings)


def of_zizmor(output: str, workflows: int) -> Report:
    """From zizmor's JSON, about so many workflows. Raises ValueError for anything else."""
    findings = []
    for found in json.loads(output):
        place = found["locations"][0]
        path = place["symbolic"]["key"]["Local"]["verbatim_path"]
        line = place["concrete"]["location"]["start_point"]["row"] + 1
        findings.append(f"{path}:{line}: {found['ident']}: {found['desc']}")
    return _of_workflows(findings, workflows)


def of_check_jsonschema(output: str, workflows: int) -> Report:
    """From check-jsonschema's JSON, about so many workflows.

    Raises ValueError for anything else.
    """
    answer = json.loads(output)
    findings = [
        f"{error['filename']}, {best['path']}: {best['message']}"
        for error in answer["errors"]
        if (best := error.get("best_match") or error)
    ]
    findings += [error["message"] for error in answer.get("parse_errors", [])]
    return _of_workflows(findings, workflows)


def _of_workflows(findings: list[str], workflows: int) -> Report:
    if not workflows:
        return Report(obstacle="there are no workflows")
    return Report(f"{workflows} workflows", findings)


def of_pip_audit(output: str) -> Report:
    """From pip-audit's JSON. Raises ValueError for anything else.

    pip-audit is content when its vulnerability service knows none of the packages; that is not
    the same as a service that knows no vulnerability of them.
    """
    dependencies: list[dict[str, Any]] = json.loads(output)["dependencies"]
    unknown = [item for item in dependencies if "skip_reason" in item]
    findings = [
        f"{item['name']} {item['version']}: {found['id']}"
        f"{', mended in ' + ', '.join(found['fix_versions']) if found['fix_versions'] else ''}"
        for item in dependencies
        for found in item.get("vulns", [])
    ]
    obstacle = (
        f"the vulnerability service does not know {len(unknown)} of {len(dependencies)} packages, "
        f"such as {unknown[0]['name']}"
        if unknown
        else ""
    )
    return Report(f"{len(dependencies) - len(unknown)} packages", findings, obstacle)


def of_pytest(output: str, rows: int) -> Report:
    """From pytest's short summary; `rows` is how many questions the matrix asked."""
    failed = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return Report(f"{rows} questions to IAM, answered as expected" if rows else "", failed)
