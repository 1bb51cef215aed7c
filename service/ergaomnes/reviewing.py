"""The pages of contributions: what was handed in, what became of it, forms to decide it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ergaomnes.contributing import LICENCES
from ergaomnes.contributions import STATES, SUBMITTED, Contributions, Dossier
from ergaomnes.errors import ErgaOmnesError
from ergaomnes.shown import Record, records
from ergaomnes.templates import LANGUAGES, Templates
from ergaomnes.terms import Prefixes

PATH = "/contributions"


@dataclass(frozen=True, slots=True)
class Content:
    """What a contribution changes, what follows from that, and what the shapes said of it."""

    changes: tuple[Record, ...]
    follows: tuple[Record, ...]
    report: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tried:
    """What somebody tried to do with a contribution, and why it was not done."""

    what: str = ""
    reason: str = ""
    problem: ErgaOmnesError | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """In which language somebody reads, and below which path."""

    lang: str
    root: str


class Reviewing:
    """Fills the pages; who may read what is decided by whoever asks for them."""

    def __init__(self, templates: Templates, prefixes: Prefixes) -> None:
        self.templates = templates
        self.prefixes = prefixes

    def content(self, contributions: Contributions, dossier: Dossier, reader: Reader) -> Content:
        """Read what a contribution holds."""
        patch, follows = contributions.patch(dossier.id), contributions.following(dossier.id)
        return Content(
            records(patch, self.prefixes, reader.root),
            records(follows, self.prefixes, reader.root),
            json.loads(contributions.report(dossier.id)),
        )

    def listed(
        self,
        reader: Reader,
        found: Sequence[tuple[Dossier, bool]],
        state: str,
        following: str,
    ) -> str:
        """Fill the list; of each contribution it is told whether all of it may be shown."""
        values = {
            "found": found,
            "state": state,
            "states": STATES,
            "next": following,
            "languages": self._languages(reader, PATH, state=state),
        }
        return self.templates.page("contributions.html", reader.lang, reader.root, values)

    def one(
        self,
        reader: Reader,
        dossier: Dossier,
        content: Content | None,
        *,
        is_whole: bool,
        tried: Tried,
        done: str = "",
    ) -> str:
        """Fill the page of a contribution; there is no content where that may not be shown."""
        values = {
            "one": dossier,
            "content": content,
            "is_whole": is_whole,
            "is_open": dossier.state == SUBMITTED,
            "tried": tried,
            "done": done,
            "iri": f"{self.prefixes.base}contribution/{dossier.id}",
            "here": f"{reader.root}{PATH}/{dossier.id}",
            "licences": LICENCES,
            "languages": self._languages(reader, f"{PATH}/{dossier.id}"),
        }
        return self.templates.page("contribution.html", reader.lang, reader.root, values)

    @staticmethod
    def _languages(reader: Reader, path: str, state: str = "") -> list[tuple[str, str]]:
        more = f"&state={state}" if state else ""
        return [(one, f"{reader.root}{path}?lang={one}{more}") for one in LANGUAGES]
