"""The runbook has an entry for every alarm, and for nothing else."""

import re

from scripts.environment import ROOT

ENTRY = re.compile(r"^## (\S+)\n\*\*(\w+)\*\*: ", re.M)


def test_every_alarm_has_its_entry_with_its_urgency_and_every_entry_its_alarm(service):
    urgency = {
        name: re.search(r"Severity: (\w+)\.", alarm["AlarmDescription"])[1]
        for name, alarm in service.alarms().items()
    }
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    assert dict(ENTRY.findall(runbook)) == urgency
    assert len(re.findall("^## ", runbook, re.M)) == len(urgency)


def test_every_link_within_the_runbook_leads_to_an_entry():
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    assert set(re.findall(r"\]\(#([\w-]+)\)", runbook)) <= set(dict(ENTRY.findall(runbook)))
