"""From a table of acts to Turtle: every cell resolved, every act named, the difference shown.

An import goes in steps: read and resolve each row, collecting every fault; give statements the day
of the act they were made with; find the reservations that objections oppose; match each act with
the record that stands already, so that it keeps its name; compare with what was imported from the
same source before; write. Nothing is written before all of it is known to be right.

The acts of one source stand in one file, `data/acts/<source>.ttl`, which only the importer writes.
An act that an editor has recorded elsewhere is theirs: it is matched, and left as it stands.
"""

import calendar
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyoxigraph import NamedNode, Triple

from ergaomnes.engine import Iri, Literal, Term
from ergaomnes.errors import BadRows, CellFault, NoSuchFile, TableTooOld
from ergaomnes.names import (
    Names,
    NotMeant,
    Provisions,
    header,
    names_of_class,
    names_of_scheme,
    provisions,
)
from ergaomnes.progress import Tell
from ergaomnes.shipped import Shipped
from ergaomnes.store import EmbeddedEngine, load_file, load_shipped, theirs
from ergaomnes.table import Column, Row, Upload, columns, count, normal, rows
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, replace, triples, write

FOLDER = "acts"
TABLE = "table:acts"
STEP = 500  # rows between two words to the person who waits

_KINDS = """
SELECT ?kind ?class ?notation ?undoing
WHERE {
  ?kind skos:broader*/erga:classifies ?class ;
    skos:notation ?notation .
  OPTIONAL {
    ?undoing skos:related ?kind ;
      erga:classifies erga:WithdrawalOfAction .
  }
}
"""
_ACTS = """
SELECT ?graph ?act ?property ?value
WHERE {
  ?class rdfs:subClassOf* erga:TreatyAction .
  GRAPH ?graph {
    ?act a ?class ;
      ?property ?value .
  }
}
"""
_CITATIONS = """
SELECT ?graph ?citation ?source ?locator ?quotation
WHERE {
  GRAPH ?graph { ?citation erga:cites ?source . }
  OPTIONAL { ?citation erga:locator ?locator . }
  OPTIONAL { ?citation erga:quotation ?quotation . }
}
"""
_DAYS = """
SELECT DISTINCT ?graph ?thing ?day ?source
WHERE {
  GRAPH ?graph { ?thing erga:asOfDate ?day . }
  OPTIONAL {
    ?thing erga:coversAllParticipants true ;
      erga:hasCitation/erga:cites ?cited .
  }
  OPTIONAL { ?thing erga:hasSourceKind ?kind . }
  FILTER(BOUND(?cited) || BOUND(?kind))
  BIND(COALESCE(?cited, ?thing) AS ?source)
}
"""
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"\d{4}")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")

Facts = dict[str, tuple[Term, ...]]
Key = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class Act:
    """An act on its way from a row to a record; the facts go by prefixed names of properties."""

    row: int
    kind: str
    source: str
    facts: Facts
    opposes: tuple[str, ...] = ()
    made_with: str = ""
    undoes: "Act | None" = None
    targets: "list[Act | Recorded]" = field(default_factory=list)
    iri: str = ""

    @property
    def key(self) -> Key:
        """Tell which acts may be the same one: performer, treaty and kind."""
        return str(self.facts[_PERFORMER][0]), str(self.facts[_TREATY][0]), self.kind


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act that stands in the data."""

    iri: str
    graph: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Target:
    """Where an import writes, and whether acts that have vanished go."""

    shipped: Shipped
    folder: Path
    remove_vanished: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import changes in the file of one source."""

    source: str
    file: Path
    day: str
    known_day: str
    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    vanished: tuple[str, ...]
    elsewhere: Mapping[str, str]
    writes: Mapping[Path, str]

    @property
    def empty(self) -> bool:
        """Tell whether nothing is to be written."""
        return not self.writes


_PERFORMER, _TREATY, _KIND = "erga:isPerformedBy", "erga:concernsInstrument", "erga:hasActionKind"
_DONE, _DEPOSITED = "erga:actionDate", "erga:depositDate"
_EARLIEST, _LATEST = "erga:earliestDate", "erga:latestDate"
_PROVISION, _AS_NAMED = "erga:concernsProvision", "erga:articlesAsNamed"
_POWERS = ("erga:acceptsPower", "erga:excludesPower")
_OPPOSED, _AFFECTED, _UNDONE = "erga:objectsTo", "erga:affectsState", "erga:withdraws"
_DATES = (_DONE, _DEPOSITED, _EARLIEST, _LATEST)
_WHAT = (*_POWERS, _OPPOSED, _AFFECTED, _UNDONE, "erga:concernsTerritory")


