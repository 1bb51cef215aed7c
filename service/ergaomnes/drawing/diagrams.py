"""Relations as pictures: a chain from left to right, and what stands around one thing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ergaomnes.drawing.svg import (
    MARGIN,
    WIDTH,
    Picture,
    drawn,
    element,
    filled,
    fitted,
    framed,
    heading,
    number,
    text,
    titled,
    width_of,
    wrapped,
)

MOST_NODES = 120
SHOWN = 12
"""Members of a group that are named; the rest is a number."""

_SIZE = 12.5
_LINE = 16
_GAP = 12
_REACH = 46


@dataclass(frozen=True, slots=True)
class Node:
    """A thing of a diagram; `column` is where it stands in a chain."""

    key: str
    column: int
    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Things that stand to the centre in one way; `total` counts those that are not given too."""

    label: str
    members: Sequence[Node]
    total: int = 0
    href: str = ""


def chain(
    picture: Picture,
    columns: Sequence[str],
    nodes: Sequence[Node],
    links: Sequence[tuple[str, str]],
) -> str:
    """Draw what leads to what, a column for each kind; nodes keep to the height of their links."""
    nodes = [node for node in nodes[:MOST_NODES] if 0 <= node.column < len(columns)]
    head, top = heading(picture)
    gutter = 46.0
    count = max(len(columns), 1)
    wide = (WIDTH - 2 * MARGIN - gutter * (count - 1)) / count
    lines = {node.key: wrapped(node.label, _SIZE, wide - 20, 4) for node in nodes}
    tall = {key: _LINE * len(said) + 14 for key, said in lines.items()}
    by_key = {node.key: node for node in nodes}
    links = sorted({pair for pair in links if pair[0] in by_key and pair[1] in by_key})
    ordered = _ordered(nodes, links, len(columns))
    heights = [sum(tall[node.key] + _GAP for node in column) for column in ordered]
    most = max(heights, default=0)
    begin = top + 34
    boxes: dict[str, tuple[float, float]] = {}
    for place, column in enumerate(ordered):
        y = begin + (most - heights[place]) / 2
        for node in column:
            boxes[node.key] = (MARGIN + place * (wide + gutter), y)
            y += tall[node.key] + _GAP
    titles = [
        text(
            fitted(label, 13, wide),
            MARGIN + place * (wide + gutter),
            top + 14,
            13,
            "soft",
            weight="600",
        )
        for place, label in enumerate(columns)
    ]
    paths = []
    for one, other in links:
        x1, y1 = boxes[one][0] + wide, boxes[one][1] + tall[one] / 2
        x2, y2 = boxes[other][0], boxes[other][1] + tall[other] / 2
        if x2 < x1:
            continue
        bend = (x2 - x1) / 2
        curve = (
            f"M{number(x1)} {number(y1)}C{number(x1 + bend)} {number(y1)} "
            f"{number(x2 - bend)} {number(y2)} {number(x2 - 5)} {number(y2)}"
        )
        tip = f"M{number(x2 - 6)} {number(y2 - 3.5)}l6 3.5l-6 3.5z"
        said = f"{by_key[one].label} → {by_key[other].label}"
        paths.append(
            titled(
                element("path", drawn("soft", 1.3) | {"d": curve})
                + element("path", filled("soft") | {"d": tip}),
                said,
                datum="link",
            )
        )
    shown = [_box(node, boxes[node.key], wide, lines[node.key]) for node in nodes]
    return framed(picture, [head, *titles, *paths, *shown], begin + most + 6)


def _ordered(
    nodes: Sequence[Node], links: Sequence[tuple[str, str]], columns: int
) -> list[list[Node]]:
    """Order each column by the middle of what leads to its nodes, so that few links cross."""
    before: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in links:
        before[other].append(one)
    ordered: list[list[Node]] = []
    rank: dict[str, float] = {}
    for column in range(columns):
        own = [node for node in nodes if node.column == column]
        middles = {
            node.key: _mean([rank[key] for key in before[node.key] if key in rank]) for node in own
        }
        own.sort(key=lambda node, by=middles: by[node.key])  # type: ignore[misc]
        rank |= {node.key: (place + 0.5) / len(own) for place, node in enumerate(own)}
        ordered.append(own)
    return ordered


def _mean(ranks: Sequence[float]) -> float:
    return sum(ranks) / len(ranks) if ranks else 0.0


