"""A judgement: what is wrong, where it stands in what was sent, and what to do about it."""

import json
import urllib.parse
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ergaomnes import __version__, media
from ergaomnes.engine import Iri, Term
from ergaomnes.errors import did_you_mean
from ergaomnes.places import Place
from ergaomnes.report import Finding, Report, Severity
from ergaomnes.terms import Prefixes

# Plain JSON for programs and spreadsheets, SARIF for editors and CI, the W3C report for the rest.
WRITTEN: tuple[media.Format, ...] = (
    media.PLAIN_JSON,
    media.TURTLE,
    media.JSON_LD,
    media.N_TRIPLES,
    media.RDF_XML,
    media.TRIG,
    media.N_QUADS,
    media.SARIF,
)


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact that was sent and has to do with one that stands: the same, or another value."""

    subject: str
    property: str
    sent: Term
    file: str
    place: Place | None
    standing: tuple[Term, ...]
    """The values that stand; the one that was sent where it stands already."""
    source: str
    """The sources of what stands, in words."""
    sent_source: str = ""
    """The sources of what was sent, in words."""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding, the place to look at, and the names that may have been meant."""

    finding: Finding
    file: str
    place: Place | None
    near: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    """How the property is used, in English, from its definition."""

    def remedy(self, language: str) -> str:
        """Say what to do about it, with a near name in front when there is one."""
        if language == "en" and self.near:
            return f"{did_you_mean(self.near)} {self.finding.remedy(language)}"
        return self.finding.remedy(language)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with some submissions, or with the packaged graph."""

    report: Report
    located: tuple[Located, ...]
    known: tuple[Stated, ...] = ()
    """What was sent and stands already."""
    contradicted: tuple[Stated, ...] = ()
    """What was sent where another value stands and a record has one only."""

    def passes(self, *, strict: bool) -> bool:
        """Say whether nothing is wrong; when strict, a warning is wrong too."""
        return self.report.conforms and not (strict and self.report.count(Severity.WARNING))

    @property
    def warnings(self) -> int:
        """Count what is no violation and yet doubtful."""
        return self.report.count(Severity.WARNING)

    def as_text(self, prefixes: Prefixes, language: str) -> str:
        """Say all of it for a person at a terminal."""
        words = _WORDS.get(language, _WORDS["en"])
        lines: list[str] = []
        for group in self._groups().values():
            first = group[0].finding
            severity = words[first.severity.name.lower()]
            lines.append(f"{severity} ×{len(group)} · {prefixes.short(first.shape)}")
            lines.append(f"  {first.sentence(language)}")
            if remedy := first.remedy(language):
                lines.append(f"  → {remedy}")
            for one in group:
                lines.append(f"    {_where(one, words)}  {_what(one.finding, prefixes)}")
                if one.near:
                    lines.append(f"      {words['near']}: {', '.join(one.near)}")
            lines.append("")
        if self.contradicted:
            lines.append(f"{words['contradicted']} ×{len(self.contradicted)}")
            for told in self.contradicted:
                sent, standing = str(told.sent), ", ".join(map(str, told.standing))
                lines.append(f"    {_where(told, words)}  {_of(told, prefixes)}")
                lines.append(f"      {words['sent']}: {_beside(sent, told.sent_source)}")
                lines.append(f"      {words['stands']}: {_beside(standing, told.source)}")
            lines.append("")
        if self.known:
            lines += [f"{words['known']} ×{len(self.known)}", ""]
        counts = ", ".join(
            f"{self.report.count(severity)} {words[severity.name.lower() + 's']}"
            for severity in sorted(Severity, reverse=True)
        )
        lines.append(f"{words['conforms' if self.report.conforms else 'fails']} ({counts})")
        return "\n".join(lines)

    def _groups(self) -> dict[str, list[Located]]:
        groups: dict[str, list[Located]] = defaultdict(list)
        for one in self.located:
            groups[one.finding.shape].append(one)
        return groups

    def json(self, prefixes: Prefixes, language: str) -> str:
        """Write all of it as JSON."""
        return json.dumps(self.as_json(prefixes, language), ensure_ascii=False, indent=2)

    def as_json(self, prefixes: Prefixes, language: str) -> dict[str, object]:
        """Say all of it as plain JSON: the findings grouped by the rule they break."""
        return {
            "conforms": self.report.conforms,
            "counts": {
                severity.name.lower(): self.report.count(severity)
                for severity in sorted(Severity, reverse=True)
            },
            "language": language,
            "rules": [
                {
                    "shape": shape,
                    "name": prefixes.short(shape),
                    "severity": found[0].finding.severity.name.lower(),
                    "sentence": found[0].finding.sentence(language),
                    "remedy": found[0].finding.remedy(language),
                    "examples": list(found[0].examples),
                    "count": len(found),
                    "findings": [_as_json(one, language) for one in found],
                }
                for shape, found in self._groups().items()
            ],
            "known": [_told_as_json(one) for one in self.known],
            "contradicted": [_told_as_json(one) for one in self.contradicted],
        }

    def sarif(self, prefixes: Prefixes, language: str) -> str:
        """Write all of it as SARIF 2.1.0, which editors and CI services show beside the text."""
        groups = self._groups()
        rules = [
            {
                "id": prefixes.short(shape),
                "shortDescription": {"text": found[0].finding.sentence(language)},
                "help": {"text": found[0].finding.remedy(language) or "—"},
                **({"helpUri": shape} if " " not in shape else {}),
                "defaultConfiguration": {"level": _LEVELS[found[0].finding.severity]},
            }
            for shape, found in groups.items()
        ]
        results = [
            _as_sarif(one, number, prefixes, language)
            for number, found in enumerate(groups.values())
            for one in found
        ]
        driver = {
            "name": "Erga Omnes",
            "version": __version__,
            "informationUri": prefixes.base,
            "rules": rules,
        }
        run = {
            "tool": {"driver": driver},
            "language": language,
            "columnKind": "unicodeCodePoints",
            "results": results,
        }
        log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
        return json.dumps(log, ensure_ascii=False, indent=2)

    def written(self, written_as: media.Format, prefixes: Prefixes, language: str) -> bytes:
        """Write all of it in one of the formats of `WRITTEN`."""
        if written_as == media.PLAIN_JSON:
            return self.json(prefixes, language).encode()
        if written_as == media.SARIF:
            return self.sarif(prefixes, language).encode()
        return self.report.written(prefixes, written_as.name)


_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.VIOLATION: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_WORDS = {
    "en": {
        "violation": "VIOLATION",
        "warning": "WARNING",
        "info": "ADVICE",
        "violations": "violations",
        "warnings": "warnings",
        "infos": "pieces of advice",
        "conforms": "Conforms.",
        "fails": "Does not conform.",
        "unknown": "place unknown",
        "near": "perhaps meant",
        "known": "ALREADY KNOWN",
        "contradicted": "OTHERWISE IN THE GRAPH",
        "sent": "sent",
        "stands": "stands",
    },
    "fr": {
        "violation": "VIOLATION",
        "warning": "AVERTISSEMENT",
        "info": "CONSEIL",
        "violations": "violation(s)",
        "warnings": "avertissement(s)",
        "infos": "conseil(s)",
        "conforms": "Conforme.",
        "fails": "Non conforme.",
        "unknown": "endroit inconnu",
        "near": "peut-être",
        "known": "DÉJÀ CONNU",
        "contradicted": "AUTREMENT DANS LE GRAPHE",
        "sent": "envoyé",
        "stands": "en place",
    },
    "ru": {
        "violation": "НАРУШЕНИЕ",
        "warning": "ПРЕДУПРЕЖДЕНИЕ",
        "info": "СОВЕТ",
        "violations": "нарушений",
        "warnings": "предупреждений",
        "infos": "советов",
        "conforms": "Соответствует.",
        "fails": "Не соответствует.",
        "unknown": "место неизвестно",
        "near": "возможно",
        "known": "УЖЕ ИЗВЕСТНО",
        "contradicted": "В ГРАФЕ ИНАЧЕ",
        "sent": "прислано",
        "stands": "значится",
    },
}


def text_of(report: Mapping[str, Any]) -> str:
    """Say for a person at a terminal what a report in plain JSON says."""
    words = _WORDS.get(str(report["language"]), _WORDS["en"])
    lines: list[str] = []
    for rule in report["rules"]:
        lines.append(f"{words[rule['severity']]} ×{rule['count']} · {rule['name']}")
        lines.append(f"  {rule['sentence']}")
        if rule["remedy"]:
            lines.append(f"  → {rule['remedy']}")
        for one in rule["findings"]:
            where = f"{one['file']} ({words['unknown']})"
            if one["line"] is not None:
                where = f"{one['file']}:{one['line']}:{one['column']}"
            what = (one["focus"], ", ".join(one["path"]), one["value"])
            lines.append(f"    {where}  {'  '.join(filter(None, what))}")
            if one["near"]:
                lines.append(f"      {words['near']}: {', '.join(one['near'])}")
        lines.append("")
    counts = ", ".join(f"{many} {words[name + 's']}" for name, many in report["counts"].items())
    lines.append(f"{words['conforms' if report['conforms'] else 'fails']} ({counts})")
    return "\n".join(lines)


def _where(one: Located | Stated, words: Mapping[str, str]) -> str:
    if one.place is None:
        return " ".join(filter(None, (one.file, f"({words['unknown']})")))
    return f"{one.file}:{one.place.line}:{one.place.column}"


def _what(finding: Finding, prefixes: Prefixes) -> str:
    parts = [_short(finding.focus, prefixes), ", ".join(map(prefixes.short, finding.path))]
    if finding.value is not None:
        parts.append(_short(finding.value, prefixes))
    return "  ".join(filter(None, parts))


def _short(term: Term, prefixes: Prefixes) -> str:
    return prefixes.short(term.value) if isinstance(term, Iri) else str(term)


def _of(told: Stated, prefixes: Prefixes) -> str:
    return f"{prefixes.short(told.subject)}  {prefixes.short(told.property)}"


def _beside(value: str, source: str) -> str:
    return f"{value}  ({source})" if source else value


def _told_as_json(told: Stated) -> dict[str, object]:
    return {
        "focus": told.subject,
        "path": told.property,
        "value": str(told.sent),
        "source": told.sent_source,
        "file": told.file,
        "line": told.place.line if told.place else None,
        "column": told.place.column if told.place else None,
        "standing": [str(value) for value in told.standing],
        "standing_source": told.source,
    }


def _as_sarif(one: Located, rule: int, prefixes: Prefixes, language: str) -> dict[str, Any]:
    finding = one.finding
    # A file's name as it was given, made a relative reference.
    place: dict[str, Any] = {"artifactLocation": {"uri": urllib.parse.quote(one.file)}}
    if one.place is not None:
        place["region"] = {"startLine": one.place.line, "startColumn": one.place.column}
    text = " ".join(
        filter(None, (finding.sentence(language), one.remedy(language), _what(finding, prefixes)))
    )
    return {
        "ruleId": prefixes.short(finding.shape),
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": str(finding.focus)}],
            }
        ],
    }


def _as_json(one: Located, language: str) -> dict[str, object]:
    finding = one.finding
    return {
        "focus": str(finding.focus),
        "path": list(finding.path),
        "value": None if finding.value is None else str(finding.value),
        "file": one.file,
        "line": one.place.line if one.place else None,
        "column": one.place.column if one.place else None,
        "near": list(one.near),
        "remedy": one.remedy(language),
        "constraint": finding.component,
    }
