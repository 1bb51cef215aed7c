"""The questions: read them from `queries/`, check their headers, bind their parameters as terms."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import pyoxigraph as ox
import yaml

from ergaomnes import engine, guard
from ergaomnes.engine import Iri, Term, Triples
from ergaomnes.errors import (
    BadParameter,
    CatalogueFault,
    NotACurie,
    UnknownParameter,
    UnknownPrefix,
    UnknownQuestion,
    near,
)
from ergaomnes.store import own, theirs
from ergaomnes.terms import Prefixes

Kind = Literal["iri", "date", "lang", "integer", "string"]
KINDS: tuple[Kind, ...] = ("iri", "date", "lang", "integer", "string")
TODAY = "today"
_COMMA = ","
ANY = "any"

_HEADER_KEYS = ("number", "title", "question", "audience", "parameters", "columns", "tags")
_NEEDED_KEYS = ("title", "question", "columns")
_PARAMETER_KEYS = ("type", "kind", "default", "several", "about")
_TAKEN = (
    *("name", "format", "columns", "endpoint", "timeout", "help"),
    *("bom", "generation", "limit", "offset"),
)
_HEADER_LINE = re.compile(r"^#\+ ?(.*)$", re.MULTILINE)
_NUMBER_LINE = re.compile(r"^#\+ number: *(\S+)", re.MULTILINE)
_NUMBER = re.compile(r"(?:cq)?[-_ ]?0*([0-9]{1,3})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST_VALUE = 1000
_HEADING = re.compile(r"^#\+.*\n", re.MULTILINE)
_NO_QUESTIONS = ("rules", "slices")
_QUESTIONS = ("competency", "world")

# libyaml reads a header ten times as fast where it is there.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a question wants to know before it can be answered."""

    name: str
    kind: Kind
    about: str
    default: tuple[Term, ...]
    of: str = ""
    """For an IRI: the kind of thing (`state`, `instrument`, `any`)."""
    is_today: bool = False
    """Whether the default is the day of asking and not the term in the file."""
    several: bool = False
    """Whether it takes several values, written with commas between them."""

    def typed(self, terms: tuple[Term, ...], prefixes: Prefixes) -> str:
        """Give the shortest text that stands for terms here: `rus` for `state:rus`."""
        return _COMMA.join(self._typed(one, prefixes) for one in terms)

    def _typed(self, term: Term, prefixes: Prefixes) -> str:
        value = str(term)
        namespace = _namespace(self.of, prefixes) if isinstance(term, Iri) else None
        if namespace and value.startswith(namespace):
            return value[len(namespace) :]
        return prefixes.short(value) if isinstance(term, Iri) else value


@dataclass(frozen=True, slots=True)
class Question:
    """One query file: its header and its text, which runs as it is."""

    name: str
    title: str
    question: str
    text: str
    columns: Mapping[str, str]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    form: guard.Form = "SELECT"
    number: str = ""
    audience: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    group: str = ""
    """The folder it stands in: `competency`, or `world` for a question over all states."""

    def parameter(self, name: str) -> Parameter:
        """Give the parameter of this name, or say which names come near."""
        if name not in self.parameters:
            raise UnknownParameter(name, near(name, self.parameters) or tuple(self.parameters))
        return self.parameters[name]


@dataclass(frozen=True, slots=True)
class Bound:
    """A question whose parameters have their terms."""

    question: Question
    terms: Mapping[str, tuple[Term, ...]]
    text: str

    @property
    def body(self) -> str:
        """Give the query without the header that its page shows."""
        return _HEADING.sub("", self.text)


