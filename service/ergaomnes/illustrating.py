"""Pictures of what panels say; their words come from the page that they stand on."""

import datetime
from collections.abc import Callable, Iterator, Mapping

from ergaomnes import drawing
from ergaomnes.engine import Iri, Literal, Table, Term

_BOUND, _UNCERTAIN = "bound", "uncertain"

Row = Mapping[str, Term | None]


def when_bound(
    table: Table,
    picture: drawing.Picture,
    legend: Mapping[str, str],
    on: datetime.date,
    href: Callable[[Iri], str],
) -> str:
    """Draw from when until when each treaty bound a state; nothing where none ever did."""
    rows: dict[str, drawing.Row] = {}
    days = [on]
    for row in table:
        treaty = str(row["instrument_label"])
        before = rows[treaty].spans if treaty in rows else ()
        spans = (*before, *_spans(row, legend, on))
        if spans:
            rows[treaty] = drawing.Row(treaty, spans, href=_linked(row["instrument"], href))
        days += [day for one in row.values() if (day := _day(one))]
    if not rows:
        return ""
    mark = drawing.Mark(on, on.isoformat())
    return drawing.timeline(picture, tuple(rows.values()), legend=legend, end=max(days), on=mark)


def _spans(row: Row, legend: Mapping[str, str], on: datetime.date) -> Iterator[drawing.Span]:
    since, ended = _day(row["since"]), _day(row["ended"])
    begun = since or _day(row["since_not_after"])
    if begun is None:
        return
    doubt = None if ended else _day(row["ended_not_before"])
    until = ended or doubt
    treaty = str(row["instrument_label"])
    last_known = _day(row["last_known"]) or on
    text = f"{treaty}: {legend[_BOUND]}, {begun} – {until or ''}".rstrip()
    yield drawing.Span(
        _BOUND,
        begun,
        until,
        text,
        starts_unsure=since is None,
        ends_unsure=not until and last_known < on,
    )
    if doubt:
        text = f"{treaty}: {legend[_UNCERTAIN]}, {doubt} –"
        yield drawing.Span(_UNCERTAIN, doubt, None, text)


def _day(term: Term | None) -> datetime.date | None:
    if isinstance(term, Literal) and term.datatype == Literal.DATE:
        return datetime.date.fromisoformat(term.value)
    return None


def _linked(thing: Term | None, href: Callable[[Iri], str]) -> str:
    return href(thing) if isinstance(thing, Iri) else ""
