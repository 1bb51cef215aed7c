"""Find things by their names, titles, numbers and codes, in any script and with slips of the pen.

What can be found, under which names, and how much each weighs is said by the questions
`search-names` and `search-groups`; here names are folded to plain letters, compared and ranked.
"""

import asyncio
import bisect
import heapq
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from anyascii import anyascii
from rapidfuzz import process
from rapidfuzz.distance import OSA

from ergaomnes import media, results
from ergaomnes.catalogue import Catalogue
from ergaomnes.engine import Literal, Term
from ergaomnes.guard import Guarded
from ergaomnes.worker import Readers

LONGEST = 200  # characters of a query that are read
MOST = 100

_MOST_WORDS = 12
_WORD = re.compile(r"[a-z]+|[0-9]+")
_QUOTES = re.compile(r"['’ʼ‘`´]")
_SURE = 0.62  # how much of a query has to be found where not every word is
_MOST_SPELLINGS = 60
_CROWD = 1500  # names with several common words of which the shortest are compared
_QUESTION_WEIGHT = 0.9
_IN_LANGUAGE = 1.03  # among names that fit alike the reader sees that of his language


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a thing."""

    thing: str
    group: str
    text: str
    weight: float
    language: str = ""
    is_label: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing that was found: what it is called, and the name by which it was found."""

    thing: str
    group: str
    label: str
    language: str
    matched: str
    score: float


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one class or scheme, the best first."""

    iri: str
    name: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search."""

    groups: tuple[Group, ...]
    total: int
    generation: str = ""


def folded(text: str) -> list[str]:
    """Give the words of a text in plain small letters, digits apart.

    >>> folded("Côte d’Ivoire, ст. 20 КПП; ETS126")
    ['cote', 'd', 'ivoire', 'st', '20', 'kpp', 'ets', '126']
    """
    plain = _QUOTES.sub(" ", unicodedata.normalize("NFKC", text))
    # What is left of quotes stands for the soft sign and the like.
    return _WORD.findall(anyascii(plain).lower().replace("'", "").replace('"', ""))


