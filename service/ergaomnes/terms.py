"""The prefix table, and the way from a prefixed name to an IRI and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from ergaomnes.errors import NotACurie, ShippedFilesMissing, UnknownPrefix, near
from ergaomnes.shipped import shipped

# Turtle 1.1 and SPARQL 1.1 share these productions: https://www.w3.org/TR/turtle/#sec-grammar-grammar
_BASE = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D"
    r"\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_START = rf"{_BASE}_"
_CHARS = rf"{_START}\-0-9\u00B7\u0300-\u036F\u203F-\u2040"
_ESCAPABLE = r"_~.\-!$&'()*+,;=/?#@%"
_PREFIX = re.compile(rf"[{_BASE}](?:[{_CHARS}.]*[{_CHARS}])?")
_CURIE = re.compile(r"(?P<prefix>[^:/<>\s]*):(?P<local>(?!//).*)", re.DOTALL)
_ESCAPED = re.compile(rf"\\([{_ESCAPABLE}])")
_PLAIN_FIRST = re.compile(rf"[{_START}:0-9]")
_PLAIN_INSIDE = re.compile(rf"[{_CHARS}:.]")
_PLAIN_LAST = re.compile(rf"[{_CHARS}:]")
_SIMPLE = re.compile(r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*")  # the most of them, told at a glance
_NEEDS_ESCAPE = re.compile(r"[~.\-!$&'()*+,;=/?#@]")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")

# The table is read before any parser is loaded, so it is read in the form the writer writes.
_BLOCK = re.compile(
    r"^<(?P<subject>[^>]+)>\n(?P<body>(?:  .*\n)+)\.$",
    re.MULTILINE,
)
_NAMESPACE = re.compile(r'^  sh:namespace "([^"]+)"\^\^xsd:anyURI ;$', re.MULTILINE)
_NAME = re.compile(r'^  sh:prefix "([^"]+)" ;$', re.MULTILINE)
_DECLARES = re.compile(r"^  sh:declare\b", re.MULTILINE)


@dataclass(frozen=True)
class Prefixes:
    """The one prefix table; `base` is the IRI under which everything of ours is named."""

    namespaces: Mapping[str, str]
    base: str

    def __getitem__(self, prefix: str) -> str:
        """Give the namespace of a prefix."""
        if prefix not in self.namespaces:
            raise UnknownPrefix(prefix, near(prefix, self.namespaces))
        return self.namespaces[prefix]

    def __contains__(self, prefix: object) -> bool:
        return prefix in self.namespaces

    def iri(self, text: str) -> str:
        """Give the IRI of a prefixed name (escapes or none), or of a full IRI (`<…>` or bare)."""
        if text.startswith("<") and text.endswith(">"):
            return text[1:-1]
        found = _CURIE.fullmatch(text)
        if found is None:
            if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S+$", text):
                return text
            raise NotACurie(text)
        if found["prefix"] in ("urn", "mailto", "tel") and found["prefix"] not in self.namespaces:
            return text
        return self[found["prefix"]] + _ESCAPED.sub(r"\1", found["local"])

    def curie(self, iri: str) -> str | None:
        """Give the prefixed name as Turtle and SPARQL write it, or None when it has none."""
        found = self._split(iri)
        if found is None:
            return None
        prefix, local = found
        escaped = escape_local(local)
        return None if escaped is None else f"{prefix}:{escaped}"

    def short(self, iri: str) -> str:
        """Give the prefixed name as people read it, without escapes, or the whole IRI."""
        found = self._split(iri)
        return iri if found is None else ":".join(found)

    def prefix_of(self, iri: str) -> str | None:
        """Give the prefix that `curie` would use."""
        found = self._split(iri)
        return None if found is None or escape_local(found[1]) is None else found[0]

    def _split(self, iri: str) -> tuple[str, str] | None:
        end = len(iri) - 1
        while (end := max(self._cuts(iri, end), default=-1)) >= 0:
            if prefix := self._prefixes.get(iri[: end + 1]):
                return prefix, iri[end + 1 :]
        return None

    def _cuts(self, iri: str, end: int) -> list[int]:
        return [iri.rfind(last, 0, end) for last in self._lasts]

    @cached_property
    def _prefixes(self) -> Mapping[str, str]:
        """Give the prefix of each namespace; of two with one namespace, the first by name."""
        return {self.namespaces[prefix]: prefix for prefix in sorted(self.namespaces, reverse=True)}

    @cached_property
    def _lasts(self) -> tuple[str, ...]:
        """Give the characters on which namespaces end: an IRI can only be cut behind one."""
        return tuple(sorted({namespace[-1] for namespace in self._prefixes}))


def escape_local(local: str) -> str | None:
    """Write the local part of a prefixed name; None when no escape can make it one."""
    if _SIMPLE.fullmatch(local):
        return local
    parts: list[str] = []
    position, end = 0, len(local)
    while position < end:
        percent = _PERCENT.match(local, position)
        if percent:
            parts.append(percent.group())
            position = percent.end()
            continue
        character = local[position]
        plain = _PLAIN_INSIDE
        if position == 0:
            plain = _PLAIN_FIRST
        elif position == end - 1:
            plain = _PLAIN_LAST
        if plain.fullmatch(character):
            parts.append(character)
        elif _NEEDS_ESCAPE.fullmatch(character) or character == "%":
            parts.append("\\" + character)
        else:
            return None
        position += 1
    return "".join(parts)


def read_prefixes(file: Path) -> Prefixes:
    """Read a prefix table that is in the house form."""
    try:
        text = file.read_text("utf-8")
    except OSError:
        raise ShippedFilesMissing([str(file)]) from None
    namespaces: dict[str, str] = {}
    base = ""
    for block in _BLOCK.finditer(text):
        namespace, name = _NAMESPACE.search(block["body"]), _NAME.search(block["body"])
        if namespace and name and _PREFIX.fullmatch(name[1]):
            namespaces[name[1]] = namespace[1]
        elif _DECLARES.search(block["body"]):
            base = block["subject"].rpartition("/")[0] + "/"
    return Prefixes(dict(sorted(namespaces.items())), base)


@cache
def prefixes() -> Prefixes:
    """Give the packaged prefix table."""
    return read_prefixes(shipped().prefixes)
