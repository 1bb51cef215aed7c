"""Pictures of what panels say: each from the answer to a question, its words from the page."""

import datetime
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ergaomnes import drawing
from ergaomnes.engine import Iri, Literal, Table, Term
from ergaomnes.links import Links

_BOUND, _LEFT, _UNCERTAIN = "bound", "left", "uncertain"
_DOMESTIC, _INTERNATIONAL, _IN_EFFECT = "domestic", "international", "in effect"
_LOOKS_OF_REACH = {"within reach": _BOUND, "out of reach": "not a party"}
"""What has no standing is drawn like one; of the rest the words are the same."""
_LANES = {_DOMESTIC: 0, _INTERNATIONAL: 1, _IN_EFFECT: 1}

_MOST_OF_A_BUNDLE = 12

Row = Mapping[str, Term | None]


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a picture is told besides the answer that it shows."""

    picture: drawing.Picture
    on: datetime.date
    legend: Mapping[str, str]
    """How the words are said that questions answer."""
    names: Mapping[str, str]
    """What things are called in the reader's language, where that is not English."""
    links: Links
    phrases: Mapping[str, str] = field(default_factory=dict)
    """Other words that pictures say."""

    def name(self, row: Row, column: str) -> str:
        """Give what the thing in a column is called."""
        return self.names.get(str(row[column]), str(row.get(f"{column}_label") or ""))

    def linked(self, thing: Term | None) -> str:
        """Give the address of the page of a thing; nothing for what has none."""
        return self.links(thing.value) if isinstance(thing, Iri) else ""


def when_bound(table: Table, canvas: Canvas) -> str:
    """Draw from when until when each treaty bound a state; nothing where none ever did."""
    rows: dict[str, drawing.Row] = {}
    days = [canvas.on]
    for row in table:
        treaty = canvas.name(row, "instrument")
        before = rows[treaty].spans if treaty in rows else ()
        spans = (*before, *_spans(row, treaty, canvas))
        if spans:
            rows[treaty] = drawing.Row(treaty, spans, href=canvas.linked(row["instrument"]))
        days += [day for one in row.values() if (day := _day(one))]
    if not rows:
        return ""
    on = drawing.Mark(canvas.on, canvas.on.isoformat())
    return drawing.timeline(
        canvas.picture, tuple(rows.values()), legend=canvas.legend, end=max(days), on=on
    )


def world_standing(table: Table, canvas: Canvas) -> str:
    """Draw how each state stands on a map of the world; nothing where there is no map."""
    return _world(table, canvas, "standing", {})


def world_reach(table: Table, canvas: Canvas) -> str:
    """Draw which states a body reaches, in the looks of those that are bound and of others."""
    return _world(table, canvas, "reach", _LOOKS_OF_REACH)


def _world(table: Table, canvas: Canvas, column: str, looks: Mapping[str, str]) -> str:
    if not drawing.has_map():
        return ""
    places = []
    for row in table:
        name, word = canvas.name(row, "state"), str(row[column])
        standing = looks.get(word, word)
        said = f"{name}: {canvas.legend.get(word, word)}"
        days = (str(day) if (day := row.get(one)) else "" for one in ("in_force", "ended"))
        span = " – ".join(days).strip(" –") if standing in (_BOUND, _LEFT) else ""
        text = f"{said}, {span}" if span else said
        href = canvas.linked(row["state"])
        places.append(drawing.Place(str(row["iso3"] or ""), name, standing, text, href))
    legend = {**canvas.legend, **{look: canvas.legend[word] for word, look in looks.items()}}
    return drawing.world_map(
        canvas.picture, places, legend=legend, disputed=canvas.phrases["disputed"]
    )


def parties_by_year(table: Table, canvas: Canvas) -> str:
    """Draw how many were parties at the end of each year, by deposit and by effect."""
    series = []
    for column in ("by_effect", "by_deposit"):
        points = [
            (datetime.date(int(str(row["year"])), 12, 31), int(str(row[column]))) for row in table
        ]
        series.append(drawing.Series(canvas.phrases[column], points))
    return drawing.lines(canvas.picture, series) if table.rows else ""


def how_many_bound(table: Table, canvas: Canvas) -> str:
    """Draw how many each instrument binds; those of which that is not known are left out."""
    names = {row["instrument"]: str(row["instrument_label"]) for row in table}
    return _bars(table, canvas, names, "instrument", "bound")


def how_many_reached(table: Table, canvas: Canvas) -> str:
    """Draw how many each body reaches; those of which that is not known are left out."""
    names = {row["body"]: canvas.name(row, "body") for row in table}
    return _bars(table, canvas, names, "body", "reached")


