"""The table of bad inputs and faults, row by row, against the deployed workflow.

Everything is sent at once, as strangers would; each row then looks at what became of its own. The
rows are shown as a table at the end of the run.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.bad_inputs import CLASSIFIED, KEYS, UPLOADS
from tests.e2e.conftest import Place
from tests.e2e.deployed import story as stories
from tests.e2e.deployed.story import (
    AGAIN,
    DENIED,
    HEALED,
    LASTING,
    LASTING_CASES,
    NONSENSE,
    PICTURE,
    REFUSED,
    TIMES,
    WRONG_INPUTS,
    Story,
    executions,
)
from tests.e2e.world import PREFIX

TOLD_ONCE = "told 1 times"
ONE_ANSWER = f"{CLASSIFIED}, {TOLD_ONCE}"
UNTOLD = "told 0 times"


@dataclass(frozen=True)
class Row:
    """One case of a row of the table, and how to see what became of it."""

    number: int
    case: str
    expected: str
    observe: Callable[[Story], str]

    def __str__(self) -> str:
        return f"{self.number}: {self.case}"


def outcome(case: str) -> Callable[[Story], str]:
    return lambda story: story.seen.of(story.sent[case])


def note(name: str) -> Callable[[Story], str]:
    return lambda story: story.notes[name]


def pictures() -> list[Row]:
    def with_calls(case: str) -> Callable[[Story], str]:
        return lambda story: story.seen.with_calls(story.sent[case])

    return [
        Row(
            upload.row,
            upload.case,
            f"{upload.expected}, {TOLD_ONCE}, "
            f"endpoint asked {int(upload.expected == CLASSIFIED)} times",
            with_calls(str(upload)),
        )
        for upload in UPLOADS
    ] + [Row(number, case, ONE_ANSWER, outcome(case)) for number, case, _ in KEYS]


def faults_() -> list[Row]:
    rows = [
        Row(39, f"the endpoint {what} and heals", ONE_ANSWER, outcome(f"{what} and heals"))
        for what in HEALED
    ]
    lasting = {case: error for case, (_, error) in LASTING.items()}
    lasting |= {case: "BadScores" for case in NONSENSE}
    for (number, case), error in lasting.items():
        expected = f"failed [{error}], its input is kept, {UNTOLD}"
        rows.append(Row(number, case, expected, outcome(case)))
    return rows


def newest(story: Story) -> str:
    """Which version's decision a reader takes who goes by the sequencer."""
    of_key = [
        item
        for item in story.seen.decisions.values()
        if item["s3_key"]["S"] == story.sent["the older version"].key
    ]
    stands = max(of_key, key=lambda item: item["sequencer"]["S"])
    is_newer = stands["version_id"]["S"] == story.sent["the newer version"].version_id
    return f"{len(of_key)} decisions, the {'newer' if is_newer else 'older'} version's stands"


def read_version(case: str) -> Callable[[Story], str]:
    """What became of the first of two versions, and which of them was read."""

    def look(story: Story) -> str:
        sent = story.sent[case]
        was_read = story.seen.decisions[sent.id]["sha256"]["S"]
        is_first = was_read == hashlib.sha256(PICTURE).hexdigest()
        return f"{story.seen.of(sent)}, {'this' if is_first else 'another'} version"

    return look


def answered(case: str, why: str) -> Callable[[Story], str]:
    """What the answer to a wrong input says."""

    def look(story: Story) -> str:
        answer = story.answers[case]
        message = json.loads(answer["cause"])["errorMessage"]
        names_it = message.startswith(why) and "\n" not in message
        said = "one line that names the field" if names_it else message
        return f"failed [{answer['error']}], {said}"

    return look


def folder_marker(story: Story) -> str:
    dimensions = {"Environment": "local", "service": "serialize"}
    count = story.world.total("scones", "Ignored", dimensions)
    return f"{story.seen.of(story.sent['folder marker'])}, counted {count:g} times"


def all_good_ones(story: Story) -> str:
    good = [str(upload) for upload in UPLOADS if upload.expected == CLASSIFIED]
    right = sum(story.seen.of(story.sent[case]) == ONE_ANSWER for case in good)
    return f"{'all' if right == len(good) else right} good ones {CLASSIFIED}"


def upright(story: Story) -> str:
    turned = [f"24: EXIF orientation {n}" for n in range(2, 9)]
    scores = {
        story.seen.decisions[story.sent[case].id]["scores"]["S"] for case in ["upright", *turned]
    }
    return f"{len(scores)} different answers"


def at_the_threshold(story: Story) -> str:
    item = story.seen.decisions[story.sent["exactly the threshold"].id]
    return f"{item['decision']['S']}, {story.seen.of(story.sent['exactly the threshold'])}"


