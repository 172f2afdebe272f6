"""A file that is no key of ours is named for what it is, whatever made it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bundler.core.key_kind import KeyForm, key_kind
from tests.support.tables import each_case

OPENSSL = {
    "ed25519.key": ("openssl genpkey -algorithm ed25519", KeyForm.PRIVATE),
    "ed25519.pub": ("openssl pkey -in ed25519.key -pubout", KeyForm.PUBLIC),
    "ed25519.key.der": ("openssl pkey -in ed25519.key -outform DER", KeyForm.DER_PRIVATE),
    "ed25519.pub.der": ("openssl pkey -in ed25519.key -pubout -outform DER", KeyForm.DER_PUBLIC),
    "encrypted.der": (
        "openssl pkcs8 -topk8 -in ed25519.key -passout pass:x -outform DER",
        KeyForm.DER_PRIVATE,
    ),
    "ec.key": ("openssl ecparam -genkey -name prime256v1", KeyForm.PRIVATE),
    "ec.key.der": ("openssl ec -in ec.key -outform DER", KeyForm.DER_PRIVATE),
    "ec.pub.der": ("openssl ec -in ec.key -pubout -outform DER", KeyForm.DER_PUBLIC),
    "rsa.key": ("openssl genrsa -traditional 1024", KeyForm.PRIVATE),
    "rsa.der": ("openssl rsa -in rsa.key -traditional -outform DER", KeyForm.DER_PRIVATE),
    "rsa.pub.der": ("openssl rsa -in rsa.key -pubout -outform DER", KeyForm.DER_PUBLIC),
    "certificate": ("openssl req -x509 -key ed25519.key -subj /CN=x", KeyForm.CERTIFICATE),
    "certificate.der": ("openssl x509 -in certificate -outform DER", KeyForm.DER),
    "request": ("openssl req -new -key ed25519.key -subj /CN=x", KeyForm.REQUEST),
    "file.p12": ("openssl pkcs12 -export -nokeys -in certificate -passout pass:x", KeyForm.PKCS12),
    "parameters": ("openssl ecparam -name prime256v1", KeyForm.UNKNOWN),
}
"""File, the command that prints it, its kind; each in its turn."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name, (command, _) in OPENSSL.items():
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, check=True, timeout=60)
        (folder / name).write_bytes(done.stdout)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "ssh"], check=True, timeout=60)
    return folder


@each_case("name", OPENSSL)
def test_files_of_openssl_are_named(made, name):
    assert key_kind((made / name).read_bytes()).form is OPENSSL[name][1]


def test_files_of_ssh_are_named(made):
    assert key_kind((made / "ssh").read_bytes()).form is KeyForm.SSH_PRIVATE
    assert key_kind((made / "ssh.pub").read_bytes()).form is KeyForm.SSH_PUBLIC


@each_case(
    ("content", "form"),
    [
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", KeyForm.PGP),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", KeyForm.PGP),
        (b"-----BEGIN PGP SIGNATURE-----\n", KeyForm.PGP),
        (bytes.fromhex("9833046a") + b"...", KeyForm.PGP),  # gpg --export
        (bytes.fromhex("9458046a") + b"...", KeyForm.PGP),  # gpg --export-secret-keys
        (bytes.fromhex("c6330400") + b"...", KeyForm.PGP),  # the new packet format
        (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", KeyForm.COSIGN),
        (b"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n", KeyForm.COSIGN),
        (b"untrusted comment: minisign public key 1\nRWQ", KeyForm.MINISIGN),
        (b"# created: 2026-01-01T00:00:00Z\n# public key: age1\nAGE-SECRET-KEY-1", KeyForm.AGE),
        (b"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n", KeyForm.AGE),
        (b"sk-ssh-ed25519@openssh.com AAAA\n", KeyForm.SSH_PUBLIC),
        (b"---- BEGIN SSH2 PUBLIC KEY ----\n", KeyForm.SSH_PUBLIC),
        (bytes(range(192, 256)), KeyForm.SIGNATURE),
        (b'{"kty": "OKP"}', KeyForm.JSON),
        (b"-----BEGIN X509 CRL-----\n", KeyForm.OTHER_PEM),
        (b"", KeyForm.UNKNOWN),
        (b"0", KeyForm.UNKNOWN),
        (b"\x30\x82\xff\xff", KeyForm.UNKNOWN),
        (b"\x30\x02\x30\x30", KeyForm.DER),
        (b"\x30\x03\x04\x00\x03", KeyForm.DER),
        (b"\xff" * 100, KeyForm.UNKNOWN),
        (b"hunter2\n", KeyForm.UNKNOWN),
    ],
    ids=repr,
)
def test_files_of_other_tools_are_named(content, form):
    assert key_kind(content).form is form
