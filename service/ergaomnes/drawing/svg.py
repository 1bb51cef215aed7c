"""What every picture is made of: safe text, measured and wrapped, elements, and the frame around.

Colours are presentation attributes of the light scheme, so that a picture stands by itself, in a
file or on paper; classes let the style sheet of a page give those of the dark scheme. Nothing here
needs a style attribute, which a strict Content-Security-Policy refuses.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from ergaomnes.drawing.palette import INKS, LOOKS, STANDINGS, slug

SANS = "'Noto Sans', system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
SERIF = "'Source Serif 4', Charter, Georgia, 'DejaVu Serif', serif"
WIDTH = 960
MARGIN = 16
LONGEST = 400
"""Characters of one text; what is longer is cut, as a picture is no place for it."""

_FOLLOWED = re.compile(
    r"(?:https?://|/(?!/)|#)[^\s\\\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]{0,999}"
)
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NARROW = frozenset("ijlIftr.,;:'’|!()[]-‐· /")
_BROAD = frozenset("mwMWQOGЖШЩЮФМжшщюфмы@%—&…")
_FOOT = 11.5

Value = str | float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture says about itself.

    `name` begins its ids and is to be unique on a page. `source` is its foot: who says so, and as
    at which day. Where `headed` is false the title is told, but not drawn: a heading stands above.
    """

    name: str
    title: str
    description: str
    source: str
    lang: str = "en"
    headed: bool = True

    def id(self, part: str) -> str:
        """Name a part of the picture as no other picture does."""
        return f"{_UNFIT.sub('-', self.name[:60])}-{part}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that is pointed out, with its words."""

    day: date
    label: str


def clean(text: str) -> str:
    """Give a text as XML may hold it, on one line, and of a length that is bounded."""
    if text.isprintable() and len(text) <= LONGEST:  # as nearly all are
        return " ".join(text.split())
    kept = "".join(
        " " if sign.isspace() else "\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") else sign
        for sign in text[: LONGEST * 4]
        if sign not in _TURNING and sign not in "\ufffe\uffff"
    )
    return cut(" ".join(kept.split()), LONGEST)


