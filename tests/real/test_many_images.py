"""Entries that name many images by patterns: a registry is asked, and a run that goes on keeps what it found."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support import images
from tests.support.parts import RealRegistry
from tests.support.servers import Front

IMAGES = {
    "1.0": images.simple("a", created="2026-10-01T00:00:00Z"),
    "1.1": images.simple("b", created="2026-11-01T00:00:00Z"),
    "2.0": images.index(
        [(images.simple("c", created="2026-11-20T00:00:00Z"), {"platform": {"os": "linux", "architecture": "amd64"}})]
    ),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A registry with three tags of two repositories below team, and one elsewhere."""
    registry = RealRegistry(tmp_path_factory.mktemp("registry")).start()
    for repository in ("team/app", "team/tool", "other"):
        for tag, image in IMAGES.items():
            image.push(registry, repository, tag)
    yield registry
    registry.stop()


def written(folder: Path, *entries: str) -> Path:
    path = folder / "list.yaml"
    path.write_text("name: t\nimages:\n" + "".join(f"- {entry}\n" for entry in entries))
    return path


def carried(folder: Path, name: str = "t") -> list[str]:
    found = json.loads((folder / name / "bundle.json").read_text())["images"]
    return sorted(image["reference"].partition("/")[2] for image in found)


def test_patterns_ranges_newest_and_dates(here, held, tmp_path):
    wanted = {
        "{repository: HOST/team/*, tags: 1.*}": ["team/app:1.0", "team/app:1.1", "team/tool:1.0", "team/tool:1.1"],
        "{repository: HOST/t*m/app, tags: {semver: '>=1.1'}}": ["team/app:1.1", "team/app:2.0"],
        "{repository: HOST/team/app, tags: {newest: 1}}": ["team/app:2.0"],
        "{repository: HOST/team/app, tags: {newest: 1, by: created, semver: ^1}}": ["team/app:1.1"],
        "{repository: HOST/other, tags: {since: 2026-11-01}}": ["other:1.1", "other:2.0"],
    }
    for entry, names in wanted.items():
        path = written(tmp_path, entry.replace("HOST", held.host))
        ran = here("export", path, "-o", tmp_path / "out", "--unsigned", "--dry-run", "--json")
        assert ran.code == 0, ran.err
        assert sorted(each["reference"].partition("/")[2] for each in ran.json["images"]) == names, entry
        assert "tags fit" in ran.err


def answer(front: Front, request: BaseHTTPRequestHandler, status: int, document: object, **headers: str) -> bool:
    front.send(request, status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode())
    return True


def test_a_run_that_goes_on_keeps_its_names_and_a_new_one_finds_new_tags(here, new_registry, fronts, tmp_path):
    registry = new_registry()
    for tag in ("1.0", "1.1"):
        IMAGES[tag].push(registry, "team/app", tag)
    front = fronts(registry)
    layer = json.loads(IMAGES["1.1"].content)["layers"][0]["digest"]
    front.faults.append(lambda front, request: layer in request.path and answer(front, request, 404, {}))
    path = written(tmp_path, f"{{repository: {front.host}/team/*, tags: {{newest: 2}}}}")
    export = ("export", path, "--unsigned")
    assert here(*export, "-o", tmp_path).code == 6
    IMAGES["2.0"].push(registry, "team/app", "2.0")
    front.faults.clear()
    front.requests.clear()
    ran = here(*export, "-o", tmp_path)
    assert ran.code == 0, ran.err
    assert carried(tmp_path) == ["team/app:1.0", "team/app:1.1"]
    assert front.count("GET", "_catalog") == front.count("GET", "/tags/list") == 0
    assert here(*export, "-o", tmp_path / "next").code == 0
    assert carried(tmp_path / "next") == ["team/app:1.1", "team/app:2.0"]
    changed = here("diff", tmp_path / "t", path, "--insecure-no-signature", "--json")
    assert (changed.code, [each["name"] for each in changed.json["new"]]) == (1, [f"{front.host}/team/app:2.0"])
    same = here("diff", tmp_path / "next/t", path, "--insecure-no-signature")
    assert same.code == 0, same.out


