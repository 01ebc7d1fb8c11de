"""Cells of CSV files that people open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

# Of UTF-8: without it spreadsheets take the file for another encoding.
MARK = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(cells: Iterable) -> str:
    """One line of CSV, its cells made harmless."""
    text = io.StringIO()
    # A number is no formula, also one below nothing: it stays one that can be summed.
    csv.writer(text).writerow([str(cell) if isinstance(cell, int | Decimal) else inert(str(cell)) for cell in cells])
    return text.getvalue()


def inert(text: str) -> str:
    """Spreadsheets run a cell that starts like a formula; an apostrophe makes it text."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
