# a path is one string: broken over lines it cannot be read as a shape
"""Where every copy of every thing stands: the description and the seed, made into places.

Things that the words relate to each other form a cluster that is laid out around its head;
clusters are then set side by side so that none leaves the picture.
"""

from __future__ import annotations

from clpips.generation.scenes.composition.clusters import Cluster, Placed, make_clusters
from clpips.generation.scenes.composition.setting import SKYLESS, Setting
from clpips.generation.scenes.drawing.appearance import settle_look
from clpips.generation.scenes.language.description import Thing
from clpips.generation.scenes.things.kind import Kind
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.seeds import Chance

_SIZES = {"tiny": 0.4, "small": 0.66, "medium": 1.0, "large": 1.3, "huge": 1.62}
_OVERHEAD = frozenset({"air", "sky", "swim"})
_WET = frozenset({"sea", "lake", "beach", "underwater"})


def lay_out(setting: Setting, chance: Chance) -> list[Placed]:
    """Every copy, farthest first."""
    things = setting.asked.things
    crowd = _crowd(things, chance)
    groups = [
        _copies(setting, index, crowd, chance.at(f"thing/{index}/{thing.kind}"))
        for index, thing in enumerate(things)
    ]
    clusters = make_clusters(setting, groups, chance)
    _pack(setting, clusters, chance.at("pack"))
    placed = [copy for cluster in clusters for copy in cluster.copies]
    for copy in placed:
        _drop(setting, copy, chance)
    return sorted(placed, key=lambda copy: copy.depth)


def number_of(thing: Thing, chance: Chance) -> int:
    """How many copies; an open number is the seed's."""
    if thing.count > 0:
        return thing.count
    low, high = {"few": (3, 3), "several": (3, 5), "many": (7, 10)}.get(thing.amount, (2, 4))
    return chance.whole(low, high)


def _crowd(things: tuple[Thing, ...], chance: Chance) -> float:
    """How much everything shrinks to make room; also the camera's distance."""
    standing = [thing for thing in things if KINDS[thing.kind].stance != "sky"]
    free = [
        t for t in standing if t.relation is None or t.relation.how not in ("on", "in", "behind")
    ]
    base = {0: 1.0, 1: 1.3, 2: 0.98, 3: 0.84}.get(len(free), 0.74)
    return base * chance.at("camera").between(0.86, 1.16)


def _scale(setting: Setting, thing: Thing) -> float:
    """Unlike things keep some of their real proportion: an apple beside a house is small."""
    ground = [KINDS[t.kind].scale for t in setting.asked.things if KINDS[t.kind].stance != "sky"]
    own = KINDS[thing.kind].scale
    largest = min(3, max(ground, default=own))
    return 0.8 ** max(0, largest - own)


def _copies(setting: Setting, index: int, crowd: float, chance: Chance) -> list[Placed]:
    """The copies of one thing in a group around x = 0."""
    thing = setting.asked.things[index]
    kind = KINDS[thing.kind]
    count = number_of(thing, chance.at("count"))
    stance = _stance(setting, kind)
    size = kind.height * 1000 * crowd * _scale(setting, thing) / count**0.36
    size *= _SIZES[thing.size] if thing.size else chance.at("size").between(0.86, 1.14)
    if stance in ("ground", "water"):
        size *= 1.18
    size = min(size, 840, 880 / kind.aspect if count == 1 else 760 / kind.aspect)
    depth = _depth(thing, kind, chance.at("depth"))
    step = size * kind.aspect * (0.98 if count <= 3 else 0.78)
    if stance in ("air", "swim", "sky"):
        step *= 1.25
    copies = []
    for i in range(count):
        twin = chance.at(f"copy/{i}")
        look = settle_look(
            thing, kind.colours, kind.accents, kind.materials, chance.at("look"), twin
        )
        row = (i % 2) * 0.11 if count > 2 else 0.0
        own = size * twin.at("own size").between(0.9, 1.1) if count > 1 else size
        x = (i - (count - 1) / 2) * step + twin.at("x").between(-0.1, 0.1) * step
        if count == 1:
            x = 0.0
        copies.append(
            Placed(
                kind=thing.kind,
                thing=index,
                look=look,
                x=x,
                size=own,
                stance=stance,
                depth=depth + row + twin.at("z").between(-0.02, 0.02) - 0.001 * i,
                flip=chance.at("flip").flip() if count == 1 else twin.at("flip").flip(),
            )
        )
    return copies


