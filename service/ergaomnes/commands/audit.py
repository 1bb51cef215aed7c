"""`ergaomnes audit`: see whether every record of the ledger is as it was written."""

import typer

from ergaomnes.ledger import audited
from ergaomnes.settings import Settings


def audit() -> None:
    """Check the ledger of changes: each record, the chain of hashes, and the generations.

    The first record that is broken is named; then the exit status is 1.
    """
    ledger = audited(Settings.from_environment())
    for change in ledger.changes:
        counts = f"+{len(change.added)} −{len(change.removed)}"
        typer.echo(
            f"{change.number:>6}  {change.time}  {counts:<12} {change.author}: {change.reason}"
        )
    number = len(ledger.changes)
    typer.echo(f"{number:,} change{'' if number == 1 else 's'}, and the chain holds.")
