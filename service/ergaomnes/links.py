"""Where the pages of things are, for a reader who has chosen a language and a day."""

from dataclasses import dataclass

from ergaomnes.terms import Prefixes
from ergaomnes.thing import path_of

_DATED = ("/state/", "/instrument/", "/provision/", "/norm/", "/body/", "/scheme/right/")
"""Where the things are whose pages take a day."""


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of things for one reader."""

    prefixes: Prefixes
    root: str = ""
    """The path below which the service stands."""
    lang: str = ""
    """The language, where the reader has chosen one by the address; it goes from page to page."""
    on: str = ""
    """So does the day."""

    def __call__(self, iri: str) -> str:
        """Give the path of the page of a thing of ours, as a browser asks for it; else nothing."""
        base, things = self.prefixes.base, self.prefixes["id"]
        if not iri.startswith(base):
            return ""
        path = path_of(things if iri.startswith(things) else base, iri)
        pairs = [f"lang={self.lang}"] if self.lang else []
        if self.on and path.startswith(_DATED):
            pairs.insert(0, f"on={self.on}")
        return self.root + path + ("?" + "&".join(pairs) if pairs else "")
