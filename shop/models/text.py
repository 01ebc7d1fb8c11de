"""What people may write. Every script and emoji is welcome; what cannot be seen or kept is not."""

import unicodedata

# Embeddings, overrides and isolates can make a name read as another; marks such as LRM cannot.
_BIDI_TRICKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE = frozenset("\n\t")


def one_line(text: str) -> str:
    """Text as it is kept in a short field: one space between words, none around."""
    return " ".join(text.split())


def many_lines(text: str) -> str:
    """Text as it is kept in a long field: line ends as Unix writes them, no space around."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def is_plain(text: str) -> bool:
    """True if no character is a control, half a surrogate pair, or a trick of direction."""
    return not any(
        character in _BIDI_TRICKS or (unicodedata.category(character) in {"Cc", "Cs"} and character not in _LINE)
        for character in text
    )
