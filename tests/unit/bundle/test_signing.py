"""Keys and signatures are those of OpenSSL, and nobody but a trusted signer is trusted."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bundler.bundle import signing
from bundler.bundle.signing import PublicKey
from bundler.errors import Misuse, Untrusted
from tests.support.errors import raises
from tests.support.tables import each_case

MESSAGE = b"the exact bytes of SHA256SUMS\n"
PASSPHRASE = "correct horse ü".encode()

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493


def openssl(*arguments: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, timeout=60)


def openssl_output(*arguments: object, cwd: Path, stdin: bytes = b"") -> bytes:
    done = openssl(*arguments, cwd=cwd, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def no_passphrase() -> bytes:
    raise AssertionError("a passphrase was asked for")


def spki_pem(raw: bytes) -> bytes:
    der = bytes.fromhex("302a300506032b6570032100") + raw
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes, str]:
    """A key pair without a passphrase: private PEM, public PEM, key id."""
    return signing.generate(None)


@pytest.fixture(scope="module")
def encrypted() -> tuple[bytes, bytes, str]:
    """A key pair with a passphrase."""
    return signing.generate(PASSPHRASE)


def test_openssl_verifies_what_we_sign_and_notices_a_changed_byte(
    pair: tuple[bytes, bytes, str], tmp_path: Path
) -> None:
    private, public, key_id = pair
    key = signing.load_private(private, origin="k", passphrase=no_passphrase)
    signature = key.sign(MESSAGE)
    assert (len(signature), key.id) == (64, key_id)
    (tmp_path / "k.pub").write_bytes(public)
    (tmp_path / "sig").write_bytes(signature)
    (tmp_path / "good").write_bytes(MESSAGE)
    (tmp_path / "bad").write_bytes(MESSAGE + b"x")
    command = ("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "k.pub", "-sigfile", "sig", "-in")
    good, bad = openssl(*command, "good", cwd=tmp_path), openssl(*command, "bad", cwd=tmp_path)
    assert (good.returncode, good.stdout.strip()) == (0, b"Signature Verified Successfully")
    assert bad.returncode != 0


def test_a_public_key_is_the_same_in_each_form_of_its_file() -> None:
    _, public, identity = signing.generate(None)
    *lines, end = public.splitlines()
    forms = (public, public.rstrip(), b"\r\n".join([*lines, end]), b"# of the builder\n" + public)
    keys = [signing.load_public(form, origin="k.pub") for form in forms]
    assert {key.id for key in keys} == {identity}
    assert {key.pem for key in keys} == {public}
    assert len({key.fingerprint for key in keys}) == 1


def test_a_public_key_whose_base64_is_not_canonical_is_left_to_the_library() -> None:
    _, public, _ = signing.generate(None)
    body = public.splitlines()[1]
    table = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    odd = body[:-2] + table[table.index(body[-2]) + 1 :][:1] + b"="  # sets a bit that no byte has
    with pytest.raises(Misuse):
        signing.load_public(public.replace(body, odd), origin="k.pub")


def test_we_verify_what_openssl_signs_with_a_key_of_its_own(tmp_path: Path) -> None:
    openssl_output("genpkey", "-algorithm", "ed25519", "-out", "k.key", cwd=tmp_path)
    public = openssl_output("pkey", "-in", "k.key", "-pubout", cwd=tmp_path)
    (tmp_path / "m").write_bytes(MESSAGE)
    signature = openssl_output("pkeyutl", "-sign", "-rawin", "-inkey", "k.key", "-in", "m", cwd=tmp_path)
    trusted = signing.load_public(public, origin="k.pub")
    assert signing.signers(MESSAGE, {trusted.id: signature}, [trusted]) == (trusted,)
    ours = signing.load_private((tmp_path / "k.key").read_bytes(), origin="k.key", passphrase=no_passphrase)
    assert (ours.id, ours.sign(MESSAGE)) == (trusted.id, signature)


def test_the_key_id_is_the_one_that_openssl_and_sha256sum_print(pair: tuple[bytes, bytes, str], tmp_path: Path) -> None:
    der = openssl_output("pkey", "-pubin", "-outform", "DER", cwd=tmp_path, stdin=pair[1])
    assert hashlib.sha256(der).hexdigest()[:16] == pair[2]
    assert signing.load_public(pair[1], origin="k").id == pair[2]


def test_the_key_id_of_the_test_value_of_format_md_is_met() -> None:
    raw = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    key = signing.load_public(spki_pem(raw), origin="RFC 8032, TEST 1")
    assert key.id == key.fingerprint[:16] == "06e3fd8fda29bb60"


def test_the_fingerprint_is_the_one_that_openssl_and_sha256sum_print(
    pair: tuple[bytes, bytes, str], tmp_path: Path
) -> None:
    key = signing.load_public(b"some text\n" + pair[1], origin="k")
    der = openssl_output("pkey", "-pubin", "-outform", "DER", cwd=tmp_path, stdin=pair[1])
    assert key.fingerprint == hashlib.sha256(der).hexdigest()
    assert key.pem == pair[1]


def test_openssl_opens_our_encrypted_key_with_its_passphrase_only(
    encrypted: tuple[bytes, bytes, str], tmp_path: Path
) -> None:
    (tmp_path / "k.key").write_bytes(encrypted[0])
    (tmp_path / "pass").write_bytes(PASSPHRASE + b"\n")
    public = openssl_output("pkey", "-in", "k.key", "-passin", "file:pass", "-pubout", cwd=tmp_path)
    assert public == encrypted[1]
    assert openssl("pkey", "-in", "k.key", "-passin", "pass:wrong", "-noout", cwd=tmp_path).returncode != 0


def test_our_encrypted_key_is_scrypt_and_aes_256_to_openssl(
    encrypted: tuple[bytes, bytes, str], tmp_path: Path
) -> None:
    assert encrypted[0].startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    parsed = openssl_output("asn1parse", cwd=tmp_path, stdin=encrypted[0]).decode()
    for part in ("PBES2", "scrypt", "aes-256-cbc", ":4000\n"):  # the cost, 2^14, in hex
        assert part in parsed


def test_two_keys_with_one_passphrase_share_no_salt(tmp_path: Path) -> None:
    first, second = (openssl_output("asn1parse", cwd=tmp_path, stdin=signing.generate(b"x")[0]) for _ in range(2))
    strings = [{line for line in each.splitlines() if b"OCTET STRING" in line} for each in (first, second)]
    assert len(strings[0]) == 3  # salt, initial vector, key
    assert not strings[0] & strings[1]


def test_we_open_our_encrypted_key_with_its_passphrase_only(encrypted: tuple[bytes, bytes, str]) -> None:
    private, public, key_id = encrypted
    key = signing.load_private(private, origin="k", passphrase=lambda: PASSPHRASE)
    assert key.id == key_id
    assert signing.load_public(public, origin="k.pub").verifies(key.sign(MESSAGE), MESSAGE)
    with raises(Misuse, subject="builder.key") as caught:
        signing.load_private(private, origin="builder.key", passphrase=lambda: b"wrong")
    assert (caught.value.exit_code, caught.value.subject) == (2, "builder.key")


@pytest.mark.parametrize("cipher", [("-scrypt",), ("-v2", "aes-256-cbc")], ids=["scrypt", "PBKDF2"])
def test_we_open_the_keys_that_openssl_encrypts(cipher: tuple[str, ...], tmp_path: Path) -> None:
    openssl_output("genpkey", "-algorithm", "ed25519", "-out", "plain", cwd=tmp_path)
    command = ("pkcs8", "-topk8", "-in", "plain", *cipher, "-passout", "pass:secret")
    key = signing.load_private(openssl_output(*command, cwd=tmp_path), origin="k", passphrase=lambda: b"secret")
    assert key.id == signing.load_private(
        (tmp_path / "plain").read_bytes(), origin="k", passphrase=no_passphrase
    ).id  # fmt: skip


@pytest.mark.parametrize(
    ("cipher", "is_weak"),
    [
        pytest.param((), False, id="not encrypted"),
        pytest.param(("-topk8", "-scrypt"), False, id="scrypt"),
        pytest.param(("-topk8", "-v2", "aes-256-cbc"), True, id="PBKDF2"),
        pytest.param(("-topk8", "-v1", "PBE-SHA1-3DES"), True, id="PBES1"),
    ],
)
def test_a_key_whose_passphrase_can_be_guessed_is_reported(
    cipher: tuple[str, ...], is_weak: bool, tmp_path: Path
) -> None:
    pem = openssl_output("genpkey", "-algorithm", "ed25519", cwd=tmp_path)
    if cipher:
        pem = openssl_output("pkcs8", *cipher, "-passout", "pass:secret", cwd=tmp_path, stdin=pem)
    assert signing.is_encrypted(pem) is bool(cipher)
    assert signing.load_private(pem, origin="k", passphrase=lambda: b"secret").is_weakly_encrypted is is_weak


def test_our_own_encrypted_key_is_not_weak(encrypted: tuple[bytes, bytes, str]) -> None:
    assert not signing.load_private(encrypted[0], origin="k", passphrase=lambda: PASSPHRASE).is_weakly_encrypted


def test_an_old_form_of_encryption_that_only_other_keys_have_is_refused_as_one(tmp_path: Path) -> None:
    """The form with Proc-Type, which openssl writes for RSA and EC keys alone."""
    command = ("genrsa", "-aes128", "-traditional", "-passout", "pass:secret", "1024")
    pem = openssl_output(*command, cwd=tmp_path)
    assert b"Proc-Type: 4,ENCRYPTED" in pem
    with raises(Misuse, expected="Ed25519", actual="RSA") as caught:
        signing.load_private(pem, origin="k", passphrase=lambda: b"secret")
    assert caught.value.actual == "RSA"


def test_several_keys_in_one_file_are_refused(pair: tuple[bytes, bytes, str], other: tuple[bytes, bytes, str]) -> None:
    with raises(Misuse, subject="two.pub", expected="one") as caught:
        signing.load_public(pair[1] + other[1], origin="two.pub")
    assert (caught.value.subject, caught.value.actual) == ("two.pub", "public key, public key")
    with raises(Misuse, subject="two.key", expected="one"):
        signing.load_private(pair[0] + other[0], origin="two.key", passphrase=no_passphrase)
    with raises(Misuse, subject="both"):
        signing.load_public(pair[1] + pair[0], origin="both")


def test_a_certificate_is_named_where_a_key_belongs(pair: tuple[bytes, bytes, str], tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(pair[0])
    command = ("req", "-x509", "-key", "k", "-subj", "/CN=builder", "-days", "2")
    certificate = openssl_output(*command, cwd=tmp_path)
    with raises(Misuse, values={"found": "a certificate", "wanted": "a public key"}):
        signing.load_public(certificate, origin="k")
    with raises(Misuse, values={"found": "a certificate", "wanted": "a private key"}):
        signing.load_private(certificate, origin="k", passphrase=no_passphrase)


def test_a_key_of_ssh_is_named(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True, timeout=60)
    with raises(Misuse, values={"found": "a private key of OpenSSH", "wanted": "a private key"}):
        signing.load_private((tmp_path / "k").read_bytes(), origin="k", passphrase=no_passphrase)
    with raises(Misuse, values={"found": "a public key of OpenSSH", "wanted": "a public key"}):
        signing.load_public((tmp_path / "k.pub").read_bytes(), origin="k.pub")


@pytest.mark.parametrize(
    "algorithm",
    [
        ("ed448",),
        ("x25519",),
        ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
    ],
    ids=["Ed448", "X25519", "ECDSA", "RSA"],
)
def test_keys_of_other_kinds_are_refused(algorithm: tuple[str, ...], tmp_path: Path) -> None:
    private = openssl_output("genpkey", "-algorithm", *algorithm, cwd=tmp_path)
    public = openssl_output("pkey", "-pubout", cwd=tmp_path, stdin=private)
    with raises(Misuse, expected="Ed25519"):
        signing.load_private(private, origin="k", passphrase=no_passphrase)
    with raises(Misuse, expected="Ed25519"):
        signing.load_public(public, origin="k")


def test_a_private_key_where_a_public_one_belongs_is_reported(pair: tuple[bytes, bytes, str]) -> None:
    with pytest.raises(Misuse, match="private key") as caught:
        signing.load_public(pair[0], origin="builder.key")
    assert "builder.pub" in (caught.value.hint or "")


def test_a_public_key_where_a_private_one_belongs_is_reported(pair: tuple[bytes, bytes, str]) -> None:
    with pytest.raises(Misuse, match="public key") as caught:
        signing.load_private(pair[1], origin="builder.pub", passphrase=no_passphrase)
    assert "builder.key" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda pem: b"", id="empty"),
        pytest.param(lambda pem: b"hello", id="no PEM"),
        pytest.param(lambda pem: pem[:60], id="cut"),
        pytest.param(lambda pem: pem.replace(b"M", b"!", 1), id="not base64"),
        pytest.param(lambda pem: pem.replace(b"-----BEGIN P", b"-----BEGIN X P"), id="another label"),
        pytest.param(lambda pem: spki_pem(b"short"), id="a key that is too short"),
    ],
)
def test_what_is_no_key_is_refused(damage: Callable[[bytes], bytes], pair: tuple[bytes, bytes, str]) -> None:
    with pytest.raises(Misuse) as caught:
        signing.load_private(damage(pair[0]), origin="k", passphrase=no_passphrase)
    assert caught.value.exit_code == 2
    with pytest.raises(Misuse, match="PEM"):
        signing.load_public(damage(pair[1]), origin="k")


# The curve, as RFC 8032 section 5.1 has it, so that the weak points are computed and not copied.


def added(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def times(factor: int, point: tuple[int, int]) -> tuple[int, int]:
    result = (0, 1)
    while factor:
        if factor & 1:
            result = added(result, point)
        point, factor = added(point, point), factor >> 1
    return result


def point_with(y: int) -> tuple[int, int] | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == square else None


def small_order_points() -> set[tuple[int, int]]:
    """The eight points whose order divides 8: what is left of any point after multiplying by the group's order."""
    found: set[tuple[int, int]] = set()
    y = 2
    while len(found) < 8:
        point = point_with(y)
        if point is not None:
            rest = times(ORDER, point)
            found |= {times(factor, rest) for factor in range(8)}
        y += 1
    return found


