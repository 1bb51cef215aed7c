"""Refuse a query that would reach out, write, or break the parser, before any engine sees it.

The engine has no parser to ask, and its own one reads no tokens: it takes keywords wherever they
fit, so that `trueSERVICE` is a boolean and a call, and falls back to another reading where an IRI
turns out not to be one. One exact lexer is therefore not enough. `_calls_out` walks *every* way in
which the text can be cut into tokens and refuses when any of them meets the keyword SERVICE; and it
does so for the text as written and for the text with its codepoint escapes decoded (SPARQL 1.1,
19.2), since engines differ on where these count.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

from ergaomnes.errors import (
    BadRequest,
    GraphClosed,
    MissingQuery,
    QueryRefused,
    QuerySyntax,
    QueryTooDeep,
    QueryTooLong,
    UpdateRefused,
)

Kind = Literal["iri", "prefixed", "blank", "variable", "string", "language", "word", "symbol"]
_Piece = tuple[Kind, str, int]
Form = Literal["SELECT", "ASK", "CONSTRUCT", "DESCRIBE"]

_FORMS: dict[str, Form] = {
    "SELECT": "SELECT",
    "ASK": "ASK",
    "CONSTRUCT": "CONSTRUCT",
    "DESCRIBE": "DESCRIBE",
}
_TEMPLATES = ("INSERT", "DELETE")
_UPDATES = ("INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH")

# https://www.w3.org/TR/sparql11-query/#rPN_CHARS_BASE and what follows it
_BASE = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D"
    r"\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_U = rf"{_BASE}_"
_CHARS = rf"{_U}\-0-9\u00B7\u0300-\u036F\u203F-\u2040"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
# Bounded, or a text of dots and letters would be read again from each of its letters.
_LONGEST_PREFIX = 64
_PREFIX = rf"[{_BASE}](?:[{_CHARS}.]{{0,{_LONGEST_PREFIX - 2}}}[{_CHARS}])?"
_LONG_PREFIX = re.compile(rf"(?<![{_CHARS}.])[{_CHARS}.]{{{_LONGEST_PREFIX + 1},}}+:")
_LOCAL = rf"(?:[{_U}:0-9]|{_PLX})(?:(?:[{_CHARS}.:]|{_PLX})*(?:[{_CHARS}:]|{_PLX}))?"
_CODEPOINT = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_ECHAR = rf"\\[tbnrf\\\"']|{_CODEPOINT}"

_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"#[^\r\n]*+")
_IRI = re.compile(rf"<((?:[^\x00-\x20<>\"{{}}|^`\\]|{_CODEPOINT})*+)>")
# `?a<?b&&?c>?d` has the form of an IRI in it; no IRI that names anything looks so.
_LIKELY_IRI = re.compile(rf"(?!<(?:[?$'(+-]|[0-9.]*[&|)])){_IRI.pattern}")
_PREFIXED = re.compile(rf"({_PREFIX})?:({_LOCAL})?")
_WORD = re.compile(rf"[{_U}0-9]++")
_VARIABLE = re.compile(rf"[?$][{_U}0-9\u00B7\u0300-\u036F\u203F-\u2040]++")
_BLANK = re.compile(rf"_:[{_U}0-9](?:[{_CHARS}.]*[{_CHARS}])?")
_LANGUAGE = re.compile(r"@[a-zA-Z]++(?:-[a-zA-Z0-9]++)*+")
_STRINGS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"'''(?:'{{0,2}}(?:[^'\\]|{_ECHAR}))*+'''",
        rf'"""(?:"{{0,2}}(?:[^"\\]|{_ECHAR}))*+"""',
        rf"'(?:[^'\\\n\r]|{_ECHAR})*+'",
        rf'"(?:[^"\\\n\r]|{_ECHAR})*+"',
    )
)
_SYMBOLS = "{}()[].,;*/+-!|&=^<>~?$@"
_OPENING, _CLOSING = frozenset("{(["), frozenset("})]")

_SERVICE = re.compile("service", re.IGNORECASE)
_CALL = re.compile(r"service(?:\s+silent)?\s*<([^\x00-\x20<>\"{}|^`\\]*)>", re.IGNORECASE)
_SERVICE_OR_LOAD = re.compile("service|load", re.IGNORECASE)
# An IRI that every reader takes for one: absolute, and without a character that could end anything.
_PLAIN_IRI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:"
    r"//[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~/-]*)?(?:\?[A-Za-z0-9._~=/-]*)?"
    r"|[A-Za-z0-9][A-Za-z0-9._~:/-]*)(?:#[A-Za-z0-9._~/-]*)?\Z"
)
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_-]*\Z")
_DECLARATION = re.compile(rf"({_PREFIX})?:[ \t\r\n]*+(?:<([^<>]*)>|[<#])")
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_ANY_CODEPOINT = re.compile(_CODEPOINT)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A query that may be evaluated, its form, and the graphs its FROM clauses name."""

    text: str
    form: Form
    graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    calls: bool = False
    """Whether it asks another endpoint, one of those it may ask."""

    @property
    def answers_with_a_graph(self) -> bool:
        """Say whether the answer is a graph rather than a table or a truth value."""
        return self.form in ("CONSTRUCT", "DESCRIBE")


