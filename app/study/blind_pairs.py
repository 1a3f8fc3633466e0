"""How the two images of a blind A/B pair are marked in their provenance."""

from __future__ import annotations

SIDE = "duel"
"""The option of a candidate's provenance that says which metric prefers it."""
PLACE = "duel_place"
"""The option that says at which place of the two orders they first differ."""
ALIKE = "both metrics put these images in the same order"
"""The reason given for a blind pair that cannot be shown."""
