"""The list of what is attached to a manifest: real registries without the API, and fakes with it that may lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler.core import attachments, limits
from bundler.core.attachments import FALLBACK_TAG, REFERRERS, TAG
from bundler.core.digest import Digest
from bundler.errors import Damaged, Refused
from bundler.stores import referrers as reading
from bundler.stores.hosts import NetworkOptions
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from tests.support import images
from tests.support.attachments import BUNDLE, cosign, dashed, fallback_index, push_all, referrer
from tests.support.errors import raises
from tests.support.parts import RealRegistry
from tests.support.referrers import Referrers
from tests.support.servers import Front

VECTORS = Path(__file__).parents[1] / "vectors/signatures"
SUBJECT = images.simple("subject")
WHERE = "team/app"


def repository(endpoint: Front | RealRegistry, path: str = WHERE) -> Repository:
    return Repository(Registry(endpoint.host, NetworkOptions()), path)


def found_in(endpoint: Front | RealRegistry, subject: images.Image = SUBJECT) -> list[tuple[str, str, str]]:
    """The places where attachments were found, with their kinds and names."""
    found = repository(endpoint).attachments_of(Digest.parse(subject.digest))
    return [(each.found, each.kind, each.name) for each in found]


class Answers:
    """Answers requests whose path has a part."""

    def __init__(self, part: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.part, self.status, self.body = part, status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __call__(self, front: Front, request: Any) -> bool:
        if self.part in request.path:
            front.send(request, self.status, self.headers, self.body)
        return self.part in request.path


INDEX = {"Content_Type": images.OCI_INDEX}
BY_TAGS = [(TAG, "signature", dashed(SUBJECT, ".sig")), (TAG, "attestation", dashed(SUBJECT, ".att"))]


def test_a_registry_without_the_api_lists_by_tags(target, fronts):
    found = push_all(target, WHERE, SUBJECT)
    front = fronts(target)
    assert found_in(front) == [(FALLBACK_TAG, "sbom", found["sbom"].digest), *BY_TAGS]
    assert [path for _, path in front.requests if "referrers" in path or "tags/" in path] == [
        f"/v2/{WHERE}/tags/list?n=1000",
        f"/v2/{WHERE}/referrers/{SUBJECT.digest}",
    ]


def test_a_registry_with_the_api_lists_by_it(target, fronts):
    front = fronts(target, Referrers())
    found = push_all(front, WHERE, SUBJECT)
    assert found_in(front) == [(REFERRERS, "sbom", found["sbom"].digest), *BY_TAGS]


@pytest.mark.parametrize(
    "lie", [{"lists": False}, {"has_api": False, "denial": 401}, {"has_api": False, "names_subject": True}], ids=str
)
def test_a_registry_that_lies_about_the_api_is_asked_for_tags(target, fronts, lie):
    front = fronts(target, Referrers(**lie))
    found = push_all(front, WHERE, SUBJECT)
    assert found_in(front) == [(FALLBACK_TAG, "sbom", found["sbom"].digest), *BY_TAGS]


def test_all_pages_are_read(target, fronts):
    front = fronts(target, Referrers(page_size=2))
    SUBJECT.push(front, WHERE, "1")
    pushed = [referrer(SUBJECT, content=b"%d" % number) for number in range(5)]
    for each in pushed:
        each.push(front, WHERE)
    assert [name for _, _, name in found_in(front)] == [each.digest for each in pushed]
    assert front.count("GET", "/referrers/") == 3


def test_referrers_are_counted_over_all_pages(target, fronts, monkeypatch):
    monkeypatch.setattr(attachments, "ATTACHMENTS", 4)
    front = fronts(target, Referrers(page_size=2))
    SUBJECT.push(front, WHERE, "1")
    for number in range(5):
        referrer(SUBJECT, content=b"%d" % number).push(front, WHERE)
    with raises(Refused):
        found_in(front)


def test_a_registry_that_shows_that_it_has_no_api_is_asked_once(target, fronts):
    front = fronts(target)
    SUBJECT.push(front, WHERE, "1")
    place = repository(front)
    place.exists()  # finds out that it speaks plain HTTP
    front.requests.clear()
    for number in range(10):
        place.attachments_of(Digest("sha256", f"{number:064x}"))
    assert [path for _, path in front.requests] == [
        f"/v2/{WHERE}/tags/list?n=1000",
        f"/v2/{WHERE}/manifests/sha256-{0:064x}.sig",  # is the list complete?
        f"/v2/{WHERE}/referrers/sha256:{0:064x}",
    ]


def test_a_list_of_tags_that_lacks_a_signature_is_not_used(target, fronts):
    found = push_all(target, WHERE, SUBJECT)
    front = fronts(target, Answers("/tags/list", body=b'{"tags":["1"]}'))
    assert found_in(front) == [(FALLBACK_TAG, "sbom", found["sbom"].digest), *BY_TAGS]


def test_a_registry_that_knows_no_manifest_that_it_has_has_no_api(target, fronts):
    """As GitHub answers: artifact-keeper#3559."""
    unknown = b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
    front = fronts(target, Answers("/referrers/", 404, unknown))
    place = repository(front)
    for _ in range(3):
        place.attachments_of(Digest.parse(SUBJECT.digest))
    assert front.count("GET", "/referrers/") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_tags_that_cannot_be_listed_are_asked_for_one_by_one(target, fronts, status):
    found = push_all(target, WHERE, SUBJECT)
    front = fronts(target, Answers("/tags/list", status))
    assert found_in(front) == [(FALLBACK_TAG, "sbom", found["sbom"].digest), *BY_TAGS]
    assert front.count("HEAD", "/manifests/sha256-") == 4


