import json
import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
# Different on every run; the guide shows one of them.
VOLATILE = {"number", "tracking_url", "request_id", "pay_url"}


def blocks() -> list[str]:
    return re.findall(r"```http\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def split(block: str) -> tuple[str, dict, str]:
    """First line, headers, body."""
    head, _, body = block.partition("\n\n")
    first, *headers = head.strip().split("\n")
    return first, dict(line.split(": ", 1) for line in headers), body


def settled(answer: dict) -> dict:
    return {name: None if name in VOLATILE else value for name, value in answer.items()}


def test_every_example_of_the_guide_gives_the_answer_that_it_shows(stranger, frozen):
    found = blocks()

    exchanges = list(zip(found[::2], found[1::2], strict=True))
    assert len(exchanges) == 6
    for request, answer in exchanges:
        line, headers, body = split(request)
        method, path = line.split(" ", 1)
        status, _, expected = split(answer)
        got = stranger.open(path, method=method, headers=headers, data=body or None)
        assert got.status_code == int(status[:3]), got.text
        assert settled(got.json) == settled(json.loads(expected))
