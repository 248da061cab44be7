"""The page of variables says what Terraform does."""

from scripts.documents.variables import page
from scripts.environment import ROOT


def test_the_page_in_docs_is_what_the_variables_are():
    assert (ROOT / "docs" / "variables.md").read_text() == page(), "Run: invoke documents"


def row(tmp_path, text):
    file = tmp_path / "variables.tf"
    file.write_text(text)
    return page(file).splitlines()[-1]


def test_a_variable_without_a_default_must_be_set(tmp_path):
    text = 'variable "place" {\n  description = "Where."\n  type = string\n}\n'
    assert row(tmp_path, text) == "| `place` | must be set | Where. |"


def test_defaults_are_shown_as_they_are_written(tmp_path):
    text = (
        'variable "names" {\n  description = "a | b"\n  type = list(string)\n  default = ["x"]\n}\n'
    )
    assert row(tmp_path, text) == '| `names` | `["x"]` | a \\| b |'


def test_the_fields_of_an_object_have_defaults_of_their_own(tmp_path):
    text = """variable "limits" {
  description = "Two."
  type = object({
    most  = optional(number, 4)
    least = optional(number, 2)
  })
  default = {}
}
"""
    assert row(tmp_path, text) == "| `limits` | `most = 4`<br>`least = 2` | Two. |"