class Known:
    """What stands in the data already, as far as an import reads it."""

    def __init__(self, engine: EmbeddedEngine, prefixes: Prefixes) -> None:
        self.engine = engine
        self.prefixes = prefixes
        self.columns = columns(engine, prefixes.iri(TABLE))
        self.provisions: Provisions = provisions(engine, prefixes)
        self.names: dict[str, Names] = {}
        self.classes: dict[str, str] = {}
        self.notations: dict[str, str] = {}
        self.undoing: dict[str, str] = {}
        for row in self._rows(_KINDS):
            kind = str(row["kind"])
            self.classes[kind] = str(row["class"])
            self.notations[kind] = str(row["notation"])
            if row["undoing"] is not None:
                self.undoing[kind] = str(row["undoing"])
        self.acts = self._acts()
        # Where an editor's file and one of ours both say a citation, it is the editor's.
        ours = f"{prefixes['graph']}data/{FOLDER}/"
        cited = sorted(
            self._rows(_CITATIONS), key=lambda row: not str(row["graph"]).startswith(ours)
        )
        self.citations = {
            (str(row["source"]), str(row["locator"] or "")): (
                str(row["citation"]),
                str(row["graph"]),
            )
            for row in cited
            if row["quotation"] is None
        }
        self.taken = {str(row["citation"]) for row in cited}
        self.days: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        for row in self._rows(_DAYS):
            place = (str(row["graph"]), str(row["day"]))
            self.days[str(row["source"])][str(row["thing"])] = place

    def named(self, column: Column) -> Names:
        """Give the index of what a column may hold."""
        about = column.scheme or column.range
        if about not in self.names:
            word = self._word(about)
            self.names[about] = (
                names_of_scheme(self.engine, self.prefixes, about, f"entry of the list of {word}")
                if column.scheme
                else names_of_class(self.engine, self.prefixes, about, word)
            )
        return self.names[about]

    def _word(self, iri: str) -> str:
        query = (
            f'SELECT ?name WHERE {{ <{iri}> skos:prefLabel ?name . FILTER(LANG(?name) = "en") }}'
        )
        for row in self._rows(query):
            return str(row["name"])[:1].lower() + str(row["name"])[1:]
        return self.prefixes.short(iri)

    def _rows(self, query: str) -> Iterator[Mapping[str, Term | None]]:
        return iter(self.engine.select(header(self.prefixes) + query))

    def _acts(self) -> dict[str, Recorded]:
        short = self.prefixes.short
        found: dict[str, dict[str, set[Term]]] = defaultdict(lambda: defaultdict(set))
        graphs: dict[str, str] = {}
        for row in self._rows(_ACTS):
            act, value = str(row["act"]), row["value"]
            if value is not None:
                found[act][short(str(row["property"]))].add(value)
                graphs[act] = str(row["graph"])
        return {
            act: Recorded(act, graphs[act], {name: _sorted(those) for name, those in facts.items()})
            for act, facts in found.items()
        }


