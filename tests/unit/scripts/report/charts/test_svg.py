"""The drawing that reaches the page: small, named colours, unique ids, always the same."""

import re

import matplotlib as mpl
import pytest

from scripts.report.charts import svg


@pytest.fixture
def drawn():
    def draw(name="a", label="a line"):
        with svg.style():
            figure = svg.new_figure(200, 100)
            axes = svg.add_panel(figure, 10, 10, 10, 20)
            axes.plot([0, 1, 2], [0, 1, 0], "o", color=svg.COLOURS["accepted"])
            axes.set_xticks([0, 1, 2], ["a", "b", "c"])
            return svg.to_svg(figure, name, label)

    return draw


def test_the_same_figure_gives_the_same_text(drawn):
    assert drawn() == drawn()


def test_a_users_own_settings_change_nothing(drawn):
    plain = drawn()
    with mpl.rc_context({"font.size": 40, "lines.markersize": 30, "axes.linewidth": 9}):
        assert drawn() == plain
        assert mpl.rcParams["font.size"] == 40


def test_ids_carry_the_name_and_references_follow(drawn):
    text = drawn("mine")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert ids
    assert all(found.startswith("mine-") for found in ids)
    assert set(re.findall(r'href="#([^"]+)"', text)) == set(ids)


def test_colours_are_names_from_the_style_sheet(drawn):
    text = drawn()
    assert "var(--accepted)" in text
    assert not re.search(r"#[0-9a-f]{6}\b", text)


def test_text_stays_text_in_the_pages_own_font(drawn):
    text = drawn()
    assert ">b</text>" in text
    assert "font-family" not in text


def test_the_label_is_escaped_and_read_out(drawn):
    text = drawn(label='a "line" & <more>')
    assert 'role="img"' in text
    assert 'aria-label="a &quot;line&quot; &amp; &lt;more&gt;"' in text


def test_nothing_refers_to_anything_outside(drawn):
    text = drawn()
    assert "http" not in text
    assert "url(" not in text