@dataclass(frozen=True, slots=True)
class Token:
    """One terminal of the text: its kind, its text, and where it begins."""

    kind: Kind
    text: str
    start: int


# One pattern with all terminals in it is read many times as fast as each by itself.
_TERMINAL = re.compile(
    rf"(?:{_SPACE.pattern}|{_COMMENT.pattern})*+(?:"
    + "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in (
            ("variable", _VARIABLE.pattern),
            ("string", "|".join(one.pattern for one in _STRINGS)),
            ("iri", _LIKELY_IRI.pattern),
            ("language", _LANGUAGE.pattern),
            ("blank", _BLANK.pattern),
            ("prefixed", _PREFIXED.pattern),
            ("word", _WORD.pattern),
            ("symbol", rf"[{re.escape(_SYMBOLS)}]"),
            ("unread", r".|\Z"),
        )
    )
    + ")",
    re.DOTALL,
)


def guarded(
    text: str,
    *,
    length_limit: int = 50_000,
    depth_limit: int = 100,
    graphs: str = "",
    services: Collection[str] = (),
) -> Guarded:
    """Let a query pass, or raise what is wrong with it.

    `graphs` is the namespace of the graphs that FROM, FROM NAMED and the protocol may name; where
    it is empty every graph may be named, for no engine of ours fetches one. `services` are the
    endpoints that SERVICE may name, as full IRIs.
    """
    if len(text) > length_limit:
        raise QueryTooLong(len(text), length_limit)
    if not text.strip(" \t\r\n"):
        raise MissingQuery
    _check_characters(text)
    decoded = _decoded(text)
    calls = False
    for reading in {text, decoded}:
        other = _without(reading, services)
        calls = calls or other != reading
        if _calls_out(other):
            asked = f"none but {', '.join(sorted(services))}" if services else "none"
            raise QueryRefused(f"SERVICE asks another server, and this one asks {asked}.")
    read = _read(text)
    depth = _depth(read)
    if depth > depth_limit:
        raise QueryTooDeep(depth, depth_limit)
    form, where = _form(read)
    plain, named = _dataset(read[where:], read[:where])
    for graph in (*plain, *named):
        own_graph(graph, graphs)
    return Guarded(text, form, plain, named, calls)


def guarded_update(
    text: str,
    *,
    length_limit: int = 50_000,
    depth_limit: int = 100,
    default_graphs: Sequence[str] = (),
    named_graphs: Sequence[str] = (),
    given: bool = False,
) -> str:
    """Let an update pass, or raise what is wrong with it; give it with its dataset written out.

    Where an operation names no dataset its WHERE is asked of these graphs, which the request has
    `given` or which are all that there are: then the default graph is their union. Nothing is
    written to the default graph, so that each template has to name one.
    """
    if len(text) > length_limit:
        raise QueryTooLong(len(text), length_limit)
    if not text.strip(" \t\r\n"):
        raise MissingQuery
    _check_characters(text)
    for reading in {text, _decoded(text)}:
        if _calls_out(reading, _SERVICE_OR_LOAD):
            raise UpdateRefused("SERVICE and LOAD ask another server, and this one asks none.")
    read = _read(text)
    last = read[-1][2] + len(read[-1][1]) if read else 0
    if _COMMENT.sub("", text[last:]).strip(" \t\r\n"):
        raise QuerySyntax(f"it cannot be read from character {last + 1} on")
    depth = _depth(read)
    if depth > depth_limit:
        raise QueryTooDeep(depth, depth_limit)
    using = "".join(
        [
            *(f"USING <{graph}> " for graph in default_graphs),
            *(f"USING NAMED <{graph}> " for graph in named_graphs),
        ]
    )
    parts, end = [], 0
    for place in _wheres(read, given=given):
        parts += [text[end:place], using]
        end = place
    return "".join([*parts, text[end:]])


