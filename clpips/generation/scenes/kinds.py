"""Every kind of thing that can be drawn, in one table."""

from __future__ import annotations

from clpips.generation.scenes import (
    animals,
    buildings,
    food,
    heaven,
    household,
    plants,
    solids,
    vehicles,
    wild,
)
from clpips.generation.scenes.kind import Kind

KINDS: dict[str, Kind] = {
    **solids.KINDS,
    **buildings.KINDS,
    **plants.KINDS,
    **animals.KINDS,
    **food.KINDS,
    **household.KINDS,
    **wild.KINDS,
    **vehicles.KINDS,
    **heaven.KINDS,
}
