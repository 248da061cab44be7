"""What people see: one line a step, whatever it says, and a live bar only on a terminal."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from scripts.console import UNKNOWN, Screen


def _screen(terminal: bool = False) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=terminal, highlight=False)
    return Screen(console), out


def test_away_from_a_terminal_a_step_leaves_exactly_one_plain_line() -> None:
    screen, out = _screen()
    with screen.step("train", "Train") as step:
        step.say("reading")
        step.progress(1, 12, "epoch 1")
        assert out.getvalue() == ""
        step.result = "done well"
    assert re.fullmatch(r"✓ Train {17} +0\.\d s  done well\n", out.getvalue())


def test_lines_of_steps_are_aligned() -> None:
    screen, out = _screen()
    for name in ("A", "Provision the workflow"):
        with screen.step(name, name) as step:
            step.result = "result"
    assert len({line.index("result") for line in out.getvalue().splitlines()}) == 1


def test_a_long_result_is_not_broken_into_lines() -> None:
    screen, out = _screen()
    with screen.step("a", "A") as step:
        step.result = "word " * 60
    assert out.getvalue().count("\n") == 1


def test_a_failed_step_is_marked_and_its_error_goes_on() -> None:
    screen, out = _screen()
    with pytest.raises(ValueError, match="why"), screen.step("train", "Train"):
        raise ValueError("why")
    assert out.getvalue().startswith("✗ Train")
    assert "✓" not in out.getvalue()
    assert screen.seconds == {}


def test_a_step_may_say_itself_how_it_is_marked() -> None:
    screen, out = _screen()
    with screen.step("audit", "Audit") as step:
        step.mark, step.result = UNKNOWN, "could not run"
    assert re.fullmatch(r"\? Audit {17} +0\.\d s  could not run\n", out.getvalue())


def test_a_step_that_is_stopped_is_marked_as_well() -> None:
    screen, out = _screen()
    with pytest.raises(KeyboardInterrupt), screen.step("train", "Train"):
        raise KeyboardInterrupt
    assert out.getvalue().startswith("✗ Train")


def test_the_duration_of_each_finished_step_is_recorded_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, out = _screen()
    clock = iter([100.0, 101.254, 200.0, 200.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    for name in ("stage", "train"):
        with screen.step(name, name.title()):
            pass
    assert screen.seconds == {"stage": 1.25, "train": 0.5}
    assert "    1.3 s" in out.getvalue()


@pytest.mark.parametrize("text", ["rejected [empty]: no bytes", "[/] [/opt/ml] [red]x", "a\\[b]"])
def test_a_result_is_shown_as_it_is_brackets_included(text: str) -> None:
    screen, out = _screen()
    with screen.step("a", "A") as step:
        step.result = text
    assert text in out.getvalue()


@pytest.mark.parametrize("text", ["[/opt/ml/input]", "[bold", "100 % [/]"])
def test_a_running_step_shows_whatever_a_job_prints(text: str) -> None:
    screen, out = _screen(terminal=True)
    with screen.step("train", "Train") as step:
        step.say(text)
        step._live.refresh()
    assert text in out.getvalue()


def test_on_a_terminal_the_live_line_gives_way_to_the_final_one() -> None:
    screen, out = _screen(terminal=True)
    with screen.step("train", "Train") as step:
        step.progress(3, 12, "epoch 3")
        step._live.refresh()
        step.result = "done"
    assert "epoch 3" in out.getvalue()
    erased_line = "\x1b[2K"
    assert erased_line in out.getvalue()[out.getvalue().rindex("epoch 3") :]
    assert out.getvalue().rstrip().splitlines()[-1].count("done") == 1


def test_a_line_is_never_wrapped() -> None:
    screen, out = _screen()
    screen.print("word " * 60)
    assert out.getvalue().count("\n") == 1


def test_numbers_in_a_table_are_set_to_the_right_and_words_to_the_left() -> None:
    screen, out = _screen()
    screen.table("Name", "Count", rows=[("bicycle", "7"), ("bus", "1234")])
    heading, *rows = out.getvalue().splitlines()
    assert [line.rstrip() for line in rows] == ["bicycle      7", "bus       1234"]
    assert heading.split() == ["Name", "Count"]


def test_a_table_is_as_wide_as_what_is_in_it() -> None:
    screen, out = _screen()
    name = "word " * 60
    screen.table("Name", "Count", rows=[(name, "7")])
    assert name in out.getvalue()


@pytest.mark.parametrize("name", ["x[a].png", "x[/a].png", ":bike:", "[red]"])
def test_names_are_shown_as_they_are_brackets_included(name: str) -> None:
    screen, out = _screen()
    screen.table("Name", rows=[(name,)])
    screen.print(name)
    assert out.getvalue().split() == ["Name", name, name]


def test_a_table_without_rows_is_its_heading() -> None:
    screen, out = _screen()
    screen.table("Name", "Count", rows=[])
    assert out.getvalue().split() == ["Name", "Count"]