@dataclass(slots=True)
class Reading:
    """The acts read so far and everything that is wrong with them."""

    known: Known
    source: str
    day: str
    acts: list[Act] = field(default_factory=list)
    faults: list[CellFault] = field(default_factory=list)
    days: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def take(self, row: Row) -> None:
        """Resolve one row into its act and, where it was withdrawn, a second one."""
        before = len(self.faults)
        facts: Facts = {}
        texts = dict(row.cells)
        if "" in texts:
            self._fault(row, "", texts.pop(""), "this cell stands under no column", "Remove it.")
        if self.source:
            texts.setdefault("source", self.source)
        if self.day:
            texts.setdefault("as_of", self.day)
        for column in self.known.columns:
            text = texts.get(column.name, "")
            if not text:
                if column.required:
                    self._fault(row, column.name, "", "it is empty", f"{column.about}")
                continue
            facts |= self._cell(row, column, text, facts)
        if len(self.faults) > before:
            return
        self._complete(row, facts, texts)

    def _complete(self, row: Row, facts: Facts, texts: Mapping[str, str]) -> None:
        """Make the acts of a row whose cells are all right."""
        kind = str(facts[_KIND][0])
        if kind not in self.known.classes:
            self._fault(row, "kind", texts["kind"], "it is no act under a treaty", _KIND_REMEDY)
            return
        source = str(facts.pop("erga:cites")[0])
        for day in facts.pop("erga:asOfDate", ()):
            self.days[source].setdefault(str(day), row.number)
        cites = self._cites(source, facts.pop("erga:locator", ()))
        undone = {
            name: facts.pop(name)
            for name in ("withdrawn_on", "partly_withdrawn_on")
            if name in facts
        }
        if undone and kind not in self.known.undoing:
            name, remedy = min(undone), "Leave the cell empty."
            self._fault(row, name, texts[name], "an act of this kind cannot be withdrawn", remedy)
            return
        if "erga:effectiveDate" in facts and "erga:hasEffectBasis" not in facts:
            self._fault(
                row,
                "effect_basis",
                "",
                "a day of effect is given and nobody who states it",
                "Write depositary-stated or organ-stated.",
            )
            return
        facts["rdf:type"] = (Iri(self.known.classes[kind]),)
        facts["erga:hasCitation"] = cites
        act = Act(row.number, kind, source, facts)
        act.opposes = tuple(str(each) for each in facts.pop("objects_to", ()))
        act.made_with = "".join(str(each) for each in facts.pop("made_with", ()))
        parts = self._by_power(row, act, texts)
        self.acts += parts
        for part in parts:
            self.acts += (self._undoing(part, name, day) for name, day in undone.items())

    def _undoing(self, act: Act, name: str, day: tuple[Term, ...]) -> Act:
        """Make the withdrawal of an act, or of a part of it."""
        kind = self.known.undoing[act.kind]
        kept = {
            each: act.facts[each]
            for each in (
                _PERFORMER,
                _TREATY,
                "erga:actedAs",
                "erga:hasConfidence",
                "erga:hasCitation",
            )
            if each in act.facts
        }
        if name == "withdrawn_on":
            kept |= {each: act.facts[each] for each in (_PROVISION,) if each in act.facts}
        else:
            kept["erga:hasOutcome"] = (Iri(self.known.prefixes.iri(_PARTLY)),)
        kept["rdf:type"] = (Iri(self.known.classes[kind]),)
        kept[_KIND] = (Iri(kind),)
        return Act(act.row, kind, act.source, kept | _bounds(day, _DEPOSITED), undoes=act)

    def _by_power(self, row: Row, act: Act, texts: Mapping[str, str]) -> list[Act]:
        """Split a statement on several procedures: each power has its own life."""
        if act.facts["rdf:type"] != (Iri(self.known.prefixes.iri("erga:ProcedureDeclaration")),):
            return [act]
        powers: dict[str, list[Term]] = defaultdict(list)
        loose = []
        for provision in act.facts.get(_PROVISION, ()):
            reached = self.known.provisions.powers.get(str(provision), frozenset())
            for power in reached:
                powers[power].append(provision)
            if not reached:
                loose.append(provision)
        if not powers:
            self._fault(
                row,
                "articles",
                texts.get("articles", ""),
                "no procedure in the data depends on a statement under these articles",
                "Name the article that sets out the procedure, or add the procedure first.",
            )
            return []
        property_ = _POWERS[self.known.notations[act.kind] == "procedure-exclusion"]
        return [
            Act(
                act.row,
                act.kind,
                act.source,
                act.facts
                | {property_: (Iri(power),), _PROVISION: _sorted([*powers[power], *loose])},
                made_with=act.made_with,
            )
            for power in sorted(powers)
        ]

    # cells

    def _cell(self, row: Row, column: Column, text: str, facts: Facts) -> Facts:
        """Give the facts that one cell states; a fault gives none."""
        parts = (
            [part.strip() for part in text.split(column.separator)] if column.separator else [text]
        )
        parts = [part for part in parts if part]
        name = self.known.prefixes.short(column.property) if column.property else column.name
        if column.name in _KEPT_APART:
            name = column.name
        try:
            if column.range == Literal.DATE:
                return self._date(column, text, name)
            if column.range == Literal.STRING:
                tagged = name == "skos:editorialNote"
                return {name: tuple(_english(part) if tagged else Literal(part) for part in parts)}
            if name == _PROVISION:
                return self._articles(parts, facts)
            if column.name == "objects_to":
                return {name: tuple(Iri(self._opposed(column, part)) for part in parts)}
            names = self.known.named(column)
            return {name: _sorted(Iri(names.meant(part)) for part in parts)}
        except NotMeant as miss:
            self._fault(row, column.name, text, miss.why, miss.remedy)
            return {}

    def _date(self, column: Column, text: str, name: str) -> Facts:
        first, last = _interval(text)
        if first == last:
            return {name: (Literal(first, Literal.DATE),)}
        if name in (_DONE, _DEPOSITED):
            return {
                _EARLIEST: (Literal(first, Literal.DATE),),
                _LATEST: (Literal(last, Literal.DATE),),
            }
        if column.name in _KEPT_APART:
            return {name: (Literal(first, Literal.DATE), Literal(last, Literal.DATE))}
        raise NotMeant("a whole day is needed here", "Write YYYY-MM-DD, or leave it empty.")

    def _articles(self, parts: Sequence[str], facts: Facts) -> Facts:
        treaty = str(facts[_TREATY][0]) if _TREATY in facts else ""
        if not treaty:
            return {}  # the treaty has its own fault
        meant = [self.known.provisions.meant(treaty, part) for part in parts]
        exact = all(very for _, very in meant)
        found: Facts = {}
        if any(iri for iri, _ in meant):
            found[_PROVISION] = _sorted(Iri(iri) for iri, _ in meant if iri)
        if not exact:
            found[_AS_NAMED] = (Literal(", ".join(parts)),)
        return found

    def _opposed(self, column: Column, word: str) -> str:
        iri = self.known.prefixes.iri(word) if word.startswith("action:") else ""
        return iri if iri in self.known.acts else self.known.named(column).meant(word)

    def _cites(self, source: str, locators: Iterable[Term]) -> tuple[Term, ...]:
        """Name the citations of the places in a source; one that stands keeps its name."""
        cites: list[Term] = []
        slug = source.rpartition("/")[2]
        for locator in [str(each) for each in locators] or [""]:
            if (source, locator) not in self.known.citations:
                end = _slug(locator)
                base = iri = self.known.prefixes.iri(
                    f"citation:{slug}-{end}" if end else f"citation:{slug}"
                )
                for number in itertools.count(2):
                    if iri not in self.known.taken:
                        break
                    iri = f"{base}-{number}"
                self.known.taken.add(iri)
                self.known.citations[source, locator] = (iri, "")
            cites.append(Iri(self.known.citations[source, locator][0]))
        return _sorted(cites)

    def _fault(self, row: Row, column: str, value: str, why: str, remedy: str) -> None:
        self.faults.append(CellFault(row.number, column, value, why, remedy))


