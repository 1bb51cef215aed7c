"""Hand in a contribution: what is needed of it is asked for, then it is judged, then it is kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ergaomnes import media
from ergaomnes.contributions import Contributions, Dossier, Said, Sent
from ergaomnes.errors import (
    BadParameter,
    ContributionIncomplete,
    ContributionRejected,
    NothingNew,
    TooManyContributions,
)
from ergaomnes.judging import Judged, Judges
from ergaomnes.submission import ADD, MODES, Part
from ergaomnes.tokens import Token

LICENCES = ("CC0-1.0", "CC-PDDC", "PDDL-1.0")
"""What is given under one of these may stand in a dataset that is given under the first."""
FIELDS = {
    "licence": f"the licence it is given under: {', '.join(LICENCES)}",
    "author": "the name to be known by; a pseudonym serves",
    "source": "where all of it was taken from; what cites a source itself needs none",
    "note": "what a curator should know",
    "mode": f"what the facts do: {', '.join(MODES)}; {ADD} unless given",
    "supersedes": "the number of the contribution in whose place it is handed in",
}
"""What is said of a contribution, and what each field holds."""

_LONGEST = 2000
_LONGEST_NAME = 200
_LANGUAGES = ("en", "fr", "ru")
_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Received:
    """What was kept of a contribution, and what was said of it."""

    dossier: Dossier
    is_new: bool


class Contributing:
    """Takes contributions into the dossiers of one data folder."""

    def __init__(self, contributions: Contributions, judges: Judges) -> None:
        self.contributions = contributions
        self.judges = judges
        self.settings = contributions.settings
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def receive(
        self,
        parts: Sequence[Part],
        fields: Mapping[str, str],
        by: Token,
        *,
        base: str,
        key: str = "",
        language: str = "en",
    ) -> Received:
        """Judge a contribution and keep it; raise what is missing or wrong, and keep nothing then.

        The same again, under the same key or with the same facts, is answered with what was kept.
        """
        said, lacking = _said(fields, language)
        sent = [Sent(part.name, part.kind.media_type, part.content) for part in parts]
        known = self.contributions.recognised(said, by, sent, key)
        if known is not None:
            return Received(known, is_new=False)
        self._check_limits(by)
        judged = self.judges.judge_parts(
            parts, written_as=media.PLAIN_JSON.media_type, language=language, mode=said.mode
        )
        report = json.loads(judged.body)
        if not judged.conforms:
            raise ContributionRejected(report)
        if judged.nameless:
            lacking["names"] = (
                f"{judged.nameless:,} facts are about blank nodes, which nobody can cite:"
                " name each thing by an IRI"
            )
        if lacking or (judged.unsourced and not said.source):
            raise ContributionIncomplete(lacking, [] if said.source else _places(judged))
        if not judged.patch:
            raise NothingNew(said.mode)
        dossier, is_new = self.contributions.submit(
            said,
            by,
            sent,
            report=judged.body,
            patch=judged.patch,
            following=judged.following,
            base=base,
            warnings=judged.warnings,
            key=key,
        )
        return Received(dossier, is_new)

    def _check_limits(self, by: Token) -> None:
        most_open = self.settings.open_contributions
        if most_open and self.contributions.open_of(by.name) >= most_open:
            raise TooManyContributions("open", most_open, _AN_HOUR)
        hourly = self.settings.contributions_per_hour
        if hourly and not self._window.hit(RateLimitItemPerHour(hourly), by.name):
            raise TooManyContributions("handed in within an hour", hourly, _AN_HOUR)


def _said(fields: Mapping[str, str], language: str) -> tuple[Said, dict[str, str]]:
    """Read what is said of a contribution, and tell what is missing."""
    given = {name: fields.get(name, "").strip() for name in FIELDS}
    for name, text in given.items():
        most = _LONGEST_NAME if name == "author" else _LONGEST
        if len(text) > most:
            raise BadParameter(name, f"{text[:40]}…", f"it has more than {most:,} characters")
    lacking = {}
    if given["licence"] not in LICENCES:
        lacking["licence"] = f"one of {', '.join(LICENCES)}, so that everybody may use the facts"
    if not given["author"]:
        lacking["author"] = "the name under which you want to be known; a pseudonym serves"
    mode = given["mode"] or ADD
    if mode not in MODES:
        raise BadParameter("mode", mode[:40], f"it is one of {', '.join(MODES)}")
    superseded = given["supersedes"]
    if superseded and not (superseded.isascii() and superseded.isdigit()):
        raise BadParameter("supersedes", superseded[:40], "it is the number of a contribution")
    if language not in _LANGUAGES:
        raise BadParameter("lang", language[:40], f"it is one of {', '.join(_LANGUAGES)}")
    return (
        Said(
            author=given["author"],
            licence=given["licence"],
            source=given["source"],
            note=given["note"],
            mode=mode,
            supersedes=int(superseded) if superseded else None,
            language=language,
        ),
        lacking,
    )


def _places(judged: Judged) -> list[dict[str, object]]:
    return [
        {"record": one.subject, "file": one.file, "line": one.line, "column": one.column}
        for one in judged.unsourced
    ]
