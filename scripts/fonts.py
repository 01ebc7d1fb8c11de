"""Makes shop/fonts: the typefaces of documents, and the list of what they can draw.

    python -m venv build/fonts && build/fonts/bin/pip install 'fonttools[woff]==4.68.0'
    npm pack inter-ui@4.1.1 @fontsource/noto-sans-arabic@5.3.0 @fontsource/noto-sans-hebrew@5.3.0, unpacked into FOLDER
    build/fonts/bin/python scripts/fonts.py FOLDER

Typst reads no WOFF2. Inter is the site's own typeface, with Greek and Cyrillic; Noto draws Arabic and Hebrew names.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parents[1] / "shop/fonts"
INTER = "inter-ui/web/Inter-{}.woff2"
NOTO = "noto-sans-{0}/files/noto-sans-{0}-{0}-400-normal.woff2"
FEATURES = ("kern", "ccmp", "locl", "mark", "mkmk", "tnum", "case")


def main(folder: Path) -> None:
    for weight in ("Regular", "Medium", "SemiBold"):
        make(folder / INTER.format(weight), FONTS / f"Inter-{weight}.ttf", features=FEATURES)
    for script in ("arabic", "hebrew"):
        family = f"Noto Sans {script.capitalize()}"
        make(
            folder / NOTO.format(script), FONTS / f"{family.replace(' ', '')}-Regular.ttf", features="*", family=family
        )
    write_coverage()


def make(source: Path, target: Path, *, features, family: str = "") -> None:
    """The same letters without hints and without the features that documents do not use."""
    options = subset.Options(layout_features=list(features), hinting=False, notdef_outline=True, name_IDs=["*"])
    font = TTFont(source)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=font.getBestCmap())
    cutter.subset(font)
    if family:
        for name_id in (16, 17, 21, 22, 25):
            font["name"].removeNames(nameID=name_id)
        for name_id, text in ((1, family), (2, "Regular"), (4, f"{family} Regular")):
            font["name"].setName(text, name_id, 3, 1, 0x409)
    font.flavor = None
    font.save(target)


def write_coverage() -> None:
    """Every character that some face of each weight can draw, as spans of hexadecimal code points."""
    codes = sorted({code for path in FONTS.glob("*-Regular.ttf") for code in TTFont(path).getBestCmap()})
    spans: list[list[int]] = []
    for code in codes:
        if spans and code == spans[-1][1] + 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    (FONTS / "coverage.txt").write_text("".join(f"{first:04X}-{last:04X}\n" for first, last in spans))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