_KEPT_APART = ("withdrawn_on", "partly_withdrawn_on", "objects_to", "made_with")
_KIND_REMEDY = "Write a kind of treaty act, for instance ratification, reservation or objection."
_PARTLY = "outcome:in-part"


def differences(
    file: Path,
    shipped: Shipped,
    prefixes: Prefixes,
    tell: Tell,
    *,
    source: str = "",
    day: str = "",
    folder: Path | None = None,
    remove_vanished: bool = False,
) -> list[Difference]:
    """Read a table and say what it would change, file by file; write nothing."""
    store = load_shipped(shipped, prefixes)
    place = folder or shipped.data / FOLDER
    if folder is not None:
        for other in sorted(folder.glob("*.ttl")):
            graph = f"{prefixes['graph']}data/{FOLDER}/{other.stem}"
            store.remove_graph(NamedNode(graph))  # what was imported there stands for the packaged
            load_file(store, other, graph)
    known = Known(EmbeddedEngine(store), prefixes)
    reading = _read_acts(file, known, tell, source=source, day=day)
    sources = sorted({act.source for act in reading.acts})
    for each in sources:
        _one_day(reading, file, each)
    elsewhere = _matched(reading)
    target = Target(shipped, place, remove_vanished)
    return [_difference(reading, target, each, elsewhere) for each in sources]


