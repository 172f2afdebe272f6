"""S29 for restore.py: it refuses each broken bundle as `verify` and `import` do."""

from __future__ import annotations

import shutil

import pytest

from bundler.bundle import restore
from tests.support.forge import FAILS
from tests.support.sweeps import some
from tests.support.watching import within


@pytest.fixture
def restored(good, tmp_path, capfd):
    """Runs it in this process. All that it writes must be right."""

    def run(folder, *arguments: str) -> tuple[int, str]:
        target = tmp_path / "target"
        code = restore.main(["--trust", str(good.public), *arguments, str(folder)])
        for path in target.glob("blobs/*/*"):
            assert path.read_bytes() == good.blobs[f"{path.parent.name}:{path.name}"], f"{path.name} is not ours"
        shutil.rmtree(target, ignore_errors=True)
        said = capfd.readouterr()
        assert said.out == ""
        for word in ("\x1b", "\u202e", "root:", "Traceback"):
            assert word not in said.err
        return code, said.err

    return run


def test_every_broken_bundle_is_refused_as_verify_and_import_refuse_it(good, tmp_path, restored):
    target = ["--to", f"oci:{tmp_path}/target"]
    assert (restored(good.folder)[0], restored(good.folder, *target)[0]) == (0, 0)
    for name in some(FAILS, every=2):
        fail = FAILS[name]
        (tmp_path / "case").mkdir()
        bundle = good.copy(tmp_path / "case/bundle")
        fail.how(bundle)
        with within(60):
            codes = restored(bundle.folder)[0], restored(bundle.folder, *target)[0]
        assert codes == (fail.code, fail.code if fail.imported is None else fail.imported), name
        shutil.rmtree(tmp_path / "case")


def test_what_has_no_signature_by_a_trusted_key_is_pushed_only_if_that_is_asked_for(forged, tmp_path, restored, capfd):
    target = ["--to", f"oci:{tmp_path}/target"]
    stranger = tmp_path / "stranger.pub"
    stranger.write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + STRANGER + b"\n-----END PUBLIC KEY-----\n")
    assert restore.main([*target, str(forged.folder)]) == 5
    assert restore.main(["--trust", str(stranger), *target, str(forged.folder)]) == 5
    assert not (tmp_path / "target").exists()
    forged.signature.unlink()
    code, said = restored(forged.folder, *target)
    assert (code, "give --trust KEY.pub of its signer" in said) == (5, True)
    code, said = restored(forged.folder, *target, "--insecure-no-signature")
    assert (code, "signed by NO TRUSTED KEY" in said) == (0, True)


STRANGER = b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"""The key of RFC 8032, section 7.1, TEST 1."""


def test_images_that_need_what_the_bundle_does_not_list_are_refused_first(forged, tmp_path, restored):
    forged.edit(lambda document: [image.update(blobs=[]) for image in document["images"]])
    code = restore.main(["--trust", str(forged.public), "--to", f"oci:{tmp_path}/target", str(forged.folder)])
    assert (code, list((tmp_path / "target").glob("blobs/*/*"))) == (4, [])


def test_the_last_bytes_of_a_damaged_blob_are_never_handed_on(forged, capfd):
    """The second part of a blob that is cut: most of it has been sent by then."""
    forged.flip("chunk-0003.tar", 5000)
    (bundle,) = restore.open_bundles([str(forged.folder)], [restore.read_key(str(forged.public))], True)
    blob = next(each for each in bundle.blobs if len(each.pieces) > 1)
    pieces: list[bytes] = []
    with pytest.raises(restore.Failed) as caught:
        pieces.extend(blob.read())
    assert (caught.value.code, 0 < sum(map(len, pieces)) < blob.size) == (4, True)


def test_a_folder_that_leads_elsewhere_is_not_written_to(good, tmp_path, restored):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/blobs").symlink_to(tmp_path / "elsewhere")
    code = restore.main(["--trust", str(good.public), "--to", f"oci:{tmp_path}/target", str(good.folder)])
    assert (code, list((tmp_path / "elsewhere").iterdir())) == (4, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "Registry/UPPER"], ["--to", "a..b"], ["--to", "host:99999"], ["--to", "host:x"], ["--to", ""], ["--to", "ho st"],
        ["--trust", "absent.pub"], ["nowhere"], ["--to", "oci:/dev/null/x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_calls_end_without_a_traceback(good, restored, arguments):
    assert restored(good.folder, *arguments)[0] in (2, 8)


def test_a_target_that_is_no_layout_is_left_alone(good, tmp_path, restored):
    (tmp_path / "target").mkdir()
    for content in (b"[]", b"{", b'{"manifests": 5}', b'{"manifests": [5]}'):
        (tmp_path / "target/index.json").write_bytes(content)
        code = restore.main(["--trust", str(good.public), "--to", str(tmp_path / "target"), str(good.folder)])
        assert code == 4, content
        assert (tmp_path / "target/index.json").read_bytes() == content
