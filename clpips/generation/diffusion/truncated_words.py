"""Which words of a prompt a pipeline does not take in."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


def unread_words(pipeline: Any, prompt: str) -> tuple[str, ...]:
    """The words behind the last token that a pipeline reads, in order, each once.

    A word that also stands before it is read.

    Stable Diffusion reads 77 tokens; what comes after them changes nothing. Pipelines that read
    with another tokenizer than CLIP's take long prompts: nothing is unread there.
    """
    tokenizer = getattr(pipeline, "tokenizer", None)
    limit = getattr(tokenizer, "model_max_length", None)
    if tokenizer is None or "CLIP" not in type(tokenizer).__name__ or not isinstance(limit, int):
        return ()
    if getattr(pipeline, "tokenizer_3", None) is not None:
        return ()
    found = tokenizer(prompt, return_offsets_mapping=True, truncation=False)
    ends = [end for _, end in found["offset_mapping"]]
    if len(ends) <= limit:
        return ()
    read_to = ends[limit - 2]  # the last place is taken by the mark of the end
    words = [(each.group(), each.end() > read_to) for each in _WORD.finditer(prompt)]
    read = {word.lower() for word, is_late in words if not is_late}
    return tuple(dict.fromkeys(w for w, is_late in words if is_late and w.lower() not in read))