def stated(file: Path | Upload, known: Known) -> tuple[list[Triple], dict[str, int]]:
    """Give the facts that a table states, and the row of each act and of what it cites.

    An act that stands already has the name under which it stands. Raises BadRows for all that is
    wrong with the cells at once.
    """
    reading = _read_acts(file, known, lambda _, __, ___: None)
    for source in sorted({act.source for act in reading.acts}):
        _one_day(reading, file, source)
    _matched(reading)
    facts: list[Triple] = []
    lines: dict[str, int] = {}
    for act in reading.acts:
        said = _triples(known, _graph(known.prefixes, act.source), {act.iri: act.facts})
        facts += said
        for one in said:
            lines.setdefault(str(one.subject).strip("<>"), act.row)
    return facts, lines


def _read_acts(
    file: Path | Upload, known: Known, tell: Tell, *, source: str = "", day: str = ""
) -> Reading:
    reading = Reading(known, source, day)
    given = [name for name, value in (("source", source), ("as_of", day)) if value]
    total = count(file)
    for number, row in enumerate(rows(file, known.columns, given)):
        if number % STEP == 0:
            tell(f"row {row.number:,}", number, total)
        reading.take(row)
    tell("putting the acts together", total, total)
    _dated(reading)
    _opposing(reading)
    if reading.faults:
        raise BadRows(str(file), sorted(reading.faults, key=lambda fault: fault.row))
    return reading


def describe(shipped: Shipped, prefixes: Prefixes) -> str:
    """Say what the columns of a table are, and what each may hold."""
    known = Known(EmbeddedEngine(load_shipped(shipped, prefixes)), prefixes)
    lines: list[str] = []
    for column in known.columns:
        marks = ["needed"] if column.required else []
        marks += ["several, separated by semicolons"] if column.separator else []
        lines.append(column.name + (f" ({', '.join(marks)})" if marks else ""))
        lines.append(f"    {column.about}")
        if column.scheme:
            things = known.named(column).things
            if column.name in ("kind", "made_with"):  # acts under treaties alone
                things = {iri: "" for iri in things if iri in known.classes}
            lines.append(f"    One of: {', '.join(sorted(_local(iri) for iri in things))}.")
        if column.example:
            lines.append(f"    Example: {column.example}")
    return "\n".join(lines)


def save(difference: Difference) -> None:
    """Write the files of one source, each whole or not at all."""
    for file, text in difference.writes.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace(file, text.encode("utf-8"))
        except OSError as error:
            raise NoSuchFile(str(file), error.strerror or "it cannot be written") from None


# days and targets


def _dated(reading: Reading) -> None:
    """Give each statement without a day the day of the act it was made with."""
    consent = reading.known.prefixes.iri("erga:ConsentToBeBound")
    days: dict[tuple[str, str], dict[str, list[Facts]]] = defaultdict(lambda: defaultdict(list))
    everything = [(act.key, act.facts) for act in reading.acts]
    everything += [(_key(act.facts), act.facts) for act in reading.known.acts.values()]
    for (performer, treaty, kind), facts in everything:
        if any(name in facts for name in _DATES) and kind:
            by_kind = days[performer, treaty]
            if _dates(facts) not in [_dates(each) for each in by_kind[kind]]:
                by_kind[kind].append(facts)
    for act in reading.acts:
        if any(name in act.facts for name in _DATES) or act.undoes is not None:
            continue
        performer, treaty, _ = act.key
        found = days[performer, treaty].get(act.made_with, []) if act.made_with else []
        if act.made_with and not found and reading.known.classes.get(act.made_with) == consent:
            found = [
                facts
                for kind, those in days[performer, treaty].items()
                for facts in those
                if reading.known.classes.get(kind) == consent
            ]
        if found:
            last = max(found, key=_dates)
            act.facts |= {name: last[name] for name in _DATES if name in last}
            continue
        why = (
            "the participant has no act of that kind, in the table or in the data"
            if act.made_with
            else "it has no day"
        )
        name = "made_with" if act.made_with else "deposited_on"
        remedy = (
            "Give the day in deposited_on; a year, a month or FIRST/LAST where it is not known."
        )
        value = reading.known.notations.get(act.made_with, "")
        reading.faults.append(CellFault(act.row, name, value, why, remedy))


