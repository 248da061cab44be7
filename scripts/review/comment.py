"""A review as a comment of a pull request (Markdown), as text for a terminal, and as JSON."""

import json
from collections.abc import Iterator

from scripts.review.changes import Change
from scripts.review.review import Review, in_brackets
from scripts.review.wording import code, masked, plain, some

# In the order in which they are told, as words of the first line.
_COUNTED = {
    "replace": "to replace",
    "destroy": "to destroy",
    "change": "to change",
    "forget": "no longer managed",
    "add": "to add",
    "import": "to import",
    "move": "to rename",
}
_MARKS = {"**Replaced": "🛑 ", "**Destroyed": "🛑 ", "**Wider": "⚠️ ", "**New": "⚠️ ", "**Cost": "⚠️ "}
MOST_GRANTS = 12
LARGEST = 60_000  # characters: GitHub takes 65,536


def markdown(review: Review) -> str:
    """The comment. What must be seen is in its first ten lines; it always fits."""
    kept: list[str] = []
    lines = list(_lines(review))
    room = LARGEST
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            kept.append(f"\n{len(lines) - number} more lines: see them with `make plan`.")
            break
        kept.append(_marked(line))
    return masked("\n".join(kept) + "\n")


def text(review: Review) -> str:
    """The same for a terminal."""
    return masked("\n".join(map(plain, _lines(review))))


def document(review: Review) -> str:
    """The same for machines."""
    return masked(json.dumps(review.as_json(), indent=2, ensure_ascii=False)) + "\n"


def _marked(line: str) -> str:
    for beginning, mark in _MARKS.items():
        line = line.replace(f"- {beginning}", f"- {mark}{beginning}", 1)
    return line


def _lines(review: Review) -> Iterator[str]:
    yield f"### Plan for {code(review.environment)}: {_summary(review)}"
    warnings = review.warnings()
    yield from (f"- {line}" for line in warnings)
    if not warnings and review.changes:
        yield "- Nothing is lost or replaced, and no policy is wider."
    if not review.warns_of_cost:
        yield f"- Cost: {review.cost_in_words()}."
    if review.drifted:
        yield f"- Changed outside of Terraform: {some(map(code, review.drifted))}"
    yield from _policies(review)
    modules: dict[str, list[Change]] = {}
    for change in review.changes:
        modules.setdefault(change.module or "root", []).append(change)
    for module, found in sorted(modules.items()):
        yield ""
        yield f"#### {module}"
        for change in sorted(found, key=lambda change: list(_COUNTED).index(change.action)):
            yield f"- {change.action} {code(change.name)}{_why(change)}{in_brackets(change)}"
    if review.outputs:
        yield ""
        yield f"Outputs that differ: {', '.join(map(code, review.outputs))}"


def _summary(review: Review) -> str:
    counts = review.counts
    parts = [f"{counts[action]} {words}" for action, words in _COUNTED.items() if counts[action]]
    return ", ".join(parts) or ("only outputs differ" if review.outputs else "no changes")


def _policies(review: Review) -> Iterator[str]:
    if not review.policies:
        return
    yield ""
    yield "#### Who may do what"
    for one in review.policies:
        notes = ", ".join(note for note in ("new" if one.is_new else "", one.to_read) if note)
        yield f"- {code(one.address)}" + (f" ({notes})" if notes else "")
        for title, grants in (("wider", one.wider), ("narrower", one.narrower)):
            yield from (f"  - {title}: {code(grant)}" for grant in grants[:MOST_GRANTS])
            if len(grants) > MOST_GRANTS:
                yield f"  - {title}: {len(grants) - MOST_GRANTS} more"


def _why(change: Change) -> str:
    return f" because of {', '.join(map(code, change.because))}" if change.because else ""