def _stance(setting: Setting, kind: Kind) -> str:
    if kind.stance == "swim" and setting.place not in ("underwater", "sea", "lake"):
        return "ground"
    if kind.stance == "water" and setting.place not in _WET:
        return "ground"
    return kind.stance


def _depth(thing: Thing, kind: Kind, chance: Chance) -> float:
    if kind.stance in ("land", "sky"):
        return 0.02 if kind.stance == "sky" else 0.06
    if thing.depth == "far":
        return chance.between(0.12, 0.22)
    if thing.depth == "near":
        return chance.between(0.86, 0.95)
    if thing.upright == "bottom":
        return chance.between(0.78, 0.9)
    if thing.upright == "top" and kind.stance == "ground":
        return chance.between(0.15, 0.25)
    return chance.between(0.4, 0.62) if kind.scale >= 3 else chance.between(0.5, 0.76)


def _pack(setting: Setting, clusters: list[Cluster], chance: Chance) -> None:
    """Set the clusters side by side between the picture's edges."""
    width = setting.width
    free = [c for c in clusters if _head_stance(c) not in ("sky", "land")]
    order = sorted(free, key=lambda c: _wish(setting, c, chance) or 0.0)
    total = sum(c.extent()[1] - c.extent()[0] for c in order)
    tight = min(1.0, width * 1.04 / total) if total else 1.0
    widest = max((c.extent()[1] - c.extent()[0] for c in order), default=1.0)
    tight = min(tight, width * 0.94 / widest)
    if tight < 1:
        for cluster in order:
            for copy in cluster.copies:
                copy.x, copy.size, copy.lift = copy.x * tight, copy.size * tight, copy.lift * tight
    wishes = [(_wish(setting, c, chance) or 0.5) * width for c in order]
    for _ in range(60):
        for left in range(len(order) - 1):
            gap = (wishes[left + 1] + order[left + 1].extent()[0]) - (
                wishes[left] + order[left].extent()[1]
            )
            if gap < -6:
                wishes[left] += gap / 2
                wishes[left + 1] -= gap / 2
        for i, cluster in enumerate(order):
            low, high = cluster.extent()
            wishes[i] = min(max(wishes[i], 20 - low), width - 20 - high)
    for cluster, wish in zip(order, wishes, strict=True):
        for copy in cluster.copies:
            copy.x += wish
    for cluster in clusters:
        if cluster not in order:
            _hang(setting, cluster, chance)


def _head_stance(cluster: Cluster) -> str:
    return cluster.copies[0].stance


def _wish(setting: Setting, cluster: Cluster, chance: Chance) -> float:
    """Where along the width a cluster's head wants to be, 0 to 1."""
    thing = setting.asked.things[cluster.head]
    stream = chance.at(f"wish/{cluster.head}")
    asked = {"left": 0.24, "centre": 0.5, "right": 0.76}.get(thing.across or "")
    if asked is not None:
        return asked + stream.between(-0.03, 0.03)
    alone = len(setting.asked.things) == 1
    return 0.5 + stream.between(-0.13, 0.13) if alone else stream.between(0.2, 0.8)


def _hang(setting: Setting, cluster: Cluster, chance: Chance) -> None:
    """Sky things and mountains: anywhere along the width, wholly inside it."""
    thing = setting.asked.things[cluster.head]
    low, high = cluster.extent()
    shrink = min(1.0, setting.width * 0.9 / (high - low)) if _head_stance(cluster) == "sky" else 1.0
    wish = _wish(setting, cluster, chance.at("sky"))
    if thing.kind in ("sun", "moon") and thing.across is None:
        wish = 0.5 + 0.34 * setting.light.side
    centre = (low + high) / 2
    half = (high - low) / 2 * shrink
    x = setting.width * wish
    if _head_stance(cluster) == "sky":
        x = min(max(x, half + 14), setting.width - half - 14)
    for copy in cluster.copies:
        copy.x = x + (copy.x - centre) * shrink
        copy.size *= shrink


