"""The rules: SPARQL CONSTRUCTs that derive situations from acts, run in their order, and described.

A rule is an ordinary .rq file that opens with lines `#+ key: value` (YAML): title, question,
after (the rules whose results it reads) and derives (the classes and properties it makes).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Protocol

import yaml

from ergaomnes.engine import Blank, Iri, Literal, Term, Triples
from ergaomnes.errors import ErgaOmnesError, RuleCycle, RuleFault, UnknownRule, near
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read

_KEYS = {"title": str, "question": str, "note": str, "after": list, "derives": list}
_NEEDED = ("title", "question", "derives")
_HEADER = re.compile(r"\A(?:#\+.*\n)+")

Fact = tuple[Term, Iri, Term]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is called, what it answers, what it comes after, and its CONSTRUCT."""

    name: str
    title: str
    question: str
    note: str
    after: tuple[str, ...]
    derives: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """What one rule made: all of it, and how much of it nothing said before."""

    rule: Rule
    made: int
    new: int


class Deriver(Protocol):
    """An engine that rules can run on."""

    def construct(self, text: str) -> Triples:
        """Answer a CONSTRUCT over the union of the graphs."""
        ...

    def add(self, graph: str, triples: Triples) -> int:
        """Add what is new to a named graph and say how much that was."""
        ...


def read_rules(files: Iterable[Path]) -> list[Rule]:
    """Read rules and put them in the order in which they can run."""
    return in_order([read_rule(file) for file in files])


def read_rule(file: Path) -> Rule:
    """Read one rule; its name is that of its file."""
    text = read(file)
    header = _header(file, text)
    return Rule(
        name=file.stem,
        title=str(header["title"]),
        question=str(header["question"]),
        note=str(header.get("note", "")),
        after=_names(header.get("after")),
        derives=_names(header["derives"]),
        text=_HEADER.sub("", text).strip() + "\n",
    )


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Put each rule behind those it comes after; ties go by name."""
    named = {rule.name: rule for rule in rules}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(named):
        for earlier in named[name].after:
            if earlier not in named:
                raise UnknownRule(earlier, name, near(earlier, named))
        sorter.add(name, *named[name].after)
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists each node before the one that depends on it
        raise RuleCycle(tuple(reversed(error.args[1]))) from None
    ordered: list[Rule] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += [named[name] for name in ready]
        sorter.done(*ready)
    return ordered


def derive(
    rules: Sequence[Rule],
    engine: Deriver,
    prefixes: Prefixes,
    tell: Callable[[Rule], None] = lambda _: None,
) -> list[Derivation]:
    """Run the rules, in the order given, and add what is new to the derived graph."""
    graph = prefixes.iri("graph:derived")
    derivations: list[Derivation] = []
    for rule in rules:
        tell(rule)
        try:
            made = engine.construct(rule.text)
        except ErgaOmnesError as error:
            raise RuleFault(f"{rule.name}.rq", error.detail.rstrip(".")) from error
        _check(rule, made, prefixes)
        derivations.append(Derivation(rule, len(made), engine.add(graph, made)))
    return derivations


def described(
    rules: Sequence[Rule], prefixes: Prefixes, *, read_from: Iterable[str], version: str
) -> Triples:
    """Say in RDF what the rules are, and what the derived graph was made from."""
    facts = [fact for rule in rules for fact in _about_rule(rule, prefixes)]
    facts += _about_derived(rules, prefixes, read_from, version)
    return Triples(tuple(sorted(set(facts), key=str)))


def _header(file: Path, text: str) -> Mapping[str, object]:
    found = _HEADER.match(text)
    lines = found.group() if found else ""
    try:
        header = yaml.safe_load("\n".join(line[2:].strip() for line in lines.splitlines()))
    except yaml.YAMLError as error:
        why = str(error).replace("\n", " ")
        raise RuleFault(file.name, f"the header is not valid YAML: {why}") from None
    if not isinstance(header, dict):
        raise RuleFault(file.name, "it does not open with lines `#+ key: value`")
    for key in _NEEDED:
        if not header.get(key):
            raise RuleFault(file.name, f"the header has no `{key}`")
    for key, value in header.items():
        if key not in _KEYS:
            raise RuleFault(file.name, f"the header has an unknown key `{key}`")
        if not isinstance(value, _KEYS[key]):
            raise RuleFault(file.name, f"`{key}` is not {_FORMS[_KEYS[key]]}")
    return header


_FORMS: dict[type, str] = {str: "a text", list: "a list"}


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _check(rule: Rule, made: Triples, prefixes: Prefixes) -> None:
    """Refuse what a rule must not make: nameless things, and what its header does not say."""
    said = {prefixes.iri(name) for name in rule.derives}
    a = prefixes.iri("rdf:type")
    covered = {
        subject
        for subject, predicate, target in made
        if predicate.value == a and str(target) in said
    }
    for subject, predicate, target in made:
        if isinstance(subject, Blank) or isinstance(target, Blank):
            raise RuleFault(f"{rule.name}.rq", "it makes blank nodes, which nobody can cite")
        if predicate.value not in said and subject not in covered:
            name = prefixes.short(predicate.value)
            raise RuleFault(f"{rule.name}.rq", f"it derives {name}, and `derives` does not say so")


def _about_rule(rule: Rule, prefixes: Prefixes) -> list[Fact]:
    def term(name: str) -> Iri:
        return Iri(prefixes.iri(name))

    def english(text: str) -> Literal:
        return Literal(text, Literal.LANG_STRING, "en")

    this = Iri(prefixes["rule"] + rule.name)
    facts: list[Fact] = [
        (this, term("rdf:type"), term("erga:DerivationRule")),
        (this, term("skos:prefLabel"), english(rule.title)),
        (this, term("dcterms:description"), english(rule.question)),
        (this, term("sh:construct"), Literal(rule.text)),
    ]
    if rule.note:
        facts.append((this, term("skos:note"), english(rule.note)))
    for name in rule.after:
        facts.append((this, term("dcterms:requires"), Iri(prefixes["rule"] + name)))
    for name in rule.derives:
        facts.append((this, term("erga:derives"), term(name)))
    return facts


def _about_derived(
    rules: Sequence[Rule], prefixes: Prefixes, read_from: Iterable[str], version: str
) -> list[Fact]:
    """PROV-O: the graph is an entity, made by one activity that used the graphs and the rules."""

    def term(name: str) -> Iri:
        return Iri(prefixes.iri(name))

    graph = term("graph:derived")
    run = Iri(f"{graph.value}/activity")
    facts: list[Fact] = [
        (graph, term("rdf:type"), term("prov:Entity")),
        (graph, term("prov:wasGeneratedBy"), run),
        (graph, term("owl:versionInfo"), Literal(version)),
        (run, term("rdf:type"), term("prov:Activity")),
        *((run, term("prov:used"), Iri(prefixes["rule"] + rule.name)) for rule in rules),
        *((graph, term("prov:wasDerivedFrom"), Iri(name)) for name in read_from),
        *((graph, term("prov:wasDerivedFrom"), Iri(prefixes["rule"] + r.name)) for r in rules),
    ]
    return facts
