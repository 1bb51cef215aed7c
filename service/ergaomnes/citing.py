"""How an answer is cited: a link that stays, what it said, and the forms that libraries read.

The link holds every parameter and the generation asked. The hash is SHA-256 over the bytes of the
whole answer as CSV, so whoever follows the link with `format=csv` can make it again.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ergaomnes import media
from ergaomnes.answers import Answered, comma_separated
from ergaomnes.catalogue import as_typed
from ergaomnes.engine import Triples
from ergaomnes.errors import NotAcceptable
from ergaomnes.terms import Prefixes

TEXT = media.Format("txt", ("text/plain",))
# https://docs.citationstyles.org/en/stable/specification.html
CSL_JSON = media.Format("csl", ("application/vnd.citationstyles.csl+json", "application/json"))
BIBTEX = media.Format("bib", ("application/x-bibtex", "text/x-bibtex"))

_NOT_IN_KEY = re.compile(r"[^a-z0-9]+")
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """What is said of an answer so that another finds it and can tell whether it is the same."""

    title: str
    dataset: str
    publisher: str
    version: str
    issued: str
    """The day of the version cited, `YYYY-MM-DD`, or nothing where the dataset names none."""
    generation: str
    url: str
    sha256: str
    last_known: tuple[str, ...]
    accessed: datetime.date

    @property
    def key(self) -> str:
        """Give a name for lists of references: letters, digits and hyphens."""
        words = f"{self.dataset.partition(':')[0]} {self.title} {self.generation[:8]}"
        return _NOT_IN_KEY.sub("-", words.lower()).strip("-")

    @property
    def note(self) -> str:
        """Say what lets a reader check it."""
        reach = f"last known on {', '.join(self.last_known)}; " if self.last_known else ""
        return f"{reach}generation {self.generation}; SHA-256 of the CSV: {self.sha256}"


def cited(
    answered: Answered,
    prefixes: Prefixes,
    *,
    dataset: Mapping[str, str],
    generation: str,
    url: str,
    accessed: datetime.date,
) -> Citation:
    """Make the citation of a whole answer; `dataset` holds its title, publisher, version."""
    if isinstance(answered.answer, Triples):
        raise NotAcceptable([TEXT.media_type])
    question = answered.question
    typed = as_typed(answered.bound, prefixes)
    name = f"{question.title} ({question.number})" if question.number else question.title
    asked = ", ".join(f"{parameter} {value}" for parameter, value in typed.items())
    return Citation(
        title=f"{name}: {asked}" if asked else name,
        dataset=dataset.get("title", ""),
        publisher=dataset.get("publisher", ""),
        version=dataset.get("version", ""),
        issued=dataset.get("issued", ""),
        generation=generation,
        url=url,
        sha256=hashlib.sha256(comma_separated(answered, prefixes)).hexdigest(),
        last_known=answered.last_known,
        accessed=accessed,
    )


def text(citation: Citation) -> bytes:
    """Write one line for a footnote."""
    version = f", version {citation.version}" if citation.version else ""
    said = (
        f"{citation.publisher}. “{citation.title}”. {citation.dataset}{version}. "
        f"{citation.url} (accessed {citation.accessed}; {citation.note})."
    )
    return f"{said}\n".encode()


def bibtex(citation: Citation) -> bytes:
    """Write a BibTeX entry; what TeX would obey is written so that it prints."""
    # A URL stands in its field as it is, but for what would end the field.
    url = citation.url.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
    fields = {
        "title": f"{{{_tex(citation.title)}}}",
        "author": f"{{{_tex(citation.publisher)}}}",
        "howpublished": _tex(citation.dataset),
        "year": citation.issued[:4],
        "version": _tex(citation.version),
        "url": url,
        "urldate": citation.accessed.isoformat(),
        "note": _tex(citation.note),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{citation.key},", *lines, "}", ""]).encode()


def csl_json(citation: Citation) -> bytes:
    """Write CSL-JSON: a list of one item, as reference managers read it."""
    item: dict[str, object] = {
        "id": citation.key,
        "type": "dataset",
        "title": citation.title,
        "container-title": citation.dataset,
        "publisher": citation.publisher,
        "author": [{"literal": citation.publisher}],
        "version": citation.version,
        "URL": citation.url,
        "accessed": _csl_date(citation.accessed.isoformat()),
        "note": citation.note,
    }
    if citation.issued:
        item["issued"] = _csl_date(citation.issued)
    return (json.dumps([item], ensure_ascii=False, indent=1) + "\n").encode()


def _csl_date(day: str) -> dict[str, object]:
    return {"date-parts": [[int(part) for part in day.split("-")]]}


def _tex(value: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in " ".join(value.split()))


WRITERS: Mapping[str, Callable[[Citation], bytes]] = {
    TEXT.name: text,
    BIBTEX.name: bibtex,
    CSL_JSON.name: csl_json,
}
FORMATS = (TEXT, BIBTEX, CSL_JSON)
