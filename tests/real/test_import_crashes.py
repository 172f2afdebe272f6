"""Promises 3 and 5 for imports: killed before or after every step that changes something, and at any time.

Each time the same command, run again, ends with 0, with the same digests at the target and a receipt. Parts that are there are not
sent again. No tag moves before all images are there (T14), each tag is old or new (T15), and the image of a tag before
can be read in a receipt as soon as it has moved.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.support import images, sweeps
from tests.support.fault_fs import FaultFs
from tests.support.images import Image, simple
from tests.support.parts import RealRegistry, shell
from tests.support.servers import Front
from tests.support.steps import Ended, Steps
from tests.support.sweeps import RANDOM_KILLS

LOCKS_OF_THE_DEAD = {".bundler-lock", "images.tar.lock"}
"""The files that a run may leave if it was killed when all was done; a run that finds nothing to do takes no lock."""
WORKERS = 8
"""Threads for small blobs, see `bundler.transfer.SMALL_WORKERS`."""

_SHARED = gzip.compress(images.layer_tar("shared", 30_000), mtime=0)
_OLD = simple("old")
IMAGES = {
    "team/multi:1": images.index(
        [
            (images.image([_SHARED]), images.platform("amd64")),
            (simple("arm", architecture="arm64"), images.platform("arm64")),
        ]
    ),
    "team/app:1": images.image([_SHARED, gzip.compress(images.layer_tar("app"), mtime=0)]),
}
REPLACED = "team/app:1"
"""Its tag refers to an old image before."""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A bundle of the images, and the key that it is signed with."""
    folder = tmp_path_factory.mktemp("made")
    entries = ""
    for name, image in IMAGES.items():
        image.write_layout(folder / "layout", f"example.org/{name}")
        entries += f"- {{image: 'example.org/{name}', from: 'oci:{folder}/layout:example.org/{name}'}}\n"
    (folder / "test.yaml").write_text(f"name: test\nimages:\n{entries}")
    shell(
        f"{sys.executable} -m bundler keygen tester -d keys\n"
        f"{sys.executable} -m bundler export test.yaml -o . --key keys/tester.key",
        cwd=folder,
    )
    return folder / "test", folder / "keys/tester.pub"


