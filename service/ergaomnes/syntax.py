"""Say where a query that does not parse goes wrong, and what was probably meant.

The engine names the furthest place it could read to, which is often behind the slip and never says
what to do. So the text is looked through for the usual slips first: what is sure goes before what
is likely, and the engine's own place is the last resort.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ergaomnes.errors import QuerySyntax, did_you_mean, near
from ergaomnes.guard import Token, tokens
from ergaomnes.terms import Prefixes

# https://www.w3.org/TR/sparql11-query/#sparqlGrammar
_GRAMMAR = """
ABS ADD ALL AS ASC ASK AVG BASE BIND BNODE BOUND BY CEIL CLEAR COALESCE CONCAT CONSTRUCT CONTAINS
COPY COUNT CREATE DATA DATATYPE DAY DEFAULT DELETE DESC DESCRIBE DISTINCT DROP ENCODE_FOR_URI EXISTS
FALSE FILTER FLOOR FROM GRAPH GROUP GROUP_CONCAT HAVING HOURS IF IN INSERT INTO IRI ISBLANK ISIRI
ISLITERAL ISNUMERIC ISURI LANG LANGMATCHES LCASE LIMIT LOAD MAX MD5 MIN MINUS MINUTES MONTH MOVE
NAMED NOT NOW OFFSET OPTIONAL ORDER PREFIX RAND REDUCED REGEX REPLACE ROUND SAMETERM SAMPLE SECONDS
SELECT SEPARATOR SERVICE SHA1 SHA256 SHA384 SHA512 SILENT STR STRAFTER STRBEFORE STRDT STRENDS
STRLANG STRLEN STRSTARTS STRUUID SUBSTR SUM TIMEZONE TO TRUE TZ UCASE UNDEF UNION URI USING UUID
VALUES VERSION WHERE WITH YEAR
"""
# The engine knows more than SPARQL 1.1; nobody is led there.
_BEYOND = """
ADJUST HASLANG HASLANGDIR ISTRIPLE LANGDIR LATERAL OBJECT PREDICATE STRLANGDIR SUBJECT TRIPLE
"""
_KEYWORDS = _GRAMMAR.split()
_KNOWN = frozenset([*_KEYWORDS, *_BEYOND.split()])
_LONGEST = 8000  # characters that are looked through
_LONGEST_PIECE = 60
_CLOSING = {"{": "}", "(": ")", "[": "]"}
_PLACE = re.compile(r"error at (\d+):(\d+): expected (.*)", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SPACED = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*:[^<>\n]*>")

# What the engine says of a whole clause, and what to do about it.
_SAID = {
    "SELECT * is not authorized with GROUP BY": (
        "SELECT * cannot stand with GROUP BY",
        "*",
        "Name the variables, and put the others into COUNT, SAMPLE or the like.",
    ),
    "The SELECT contains a variable that is unbound": (
        "SELECT names a variable that the groups do not give",
        "SELECT",
        "Put it into GROUP BY, or into COUNT, SAMPLE or the like.",
    ),
    "Duplicated variable name in SELECT": (
        "SELECT names a variable twice",
        "SELECT",
        "Give one of the two another name.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Slip:
    """Where it is, how much of the text it is, what is wrong, what to do."""

    start: int
    piece: str
    message: str
    remedy: str = ""


def explained(
    text: str, fault: QuerySyntax, prefixes: Prefixes, terms: Sequence[str] = ()
) -> QuerySyntax:
    """Give the fault again with its line, its column, the piece of text and a hint.

    `terms` are the IRIs of the ontology's terms, one of which a misspelt name may mean.
    """
    said = str(fault.data["message"])
    slip = _slip(text, said, prefixes, terms) if len(text) <= _LONGEST else None
    slip = slip or _where_the_engine_stopped(text, said)
    if slip is None:
        return fault
    line, column = _line_and_column(text, slip.start)
    piece = slip.piece[:_LONGEST_PIECE]
    return QuerySyntax(slip.message, line=line, column=column, piece=piece, remedy=slip.remedy)


def _slip(text: str, said: str, prefixes: Prefixes, terms: Sequence[str]) -> _Slip | None:
    read = list(tokens(text))
    return (
        _unreadable(text, read)
        or _broken_iri(text, read)
        or _undeclared_prefix(read, prefixes)
        or _unknown_word(read, prefixes, terms)
        or _bracket(read)
        or _stray(read)
        or _whole_clause(read, said)
        or _incomplete_triple(read)
    )


def _unreadable(text: str, read: list[Token]) -> _Slip | None:
    """Find where no token can be cut any more."""
    end = read[-1].start + len(read[-1].text) if read else 0
    rest = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*+)*+").match(text, end)
    place = rest.end() if rest else end
    if place >= len(text):
        return None
    first = text[place]
    if first in "'\"":
        piece = text[place:].splitlines()[0]
        mark = first * 3 if text.startswith(first * 3, place) else first
        return _Slip(
            place,
            piece,
            "the text that begins here does not end, or holds a \\ that means nothing",
            f"Close it with {mark}; in it write \\{first} for {first} and \\\\ for \\.",
        )
    remedy = 'Write it as a straight ".' if first in "“”„«»‘’" else ""
    return _Slip(place, first, f"{first} has no place in SPARQL", remedy)


def _undeclared_prefix(read: list[Token], prefixes: Prefixes) -> _Slip | None:
    declared = {
        name.text[:-1]
        for word, name in pairwise(read)
        if word.text.upper() == "PREFIX" and name.kind == "prefixed"
    }
    for token in read:
        prefix = token.text.partition(":")[0]
        if token.kind != "prefixed" or prefix in declared:
            continue
        message = f"the prefix {prefix}: is not declared"
        if prefix in prefixes:
            return _Slip(
                token.start,
                token.text,
                message,
                f"Add this line before the query: PREFIX {prefix}: <{prefixes[prefix]}>",
            )
        likely = near(prefix, [*declared, *prefixes.namespaces]) if prefix else ()
        asked = did_you_mean([f"{one}:" for one in likely])
        remedy = asked or f"Add a line PREFIX {prefix}: <…> before the query."
        return _Slip(token.start, token.text, message, remedy)
    return None


def _unknown_word(read: list[Token], prefixes: Prefixes, terms: Sequence[str]) -> _Slip | None:
    variables = {token.text[1:] for token in read if token.kind == "variable"}
    for token in read:
        word = token.text
        if token.kind != "word" or word.upper() in _KNOWN or word == "a" or word[0].isdigit():
            continue
        message = f"“{word}” is no keyword or function of SPARQL"
        remedy = _meant(word, variables, prefixes, terms)
        return _Slip(token.start, word, message, remedy)
    return None


def _meant(word: str, variables: set[str], prefixes: Prefixes, terms: Sequence[str]) -> str:
    if word in variables:
        return did_you_mean([f"?{word}"])
    meant = {re.split("[/#]", term)[-1]: prefixes.short(term) for term in terms}
    meant |= {keyword: keyword for keyword in _KEYWORDS}
    exact = [meant[name] for name in meant if name.lower() == word.lower()]
    likely = exact or [meant[name] for name in near(word, meant)][:2]
    return did_you_mean(likely) or f'A variable is written ?{word}, and a text "{word}".'


def _bracket(read: list[Token]) -> _Slip | None:
    opened: list[Token] = []
    for token in read:
        if token.kind != "symbol":
            continue
        if token.text in _CLOSING:
            opened.append(token)
        elif token.text in _CLOSING.values():
            if not opened:
                message = f"“{token.text}” closes nothing"
                return _Slip(token.start, token.text, message, "Remove it.")
            if _CLOSING[opened[-1].text] != token.text:
                break
            opened.pop()
    if not opened:
        return None
    last = opened[-1]
    remedy = f"Add {_CLOSING[last.text]} where it ends."
    return _Slip(last.start, last.text, f"“{last.text}” is not closed", remedy)


def _stray(read: list[Token]) -> _Slip | None:
    """Find two neighbours that cannot be neighbours."""
    for token, following in pairwise(read):
        word, after = token.text.upper(), following.text.upper()
        if word == "," and token.kind == "symbol":
            if following.kind == "symbol" and after in "}.;":
                return _Slip(token.start, ",", "nothing follows this comma", "Remove it.")
            if not _is_inside(read, token):
                message = "SELECT names its variables without commas"
                return _Slip(token.start, ",", message, "Remove it.")
        if word == "FILTER" and following.kind not in ("word", "iri", "prefixed") and after != "(":
            message = "what FILTER tests stands in brackets"
            return _Slip(following.start, following.text, message, "Write FILTER( … ).")
        if word == "BY" and following.kind == "word" and after in ("LIMIT", "OFFSET", "HAVING"):
            return _Slip(following.start, following.text, "nothing stands after BY")
    return None


def _is_inside(read: list[Token], wanted: Token) -> bool:
    depth = 0
    for token in read:
        if token is wanted:
            break
        if token.kind == "symbol":
            depth += (token.text in _CLOSING) - (token.text in _CLOSING.values())
    return depth > 0


def _broken_iri(text: str, read: list[Token]) -> _Slip | None:
    has_base = any(token.text.upper() == "BASE" for token in read if token.kind == "word")
    for token in read:
        spaced = _SPACED.match(text, token.start) if token.text == "<" else None
        if spaced:
            message = "this IRI holds a character that an IRI cannot hold"
            return _Slip(token.start, spaced[0], message, "Write a space as %20, and so on.")
        if token.kind == "iri" and not has_base and not _ABSOLUTE.match(token.text, 1):
            return _Slip(
                token.start,
                token.text,
                f"{token.text} is no whole IRI, and there is no BASE",
                "Write the IRI from its beginning, such as <https://…>.",
            )
    return None


def _whole_clause(read: list[Token], said: str) -> _Slip | None:
    for sentence, (message, at, remedy) in _SAID.items():
        if sentence in said:
            for token in read:
                if token.text.upper() == at:
                    return _Slip(token.start, token.text, message, remedy)
    return None


def _incomplete_triple(read: list[Token]) -> _Slip | None:
    """Find a triple of one or two terms; what is not a plain triple is not looked at."""
    for run, end in _plain_runs(read):
        if len(run) in (1, 2):
            lacking = "an object" if len(run) == 2 else "a property and an object"
            return _Slip(
                end.start,
                end.text,
                f"the triple that begins with {run[0].text} has not {lacking}",
                "A triple is a subject, a property and an object.",
            )
    return None


def _plain_runs(read: list[Token]) -> Iterator[tuple[list[Token], Token]]:
    """Give the terms between “{” or “.” and the next “.” or “}”, where nothing else stands."""
    run: list[Token] | None = None
    for token in read:
        if token.kind == "symbol" and token.text in "{.}":
            if run and token.text in ".}":
                yield run, token
            run = [] if token.text in "{." else None
        elif run is not None:
            is_term = token.kind in ("iri", "prefixed", "variable", "blank", "string")
            run = [*run, token] if is_term or token.text == "a" else None


def _where_the_engine_stopped(text: str, said: str) -> _Slip | None:
    found = _PLACE.match(said)
    if found is None:
        return None
    place = _offset(text, int(found[1]), int(found[2]))
    if not text[place:].strip():
        return _Slip(len(text.rstrip()), "", "something before its end is not as SPARQL has it")
    token = next((one for one in tokens(text[place : place + 200])), None)
    piece = token.text if token else text[place]
    start = place + (token.start if token else 0)
    return _Slip(start, piece, f"“{piece[:_LONGEST_PIECE]}” is not expected here")


def _line_and_column(text: str, place: int) -> tuple[int, int]:
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    line = bisect_right(starts, place)
    return line, place - starts[line - 1] + 1


def _offset(text: str, line: int, column: int) -> int:
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return min(starts[min(line, len(starts)) - 1] + column - 1, len(text))
