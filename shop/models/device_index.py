"""Forgiving search over the names and numbers of all devices, in memory.

Pure: built from cards, asked with text. A query is cut into tokens; each is compared with the few
thousand distinct tokens of the catalogue, never with each device, so the cost does not grow with it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

LONGEST_QUERY = 80
MOST_TOKENS = 8
_ENOUGH = 0.6
_LEAD_WEIGHT, _WORD_WEIGHT, _NUMBER_WEIGHT = 1.6, 1.2, 1.0
_ALIASES = {"playstation": "ps", "one": "1", "two": "2"}
_SHORT_TAILS = frozenset({"fe", "xl", "se", "pro", "max", "mini", "plus", "ultra", "oled", "lite"})
_CUT = re.compile(r"(?<=[^\W\d_]{2})(?=\d)|(?<=\d)(?=[^\W\d_])|(?=\+$)")
_LETTERS = re.compile(r"[^\W\d_]+")
_ORDINAL = re.compile(r"(\d+)(st|nd|rd|th)")
_WORD = re.compile(r"[^\W_]+\+?|\+")
_NOISE = frozenset({"the", "a", "my", "for", "and", "with", "inch", "repair", "screen", "broken", "gb"})


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """What is shown of a device in a list. `spans` are the [start, end) of the matched letters of `name`."""

    id: int
    category: str
    brand: str
    family: str
    name: str
    model_numbers: tuple[str, ...]
    release_year: int | None
    tier: str
    popularity: int
    specs: Mapping
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def browse_key(self) -> tuple:
        return (-self.popularity, self.brand.lower(), self.name.lower(), self.id)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Entry:
    numbers: frozenset[str]
    name_texts: tuple[str, ...]
    other_tokens: frozenset[str]


class DeviceIndex:
    def __init__(self, cards: Iterable[DeviceCard]):
        self.cards = tuple(sorted(cards, key=lambda card: card.browse_key))
        self._entries = tuple(_entry(card) for card in self.cards)
        self._devices_by_token: dict[str, set[int]] = defaultdict(set)
        self._devices_by_number: dict[str, list[int]] = defaultdict(list)
        for position, entry in enumerate(self._entries):
            for token in {*entry.name_texts, *entry.other_tokens}:
                self._devices_by_token[token].add(position)
            for number in entry.numbers:
                self._devices_by_number[number].append(position)
        self._tokens = tuple(self._devices_by_token)
        self._words = tuple(token for token in self._tokens if token.isalpha())
        self._compact_names = tuple(compact(card.name) for card in self.cards)

    def search(self, query: str) -> "Ranking":
        """Every device that is like `query`, best first; empty when nothing is like it."""
        query = query[:LONGEST_QUERY]
        by_number = self._by_number(query)
        likeness = self._likeness(self._query_tokens(query))
        found = self._by_tokens(likeness) or self._by_whole_name(query)
        positions = dict.fromkeys([*by_number, *found])
        return Ranking([self.cards[position] for position in positions], likeness)

    def _by_number(self, query: str) -> list[int]:
        hits: dict[int, None] = {}
        for key in dict.fromkeys([compact(query), *(compact(word) for word in query.split())]):
            if len(key) < 3 or not any(map(str.isdigit, key)):
                continue
            exact = self._devices_by_number.get(key, ())
            hits |= dict.fromkeys(exact)
            if not exact and len(key) >= 4 and "," not in key:
                hits |= dict.fromkeys(self._numbers_starting(key))
        return list(hits)

    def _numbers_starting(self, key: str) -> list[int]:
        return [
            position
            for number, positions in self._devices_by_number.items()
            if number.startswith(key) and "," not in number
            for position in positions
        ]

    def _query_tokens(self, query: str) -> list[str]:
        words = self._joined(_WORD.findall(_fold(query))[: 2 * MOST_TOKENS])
        useful = [word for word in words if word not in _NOISE] or words
        pieces = [piece for word in useful for piece in self._pieces(word)]
        return list(dict.fromkeys(pieces))[:MOST_TOKENS]

    def _joined(self, words: list[str]) -> list[str]:
        """`think pad` is one word of the catalogue, so are `6 s` and `s 24`."""
        joined: list[str] = []
        for word in words:
            before = joined[-1] if joined else ""
            is_split_word = word not in self._devices_by_token or (before + word).isalpha()
            is_split_number = 1 in (len(before), len(word)) and before.isdigit() != word.isdigit()
            if before + word in self._devices_by_token and (is_split_word or is_split_number) and before:
                joined[-1] = before + word
            else:
                joined.append(word)
        return joined

    def _pieces(self, word: str) -> list[str]:
        """`galaxytabs9` is three words of the catalogue; what is not is cut where digits begin."""
        if word in self._devices_by_token:
            return [word]
        return self._parted(word) or [_plus(word[start:end]) for start, end in _cut(word)]

    def _parted(self, word: str) -> list[str]:
        if word in self._devices_by_token:
            return [word]
        for cut in range(len(word) - 1, 2, -1):
            if word[:cut] in self._devices_by_token and (rest := self._parted(word[cut:])):
                return [word[:cut], *rest]
        return []

    def _likeness(self, tokens: list[str]) -> dict[str, dict[str, float]]:
        """For each token of the query, the tokens of the catalogue that are like it, from 0 to 1."""
        last = tokens[-1] if len(tokens) > 1 else ""
        return {token: self._like(token, is_last=token == last) for token in tokens}

    def _like(self, token: str, *, is_last: bool) -> dict[str, float]:
        found = {}
        if len(token) >= 2 or (is_last and token.isdigit()):
            for known in self._devices_by_token:
                if known.startswith(token):
                    found[known] = 0.75 + 0.2 * len(token) / len(known)
        if token in self._devices_by_token:
            found[token] = 1.0
        elif len(token) >= 3:
            for known, ratio, _ in self._misspelt(token):
                found[known] = max(found.get(known, 0.0), 1 - (1 - ratio) * 0.6)
        return found

    def _misspelt(self, token: str) -> list:
        if token.isalpha():
            cutoff = 0.72 if len(token) > 4 else 0.66
            return process.extract(token, self._words, scorer=OSA.normalized_similarity, score_cutoff=cutoff, limit=12)
        if len(token) < 5:
            return []
        return process.extract(token, self._tokens, scorer=OSA.normalized_similarity, score_cutoff=0.8, limit=6)

    def _by_tokens(self, likeness: Mapping[str, Mapping[str, float]]) -> list[int]:
        """Positions by how much of the query they hold, then by how little else their name holds."""
        held: dict[int, float] = defaultdict(float)
        weights = _weights(list(likeness))
        for token, known_tokens in likeness.items():
            best: dict[int, float] = {}
            for known, ratio in known_tokens.items():
                for position in self._devices_by_token[known]:
                    if ratio > best.get(position, 0.0):
                        best[position] = ratio
            for position, ratio in best.items():
                held[position] += weights[token] * ratio
        least = _ENOUGH * sum(weights.values())
        scored = [
            (-round(weight, 2), self._untouched(position, likeness), position)
            for position, weight in held.items()
            if weight >= least
        ]
        return [position for _, _, position in sorted(scored)]

    def _untouched(self, position: int, likeness: Mapping[str, Mapping[str, float]]) -> int:
        names = self._entries[position].name_texts
        return len(names) - sum(any(name in known_tokens for name in names) for known_tokens in likeness.values())

    def _by_whole_name(self, query: str) -> list[int]:
        """For a name written as one wrong word; a stricter likeness keeps junk out."""
        wanted = compact(query)
        if len(wanted) < 5:
            return []
        hits = process.extract(wanted, self._compact_names, scorer=fuzz.ratio, score_cutoff=72, limit=20)
        return [position for _, _, position in hits]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Cards in order of likeness. `marked` adds the spans to those that are shown, no more than needed."""

    cards: Sequence[DeviceCard]
    likeness: Mapping[str, Mapping[str, float]]

    def marked(self, cards: Iterable[DeviceCard]) -> list[DeviceCard]:
        return [replace(card, spans=_spans(tokenise(card.name), self.likeness)) for card in cards]


