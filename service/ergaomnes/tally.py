"""Counts of what was asked, and the page of them that Prometheus reads.

Each server process counts for itself. Where there are several, each leaves its counts in a folder
that they share, every second, and whoever is asked adds them up: a counter is the sum over all
processes, also those that have ended; a gauge is given for each process that lives, by `worker`.
"""

import asyncio
import contextlib
import json
import os
import resource
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The durations, in seconds, up to which requests are counted together."""

_EVERY = 1.0
_GONE = 10.0  # a process that has not counted for so long lives no more
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))

Counts = Mapping[str, Any]
State = Callable[[], Counts]


class Tally:
    """The counts of one server process; `state` gives what is at the moment."""

    def __init__(self, state: State, shared: Path | None = None) -> None:
        self.state = state
        self.shared = shared
        self.open = 0
        self._requests: dict[tuple[str, str, int], list[float]] = {}

    def count(self, route: str, method: str, status: int, seconds: float, size: int) -> None:
        """Count one request."""
        key = route, method if method in _METHODS else "other", status
        row = self._requests.get(key)
        if row is None:
            row = self._requests[key] = [0.0] * (len(BOUNDS) + 3)
        row[0] += size
        row[1] += seconds
        row[2 + bisect_left(BOUNDS, seconds)] += 1

    def page(self) -> bytes:
        """Write the page, https://prometheus.io/docs/instrumenting/exposition_formats/."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Give the metrics of all processes."""
        mine = self._all()
        everybody = [mine, *self._others()]
        living = [one for one in everybody if mine["time"] - one["time"] < _GONE]
        yield from _requests(everybody)
        yield from _counters(everybody)
        yield from _gauges(living)

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Leave the counts for the other processes, for as long as the with statement runs."""
        if self.shared is None:
            yield
            return
        task = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._leave()

    async def _tell(self) -> None:
        while True:
            await asyncio.to_thread(self._leave)
            await asyncio.sleep(_EVERY)

    def _leave(self) -> None:
        assert self.shared is not None  # noqa: S101 - there are others
        file = self.shared / f"{os.getpid()}.json"
        fresh = file.with_suffix(".new")
        with contextlib.suppress(OSError):  # counts are worth no fault
            fresh.write_text(json.dumps(self._all()), "ascii")
            fresh.replace(file)

    def _others(self) -> Iterator[Counts]:
        for file in sorted(self.shared.glob("*.json")) if self.shared else ():
            if file.stem != str(os.getpid()):
                with contextlib.suppress(OSError, ValueError):
                    yield json.loads(file.read_bytes())

    def _all(self) -> dict[str, Any]:
        return {
            "worker": str(os.getpid()),
            "time": time.time(),
            "requests": [[*key, row] for key, row in tuple(self._requests.items())],
            "open": self.open,
            "memory": _memory(),
            **self.state(),
        }


def _requests(everybody: Iterable[Counts]) -> Iterator[Metric]:
    rows: dict[tuple[str, str, int], list[float]] = {}
    for one in everybody:
        for route, method, status, row in one["requests"]:
            known = rows.setdefault((route, method, status), [0.0] * len(row))
            known[:] = map(sum, zip(known, row, strict=True))
    number = CounterMetricFamily(
        "ergaomnes_http_requests", "Requests answered.", labels=("route", "method", "status")
    )
    sizes = CounterMetricFamily(
        "ergaomnes_http_response_bytes", "Bytes of bodies sent.", labels=("route",)
    )
    times = HistogramMetricFamily(
        "ergaomnes_http_request_duration_seconds",
        "From the request to the last of the answer.",
        labels=("route",),
    )
    by_route: dict[str, list[float]] = {}
    for (route, method, status), row in sorted(rows.items()):
        number.add_metric((route, method, str(status)), sum(row[2:]))
        known = by_route.setdefault(route, [0.0] * len(row))
        known[:] = map(sum, zip(known, row, strict=True))
    for route, (size, seconds, *counts) in by_route.items():
        sizes.add_metric((route,), size)
        total, buckets = 0.0, []
        for bound, many in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
            total += many
            buckets.append((bound, total))
        times.add_metric((route,), buckets, seconds)
    yield from (number, sizes, times)


def _counters(everybody: Iterable[Counts]) -> Iterator[Metric]:
    sums: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    for one in everybody:
        sums.update(one["sums"])
        stopped.update(one["stopped"])
    for name, about in (
        ("cache_hits", "Answers sent again."),
        ("cache_misses", "Answers that had to be made."),
    ):
        yield CounterMetricFamily(f"ergaomnes_{name}", about, value=sums[name])
    family = CounterMetricFamily(
        "ergaomnes_queries_stopped",
        "Queries that ended without an answer, by the problem.",
        labels=("reason",),
    )
    for reason, many in sorted(stopped.items()):
        family.add_metric((reason,), many)
    yield family


def _gauges(living: Iterable[Counts]) -> Iterator[Metric]:
    living = list(living)
    for name, about in (
        ("open", "Requests being answered."),
        ("memory", "Resident memory of the server process, without its readers."),
        ("facts", "Facts in the generation that is served."),
        ("cache_bytes", "Memory taken by answers that are kept."),
        ("is_ready", "Whether the process takes requests: 1 or 0."),
    ):
        called = {"open": "http_requests_open", "memory": "resident_memory_bytes"}.get(name, name)
        family = GaugeMetricFamily(f"ergaomnes_{called}", about, labels=("worker",))
        for one in living:
            family.add_metric((one["worker"],), one[name])
        yield family
    readers = GaugeMetricFamily(
        "ergaomnes_queries",
        "Queries at work in the quick and the slow lane, and those that wait.",
        labels=("worker", "state"),
    )
    alive = GaugeMetricFamily("ergaomnes_readers", "Reader processes.", labels=("worker",))
    info = InfoMetricFamily("ergaomnes", "What is served, and by which version.")
    for one in living:
        for state, many in one["queries"].items():
            readers.add_metric((one["worker"], state), many)
        alive.add_metric((one["worker"],), one["readers"])
        info.add_metric((), {name: one[name] for name in ("generation", "version", "worker")})
    yield from (readers, alive, info)


def _memory() -> int:
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(pages) * resource.getpagesize()
