"""Lists as people have them, exported from a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import images
from tests.support.parts import RealRegistry, shell

ONE, TWO = images.simple("one"), images.simple("two")


@pytest.fixture
def held(target: RealRegistry) -> str:
    """The name of an image whose tag 1 is `ONE`; `TWO` is there by its digest."""
    TWO.push(target, "team/x", "1")
    ONE.push(target, "team/x", "1")
    return f"{target.host}/team/x"


def exported(bundler, folder: Path, text: str | bytes) -> dict[str, str]:
    (folder / "list.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = bundler("export", folder / "list.txt", "--name", "t", "-o", folder, "--unsigned")
    assert done.code == 0, done.err
    found = json.loads((folder / "t/bundle.json").read_text())["images"]
    return {image["reference"]: image["root"]["digest"] for image in found}


@pytest.mark.parametrize("order", [1, -1])
def test_a_tag_and_its_digest_are_carried_as_one_image(bundler, held, new_registry, tmp_path, order):
    lines = [f"{held}:1", f"{held}:1@{ONE.digest}"][::order]
    assert exported(bundler, tmp_path, "\n".join(lines)) == {f"{held}:1": ONE.digest}
    inside = new_registry()
    done = bundler(
        "import", tmp_path / "t", "--insecure-no-signature", "--to", inside.host, "--plain-http", inside.host
    )
    assert done.code == 0, done.err


def test_a_tag_with_another_digest_is_reported_at_export_with_advice_that_works(bundler, held, tmp_path):
    (tmp_path / "list.txt").write_text(f"{held}:1\n{held}:1@{TWO.digest}\n")
    done = bundler("export", tmp_path / "list.txt", "--name", "t", "-o", tmp_path, "--unsigned")
    assert done.code == 6
    for part in (f"{tmp_path}/list.txt:1", f"{tmp_path}/list.txt:2", ONE.digest, TWO.digest, "remove one of them"):
        assert part in done.err
    mended = f"images:\n- {held}:1\n- {{image: '{held}:1-old', from: '{held}:1@{TWO.digest}'}}\n"
    assert exported(bundler, tmp_path, mended) == {f"{held}:1": ONE.digest, f"{held}:1-old": TWO.digest}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_list_of_powershell_is_exported(bundler, held, tmp_path, encoding):
    text = f'- "{held}:1"\r\n{held}@{TWO.digest}={held}:old\r\n'
    assert exported(bundler, tmp_path, text.encode(encoding)) == {f"{held}:1": ONE.digest, f"{held}:old": TWO.digest}


def test_rules_of_powershell_are_read(bundler, held, new_registry, tmp_path):
    exported(bundler, tmp_path, f"{held}:1\n")
    (tmp_path / "rules.yaml").write_bytes(f"rules:\r\n- from: {held}\r\n  to: mine\r\n".encode("utf-16"))
    inside = new_registry()
    import_ = ("import", tmp_path / "t", "--insecure-no-signature", "--to", inside.host)
    done = bundler(*import_, "--rules", tmp_path / "rules.yaml", "--dry-run")
    assert done.code == 0, done.err
    assert f"{inside.host}/mine:1" in done.out


def test_a_tag_in_a_layout_of_skopeo_is_refused_with_an_entry_that_works(bundler, tmp_path):
    """Tag and path alone, as people write them after skopeo's oci-archive:FILE."""
    ONE.write_layout(tmp_path / "layout", "example.org/x:1")
    for number, name in enumerate(("1.27", "team/x:1.27")):
        file = tmp_path / f"{number}.tar"
        shell(f"skopeo copy -q oci:layout:example.org/x:1 oci-archive:{file}:{name}", cwd=tmp_path)
        done = bundler("export", f"oci-archive:{file}", "--name", f"n{number}", "-o", tmp_path, "--unsigned")
        assert done.code == 2
        advice = next(line for line in done.err.splitlines() if "name it in a list: " in line).partition("list: ")[2]
        (tmp_path / "list.yaml").write_text(f"images:\n- {advice.replace('NAME', 'example.org/x:1.27')}\n")
        done = bundler("export", tmp_path / "list.yaml", "--name", f"n{number}", "-o", tmp_path, "--unsigned")
        assert done.code == 0, done.err


def test_a_manifest_and_a_compose_file_are_exported_together_and_other_parts_are_reported(bundler, held, tmp_path):
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{image: '{held}:1', args: ['{held}:2']}}]}}\n"
    (tmp_path / "pod.yaml").write_text(pod)
    (tmp_path / "compose.yaml").write_text(f"services: {{a: {{image: '{held}@$DIGEST'}}, b: {{build: .}}}}\n")
    lists = (tmp_path / "pod.yaml", tmp_path / "compose.yaml", "--set", f"DIGEST={TWO.digest}")
    done = bundler("export", *lists, "--name", "t", "-o", tmp_path, "--unsigned")
    assert done.code == 0, done.err
    for place in ("pod.yaml:4: ", "compose.yaml:1: "):
        assert place in done.err
        assert place in done.out
    again = bundler("export", *lists, "--name", "t", "-o", tmp_path, "--unsigned", "--json", "-q")
    found = json.loads(again.out)
    assert [image["digest"] for image in found["images"]] == [ONE.digest, TWO.digest]
    assert [part["where"].rpartition("/")[2] for part in found["noImages"]] == ["pod.yaml:4", "compose.yaml:1"]