def _wheres(read: list[_Piece], *, given: bool) -> Iterator[int]:
    """Give the places of each WHERE whose operation names no dataset."""
    depth, before, of_its_own, template, after_graph = 0, "", False, "", False
    for kind, piece, start in read:
        word = piece.upper() if kind == "word" else ""
        if depth == 0:
            if piece == ";" and kind == "symbol":
                of_its_own = False
            elif word in ("WITH", "USING"):
                if given:
                    raise BadRequest(
                        f"The update says {word}, and the request names graphs to ask too.",
                        remedy="Name them in one place only.",
                    )
                of_its_own = True
            elif word == "DEFAULT":
                raise GraphClosed("", "graph/data/")
            elif word == "WHERE" and before != "DELETE" and not of_its_own:
                yield start
            template = _template(word, before, template)
        elif (
            depth == 1
            and (template == "DATA" or (template and not of_its_own))
            # All that may stand here is GRAPH, its name, its braces and full stops.
            and not (word == "GRAPH" or after_graph or piece in "{}.")
        ):
            raise GraphClosed("", "graph/data/")
        if kind == "symbol" and piece in _OPENING:
            depth += 1
        elif kind == "symbol" and piece in _CLOSING:
            depth = max(depth - 1, 0)
        after_graph, before = word == "GRAPH", word


def _template(word: str, before: str, template: str) -> str:
    """Give what the next braces are: a template that WITH may speak of, or one of its own."""
    if word in _TEMPLATES:
        return word
    if word in ("DATA", "WHERE") and before in _TEMPLATES:
        return "DATA"
    return "" if word == "WHERE" else template


def own_graph(iri: str, graphs: str) -> str:
    """Give back the IRI of a graph of ours, or refuse it."""
    if not iri.startswith(graphs):
        raise QueryRefused(f"<{iri}> is not a graph of this store, and none is fetched.")
    return iri


def tokens(text: str) -> Iterator[Token]:
    """Cut a text into SPARQL 1.1 terminals as the grammar does: the longest first.

    Where nothing fits, the reading ends: the engine's parser will say what is wrong there.
    """
    for kind, piece, start in _read(text):
        yield Token(kind, piece, start)


def _read(text: str) -> list[_Piece]:
    read: list[_Piece] = []
    for found in _TERMINAL.finditer(text):
        kind = found.lastgroup
        if kind == "unread" or kind is None:
            break
        read.append((cast("Kind", kind), found[kind], found.start(kind)))
    return read


def _string(text: str, position: int) -> int:
    """Give where the string that begins here ends; 0 when it does not."""
    for pattern in _STRINGS:
        if found := pattern.match(text, position):
            return found.end()
    return 0


def _check_characters(text: str) -> None:
    if (not text.isascii() or "\0" in text) and (found := _NO_CHARACTER.search(text)):
        code, place = ord(found[0]), found.start() + 1
        raise QuerySyntax(f"U+{code:04X} at character {place} is no character")
    if _LONG_PREFIX.search(text):
        raise QuerySyntax(f"a prefix has over {_LONGEST_PREFIX} characters")


