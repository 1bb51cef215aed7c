"""What the words in a table can mean: names, codes and numbers looked up in the facts."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ergaomnes.engine import Iri, Literal, Table
from ergaomnes.errors import ErgaOmnesError, did_you_mean, near
from ergaomnes.store import EmbeddedEngine
from ergaomnes.table import normal
from ergaomnes.terms import Prefixes

SUGGESTED = 200  # wrong words for which near ones are looked up in one index; the search is slow

_CLASS = """
SELECT DISTINCT ?thing ?name
WHERE {
  ?thing a/rdfs:subClassOf* <%s> .
  OPTIONAL {
    ?thing skos:prefLabel|skos:altLabel|skos:notation|erga:shortName|erga:seriesNumber|schema:url
      ?name .
  }
}
"""
_SCHEME = """
SELECT DISTINCT ?thing ?name
WHERE {
  ?thing skos:inScheme <%s> ;
    skos:prefLabel|skos:altLabel|skos:notation ?name .
  OPTIONAL { ?narrower skos:broader ?thing . }
  FILTER(!BOUND(?narrower))
}
"""
_PROVISIONS = """
SELECT DISTINCT ?treaty ?number ?provision
WHERE {
  ?provision erga:isPartOf+ ?treaty ;
    erga:provisionNumber ?number .
  ?treaty a/rdfs:subClassOf* erga:Instrument .
}
"""
_POWERS = """
SELECT DISTINCT ?power ?provision
WHERE {
  ?power erga:requiresConsentMode ?mode ;
    erga:isSetOutIn ?stated .
  ?mode skos:notation ?name .
  FILTER(?name IN ("opt-in", "opt-out"))
  { ?stated erga:isPartOf* ?provision . }
  UNION
  { ?provision erga:isPartOf+ ?stated . }
  ?provision a erga:Provision .
}
"""
_AROUND = re.compile(r"\s*\([^()]*\)$")
_ARTICLE_BEFORE = re.compile(r"^(?:[a-z]{2,3} |l')")  # the, la, los, l'
_LAST_PART = re.compile(r"(?:\([^()]*\)|[a-z]+)$")
_ARTICLE = re.compile(r"[0-9]+")
_DIGITS = re.compile(r"[0-9]{1,2}")


class NotMeant(Exception):
    """A word that means nothing here, or more than one thing."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


@dataclass(slots=True)
class Names:
    """The things that a word can mean, by everything that they are called."""

    prefixes: Prefixes
    what: str
    things: dict[str, str] = field(default_factory=dict)  # IRI -> what it is called for people
    called: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    spelt: dict[str, str] = field(default_factory=dict)  # a name in plain letters -> as written
    found: dict[str, str] = field(default_factory=dict)
    missed: dict[str, NotMeant] = field(default_factory=dict)

    def add(self, thing: str, name: str) -> None:
        """Take in one name of a thing; a name is also known without what stands in brackets."""
        self.things.setdefault(thing, self.prefixes.short(thing))
        self.called[normal(name)].add(thing)
        self.spelt.setdefault(normal(name), name)

    def close(self) -> None:
        """Take in the names that follow from the others, where they mean one thing only."""
        for thing in self.things:
            short = self.prefixes.short(thing)
            for name in (short, short.partition(":")[2], short.rpartition("/")[2]):
                self.called.setdefault(normal(name), {thing})
        for name, things in list(self.called.items()):
            bare = _AROUND.sub("", _ARTICLE_BEFORE.sub("", name)).strip()
            if bare != name and len(things) == 1:
                self.called.setdefault(bare, set(things))

    def meant(self, word: str) -> str:
        """Give the IRI that a word means, or raise NotMeant with what to do."""
        if word in self.found:
            return self.found[word]
        if word in self.missed:
            raise self.missed[word]
        try:
            self.found[word] = self._meant(word)
        except NotMeant as miss:
            self.missed[word] = miss
            raise
        return self.found[word]

    def _meant(self, word: str) -> str:
        iri = self._iri(word)
        if iri in self.things:
            return iri
        name = normal(word)
        bare = _AROUND.sub("", _ARTICLE_BEFORE.sub("", name)).strip()
        things = self.called.get(name) or self.called.get(bare, set())
        if not things and _DIGITS.fullmatch(name):
            things = self.called.get(name.zfill(3), set())  # spreadsheets drop the leading zeros
        if not things:
            close = near(name, self.called) if len(self.missed) < SUGGESTED else ()
            known = dict.fromkeys(
                f"{self.spelt.get(each, each)} ({self.things[min(self.called[each])]})"
                for each in close
            )
            raise NotMeant(
                f"no {self.what} is called so",
                did_you_mean(tuple(known)) or f"Name a {self.what} that stands in the data.",
            )
        if len(things) > 1:
            several = " or ".join(sorted(self.things[thing] for thing in things))
            raise NotMeant(
                f"more than one {self.what} is called so", f"Write which one: {several}."
            )
        return min(things)

    def _iri(self, word: str) -> str:
        if ":" not in word:
            return ""
        try:
            return self.prefixes.iri(word)
        except ErgaOmnesError:
            return ""


