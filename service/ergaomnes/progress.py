"""Progress for a person who waits: shown on a terminal's standard error, and nowhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

Tell = Callable[[str, int, int], None]


@contextlib.contextmanager
def shown(title: str) -> Iterator[Tell]:
    """Give a function that is told the step, how many are done and how many there are."""
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("", title=title, total=None)

        def tell(step: str, done: int, steps: int) -> None:
            bar.update(task, description=step, completed=done, total=steps)

        yield tell
