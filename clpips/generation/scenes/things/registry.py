"""Every kind of thing that can be drawn, in one table."""

from __future__ import annotations

from clpips.generation.scenes.things import (
    animals,
    buildings,
    food,
    household,
    plants,
    sky,
    solids,
    vehicles,
    wildlife,
)
from clpips.generation.scenes.things.kind import Kind

KINDS: dict[str, Kind] = {
    **solids.KINDS,
    **buildings.KINDS,
    **plants.KINDS,
    **animals.KINDS,
    **food.KINDS,
    **household.KINDS,
    **wildlife.KINDS,
    **vehicles.KINDS,
    **sky.KINDS,
}
