"""The outputs of tools are read, and never taken for clean when nothing was looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.security.report import (
    Report,
    of_check_jsonschema,
    of_checkov,
    of_cloudsplaining,
    of_parliament,
    of_pip_audit,
    of_pytest,
    of_zizmor,
)


def checkov(*failed: dict[str, Any], **counts: int) -> str:
    summary = {"passed": 40, "failed": len(failed), "skipped": 2, "parsing_errors": 0, **counts}
    return json.dumps({"results": {"failed_checks": failed}, "summary": summary})


FAILED = {
    "check_id": "CKV_AWS_26",
    "check_name": "Ensure all data stored in the SNS topic is encrypted",
    "resource": "module.observability.aws_sns_topic.alarms",
    "file_path": "/modules/observability/topic.tf",
    "file_line_range": [7, 34],
}


def test_checkov_without_failures_is_clean() -> None:
    report = of_checkov(checkov())
    assert (report.verdict, report.checked) == (
        "clean",
        "40 checks passed, 2 skipped with a reason",
    )


def test_a_failure_of_checkov_says_rule_resource_and_line() -> None:
    report = of_checkov(checkov(FAILED))
    assert report.verdict == "found"
    assert report.findings == [
        "CKV_AWS_26 module.observability.aws_sns_topic.alarms, /modules/observability/topic.tf:7: "
        "Ensure all data stored in the SNS topic is encrypted"
    ]


def test_a_file_that_checkov_cannot_read_is_a_finding() -> None:
    assert of_checkov(checkov(parsing_errors=1)).findings == ["1 files could not be read"]


def test_checkov_that_found_nothing_to_check_is_not_clean() -> None:
    bare = {"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0}
    assert of_checkov(json.dumps(bare)).verdict == "could not run"


def test_parliament_without_output_is_clean() -> None:
    assert of_parliament("", policies=7) == Report("7 policies", [])
    assert of_parliament("", policies=7).verdict == "clean"


def test_an_issue_of_parliament_says_where_and_what() -> None:
    issue = {
        "title": "Unknown action",
        "detail": "Unknown action s3:GetObjct",
        "location": {"filepath": "policies/infer.json", "line": 5},
    }
    report = of_parliament(json.dumps(issue) + "\n", policies=7)
    assert report.findings == ["policies/infer.json:5: Unknown action. Unknown action s3:GetObjct"]


def test_cloudsplaining_that_says_there_is_nothing_is_clean() -> None:
    report = of_cloudsplaining({"infer": "There were no results found.\n"})
    assert report.verdict == "clean"


def test_an_issue_of_cloudsplaining_names_the_policy_and_has_no_colours() -> None:
    output = "\x1b[91mPotential Issue found: Resource Exposure\x1b[0m\nActions: iam:PassRole\n"
    report = of_cloudsplaining({"infer": output})
    assert report.findings == [
        "infer: Potential Issue found: Resource Exposure Actions: iam:PassRole"
    ]


def test_cloudsplaining_that_says_nothing_at_all_is_not_clean() -> None:
    assert of_cloudsplaining({"infer": ""}).findings == ["infer: it said nothing"]


@pytest.mark.parametrize("report", [of_parliament("", 0), of_cloudsplaining({})])
def test_tools_that_were_given_no_policies_are_not_clean(report: Report) -> None:
    assert report.verdict == "could not run"


def audit(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


KNOWN = {"name": "boto3", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "torch", "skip_reason": "not found"}
VULNERABLE = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "GHSA-1", "fix_versions": ["1.1"]}, {"id": "GHSA-2", "fix_versions": []}],
}


def test_packages_without_vulnerabilities_are_clean() -> None:
    report = of_pip_audit(audit(KNOWN))
    assert (report.verdict, report.checked) == ("clean", "1 packages")


def test_a_vulnerability_says_package_and_what_mends_it() -> None:
    report = of_pip_audit(audit(KNOWN, VULNERABLE))
    assert report.findings == ["pillow 1.0: GHSA-1, mended in 1.1", "pillow 1.0: GHSA-2"]


def test_a_package_that_the_service_does_not_know_is_not_taken_for_safe() -> None:
    report = of_pip_audit(audit(KNOWN, UNKNOWN))
    assert report.verdict == "could not run"
    assert report.obstacle == (
        "the vulnerability service does not know 1 of 2 packages, such as torch"
    )


def test_a_vulnerability_counts_whatever_else_is_unknown() -> None:
    assert of_pip_audit(audit(VULNERABLE, UNKNOWN)).verdict == "found"


@pytest.mark.parametrize("read", [of_checkov, of_pip_audit])
def test_an_answer_that_is_no_json_is_refused(read: Any) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        read("Traceback (most recent call last):")


def test_failed_tests_are_findings() -> None:
    output = "..F\nFAILED test_matrix.py::test_a - AssertionError: not so: a may b\n1 failed\n"
    report = of_pytest(output, rows=3)
    assert report.findings == ["FAILED test_matrix.py::test_a - AssertionError: not so: a may b"]
    assert of_pytest("3 passed\n", rows=3).verdict == "clean"


def test_a_matrix_without_rows_is_not_clean() -> None:
    assert of_pytest("3 passed\n", rows=0).verdict == "could not run"


def test_an_audit_of_zizmor_says_workflow_line_and_what() -> None:
    found = {
        "ident": "template-injection",
        "desc": "code injection via template expansion",
        "locations": [
            {
                "symbolic": {"key": {"Local": {"verbatim_path": "workflows/a.yml"}}},
                "concrete": {"location": {"start_point": {"row": 6, "column": 8}}},
            }
        ],
    }
    assert of_zizmor(json.dumps([found]), workflows=3).findings == [
        "workflows/a.yml:7: template-injection: code injection via template expansion"
    ]
    assert of_zizmor("[]", workflows=3) == Report("3 workflows", [])


def test_a_mistake_in_a_workflow_is_named_as_closely_as_the_schema_can() -> None:
    best = {"path": "$.jobs.a", "message": "'bogus' was unexpected"}
    error = {"filename": "a.yml", "path": "$", "message": "not valid", "best_match": best}
    broken = {"filename": "b.yml", "message": "Failed to parse b.yml"}
    output = json.dumps({"status": "fail", "errors": [error], "parse_errors": [broken]})
    assert of_check_jsonschema(output, workflows=2).findings == [
        "a.yml, $.jobs.a: 'bogus' was unexpected",
        "Failed to parse b.yml",
    ]


def test_without_any_workflow_nothing_is_clean() -> None:
    assert of_zizmor("[]", workflows=0).verdict == "could not run"
    assert of_check_jsonschema('{"errors": []}', workflows=0).verdict == "could not run"
