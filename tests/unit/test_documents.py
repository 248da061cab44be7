"""What is written keeps up with what there is: commands, tasks, options, variables, links."""

import inspect
import re
from collections.abc import Iterator

import pytest

from scripts.environment import ROOT, TERRAFORM
from tasks import namespace

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in PAGES}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
VERBS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.M))
# A collection's default task is called by the collection's name.
TASKS = {
    name: namespace[name]
    for name in [*namespace.task_names, *namespace.collections]
    if name != "cloud"
}
# What people read in an alarm: Terraform fills in the environment's name.
ALARMS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for module in ("observability", "workflow")
    for path in sorted((TERRAFORM / "modules" / module).glob("*"))
}
# A name in code that is a resource's, not a variable's, of Terraform.
VARIABLES = set(re.findall(r'^variable "(\w+)"', (TERRAFORM / "variables.tf").read_text(), re.M))


def code(text: str) -> list[str]:
    """What stands in backticks, and the lines of blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [*(" ".join(found.split()) for found in re.findall(r"`([^`]+)`", rest)), *lines]


def commands(text: str) -> Iterator[tuple[str, set[str]]]:
    """Every `invoke` command as the name of its task, and its options."""
    for line in code(text):
        for name, rest in re.findall(r"(?:^|bin/)invoke ([a-z][\w.]*)(.*)", line):
            yield name, set(re.findall(r"(?<!\S)--(?:no-)?([a-z-]+)", rest.split("#")[0]))


def parameters(name: str) -> set[str]:
    return {flag.replace("_", "-") for flag in inspect.signature(TASKS[name].body).parameters}


@pytest.mark.parametrize("page", TEXTS)
def test_every_make_command_is_a_verb_of_the_makefile(page):
    named = {verb for line in code(TEXTS[page]) for verb in re.findall(r"^make ([a-z]+)", line)}
    assert named <= VERBS


@pytest.mark.parametrize("page", [*TEXTS, *ALARMS])
def test_every_invoke_command_is_a_task_with_these_options(page):
    for name, options in commands((TEXTS | ALARMS)[page]):
        assert name in TASKS
        assert options <= parameters(name) | {"list", "help"}, name


@pytest.mark.parametrize("page", [*TEXTS, *ALARMS])
def test_no_command_lacks_the_reason_that_its_task_refuses_to_run_without(page):
    for name, options in commands((TEXTS | ALARMS)[page]):
        assert "reason" in options or "reason" not in parameters(name), name


@pytest.mark.parametrize("page", ALARMS)
def test_every_command_of_an_alarm_names_the_alarms_environment(page):
    for name, options in commands(ALARMS[page]):
        assert "env" in options or "env" not in parameters(name), name


def test_the_readme_has_every_task():
    table = TEXTS["README.md"]
    named = set(re.findall(r"`([a-z][\w.]*)`", table))
    named |= set(re.findall(r"`make ([a-z]+)", table))
    named |= {"setup", "lint", "test", "bench", "demo"} & VERBS
    missing = {name for name in namespace.task_names if name not in named}
    missing -= {"batch.run", "endpoint.deploy"}
    assert missing == set()


def test_the_readmes_table_of_tasks_has_no_other():
    _, section = TEXTS["README.md"].split("\n## What each task does\n")
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.M)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named
    assert named <= TASKS.keys()


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_to_a_file_leads_somewhere(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#\s]+)", TEXTS[page]):
        if not re.match(r"[a-z]+:", target):
            assert (folder / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_of_ours_that_is_named_exists(page):
    folders = ("lambdas", "scripts", "terraform", "tests", "docs")
    for text in code(TEXTS[page]):
        if re.fullmatch(rf"({'|'.join(folders)})/[\w./-]+", text) and "*" not in text:
            assert (ROOT / text).exists(), f"{page}: {text}"


@pytest.mark.parametrize("page", TEXTS)
def test_every_retention_limit_and_scaling_variable_that_is_named_exists(page):
    named = {
        text.partition(".")[0]
        for text in code(TEXTS[page])
        if re.fullmatch(
            r"(\w+_retention_days|endpoint_\w+|batch_\w+|alarm_(?!description)\w+|page_email)(\.\w+)?",
            text,
        )
    }
    assert named <= VARIABLES, page
