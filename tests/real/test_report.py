"""Reports have all that an officer must see, and texts of strangers in a bundle neither run nor load anything."""

from __future__ import annotations

import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bundler.bundle import signing
from bundler.core.digest import Digest
from bundler.core.fingerprint import grouped
from bundler.core.scan import Finding, Scan, Scanner, ScanRecord, Severity, Waiver
from bundler.core.scan.verdict import CLEAN, Unit, found as scanned, not_scanned
from bundler.keys.signed_files import signature_path
from bundler.views.html.elements import LONGEST_TEXT, TAGS
from tests.conftest import Bundler
from tests.support import browser, forge, images
from tests.support.forge import BIG, SHARED, Forged
from tests.support.parts import RealRegistry, require

HACK = "document.title='hacked'"
PAYLOADS = (
    f"</style><script>{HACK}</script>",
    f'<img src=http://127.0.0.1:9/image onerror="{HACK}">',
    f"\"'><svg onload={HACK}>",
    "<link rel=stylesheet href=http://127.0.0.1:9/style>",
    "<iframe src=http://127.0.0.1:9/frame></iframe>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/next'>",
    f"javascript:{HACK}",
    "x' style='background:url(http://127.0.0.1:9/background)",
    "\u202egnp.exe\u202c \x1b[2J\x07",
    "--><base href=http://127.0.0.1:9/>",
)
HOSTILE = " ".join(PAYLOADS)


