"""Take in what is sent: RDF by its parsers, tables of acts by the importer."""

from functools import cached_property

from ergaomnes.contribution import Packaged
from ergaomnes.errors import BadColumns, BadRows, CellFault, did_you_mean
from ergaomnes.imports import Known, stated
from ergaomnes.places import Place, Places
from ergaomnes.store import EmbeddedEngine
from ergaomnes.submission import TABLES, Part, Submission, read_submission
from ergaomnes.table import Upload


class Intake:
    """Reads what is sent, beside what stands: a table names states and treaties by their names."""

    def __init__(self, packaged: Packaged) -> None:
        self.packaged = packaged

    @cached_property
    def known(self) -> Known:
        """What an import reads of what stands; it takes seconds to put together."""
        engine = EmbeddedEngine(self.packaged.background.store)
        return Known(engine, self.packaged.prefixes)

    def read(self, part: Part) -> Submission:
        """Read one text or table; what is wrong with the cells of a table is part of what it is."""
        if part.kind not in TABLES:
            return read_submission(part.content, part.kind, part.name)
        # A body has no name with an ending that would tell what it is.
        ending = f".{part.kind.name}"
        name = part.name if part.name.lower().endswith(ending) else part.name + ending
        try:
            facts, rows = stated(Upload(name, part.content), self.known)
        except BadRows as error:
            return Submission(part.name, (), Places(), error.faults)
        except BadColumns as error:
            hints = ((one, did_you_mean(one.near)) for one in error.faults)
            faults = (
                CellFault(1, one.name, "", one.why, near or error.remedy) for one, near in hints
            )
            return Submission(part.name, (), Places(), tuple(faults))
        places = {iri: Place(row, 1) for iri, row in rows.items()}
        return Submission(part.name, tuple(dict.fromkeys(facts)), Places(subjects=places))