def test_another_pattern_does_not_go_on(here, held, fronts, tmp_path):
    front = fronts(held)
    layer = json.loads(IMAGES["1.0"].content)["layers"][0]["digest"]
    front.faults.append(lambda front, request: layer in request.path and answer(front, request, 404, {}))
    entry = f"{{repository: {front.host}/team/app, tags: VALUE}}"
    assert here("export", written(tmp_path, entry.replace("VALUE", "1.0")), "-o", tmp_path, "--unsigned").code == 6
    front.faults.clear()
    ran = here("export", written(tmp_path, entry.replace("VALUE", "'1.0*'")), "-o", tmp_path, "--unsigned")
    assert ran.code == 2
    assert "repository:" in ran.err


def test_a_registry_without_a_catalog_says_so_and_its_repositories_are_named(here, held, fronts, tmp_path):
    front = fronts(held)
    front.faults.append(
        lambda front, request: "_catalog" in request.path and answer(front, request, 404, {"errors": []})
    )
    path = written(tmp_path, f"{{repository: {front.host}/team/*}}")
    ran = here("export", path, "-o", tmp_path, "--unsigned", "--dry-run")
    assert ran.code == 6
    for part in (f"{path}:3", "does not list its repositories", "write an entry for each repository"):
        assert part in ran.err
    path = written(tmp_path, f"{{repository: {front.host}/team/app}}")
    assert here("export", path, "-o", tmp_path, "--unsigned", "--dry-run").code == 0
    for repository, words in (("team/x*", "no repository fits"), ("team/app, tags: 9*", "no image fits"), ("no", "")):
        ran = here(
            "export", written(tmp_path, f"{{repository: {held.host}/{repository}}}"), "-o", tmp_path, "--unsigned"
        )
        assert ran.code == 6, repository
        assert words in ran.err


def test_ten_thousand_tags_on_pages_of_a_registry_that_limits_requests(here, held, fronts, tmp_path):
    """The pages are Quay's and Docker Hub's: fewer names than asked for, and 429 with Retry-After."""
    front, names, limited = fronts(held), [f"0.{number}.0" for number in range(10_000)] + ["1.0", "1.1", "2.0"], []

    def pages(front: Front, request: BaseHTTPRequestHandler) -> bool:
        path, _, query = request.path.partition("?")
        if not path.endswith("/tags/list"):
            return False
        if len(limited) < 2:
            limited.append(path)
            return answer(front, request, 429, {"errors": [{"code": "TOOMANYREQUESTS"}]}, **{"Retry-After": "1"})
        begin = int(query.partition("at=")[2] or 0)
        more = {"Link": f'<{path}?at={begin + 500}>; rel="next"'} if begin + 500 < len(names) else {}
        return answer(front, request, 200, {"name": "x", "tags": names[begin : begin + 500]}, **more)

    front.faults.append(pages)
    path = written(tmp_path, f"{{repository: {front.host}/team/app, tags: {{newest: 3}}}}")
    ran = here("export", path, "-o", tmp_path, "--unsigned", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert len(ran.json["images"]) == 3
    assert "3 of 10,003 tags fit" in ran.err


def test_an_inventory_takes_the_repositories_of_a_list_and_no_pattern(here, held, tmp_path):
    path = written(tmp_path, f"{{repository: {held.host}/team/app, tags: 1.*}}")
    ran = here("inventory", held.host, "-o", tmp_path / "i.json", "--list", path, "--json")
    assert (ran.code, ran.json["repositories"], ran.json["tags"]) == (0, 1, 3), ran.err
    path = written(tmp_path, f"{{repository: {held.host}/team/*}}")
    assert here("inventory", held.host, "-o", tmp_path / "j.json", "--list", path).code == 2