@dataclass(frozen=True)
class Catalogue:
    """All query files of a folder but the rules, by name; each is read when it has changed."""

    folder: Path
    prefixes: Prefixes
    _kept: dict[Path, tuple[tuple[int, int], Question]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """The query files by the names of their questions."""
        found = sorted(self.folder.rglob("*.rq"))
        return {
            file.stem: file
            for file in found
            if file.relative_to(self.folder).parts[0] not in _NO_QUESTIONS
        }

    @cached_property
    def _numbers(self) -> Mapping[str, str]:
        numbers = {}
        for name, file in self.files.items():
            if (line := _NUMBER_LINE.search(file.read_text("utf-8"))) and (
                digits := _NUMBER.fullmatch(line[1].lower())
            ):
                numbers[digits[1]] = name
        return numbers

    @cached_property
    def _asked(self) -> Mapping[str, Path]:
        """The files of questions that people ask."""
        return {
            name: file
            for name, file in self.files.items()
            if file.relative_to(self.folder).parts[0] in _QUESTIONS
        }

    def __getitem__(self, asked: str) -> Question:
        """Give the question of a name, or of a number (`CQ-03`, `cq-3`, `3`)."""
        name = asked.strip().lower()
        if name not in self.files:
            number = _NUMBER.fullmatch(name)
            if number is None or number[1] not in self._numbers:
                raise UnknownQuestion(asked, near(name, self._asked))
            name = self._numbers[number[1]]
        return self._read(self.files[name])

    def __iter__(self) -> Iterator[Question]:
        """Give the questions people ask, the numbered first; the parts of pages are not of them."""
        asked = map(self._read, self._asked.values())
        return iter(sorted(asked, key=lambda question: (question.number or "~", question.name)))

    def _read(self, file: Path) -> Question:
        found = file.stat()
        state = (found.st_mtime_ns, found.st_size)
        if file not in self._kept or self._kept[file][0] != state:
            self._kept[file] = state, read(file, self.prefixes)
        return self._kept[file][1]

    def faults(self) -> dict[Path, tuple[str, ...]]:
        """Give every file whose header does not fit its query, with what is wrong."""
        wrong: dict[Path, tuple[str, ...]] = {}
        for file in self.files.values():
            try:
                read(file, self.prefixes)
            except CatalogueFault as fault:
                found = fault.data["faults"]
                wrong[file] = found if isinstance(found, tuple) else ()
        return wrong


def read(file: Path, prefixes: Prefixes) -> Question:
    """Read one query file, or raise all that is wrong with it."""
    return parsed(file.stem, file.read_text("utf-8"), prefixes, file.parent.name)


def parsed(name: str, text: str, prefixes: Prefixes, group: str = "") -> Question:
    """Make a question of the text of a query file, or raise all that is wrong with it."""
    header = _header(name, text)
    faults = [f"unknown key “{key}”" for key in header if key not in _HEADER_KEYS]
    faults += [f"no {key}" for key in _NEEDED_KEYS if not header.get(key)]
    tokens = list(guard.tokens(text))
    form = guard.guarded(text, length_limit=len(text)).form
    columns = header.get("columns") or {}
    projection = _projection(tokens)
    if form == "SELECT" and list(columns) != projection:
        faults.append(f"columns are {list(columns)}, the query projects {projection}")
    lines = _values_lines(tokens)
    declared = header.get("parameters") or {}
    faults += [
        f"VALUES ?{line.name} holds one term and is no declared parameter"
        for line in lines
        if line.terms == 1 and line.name not in declared
    ]
    parameters = {}
    for parameter, facts in declared.items():
        wrong = _parameter_faults(parameter, facts, lines, prefixes)
        faults += wrong
        if not wrong:
            parameters[parameter] = _parameter(parameter, facts, lines, text)
    faults += [f"{key} lacks a description" for key, about in columns.items() if not about]
    if faults:
        raise CatalogueFault(f"{name}.rq", tuple(faults))
    return Question(
        name=name,
        title=str(header["title"]),
        question=str(header["question"]),
        text=text,
        columns={str(key): str(about) for key, about in columns.items()},
        parameters=parameters,
        form=form,
        number=str(header.get("number") or ""),
        audience=tuple(str(reader) for reader in header.get("audience") or ()),
        tags=tuple(str(tag) for tag in header.get("tags") or ()),
        group=group,
    )


def bound(
    question: Question, given: Mapping[str, str], prefixes: Prefixes, today: datetime.date
) -> Bound:
    """Put the values given, and the defaults of the others, into a question as terms."""
    for name in given:
        question.parameter(name)
    terms: dict[str, tuple[Term, ...]] = {}
    for parameter in question.parameters.values():
        value = given.get(parameter.name)
        if value is not None:
            values = value.split(_COMMA) if parameter.several else [value]
            found = (term(parameter, one, prefixes, today) for one in values)
            terms[parameter.name] = tuple(dict.fromkeys(found))
        elif parameter.is_today:
            terms[parameter.name] = (engine.Literal(today.isoformat(), engine.Literal.DATE),)
        else:
            terms[parameter.name] = parameter.default
    return Bound(question, terms, _rebound(question.text, terms))


def bound_text(question: Question, terms: Mapping[str, Term | Sequence[Term]]) -> str:
    """Put terms into a question without asking whether they fit; the others stay as they are."""
    several = {
        name: tuple(one) if isinstance(one, Sequence) else (one,) for name, one in terms.items()
    }
    return _rebound(question.text, several)


def renamed(asked: Bound, name: str, old: Term, new: Term) -> Bound:
    """Ask about another thing in the place of one; what is named twice then is asked once."""
    terms = dict(asked.terms)
    terms[name] = tuple(dict.fromkeys(new if one == old else one for one in terms[name]))
    return Bound(asked.question, terms, _rebound(asked.question.text, terms))


def as_typed(asked: Bound, prefixes: Prefixes) -> dict[str, str]:
    """Give each parameter's terms as a person would type them."""
    return {
        name: asked.question.parameters[name].typed(terms, prefixes)
        for name, terms in asked.terms.items()
    }


def term(parameter: Parameter, value: str, prefixes: Prefixes, today: datetime.date) -> Term:
    """Make the term that a value given as text stands for."""
    value = value.strip()
    if len(value) > _LONGEST_VALUE:
        raise _unfit(parameter, value[:40] + "…", f"it has over {_LONGEST_VALUE} characters")
    if _CONTROL.search(value):
        raise _unfit(parameter, ascii(value)[1:-1], "it holds control characters")
    match parameter.kind:
        case "iri":
            return _iri(parameter, value, prefixes)
        case "date":
            return _date(parameter, value, today)
        case "lang":
            if not _LANGUAGE.fullmatch(value):
                raise _unfit(parameter, value, "a language tag is needed, such as en or fr")
            return engine.Literal(value.lower())
        case "integer":
            if not _INTEGER.fullmatch(value):
                raise _unfit(parameter, value, "a whole number is needed")
            return engine.Literal(str(int(value)), engine.Literal.INTEGER)
        case "string":
            return engine.Literal(value)


def described(question: Question, prefixes: Prefixes) -> Triples:
    """Say in triples what a question is, so that catalogues and editors can take it over."""
    select = question.form == "SELECT"
    subject = Iri(prefixes["query"] + question.name)

    def named(curie: str) -> Iri:
        return Iri(prefixes.iri(curie))

    def text(value: str) -> engine.Literal:
        return engine.Literal(value, engine.Literal.LANG_STRING, "en")

    facts: list[tuple[Iri, Term]] = [
        (named("rdf:type"), named("sh:SPARQLExecutable")),
        (
            named("sh:select" if select else "sh:construct"),
            engine.Literal(question.text),
        ),
        (named("dcterms:title"), text(question.title)),
        (named("rdfs:comment"), text(question.question)),
    ]
    executable = "sh:SPARQLSelectExecutable" if select else "sh:SPARQLConstructExecutable"
    facts.append((named("rdf:type"), named(executable)))
    if question.number:
        facts.append((named("dcterms:identifier"), engine.Literal(question.number)))
    facts += [(named("schema:keywords"), text(tag)) for tag in question.tags]
    facts += [(named("schema:audience"), text(reader)) for reader in question.audience]
    triples: list[tuple[Term, Iri, Term]] = [(subject, said, value) for said, value in facts]
    for parameter in question.parameters.values():
        node = Iri(f"{subject.value}/{parameter.name}")
        triples += [
            (subject, named("sh:parameter"), node),
            (node, named("rdf:type"), named("sh:Parameter")),
            (node, named("sh:name"), text(parameter.name)),
            (node, named("sh:description"), text(parameter.about)),
        ]
        first = parameter.default[0]
        if isinstance(first, engine.Literal):
            triples.append((node, named("sh:datatype"), Iri(first.datatype)))
        else:
            triples.append((node, named("sh:nodeKind"), named("sh:IRI")))
        if not parameter.is_today:
            triples += [(node, named("sh:defaultValue"), one) for one in parameter.default]
    return Triples(tuple(sorted(triples, key=str)))


@dataclass(frozen=True, slots=True)
class _ValuesLine:
    name: str
    start: int
    end: int
    terms: int


def _header(name: str, text: str) -> dict[str, Any]:
    lines = "\n".join(_HEADER_LINE.findall(text))
    try:
        header = yaml.load(lines, Loader=_Loader)  # noqa: S506 - a safe loader, in C where possible
    except yaml.YAMLError as error:
        raise CatalogueFault(f"{name}.rq", (f"the header is not YAML ({error})",)) from None
    if not isinstance(header, dict):
        raise CatalogueFault(f"{name}.rq", ("it has no header",))
    for key in ("parameters", "columns"):
        if not isinstance(header.get(key) or {}, dict):
            raise CatalogueFault(f"{name}.rq", (f"{key} are not a mapping",))
    return header


def _projection(tokens: list[guard.Token]) -> list[str]:
    """Give the names of the columns of the outermost SELECT."""
    names: list[str] = []
    depth, begun, renames = 0, False, False
    for token in tokens:
        word = token.text.upper() if token.kind == "word" else ""
        if not begun:
            begun = word == "SELECT"
            continue
        if token.text == "{" or word in ("WHERE", "FROM"):
            break
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif token.kind == "variable" and (depth == 0 or renames):
            names.append(token.text[1:])
        renames = word == "AS" and depth == 1
    return names


@lru_cache(maxsize=512)
def _places(text: str) -> list[_ValuesLine]:
    return _values_lines(list(guard.tokens(text)))


def _values_lines(tokens: list[guard.Token]) -> list[_ValuesLine]:
    """Find every `VALUES ?name { … }`, with the place of what stands between its braces."""
    lines = []
    for position, token in enumerate(tokens[:-3]):
        if token.kind != "word" or token.text.upper() != "VALUES":
            continue
        variable, brace = tokens[position + 1 : position + 3]
        if variable.kind != "variable" or brace.text != "{":
            continue
        end = next(
            (
                index
                for index, one in enumerate(tokens[position + 3 :], position + 3)
                if one.kind == "symbol" and one.text == "}"
            ),
            None,
        )
        if end is not None:
            terms = _terms(tokens[position + 3 : end])
            start = brace.start + 1
            lines.append(_ValuesLine(variable.text[1:], start, tokens[end].start, terms))
    return lines


def _terms(tokens: list[guard.Token]) -> int:
    """Count the terms; a literal and its datatype are one."""
    whole = sum(1 for one in tokens if one.kind in ("iri", "prefixed", "string", "word"))
    return whole - sum(1 for one in tokens if one.text == "^") // 2


def _parameter_faults(
    name: str, facts: object, lines: list[_ValuesLine], prefixes: Prefixes
) -> list[str]:
    if not isinstance(facts, dict):
        return [f"parameter {name} is not described"]
    faults = [
        f"parameter {name} has the unknown key “{key}”"
        for key in facts
        if key not in _PARAMETER_KEYS
    ]
    if not facts.get("about"):
        faults.append(f"parameter {name} has no about")
    if name in _TAKEN:
        faults.append(f"parameter {name} has the name of an option of its own")
    if facts.get("type") not in KINDS:
        faults.append(f"parameter {name} has no type among {', '.join(KINDS)}")
    if facts.get("default", TODAY) != TODAY:
        faults.append(f"parameter {name} has a default that is not today: write it in the query")
    if facts.get("default") == TODAY and facts.get("type") != "date":
        faults.append(f"parameter {name} is today and no date")
    if facts.get("kind") and _namespace(facts["kind"], prefixes) is None:
        faults.append(f"parameter {name} is of the unknown kind “{facts['kind']}”")
    several = facts.get("several", False)
    if several not in (False, True) or (several and facts.get("type") != "iri"):
        faults.append(f"parameter {name} takes several values and is no IRI")
    counts = [line.terms for line in lines if line.name == name]
    if not counts:
        faults.append(f"parameter {name} has no VALUES line")
    elif min(counts) < 1 or (max(counts) > 1 and not several):
        faults.append(f"parameter {name} has a VALUES line of several terms")
    return faults


def _parameter(
    name: str, facts: Mapping[str, Any], lines: list[_ValuesLine], text: str
) -> Parameter:
    line = next(line for line in lines if line.name == name)
    return Parameter(
        name=name,
        kind=facts["type"],
        about=str(facts["about"]),
        default=_default(text, text[line.start : line.end]),
        of=str(facts.get("kind") or ""),
        is_today=facts.get("default") == TODAY,
        several=bool(facts.get("several")),
    )


def _default(text: str, written: str) -> tuple[Term, ...]:
    """Give the terms that stand in the file, as the engine reads them there."""
    prologue = re.findall(r"^(?:PREFIX|BASE)\b.*$", text, re.MULTILINE | re.IGNORECASE)
    query = "\n".join([*prologue, f"SELECT ?term {{ VALUES ?term {{ {written} }} }}"])
    solutions = ox.Store().query(query)
    assert isinstance(solutions, ox.QuerySolutions)  # noqa: S101 - it is a SELECT
    found = [one[0] for one in solutions]
    # VALUES takes no blank nodes.
    return tuple(own(one) for one in found if isinstance(one, ox.NamedNode | ox.Literal))


def _rebound(text: str, terms: Mapping[str, tuple[Term, ...]]) -> str:
    """Put the terms between the braces of every VALUES line of their name."""
    parts: list[str] = []
    end = 0
    for line in _places(text):
        if line.name in terms:
            put = " ".join(str(theirs(one)) for one in terms[line.name])
            parts += [text[end : line.start], f" {put} "]
            end = line.end
    return "".join([*parts, text[end:]])


def _iri(parameter: Parameter, value: str, prefixes: Prefixes) -> Iri:
    namespace = _namespace(parameter.of, prefixes) or ""
    if value.startswith("<") and value.endswith(">"):
        value = value[1:-1]
    if ":" in value:
        try:
            whole = prefixes.iri(value)
        except (UnknownPrefix, NotACurie) as error:
            raise _unfit(parameter, value, error.detail.rstrip(".")) from None
    else:
        slug = value.removeprefix("id/")
        if namespace:
            slug = slug.removeprefix(f"{parameter.of}/")
        # Slugs of ours are lower case, and people write RUS.
        slug = slug.lower() if slug.isupper() else slug
        whole = (namespace or prefixes["id"]) + slug
    if not whole.startswith(namespace) or whole == namespace:
        raise _unfit(parameter, value, f"it names no {parameter.of}")
    try:
        ox.NamedNode(whole)
    except ValueError:
        raise _unfit(parameter, value, "it does not make a valid IRI") from None
    return Iri(whole)


def _namespace(kind: str, prefixes: Prefixes) -> str | None:
    """Give the namespace of a kind of thing: that of a prefix, or a folder under our base."""
    if kind in ("", ANY):
        return ""
    if kind in prefixes:
        return prefixes[kind]
    namespace = f"{prefixes.base}{kind}/"
    return namespace if namespace in prefixes.namespaces.values() else None


def _date(parameter: Parameter, value: str, today: datetime.date) -> Term:
    if value.lower() == TODAY:
        return engine.Literal(today.isoformat(), engine.Literal.DATE)
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        day = datetime.date.fromisoformat(value)
    except ValueError:
        why = "a day of the calendar is needed, such as 2025-10-01"
        raise _unfit(parameter, value, why) from None
    return engine.Literal(day.isoformat(), engine.Literal.DATE)


def _unfit(parameter: Parameter, value: str, why: str) -> BadParameter:
    return BadParameter(parameter.name, value, why)