def test_very_many_tags_are_asked_for_one_by_one(target, fronts, monkeypatch):
    monkeypatch.setattr(reading, "TAG_PAGES", 1)
    push_all(target, WHERE, SUBJECT)
    more = {"Link": f'</v2/{WHERE}/tags/list?n=1000&last=x>; rel="next"'}
    front = fronts(target, Answers("/tags/list", body=b'{"tags":["x"]}', **more))
    assert [name for _, _, name in found_in(front)][1:] == [name for _, _, name in BY_TAGS]


def test_the_pages_of_tags_are_followed(target, fronts):
    push_all(target, WHERE, SUBJECT)
    last = json.dumps({"tags": [dashed(SUBJECT, ".sig")]}).encode()
    more = {"Link": f'</v2/{WHERE}/tags/list?n=1000&last=b>; rel="next"'}
    front = fronts(target, Answers("last=b", body=last), Answers("/tags/list", body=b'{"tags":["a","b"]}', **more))
    assert found_in(front) == BY_TAGS[:1]


def test_a_registry_that_takes_the_fallback_tag_for_the_digest_lists_nothing(target, fronts):
    front = fronts(target, Answers("/tags/list", 403), Referrers(has_api=False, resolves_dashes=True))
    SUBJECT.push(front, WHERE, "1")
    assert found_in(front) == []


@pytest.mark.parametrize(
    "at_tag",
    [SUBJECT, cosign(SUBJECT), fallback_index(subject=SUBJECT.descriptor())],
    ids=["itself", "image", "subject"],
)
def test_what_is_not_a_list_of_referrers_at_the_fallback_tag_is_ignored(target, at_tag):
    SUBJECT.push(target, WHERE, "1")
    at_tag.push(target, WHERE, dashed(SUBJECT))
    assert found_in(target) == []


