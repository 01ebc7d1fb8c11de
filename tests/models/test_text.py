import pytest

from shop.models.text import is_plain, many_lines, one_line


@pytest.mark.parametrize("text", ["", "Ana\nSouza\t", "👩‍🔧", "محمد", "\u200eLTR mark", "İstanbul"])
def test_is_plain_welcomes_every_script(text):
    assert is_plain(text)


@pytest.mark.parametrize("text", ["\x00", "a\x1bb", "\x7f", "\u202e", "\u2066", "\ud83d", "\x85"])
def test_is_plain_refuses_what_cannot_be_seen_or_kept(text):
    assert not is_plain(text)


def test_one_line_and_many_lines_tidy_spaces():
    assert one_line("  Ana \n Souza ") == "Ana Souza"
    assert many_lines(" a\r\nb\rc ") == "a\nb\nc"
