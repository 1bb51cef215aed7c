"""The colours and patterns of the pictures: one of each for every standing, never colour alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ink:
    """One colour in the light scheme and in the dark one."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a standing looks: its ground, its outline, and the lines drawn over the ground."""

    ground: Ink
    outline: Ink
    lines: str = ""
    over: str = "paper"


PAPER = Ink("#fdfcf9", "#17181b")
INK = Ink("#1d1d1b", "#e9e7e1")
SOFT = Ink("#5b5a55", "#a8a69e")
LINE = Ink("#d9d6cc", "#3a3b40")
ACCENT = Ink("#1f3f7a", "#9dbcf5")
TURN = Ink("#a3283f", "#f2909e")
SEA = Ink("#f0f2f4", "#1f2226")

_EDGE = Ink("#7b786f", "#8f8c85")
_BOUND = Ink("#1c6a8c", "#63b0d6")
_CONSENTED = Ink("#3f7d3a", "#83c377")
_SIGNED = Ink("#a26a06", "#e0ae45")
_LEFT = TURN
_UNCERTAIN = Ink("#6747a6", "#b8a0f0")

LOOKS: dict[str, Look] = {
    "bound": Look(_BOUND, _BOUND),
    "consented, not yet in force": Look(_CONSENTED, _CONSENTED, "M-2 2L2-2M-2 10L10-2M6 10L10 6"),
    "signed only": Look(_SIGNED, _SIGNED, "M1 2h2M5 6h2"),
    "left": Look(_LEFT, _LEFT, "M0 0L8 8M8 0L0 8"),
    "not a party": Look(Ink("#dedbd2", "#35363b"), _EDGE),
    "uncertain": Look(_UNCERTAIN, _UNCERTAIN, "M2 0v8M6 0v8"),
    "no data": Look(PAPER, _EDGE, "M3 4h2", "edge"),
}
STANDINGS = tuple(LOOKS)
"""The seven standings towards an instrument as the questions name them, in the order of legends."""


def slug(standing: str) -> str:
    """Name a standing as classes and ids can."""
    return standing.replace(",", "").replace(" ", "-")


INKS: dict[str, Ink] = {
    "paper": PAPER, "ink": INK, "soft": SOFT, "line": LINE, "accent": ACCENT, "turn": TURN,
    "edge": _EDGE, "sea": SEA,
} | {slug(standing): look.ground for standing, look in LOOKS.items()}  # fmt: skip
"""Every colour by the name that classes have it by: `f-ink` fills, `s-ink` draws."""


def stylesheet() -> str:
    """Give what a page adds to the pictures in it: they fit, and follow the dark scheme."""
    dark = "\n".join(
        f"  .drawing .f-{name} {{ fill: {ink.dark}; }}\n"
        f"  .drawing .s-{name} {{ stroke: {ink.dark}; }}"
        for name, ink in INKS.items()
    )
    return (
        ".drawing { display: block; max-width: 100%; height: auto; }\n"
        ".picture { overflow-x: auto; }\n"
        ".picture > .drawing { min-width: 44rem; }\n"
        ".drawing a:hover, .drawing a:focus { text-decoration: underline; }\n"
        ".drawing .ground { fill: none; }\n"
        "@media screen and (prefers-color-scheme: dark) {\n"
        f"{dark}\n}}\n"
        "@media print {\n  .drawing { break-inside: avoid; }\n}\n"
    )
