"""`ergaomnes questions`: what can be asked."""

from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ergaomnes.catalogue import Catalogue, Parameter, Question
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes


def questions(
    name: Annotated[
        str | None, typer.Argument(help="Show this one in full, by its name or number.")
    ] = None,
) -> None:
    """List the questions that can be asked."""
    catalogue = Catalogue(shipped().queries, prefixes())
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    if name is not None:
        _show(console, catalogue[name])
        return
    for question in catalogue:
        console.print(
            Text.assemble((f"{question.number or '':<7}", "dim"), (question.title, "bold"))
        )
        console.print(Padding(Text(question.question), (0, 0, 0, 7)))
        options = [f"--{one.replace('_', '-')}" for one in question.parameters]
        command = " ".join([question.name, *options])
        console.print(Padding(Text(command, style="dim"), (0, 0, 0, 7)))
        console.print()
    console.print(Text("One in full: ergaomnes questions NAME. Ask it: ergaomnes ask NAME."))


def _show(console: Console, question: Question) -> None:
    number = f"{question.number}  " if question.number else ""
    console.print(Text(f"{number}{question.title}", style="bold"))
    console.print(Text(question.question))
    console.print(Text(f"Name: {question.name}"))
    if question.audience:
        console.print(Text(f"For: {', '.join(question.audience)}"))
    if question.tags:
        console.print(Text(f"About: {', '.join(question.tags)}"))
    _print_pairs(
        console,
        "Options",
        [
            (f"--{one.name.replace('_', '-')}", f"{one.about} (default: {_default(one)})")
            for one in question.parameters.values()
        ],
    )
    _print_pairs(console, "Columns", list(question.columns.items()))
    example = f"ergaomnes ask {question.name} {_example(question)}".rstrip()
    console.print(Text(f"\n{example}"), soft_wrap=True)


def _print_pairs(console: Console, title: str, pairs: list[tuple[str, str]]) -> None:
    if not pairs:
        return
    console.print(Text(f"\n{title}", style="bold"))
    grid = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for left, right in pairs:
        grid.add_row(Text(f"  {left}"), Text(right))
    console.print(grid)


def _default(parameter: Parameter) -> str:
    return "today" if parameter.is_today else parameter.typed(parameter.default, prefixes())


def _example(question: Question) -> str:
    return " ".join(
        f"--{one.name.replace('_', '-')} {one.typed(one.default, prefixes())}"
        for one in question.parameters.values()
    )
