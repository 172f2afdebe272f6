"""TLS of a server: a certificate that people give, or one that is made when the server starts. TLS 1.2 or newer."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timezone
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.errors import LocalStorage, Misuse
from bundler.serving.names import names_of
from bundler.serving.request import Address
from bundler.system.durable_files import place_durably
from bundler.system.places import state_folder
from bundler.texts import text


@frozen
class MadeAuthority:
    """The authority of a certificate that was made for this server.

    Attributes:
        path: The file with its certificate, which clients must trust.
        fingerprint: The SHA-256 of the certificate, to be compared over the phone.
    """

    path: Path
    fingerprint: str


def given_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """The context with a certificate and its key in files, PEM.

    Raises:
        Misuse: They cannot be used.
    """
    context = _context()
    for path in (certificate, key):
        if not path.is_file():
            raise Misuse(
                "there is no such file", subject=str(path), hint="give PEM files: --tls-cert FILE and --tls-key FILE"
            )
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise Misuse(
            text("not a certificate and its key: {reason}", reason=getattr(error, "reason", None) or str(error)),
            subject=f"{certificate}, {key}",
            hint="give PEM files: the certificate with its chain, and the key without a passphrase",
        ) from error
    return context


def made_context(address: Address) -> tuple[ssl.SSLContext, MadeAuthority]:
    """The context with a certificate that is made now, for all names of this machine. Its key never is in a file.

    Args:
        address: The address that the server listens at, with its port.

    Raises:
        Misuse: There is no folder for the certificate of the authority.
        LocalStorage: It cannot be written.
    """
    from bundler.keys.server_certificate import make_certificate

    folder = state_folder()
    if folder is None:
        raise Misuse("no home folder for the certificate of the authority", hint="set HOME or XDG_STATE_HOME")
    made = make_certificate(names_of(address), now=datetime.now(timezone.utc))
    context = _context()
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)  # the library reads files only
    try:
        os.write(file, made.key + made.chain)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    path = folder / "serve" / f"ca-{address.port}.crt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path.parent)) from error
    place_durably(path, made.authority)
    return context, MadeAuthority(path, made.fingerprint)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
