"""A digest is exactly ``sha256:`` or ``sha512:`` with lower-case hex; nothing else becomes a path."""

from __future__ import annotations

import hashlib

import pytest

from bundler.core.digest import Digest
from bundler.errors import Damaged
from tests.support.tables import each_case

HEX = hashlib.sha256(b"hello").hexdigest()
LONG_HEX = hashlib.sha512(b"hello").hexdigest()


def test_a_digest_names_its_algorithm_its_digits_and_its_path_in_the_layout() -> None:
    digest = Digest.parse(f"sha256:{HEX}")
    assert (digest.algorithm, digest.encoded) == ("sha256", HEX)
    assert digest.path == f"blobs/sha256/{HEX}"
    assert digest.short == HEX[:12]
    assert str(digest) == f"sha256:{HEX}"


@pytest.mark.parametrize(("algorithm", "encoded"), [("sha256", HEX), ("sha512", LONG_HEX)], ids=["sha256", "sha512"])
def test_the_digest_of_bytes_is_the_one_that_hashlib_computes(algorithm: str, encoded: str) -> None:
    assert Digest.of(b"hello", algorithm=algorithm) == Digest.parse(f"{algorithm}:{encoded}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_hasher_fed_in_pieces_comes_to_the_same_digest(algorithm: str) -> None:
    digest = Digest.of(b"hello", algorithm=algorithm)
    hasher = digest.hasher()
    hasher.update(b"he")
    hasher.update(memoryview(b"llo"))
    assert hasher.hexdigest() == digest.encoded


@each_case(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEX, id="no algorithm"),
        pytest.param(f"md5:{HEX[:32]}", id="unknown algorithm"),
        pytest.param(f"sha256:{HEX[:-1]}", id="a digit too few"),
        pytest.param(f"sha256:{HEX}0", id="a digit too many"),
        pytest.param(f"sha256:{HEX.upper()}", id="upper case"),
        pytest.param(f"SHA256:{HEX}", id="algorithm in upper case"),
        pytest.param(f"sha256:{HEX}\n", id="a newline at the end"),
        pytest.param(f" sha256:{HEX}", id="a blank in front"),
        pytest.param(f"sha256:{'٣' * 64}", id="digits that are not ASCII"),
        pytest.param(f"sha256:../{HEX[3:]}", id="a path"),
        pytest.param(f"sha512:{HEX}", id="the length of another algorithm"),
        pytest.param(f"sha256:{HEX}:", id="a second colon"),
        pytest.param(None, id="no text"),
        pytest.param(b"sha256:" + HEX.encode(), id="bytes"),
        pytest.param(["sha256", HEX], id="a list"),
    ],
)
def test_what_is_not_a_digest_is_refused_as_damage(text: object) -> None:
    with pytest.raises(Damaged) as caught:
        Digest.parse(text)
    assert caught.value.exit_code == 4
    assert caught.value.expected == "sha256:<64 hex> or sha512:<128 hex>"


def test_the_message_about_a_long_text_stays_short() -> None:
    with pytest.raises(Damaged) as caught:
        Digest.parse("x" * 1_000_000)
    assert len(str(caught.value)) < 300
