"""Numbers as pictures: lines through time, bars, and a table of standings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from ergaomnes.drawing.palette import INKS
from ergaomnes.drawing.svg import (
    MARGIN,
    WIDTH,
    Picture,
    Value,
    clean,
    drawn,
    element,
    filled,
    fitted,
    framed,
    heading,
    legended,
    number,
    patterns,
    swatch,
    text,
    titled,
    width_of,
)
from ergaomnes.drawing.timeline import Scale

MOST_LINES = 12
MOST_BARS = 300
MOST_CELLS = 2000
"""Of a matrix: beyond them rows are left out, as the table beside has them all."""

_SIZE = 12.5
_HIGH = 320
_CELL = 20
_INKS = ("accent", "bound", "turn", "consented-not-yet-in-force", "signed-only", "uncertain")
_DASHES = ("", "7 3", "2 3", "10 3 2 3", "4 2", "1 3", "12 4", "3 6")


@dataclass(frozen=True, slots=True)
class Series:
    """A count through time; between two points it stays what it was."""

    label: str
    points: Sequence[tuple[date, int]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A count, of a whole where there is one."""

    label: str
    value: int
    text: str = ""
    href: str = ""
    of: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a matrix."""

    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row of a matrix: a standing for each column."""

    label: str
    cells: Sequence[str]
    href: str = ""


