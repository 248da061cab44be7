"""How a review is written: safe to show, whatever names and policies hold."""

import re
from collections.abc import Iterable

NAMED = 3  # of a list within a sentence
LONGEST = 300  # characters of one piece of code: a condition can be long
BRIEFLY = 140
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def masked(text: str) -> str:
    """Text without account numbers and mail addresses."""
    return _MAIL.sub("(an address)", _ACCOUNT.sub("ACCOUNT", text))


def code(text: str, longest: int = LONGEST) -> str:
    """As code in Markdown, whatever the text holds: names come from a configuration that may be a
    stranger's. What cannot be printed would steer a terminal, or show lines in another order."""
    visible = "".join(character if character.isprintable() else " " for character in text)
    # Masked before it is cut: a part of an account number would not be known as one.
    line = " ".join(masked(visible).replace("`", "'").replace("|", "/").split())
    return f"`{line if len(line) <= longest else line[: longest - 1] + '…'}`"


def plain(line: str) -> str:
    """Without Markdown."""
    return re.sub(r"^#+ ", "", line).replace("**", "").replace("`", "")


def some(parts: Iterable[str]) -> str:
    """The first of a list, and how many more there are."""
    named = list(parts)
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return ", ".join(named[:NAMED]) + more