def test_what_real_cosign_wrote_is_found(target):
    content = (VECTORS / "c3man.json").read_bytes()
    bundle, empty = (VECTORS / "c3bundle.json").read_bytes(), b"{}"
    attached = images.Image(images.OCI_MANIFEST, content, {images.sha256(each): each for each in (bundle, empty)})
    attached.push(target, WHERE)
    subject = json.loads(content)["subject"]["digest"]
    index = (VECTORS / "c3idx.json").read_bytes()
    target.put(f"{WHERE}/manifests/{subject.replace(':', '-')}", index, images.OCI_INDEX)
    (found,) = repository(target).attachments_of(Digest.parse(subject))
    assert (found.found, found.kind, found.artifact_type, found.name) == (
        FALLBACK_TAG,
        "signature",
        BUNDLE,
        attached.digest,
    )


HOSTILE: dict[str, tuple[Callable[[], Answers], type[Exception]]] = {
    "not JSON": (lambda: Answers("/referrers/", body=b"<html>", **INDEX), Damaged),
    "no list": (lambda: Answers("/referrers/", body=b'{"manifests":{}}', **INDEX), Damaged),
    "huge": (lambda: Answers("/referrers/", body=b" " * (limits.REFERRERS_BYTES + 1), **INDEX), Refused),
    "100,000 referrers": (lambda: Answers("/referrers/", body=_many(100_000), **INDEX), Refused),
    "20,000 referrers": (lambda: Answers("/referrers/", body=_many(20_000), **INDEX), Refused),
    "endless pages": (
        lambda: Answers("/referrers/", body=b'{"manifests":[]}', Link='<?last=1>; rel="next"', **INDEX),
        Refused,
    ),
    "a page elsewhere": (
        lambda: Answers("/referrers/", body=b'{"manifests":[]}', Link='<http://example.com/v2/x>; rel="next"', **INDEX),
        Refused,
    ),
    "a page of another API": (
        lambda: Answers("/referrers/", body=b'{"manifests":[]}', Link='</api/x>; rel="next"', **INDEX),
        Refused,
    ),
}


def _many(count: int) -> bytes:
    entries = ",".join(f'{{"mediaType":"a/b","digest":"sha256:{number:064x}","size":1}}' for number in range(count))
    return f'{{"manifests":[{entries}]}}'.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_an_error(target, fronts, monkeypatch, name):
    monkeypatch.setattr(reading, "REFERRER_PAGES", 5)
    answer, family = HOSTILE[name]
    with raises(family):
        found_in(fronts(target, answer()))


def test_an_answer_of_another_type_is_no_api(target, fronts):
    push_all(target, WHERE, SUBJECT)
    front = fronts(target, Answers("/referrers/", body=b"<html>", Content_Type="text/html"))
    assert [found for found, _, _ in found_in(front)] == [FALLBACK_TAG, TAG, TAG]


def test_a_page_that_is_missing_is_an_error(target, fronts):
    first = json.dumps({"manifests": [referrer(SUBJECT).descriptor()]}).encode()
    front = fronts(
        target, Answers("last=1", 404), Answers("/referrers/", body=first, Link='<?last=1>; rel="next"', **INDEX)
    )
    with raises(Damaged, actual="404"):
        found_in(front)


def test_a_redirect_to_another_server_is_no_api_and_not_followed(target, fronts):
    found = push_all(target, WHERE, SUBJECT)
    elsewhere = fronts(target)
    front = fronts(target, Answers("/referrers/", 303, Location=f"http://{elsewhere.host}/v2/x"))
    assert found_in(front) == [(FALLBACK_TAG, "sbom", found["sbom"].digest), *BY_TAGS]
    assert not elsewhere.requests


@pytest.mark.parametrize(("status", "code"), [(404, "NAME_UNKNOWN"), (404, "MANIFEST_UNKNOWN"), (400, "")])
def test_an_answer_about_what_does_not_exist_shows_nothing_about_the_api(target, fronts, status, code):
    missing = json.dumps({"errors": [{"code": code}]}).encode()
    front = fronts(target, Answers("/referrers/", status, missing), Referrers())
    place = repository(front)
    assert place.referrers(Digest.parse(SUBJECT.digest)) is None
    del front.faults[0]
    assert place.referrers(Digest.parse(SUBJECT.digest)) == ()
