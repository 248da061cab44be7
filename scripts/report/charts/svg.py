"""From a matplotlib figure to a small SVG that takes its colours from the page's style sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What is parsed is what matplotlib has just written.
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Drawn in these colours, which stand for names and are never seen: each becomes var(--name), so
# that one drawing serves light, dark and print.
COLOURS = {
    name: f"#{0xA00100 + i:06x}"
    for i, name in enumerate(
        ("ink", "muted", "grid", "surface", "zone", "accepted", "review", "rejected", "failed",
         "unknown", "right", "wrong")
    )
}  # fmt: skip

_STYLE: dict[Any, Any] = {
    # Text stays text: small, crisp, selectable, and in the page's own font. Nothing is placed
    # by the width of a text, so that another font cannot break the layout.
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 12.0,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.linewidth": 1.0,
    "xtick.major.size": 4.0,
    "ytick.major.size": 0.0,
    "ytick.major.pad": 6.0,
    "xtick.major.pad": 4.0,
    "path.simplify": False,
}

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")


def new_figure(width_px: float, height_px: float) -> Figure:
    """An empty, transparent figure in CSS pixels."""
    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72)
    figure.patch.set_visible(False)
    return figure


def add_panel(figure: Figure, left: float, top: float, right: float, bottom: float) -> Axes:
    """Axes within these margins (px from each side of the figure), with quiet lines only."""
    width, height = figure.get_size_inches() * 72
    axes = figure.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
    )
    axes.patch.set_visible(False)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["muted"])
    axes.tick_params(axis="x", color=COLOURS["muted"], labelcolor=COLOURS["muted"])
    axes.tick_params(axis="y", labelcolor=COLOURS["muted"])
    axes.set_axisbelow(True)
    return axes


@contextmanager
def style() -> Iterator[None]:
    """What every chart is drawn in: matplotlib's defaults, whatever the user's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def to_svg(figure: Figure, name: str, label: str) -> str:
    """SVG text for inclusion in HTML: the same figure always gives the same text.

    `name` prefixes every id, so that several charts can share a page. `label` is what a screen
    reader says in place of the drawing.
    """
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"<!DOCTYPE[^>]*>|<\?xml[^>]*>", "", raw.getvalue())
    root = ET.fromstring(text)  # noqa: S314  # our own drawing, not foreign XML
    _remove_what_is_not_drawn(root)
    _shorten(root, _new_ids(root, name))
    _flatten(root)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib.clear()
    root.attrib.update({"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": label})
    out = ET.tostring(root, encoding="unicode")
    for role, colour in COLOURS.items():
        out = out.replace(colour, f"var(--{role})")
    return out


def _remove_what_is_not_drawn(root: ET.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{_SVG}metadata", f"{_SVG}style", f"{_SVG}clipPath"}:
                parent.remove(child)


def _new_ids(root: ET.Element, name: str) -> dict[str, str]:
    used = [use.attrib[_HREF][1:] for use in root.iter(f"{_SVG}use")]
    return {old: f"{name}-{i}" for i, old in enumerate(dict.fromkeys(used))}


def _shorten(root: ET.Element, ids: dict[str, str]) -> None:
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.tail = None
        if element.tag != "text":
            element.text = None
        given = dict(element.attrib)
        element.attrib.clear()
        for key, value in given.items():
            if key == "id":
                if value in ids:
                    element.set("id", ids[value])
            elif key == _HREF:
                element.set("href", f"#{ids[value[1:]]}")
            elif key == "clip-path":
                continue  # everything drawn lies within its axes
            elif key == "style":
                element.set("style", _short_style(value))
            elif key == "transform" and value.startswith("rotate(-0 "):
                continue
            elif key == "d":
                element.set("d", _short_path(value))
            elif element.tag != "svg":
                element.set(key, _short_numbers(value))
            else:
                element.set(key, value)


def _short_style(value: str) -> str:
    parts = [part.strip() for part in value.split(";")]
    kept = [part.replace(": ", ":") for part in parts if not part.startswith("font-family")]
    return ";".join(_short_numbers(part) for part in kept)


def _short_numbers(value: str) -> str:
    return _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)


def _short_path(value: str) -> str:
    words = _short_numbers(" ".join(value.split()))
    return re.sub(r" ?([A-Za-z]) ?", r"\1", words)


def _flatten(element: ET.Element) -> None:
    """Drop groups that say nothing, and let siblings of one style share it."""
    children: list[ET.Element] = []
    for child in list(element):
        _flatten(child)
        if child.tag in {"g", "defs"} and not len(child):
            continue
        children.extend(list(child) if child.tag == "g" and not child.attrib else [child])
    element[:] = _share_styles(children)


def _share_styles(children: list[ET.Element]) -> list[ET.Element]:
    result: list[ET.Element] = []
    run: list[ET.Element] = []
    for child in [*children, None]:
        if run and (child is None or _style_of(child) != _style_of(run[0])):
            result.extend(_as_group(run))
            run = []
        if child is not None:
            run.append(child)
    return result


def _style_of(element: ET.Element) -> tuple[str, str | None]:
    return element.tag, element.get("style")


def _as_group(run: list[ET.Element]) -> list[ET.Element]:
    style = run[0].get("style")
    if len(run) < 3 or style is None or run[0].tag == "g":
        return run
    group = ET.Element("g", {"style": style})
    for child in run:
        del child.attrib["style"]
    group.extend(run)
    return [group]
