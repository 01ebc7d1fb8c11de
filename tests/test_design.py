"""The design system's promises that a machine can check: contrast, icons, strict CSP."""

import re
from pathlib import Path

import pytest

from shop.admin.console import NAVIGATION
from shop.words import CATEGORY_ICONS, SERVICE_ICONS

SHOP = Path(__file__).resolve().parent.parent / "shop"
TOKENS = (SHOP / "static/css/tokens.css").read_text()
TEMPLATES = sorted((SHOP / "templates").rglob("*.html"))
PAGES = [path for path in TEMPLATES if "email" not in path.parts]
SPRITE = set(re.findall(r'<symbol id="i-([a-z0-9-]+)"', (SHOP / "static/icons.svg").read_text()))
INLINE = r"<style|\sstyle=|\son[a-z]+=[\"']|javascript:|hx-on|hx-vals=.js:|<script(?![^>]*\ssrc=)"
STATES = ["received", "diagnosing", "approval", "parts", "repair", "quality", "ready", "unrepairable", "warranty"]


def declarations(block):
    return dict(re.findall(r"--([a-z0-9-]+):\s*([^;]+);", block))


def token_blocks():
    """The light block and the two dark ones, in the order of the file."""
    blocks = [declarations(block) for block in re.findall(r"\{([^{}]*--canvas:[^{}]*)\}", TOKENS)]
    assert len(blocks) == 3
    return blocks


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


INKS = ["ink", "ink-2", "ink-3", "accent", "danger", "warn", "ok"]
GROUNDS = ["sunken", "raised", "accent-soft", "fresh", "danger-soft", "warn-soft", "ok-soft"]
TEXT_PAIRS = [
    *[(ink, ground) for ink in INKS for ground in ("surface", "canvas")],
    *[("ink", ground) for ground in GROUNDS],
    *[(name, f"{name}-soft") for name in ("accent", "danger", "warn", "ok")],
    *[(f"st-{state}", f"st-{state}-soft") for state in STATES],
    ("on-accent", "accent"), ("on-accent", "accent-hover"),
    ("on-danger", "danger"), ("on-danger", "danger-hover"),
    ("on-toast", "toast"), ("toast-act", "toast"), ("ink-3", "sunken"),
]  # fmt: skip
EDGE_PAIRS = [(edge, ground) for edge in ("control", "focus", "warn-mark") for ground in ("surface", "canvas")]


@pytest.mark.parametrize(("front", "ground"), TEXT_PAIRS)
def test_text_reaches_four_and_a_half_to_one_in_both_themes(front, ground):
    light, dark, _ = token_blocks()

    ratios = [contrast(theme[front], theme[ground]) for theme in (light, dark)]

    assert min(ratios) >= 4.5


@pytest.mark.parametrize(("front", "ground"), EDGE_PAIRS)
def test_edges_and_rings_reach_three_to_one_in_both_themes(front, ground):
    light, dark, _ = token_blocks()

    ratios = [contrast(theme[front], theme[ground]) for theme in (light, dark)]

    assert min(ratios) >= 3


def test_dark_by_system_and_dark_by_choice_are_the_same():
    _, by_system, by_choice = token_blocks()

    assert by_system == by_choice


def test_every_colour_of_the_light_theme_has_a_dark_one():
    light, dark, _ = token_blocks()

    colours = {name for name, value in light.items() if value.startswith(("#", "rgb"))}

    assert colours == {name for name, value in dark.items() if value.startswith(("#", "rgb"))}


def test_every_icon_of_the_templates_is_in_the_sprite():
    used = set()
    for path in PAGES:
        used |= set(re.findall(r"\bicon\('([a-z0-9-]+)'", path.read_text()))
        used |= set(re.findall(r"\bicon(?:_name)?='([a-z0-9-]+)'", path.read_text()))

    assert used <= SPRITE


def test_every_icon_of_the_tables_is_in_the_sprite():
    places = {item[1] for _label, items in NAVIGATION for item in items}

    used = places | set(CATEGORY_ICONS.values()) | set(SERVICE_ICONS.values())

    assert used <= SPRITE


def test_the_style_page_shows_the_whole_sprite():
    listed = set(re.findall(r"'([a-z0-9-]+)'", (SHOP / "templates/admin/style/_icons.html").read_text()))

    assert listed == SPRITE - {"brand"}


def test_every_custom_property_that_the_styles_use_is_defined():
    styles = "\n".join(path.read_text() for path in (SHOP / "static/css").glob("*.css"))
    optional = set(re.findall(r"var\(--([a-z0-9-]+),", styles))

    used = set(re.findall(r"var\(--([a-z0-9-]+)[),]", styles))

    assert used - set(re.findall(r"--([a-z0-9-]+)\s*:", styles)) - optional == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SHOP)))
def test_no_page_needs_an_inline_script_or_style(path):
    source = path.read_text()

    assert re.findall(INLINE, source) == []