@dataclass(frozen=True, slots=True)
class Provisions:
    """The provisions of every treaty by number, and the powers that hang on them."""

    numbered: Mapping[str, Mapping[str, str]]
    powers: Mapping[str, frozenset[str]]

    def meant(self, treaty: str, number: str) -> tuple[str, bool]:
        """Give the provision, or the narrowest one around it, and whether it is the very one.

        An article that the treaty must have, as it has later ones, and that has no record gives an
        empty name; so does every article of a treaty of which none is recorded.
        """
        numbered = self.numbered.get(treaty)
        if not numbered:
            return "", False
        plain = number.replace(" ", "")
        wanted = plain
        while wanted:
            if wanted in numbered:
                return numbered[wanted], wanted == plain
            shorter = _LAST_PART.sub("", wanted)
            if shorter == wanted:
                break
            wanted = shorter
        if wanted.isdecimal() and int(wanted) < max(map(_article, numbered)):
            return "", False
        raise NotMeant(
            "the treaty has no such article in the data",
            did_you_mean(near(plain, numbered)) or "Write the number as the treaty does: 8(2)(c).",
        )


def _article(number: str) -> int:
    found = _ARTICLE.match(number)
    return int(found.group()) if found else 0


def names_of_class(engine: EmbeddedEngine, prefixes: Prefixes, iri: str, what: str) -> Names:
    """Index the instances of a class and of its subclasses."""
    return _names(engine.select(header(prefixes) + _CLASS % iri), prefixes, what)


def names_of_scheme(engine: EmbeddedEngine, prefixes: Prefixes, iri: str, what: str) -> Names:
    """Index the concepts of a scheme, without its headings."""
    return _names(engine.select(header(prefixes) + _SCHEME % iri), prefixes, what)


def provisions(engine: EmbeddedEngine, prefixes: Prefixes) -> Provisions:
    """Index the provisions and the powers that a party may accept or exclude."""
    numbered: dict[str, dict[str, str]] = defaultdict(dict)
    for row in engine.select(header(prefixes) + _PROVISIONS):
        numbered[str(row["treaty"])][str(row["number"])] = str(row["provision"])
    powers: dict[str, set[str]] = defaultdict(set)
    for row in engine.select(header(prefixes) + _POWERS):
        powers[str(row["provision"])].add(str(row["power"]))
    return Provisions(numbered, {each: frozenset(those) for each, those in powers.items()})


def header(prefixes: Prefixes) -> str:
    """Declare every prefix of the table, for a query of our own."""
    pairs: Iterable[tuple[str, str]] = prefixes.namespaces.items()
    return "".join(f"PREFIX {prefix}: <{namespace}>\n" for prefix, namespace in pairs)


def _names(found: Table, prefixes: Prefixes, what: str) -> Names:
    names = Names(prefixes, what)
    for row in found:
        thing, name = row["thing"], row["name"]
        if isinstance(thing, Iri):
            names.add(thing.value, name.value if isinstance(name, Literal) else thing.value)
    names.close()
    return names