def _bars(
    table: Table, canvas: Canvas, names: Mapping[Term | None, str], thing: str, many: str
) -> str:
    bars = [
        drawing.Bar(names[row[thing]], int(str(row[many])), href=canvas.linked(row[thing]))
        for row in table
        if row[many] is not None
    ]
    bars.sort(key=lambda bar: -bar.value)
    return drawing.bars(canvas.picture, bars) if bars else ""


def oversight_chain(table: Table, canvas: Canvas) -> str:
    """Draw from an obligation to its article, the bodies that look into it, and how they do."""
    steps = ("obligation", "provision", "body", "power")
    chosen = [one for one in steps if any(row[one] is not None for row in table)]
    nodes: dict[str, drawing.Node] = {}
    links: dict[tuple[str, str], None] = {}
    for row in table:
        before = ""
        for place, step in enumerate(chosen):
            thing = row[step]
            key = f"{step} {thing}"
            nodes.setdefault(
                key, drawing.Node(key, place, canvas.name(row, step), canvas.linked(thing))
            )
            if before:
                links.setdefault((before, key))
            before = key
    columns = [canvas.phrases[one] for one in chosen]
    return drawing.chain(canvas.picture, columns, tuple(nodes.values()), tuple(links))


def neighbourhood(table: Table, canvas: Canvas) -> str:
    """Draw what stands around a thing, a bundle for each property and each way."""
    bundles: dict[tuple[str, str], list[drawing.Node]] = {}
    for row in table:
        way, other = str(row["way"]), str(row["other"])
        query = urllib.parse.urlencode({"iri": other})
        ours = other.startswith(canvas.links.prefixes.base)
        place = f"{canvas.links.root}/neighbourhood?{query}" if ours else ""
        name = canvas.name(row, "other") if row["other_label"] else other.rsplit("/", 1)[-1]
        said = f"{canvas.legend[way]}: {row['property_label'] or str(row['property'])}"
        bundles.setdefault((way, said), []).append(drawing.Node(other, 0, name, place))
    groups = [
        drawing.Group(said, nodes[:_MOST_OF_A_BUNDLE], len(nodes))
        for (_, said), nodes in bundles.items()
    ]
    first = next(iter(table), None)
    if first is None:
        return ""
    return drawing.neighbourhood(canvas.picture, canvas.name(first, "thing"), groups)


def _spans(row: Row, treaty: str, canvas: Canvas) -> Iterator[drawing.Span]:
    since, ended = _day(row["since"]), _day(row["ended"])
    begun = since or _day(row["since_not_after"])
    if begun is None:
        return
    doubt = None if ended else _day(row["ended_not_before"])
    until = ended or doubt
    last_known = _day(row["last_known"]) or canvas.on
    text = f"{treaty}: {canvas.legend[_BOUND]}, {begun} – {until or ''}".rstrip()
    yield drawing.Span(
        _BOUND,
        begun,
        until,
        text,
        starts_unsure=since is None,
        ends_unsure=not until and last_known < canvas.on,
    )
    if doubt:
        text = f"{treaty}: {canvas.legend[_UNCERTAIN]}, {doubt} –"
        yield drawing.Span(_UNCERTAIN, doubt, None, text)


def _day(term: Term | None) -> datetime.date | None:
    if isinstance(term, Literal) and term.datatype == Literal.DATE:
        return datetime.date.fromisoformat(term.value)
    return None


def two_lanes(table: Table, canvas: Canvas) -> str:
    """Tell what happened, at home on the left and between States on the right."""
    told = []
    for row in table:
        level, day = str(row["level"]), _day(row["date"])
        if level not in _LANES or day is None:
            continue
        last = _day(row["date_not_after"])
        is_turn = level == _IN_EFFECT
        kind = str(row["kind"])
        told.append(
            drawing.Step(
                _LANES[level],
                day,
                canvas.legend.get(kind, kind) if is_turn else canvas.name(row, "step"),
                f"{day} – {last}" if last else day.isoformat(),
                canvas.linked(row["step"]),
                turning=is_turn,
            )
        )
    if not told:
        return ""
    lanes = canvas.legend[_DOMESTIC], canvas.legend[_INTERNATIONAL]
    on = drawing.Mark(canvas.on, canvas.on.isoformat())
    return drawing.steps(canvas.picture, lanes, told, on=on)


PICTURES: Mapping[str, Callable[[Table, Canvas], str]] = {
    "how-many-bound": how_many_bound,
    "how-many-reached": how_many_reached,
    "neighbourhood": neighbourhood,
    "oversight-chain": oversight_chain,
    "parties-by-year": parties_by_year,
    "two-lanes": two_lanes,
    "when-bound": when_bound,
    "world-reach": world_reach,
    "world-standing": world_standing,
}
"""The pictures by the names that the files of pages call them; they may give nothing."""