def compact(text: str) -> str:
    """Letters, digits and commas only, folded: how model numbers are compared."""
    return re.sub(r"[^\w,]|_", "", _fold(text))


def tokenise(text: str) -> list[_Token]:
    """Words, digits and mixed tokens such as `s24`; `14pro` and `iphone14` are parted."""
    tokens = []
    for word in _WORD.finditer(_fold(text)):
        for start, end in _cut(word.group()):
            tokens.append(_Token(_plus(word.group()[start:end]), word.start() + start, word.start() + end))
    return tokens


def _plus(text: str) -> str:
    return "plus" if text == "+" else text


def _fold(text: str) -> str:
    """Lower case without accents, one character for each of the original, so that spans fit."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_character(character) for character in text)


def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[:1].lower()
    return base if len(base) == 1 else character


def _cut(word: str) -> Iterable[tuple[int, int]]:
    cuts = [0]
    for match in _CUT.finditer(word):
        at = match.start()
        letters = _LETTERS.match(word, at)
        tail = letters.group() if letters else ""
        is_word = len(tail) >= 3 or tail in _SHORT_TAILS
        if at > cuts[-1] and (is_word or not word[at].isalpha()):
            cuts.append(at)
    return zip(cuts, [*cuts[1:], len(word)], strict=True)


def _entry(card: DeviceCard) -> _Entry:
    names = tuple(token.text for token in tokenise(card.name))
    other = {token.text for token in tokenise(f"{card.brand} {card.family}")}
    aliases = {alias for text in (*names, *other) if (alias := _alias(text))}
    return _Entry(frozenset(_number_keys(card.model_numbers)), names, frozenset(other | aliases))


def _alias(text: str) -> str | None:
    """`9th` is also asked for as `9`, `PlayStation` as `PS`."""
    ordinal = _ORDINAL.fullmatch(text)
    return ordinal[1] if ordinal else _ALIASES.get(text)


def _number_keys(numbers: Iterable[str]) -> set[str]:
    keys = {compact(number) for number in numbers}
    return keys | {key[2:] for key in keys if key.startswith("sm") and len(key) > 5}


def _weights(tokens: list[str]) -> dict[str, float]:
    """The first word says which family is meant, so it counts most."""
    weights = {token: _WORD_WEIGHT if token.isalpha() else _NUMBER_WEIGHT for token in tokens}
    if tokens and tokens[0].isalpha():
        weights[tokens[0]] = _LEAD_WEIGHT
    return weights


def _spans(names: Iterable[_Token], likeness: Mapping[str, Mapping[str, float]]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for name in names:
        length = max((_matched(name, token) for token, known in likeness.items() if name.text in known), default=0)
        if not length:
            continue
        if spans and name.start - spans[-1][1] <= 1:
            spans[-1] = (spans[-1][0], name.start + length)
        else:
            spans.append((name.start, name.start + length))
    return tuple(spans)


def _matched(name: _Token, token: str) -> int:
    """A beginning is marked as far as it was typed, a misspelt word as a whole."""
    is_beginning = name.text.startswith(token) and name.text != "plus"
    return len(token) if is_beginning else name.end - name.start
