"""What each page shows: which questions, in which order, and the words for what they answer.

A page is a file `queries/pages/NAME.yaml`; the words of all are in `words.yaml` beside them:

    of: state                   # the page of each thing of this prefix, and its parameter
    at: /states                 # or: the path of a page that is of no thing
    title: {en: …, fr: …, ru: …}        # of a page that is of no thing; so is its first sentence,
    lead: {en: …, fr: …, ru: …}         # unless its own template says another
    schema: Country             # the class of schema.org that the thing of the page is of
    day: true                   # whether it takes `?on=`: the parameter `day` of its questions
    days: state-days            # the question for the days on which something changed
    takes: {s: state}           # other fields of its address, and the parameters they are
    needs: [s]                  # those without which nothing is asked
    choices: {s: states-to-choose}      # the question for what a field can be; names will do too
    flags: [differences]        # fields that only change what is shown, by their being there
    panels:
      - name: timeline          # unique on the page
        question: state-timeline
        title: {en: …, fr: …, ru: …}
        columns: [since, …]     # those that are shown, where they hold anything
        across: {row: state, column: instrument}    # one row for each state, one column for each
                                # instrument, and in each cell what `columns` of the answer hold
        short: true             # the columns are headed by the labels of the answer, untranslated
        rows: 50                # how many at most; all are one link away
        without: {change: […]}  # rows with these answers are counted, not shown
        shown: folded           # below its picture, the table is opened by the reader; or `list`:
                                # an answer of one row, as a list of its columns
        given: {right: …}       # parameters that are always the same here
        picture: when-bound     # a picture of the answer, one of `illustrating.PICTURES`
        picture_says: {en: …, fr: …, ru: …}     # what can be seen in it, for who does not see it
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ergaomnes.catalogue import Catalogue

Words = Mapping[str, str]
_FOLDER = "pages"
_WORDS = "words"
_MOST_ROWS = 50  # a page is to stay small


@dataclass(frozen=True, slots=True)
class Plan:
    """What a panel asks, and how it is shown."""

    name: str
    question: str
    title: Words
    columns: tuple[str, ...]
    rows: int = _MOST_ROWS
    across: Words = field(default_factory=dict)
    short: bool = False
    without: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shown: str = ""
    given: Words = field(default_factory=dict)
    picture: str = ""
    picture_says: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """What a page is of, what its address takes, and its panels."""

    name: str
    panels: tuple[Plan, ...]
    of: str = ""
    at: str = ""
    title: Words = field(default_factory=dict)
    lead: Words = field(default_factory=dict)
    schema: str = ""
    day: bool = False
    days: str = ""
    takes: Words = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    choices: Words = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @cached_property
    def fields(self) -> Words:
        """Give the parameter that each field of its address is."""
        return {**({self.of: self.of} if self.of else {}), **self.takes}


@dataclass(frozen=True, slots=True)
class Plans:
    """All pages, with their words."""

    pages: Mapping[str, Layout]
    values: Mapping[str, Words]
    """For what a question answers in words of its own: how it is said, and its `tone`."""
    columns: Mapping[str, Words]
    chips: frozenset[str]
    """The columns that answer so."""
    phrases: Mapping[str, Words]
    """What is said in pictures and in what programs read, beside templates."""


def plans(catalogue: Catalogue) -> Plans:
    """Read which pages there are."""
    folder = catalogue.folder / _FOLDER
    words = _read(folder / f"{_WORDS}.yaml")
    found = sorted(folder.glob("*.yaml"))
    pages = {file.stem: _layout(file) for file in found if file.stem != _WORDS}
    chips = frozenset(words["chips"])
    return Plans(pages, words["values"], words["columns"], chips, words["phrases"])


def said(words: Words, lang: str) -> str:
    """Say something in a language, or else in English."""
    return words.get(lang) or words.get("en", "")


def _layout(file: Path) -> Layout:
    read = _read(file)
    panels = tuple(
        Plan(**{**one, "columns": tuple(one["columns"])}) for one in read.pop("panels", ())
    )
    listed = {name: tuple(read.get(name, ())) for name in ("needs", "flags")}
    return Layout(file.stem, panels, **{**read, **listed})


def _read(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return read