def lines(picture: Picture, series: Sequence[Series]) -> str:
    """Draw counts through time; each line differs by its dashes, and has its name at its end."""
    shown = [one for one in series if one.points][:MOST_LINES]
    head, top = heading(picture)
    days = [day for one in shown for day, _ in one.points]
    most = max((count for one in shown for _, count in one.points), default=0)
    labels = [fitted(one.label, _SIZE, 220) for one in shown]
    aside = max((width_of(label, _SIZE) for label in labels), default=0) + 18
    left, right = MARGIN + 44, WIDTH - MARGIN - aside
    scale = Scale(min(days, default=date.min), max(days, default=date.min), left, right)
    lower = top + 10 + _HIGH
    step = next(each for each in (5, 10, 20, 25, 50, 100, 200, 500, 10**9) if most / each <= 6)
    ceiling = max(step * -(-most // step), 1)

    def y(count: int) -> float:
        return lower - _HIGH * count / ceiling

    grid = [
        element("path", drawn("line") | {"d": f"M{left} {number(y(count))}H{number(right)}"})
        + text(str(count), left - 8, y(count) + 4, 11.5, "soft", anchor="end")
        for count in range(0, ceiling + 1, step)
    ]
    grid += [
        text(label, scale.x(day), lower + 20, 11.5, "soft", anchor="middle")
        for day, label in scale.ticks()
    ]
    ends = _apart([y(one.points[-1][1]) for one in shown], 17, lower)
    drawings = []
    for place, (one, label, at) in enumerate(zip(shown, labels, ends, strict=True)):
        colour = _INKS[place % len(_INKS)]
        points = sorted(one.points)
        path = f"M{number(scale.x(points[0][0]))} {number(y(points[0][1]))}" + "".join(
            f"H{number(scale.x(day))}V{number(y(count))}"
            for (_, before), (day, count) in pairwise(points)
            if count != before or day == points[-1][0]
        )
        end = scale.x(points[-1][0])
        leader = f"M{number(end + 2)} {number(y(points[-1][1]))}L{number(right + 10)} {number(at)}"
        (begun, least), (ended, last) = points[0], points[-1]
        said = f"{one.label}: {begun.year} {least} – {ended.year} {last}"
        drawings.append(
            titled(
                element("path", drawn(colour, 2.2) | {
                    "d": path, "stroke-dasharray": _DASHES[place % len(_DASHES)],
                    "stroke-linejoin": "round"})
                + element("path", drawn(colour, 1) | {"d": leader})
                + text(label, right + 14, at + 4.5, _SIZE, colour, weight="600"),
                said,
                datum="datum",
            )
        )  # fmt: skip
    return framed(picture, [head, *grid, *drawings], lower + 34)


def _apart(places: Sequence[float], least: float, lowest: float) -> list[float]:
    """Move heights so that labels at them do not touch, and their order stays."""
    order = sorted(range(len(places)), key=lambda place: (places[place], place))
    found = [0.0] * len(places)
    floor = float("-inf")
    for place in order:
        found[place] = floor = max(places[place], floor + least)
    floor = lowest + least
    for place in reversed(order):
        found[place] = floor = min(found[place], floor - least)
    return found


def bars(picture: Picture, rows: Sequence[Bar]) -> str:
    """Draw counts as bars, in the order they are given, each with its number."""
    rows = rows[:MOST_BARS]
    head, top = heading(picture)
    left = (
        MARGIN + min(max((width_of(clean(row.label), _SIZE) for row in rows), default=0), 300) + 12
    )
    most = max((max(row.value, row.of) for row in rows), default=0) or 1
    words = [clean(row.text) or str(row.value) for row in rows]
    aside = min(max((width_of(word, _SIZE) for word in words), default=0), 240) + 14
    room = WIDTH - MARGIN - aside - left
    parts = []
    for place, (row, word) in enumerate(zip(rows, words, strict=True)):
        y = top + 24 * place
        wide = room * max(row.value, 0) / most
        whole = ""
        if row.of:
            box: dict[str, Value] = {
                "x": left,
                "y": y + 3,
                "width": room * row.of / most,
                "height": 14,
            }
            edge: dict[str, Value] = {
                "class": "s-edge",
                "stroke": INKS["edge"].light,
                "fill": "none",
            }
            whole = element("rect", edge | box)
        bar = element(
            "rect", filled("bound") | {"x": left, "y": y + 3, "width": wide, "height": 14}
        )
        value = text(
            fitted(word, _SIZE, aside), left + max(wide, room * row.of / most) + 8, y + 14.5, _SIZE
        )
        label = text(fitted(row.label, _SIZE, left - MARGIN - 10), MARGIN, y + 14.5, _SIZE)
        parts.append(titled(label + whole + bar + value, f"{row.label}: {word}", row.href, "datum"))
    return framed(picture, [head, *parts], top + 24 * len(rows) + 8)


def matrix(
    picture: Picture,
    columns: Sequence[Column],
    rows: Sequence[MatrixRow],
    *,
    legend: Mapping[str, str],
) -> str:
    """Draw how each of many stands towards each of several, a cell for each two."""
    columns = columns[:40]
    rows = rows[: MOST_CELLS // max(len(columns), 1)]
    head, top = heading(picture)
    left = (
        MARGIN + min(max((width_of(clean(row.label), _SIZE) for row in rows), default=0), 240) + 12
    )
    room = WIDTH - MARGIN - left - 70
    wide = min(max(room / max(len(columns), 1), 14), 44)
    tall = min(max((width_of(clean(one.label), 11.5) for one in columns), default=0), 150)
    high = top + tall * 0.72 + 14
    parts = []
    for place, column in enumerate(columns):
        x = left + wide * (place + 0.5)
        turn = {"transform": f"rotate(-45 {number(x)} {number(high - 6)})"}
        label = text(fitted(column.label, 11.5, 150), x, high - 6, 11.5)
        parts.append(titled(element("g", turn, label), column.label, column.href, "column"))
    standings = {standing for row in rows for standing in row.cells}
    for place, row in enumerate(rows):
        y = high + _CELL * place
        label = text(fitted(row.label, _SIZE, left - MARGIN - 10), MARGIN, y + 14, _SIZE)
        parts.append(titled(label, row.label, row.href, "row"))
        for at, (standing, column) in enumerate(zip(row.cells, columns, strict=False)):
            where: dict[str, Value] = {
                "x": left + wide * at + 1,
                "y": y + 1,
                "width": wide - 2,
                "height": _CELL - 2,
            }
            said = f"{row.label} – {column.label}: {legend.get(standing, standing)}"
            cell = element("rect", swatch(picture, standing) | where)
            parts.append(titled(cell, said, datum="datum"))
    words, bottom = legended(picture, legend, standings, high + _CELL * len(rows) + 14)
    return framed(picture, [patterns(picture, standings), head, *parts, words], bottom)
