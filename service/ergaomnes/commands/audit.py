"""`ergaomnes audit`: see whether every record that was kept is as it was written."""

import typer

from ergaomnes.chain import REDACTED
from ergaomnes.contributions import Contributions
from ergaomnes.ledger import audited
from ergaomnes.redaction import verify
from ergaomnes.settings import Settings


def audit() -> None:
    """Check what was kept of changes and contributions: records, parts, hashes, signatures.

    The first record that is broken is named; then the exit status is 1.
    """
    settings = Settings.from_environment()
    ledger = audited(settings)
    for change in ledger.changes:
        counts = f"+{len(change.added)} −{len(change.removed)}"
        said = f"{change.author}: {change.reason}" if change.author else "taken away"
        typer.echo(f"{change.number:>6}  {change.time}  {counts:<12} {said}")
    contributions = Contributions(settings).chain.verified()
    verify(settings, contributions)
    for name, records in (("change", ledger.records), ("contribution", contributions)):
        gone = sum(record.kind == REDACTED for record in records)
        also = f", {gone:,} of them redactions that are signed" if gone else ""
        plural = "" if len(records) == 1 else "s"
        typer.echo(f"{len(records):,} record{plural} of {name}s{also}, and the chain holds.")
