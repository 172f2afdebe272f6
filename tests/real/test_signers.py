"""Several signers, judged by openssl and sha256sum: what we add they accept, and what they add we count."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import images
from tests.support.parts import require, shell

NAME = "example.org/a/b:1"


@pytest.fixture
def bundle(bundler, keys, tmp_path) -> Path:
    images.simple("one").write_layout(tmp_path / "layout", NAME)
    run = ["export", f"oci:{tmp_path}/layout:{NAME}", "--name", "b", "-o", tmp_path, "--key", keys[0]]
    assert bundler(*run).code == 0
    return tmp_path / "b"


@pytest.fixture
def approver(bundler, keys) -> tuple[Path, Path]:
    """The keys of a second person."""
    assert bundler("keygen", "approver", "-d", keys[0].parent).code == 0
    return keys[0].with_name("approver.key"), keys[0].with_name("approver.pub")


def key_id(public: Path) -> str:
    script = f"openssl pkey -pubin -in {public} -outform DER | sha256sum | cut -c1-16"
    return shell(script, cwd=public.parent).stdout.strip()


def test_openssl_accepts_the_signature_that_was_added_and_sha256sum_the_files(bundler, bundle, keys, approver):
    before = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    done = bundler("sign", bundle, "--trust", keys[1], "--key", approver[0])
    assert (done.code, before in done.out) == (0, True)
    for public in (keys[1], approver[1]):
        judged = shell(
            f"""
            openssl pkeyutl -verify -rawin -pubin -inkey {public} -in SHA256SUMS \
              -sigfile SHA256SUMS.{key_id(public)}.sig
            sha256sum --strict -c SHA256SUMS
            find . ! -type f ! -type d
            """,
            cwd=bundle,
        ).stdout.splitlines()
        assert judged[0] == "Signature Verified Successfully"
        assert all(line.endswith(": OK") for line in judged[1:])
    assert hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest() == before


def test_a_signature_that_openssl_made_counts_towards_the_threshold(bundler, bundle, keys, approver, target):
    verify = ["verify", bundle, "--trust", keys[1], "--trust", approver[1], "--require-signatures", 2]
    refused = bundler(*verify)
    assert (refused.code, f"not signed by {key_id(approver[1])}" in refused.err) == (5, True)
    script = (
        f"openssl pkeyutl -sign -rawin -inkey {approver[0]} -in SHA256SUMS -out SHA256SUMS.{key_id(approver[1])}.sig"
    )
    shell(script, cwd=bundle)
    assert bundler(*verify).code == 0
    assert bundler("import", *verify[1:], "--to", target.host).code == 0
    assert target.tags


def test_the_fingerprint_of_keygen_is_what_openssl_and_sha256sum_print(bundler, tmp_path, bundle):
    done = bundler("keygen", "pair", "-d", tmp_path)
    printed = shell("openssl pkey -pubin -in pair.pub -outform DER | sha256sum", cwd=tmp_path).stdout
    assert printed.split()[0] in "".join(done.out.split())
    added = bundler("trust", "add", tmp_path / "pair.pub", "--fingerprint", printed)
    assert added.code == 0, "the whole line can be pasted"
    assert "pair" in bundler("trust", "list").out


@pytest.mark.parametrize("call", ["openat", "fsync", "rename"])
def test_a_run_that_is_killed_while_it_signs_is_made_up_for_by_the_next(
    bundler, bundle, keys, approver, call, tmp_path
):
    require("strace")
    signature = bundle / f"SHA256SUMS.{key_id(approver[1])}.sig"
    sign = ["sign", bundle, "--trust", keys[1], "--key", approver[0]]
    where = ["-P", str(bundle / f"._{signature.name}.new")] if call == "openat" else []
    traced = ["strace", "-f", "-qq", "-o", tmp_path / "trace", *where, "-e", f"inject={call}:signal=KILL:when=1"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*map(str, traced), sys.executable, "-m", "bundler", *map(str, sign)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert not signature.exists() or call == "rename"
    assert bundler("verify", bundle, "--trust", keys[1]).code == 0, "what is left is no damage"
    assert bundler(*sign).code == 0
    both = ["--trust", keys[1], "--trust", approver[1], "--require-signatures", 2]
    assert bundler("verify", bundle, *both).code == 0
    assert not [path.name for path in bundle.iterdir() if path.name.startswith("._")]
