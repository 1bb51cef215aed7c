"""Which properties a text in SPARQL can be about: all that it names, and so never too few.

A query that has a variable in the place of a property is about any of them; no rule and no shape of
ours does that, and a test sees to it.
"""

import re
from collections.abc import Mapping

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

_PREFIX = re.compile(r"PREFIX\s+([A-Za-z][\w-]*):\s*<([^<>\s]*)>", re.IGNORECASE)
_IRI = re.compile(r"<([^<>\s\"{}|^`\\]+)>")
_NAME = re.compile(r"(?<![\w-])([A-Za-z][\w-]*):([A-Za-z_][\w-]*)")


def named(text: str, namespaces: Mapping[str, str] | None = None) -> frozenset[str]:
    """Give every IRI that a query names, in full or by a prefix that it or the caller declares."""
    spaces = {**(namespaces or {}), **dict(_PREFIX.findall(text))}
    short = {spaces[one] + name for one, name in _NAME.findall(text) if one in spaces}
    return frozenset({*_IRI.findall(text), *short, RDF_TYPE})