@dataclass(frozen=True)
class Index:
    """The names of one generation, ready to be searched."""

    names: Sequence[Name]
    groups: Mapping[str, float]
    group_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    generation: str = ""

    @cached_property
    def _words(self) -> list[tuple[str, ...]]:
        return [tuple(folded(one.text)) for one in self.names]

    @cached_property
    def _postings(self) -> Mapping[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            for word in dict.fromkeys(words):
                found[word].append(number)
        return found

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._postings)

    @cached_property
    def _spelt(self) -> list[str]:
        return [one for one in self._sorted if len(one) > 3 and one.isalpha()]

    @cached_property
    def _compact(self) -> Mapping[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            found["".join(words)].append(number)
        return found

    @cached_property
    def _labels(self) -> Mapping[str, Mapping[str, str]]:
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for one in self.names:
            if one.is_label:
                found[one.thing].setdefault(one.language, one.text)
        return found

    def prepared(self) -> "Index":
        """Work out beforehand all that searching needs."""
        for part in (self._words, self._postings, self._sorted, self._spelt, self._compact):
            assert part is not None  # noqa: S101 - each is worked out as it is named
        self._labels.get("")
        return self

    def search(self, query: str, lang: str, limit: int = 50, group: str = "") -> Found:
        """Give what a query may mean, the best first, and how many things there are in all."""
        words = list(dict.fromkeys(folded(query[:LONGEST])[:_MOST_WORDS]))
        best: dict[str, tuple[float, int]] = {}
        for number, score in self._scored(words):
            one = self.names[number]
            if group and one.group != group:
                continue
            value = score * one.weight * self.groups.get(one.group, 0)
            if one.language == lang:
                value *= _IN_LANGUAGE
            if value and value > best.get(one.thing, (0.0, 0))[0]:
                best[one.thing] = value, number
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
        groups: defaultdict[str, list[Hit]] = defaultdict(list)
        for thing, (score, number) in ranked[:limit]:
            one = self.names[number]
            label, language = self._label(thing, lang)
            hit = Hit(thing, one.group, label or one.text, language, one.text, round(score, 3))
            groups[one.group].append(hit)
        made = (
            Group(iri, _in(self.group_names.get(iri, {}), lang)[0], tuple(hits))
            for iri, hits in groups.items()
        )
        return Found(tuple(made), len(ranked), self.generation)

    def choices(self, namespace: str, lang: str, most: int) -> list[tuple[str, str]]:
        """Give the things of a namespace with their names, by name; none where they are many."""
        found = [
            (thing, _in(names, lang)[0])
            for thing, names in self._labels.items()
            if thing.startswith(namespace)
        ]
        return sorted(found, key=lambda one: (folded(one[1]), one)) if len(found) <= most else []

    def called(self, text: str, namespace: str) -> tuple[str, ...]:
        """Give the things of a namespace that have just this name, whatever its case and signs."""
        found = (self.names[one].thing for one in self._compact.get("".join(folded(text)), ()))
        return tuple(dict.fromkeys(one for one in found if one.startswith(namespace)))

    def names_of(self, thing: str) -> tuple[str, ...]:
        """Give all names of a thing."""
        return tuple(dict.fromkeys(one.text for one in self.names if one.thing == thing))

    def _label(self, thing: str, lang: str) -> tuple[str, str]:
        return _in(self._labels.get(thing, {}), lang)

    def _scored(self, words: Sequence[str]) -> Iterable[tuple[int, float]]:
        """Give names and how well each fits the words."""
        if not words:
            return
        likely = [self._likely(word) for word in words]
        rarity = [self._rarity(found) for found in likely]
        whole = sum(rarity)
        as_one = "".join(words)
        same = set(self._compact.get(as_one, ()))
        found = self._all(likely) or (set() if same else self._most(likely, rarity))
        yield from ((number, 1.15) for number in same)
        found -= same
        if len(words) == 1 and likely[0]:
            yield from self._by_word(likely[0], same)
            return
        if len(found) > _CROWD:
            found = set(
                heapq.nsmallest(_CROWD, found, key=lambda one: (len(self._words[one]), one))
            )
        for number in found:
            own = self._words[number]
            covered = sum(
                weight * max((those.get(word, 0.0) for word in own), default=0.0)
                for those, weight in zip(likely, rarity, strict=True)
            )
            score = covered / whole if whole else 0.0
            if score >= _SURE / 2:
                yield number, score * (0.75 + 0.25 * min(1.0, len(words) / len(own)))
        if not found and not same:
            yield from self._alike(as_one)

    def _by_word(
        self, likely: Mapping[str, float], same: Iterable[int]
    ) -> Iterable[tuple[int, float]]:
        """Give the names that hold one word, which is quicker told than of several."""
        seen = set(same)
        for word in sorted(likely, key=lambda one: (-likely[one], one)):
            for number in self._postings[word]:
                if number not in seen:
                    seen.add(number)
                    yield number, likely[word] * (0.75 + 0.25 / len(self._words[number]))

    def _alike(self, as_one: str) -> Iterable[tuple[int, float]]:
        """Give the names that are written much like a query when both are without spaces."""
        if len(as_one) > 4:
            nearest = process.extract(
                as_one,
                list(self._compact),
                scorer=OSA.normalized_similarity,
                score_cutoff=0.75,
                limit=20,
            )
            for text, likeness, _ in nearest:
                yield from ((number, likeness * 0.8) for number in self._compact[text])

    def _likely(self, word: str) -> Mapping[str, float]:
        """Give the words that a word may stand for, and how likely it does."""
        found = {word: 1.0} if word in self._postings else {}
        if word.isdigit():
            return found
        place = bisect.bisect_left(self._sorted, word)
        while place < len(self._sorted) and self._sorted[place].startswith(word):
            other = self._sorted[place]
            found.setdefault(other, 0.6 + 0.35 * len(word) / len(other))
            place += 1
        slips = min(3, (len(word) - 1) // 3) if len(word) > 3 else 0
        if slips:
            near = process.extract(
                word, self._spelt, scorer=OSA.distance, score_cutoff=slips, limit=_MOST_SPELLINGS
            )
            for other, distance, _ in near:
                likeness = 1 - distance / max(len(word), len(other))
                found.setdefault(other, 0.92 * likeness)
        return found

    def _rarity(self, likely: Mapping[str, float]) -> float:
        many = min((len(self._postings[word]) for word in likely), default=0)
        return math.log(2 + len(self.names) / (1 + many))

    def _all(self, likely: Sequence[Mapping[str, float]]) -> set[int]:
        """Give the names in which every word is found."""
        sizes = [sum(len(self._postings[word]) for word in those) for those in likely]
        [first, *others] = sorted(range(len(likely)), key=sizes.__getitem__)
        found = self._of(likely[first])
        for place in others:
            those = likely[place]
            found = {
                number for number in found if any(word in those for word in self._words[number])
            }
        return found

    def _most(self, likely: Sequence[Mapping[str, float]], rarity: Sequence[float]) -> set[int]:
        """Give the names in which most of what is asked for is found."""
        values: defaultdict[int, float] = defaultdict(float)
        for those, weight in zip(likely, rarity, strict=True):
            for number in self._of(those):
                values[number] += weight
        return {number for number, value in values.items() if value >= _SURE * sum(rarity)}

    def _of(self, words: Mapping[str, float]) -> set[int]:
        """Give the names that hold one of some words."""
        return {number for word in words for number in self._postings[word]}


class Search:
    """The index over what is served; another generation is read when it is first asked for."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self.readers = readers
        self.catalogue = catalogue
        self._reading = asyncio.Lock()
        self._index: Index | None = None

    async def index(self) -> Index:
        """Give the index of the generation at hand."""
        kept = self._index
        if kept is not None and kept.generation == self.readers.generation:
            return kept
        async with self._reading:
            kept = self._index
            if kept is None or kept.generation != self.readers.generation:
                kept = self._index = await self._read()
            return kept

    async def _read(self) -> Index:
        groups, _ = await self._asked("search-groups")
        names, generation = await self._asked("search-names")
        return await asyncio.to_thread(self._made, groups, names, generation)

    async def _asked(self, name: str) -> tuple[bytes, str]:
        asked = Guarded(self.catalogue[name].text, "SELECT")
        reply = await self.readers.replied(asked, media.SPARQL_JSON, whole=True)
        return reply.body, reply.generation

    def _made(self, groups: bytes, names: bytes, generation: str) -> Index:
        weights: dict[str, float] = {}
        group_names: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for row in results.table(groups):
            group, name = str(row["group"]), row["name"]
            weights[group] = int(str(row["weight"])) / 100
            if isinstance(name, Literal):
                group_names[group].setdefault(name.language, name.value)
        questions = self.catalogue.prefixes["query"]
        weights[questions] = _QUESTION_WEIGHT
        made = dict.fromkeys(
            (*(_name(row) for row in results.table(names)), *self._questions(questions))
        )
        return Index(tuple(made), weights, group_names, generation).prepared()

    def _questions(self, group: str) -> Iterable[Name]:
        for one in self.catalogue:
            iri = group + one.name
            yield Name(iri, group, one.title, 1.0, "en", is_label=True)
            yield Name(iri, group, one.question, 0.97, "en")
            if one.number:
                yield Name(iri, group, one.number, 1.0)


def _name(row: Mapping[str, Term | None]) -> Name:
    name = row["name"]
    return Name(
        str(row["thing"]),
        str(row["group"]),
        str(name),
        int(str(row["weight"])) / 100,
        name.language if isinstance(name, Literal) else "",
        str(row["is_label"]) == "true",
    )


def _in(names: Mapping[str, str], lang: str) -> tuple[str, str]:
    """Give a name in a language, or in English, or in any, and the language it is in."""
    for language in (lang, "en", *sorted(names)):
        if language in names:
            return names[language], language
    return "", ""
