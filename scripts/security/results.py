"""build/security.json: what was checked, what was expected and what was found."""

import json
from typing import Any

from scripts.environment import BUILD

FILE = BUILD / "security.json"
FOLDER = BUILD / "security"
POLICIES = FOLDER / "policies"  # every role's policy as JSON, for tools that read files


def record(section: str, value: Any) -> None:
    """Put `value` (as JSON) into the file's `section`; the other sections stay."""
    content = {**read(), section: value}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def read() -> dict[str, Any]:
    """The sections by name; none when there is no file."""
    if not FILE.exists():
        return {}
    content: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return content
