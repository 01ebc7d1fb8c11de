"""The catalogues in the form that the product reads, made where they are missing or older than their source."""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

TRANSLATIONS = Path(__file__).parents[1] / "shop/translations"


def compile_catalogues() -> None:
    """Safe to run in several processes at once: each file arrives whole."""
    for source in TRANSLATIONS.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        part = target.with_suffix(f".{os.getpid()}")
        with source.open("rb") as text, part.open("wb") as compiled:
            write_mo(compiled, read_po(text))
        part.replace(target)
