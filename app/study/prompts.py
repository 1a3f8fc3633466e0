"""Which characters a prompt may contain: plain text without invisible control characters."""

from __future__ import annotations

from clpips.errors import StudyError
from clpips.generation.protocol import MAX_PROMPT

# Bidirectional overrides and isolates: an unclosed one reverses the rest of a page.
_BIDIRECTIONAL = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_CONTROLS = set(range(1, 0x20)) - {ord("\n"), ord("\t")}
_REMOVED = dict.fromkeys(_BIDIRECTIONAL | _CONTROLS)


def plain_prompt(prompt: str) -> str:
    """The prompt as it is stored: 1 to 2,000 characters, stripped, without control characters.

    Raises:
        StudyError: nothing is left, it is too long, or it holds a character that is no text.
    """
    prompt = prompt.translate(_REMOVED).strip()
    if not prompt:
        raise StudyError("a prompt must say something, got an empty one")
    if len(prompt) > MAX_PROMPT:
        raise StudyError(f"a prompt must have at most {MAX_PROMPT} characters, got {len(prompt)}")
    if "\0" in prompt or any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise StudyError("a prompt must be plain text, got a character that is none")
    return prompt
