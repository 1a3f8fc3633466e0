"""What a prompt may hold: a person's words, and nothing that works unseen."""

from __future__ import annotations

from clpips.errors import StudyError
from clpips.generation.protocol import MAX_PROMPT

# Overrides and isolates of the writing direction: left open, one turns the rest of a page around.
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_CONTROLS = set(range(1, 0x20)) - {ord("\n"), ord("\t")}
_UNSEEN = dict.fromkeys(_TURNING | _CONTROLS)


def plain_prompt(prompt: str) -> str:
    """The prompt as it is kept: 1 to 2,000 characters, without controls or space around it.

    Raises:
        StudyError: nothing is left, it is too long, or it holds a character that is no text.
    """
    prompt = prompt.translate(_UNSEEN).strip()
    if not prompt:
        raise StudyError("a prompt must say something, got an empty one")
    if len(prompt) > MAX_PROMPT:
        raise StudyError(f"a prompt must have at most {MAX_PROMPT} characters, got {len(prompt)}")
    if "\0" in prompt or any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise StudyError("a prompt must be plain text, got a character that is none")
    return prompt
