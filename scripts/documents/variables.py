"""The table of Terraform's variables: what can be set, and what it is if nobody does."""

import json
import re
from pathlib import Path
from typing import Any

from scripts.environment import TERRAFORM

VARIABLES = TERRAFORM / "variables.tf"
_HEAD = """# Variables

What `terraform/environments/<env>.tfvars` may set. Made from `terraform/variables.tf` by
`invoke documents`; its validations say what else a value must be. Once a model is in service,
`endpoint_name`, `endpoint_stopped`, `labels`, `confidence_threshold` and `image_size_px` are what
the record of its deployment says, and not what the file says.

| variable | without it | what it is |
|---|---|---|
"""
# A field of an object that has a default of its own.
_FIELD = re.compile(r"(\w+) = optional\(\w+, ([^)]+)\)")


def page(file: Path = VARIABLES) -> str:
    """The page, as Markdown."""
    import hcl2  # it builds a parser, which no other task has to wait for

    with file.open(encoding="utf-8") as opened:
        blocks = hcl2.load(opened)["variable"]
    variables = {_text(name): body for block in blocks for name, body in block.items()}
    return _HEAD + "".join(_row(name, body) for name, body in variables.items())


def _row(name: str, body: dict[str, Any]) -> str:
    description = _text(body["description"]).replace("|", "\\|")
    return f"| `{name}` | {_default(body)} | {description} |\n"


def _default(body: dict[str, Any]) -> str:
    if "default" not in body:
        return "must be set"
    fields = _FIELD.findall(body["type"])
    if body["default"] == {} and fields:
        return "<br>".join(f"`{field} = {value}`" for field, value in fields)
    return f"`{json.dumps(_plain(body['default']))}`"


def _plain(value: Any) -> Any:
    """A value as hcl2 gives it, its texts without their quotation marks."""
    match value:
        case str():
            return _text(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {_text(key): _plain(item) for key, item in value.items()}
        case _:
            return value


def _text(quoted: str) -> str:
    return str(json.loads(quoted)) if quoted.startswith('"') else quoted
