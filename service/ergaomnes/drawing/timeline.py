"""Time as a picture: what held from when to when, row by row, and a story told in two lanes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from ergaomnes.drawing.svg import (
    MARGIN,
    WIDTH,
    Mark,
    Picture,
    drawn,
    element,
    filled,
    fitted,
    framed,
    heading,
    legended,
    patterns,
    swatch,
    text,
    titled,
    width_of,
    wrapped,
)

MOST_ROWS = 200
_BAR = 14
_ROW = 26
_LEVEL = 12  # from one mark to the one drawn below it, where both stand at about one day
_APART = 11  # marks nearer than this would touch
_SIZE = 12.5
_LONG = 9000  # days; a longer silence takes no more room


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a standing held; without an end it goes on to the end of the picture.

    Where the day of its start or end is not known, `start` and `until` are its bounds and the bar
    has a torn edge there.
    """

    standing: str
    start: date
    until: date | None
    text: str
    href: str = ""
    starts_unsure: bool = False
    ends_unsure: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Something done on a day: a ring, or a cross where it ends something."""

    day: date
    text: str
    href: str = ""
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture: one instrument, or one body."""

    label: str
    spans: Sequence[Span] = ()
    acts: Sequence[Act] = ()
    href: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """The name of the rows below it."""

    label: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened in one of two lanes; `when` is its day as it is said."""

    lane: int
    day: date
    text: str
    when: str = ""
    href: str = ""
    turning: bool = False
    """What changed the law is drawn as a turn."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Days along a line from left to right."""

    start: date
    end: date
    left: float
    right: float

    def x(self, day: date) -> float:
        """Give the place of a day; those outside stand at the end."""
        days = (min(max(day, self.start), self.end) - self.start).days
        return self.left + (self.right - self.left) * days / max((self.end - self.start).days, 1)

    def ticks(self) -> list[tuple[date, str]]:
        """Give round days, as many as there is room for."""
        months = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
        room = (self.right - self.left) / 62
        each = next(
            (step for step in (1, 3, 6, 12, 24, 60, 120, 240, 600) if months / step <= room), 1200
        )
        first = -(-(self.start.year * 12 + self.start.month - (self.start.day == 1)) // each) * each
        found = []
        for month in range(first, self.end.year * 12 + self.end.month, each):
            day = date(month // 12, month % 12 + 1, 1)
            if self.start <= day <= self.end:
                found.append((day, f"{day:%Y}" if each >= 12 else f"{day:%Y-%m}"))
        return found


def timeline(
    picture: Picture,
    rows: Sequence[Row | Heading],
    *,
    legend: Mapping[str, str],
    start: date | None = None,
    end: date,
    on: Mark | None = None,
) -> str:
    """Draw rows of spans and acts over one scale of time, with the day that is asked about.

    Every span and act is there once, as a group of class `datum` with its text as title. Acts of
    one row that fall together stand below each other.
    """
    rows = rows[:MOST_ROWS]
    lines = [row for row in rows if isinstance(row, Row)]
    first = start or min(_days(lines), default=end)
    left = MARGIN + min(
        max([80.0, *(width_of(fitted(row.label, _SIZE, 270), _SIZE) for row in lines)]) + 14, 290
    )
    scale = Scale(min(first, end), end, left, WIDTH - MARGIN - 8)
    head, top = heading(picture)
    top += 20 if on else 0
    y = top + 24
    body: list[str] = []
    for row in rows:
        if isinstance(row, Heading):
            body.append(text(fitted(row.label, 13, WIDTH - 2 * MARGIN), MARGIN, y + 20, 13, "soft",
                             weight="600"))  # fmt: skip
            y += 30
        else:
            drawing, tall = _row(picture, row, scale, y)
            body.append(drawing)
            y += tall
    grid = [_axis(scale, top, y, scale.x(on.day) if on else None)]
    above = [_on(scale, on, top, y)] if on else []
    standings = {span.standing for row in lines for span in row.spans}
    words, bottom = legended(picture, legend, standings, y + 12)
    return framed(
        picture, [patterns(picture, standings), head, *grid, *body, *above, words], bottom
    )


def _days(rows: Iterable[Row]) -> Iterable[date]:
    for row in rows:
        yield from (span.start for span in row.spans)
        yield from (act.day for act in row.acts)


def _axis(scale: Scale, top: float, bottom: float, on: float | None) -> str:
    return element(
        "g",
        None,
        *(
            element(
                "path", drawn("line") | {"d": f"M{scale.x(day):.1f} {top + 20:.1f}V{bottom:.1f}"}
            )
            + (
                text(label, scale.x(day), top + 12, 11.5, "soft", anchor="middle")
                # the day asked about, which has words of its own, goes before a round one
                if on is None or abs(on - scale.x(day)) > width_of(label, 11.5) / 2 + 4
                else ""
            )
            for day, label in scale.ticks()
        ),
    )


def _on(scale: Scale, on: Mark, top: float, bottom: float) -> str:
    x = scale.x(on.day)
    label = fitted(on.label, 11.5, 240)
    half = width_of(label, 11.5) / 2
    place = min(max(x, half + MARGIN), WIDTH - MARGIN - half)
    return element(
        "g",
        {"class": "on"},
        element("path", drawn("paper", 4) | {"d": f"M{x:.1f} {top + 22:.1f}V{bottom:.1f}"}),
        element("path", drawn("accent", 1.5) | {"d": f"M{x:.1f} {top - 3:.1f}V{bottom:.1f}",
                                                "stroke-dasharray": "5 3"}),
        text(label, place, top - 8, 11.5, "accent", anchor="middle", weight="600"),
    )  # fmt: skip


def _row(picture: Picture, row: Row, scale: Scale, top: float) -> tuple[str, float]:
    levels = _levels([scale.x(act.day) for act in _ordered(row.acts)])
    tall = _ROW + _LEVEL * max(levels, default=0)
    middle = top + _ROW / 2
    label = fitted(row.label, _SIZE, scale.left - MARGIN - 10)
    parts = [
        titled(text(label, MARGIN, middle + 4.5, _SIZE), row.label, row.href, "row"),
        element("path", drawn("line") | {"d": f"M{scale.left:.1f} {middle:.1f}H{scale.right:.1f}",
                                         "stroke-dasharray": "1 4"}),
    ]  # fmt: skip
    parts += [span_mark(picture, span, scale, middle) for span in sorted(row.spans, key=_begun)]
    parts += [
        _act(act, scale.x(act.day), middle + _LEVEL * level)
        for act, level in zip(_ordered(row.acts), levels, strict=True)
    ]
    return "".join(parts), tall


def _begun(span: Span) -> date:
    return span.start


def _ordered(acts: Iterable[Act]) -> list[Act]:
    return sorted(acts, key=lambda act: (act.day, act.text))


def _levels(places: Sequence[float]) -> list[int]:
    """Say how far below its row each mark stands, so that none touches another."""
    last: list[float] = []
    levels = []
    for x in places:
        level = next((level for level, other in enumerate(last) if x - other >= _APART), len(last))
        last[level : level + 1] = [x]
        levels.append(level)
    return levels


def span_mark(picture: Picture, span: Span, scale: Scale, middle: float, tall: float = _BAR) -> str:
    """Draw a span as a bar, torn where its day is not known."""
    left = scale.x(span.start)
    right = max(scale.x(span.until or scale.end), left + 2)
    upper, lower = middle - tall / 2, middle + tall / 2
    tear = min(5.0, (right - left) / 3)

    def edge(x: float, torn: bool, down: bool) -> str:
        ys = [upper + tall * part / 4 for part in range(5)]
        inward = tear if not down else -tear
        points = [(x + (inward if torn and place % 2 else 0), y) for place, y in enumerate(ys)]
        return "L".join(f"{px:.1f} {py:.1f}" for px, py in (points if down else points[::-1]))

    path = f"M{edge(right, span.ends_unsure, True)}L{edge(left, span.starts_unsure, False)}Z"
    if not (span.starts_unsure or span.ends_unsure):
        path = f"M{left:.1f} {upper:.1f}H{right:.1f}V{lower:.1f}H{left:.1f}Z"
    bar = element("path", swatch(picture, span.standing) | {"d": path})
    return titled(bar, span.text, span.href, "datum")


def _act(act: Act, x: float, y: float) -> str:
    if act.ends:
        cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"
        mark = element("circle", filled("paper") | {"cx": x, "cy": y, "r": 7}) + element(
            "path", drawn("turn", 2.4) | {"d": cross}
        )
    else:
        mark = element(
            "circle",
            filled("paper")
            | {"class": "f-paper s-ink", "cx": x, "cy": y, "r": 4, "stroke": drawn("ink")["stroke"],
               "stroke-width": 1.6},
        )  # fmt: skip
    return titled(mark, act.text, act.href, "datum")


def steps(
    picture: Picture,
    lanes: tuple[str, str],
    steps: Sequence[Step],
    *,
    on: Mark | None = None,
) -> str:
    """Tell a story downwards, one lane on each side of the line of time.

    Steps keep their order; between them stands more room where more time went by.
    """
    told = sorted(steps[:MOST_ROWS], key=lambda step: (step.day, step.lane, step.text))
    head, top = heading(picture)
    axis = WIDTH / 2
    room = axis - MARGIN - 34
    parts = [
        text(
            fitted(lanes[0], 14, room), axis - 30, top + 14, 14, "soft", anchor="end", weight="600"
        ),
        text(fitted(lanes[1], 14, room), axis + 30, top + 14, 14, "soft", weight="600"),
    ]
    begin = top + 30
    floors = [begin, begin]
    placed: list[tuple[Step, float]] = []
    y = begin + 4
    gaps = [(later.day - earlier.day).days for earlier, later in pairwise(told)]
    here: float | None = None  # where the day that is pointed out stands, with room of its own
    for step, gap in zip(told, [0, *gaps], strict=True):
        if on is not None and here is None and step.day > on.day:
            here = y = max(*floors, y) + 16
        y = max(y + 14 + min(gap, _LONG) ** 0.5 * 0.55, floors[step.lane] + 10) if placed else y + 8
        placed.append((step, y))
        lines = len(wrapped(step.text, 13, room, 5))
        floors[step.lane] = y + 16 + 17 * lines
    bottom = max([*floors, y + 10])
    if on is not None:
        here = here or bottom + 12
        bottom = max(bottom, here + 4)
        label = fitted(on.label, 12, 300)
        half = width_of(label, 12) / 2 + 8
        parts.append(
            element(
                "g",
                {"class": "on"},
                element("path", drawn("accent", 1.5) | {
                    "d": f"M{MARGIN} {here:.1f}H{WIDTH - MARGIN}", "stroke-dasharray": "5 3"}),
                element("rect", filled("paper") | {
                    "x": axis - half, "y": here - 9, "width": half * 2, "height": 18}),
                text(label, axis, here + 4, 12, "accent", anchor="middle", weight="600"),
            )
        )  # fmt: skip
    line = element("path", drawn("soft", 1.5) | {"d": f"M{axis} {begin:.1f}V{bottom:.1f}"})
    return framed(
        picture,
        [head, line, *parts, *(_step(step, y, axis, room) for step, y in placed)],
        bottom + 22,
    )


def _step(step: Step, y: float, axis: float, room: float) -> str:
    side = -1 if step.lane == 0 else 1
    anchor = "end" if side < 0 else ""
    x = axis + side * 30
    colour = "turn" if step.turning else "accent"
    dot = element("circle", filled(colour) | {"cx": axis, "cy": y, "r": 6 if step.turning else 4.5})
    link = element(
        "path", drawn("soft") | {"d": f"M{axis + side * 8:.1f} {y:.1f}H{x - side * 5:.1f}"}
    )
    when = text(
        step.when or step.day.isoformat(), x, y + 4.5, 12.5, colour, anchor=anchor, weight="600"
    )
    words = [
        text(line, x, y + 22 + 17 * place, 13, "ink", anchor=anchor)
        for place, line in enumerate(wrapped(step.text, 13, room, 5))
    ]
    return titled(dot + link + when + "".join(words), step.text, step.href, "datum")
