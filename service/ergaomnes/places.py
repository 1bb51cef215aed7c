"""Where in a text a statement stands: line and column, for people who have to correct it.

The parser of facts gives no positions, so the Turtle family (Turtle, TriG, N-Triples, N-Quads) is
read a second time by a small scanner that only keeps places. It never decides what a text says:
a statement it does not recognise simply has no place of its own.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)"
    r'|(?P<string>"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n\r]|\\.)*"'
    r"|'(?:[^'\\\n\r]|\\.)*')"
    r"|(?P<iri><[^<>\"{}|^`\s]*>)"
    r"|(?P<lang>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)"
    r"|(?P<type>\^\^)"
    r"|(?P<number>[+-]?(?:\d+\.\d*[eE][+-]?\d+|\.?\d+[eE][+-]?\d+|\d*\.\d+|\d+))"
    r"|(?P<blank>_:[^\s;,\[\](){}<>\"']+)"
    r"|(?P<name>(?:[^\s:;,.\[\](){}<>\"'@^\\][^\s:;,\[\](){}<>\"'\\]*)?:"
    r"(?:\\.|[^\s;,\[\](){}<>\"'\\#])*)"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<mark>[;,.\[\](){}])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_NAMED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the statements of one text, and of the names in it."""

    statements: Mapping[tuple[str, str, str], Place] = field(default_factory=dict)
    predicates: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    subjects: Mapping[str, Place] = field(default_factory=dict)
    mentions: Mapping[str, Place] = field(default_factory=dict)

    def of(
        self, subject: str, path: tuple[str, ...] = (), value: str | None = None
    ) -> Place | None:
        """Give the nearest place there is: of the value, the property, the record or its name."""
        found = [
            self.statements[subject, predicate, value]
            for predicate in path
            if value is not None and (subject, predicate, value) in self.statements
        ] or [
            self.predicates[subject, predicate]
            for predicate in path
            if (subject, predicate) in self.predicates
        ]
        if found:
            return min(found)
        return self.subjects.get(subject) or self.mentions.get(subject)


def places_in_turtle(text: str) -> Places:
    """Find the places in a text of the Turtle family that a parser has accepted."""
    return _Scanner(text).scanned()


def places_of_names(text: str, names: Iterator[str] | list[str]) -> Places:
    """Find where names are first written out, in a text of any other kind."""
    starts = _line_starts(text)
    mentions: dict[str, Place] = {}
    for name in names:
        found = re.search(rf"(?<=[\"'<]){re.escape(name)}(?=[\"'>])", text)
        if found:
            mentions[name] = _place(starts, found.start())
    return Places(mentions=mentions)


def deepest(text: str, *, turtle: bool) -> int:
    """Count how deeply brackets nest, without building anything."""
    depth = most = 0
    pattern = _TOKEN if turtle else _JSON
    for found in pattern.finditer(text):
        mark = found["mark"]
        if mark and mark in "[({":
            depth += 1
            most = max(most, depth)
        elif mark and mark in "])}":
            depth -= 1
    return most


_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<mark>[\[\]{}])', re.DOTALL)


@dataclass(slots=True)
class _Open:
    """A statement that is being read: what is known of it so far."""

    subject: str | None = None
    predicate: str | None = None
    closes: str = ""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = _line_starts(text)
        self.prefixes: dict[str, str] = {}
        self.base = ""
        self.statements: dict[tuple[str, str, str], Place] = {}
        self.predicates: dict[tuple[str, str], Place] = {}
        self.subjects: dict[str, Place] = {}
        self.mentions: dict[str, Place] = {}
        self.stack: list[_Open] = [_Open()]

    def scanned(self) -> Places:
        tokens = self._tokens()
        for kind, word, start in tokens:
            if (kind == "lang" and word in ("@prefix", "@base")) or (
                kind == "word" and word.lower() in ("prefix", "base")
            ):
                self._declare(word.lstrip("@").lower(), tokens)
            elif kind == "mark":
                self._mark(word)
            elif kind == "type":
                next(tokens, None)  # the datatype is no statement of its own
            elif kind not in ("lang", "other"):
                self._term(kind, word, _place(self.starts, start))
        return Places(self.statements, self.predicates, self.subjects, self.mentions)

    def _tokens(self) -> Iterator[tuple[str, str, int]]:
        for found in _TOKEN.finditer(self.text):
            kind = str(found.lastgroup)
            if kind == "space":
                continue
            word, start = found.group(), found.start()
            # A full stop ends a statement unless more of the name follows it.
            stops = 0
            if kind in ("name", "blank"):
                stops = len(word) - len(word.rstrip("."))
                word = word.rstrip(".")
            yield kind, word, start
            for stop in range(stops):
                yield "mark", ".", start + len(word) + stop

    def _declare(self, what: str, tokens: Iterator[tuple[str, str, int]]) -> None:
        name = next(tokens, ("", "", 0))[1] if what == "prefix" else ""
        namespace = next(tokens, ("", "<>", 0))[1]
        target = self._absolute(namespace[1:-1])
        if what == "prefix":
            self.prefixes[name.rstrip(":")] = target
        else:
            self.base = target

    def _mark(self, mark: str) -> None:
        top = self.stack[-1]
        if mark in "[(":
            self.stack.append(_Open(closes="]" if mark == "[" else ")"))
        elif mark in "])":
            if len(self.stack) > 1:
                self.stack.pop()
            self._nameless()
        elif mark in ".{}":
            self.stack = [_Open()]
        elif mark == ";":
            top.predicate = None

    def _nameless(self) -> None:
        top = self.stack[-1]
        if top.subject is None and not top.closes:
            top.subject = ""

    def _term(self, kind: str, word: str, place: Place) -> None:
        top = self.stack[-1]
        if top.closes == ")":
            self.mentions.setdefault(self._value(kind, word), place)
            return
        value = self._value(kind, word)
        if top.subject is None and not top.closes:
            top.subject = value
            self.subjects.setdefault(value, place)
        elif top.predicate is None:
            top.predicate = _TYPE if (kind, word) == ("word", "a") else value
            self.predicates.setdefault((top.subject or "", top.predicate), place)
            self.mentions.setdefault(top.predicate, place)
        else:
            self.statements.setdefault((top.subject or "", top.predicate, value), place)
            if kind in ("iri", "name", "blank"):
                self.mentions.setdefault(value, place)

    def _value(self, kind: str, word: str) -> str:
        if kind == "iri":
            return self._absolute(_unescaped(word[1:-1]))
        if kind == "name":
            prefix, _, local = word.partition(":")
            return self.prefixes.get(prefix, f"{prefix}:") + re.sub(r"\\(.)", r"\1", local)
        if kind == "string":
            quotes = 3 if word.startswith(('"""', "'''")) else 1
            return _unescaped(word[quotes:-quotes])
        return word

    def _absolute(self, iri: str) -> str:
        return urljoin(self.base, iri) if self.base else iri


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _NAMED.get(found[3], found[3])

    return _ESCAPE.sub(plain, text)


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer(r"\n|\r(?!\n)", text))]


def _place(starts: list[int], offset: int) -> Place:
    line = bisect_right(starts, offset)
    return Place(line, offset - starts[line - 1] + 1)
