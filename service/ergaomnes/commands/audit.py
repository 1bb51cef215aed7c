"""`ergaomnes audit`: see whether every record that was kept is as it was written."""

from typing import Annotated

import typer

from ergaomnes.chain import REDACTED
from ergaomnes.contributions import Contributions
from ergaomnes.history import History
from ergaomnes.ledger import audited
from ergaomnes.progress import shown
from ergaomnes.settings import Settings


def audit(
    again: Annotated[
        bool,
        typer.Option("--again", help="Make every generation again and compare it, too."),
    ] = False,
) -> None:
    """Check what was kept of changes, contributions and generations: hashes and signatures.

    The first record that is broken is named; then the exit status is 1. The hash at the end of each
    chain stands for all of it: whoever notes it elsewhere can tell later that nothing was altered.
    """
    settings = Settings.from_environment()
    ledger = audited(settings)
    for change in ledger.changes:
        counts = f"+{len(change.added)} −{len(change.removed)}"
        said = f"{change.author}: {change.reason}" if change.author else "taken away"
        typer.echo(f"{change.number:>6}  {change.time}  {counts:<12} {said}")
    contributions = Contributions(settings).verified()
    for name, records in (("change", ledger.records), ("contribution", contributions)):
        gone = sum(record.kind == REDACTED for record in records)
        also = f", {gone:,} of them redactions that are signed" if gone else ""
        plural = "" if len(records) == 1 else "s"
        head = f" (sha256 {records[-1].sha256})" if records else ""
        typer.echo(f"{len(records):,} record{plural} of {name}s{also}, and the chain holds.{head}")
    history = History(settings)
    count = len(history.generations())
    compared = 0
    with shown("Comparing generations") as tell:
        for number, (one, is_compared) in enumerate(history.verified(again=again), 1):
            tell(one.key, number, count)
            compared += is_compared
    typer.echo(f"{compared:,} of {count:,} generations compared with their records: the same.")
