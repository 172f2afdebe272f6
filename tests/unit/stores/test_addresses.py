"""Addresses that servers name: one table of addresses and kinds says where bytes and credentials may go."""

from __future__ import annotations

import pytest

from bundler.core.digest import Digest
from bundler.errors import Refused
from bundler.stores.addresses import Kind, Origin, checked, printable, shown
from bundler.stores.uploads import Upload, mended
from tests.support.tables import each_case

BY = "https://reg.example:5000/v2/a/b/blobs/uploads/?mount=x"
PLAIN = BY.replace("https", "http")
LOCAL = "http://localhost:5000/v2/a/b/blobs/uploads/"
HOME = "https://reg.example:5000"
ALL = frozenset(Kind)
HERE = ALL - {Kind.FOREIGN_LAYER}
RELATIVE = HERE - {Kind.TOKEN_SERVER}
ANYWHERE = frozenset({Kind.DOWNLOAD, Kind.TOKEN_SERVER})
NOWHERE: frozenset[Kind] = frozenset()

TABLE = {
    # An address that a server writes, its author, its target, and the kinds that may go there.
    "a path": ("/v2/x?a=b", BY, f"{HOME}/v2/x?a=b", RELATIVE),
    "a path next to the request": ("uuid-1?s=2", BY, f"{HOME}/v2/a/b/blobs/uploads/uuid-1?s=2", RELATIVE),
    "a query": ("?_state=1", BY, f"{HOME}/v2/a/b/blobs/uploads/?_state=1", RELATIVE),
    "dots that lead up": ("../x", BY, f"{HOME}/v2/a/b/blobs/x", RELATIVE),
    "a fragment": ("/v2/x?a=b#frag", BY, f"{HOME}/v2/x?a=b", RELATIVE),
    "a fragment with a query in it": ("/v2/x#?digest=sha256:1", BY, f"{HOME}/v2/x", RELATIVE),
    "the same origin": (f"{HOME}/x", BY, f"{HOME}/x", HERE),
    "the same origin in capitals": ("https://REG.example:5000/x", BY, "https://REG.example:5000/x", HERE),
    "the same host without a scheme": ("//reg.example:5000/x", BY, f"{HOME}/x", RELATIVE),
    "another host": ("https://cdn.example/x", BY, "https://cdn.example/x", ANYWHERE),
    "another host without a scheme": ("//cdn.example/x", BY, "https://cdn.example/x", {Kind.DOWNLOAD}),
    "another port": ("https://reg.example:5001/x", BY, "https://reg.example:5001/x", ANYWHERE),
    "a host below it": ("https://a.reg.example:5000/x", BY, "https://a.reg.example:5000/x", ANYWHERE),
    "the same host with a dot": ("https://reg.example.:5000/x", BY, "https://reg.example.:5000/x", ANYWHERE),
    "a host that was allowed": ("https://up.example/x", BY, "https://up.example/x", ANYWHERE | {Kind.UPLOAD, Kind.FOREIGN_LAYER}),
    "another port of it": ("https://up.example:8443/x", BY, "https://up.example:8443/x", ANYWHERE),
    "its port spelt out": ("https://up.example:443/x", BY, "https://up.example:443/x", ANYWHERE | {Kind.UPLOAD, Kind.FOREIGN_LAYER}),
    "one that looks like it": ("https://up.example.evil.example/x", BY, "https://up.example.evil.example/x", ANYWHERE),
    "the same host without TLS": ("http://reg.example:5000/x", BY, "", NOWHERE),
    "another host without TLS": ("http://cdn.example/x", BY, "", NOWHERE),
    "an allowed host without TLS": ("http://up.example/x", BY, "", NOWHERE),
    "without TLS from without TLS": ("http://cdn.example/x", PLAIN, "http://cdn.example/x", ANYWHERE),
    "allowed, without TLS from without TLS": ("http://up.example/x", PLAIN, "http://up.example/x", ANYWHERE | {Kind.UPLOAD}),
    "TLS from without TLS": ("https://cdn.example/x", PLAIN, "https://cdn.example/x", ANYWHERE),
    "TLS at the same port": ("https://reg.example:5000/x", PLAIN, "https://reg.example:5000/x", ANYWHERE),
    "an address of a private network": ("https://10.1.2.3/x", BY, "https://10.1.2.3/x", {Kind.DOWNLOAD}),
    "this machine": ("https://127.0.0.1/x", BY, "", NOWHERE),
    "this machine by name": ("https://localhost/x", BY, "", NOWHERE),
    "this machine from itself": ("http://localhost:5001/x", LOCAL, "http://localhost:5001/x", ANYWHERE),
    **{
        f"none: {text!r}": (text, BY, "", NOWHERE)
        for text in (
            "", " ", "ftp://h:1/", "ftp://reg.example:5000/x", "file:///etc/passwd", "file://reg.example:5000/x",
            "unix:/run/x.sock", "javascript:x", "data:,x", "http:///x", "https:///x", "https://:443/x", "//", "https://", "https:", "https:x", "https:/x", "https:?x",
            "https://@/", "https://user@reg.example:5000/x", "https://user:pw@reg.example:5000/x", "//u:p@cdn.example/x",
            "https://reg.example:99999/x", "https://reg.example:0/x", "https://reg.example:+1/x", "https://reg.example:x/x",
            "https://[bad/x", "https://[::1/x", "https://[fe80::1%25eth0]/x", "https://a%2eb/x", "https://a b/x",
            "https://reg.example\\@cdn.example/x", "\\\\cdn.example\\x", "/\\cdn.example/x", "/x\\..\\y",
            f"{HOME}/a/../b", f"{HOME}/a/%2e%2e/b", f"{HOME}/a/.%2E/b", f"{HOME}/..%2fb", f"{HOME}/a%5c..%5cb", "/a%00b", "/a%0d%0ab",
            "/a\tb", "/a\nb", "/a\r\nX-Evil: 1", "/\x1b[2J", "/\xe4", "/\u202e", "https://r\u0435g.example/x", "/" + "a" * 20_000,
        )
    },
}  # fmt: skip
"""``up.example`` is what the user allowed, for uploads and for foreign layers."""