def _box(node: Node, at: tuple[float, float], wide: float, lines: Sequence[str]) -> str:
    (x, y), tall = at, _LINE * len(lines) + 14
    box = element(
        "rect",
        filled("sea") | drawn("accent") | {
            "class": "f-sea s-accent", "fill": filled("sea")["fill"],
            "x": x, "y": y, "width": wide, "height": tall, "rx": 4},
    )  # fmt: skip
    words = [text(line, x + 10, y + 20 + _LINE * place, _SIZE) for place, line in enumerate(lines)]
    return titled(box + "".join(words), node.label, node.href, "datum")


def neighbourhood(picture: Picture, centre: str, groups: Sequence[Group]) -> str:
    """Draw what stands around one thing, a bundle for each way in which it does.

    Of a group that is large the first are named, and the rest is a number: “+n”.
    """
    groups = [group for group in groups if group.members or group.total][:24]
    head, top = heading(picture)
    sides: tuple[list[Group], list[Group]] = ([], [])
    for group in sorted(groups, key=lambda group: -_tall(group)):
        min(sides, key=lambda side: sum(map(_tall, side))).append(group)
    for side in sides:
        side.sort(key=groups.index)
    most = max([90.0, *(sum(map(_tall, side)) for side in sides)])
    middle = top + most / 2
    lines = wrapped(centre, 15, 170, 4)
    half = max(width_of(line, 15) for line in lines) / 2 + 14
    tall = 19 * len(lines) + 20
    parts: list[str] = []
    for way, side in ((1, sides[0]), (-1, sides[1])):
        y = top + (most - sum(map(_tall, side))) / 2
        for group in side:
            parts.append(_group(group, way, y, middle, half))
            y += _tall(group)
    box = element(
        "rect",
        filled("accent")
        | {
            "x": WIDTH / 2 - half,
            "y": middle - tall / 2,
            "width": half * 2,
            "height": tall,
            "rx": 6,
        },
    )
    words = [
        text(line, WIDTH / 2, middle - tall / 2 + 25 + 19 * place, 15, "paper", anchor="middle",
             weight="600")
        for place, line in enumerate(lines)
    ]  # fmt: skip
    return framed(picture, [head, *parts, titled(box + "".join(words), centre, datum="centre")],
                  top + most + 10)  # fmt: skip


def _tall(group: Group) -> float:
    return 18.0 * (min(len(group.members), SHOWN) + (_rest(group) > 0)) + 34


def _rest(group: Group) -> int:
    return max(group.total, len(group.members)) - min(len(group.members), SHOWN)


def _group(group: Group, way: int, top: float, middle: float, half: float) -> str:
    anchor = "end" if way < 0 else ""
    hub = WIDTH / 2 + way * (half + _REACH)
    x = hub + way * 26
    room = WIDTH / 2 - half - _REACH - 26 - MARGIN
    members = group.members[:SHOWN]
    rest = _rest(group)
    rows = len(members) + (rest > 0)
    centre = top + 26 + 18 * rows / 2
    start = WIDTH / 2 + way * half
    bend = way * _REACH / 2
    parts = [
        element("path", drawn("soft", 1.3) | {
            "d": f"M{number(start)} {number(middle)}C{number(start + bend)} {number(middle)} "
            f"{number(hub - bend)} {number(centre)} {number(hub)} {number(centre)}"}),
        text(fitted(group.label, _SIZE, room), x, top + 18, _SIZE, "soft", anchor=anchor,
             weight="600"),
    ]  # fmt: skip
    for place in range(rows):
        y = top + 26 + 18 * place + 9
        twig = element("path", drawn("line", 1.2) | {
            "d": f"M{number(hub)} {number(centre)}L{number(x - way * 6)} {number(y)}"})  # fmt: skip
        parts.append(twig)
        if place < len(members):
            node = members[place]
            label = text(fitted(node.label, _SIZE, room), x, y + 4.5, _SIZE, "ink", anchor=anchor)
            parts.append(titled(label, node.label, node.href, "datum"))
        else:
            more = text(f"+{rest}", x, y + 4.5, _SIZE, "accent", anchor=anchor, weight="600")
            parts.append(titled(more, f"+{rest}", group.href, "rest"))
    parts.append(element("circle", filled("accent") | {"cx": hub, "cy": centre, "r": 4}))
    return "".join(parts)