class Text(HTMLParser):
    """The text of a page, its tags, and the places that links lead to."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text, self.tags, self.ids, self.links = "", set(), [], []
        self._is_shown = True
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._is_shown = tag != "style"
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        self._is_shown = True

    def handle_data(self, data):
        self.text += data if self._is_shown else ""


def read(path: Path) -> Text:
    found = Text(path.read_text())
    assert {f"#{each}" for each in found.ids} >= set(found.links)
    assert len(set(found.ids)) == len(found.ids)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Forged:
    return forge.make(tmp_path_factory.mktemp("report"))


@pytest.fixture
def forged(made: Forged, tmp_path: Path) -> Forged:
    return made.copy(tmp_path / "good")


def fill(document: dict) -> None:
    """Puts hostile text wherever bundle.json takes text."""
    for image in document["images"]:
        image["source"] = HOSTILE
        image["verdicts"] = [
            {"policy": "0" * 64, "rule": HOSTILE, "result": HOSTILE, "signer": HOSTILE, "reason": HOSTILE}
        ]
        for variant in image["variants"]:
            variant |= {"created": HOSTILE, "user": HOSTILE, "entrypoint": [HOSTILE], "cmd": [HOSTILE]}
            variant["labels"] = {HOSTILE: HOSTILE, "large": "x" * 1_000_000, **{each: each for each in PAYLOADS}}
    document["created"] = document["tool"] = HOSTILE
    document["missing"] = [{"reference": "example.org/gone:1", "source": HOSTILE, "code": "absent", "reason": HOSTILE}]


def test_a_hostile_bundle_runs_and_loads_nothing_in_a_browser(bundler: Bundler, forged: Forged, tmp_path: Path):
    require("chromium")
    forged.edit(fill)
    page = tmp_path / "hostile.html"
    assert bundler("report", forged.folder, "-o", page, "--trust", forged.public).code == 0
    assert page.stat().st_size < 1_000_000
    raw = tmp_path / "raw.html"  # the same with everything unescaped: proof that the browser would do it
    unescaped = html.unescape(page.read_text()).replace("http-equiv=refresh", "name=refresh")
    raw.write_text(unescaped)
    with browser.started() as chromium:
        bare = chromium.open(raw.as_uri(), has_policy=False)
        assert len(set(bare.requests)) >= 4
        assert bare.value("document.title") == "hacked"
        guarded = chromium.open(raw.as_uri())
        assert (guarded.requests, guarded.value("document.title.includes('hacked')")) == ([], False)
        assert guarded.refused

        shown = chromium.open(page.as_uri(), has_policy=False)
        assert (shown.requests, shown.dialogs, shown.refused) == ([], [], [])
        shown = chromium.open(page.as_uri())
        assert (shown.requests, shown.dialogs, shown.refused) == ([], [], [])
        assert "hacked" not in shown.value("document.title")
        names = set(shown.value("[...document.querySelectorAll('*')].map(each => each.localName)"))
        assert names <= TAGS | {"html", "head", "meta", "title", "style", "body"}
        words = shown.value("document.body.innerText")
        for payload in PAYLOADS[:8]:
            assert payload in words
        assert "\\x202egnp.exe\\x202c \\x1b[2J\\x07" in words
        assert f"{'x' * (LONGEST_TEXT - 6)}… (1,000,006 characters)" in words

        shown.look(width=390)
        assert shown.value("document.documentElement.scrollWidth") <= 390
        shown.look(dark=True)
        assert shown.value("document.documentElement.scrollWidth") <= 1280
        assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(24, 28, 32)"
        printed = shown.pdf()
        boxes = re.findall(rb"/MediaBox \[([^\]]*)\]", printed)
        assert {tuple(round(float(side)) for side in box.split()) for box in boxes} == {(0, 0, 595, 842)}
        assert len(boxes) > 2


def test_the_report_of_a_bundle_has_what_an_officer_must_see(bundler: Bundler, forged: Forged, tmp_path: Path):
    done = bundler("report", forged.folder, "-o", tmp_path / "r.html", "--trust", forged.public, "--json")
    assert done.json == {
        "document": "bundler.report/1",
        "exitCode": 0,
        "path": str(tmp_path / "r.html"),
        "kind": "bundle",
        "format": "html",
        "language": "en",
        "size": (tmp_path / "r.html").stat().st_size,
        "sha256": images.sha256((tmp_path / "r.html").read_bytes()).removeprefix("sha256:"),
    }
    words = read(tmp_path / "r.html").text
    inspected = bundler("inspect", forged.folder, "--trust", forged.public, "--json").json
    for image in inspected["images"]:
        assert image["reference"] in words
        assert image["digest"] in words
        for platform in image["platforms"]:
            assert platform["digest"] in words
            assert platform["platform"] in words
    for name, sha256 in forged.sums:
        assert name in words
        assert sha256 in words
    assert inspected["bundleId"] in words
    assert forged.key_id in words
    assert grouped(forged.key_id)[:9] in words
    assert "signature good" in words
    assert "The chunks were not verified for this report" in words
    assert "shared by 4" in words
    again = bundler("report", forged.folder, "-o", tmp_path / "r.html", "--trust", forged.public, "-q")
    assert (again.code, again.out) == (0, f"{tmp_path / 'r.html'}\n")


def test_a_verification_names_the_images_that_damage_hurts(bundler: Bundler, forged: Forged, tmp_path: Path):
    offset, length, digest, users = next(each for each in forged.members("chunk-0004.tar") if each[3])
    forged.flip("chunk-0004.tar", offset + length // 2)
    gone = forged.chunks[-1]
    gone.unlink()
    page = tmp_path / "r.html"
    done = bundler("verify", forged.folder, "--trust", forged.public, "--report", page, "--report-lang", "zh", "--json")
    assert (done.code, done.json["report"]["kind"]) == (4, "verification")
    found = read(page)
    assert '<html lang="zh-Hans">' in page.read_text()
    assert "NOT GOOD" not in found.text
    problems = found.text.partition("问题与下一步")[2].partition("字节")[0]
    for each in ("chunk-0004.tar", gone.name, digest, *users):
        assert each in problems
    same = bundler("report", forged.folder, "--verify", "-o", page, "--trust", forged.public)
    assert same.code == 4
    assert "NOT GOOD" in read(page).text
    for each in ("chunk-0004.tar", gone.name, *users):
        assert each in same.out
    (forged / "chunk-0004.tar").unlink()
    shutil.copytree(forged.folder, tmp_path / "unknown")
    bundler("keygen", "other", "-d", tmp_path)
    unknown = bundler("report", tmp_path / "unknown", "-o", page, "--trust", tmp_path / "other.pub")
    assert unknown.code == 5
    assert "NOT TRUSTED" in read(page).text
    other = key_id(tmp_path / "other.pub")
    for each in (
        "UNVERIFIED",
        f"NOT TRUSTED: signed by {forged.key_id}; trusted here: {other}",
        "  -> check that this",
    ):
        assert each in unknown.out
    unasked = bundler("report", tmp_path / "unknown", "-o", page)
    assert unasked.code == 0
    assert "UNVERIFIED" in unasked.out
    assert "not checked (check it with --trust NAME.pub)" in unasked.out


def test_plans_imports_and_receipts_show_tags_before_and_after(
    bundler: Bundler, forged: Forged, target: RealRegistry, tmp_path: Path
):
    old = images.simple("old")
    old.push(target, "team/one", "1")
    plan, page, receipt = tmp_path / "plan.html", tmp_path / "import.html", tmp_path / "receipt.json"
    where = ["import", forged.folder, "--trust", forged.public, "--to", target.host, "--on-conflict"]
    planned = bundler(*where, "fail", "--dry-run", "--report", plan)
    assert planned.code == 6
    assert "1 conflict" in read(plan).text
    assert "plan: nothing was sent" not in read(plan).text
    done = bundler(*where, "replace", "--receipt", receipt, "--report", page)
    assert done.code == 0
    new = next(each["root"]["digest"] for each in forged.manifest["images"] if each["reference"] == SHARED)
    shown = bundler("report", receipt, "-o", tmp_path / "receipt.html")
    assert (shown.code, "signature  " in shown.out) == (0, False)
    for path in (page, tmp_path / "receipt.html"):
        words = read(path).text
        moved = words.partition("Tags that had another image")[2].partition("All images")[0]
        for each in (f"{target.host}/team/one:1", old.digest, new):
            assert each in moved
        assert "1 tag got another image" in words
        assert f"{target.host}/team/big:1" in words
        assert "5 pushed" in words or "6 pushed" in words


def test_the_plan_of_an_export_and_the_bundle_that_it_makes(bundler: Bundler, made: Forged, tmp_path: Path):
    layout = made.folder.parent / "layout"
    page = tmp_path / "plan.html"
    export = ["export", f"oci:{layout}:{BIG}", f"oci:{layout}:{SHARED}", "-o", tmp_path, "--name", "next"]
    export += [
        "--key",
        made.private,
        "--medium-size",
        "4MB",
        "--chunk-size",
        "1MiB",
        "--parity",
        "1chunk",
        "--report",
        page,
    ]
    assert bundler(*export, "--dry-run").code == 0
    words = read(page).text
    for each in (
        "plan: nothing was made",
        "chunk-0001.tar",
        "1 of 3",
        "% of",
        "Any one of these media may be lost",
        BIG,
    ):
        assert each in words
    assert list(tmp_path.glob("next*")) == []
    done = bundler(*export, "--json")
    assert (done.code, done.json["report"]["kind"]) == (0, "bundle")
    assert done.json["bundleId"] in read(page).text
    assert "signature good" in read(page).text


def test_a_report_replaces_reports_alone_and_is_no_file_of_a_bundle(bundler: Bundler, forged: Forged, tmp_path: Path):
    mine = tmp_path / "mine.html"
    mine.write_text("<!doctype html><p>mine")
    (tmp_path / "link.html").symlink_to(mine)
    for path, said in (
        (mine, "is no report"),
        (tmp_path / "link.html", "is no report"),
        (tmp_path / "absent" / "r.html", "no such folder"),
        (forged / "report.html", "in the folder of a bundle"),
    ):
        for command in (("report",), ("verify",)):
            flag = "-o" if command == ("report",) else "--report"
            done = bundler(*command, forged.folder, flag, path, "--trust", forged.public)
            assert done.code == 2, command
            assert said in done.err
    assert mine.read_text() == "<!doctype html><p>mine"
    assert bundler("report", forged.folder, "-o", tmp_path / "r.html", "--lang", "tlh").code == 2
    assert bundler("verify", forged.folder, "--report-lang", "zh", "--trust", forged.public).code == 2
    assert bundler("report", forged / "bundle.json", "-o", tmp_path / "r.html").code == 4
    two = bundler("report", forged.folder, made_copy(forged, tmp_path), "-o", tmp_path / "r.html")
    assert two.code == 2


@pytest.mark.parametrize(("content", "found"), [("images:\n- nginx", "begins with 'images:"), ("", "an empty file")])
def test_a_file_of_another_kind_is_named_with_what_is_expected(here, tmp_path: Path, content: str, found: str):
    given = tmp_path / "given"
    given.write_text(content)
    for command, expected, hint in (
        ("report", "bundler.receipt/1", "import --receipt FILE wrote: bundler report"),
        ("slip", "bundler.need/1", "import --need FILE wrote: bundler slip"),
    ):
        done = here(command, given, "-o", tmp_path / "made.html")
        assert done.code == 4
        assert all(each in done.err for each in (str(given), expected, found, hint)), done.err
        assert "line 1 column 1" not in done.err


def made_copy(forged: Forged, to: Path) -> Path:
    """Another bundle."""
    other = forged.copy(to / "other")
    other.edit(lambda document: document.update(created="2026-01-01T00:00:00Z"))
    return other.folder


def test_the_report_of_an_encrypted_bundle_names_no_image_without_its_passphrase(bundler: Bundler, tmp_path: Path):
    secret = forge.make(tmp_path, "secret", encrypt="a long passphrase for tests")
    page = tmp_path / "r.html"
    report = ["report", secret.folder, "-o", page, "--trust", secret.public]
    assert bundler(*report).code == 0
    assert "The content is encrypted" in read(page).text
    assert BIG not in page.read_text()
    assert bundler(*report, "--passphrase-file", tmp_path / "passphrase").code == 0
    assert BIG in read(page).text


def key_id(public: Path) -> str:
    return signing.load_public(public.read_bytes(), origin="test").id


def write_scan(file: Path, bundle_id: str, blobs: list[str], found: str) -> None:
    """Writes the record of a scan in which one blob was found, one was not scanned, and the others are clean."""
    malware = Finding(f"Test.Marker {PAYLOADS[0]}", Severity.CRITICAL, where=PAYLOADS[1])
    verdicts = {Digest.parse(each): CLEAN for each in blobs}
    verdicts[Digest.parse(found)] = scanned([malware])
    verdicts[Digest.parse(blobs[0])] = not_scanned("too large")
    scanner = Scanner("clamav", Unit.BLOB, "1.4.2", "27461", "2026-11-29T00:00:00Z")
    waiver = Waiver("CVE-2026-1", "not reachable", "2026-12-31", "security")
    record = ScanRecord(
        "bundler test", bundle_id, "good", "2026-11-30T05:00:00Z", "root", "host", (Scan(scanner, verdicts),), (waiver,)
    )
    file.write_bytes(b"".join(record.to_json()))


def test_the_record_of_a_scan_next_to_a_bundle_is_shown_and_proves_nothing_unsigned(
    bundler: Bundler, forged: Forged, tmp_path: Path
):
    page, record = tmp_path / "r.html", tmp_path / "good.scan.json"
    inspected = bundler("inspect", forged.folder, "--trust", forged.public, "--json").json
    blobs = [each["digest"] for each in forged.manifest["blobs"]]
    big = next(each for each in forged.manifest["images"] if each["reference"] == BIG)
    found = blobs[big["blobs"][-1]]
    write_scan(record, inspected["bundleId"], blobs[:-1], found)
    assert bundler("report", forged.folder, "-o", page, "--trust", forged.public).code == 0
    words = read(page).text
    scan = words.partition("Scan of 2026-11-30T05:00:00Z")[2].partition("chunk and SHA-256")[0]
    for each in (found, BIG, "clamav 1.4.2", "27461", "Test.Marker </style>", "too large", "CVE-2026-1: not reachable"):
        assert each in scan
    assert "2 objects have not passed the scan by clamav" in words
    assert "1 object is not in the scan by clamav" in words
    assert "No trusted key has signed" in words
    assert "UNSIGNED" in scan
    bundler("keygen", "officer", "-d", tmp_path)
    officer, public = key_id(tmp_path / "officer.pub"), tmp_path / "officer.pub"
    private = signing.load_private((tmp_path / "officer.key").read_bytes(), origin="test", passphrase=bytes)
    signature_path(record, officer).write_bytes(private.sign(record.read_bytes()))
    report = ("report", forged.folder, "-o", page, "--trust", forged.public)
    assert bundler(*report).code == 0
    words = read(page).text
    scan = words.partition("Scan of 2026-11-30T05:00:00Z")[2].partition("chunk and SHA-256")[0]
    assert f"{officer} not a trusted key" in " ".join(scan.split())
    assert "UNSIGNED" not in scan
    assert "--scan-trust NAME.pub" in words
    assert bundler(*report, "--scan-trust", public).code == 0
    words = read(page).text
    assert officer in words
    assert "No trusted key has signed" not in words
    signature_path(record, officer).unlink()
    write_scan(record, "0" * 64, blobs, found)
    assert bundler("report", forged.folder, "-o", page, "--trust", forged.public).code == 0
    words = read(page).text
    assert "is the record of a scan of another bundle" in words
    assert "Scan of" not in words
    gate = bundler("verify", forged.folder, "--trust", forged.public, "--require-scan", "trivy", "--report", page)
    assert gate.code == 5
    record.unlink()
    gate = bundler("verify", forged.folder, "--trust", forged.public, "--require-scan", "trivy", "--report", page)
    assert gate.code == 5
    assert "The scan by trivy is not passed" in read(page).text


def test_layers_of_images_are_shown_with_their_commands_and_wasted_bytes(
    bundler: Bundler, forged: Forged, tmp_path: Path
):
    page = tmp_path / "r.html"
    assert bundler("report", forged.folder, "-o", page, "--trust", forged.public, "--layers").code == 0
    layers = read(page).text.partition("Layers and wasted bytes")[2]
    for image in forged.manifest["images"]:
        assert image["reference"] in layers
    assert "command, by the maker of the image" in layers
    assert "wasted: nothing: no layer replaces or deletes a file of another one" in layers
