"""Prompt and seed to images, behind one small protocol.

A maker is anything with ``name``, ``version`` and ``generate``. ``scenes`` is always there;
:func:`open_maker` turns a study's ``maker`` setting into one.
"""

from clpips.generation.protocol import Generated, Maker, Request, open_maker
from clpips.progress import Watch

__all__ = ["Generated", "Maker", "Request", "Watch", "open_maker"]