SMALL_ORDER = sorted(small_order_points())
ENCODINGS = {
    f"y={y % 1000}…, sign {sign}{', not reduced' if y >= P else ''}": (y | sign << 255).to_bytes(32, "little")
    for _, reduced in SMALL_ORDER
    for y in (reduced, reduced + P)
    if y < 1 << 255
    for sign in (0, 1)
}


def test_the_weak_keys_are_all_encodings_of_the_eight_points_of_small_order() -> None:
    assert len(SMALL_ORDER) == 8
    assert all(times(8, point) == (0, 1) for point in SMALL_ORDER)
    assert len(ENCODINGS) == 14


@each_case("raw", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_key_under_which_anybody_can_forge_is_refused(raw: bytes) -> None:
    with pytest.raises(Misuse, match="weak key") as caught:
        signing.load_public(spki_pem(raw), origin="weak.pub")
    assert caught.value.subject == "weak.pub"


def test_a_forgery_under_a_weak_key_is_real() -> None:
    neutral = (1).to_bytes(32, "little")
    forged = neutral + bytes(32)
    load_pem_public_key(spki_pem(neutral)).verify(forged, b"any message at all")  # type: ignore[union-attr, call-arg]


@pytest.mark.parametrize("y", [P, P + 5, 2**255 - 1], ids=["p", "p + 5", "the largest"])
def test_a_key_that_is_not_reduced_is_refused(y: int) -> None:
    with pytest.raises(Misuse, match="weak key"):
        signing.load_public(spki_pem(y.to_bytes(32, "little")), origin="k")


def trusted_key(pem: bytes, origin: str = "k.pub") -> PublicKey:
    return signing.load_public(pem, origin=origin)


@pytest.fixture(scope="module")
def other() -> tuple[bytes, bytes, str]:
    """Another key pair."""
    return signing.generate(None)


def signed(pair: tuple[bytes, bytes, str], message: bytes = MESSAGE) -> bytes:
    return signing.load_private(pair[0], origin="k", passphrase=no_passphrase).sign(message)


Pair = tuple[bytes, bytes, str]


def test_one_good_signature_by_a_trusted_key_is_enough(pair: Pair, other: Pair) -> None:
    ours, theirs = trusted_key(pair[1]), trusted_key(other[1])
    signatures = {ours.id: signed(pair), theirs.id: bytes(64), "0" * 16: b""}
    assert signing.signers(MESSAGE, signatures, [ours]) == (ours,)
    assert signing.signers(MESSAGE, signatures, [theirs, ours]) == (ours,)


def test_all_trusted_signers_are_named_once(pair: Pair, other: Pair) -> None:
    keys = [trusted_key(pair[1]), trusted_key(other[1]), trusted_key(pair[1], "copy.pub")]
    found = signing.signers(MESSAGE, {pair[2]: signed(pair), other[2]: signed(other)}, keys)
    assert [key.id for key in found] == [pair[2], other[2]]


def test_without_a_trusted_key_nothing_is_trusted(pair: Pair) -> None:
    with raises(Untrusted, code="unknown-signer") as caught:
        signing.signers(MESSAGE, {pair[2]: signed(pair)}, [])
    assert caught.value.exit_code == 5


def test_an_unsigned_bundle_is_not_trusted(pair: Pair) -> None:
    with raises(Untrusted, code="unsigned"):
        signing.signers(MESSAGE, {}, [trusted_key(pair[1])])


def test_an_unknown_signer_is_named_with_those_that_are_trusted(pair: Pair, other: Pair) -> None:
    with raises(Untrusted, code="unknown-signer", values={"others": other[2], "trusted": pair[2]}):
        signing.signers(MESSAGE, {other[2]: signed(other)}, [trusted_key(pair[1])])


def test_signature_files_that_nobody_read_are_counted_in_few_words(pair: Pair) -> None:
    strangers = [f"{number:016x}" for number in range(64)]
    with pytest.raises(Untrusted) as caught:
        signing.signers(MESSAGE, {}, [trusted_key(pair[1])], claimed=strangers)
    assert f"{strangers[2]} and 61 more" in caught.value.message


@each_case(
    "spoil",
    [
        pytest.param(lambda good: bytes(64), id="zeros"),
        pytest.param(lambda good: b"", id="empty"),
        pytest.param(lambda good: good[:-1], id="cut"),
        pytest.param(lambda good: good + b"\n", id="a newline at the end"),
        pytest.param(lambda good: bytes([good[0] ^ 1]) + good[1:], id="a bit flipped in the first half"),
        pytest.param(lambda good: good[:40] + bytes([good[40] ^ 128]) + good[41:], id="a bit flipped in the second"),
        pytest.param(lambda good: base64.b64encode(good), id="base64"),
        pytest.param(
            lambda good: good[:32] + (int.from_bytes(good[32:], "little") + ORDER).to_bytes(32, "little"),
            id="malleable: the group's order added",
        ),
    ],
)
def test_a_spoilt_signature_is_not_trusted(spoil: Callable[[bytes], bytes], pair: Pair) -> None:
    with raises(Untrusted, code="bad-signature", values={"bad": pair[2]}) as caught:
        signing.signers(MESSAGE, {pair[2]: spoil(signed(pair))}, [trusted_key(pair[1])])
    assert caught.value.subject == f"SHA256SUMS.{pair[2]}.sig"


@pytest.mark.parametrize("message", [MESSAGE + b"\n", MESSAGE[:-1], b""], ids=["longer", "shorter", "empty"])
def test_a_signature_covers_exactly_its_message(message: bytes, pair: Pair) -> None:
    with raises(Untrusted, code="bad-signature"):
        signing.signers(message, {pair[2]: signed(pair)}, [trusted_key(pair[1])])


def test_a_signature_under_the_name_of_another_key_verifies_nothing(pair: Pair, other: Pair) -> None:
    with pytest.raises(Untrusted):
        signing.signers(MESSAGE, {other[2]: signed(pair)}, [trusted_key(pair[1]), trusted_key(other[1])])


def test_as_many_different_keys_as_are_required_must_have_signed(pair: Pair, other: Pair) -> None:
    keys = [trusted_key(pair[1]), trusted_key(other[1]), trusted_key(pair[1], "copy.pub")]
    both = {pair[2]: signed(pair), other[2]: signed(other)}
    assert {key.id for key in signing.signers(MESSAGE, both, keys, required=2)} == {pair[2], other[2]}
    with raises(Untrusted, values={"count": 1, "required": 2}) as caught:
        signing.signers(MESSAGE, {pair[2]: signed(pair)}, keys, required=2)
    assert caught.value.code == "too-few-signatures"
    with raises(Untrusted, code="too-few-signatures", values={"required": 3}):
        signing.signers(MESSAGE, both, keys, required=3)


def test_a_bad_signature_counts_for_nothing_and_is_named(pair: Pair, other: Pair) -> None:
    keys = [trusted_key(pair[1]), trusted_key(other[1])]
    found = {pair[2]: signed(pair), other[2]: bytes(64)}
    assert [key.id for key in signing.signers(MESSAGE, found, keys)] == [pair[2]]
    with pytest.raises(Untrusted, match=other[2]):
        signing.signers(MESSAGE, found, keys, required=2)


def test_where_two_are_required_an_unsigned_bundle_and_strangers_are_reported(pair: Pair, other: Pair) -> None:
    with raises(Untrusted, code="unsigned", values={"count": 2}) as caught:
        signing.signers(MESSAGE, {}, [trusted_key(pair[1])], required=2)
    assert caught.value.code == "unsigned"
    with raises(Untrusted, code="too-few-signatures", values={"required": 2}):
        signing.signers(MESSAGE, {}, [trusted_key(pair[1])], claimed=[other[2]], required=2)


def test_signatures_are_the_same_for_the_same_message(pair: Pair) -> None:
    assert signed(pair) == signed(pair) != signed(pair, b"another")