def _decoded(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        codepoint = int(found[0][2:], 16)
        if codepoint > 0x10FFFF or 0xD800 <= codepoint <= 0xDFFF or codepoint == 0:
            raise QuerySyntax(f"{found[0]} stands for no character")
        return chr(codepoint)

    return _ANY_CODEPOINT.sub(character, text) if "\\" in text else text


def _without(text: str, services: Collection[str]) -> str:
    """Give the text with the calls that are allowed named otherwise: no other token changes."""

    def other(call: re.Match[str]) -> str:
        return f"GRAPH <{call[1]}>" if call[1] in services else call[0]

    return _CALL.sub(other, text) if services else text


def _calls_out(text: str, keyword: re.Pattern[str] = _SERVICE) -> bool:
    """Say whether some reading of the text meets the keyword SERVICE, or the one that is given."""
    if not keyword.search(text):
        return False
    namespaces = _namespaces(text)
    seen: set[tuple[int, bool]] = set()
    waiting = [(0, False)]
    while waiting:
        state = waiting.pop()
        if state in seen or state[0] >= len(text):
            continue
        seen.add(state)
        position, after_slash = state
        skipped = _SPACE.match(text, position) or _COMMENT.match(text, position)
        if skipped:
            waiting.append((skipped.end(), after_slash))
            continue
        if text[position] == "/" and after_slash:
            continue  # Outside IRIs, strings and comments no two slashes meet: not a reading.
        ends = _ends(text, position, namespaces, keyword)
        if ends is None:
            return True
        waiting += [(end, text[position] == "/") for end in ends]
    return False


def _namespaces(text: str) -> dict[str, list[str]]:
    """Give whatever may be declared as a prefix, with all it may stand for."""
    namespaces: dict[str, list[str]] = {}
    for declared in _DECLARATION.finditer(text):
        name, namespace = declared[1] or "", declared[2] or ""
        namespaces.setdefault(name, []).append(namespace)
        if name.lower().startswith("prefix"):  # `PREFIXex:` is a declaration of `ex:`
            namespaces.setdefault(name[len("prefix") :], []).append(namespace)
    return namespaces


def _ends(
    text: str, position: int, namespaces: dict[str, list[str]], keyword: re.Pattern[str]
) -> list[int] | None:
    """Give where the tokens that may begin here end; None when one may be the keyword."""
    first = text[position]
    if first in "'\"":
        return [end] if (end := _string(text, position)) else []
    for terminal in (_VARIABLE, _LANGUAGE, _BLANK):
        if found := terminal.match(text, position):
            # A full stop may end a label or be part of it; readers differ.
            hides = terminal is _BLANK and "." in found[0] and keyword.search(found[0])
            return None if hides else [found.end()]
    return (_ends_of_iri if first == "<" else _ends_of_name)(text, position, namespaces, keyword)


def _ends_of_iri(
    text: str, position: int, _: dict[str, list[str]], keyword: re.Pattern[str]
) -> list[int] | None:
    ends = [position + 1]  # as the operator
    if iri := _IRI.match(text, position):
        if keyword.search(iri[1]) and not _PLAIN_IRI.match(iri[1]):
            return None
        ends.append(iri.end())
    return ends


def _ends_of_name(
    text: str, position: int, namespaces: dict[str, list[str]], keyword: re.Pattern[str]
) -> list[int] | None:
    ends = []
    prefixed = _PREFIXED.match(text, position)
    if prefixed and (prefixed[1] or "") in namespaces:
        local = prefixed[2] or ""
        if keyword.search(local) and not _safe(local, namespaces[prefixed[1] or ""]):
            return None
        ends.append(prefixed.end())
    if word := _WORD.match(text, position):
        if keyword.search(word[0]):
            return None
        ends.append(word.end())
    elif text[position] in _SYMBOLS:
        ends.append(position + 1)
    return ends


def _safe(local: str, namespaces: list[str]) -> bool:
    """Say whether a prefixed name is one whole in every reading.

    A parser that finds no valid IRI in `ex:SERVICE` may go back to `ex:` and read a keyword after
    it; behind a slash or a hash a plain name always makes a valid IRI.
    """
    return bool(_PLAIN_LOCAL.match(local)) and all(
        namespace.endswith(("/", "#")) for namespace in namespaces
    )


def _depth(read: list[_Piece]) -> int:
    depth = deepest = 0
    for kind, piece, _ in read:
        if kind == "symbol":
            if piece in _OPENING:
                depth += 1
                deepest = max(deepest, depth)
            elif piece in _CLOSING:
                depth = max(depth - 1, 0)
    return deepest


def _form(read: list[_Piece]) -> tuple[Form, int]:
    """Give the form of the query, and where in the pieces its keyword stands."""
    position = 0
    while position < len(read) and read[position][0] == "word":
        word = read[position][1].upper()
        if word in _FORMS:
            return _FORMS[word], position
        if word in _UPDATES:
            raise QueryRefused(f"{word} is an update, and this store is only read.")
        if word not in ("PREFIX", "BASE", "VERSION"):
            break
        position += 3 if word == "PREFIX" else 2
    raise QuerySyntax("it has no SELECT, ASK, CONSTRUCT or DESCRIBE where one is due")


def _dataset(read: list[_Piece], prologue: list[_Piece]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the graphs that FROM and FROM NAMED name."""
    declared = {
        name[:-1]: iri[1:-1]
        for (kind, name, _), (of, iri, _) in pairwise(prologue)
        if kind == "prefixed" and of == "iri"
    }
    plain: list[str] = []
    named: list[str] = []
    for position, (kind, word, _) in enumerate(read):
        if kind != "word" or word.upper() != "FROM":
            continue
        following = read[position + 1 : position + 3]
        graphs = plain
        if following and following[0][1].upper() == "NAMED":
            graphs, following = named, following[1:]
        if not following:
            continue
        of, name, _ = following[0]
        if of == "iri":
            graphs.append(_decoded(name[1:-1]))
        elif of == "prefixed":
            prefix, _, local = name.partition(":")
            graphs.append(declared.get(prefix, prefix + ":") + re.sub(r"\\(.)", r"\1", local))
    return tuple(plain), tuple(named)