@each_case(("location", "by", "leads_to", "kinds"), TABLE.values(), ids=TABLE)
@each_case("kind", Kind, ids=lambda kind: kind.name.lower())
def test_an_address_is_gone_to_by_the_rule_of_its_kind_and_no_further(location, by, leads_to, kinds, kind) -> None:
    if kind in kinds:
        assert checked(location, kind, by=by, allowed={"up.example"}) == leads_to
    else:
        with pytest.raises(Refused) as caught:
            checked(location, kind, by=by, allowed={"up.example"})
        assert caught.value.exit_code == 6
        assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("realm", "by"),
    [("https://reg.example/token", BY), ("https://10.0.0.5:5001/token", "https://10.0.0.5:5000/v2/")],
    ids=["another port of the registry's host", "another port of its private address"],
)
def test_a_token_server_may_be_at_another_port_of_the_registry(realm: str, by: str) -> None:
    assert checked(realm, Kind.TOKEN_SERVER, by=by) == realm


@pytest.mark.parametrize(
    ("url", "closed"),
    [
        ("https://a/v2/x/1", "https://a/v2/x/1?digest=sha256%3A" + "0" * 64),
        ("https://a/v2/x/1?_state=a%2Fb%3D&n=1", "https://a/v2/x/1?_state=a%2Fb%3D&n=1&digest=sha256%3A" + "0" * 64),
    ],
)
def test_the_digest_of_an_upload_is_added_to_what_its_query_has(url: str, closed: str) -> None:
    assert Upload(url).closing_url(Digest("sha256", "0" * 64)) == closed


UPLOAD = "v2/team/app/blobs/uploads/uuid-1?_state=x"


@each_case(
    ("url", "api", "there"),
    [
        pytest.param(f"{HOME}/reg/{UPLOAD}", f"{HOME}/reg/v2/", None, id="below the path already"),
        pytest.param(f"{HOME}/{UPLOAD}", f"{HOME}/reg/v2/", f"{HOME}/reg/{UPLOAD}", id="the path was left out"),
        pytest.param(
            f"{HOME}/reg/reg/{UPLOAD}", f"{HOME}/reg/v2/", f"{HOME}/reg/{UPLOAD}", id="the path is there twice"
        ),
        pytest.param(f"{HOME}/inner/{UPLOAD}", f"{HOME}/a/b/v2/", f"{HOME}/a/b/{UPLOAD}", id="the path of the inside"),
        pytest.param(f"{HOME}/inner/{UPLOAD}", f"{HOME}/v2/", None, id="a path where none was given"),
        pytest.param(f"{HOME}/uploads/1", f"{HOME}/reg/v2/", None, id="an upload of another kind"),
        pytest.param(f"{HOME}/v2/other/blobs/uploads/1", f"{HOME}/reg/v2/", None, id="another repository"),
        pytest.param(f"{HOME}/v2/team/app/blobs/uploads/{UPLOAD}", f"{HOME}/reg/v2/", None, id="not plain which"),
        pytest.param(f"https://up.example/{UPLOAD}", f"{HOME}/reg/v2/", None, id="another host"),
    ],
)
def test_an_upload_is_looked_for_below_the_path_of_the_api(url: str, api: str, there: str | None) -> None:
    assert mended(url, api, "team/app") == (there or url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", Origin("https", "a.example", 443)),
        ("http://A.example/x", Origin("http", "a.example", 80)),
        ("https://user:pw@a.example:8443/x", Origin("https", "a.example", 8443)),
        ("https://[::1]:5000/v2/", Origin("https", "::1", 5000)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin


@each_case(
    "url",
    [
        "",
        "/x",
        "ftp://a/",
        "ftp://a:1/",
        "http:///x",
        "https://:443/",
        "https://a:0/",
        "https://a:99999/",
        "https://[bad/",
        "//a/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        Origin.of(url)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://user:hunter2@a.example/x?token=hunter2#hunter2", "https://a.example/x"),
        ("https://a.example:8443/v2/", "https://a.example:8443/v2/"),
    ],
    ids=["without user, query and fragment", "with its port"],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_text_from_outside_cannot_steer_a_terminal_or_fill_a_screen() -> None:
    text = printable("a\r\nb\t\x1b[2J\x00\u202e" + "x" * 1000)
    assert text.startswith("a b \ufffd[2J\ufffd\ufffdxxx")
    assert len(text) == 300
