"""What the generation at hand holds: its graphs, its terms, its sizes; asked for once."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from ergaomnes import media, results
from ergaomnes.catalogue import Catalogue
from ergaomnes.description import Counts
from ergaomnes.engine import Table, Term
from ergaomnes.worker import Readers


class Known:
    """What can be told of a generation; each answer is kept until there is another generation."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self.readers = readers
        self.catalogue = catalogue
        self._kept: dict[str, Table] = {}
        self._generation = ""

    async def graphs(self) -> Mapping[str, int]:
        """Give how many facts each named graph states."""
        return _sizes(await self.table("graph-sizes"))

    async def terms(self) -> tuple[str, ...]:
        """Give the classes and properties of the ontology."""
        found = (await self.table("term-names")).column("term")
        return tuple(dict.fromkeys(str(term) for term in found))

    async def counts(self) -> Counts:
        """Count the whole: each fact once, in however many graphs it stands."""
        whole, properties, classes = await asyncio.gather(
            self.table("whole-size"), self.table("property-sizes"), self.table("class-sizes")
        )
        [row] = whole
        facts, subjects, values, records = (
            int(str(row[name])) for name in ("facts", "subjects", "values", "records")
        )
        return Counts(
            triples=facts,
            subjects=subjects,
            objects=values,
            entities=records,
            properties=_sizes(properties),
            classes=_sizes(classes),
        )

    async def dataset(self) -> tuple[tuple[Term | None, ...], ...]:
        """Give what the data say of the dataset: subject, property, value."""
        return (await self.table("dataset-facts")).rows

    async def table(self, question: str) -> Table:
        """Answer a question that has no parameters."""
        generation = self.readers.generation
        if generation != self._generation:
            answers = await asyncio.to_thread(self._answered_beforehand, self.readers.dump)
            self._kept, self._generation = answers, generation
        if question not in self._kept:
            asked = self.readers.guarded(self.catalogue[question].text)
            reply = await self.readers.replied(asked, media.SPARQL_JSON, whole=True)
            found = results.table(reply.body)
            if reply.generation == self._generation:
                self._kept[question] = found
            return found
        return self._kept[question]

    def _answered_beforehand(self, dump: Path) -> dict[str, Table]:
        """Read what was answered when the store was built; a dump by itself has no such answers."""
        if self.readers.settings.dump is not None:
            return {}
        try:
            answers = json.loads(dump.with_name("answers.json").read_bytes())
        except (OSError, ValueError):
            answers = {}
        return {
            name: results.table(answer["results"])
            for name, answer in answers.items()
            if name in self.catalogue.files and answer["query"] == self.catalogue[name].text
        }


def _sizes(table: Table) -> dict[str, int]:
    return {str(named): int(str(many)) for named, many in table.rows}