def _opposing(reading: Reading) -> None:
    """Find the reservation that each objection opposes; a doubt leaves only the other party."""
    known = reading.known
    reservation = Iri(known.prefixes.iri("erga:Reservation"))
    state = known.prefixes["state"]
    own_graphs = {_graph(known.prefixes, act.source) for act in reading.acts}
    made: dict[tuple[str, str], list[Act | Recorded]] = defaultdict(list)
    undone: dict[int, str] = {}
    for act in reading.acts:
        if reservation in act.facts["rdf:type"]:
            made[act.key[:2]].append(act)
        if act.undoes is not None and "erga:hasOutcome" not in act.facts:
            undone[id(act.undoes)] = _last(act.facts)
    rows = {(act.key, _dates(act.facts)) for act in reading.acts}
    for record in known.acts.values():
        if (
            record.graph not in own_graphs
            and reservation in record.facts.get("rdf:type", ())
            and (_key(record.facts), _dates(record.facts)) not in rows  # else it is counted twice
        ):
            made[_key(record.facts)[:2]].append(record)
    for act in reading.acts:
        for other in act.opposes:
            if other in known.acts:
                act.targets.append(known.acts[other])
                continue
            if other.startswith(state):
                act.facts[_AFFECTED] = _sorted([*act.facts.get(_AFFECTED, ()), Iri(other)])
            there = [
                each
                for each in made.get((other, act.key[1]), ())
                if _first(each.facts) <= _last(act.facts)
                and undone.get(id(each), "9999") >= _first(act.facts)
            ]
            about = set(act.facts.get(_PROVISION, ()))
            same = [each for each in there if about & set(each.facts.get(_PROVISION, ()))]
            if len(same or there) == 1:
                act.targets += same or there


def _one_day(reading: Reading, file: Path | Upload, source: str) -> str:
    """Give the one day on which a source stood, or nothing; two are a fault, an older one too."""
    given = reading.days.get(source, {})
    if len(given) > 1:
        first = min(given, key=lambda day: given[day])
        faults = [
            CellFault(row, "as_of", day, f"another row of this source says {first}", _DAY_REMEDY)
            for day, row in given.items()
            if day != first
        ]
        raise BadRows(str(file), faults)
    day = next(iter(given), "")
    known = reading.known.days.get(source, {}).get(source)
    if day and known and day < known[1]:
        raise TableTooOld(reading.known.prefixes.short(source), day, known[1])
    return day


_DAY_REMEDY = "A source was read on one day: write the same in all its rows, or make two tables."


# names


def _matched(reading: Reading) -> dict[str, str]:
    """Name every act; give, for acts that stand outside their source's file, the graph they are in.

    Acts keep the name of the record that they match. The matching is strict first and then looser,
    and only among acts of one performer, treaty and kind, so that it stays linear in the table.
    """
    elsewhere: dict[str, str] = {}
    records: dict[Key, list[Recorded]] = defaultdict(list)
    numbers: dict[str, int] = defaultdict(int)
    for record in reading.known.acts.values():
        key = _key(record.facts)
        records[key].append(record)
        base = _base(reading.known, key)
        rest = record.iri.removeprefix(base)
        if rest != record.iri and re.fullmatch(r"(?:-\d+)?", rest):
            numbers[base] = max(numbers[base], int(rest[1:] or 1))
    withdrawals = [act for act in reading.acts if act.undoes is not None]
    objections = [act for act in reading.acts if act.opposes]
    late = {id(act) for act in (*withdrawals, *objections)}
    for wave in ([act for act in reading.acts if id(act) not in late], objections, withdrawals):
        groups: dict[Key, list[Act]] = defaultdict(list)
        for act in wave:
            if act.targets:
                act.facts[_OPPOSED] = _sorted(Iri(target.iri) for target in act.targets)
            if act.undoes is not None:
                act.facts[_UNDONE] = (Iri(act.undoes.iri),)
            groups[act.key].append(act)
        for key, group in groups.items():
            group.sort(key=_order)
            _name(reading.known, group, records.get(key, []), _base(reading.known, key), numbers)
            for act in group:
                known = reading.known.acts.get(act.iri)
                if known and known.graph != _graph(reading.known.prefixes, act.source):
                    elsewhere[act.iri] = known.graph
    return elsewhere