def cut(text: str, most: int) -> str:
    """Shorten a text to so many characters, and show that it was."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def width_of(text: str, size: float) -> float:
    """Tell how wide a text is at most, whichever of the usual fonts a reader has."""
    return size * sum(map(_advance, text))


@lru_cache(maxsize=4096)
def _advance(sign: str) -> float:
    if sign in _NARROW:
        return 0.41
    if sign in _BROAD:
        return 0.99
    if unicodedata.combining(sign):
        return 0.0
    if unicodedata.east_asian_width(sign) in ("W", "F"):
        return 1.05
    return 0.77 if sign.isupper() else 0.63


def fitted(text: str, size: float, room: float) -> str:
    """Shorten a text to the room there is."""
    text = clean(text)
    if width_of(text, size) <= room:
        return text
    while text and width_of(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, size: float, room: float, lines: int) -> list[str]:
    """Break a text into so many lines at most; the last is shortened where there is more."""
    words = clean(text).split(" ")
    rows: list[str] = []
    for place, word in enumerate(words):
        if rows and width_of(f"{rows[-1]} {word}", size) <= room:
            rows[-1] += f" {word}"
        elif len(rows) == lines:
            rows[-1] = fitted(" ".join((rows[-1], *words[place:])), size, room)
            break
        else:
            rows.append(word)
    return [fitted(row, size, room) for row in rows] or [""]


def element(name: str, attributes: Mapping[str, Value] | None = None, *children: str) -> str:
    """Write an element; its children are markup already."""
    said = "".join(
        f" {key}={quoteattr(number(value) if not isinstance(value, str) else value)}"
        for key, value in (attributes or {}).items()
        if value is not None and value != ""
    )
    inner = "".join(children)
    return f"<{name}{said}>{inner}</{name}>" if inner else f"<{name}{said}/>"


def number(value: float) -> str:
    """Write a number as short as a picture needs it, and the same on every machine."""
    return f"{round(value, 1) + 0:.1f}".removesuffix(".0")


def filled(name: str) -> dict[str, Value]:
    """Give the attributes of a thing filled with a colour."""
    return {"class": f"f-{name}", "fill": INKS[name].light}


def drawn(name: str, width: float = 1) -> dict[str, Value]:
    """Give the attributes of a line of a colour."""
    return {
        "class": f"s-{name}",
        "stroke": INKS[name].light,
        "stroke-width": width,
        "fill": "none",
    }


def text(
    words: str,
    x: float,
    y: float,
    size: float,
    colour: str = "ink",
    *,
    anchor: str = "",
    weight: str = "",
    family: str = "",
) -> str:
    """Write a line of text; it has been fitted by whoever places it."""
    return element(
        "text",
        filled(colour)
        | {
            "x": x, "y": y, "font-size": size, "text-anchor": anchor, "font-weight": weight,
            "font-family": family,
        },
        escape(clean(words)),
    )  # fmt: skip


def titled(markup: str, title: str, href: str = "", datum: str = "") -> str:
    """Group what shows one datum, with its title; a link where there is an address to follow.

    A link is not a stop of the Tab key: the table beside the picture holds the same links.
    """
    inner = (element("title", None, escape(clean(title))) if title else "") + markup
    if href and _FOLLOWED.fullmatch(href):
        return element("a", {"href": href, "tabindex": "-1", "class": datum}, inner)
    return element("g", {"class": datum}, inner)


def swatch(picture: Picture, standing: str) -> dict[str, Value]:
    """Give the attributes of what shows a standing: its pattern, and its outline."""
    look = LOOKS[standing]
    outline = next(name for name, ink in INKS.items() if ink is look.outline)
    return {
        "fill": f"url(#{picture.id(slug(standing))})",
        "class": f"s-{outline}",
        "stroke": look.outline.light,
    }


def patterns(picture: Picture, standings: Iterable[str]) -> str:
    """Define the patterns of the standings that are shown."""
    shown = set(standings)
    return element("defs", None, *(_pattern(picture, name) for name in STANDINGS if name in shown))


def _pattern(picture: Picture, standing: str) -> str:
    look = LOOKS[standing]
    return element(
        "pattern",
        {
            "id": picture.id(slug(standing)),
            "width": 8,
            "height": 8,
            "patternUnits": "userSpaceOnUse",
        },
        element("rect", filled(slug(standing)) | {"width": 8, "height": 8}),
        element("path", drawn(look.over, 1.6) | {"d": look.lines}) if look.lines else "",
    )


def legended(
    picture: Picture, words: Mapping[str, str], shown: Iterable[str], top: float
) -> tuple[str, float]:
    """Draw the legend of the standings shown, in words; give it and where it ends."""
    present = set(shown)
    x, y, parts = float(MARGIN), top, []
    for standing in STANDINGS:
        if standing not in present:
            continue
        word = fitted(words.get(standing, standing), 12.5, 300)
        wide = 22 + width_of(word, 12.5) + 18
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y = float(MARGIN), y + 22
        parts += [
            element("rect", swatch(picture, standing)
                    | {"x": x, "y": y, "width": 15, "height": 13, "rx": 2}),
            text(word, x + 22, y + 11, 12.5),
        ]  # fmt: skip
        x += wide
    if not parts:
        return "", top
    return element("g", {"class": "legend"}, *parts), y + 26


def heading(picture: Picture) -> tuple[str, float]:
    """Draw the title, where it is drawn; give it and where the picture may begin."""
    if not picture.headed:
        return "", float(MARGIN)
    lines = wrapped(picture.title, 20, WIDTH - 2 * MARGIN, 2)
    drawn_lines = [
        text(line, MARGIN, 34 + 25 * place, 20, weight="600", family=SERIF)
        for place, line in enumerate(lines)
    ]
    return "".join(drawn_lines), 34 + 25 * (len(lines) - 1) + 22


def framed(
    picture: Picture, content: Sequence[str], bottom: float, width: float = WIDTH, note: str = ""
) -> str:
    """Put the frame around what was drawn: names, ground, note, source."""
    lines = [
        (line, colour)
        for said, colour in ((note, "soft"), (picture.source, "soft"))
        if said
        for line in wrapped(said, _FOOT, width - 2 * MARGIN, 3)
    ]
    height = bottom + 17 * len(lines) + 12
    said = (
        text(line, MARGIN, bottom + 13 + 17 * place, _FOOT, colour)
        for place, (line, colour) in enumerate(lines)
    )
    return enclosed(picture, width, height, [*content, *said])


def enclosed(picture: Picture, width: float, height: float, content: Sequence[str]) -> str:
    """Make a picture of what was drawn: its size, its names, its ground."""
    title, description = picture.id("title"), picture.id("desc")
    # what is inside an image cannot be reached, and a link must be
    role = "graphics-document" if any("<a href=" in part for part in content) else "img"
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "class": "drawing", "role": role,
            "viewBox": f"0 0 {number(width)} {number(height)}", "width": width, "height": height,
            "lang": picture.lang, "xml:lang": picture.lang, "font-family": SANS,
            "aria-labelledby": f"{title} {description}",
        },
        element("title", {"id": title}, escape(clean(picture.title))),
        element("desc", {"id": description}, escape(clean(picture.description))),
        element("rect", {"class": "ground", "width": width, "height": height,
                         "fill": INKS["paper"].light}),
        *content,
    )  # fmt: skip
