# a path is one string: broken over lines it cannot be read as a shape
"""Things that the words relate to each other, laid out as one cluster."""

from __future__ import annotations

from dataclasses import dataclass, field

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.language.description import Thing
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.seeds import Chance


@dataclass(slots=True)
class Placed:
    """One copy of a thing: its foot at (x, y), ``size`` units high; larger ``depth`` is nearer.

    ``lift`` is how far above the ground it rests (on a table, say); ``beneath`` is what must
    be drawn under it to carry it there: "", "mound", "cloud" or "bowl".
    """

    kind: str
    thing: int
    look: Look
    x: float
    size: float
    depth: float
    y: float = 0.0
    lift: float = 0.0
    flip: bool = False
    stance: str = "ground"
    beneath: str = ""

    @property
    def wide(self) -> float:
        """Its width in units."""
        return self.size * KINDS[self.kind].aspect


@dataclass(slots=True)
class Cluster:
    """Copies laid out around a head thing, which stands at x = 0 until packed."""

    head: int
    copies: list[Placed] = field(default_factory=list)

    def extent(self) -> tuple[float, float]:
        """Its left and right edge."""
        low = min(copy.x - copy.wide / 2 for copy in self.copies)
        return low, max(copy.x + copy.wide / 2 for copy in self.copies)


def make_clusters(setting: Setting, groups: list[list[Placed]], chance: Chance) -> list[Cluster]:
    """Groups joined by relations, each around its head group."""
    things = setting.asked.things
    home: dict[int, Cluster] = {}
    waiting = list(range(len(things)))
    clusters: list[Cluster] = []
    while waiting:
        ready = [
            i for i in waiting
            if things[i].relation is None or all(a in home for a in _anchors(things[i]))
        ]  # fmt: skip
        index = ready[0] if ready else waiting[0]
        waiting.remove(index)
        relation = things[index].relation
        group = groups[index]
        if relation is None or not ready:
            cluster = Cluster(index, list(group))
            clusters.append(cluster)
            home[index] = cluster
            continue
        anchors = [groups[a] for a in relation.anchors]
        cluster = home[relation.anchors[0]]
        if relation.how == "between" and len(relation.anchors) > 1:
            other = home[relation.anchors[1]]
            if other is not cluster:
                _join_between(cluster, other, group)
                clusters.remove(other)
                for key, value in home.items():
                    home[key] = cluster if value is other else value
        else:
            _relate(relation.how, group, anchors[0], cluster, chance.at(f"relate/{index}"))
        cluster.copies += group
        home[index] = cluster
    return clusters


def _anchors(thing: Thing) -> tuple[int, ...]:
    return thing.relation.anchors if thing.relation else ()


def _span(group: list[Placed]) -> tuple[float, float]:
    return min(c.x - c.wide / 2 for c in group), max(c.x + c.wide / 2 for c in group)


def _join_between(cluster: Cluster, other: Cluster, group: list[Placed]) -> None:
    """Left neighbour, the group, right neighbour, in one row."""
    low, high = _span(group)
    gap = 0.06 * (high - low)
    right_edge = cluster.extent()[1]
    for copy in group:
        copy.x += right_edge + gap - low
    shift = _span(group)[1] + gap - other.extent()[0]
    for copy in other.copies:
        copy.x += shift
    cluster.copies += other.copies


def _relate(
    how: str, group: list[Placed], anchor: list[Placed], cluster: Cluster, chance: Chance
) -> None:
    """Move a group to where it stands beside, behind, on … its anchor."""
    low, high = _span(anchor)
    middle, wide = (low + high) / 2, high - low
    nearest = max(anchor, key=lambda copy: copy.depth)
    sign = {"left_of": -1, "right_of": 1}.get(how) or chance.at("side").pick((-1, 1))
    own_low, own_high = _span(group)
    own = own_high - own_low
    if how in ("beside", "left_of", "right_of"):
        reach = (wide + own) / 2 * 1.05
        _shift(group, middle + sign * reach, nearest.depth + chance.between(-0.05, 0.05))
    elif how == "behind":
        _behind(group, anchor, sign, middle, wide)
    elif how in ("front", "under"):
        under = how == "under"
        _shift(group, middle + (0.0 if under else sign * 0.3 * wide), nearest.depth + 0.16)
        if under:
            for copy in group:
                copy.size = min(copy.size, nearest.size * 0.42)
    elif how == "above":
        _shift(group, middle, nearest.depth + 0.01)
        if group[0].stance in ("air", "sky", "swim"):
            for copy in group:
                copy.stance = "air"
                copy.size = min(copy.size, 260)
                copy.lift = nearest.size * 1.06 + copy.size * 0.1 + nearest.lift
        else:
            _rest_on(group, anchor, middle, "on")
    elif how in ("on", "in"):
        _rest_on(group, anchor, middle, how)


def _shift(group: list[Placed], x: float, depth: float) -> None:
    low, high = _span(group)
    for copy in group:
        copy.x += x - (low + high) / 2
        copy.depth += depth - group[0].depth


def _behind(
    group: list[Placed], anchor: list[Placed], sign: int, middle: float, wide: float
) -> None:
    """Farther away, and out to the sides so that it can be seen."""
    depth = min(copy.depth for copy in anchor) - 0.17
    count = len(group)
    for i, copy in enumerate(group):
        copy.depth = max(0.1, depth - 0.02 * (i % 2))
        peek = (wide + copy.wide) / 2 * 0.82
        if count == 1:
            copy.x = middle + sign * peek
        else:
            copy.x = middle - peek + 2 * peek * i / (count - 1)


def _rest_on(group: list[Placed], anchor: list[Placed], middle: float, how: str) -> None:
    """On top of, or inside, the anchor."""
    carrier = anchor[0] if len(anchor) < len(group) else None
    count = len(group)
    for i, copy in enumerate(group):
        base = carrier or anchor[i % len(anchor)]
        room = base.wide * (0.94 if base.kind in ("table", "bench", "box", "book") else 0.75)
        most = room / (count if carrier and count > 1 else 1)
        copy.size = min(
            copy.size,
            most / KINDS[copy.kind].aspect,
            base.size * 1.05 if base.kind != "book" else 400,
        )
        share = (i - (count - 1) / 2) / max(count, 1) if carrier else 0.0
        copy.x = base.x + room * share
        seat = KINDS[base.kind].seat if how == "on" else 0.42
        copy.depth = base.depth + (0.004 if how == "on" else -0.004)
        copy.lift = base.lift + base.size * seat * (0.97 if how == "on" else 1.0)
        copy.stance = base.stance if base.stance in ("ground", "water") else "ground"