def _drop(setting: Setting, copy: Placed, chance: Chance) -> None:
    """Give a copy its height in the picture, its perspective and what carries it."""
    thing = setting.asked.things[copy.thing]
    horizon = min(setting.horizon, 900.0)
    stream = chance.at(f"height/{copy.thing}")
    share = 0.1 + 0.8 * copy.depth
    floor = horizon + (972 - horizon) * share
    if copy.stance == "ground" or copy.stance == "water":
        _stand(setting, copy, floor, horizon)
    elif copy.stance == "land":
        copy.y = horizon + 44 if setting.place not in ("sea", "lake", "beach") else horizon + 4
    elif copy.lift:
        copy.y = floor - copy.lift * _perspective(copy)
        copy.y = max(copy.y, copy.size + 16)
    else:
        centre = _overhead(setting, copy, thing, stream, horizon)
        copy.y = centre + copy.size / 2
        copy.y = min(max(copy.y, copy.size * 1.06 + 14), 990 - copy.size * 0.2)
    if copy.kind == "rainbow":
        copy.y = horizon + 20


def _overhead(
    setting: Setting, copy: Placed, thing: Thing, stream: Chance, horizon: float
) -> float:
    twin = copy.look.twin.at("height").between(-1, 1) * (
        0.0 if thing.count == 1 else copy.size * 0.35
    )
    if setting.place == "underwater" or copy.stance == "swim":
        if setting.place in ("sea", "lake"):
            return (
                horizon + (972 - horizon) * stream.between(0.3, 0.6) - copy.size * 0.2 + twin * 0.4
            )
        return stream.between(300, 620) + twin
    low, high = {"top": (0.14, 0.24), "bottom": (0.66, 0.74), "middle": (0.44, 0.54)}.get(
        thing.upright or "", (0.0, 0.0)
    )
    if high:
        return 1000 * stream.between(low, high) + twin
    if copy.stance == "sky" and setting.place not in SKYLESS:
        if copy.kind in ("sun", "moon") and setting.light.height < 0.4:
            return horizon * stream.between(0.62, 0.9)
        return min(horizon, 720) * stream.between(0.16, 0.42) + twin
    others = any(KINDS[t.kind].stance not in _OVERHEAD for t in setting.asked.things)
    if others:
        return 1000 * stream.between(0.2, 0.3) + twin
    return 1000 * stream.between(0.4, 0.52) + twin


def _perspective(copy: Placed) -> float:
    """At most 1, so that nothing outgrows the room that packing gave it."""
    return min(1.0, 0.56 + 0.47 * copy.depth)


def _stand(setting: Setting, copy: Placed, floor: float, horizon: float) -> None:
    copy.size *= _perspective(copy)
    copy.lift *= _perspective(copy)
    wet = setting.place in ("sea", "lake", "beach")
    if copy.stance == "water" and wet:
        share = {"beach": 0.16, "sea": 0.12 + 0.6 * copy.depth, "lake": 0.1 + 0.55 * copy.depth}[
            setting.place
        ]
        floor = horizon + (972 - horizon) * share
        copy.size *= 0.8 if setting.place == "beach" else 1.0
    elif setting.place == "lake" and copy.kind != "bridge":
        floor = 960 + 16 * copy.depth
    elif setting.place == "beach":
        floor = max(floor, horizon + (1000 - horizon) * 0.5)
    elif setting.place == "sea" and not copy.lift and copy.kind != "bridge":
        copy.beneath = "mound"
    elif setting.place == "sky" and not copy.lift:
        floor, copy.beneath = 660 + 200 * copy.depth, "cloud"
    elif setting.place == "space":
        floor = 560 + copy.size * 0.4
    elif setting.place == "underwater":
        floor = max(floor, setting.horizon + 60)
    if KINDS[copy.kind].stance == "swim" and not copy.beneath:
        copy.beneath = "bowl"
    copy.y = floor - copy.lift
    room = copy.y - 26
    if copy.size * 1.05 > room > 60:
        copy.size = room / 1.05
