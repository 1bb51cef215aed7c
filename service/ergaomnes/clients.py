"""Who a client is: what limits and shares go by, and nothing that is written down."""

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def client(host: str) -> str:
    """Name a client by its address; the addresses of one IPv6 network are one client.

    A machine may take any of the 2^64 addresses of its own network, so that each would be a client
    of its own.
    """
    found = _address(host)
    if found is None:
        return host
    if found.version == 6:
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)


@functools.lru_cache(maxsize=4096)
def is_near(host: str) -> bool:
    """Tell whether a client is this machine itself, or has no address as behind a local socket."""
    found = _address(host)
    return found.is_loopback if found is not None else not host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # A socket for both kinds of addresses gives those of IPv4 in the form of IPv6.
    return getattr(found, "ipv4_mapped", None) or found