ROWS = sorted(
    [
        *pictures(),
        *faults_(),
        Row(2, "folder marker", f"nothing, {UNTOLD}, counted 1 times", folder_marker),
        Row(24, "all orientations", "1 different answers", upright),
        Row(
            30, "version id given", f"{ONE_ANSWER}, this version", read_version("version id given")
        ),
        Row(31, "deleted before it is read", f"rejected [gone], {TOLD_ONCE}", outcome("deleted")),
        Row(32, "overwritten", f"{ONE_ANSWER}, this version", read_version("overwritten")),
        Row(32, "overwritten, then gone", f"rejected [gone], {TOLD_ONCE}", outcome("lost")),
        *(
            Row(33, case, f"failed [AccessDenied], its input is kept, {UNTOLD}", outcome(case))
            for case in DENIED[:3]
        ),
        Row(33, "an upload elsewhere", f"nothing, {UNTOLD}", outcome("elsewhere")),
        Row(
            34,
            "access denied",
            f"failed [AccessDenied], its input is kept, {UNTOLD}",
            outcome("access denied"),
        ),
        Row(35, "the same event three times", ONE_ANSWER, outcome("three times")),
        Row(36, "events out of order", "2 decisions, the newer version's stands", newest),
        Row(37, "many at once", f"all good ones {CLASSIFIED}", all_good_ones),
        *(
            Row(
                38,
                case,
                "failed [InvalidInput], one line that names the field",
                answered(case, why),
            )
            for case, (_, why) in WRONG_INPUTS.items()
        ),
        Row(
            41,
            "the model answers 415",
            f"rejected [model_refused], {TOLD_ONCE}",
            outcome("refused"),
        ),
        Row(44, "exactly the threshold", f"accepted, {ONE_ANSWER}", at_the_threshold),
        Row(45, "damaged line, base64 output, late file", "1 damaged, 2 read", note("captures")),
        Row(46, "traffic without captures", "report: No data, monitor: no_data", note("verdict")),
    ],
    key=lambda row: row.number,
)


@pytest.fixture(scope="module")
def story(deployed: Place) -> Story:
    return stories.tell(deployed)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_of_the_table_leads_to_what_it_says(
    row: Row, story: Story, record_property: Callable[[str, object], None]
) -> None:
    observed = row.observe(story)
    record_property("bad_input", (row.number, row.case, row.expected, observed))
    assert observed == row.expected


def test_every_row_of_the_table_is_here() -> None:
    assert {row.number for row in ROWS} == set(range(1, 47))


def test_nothing_but_what_was_meant_to_be_refused_has_reached_the_model(story: Story) -> None:
    dimensions = {"EndpointName": PREFIX, "VariantName": "AllTraffic"}
    assert story.world.total("AWS/SageMaker", "Invocation4XXErrors", dimensions) == 1


# Events that arrive several times


def test_each_of_three_events_starts_an_execution(story: Story) -> None:
    # More than that where a call was retried whose first answer came too late.
    assert executions(story.after, story.again) >= AGAIN * TIMES


def test_there_is_one_decision_for_each_of_200_pictures(story: Story) -> None:
    assert {item.id for item in story.again} <= story.after.decisions.keys()


def test_everybody_is_told_of_each_of_200_pictures_once(story: Story) -> None:
    assert [story.after.told[item.id] for item in story.again] == [1] * AGAIN


# Beyond the table


def test_a_photograph_as_phones_take_them_is_classified(story: Story) -> None:
    assert story.seen.of(story.sent["a phone's photograph"]) == ONE_ANSWER


def test_a_decision_that_was_told_is_not_told_again_because_the_table_refuses(
    story: Story,
) -> None:
    sent = story.sent["the table refuses the confirmation"]
    assert story.seen.of(sent) == ONE_ANSWER
    assert story.after.of(sent) == ONE_ANSWER
    assert sent.key not in story.seen.failures


@pytest.mark.parametrize("case", REFUSED)
def test_nobody_is_told_what_could_not_be_recorded_or_delivered(story: Story, case: str) -> None:
    error = REFUSED[case][1]
    expected = f"failed [{error}], its input is kept, {UNTOLD}"
    assert story.seen.of(story.sent[case]) == expected


@pytest.mark.parametrize("case", [*LASTING_CASES, *REFUSED])
def test_everything_is_decided_once_the_fault_has_healed(story: Story, case: str) -> None:
    was_rejected = case == "the review queue refuses"
    what = "rejected [not_an_image]" if was_rejected else CLASSIFIED
    assert story.after.of(story.sent[case]) == f"{what}, {TOLD_ONCE}"


def test_what_had_been_decided_before_is_not_told_again_by_a_redrive(story: Story) -> None:
    assert max(story.after.told.values()) == 1


def test_nothing_that_a_model_did_not_say_with_sense_is_accepted(story: Story) -> None:
    wrong = [story.sent[case].id for _, case in NONSENSE]
    assert not [story.seen.decisions[item] for item in wrong if item in story.seen.decisions]


def test_the_redrive_shows_what_failed_and_says_what_failed_again(story: Story) -> None:
    first = story.redrives[0]
    assert "BadScores" in first.stdout
    assert "The score of bicycle is not between 0 and 1." in first.stdout
    assert first.returncode == 1  # wrong inputs stay wrong
    assert "failed again" in first.stdout


def test_what_can_never_succeed_is_deleted_on_request_and_nothing_is_left(story: Story) -> None:
    assert [ended.returncode for ended in story.redrives[1:]] == [0, 0]
    assert story.after.failures == {}


def test_a_person_is_told_which_picture_failed_with_which_error_and_what_to_do(
    story: Story,
) -> None:
    assert "invoke redrive --env local" in story.alarm
    failed = [failure for failures in story.seen.failures.values() for failure in failures]
    keys = [(failure["input"].get("s3_key"), failure["error"]) for failure in failed]
    assert any(f'"{key}": {error}: ' in story.alarm for key, error in keys)
