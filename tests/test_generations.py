import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ergaomnes import media
from ergaomnes.build import Built, build, held, publish, published, tidy
from ergaomnes.errors import BuildFailed
from ergaomnes.generations import Generation, Watch, first
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped
from ergaomnes.worker import Readers

NAMES = "SELECT ?name { ?s <http://www.w3.org/2004/02/skos/core#prefLabel> ?name } ORDER BY ?name"


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    """Give settings of one reader, whose stores are thrown away and not kept for long."""
    return Settings(data_dir=tmp_path / "home", readers=1, spares=0, kept_stores=1)


def called(small: Shipped, name: str) -> Shipped:
    """Give the small files with another name in them."""
    file = small.root / "data/states/rus.ttl"
    text = file.read_text("utf-8")
    before, _, rest = text.partition('prefLabel "')
    file.write_text(f'{before}prefLabel "{name}{rest[rest.index(chr(34)) :]}', "utf-8")
    return small


def stores_of(limits: Settings) -> set[str]:
    return {one.name for one in (limits.data_dir / "stores").iterdir() if one.is_dir()}


def test_what_is_published_is_a_whole_store(limits: Settings, small: Shipped) -> None:
    assert published(limits) is None
    one = build(limits, small)
    assert published(limits) is None
    publish(limits, one)
    publish(limits, one)
    assert published(limits) == one
    record = limits.data_dir / "generations" / f"{one.key}.json"
    kept = json.loads(record.read_bytes())
    assert kept.items() >= json.loads(one.meta.read_bytes()).items()
    assert kept["previous"] == ""
    one.dump.write_bytes(b"")
    assert published(limits) is None
    for nonsense in ("../..", "none", "\xff", ""):
        (limits.data_dir / "stores/published").write_text(nonsense, "utf-8")
        assert published(limits) is None


def test_a_store_that_is_held_or_published_is_not_removed(limits: Settings, small: Shipped) -> None:
    one = build(limits, called(small, "One"))
    publish(limits, one)
    with held(one):
        two = build(limits, called(small, "Two"))
        three = build(limits, called(small, "Three"))
        assert stores_of(limits) == {one.key, three.key}
        publish(limits, three)
        tidy(limits)
        assert stores_of(limits) == {one.key, three.key}
    tidy(limits)
    assert stores_of(limits) == {three.key}
    assert published(limits) == three
    records = {file.stem for file in (limits.data_dir / "generations").glob("*.json")}
    assert records == {one.key, three.key}
    for gone in (one, two):
        with pytest.raises(BuildFailed), held(gone):
            pass


def test_whoever_dies_lets_go_of_its_store(limits: Settings, small: Shipped) -> None:
    one = build(limits, called(small, "One"))
    code = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'ab');"
        "fcntl.flock(file, fcntl.LOCK_SH); print(flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, one.place / ".held"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    two = build(limits, called(small, "Two"))
    assert stores_of(limits) == {one.key, two.key}
    holder.kill()
    holder.wait()
    holder.stdout.close()
    publish(limits, two)
    tidy(limits)
    assert stores_of(limits) == {two.key}


@pytest.mark.parametrize("after", [0.0, 0.05, 0.15, 0.3, 0.6])
def test_a_build_killed_at_any_moment_leaves_what_is_published(
    limits: Settings, small: Shipped, after: float
) -> None:
    one = build(limits, called(small, "One"))
    publish(limits, one)
    called(small, "Two")
    code = (
        "import sys; from pathlib import Path; from ergaomnes.build import build, publish;"
        "from ergaomnes.settings import Settings; from ergaomnes.shipped import Shipped;"
        "limits = Settings(data_dir=Path(sys.argv[1]), kept_stores=1); print(flush=True);"
        "publish(limits, build(limits, Shipped(Path(sys.argv[2]))))"
    )
    builder = subprocess.Popen(
        [sys.executable, "-c", code, limits.data_dir, small.root], stdout=subprocess.PIPE
    )
    assert builder.stdout is not None
    builder.stdout.readline()
    time.sleep(after)
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    builder.stdout.close()
    found = published(limits)
    assert found is not None
    with held(found), Readers(found.dump, limits) as pool:
        assert pool.quads == found.counts["facts"]
    publish(limits, build(limits, small))
    now = published(limits)
    assert now is not None
    assert b'"Two"' in now.dump.read_bytes()


def test_a_service_begins_with_the_named_dump_or_says_that_there_is_none(tmp_path: Path) -> None:
    dump = tmp_path / "graph.nq"
    with pytest.raises(BuildFailed):
        first(Settings(dump=dump))
    dump.write_text("<http://e/a> <http://e/b> <http://e/c> .\n", "utf-8")
    one = first(Settings(dump=dump))
    assert (one.dump, one.built) == (dump, None)
    dump.write_text("<http://e/a> <http://e/b> <http://e/cd> .\n", "utf-8")
    assert first(Settings(dump=dump)).name != one.name


def test_readers_move_to_what_is_published_and_drop_no_request(
    limits: Settings, small: Shipped
) -> None:
    def generation(name: str) -> Built:
        return build(limits, called(small, name))

    async def serves() -> None:
        one = generation("One")
        publish(limits, one)
        moved: list[Generation] = []
        pool = Readers(one.dump, limits, one.key)
        async with pool, Watch(pool, Generation(one.key, one.dump, one), moved.append):
            answers: list[bytes] = []

            async def asks() -> None:
                while not answers or b"Three" not in answers[-1]:
                    reply = await pool.replied(pool.guarded(NAMES), media.CSV)
                    answers.append(reply.body)
                    await asyncio.sleep(0)

            asking = asyncio.create_task(asks())
            for name in ("Two", "Three"):
                new = await asyncio.to_thread(generation, name)
                publish(limits, new)
                deadline = time.monotonic() + 20
                while pool.generation != new.key or not moved or moved[-1].name != new.key:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.02)
            await asyncio.wait_for(asking, 20)
            assert {b"One" in one for one in answers} == {True, False}
            assert len(moved) == 2
            # What nobody reads any more has gone.
            deadline = time.monotonic() + 10
            while stores_of(limits) != {new.key}:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            # What cannot be loaded is not moved to.
            broken = limits.data_dir / "stores/broken"
            broken.mkdir()
            (limits.data_dir / "stores/published").write_text("broken\n", "ascii")
            await asyncio.sleep(1)
            assert pool.generation == new.key

    asyncio.run(serves())


def test_the_readers_of_a_killed_service_are_gone_and_another_begins_at_once(
    limits: Settings, small: Shipped
) -> None:
    one = build(limits, small)
    code = (
        "import sys, time; from pathlib import Path; from ergaomnes.settings import Settings;"
        "from ergaomnes.worker import Readers\n"
        "with Readers(Path(sys.argv[1]), Settings(readers=1, spares=0)) as pool:\n"
        "    print(pool._nursery.process.pid, *pool.pids, flush=True); time.sleep(60)"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", code, one.dump], stdout=subprocess.PIPE, text=True
    )
    assert service.stdout is not None
    pids = [int(pid) for pid in service.stdout.readline().split()]
    assert len(pids) == 4
    service.kill()
    service.wait()
    service.stdout.close()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with Readers(one.dump, limits) as pool:
        assert pool.quads == one.counts["facts"]


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        try:
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
