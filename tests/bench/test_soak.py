"""Contributions while the service is killed, for long.

uv run pytest tests/bench/test_soak.py -m bench -s

Sizes come from SOAK_CONTRIBUTIONS, SOAK_CLIENTS, SOAK_ACCEPTED, SOAK_KILLS and SOAK_SEED.
"""

import os
import time
from pathlib import Path

import pytest

from ergaomnes.build import Built
from soak import Soak

pytestmark = pytest.mark.bench


def size(name: str, default: int) -> int:
    return int(os.environ.get(f"SOAK_{name}", default))


def test_a_thousand_contributions_and_twenty_kills(built: Built, tmp_path: Path) -> None:
    soak = Soak(tmp_path / "home", built, seed=size("SEED", 1))
    began = time.monotonic()
    soak.run(
        contributions=size("CONTRIBUTIONS", 1000),
        clients=size("CLIENTS", 8),
        accepted=size("ACCEPTED", 50),
        kills=size("KILLS", 20),
    )
    soak.check(whole=True)
    print(
        f"\n{len(soak.acknowledged)} contributions, {len(soak.accepted)} accepted, in"
        f" {time.monotonic() - began:.0f} s: each is there once, and the chains hold"
    )
