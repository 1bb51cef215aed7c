"""What was sent, line by line, with what was found at each: for a page beside the report."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ergaomnes.submission import TABLES, Part
from ergaomnes.terms import Prefixes

_MOST_LINES = 1500
_AROUND = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as a page shows it."""

    number: int
    """Counted through the whole report."""
    file: str
    line: int | None
    target: str
    """The fragment of the line in the page, where the text is shown."""
    focus: str
    path: tuple[str, ...]
    """The properties it is about, by their short names; of a table the column."""
    value: str
    address: str
    """Of the value, where it is a thing of ours."""
    near: tuple[str, ...]
    remedy: str
    """What to do about this one, where it is not the same for all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is broken, with all that breaks it."""

    name: str
    address: str
    """Of the shape; nothing where it is no address."""
    severity: str
    sentence: str
    remedy: str
    examples: tuple[str, ...]
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, and the numbers of the findings that it is to be looked at for.

    Number 0 is that it cannot be read.
    """

    number: int
    text: str
    target: str
    found: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A text that was sent; of a long one only what is near to a finding."""

    name: str
    lines: tuple[Line, ...]
    is_whole: bool
    is_table: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A report with the texts that it is about."""

    report: Mapping[str, Any]
    rules: tuple[Rule, ...]
    sheets: tuple[Sheet, ...]


def marked(report: Mapping[str, Any], parts: Sequence[Part], prefixes: Prefixes) -> Marked:
    """Put a report in plain JSON beside the texts that it is about."""
    texts = {number: _lines(part) for number, part in enumerate(parts, 1)}
    places = {part.name: number for number, part in enumerate(parts, 1)}
    found_at: dict[tuple[int, int], list[int]] = defaultdict(list)
    rules, count = [], 0
    column = prefixes.iri("table:acts") + "/"
    for rule in report["rules"]:
        findings = []
        remedies = {one["remedy"] for one in rule["findings"]}
        for one in rule["findings"]:
            count += 1
            sheet = places.get(one["file"], 0)
            target = ""
            if one["line"] is not None and one["line"] <= len(texts.get(sheet, ())):
                target = _target(sheet, one["line"])
                found_at[sheet, one["line"]].append(count)
            is_cell = any(name.startswith(column) for name in one["path"])
            findings.append(
                Found(
                    number=count,
                    file=one["file"],
                    line=one["line"],
                    target=target,
                    focus="" if is_cell else prefixes.short(one["focus"]),
                    path=tuple(
                        name.removeprefix(column) if is_cell else prefixes.short(name)
                        for name in one["path"]
                    ),
                    value=prefixes.short(one["value"] or ""),
                    address=one["value"] if (one["value"] or "").startswith(prefixes.base) else "",
                    near=tuple(one["near"]),
                    remedy=one["remedy"] if len(remedies) > 1 else "",
                )
            )
        rules.append(
            Rule(
                name=rule["name"],
                address=rule["shape"] if rule["shape"].startswith(prefixes.base) else "",
                severity=rule["severity"],
                sentence=rule["sentence"],
                remedy=rule["remedy"] if len(remedies) == 1 else "",
                examples=tuple(rule["examples"]),
                findings=tuple(findings),
            )
        )
    sheets = (_sheet(number, part, texts[number], found_at) for number, part in enumerate(parts, 1))
    return Marked(report, tuple(rules), tuple(one for one in sheets if one.lines))


def marked_at(parts: Sequence[Part], file: str, line: int | None) -> tuple[Sheet, ...]:
    """Give the text that cannot be read, marked where that was noticed."""
    for number, part in enumerate(parts, 1):
        lines = _lines(part)
        if part.name == file and line is not None and line <= len(lines):
            return (_sheet(number, part, lines, {(number, line): [0]}),)
    return ()


def text_of(part: Part) -> str | None:
    """Give what was sent as text; a workbook is none."""
    try:
        return part.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _lines(part: Part) -> list[str]:
    text = text_of(part)
    return [] if text is None else text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _sheet(
    number: int, part: Part, lines: list[str], found_at: Mapping[tuple[int, int], list[int]]
) -> Sheet:
    if lines and not lines[-1]:
        lines = lines[:-1]
    shown = set(range(1, len(lines) + 1))
    is_whole = len(lines) <= _MOST_LINES
    if not is_whole:
        marks = sorted(line for sheet, line in found_at if sheet == number)
        shown = set(_near(marks, len(lines)))
    made = (
        Line(line, lines[line - 1], _target(number, line), tuple(found_at.get((number, line), ())))
        for line in sorted(shown)
    )
    return Sheet(part.name, tuple(made), is_whole, part.kind in TABLES)


def _near(marks: Sequence[int], last: int) -> Iterator[int]:
    """Give the lines near to those with a finding, as many as a page holds."""
    seen: set[int] = set()
    for mark in marks:
        for line in range(max(1, mark - _AROUND), min(last, mark + _AROUND) + 1):
            if line not in seen and len(seen) < _MOST_LINES:
                seen.add(line)
                yield line


def _target(sheet: int, line: int) -> str:
    return f"text-{sheet}-{line}"