def _name(
    known: Known, group: list[Act], records: list[Recorded], base: str, numbers: dict[str, int]
) -> None:
    """Pair the acts of one key with the records of that key; number those that stay alone."""
    own = _graph(known.prefixes, group[0].source)
    free = sorted(  # an editor's record before one of our own
        records,
        key=lambda record: (record.graph == own, _dates(record.facts), len(record.iri), record.iri),
    )
    for level in range(_LEVELS):
        index: dict[object, list[Recorded]] = defaultdict(list)
        for record in free:
            index[_looks(record.facts, level)].append(record)
        for act in group:
            if act.iri:
                continue
            graph = _graph(known.prefixes, act.source)
            for record in index.get(_looks(act.facts, level), []):
                if level < _SAME_DAY or record.graph == graph:
                    act.iri = record.iri
                    index[_looks(act.facts, level)].remove(record)
                    free.remove(record)
                    break
    alone = [act for act in group if not act.iri]
    left = [record for record in free if record.graph == own]
    if len(alone) == len(left) == 1:  # one act and one record of it: its day was corrected
        alone[0].iri = left[0].iri
        return
    for act in alone:
        numbers[base] += 1
        act.iri = base if numbers[base] == 1 else f"{base}-{numbers[base]}"


_LEVELS, _SAME_DAY = 4, 3


def _looks(facts: Facts, level: int) -> object:
    """Give what two records of one act share, at four levels of strictness."""
    what = tuple(facts.get(name, ()) for name in _WHAT)
    where = facts.get(_PROVISION, ())
    if level == 0:
        return _dates(facts), what, where, facts.get(_AS_NAMED, ())
    if level == 1:
        return _dates(facts), what, where
    if level == 2:
        return _dates(facts), tuple(facts.get(name, ()) for name in (*_POWERS, _UNDONE))
    return what, where, facts.get(_AS_NAMED, ())


def _base(known: Known, key: Key) -> str:
    performer, treaty, kind = key
    slug = f"{_local(performer)}-{_local(treaty)}-{known.notations.get(kind, '')}"
    return known.prefixes["action"] + slug


def _order(act: Act) -> tuple[object, ...]:
    return (
        _dates(act.facts),
        *(tuple(map(str, act.facts.get(name, ()))) for name in (*_WHAT, _PROVISION, _AS_NAMED)),
        act.row,
    )


# the difference


def _difference(
    reading: Reading, target: Target, source: str, elsewhere: Mapping[str, str]
) -> Difference:
    """Compare the acts of one source with the file that holds them."""
    known, prefixes = reading.known, reading.known.prefixes
    graph, day = _graph(prefixes, source), next(iter(reading.days.get(source, {})), "")
    file = target.folder / f"{_local(source)}.ttl"
    acts = [act for act in reading.acts if act.source == source]
    mine = {act.iri: act.facts for act in acts if act.iri not in elsewhere}
    before = {iri: record.facts for iri, record in known.acts.items() if record.graph == graph}
    vanished = tuple(sorted(set(before) - set(mine)))
    if not target.remove_vanished:
        mine |= {iri: before[iri] for iri in vanished}
    writes: dict[Path, str] = {}
    text = write(_triples(known, graph, mine), prefixes, file=str(file)) if mine else ""
    if text != (read(file) if file.exists() else ""):
        writes[file] = text
    known_day = known.days.get(source, {}).get(source, ("", ""))[1]
    if day and known_day and day > known_day:
        writes |= _moved(known, target.shipped, source, day)
    return Difference(
        source=source,
        file=file,
        day=day,
        known_day=known_day,
        new=tuple(sorted(set(mine) - set(before))),
        changed=tuple(iri for iri in sorted(set(mine) & set(before)) if mine[iri] != before[iri]),
        unchanged=sum(iri in before and mine[iri] == before[iri] for iri in mine),
        vanished=vanished,
        elsewhere={act.iri: elsewhere[act.iri] for act in acts if act.iri in elsewhere},
        writes=writes,
    )


