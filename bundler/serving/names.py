"""The names and addresses by which other machines reach this one, as far as it knows them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

from bundler.core.reference import is_loopback, is_registry
from bundler.serving.request import Address
from bundler.system.operator import host


def names_of(address: Address) -> list[str]:
    """The names and addresses by which clients may reach a server at this address."""
    names = ["localhost", "127.0.0.1", "::1"]
    if not address.is_any:
        names.append(address.host)
    names += [name for name in (host(), socket.getfqdn()) if is_registry(name)]
    if address.is_any:
        with suppress(OSError):
            names += [str(found[4][0]) for found in socket.getaddrinfo(host(), None)]
        names += _own_addresses()
    return [name.partition("%")[0] for name in dict.fromkeys(names)]


def reached_at(address: Address) -> Address:
    """The address by which other machines reach a server: this machine's name, if it listens at all addresses."""
    if not address.is_any:
        return address
    own = (Address(name, address.port) for name in (host(), *_own_addresses()))
    return next((each for each in own if is_registry(str(each)) and not is_loopback(str(each))), address)


def _own_addresses() -> Iterator[str]:
    """The addresses from which packets to other networks would leave. Nothing is sent."""
    for family, other in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))
            yield str(probe.getsockname()[0])
