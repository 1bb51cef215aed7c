"""Keep the readers on the generation that is published, without dropping a request."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ergaomnes.build import Built, current, held, publish, published, tidy
from ergaomnes.errors import BuildFailed
from ergaomnes.settings import Settings
from ergaomnes.worker import Readers

_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Generation:
    """What is served: its name, its dump, and the built store where it has one."""

    name: str
    dump: Path
    built: Built | None = None


def first(settings: Settings) -> Generation:
    """Give what a service begins with: a dump that is named, or else the packaged graph.

    The packaged graph is built where there is none, and published.
    """
    if settings.dump is not None:
        try:
            stat = settings.dump.stat()
        except OSError as error:
            raise BuildFailed(f"{settings.dump}: {error.strerror or error}") from None
        return Generation(f"{stat.st_mtime_ns:x}-{stat.st_size:x}", settings.dump)
    built = current(settings)
    publish(settings, built)
    return _of(built)


Begun = tuple[Generation, Readers]


def begin(settings: Settings) -> Begun:
    """Find what to serve, and have its readers load it while the service is put together."""
    generation = first(settings)
    readers = Readers(
        generation.dump,
        settings,
        generation.name,
        slow_readers=settings.slow_readers,
        quick_time=settings.quick_time,
    )
    readers.begin()
    return generation, readers


class Watch:
    """Moves a pool to whatever is published, and keeps the store it reads from being removed.

    `moved` is called, in a thread, after each move.
    """

    def __init__(
        self, readers: Readers, began_with: Generation, moved: Callable[[Generation], None]
    ) -> None:
        self.readers = readers
        self.generation = began_with
        self._moved = moved
        self._hold = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self.generation.built is not None:
            self._hold.enter_context(held(self.generation.built))
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._hold.close()

    async def _follow(self) -> None:
        settings = self.readers.settings
        while True:
            await asyncio.sleep(_LOOK)
            found = await asyncio.to_thread(published, settings)
            if found is not None and found.key != self.generation.name:
                # A store that cannot be opened is no reason to stop serving the one at hand.
                with contextlib.suppress(BuildFailed):
                    await self._move(_of(found))

    async def _move(self, new: Generation) -> None:
        with contextlib.ExitStack() as hold:
            if new.built is not None:
                hold.enter_context(held(new.built))
            await self.readers.move(new.dump, new.name)
            self._hold.close()
            self._hold = hold.pop_all()
        self.generation = new
        await asyncio.to_thread(self._moved, new)
        await asyncio.to_thread(tidy, self.readers.settings)


def _of(built: Built) -> Generation:
    return Generation(built.key, built.dump, built)
