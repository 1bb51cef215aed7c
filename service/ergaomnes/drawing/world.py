"""The map of the world: how each participant stands, as colour, pattern and the shape of points."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ergaomnes.assets import assets
from ergaomnes.drawing.palette import INKS, LOOKS, STANDINGS, slug
from ergaomnes.drawing.svg import (
    MARGIN,
    WIDTH,
    Picture,
    Value,
    element,
    filled,
    fitted,
    framed,
    heading,
    number,
    patterns,
    swatch,
    text,
    titled,
    width_of,
)

MAP = "world.json"
_SIZE = 12.5
_R = 3.2
_HOLLOW = {"not a party": "", "no data": "1.5 1"}
"""Standings whose points have an outline only, and its dashes."""
_NEUTRAL: dict[str, Value] = {
    "class": "f-paper s-edge",
    "fill": INKS["paper"].light,
    "stroke": INKS["edge"].light,
    "stroke-width": 0.4,
    "stroke-dasharray": "2 1.5",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A participant by its ISO 3166-1 code of three letters, and how it stands.

    One that has no code, such as an organisation, is named below the map.
    """

    code: str
    name: str
    standing: str
    text: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class _Shape:
    code: str
    name: str
    d: str
    x: float
    y: float
    point: bool


def has_map() -> bool:
    """Tell whether the build made the map."""
    return assets().has(MAP)


@cache
def _world() -> tuple[Mapping[str, Value], tuple[_Shape, ...]]:
    read = json.loads(assets().kept(MAP))
    return read, tuple(_Shape(**shape) for shape in read["shapes"])


def codes_on_the_map() -> frozenset[str]:
    """Give the codes of the participants that have a shape or a point."""
    return frozenset(shape.code for shape in _world()[1] if shape.code)


def world_map(
    picture: Picture, places: Sequence[Place], *, legend: Mapping[str, str], disputed: str
) -> str:
    """Draw every participant once; what no participant answers to stays without colour.

    `disputed` is the plain note on boundaries below the map. Raises AssetMissing where the package
    was built without npm.
    """
    world, shapes = _world()
    by_code = {place.code: place for place in places if place.code}
    standings = {place.standing for place in places}
    head, top = heading(picture)
    areas: dict[str, list[str]] = {standing: [] for standing in STANDINGS}
    points: dict[str, list[str]] = {standing: [] for standing in STANDINGS}
    rest = []
    for shape in shapes:
        place = by_code.get(shape.code)
        if place is None:
            rest.append(shape.d)
            continue
        if shape.d:
            area = element("path", {"d": shape.d})
            said = "" if shape.point else _said(place, legend)
            areas[place.standing].append(titled(area, said, place.href, "datum") if said else area)
        if shape.point:
            point = _mark(place.standing, shape.x, shape.y)
            said = _said(place, legend)
            points[place.standing].append(titled(point, said, place.href, "datum"))
    neutral = element("path", _NEUTRAL | {"d": "".join(rest)})
    drawn = [
        element("g", paint, *marks)
        for kind, painted in ((areas, _ground), (points, _ink))
        for standing, marks in kind.items()
        if marks
        for paint in (painted(picture, standing),)
    ]
    sea = element("path", filled("sea") | {"d": str(world["outline"])})
    chart = element("g", {"transform": f"translate(0 {number(top)})"}, sea, neutral, *drawn)
    known = {shape.code for shape in shapes if shape.code}
    apart = [place for place in places if place.code not in known]
    words, bottom = _legend(picture, legend, standings, top + float(world["height"] or 0) + 14)
    listed, bottom = _listed(picture, apart, legend, bottom)
    note = f"{disputed} · {world['source']}"
    return framed(
        picture, [patterns(picture, standings), head, chart, words, listed], bottom, note=note
    )


def _said(place: Place, legend: Mapping[str, str]) -> str:
    return place.text or f"{place.name}: {legend.get(place.standing, place.standing)}"


def _ground(picture: Picture, standing: str) -> dict[str, Value]:
    look, edge = LOOKS[standing], "edge" if standing == "not a party" else "paper"
    return {
        # what is plain needs no pattern, which is slow to draw
        "fill": f"url(#{picture.id(slug(standing))})" if look.lines else look.ground.light,
        "class": f"s-{edge}" if look.lines else f"f-{slug(standing)} s-{edge}",
        "stroke": INKS[edge].light,
        "stroke-width": 0.4,
    }


def _ink(_: Picture, standing: str) -> dict[str, Value]:
    if standing in _HOLLOW:
        return {
            "class": "f-paper s-edge",
            "fill": INKS["paper"].light,
            "stroke": INKS["edge"].light,
            "stroke-width": 1.1,
            "stroke-dasharray": _HOLLOW[standing],
        }
    return filled(slug(standing)) | {
        "stroke": INKS["paper"].light,
        "stroke-width": 0.6,
        "class": f"f-{slug(standing)} s-paper",
    }


def _mark(standing: str, x: float, y: float) -> str:
    """Draw what is too small to have a pattern: the shape says what the pattern would."""
    r = _R
    if standing in ("bound", *_HOLLOW):
        return element("circle", {"cx": x, "cy": y, "r": r if standing == "bound" else r - 0.6})
    ways = {
        "consented, not yet in force": f"M{number(x)} {number(y - r - 0.6)}l3.6 6.2h-7.2z",
        "signed only": f"M{number(x)} {number(y - r - 0.8)}l3.8 3.8l-3.8 3.8l-3.8-3.8z",
        "uncertain": f"M{number(x - r)} {number(y - r)}h6v6h-6z",
        "left": f"M{number(x - r)} {number(y - r)}l2-1l1 1.6l1-1.6l2 1l-1.6 3l1.6 3l-2 1l-1-1.6"
        "l-1 1.6l-2-1l1.6-3z",
    }
    return element("path", {"d": ways[standing]})


def _point(picture: Picture, standing: str, x: float, y: float) -> str:
    return element("g", _ink(picture, standing), _mark(standing, x, y))


def _legend(
    picture: Picture, words: Mapping[str, str], shown: set[str], top: float
) -> tuple[str, float]:
    x, y, parts = float(MARGIN), top, []
    for standing in STANDINGS:
        if standing not in shown:
            continue
        word = fitted(words.get(standing, standing), _SIZE, 300)
        wide = 40 + width_of(word, _SIZE) + 18
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y = float(MARGIN), y + 22
        parts += [
            element("rect", swatch(picture, standing)
                    | {"x": x, "y": y, "width": 18, "height": 13, "rx": 2}),
            _point(picture, standing, x + 28, y + 6.5),
            text(word, x + 40, y + 11, _SIZE),
        ]  # fmt: skip
        x += wide
    return element("g", {"class": "legend"}, *parts), y + 24


def _listed(
    picture: Picture, places: Sequence[Place], legend: Mapping[str, str], top: float
) -> tuple[str, float]:
    """Name those who have no place on a map, each with its point."""
    x, y, parts = float(MARGIN), top, []
    for place in sorted(places, key=lambda place: (place.name, place.code)):
        name = fitted(place.name, _SIZE, WIDTH / 2)
        wide = 18 + width_of(name, _SIZE) + 18
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y = float(MARGIN), y + 20
        mark = _point(picture, place.standing, x + 7, y + 6.5) + text(name, x + 18, y + 11, _SIZE)
        parts.append(titled(mark, _said(place, legend), place.href, "datum"))
        x += wide
    return "".join(parts), y + 22 if parts else top
