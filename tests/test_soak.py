from pathlib import Path

from ergaomnes.build import Built
from soak import Soak


def test_nothing_acknowledged_is_lost_when_the_service_is_killed(
    built: Built, tmp_path: Path
) -> None:
    """The long one is tests/bench/test_soak.py."""
    soak = Soak(tmp_path / "home", built, seed=5)
    soak.run(contributions=16, clients=4, accepted=2, kills=2)
    soak.check(whole=False)