def _triples(known: Known, graph: str, acts: Mapping[str, Facts]) -> list[Triple]:
    """Say the acts, and the citations that no other file says."""
    term = known.prefixes.iri
    made: list[Triple] = []

    def say(subject: str, name: str, value: Term) -> None:
        made.append(Triple(NamedNode(subject), NamedNode(term(name)), theirs(value)))

    cited: set[Term] = set()
    for iri, facts in acts.items():
        for name, values in facts.items():
            for value in values:
                say(iri, name, value)
        cited |= set(facts.get("erga:hasCitation", ()))
    for (source, locator), (iri, place) in known.citations.items():
        if Iri(iri) in cited and place in ("", graph):
            say(iri, "rdf:type", Iri(term("erga:Citation")))
            say(iri, "erga:cites", Iri(source))
            say(iri, "erga:hasCitationRole", Iri(term("citation-role:primary")))
            if locator:
                say(iri, "erga:locator", Literal(locator))
    return made


def _moved(known: Known, shipped: Shipped, source: str, day: str) -> dict[Path, str]:
    """Move the day of a source, and of the statements that rest on it for all participants."""
    term = known.prefixes.iri
    as_of = NamedNode(term("erga:asOfDate"))
    by_graph: dict[str, set[str]] = defaultdict(set)
    for thing, (graph, _) in known.days[source].items():
        by_graph[graph].add(thing)
    writes: dict[Path, str] = {}
    for graph, things in by_graph.items():
        file = shipped.root / f"{graph.removeprefix(known.prefixes['graph'])}.ttl"
        moved = [
            Triple(each.subject, as_of, theirs(Literal(day, Literal.DATE)))
            if each.predicate == as_of
            and isinstance(each.subject, NamedNode)
            and each.subject.value in things
            else each
            for each in triples(read(file), str(file))
        ]
        writes[file] = write(moved, known.prefixes, file=str(file))
    return writes


# small things


def _interval(text: str) -> tuple[str, str]:
    """Give the first and the last day that a date may mean; a part of a date is a span."""
    first, slash, last = (part.strip() for part in text.partition("/"))
    begins, ends = _span(first), _span(last) if slash else _span(first)
    if begins[0] > ends[1]:
        raise NotMeant("the first day lies after the last", "Write FIRST/LAST.")
    return begins[0], ends[1]


def _span(text: str) -> tuple[str, str]:
    if _YEAR.fullmatch(text):
        return f"{text}-01-01", f"{text}-12-31"
    if found := _MONTH.fullmatch(text):
        year, month = int(found[1]), int(found[2])
        if 1 <= month <= 12 and year > 0:
            return f"{text}-01", f"{text}-{calendar.monthrange(year, month)[1]:02}"
    if found := _DAY.fullmatch(text):
        year, month, day = map(int, found.groups())
        if 1 <= month <= 12 and year > 0 and 1 <= day <= calendar.monthrange(year, month)[1]:
            return text, text
        raise NotMeant("there is no such day", "Look it up in the source.")
    raise NotMeant(
        "this is not a date", "Write YYYY-MM-DD; YYYY-MM or YYYY where no more is known."
    )


def _bounds(days: tuple[Term, ...], name: str) -> Facts:
    """Give a day as a day, and two days as the bounds of one."""
    return {name: days} if len(days) == 1 else {_EARLIEST: days[:1], _LATEST: days[1:]}


def _dates(facts: Facts) -> tuple[str, ...]:
    """Give the days of an act, in an order in which acts can be put."""
    first = _first(facts)
    return (first, *(str(facts[name][0]) if name in facts else "" for name in _DATES))


def _first(facts: Facts) -> str:
    return min((str(facts[name][0]) for name in _DATES if name in facts), default="")


def _last(facts: Facts) -> str:
    return max((str(facts[name][0]) for name in _DATES if name in facts), default="9999")


def _key(facts: Facts) -> Key:
    performer, treaty, kind = (
        str(facts[name][0]) if name in facts else "" for name in (_PERFORMER, _TREATY, _KIND)
    )
    return performer, treaty, kind


def _graph(prefixes: Prefixes, source: str) -> str:
    return f"{prefixes['graph']}data/{FOLDER}/{_local(source)}"


def _local(iri: str) -> str:
    return iri.rpartition("/")[2]


def _slug(text: str) -> str:
    return _NOT_IN_SLUG.sub("-", normal(text)).strip("-")


def _english(text: str) -> Literal:
    return Literal(text, Literal.LANG_STRING, "en")


def _sorted(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(sorted(set(terms), key=lambda term: (str(term), str(type(term)))))