@dataclass
class Counting(Front):
    """A front that knows which requests still run when the client is dead."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _going_on: int = 0

    def forward(self, request: BaseHTTPRequestHandler) -> None:
        with self._changed:
            self._going_on += 1
        try:
            super().forward(request)
        finally:
            with self._changed:
                self._going_on -= 1
                self._changed.notify_all()

    def wait_until_idle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: not self._going_on, timeout=60)


@dataclass
class Place:
    """A registry with a front, which can be reset to its state before all imports."""

    registry: RealRegistry
    front: Counting
    template: Path
    made: tuple[Path, Path]
    states: Path

    def fresh(self) -> Steps:
        """An import into the registry as it was, with a new folder for receipts."""
        self.front.wait_until_idle()
        while self.registry.storage.exists():
            shutil.rmtree(self.registry.storage, ignore_errors=True)
        shutil.copytree(self.template, self.registry.storage)
        shutil.rmtree(self.states, ignore_errors=True)
        self.front.requests.clear()
        bundle, trust = self.made
        arguments = ["import", bundle, "--trust", trust, "--to", self.front.host, "--on-conflict", "replace", "--json"]
        return Steps(arguments, {"XDG_STATE_HOME": str(self.states)})

    @property
    def tags(self) -> dict[str, str]:
        """The digest that every tag refers to, as the storage has it."""
        root = self.registry.storage / "docker/registry/v2/repositories"
        return {
            f"{link.parents[4].relative_to(root)}:{link.parents[1].name}": link.read_text()
            for link in root.glob("team/*/_manifests/tags/*/current/link")
        }

    @property
    def standing(self) -> set[tuple[str, str]]:
        """Every blob that a repository has, by repository and digest."""
        root = self.registry.storage / "docker/registry/v2/repositories"
        return {
            (str(link.parents[3].relative_to(root)), f"sha256:{link.parent.name}")
            for link in root.glob("team/*/_layers/sha256/*/link")
        }

    def sent(self) -> Counter[tuple[str, str]]:
        """The number of times that sending each blob to each repository started."""
        found = (
            re.fullmatch(r"/v2/(.+)/blobs/uploads/.*[?&]digest=(sha256)%3A([0-9a-f]+).*", path)
            for method, path in self.front.requests
            if method == "PUT"
        )
        return Counter((match[1], f"{match[2]}:{match[3]}") for match in found if match)

    def holds(self, name: str, image: Image) -> bool:
        """True if a repository has an image with all its parts, each with its own bytes."""
        blobs = self.registry.storage / "docker/registry/v2/blobs/sha256"
        repository = self.registry.storage / "docker/registry/v2/repositories" / name.partition(":")[0]
        for digest, content in image.all_blobs().items():
            digits = digest.removeprefix("sha256:")
            path = blobs / digits[:2] / digits / "data"
            links = [repository / f"{kind}/sha256/{digits}/link" for kind in ("_layers", "_manifests/revisions")]
            if not path.exists() or path.read_bytes() != content or not any(link.exists() for link in links):
                return False
        return True

    def receipts(self, ending: str) -> list[dict]:
        folder = self.states / "bundler/receipts"
        found = []
        for path in sorted(folder.glob(f"*{ending}")):
            with open(path, "rb") as file:
                found.append(json.loads(file.read() or b"{}"))
        return found


@pytest.fixture(scope="module")
def place(made, tmp_path_factory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("registry")
    registry = RealRegistry(folder).start()
    repository, _, tag = REPLACED.partition(":")
    _OLD.push(registry, repository, tag)
    shutil.copytree(registry.storage, folder / "template")
    front = Counting(registry)
    front.start()
    yield Place(registry, front, folder / "template", made, tmp_path_factory.mktemp("state") / "s")
    front.stop()
    registry.stop()


BEFORE = {REPLACED: _OLD.digest}
AFTER = {name: image.digest for name, image in IMAGES.items()}


def check_after_kill(place: Place, ended: Ended) -> None:
    """Asserts the promises that hold at any moment."""
    place.front.wait_until_idle()
    tags = place.tags
    reported = f"killed at step {ended.steps}, {ended.last}"
    for name, digest in tags.items():
        assert digest in (BEFORE.get(name), AFTER[name]), reported
    assert REPLACED in tags, reported
    if tags != BEFORE:
        for name, image in IMAGES.items():
            assert place.holds(name, image), f"{reported}: a tag moved before everything was there"
    if tags[REPLACED] != _OLD.digest:
        noted = [
            image["replaced"]
            for receipt in place.receipts(".json") + place.receipts(".unfinished")
            for target in receipt.get("targets", [])
            for image in target["images"]
        ]
        assert _OLD.digest in noted, f"{reported}: the old image of the tag is recorded nowhere"


def test_a_tag_that_is_there_moves_after_all_new_tags(place):
    """A new tag brings the root of its image, so only then all images are there."""
    steps, moved, order = place.fresh(), threading.Event(), []

    def hold_the_new_tag(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if (request.command, request.path) == ("PUT", "/v2/team/multi/manifests/1"):
            order.append("new")
            assert not moved.wait(0.5)
        elif (request.command, request.path) == ("PUT", "/v2/team/app/manifests/1"):
            order.append("moved")
            moved.set()
        return False

    place.front.faults.append(hold_the_new_tag)
    try:
        ended = steps.run()
    finally:
        place.front.faults.remove(hold_the_new_tag)
    assert (ended.code, order) == (0, ["new", "moved"]), ended.err


def check_rerun(place: Place, steps: Steps, ended: Ended) -> None:
    """The same command again ends well, and sends nothing again that is there."""
    reported = f"killed at step {ended.steps}, {ended.last}"
    standing, sent = place.standing, place.sent()
    place.front.requests.clear()
    whole = len(place.receipts(".json"))
    again = steps.run()
    assert again.code == 0, f"{reported}: {again.err}"
    assert place.tags == AFTER, reported
    assert all(place.holds(name, image) for name, image in IMAGES.items()), reported
    assert not standing & place.sent().keys(), f"{reported}: a part that was there was sent again"
    both = sent + place.sent()
    assert max(both.values(), default=0) <= 2, reported
    assert sum(number > 1 for number in both.values()) <= WORKERS, reported
    receipts = place.receipts(".json")
    assert len(receipts) == whole + 1, reported
    assert {image["readBack"] for image in receipts[-1]["targets"][0]["images"]} == set(AFTER.values()), reported
    assert any(receipt["exitCode"] == 0 for receipt in receipts), reported


def test_an_import_that_is_killed_at_any_step_is_finished_by_the_same_command(place):
    for number in sweeps.steps():
        steps = place.fresh()
        ended = steps.kill_at(number)
        if not ended.was_killed:
            break
        check_after_kill(place, ended)
        check_rerun(place, steps, ended)
    assert ended.code == 0, ended.err
    assert number > 30, "an import has more steps than that"
    assert place.tags == AFTER


def test_an_import_that_is_killed_between_its_steps_is_finished_by_the_same_command(place):
    """Right after a step is right before the next one, unless bytes are written between them: only those of receipts are,
    in the first and the last steps.
    """
    most = place.fresh().count()
    for number in sweeps.some([*range(1, 8), *range(most - 10, most + 1)]):
        steps = place.fresh()
        ended = steps.kill_at(number, after=True)
        check_after_kill(place, ended)
        check_rerun(place, steps, ended)


def test_an_import_that_is_killed_at_any_time_is_finished_by_the_same_command(place):
    whole = place.fresh().run()
    assert whole.code == 0, whole.err
    chance = random.Random()
    killed, seconds = 0, whole.seconds
    while killed < RANDOM_KILLS:
        steps = place.fresh()
        ended = steps.kill_after_seconds(chance.uniform(0, seconds))
        killed += ended.was_killed
        seconds = seconds if ended.was_killed else ended.seconds  # the machine may have more time for us now
        check_after_kill(place, ended)
        check_rerun(place, steps, ended)


def blobs_of(image: Image) -> dict[str, bytes]:
    return {digest.removeprefix("sha256:"): content for digest, content in image.all_blobs().items()}


def layout_names(layout: Path) -> dict[str, str]:
    """The image of each name in index.json; every one of them must have all its parts."""
    path = layout / "index.json"
    if not path.exists():
        return {}
    found = {}
    for entry in json.loads(path.read_text())["manifests"]:
        name = entry["annotations"]["org.opencontainers.image.ref.name"].partition("/")[2]
        found[name] = entry["digest"]
        image = IMAGES[name] if entry["digest"] == AFTER[name] else _OLD
        for digits, content in blobs_of(image).items():
            assert (layout / "blobs/sha256" / digits).read_bytes() == content, name
    return found


def test_C04_C05_an_import_into_a_layout_that_is_killed_or_cut_off_at_any_moment_is_finished_by_the_same_command(
    made, tmp_path
):
    fs = FaultFs(tmp_path / "fs", records=True)
    _OLD.write_layout(fs.backing / "layout", f"example.org/{REPLACED}")
    layout, states = fs.path / "layout", fs.path / "states"
    arguments = ["import", made[0], "--trust", made[1], "--to", f"oci:{layout}", "--on-conflict", "replace", "--json"]
    steps = Steps(arguments, {"XDG_STATE_HOME": str(states)})
    count = 0
    for where in sweeps.crashes(fs, steps):
        count += 1
        for name, digest in layout_names(layout).items():
            assert digest in (BEFORE.get(name), AFTER[name]), where
        again = steps.run()
        assert again.code == 0, f"{where}: {again.err}"
        assert layout_names(layout) == AFTER, where
        left = {path.name for path in layout.rglob(".*")}
        assert left <= LOCKS_OF_THE_DEAD, f"{where}: files are left"
        assert len(list((states / "bundler/receipts").glob("*.json"))) in (1, 2), where
    assert count >= 50 // 6, "an import has more moments than that"


def test_C04_C05_an_import_into_an_archive_that_is_killed_or_cut_off_at_any_moment_is_finished_by_the_same_command(
    made, tmp_path
):
    fs = FaultFs(tmp_path / "fs", records=True)
    archive = fs.path / "a/images.tar"
    (fs.backing / "a").mkdir(parents=True)
    arguments = ["import", made[0], "--trust", made[1], "--to", f"oci-archive:{archive}"]
    steps = Steps(arguments, {"XDG_STATE_HOME": str(fs.path / "states")})
    count = 0
    for where in sweeps.crashes(fs, steps):
        count += 1
        if archive.exists():
            assert Steps(["verify", archive]).run().code == 0, where
        again = steps.run()
        assert again.code == 0, f"{where}: {again.err}"
        left = {path.name for path in archive.parent.iterdir()}
        assert left - LOCKS_OF_THE_DEAD == {"images.tar"}, where
        assert Steps(["verify", archive]).run().code == 0, where
    assert count >= 40 // 6, "an import has more moments than that"
    shell(f"mkdir out && tar -x -f {archive} -C out", cwd=tmp_path)
    assert layout_names(tmp_path / "out") == AFTER


def test_an_import_that_is_to_write_a_receipt_of_a_name_is_finished_by_the_same_command(place, made, tmp_path):
    """Until the receipt is there under its name; then the same command refuses to overwrite the receipt.

    Killed at the first and at the last steps, which are those of the receipt.
    """
    mine = tmp_path / "r/receipt.json"
    bundle, trust = made
    arguments = ["import", bundle, "--trust", trust, "--to", place.front.host, "--on-conflict", "replace"]
    steps = Steps([*arguments, "--receipt", mine, "--receipt-key", trust.with_suffix(".key")])

    def fresh() -> Steps:
        place.fresh()
        shutil.rmtree(mine.parent, ignore_errors=True)
        return steps

    most = fresh().count()
    codes = []
    public = load_pem_public_key(trust.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    for number in (*range(1, 6), *range(most - 12, most + 1)):
        ended = fresh().kill_at(number)
        is_written = mine.exists()
        codes.append(steps.run().code)
        assert codes[-1] == (2 if is_written else 0), f"killed at step {ended.steps}, {ended.last}"
        reported, signature = mine.read_bytes(), next(mine.parent.glob("receipt.json.*.sig")).read_bytes()
        assert json.loads(reported)["exitCode"] == 0
        public.verify(signature, reported)
    assert set(codes) == {0, 2}
