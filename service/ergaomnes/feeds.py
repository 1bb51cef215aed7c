"""Feeds: entries as Atom (RFC 4287) and as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/).

The text of an entry may come from anybody: it is always text, never markup.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

ATOM, JSON_FEED = "application/atom+xml", "application/feed+json"

_ATOM = "http://www.w3.org/2005/Atom"
# What XML 1.0 has no place for, such as control characters.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `updated` is an xsd:dateTime with its zone."""

    id: str
    title: str
    updated: str
    link: str
    text: str = ""
    about: tuple[str, ...] = ()
    """What it concerns, in words."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed, the newest entry first."""

    id: str
    title: str
    updated: str
    page: str
    """Where people read the same."""
    here: str
    entries: Sequence[Entry]
    author: str = "Erga Omnes"

    def atom(self) -> bytes:
        """Write it as Atom."""
        ET.register_namespace("", _ATOM)
        feed = ET.Element(f"{{{_ATOM}}}feed")
        _text(feed, "id", self.id)
        _text(feed, "title", self.title)
        _text(feed, "updated", self.updated)
        _text(_in(feed, "author"), "name", self.author)
        _in(feed, "link", rel="self", type=ATOM, href=self.here)
        _in(feed, "link", rel="alternate", href=self.page)
        for one in self.entries:
            entry = _in(feed, "entry")
            _text(entry, "id", one.id)
            _text(entry, "title", one.title)
            _text(entry, "updated", one.updated)
            _in(entry, "link", rel="alternate", href=one.link)
            for about in one.about:
                _in(entry, "category", term=_clean(about))
            if one.text:
                _text(entry, "summary", one.text)
        written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
        return written + b"\n"

    def json(self) -> bytes:
        """Write it as JSON Feed."""
        said = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": self.title,
            "home_page_url": self.page,
            "feed_url": self.here,
            "authors": [{"name": self.author}],
            "items": [
                {
                    "id": one.id,
                    "url": one.link,
                    "title": one.title,
                    "content_text": one.text or one.title,
                    "date_modified": one.updated,
                    "tags": list(one.about),
                }
                for one in self.entries
            ],
        }
        return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"


def _in(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)


def _text(parent: ET.Element, name: str, text: str) -> None:
    _in(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
