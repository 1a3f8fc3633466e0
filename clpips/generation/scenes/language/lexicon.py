"""From a prompt's letters to known words: phrases, plurals and near misspellings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from clpips.generation.scenes.language import words

_LONGEST = 5
_TOKEN = re.compile(r"[a-zäöüéèà0-9]+(?:[-'’][a-z0-9]+)*|[,;.:!?()]")

_TABLES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("light_from", words.LIGHT_FROM),
    ("relation", words.RELATIONS),
    ("object", words.OBJECTS),
    ("colour", words.COLOURS),
    ("modifier", words.MODIFIERS),
    ("size", words.SIZES),
    ("material", words.MATERIALS),
    ("pattern", words.PATTERNS),
    ("count", {word: str(number) for word, number in words.COUNTS.items()}),
    ("amount", words.AMOUNTS),
    ("place", words.PLACES),
    ("light", words.LIGHTS),
    ("weather", words.WEATHER),
    ("style", words.STYLES),
    ("across", words.ACROSS),
    ("upright", words.UPRIGHT),
    ("depth", words.DEPTHS),
)


@dataclass(frozen=True, slots=True)
class Word:
    """One phrase of a prompt and every meaning it has, by category.

    ``meanings`` is empty for a word that is not known; a delimiter has ``text`` "," and none.
    """

    text: str
    meanings: Mapping[str, str]
    plural: bool = False
    stop: bool = False


def plural_of(word: str) -> str:
    """The regular English plural: house → houses, box → boxes, cherry → cherries."""
    if word.endswith(("s", "x", "sh", "ch")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


@lru_cache(maxsize=1)
def _entries() -> dict[str, Word]:
    meanings: dict[str, dict[str, str]] = {}
    for category, table in _TABLES:
        for text, meaning in table.items():
            meanings.setdefault(text, {})[category] = meaning
    entries = {text: Word(text, found) for text, found in meanings.items()}
    for text, kind in words.OBJECTS.items():
        plural = plural_of(text)
        entries.setdefault(plural, Word(plural, {"object": kind}, plural=True))
    for text, word in (("leaves", "leaf"), ("geese", "bird"), ("people", "")):
        if word:
            entries.setdefault(text, Word(text, {"part": word}))
    for part in words.PARTS:
        for text in (part, plural_of(part)):
            if text not in entries:
                entries[text] = Word(text, {"part": part})
    return entries


@lru_cache(maxsize=1)
def _singles() -> tuple[str, ...]:
    return tuple(sorted(text for text in _entries() if " " not in text and len(text) >= 4))


def _is_slip(typed: str, known: str) -> bool:
    """Whether ``typed`` is ``known`` with one slip of the finger.

    A letter too many, one too few, or two swapped; a wrong letter only in a long word, so that
    "horse" is not taken for a house.
    """
    if typed[0] != known[0] or abs(len(typed) - len(known)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(typed, known, strict=False)) if a != b), None)
    if at is None:
        return True
    if len(typed) > len(known):
        return typed[at + 1 :] == known[at:]
    if len(typed) < len(known):
        return typed[at:] == known[at + 1 :]
    swapped = typed[at : at + 2] == known[at : at + 2][::-1] and typed[at + 2 :] == known[at + 2 :]
    return swapped or (len(typed) >= 7 and typed[at + 1 :] == known[at + 1 :])


@lru_cache(maxsize=2048)
def _corrected(token: str) -> str:
    """The known word that ``token`` is a slip of, or the token itself."""
    if len(token) < 5 or token in _entries() or token in words.STOP_WORDS:
        return token
    return next((known for known in _singles() if _is_slip(token, known)), token)


def tokens(prompt: str) -> list[str]:
    """Lower-case words, with every delimiter as ','."""
    found = _TOKEN.findall(prompt.lower().replace("’", "'"))
    return ["," if token in ",;.:!?()" else token for token in found]


def read(prompt: str) -> Iterator[Word]:
    """The words and phrases of a prompt, longest known phrase first."""
    entries = _entries()
    typed = tokens(prompt)
    mended = [_corrected(token) for token in typed]
    at = 0
    while at < len(mended):
        for length in range(min(_LONGEST, len(mended) - at), 0, -1):
            phrase = " ".join(mended[at : at + length])
            if phrase in entries:
                entry = entries[phrase]
                yield Word(phrase, entry.meanings, entry.plural, stop=phrase in words.STOP_WORDS)
                break
        else:
            length = 1
            yield from _unlisted(typed[at])
        at += length


def _unlisted(token: str) -> Iterator[Word]:
    entries = _entries()
    if token.isdigit():
        yield Word(token, {"count": str(max(1, min(12, int(token[:4]))))})
        return
    halves = token.split("-")
    if len(halves) > 1 and any(half in entries for half in halves):
        for half in halves:
            entry = entries.get(half)
            if entry is None:
                yield from _unlisted(half)
            else:
                yield Word(half, entry.meanings, entry.plural, half in words.STOP_WORDS)
        return
    yield Word(token, {}, stop=token in words.STOP_WORDS or token == ",")


def vocabulary() -> Mapping[str, tuple[str, ...]]:
    """What the maker understands, for a hint on screen: category → its main words, sorted."""
    return {
        "things": tuple(sorted(set(words.OBJECTS.values()))),
        "colours": tuple(sorted(set(words.COLOURS.values()))),
        "sizes": tuple(dict.fromkeys(words.SIZES.values())),
        "materials": tuple(sorted(set(words.MATERIALS.values()) | set(words.PATTERNS.values()))),
        "positions": (
            "left", "centre", "right", "top", "bottom", "in the foreground", "in the distance",
            "behind", "in front of", "next to", "on top of", "above", "under", "between",
        ),
        "places": tuple(sorted(set(words.PLACES.values()))),
        "light": tuple(sorted({*words.LIGHTS.values(), *words.WEATHER.values()})),
        "style": tuple(sorted(set(words.STYLES.values()))),
    }  # fmt: skip
