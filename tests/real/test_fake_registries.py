"""The fakes answer what their citations say, before a real registry; and what they let pass arrives there."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import images
from tests.support.attachments import cosign, dashed, referrer
from tests.support.images import OCI_INDEX, Image, index, simple
from tests.support.parts import MANIFESTS
from tests.support.referrers import Referrers
from tests.support.registries import Artifactory, Fake, GitLab, Harbor, Nexus, Quay
from tests.support.servers import Front

IMAGE = simple("faked")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        return self.document["errors"][0]  # type: ignore[no-any-return]

    @property
    def refusal(self) -> tuple[int, str | None]:
        return self.status, self.error.get("code")

    @property
    def challenge(self) -> str:
        return str(self.headers["WWW-Authenticate"])


@dataclass(frozen=True)
class Client:
    """Plain requests to a host, all with the same login."""

    host: str
    login: str = ""

    def __call__(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, media_type: str = "application/json"
    ) -> Answer:
        url = path if path.startswith("http") else f"http://{self.host}{path}"
        headers = {"Content-Type": media_type, "Accept": MANIFESTS}
        headers.update({"Authorization": self.login} if self.login else {})
        request = urllib.request.Request(url, data=body, method=method, headers=headers)  # type: ignore[arg-type]
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def as_user(self, name: str, password: str) -> Client:
        return Client(self.host, f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}")

    def with_token(self, challenge: str, scope: str = "") -> Client | Answer:
        """The answer of the token server that a challenge names."""
        realm, service = re.findall(r'realm="([^"]*)",service="([^"]*)"', challenge)[0]
        answer = self("GET", f"{realm}?service={service}{f'&scope={scope}' if scope else ''}")
        return Client(self.host, f"Bearer {answer.document['token']}") if answer.status == 200 else answer

    def put_blobs(self, name: str, image: Image, base: str = "") -> list[Answer]:
        answers = []
        for digest, content in image.blobs.items():
            started = self("POST", f"{base}/v2/{name}/blobs/uploads/", b"")
            if started.status != 202:
                return [*answers, started]
            answers.append(self("PUT", f"{started.headers['Location']}&digest={digest}", content))
        return answers

    def put(self, name: str, reference: str, image: Image, base: str = "") -> Answer:
        return self("PUT", f"{base}/v2/{name}/manifests/{reference}", image.content, image.media_type)

    def push(self, name: str, tag: str, image: Image, base: str = "") -> Answer:
        answers = self.put_blobs(name, image, base)
        return answers[-1] if answers[-1].status != 201 else self.put(name, tag, image, base)


Before = Callable[[Fake], Client]


@pytest.fixture
def before(target) -> Iterator[Before]:
    """Puts a fake before the real registry."""
    fronts: list[Front] = []

    def start(fake: Fake) -> Client:
        fronts.append(Front(target, faults=[fake]).start())
        return Client(fronts[-1].host)

    yield start
    for front in fronts:
        front.stop()


def harbor(**more: Any) -> Harbor:
    return Harbor({"team"}, {"robot$ci": "s3cret"}, ("admin", "Harbor12345"), **more)


def test_harbor_wants_a_token_for_each_project_that_exists(before, target):
    nobody = before(harbor())
    robot = nobody.as_user("robot$ci", "s3cret")
    started = nobody("GET", "/v2/")
    assert started.refusal == (401, "UNAUTHORIZED")
    assert started.challenge == f'Bearer realm="http://{nobody.host}/service/token",service="harbor-registry"'
    assert nobody.with_token(started.challenge).status == 401
    scope = "repository:team/app:pull,push"
    wrong = nobody.as_user("robot$ci", "wrong").with_token(started.challenge, scope)
    denied = wrong.push("team/app", "1", IMAGE)
    assert denied.refusal == (401, "UNAUTHORIZED")
    assert denied.challenge == 'Basic realm="harbor"'
    assert denied.error["message"].startswith("unauthorized to access repository: team/app, action: push: unauthorized")
    assert robot.with_token(started.challenge, scope).push("team/app", "1", IMAGE).status == 201
    assert robot.push("team/app", "2", IMAGE).status == 201, "Basic will do"
    assert target.tags == {"team/app": ["1", "2"]}
    assert nobody.with_token(started.challenge, scope)("HEAD", "/v2/team/app/manifests/1").status == 200
    unknown = robot.push("other/app", "1", IMAGE)
    assert unknown.refusal == (401, "UNAUTHORIZED")
    assert unknown.error["message"] == "project other not found: project other not found"
    assert robot.push("app", "1", IMAGE).refusal == (400, "BAD_REQUEST")


def test_harbor_keeps_its_policies(before, target):
    fake = harbor(quota_bytes={"team": 10_000}, immutable={"team/app:1"}, blocked={"team/bad:1"})
    robot = before(fake).as_user("robot$ci", "s3cret")
    assert robot.push("team/app", "1", IMAGE).status == 201
    fixed = robot.put("team/app", "1", IMAGE)
    assert fixed.refusal == (412, "PRECONDITION")
    assert fixed.error["message"] == "Failed to process request due to 'app:1' configured as immutable."
    assert robot.push("team/bad", "1", IMAGE).status == 201
    assert robot("HEAD", "/v2/team/bad/manifests/1").status == 412
    assert robot("GET", f"/v2/team/bad/manifests/{IMAGE.digest}").refusal == (412, "PROJECTPOLICYVIOLATION")
    held = sum(map(len, IMAGE.all_blobs().values()))
    assert fake.quotas.used_bytes("team") == held, "once, though two repositories have it"
    big = robot.push("team/app", "2", simple("big", size_bytes=20_000))
    assert big.refusal == (403, "DENIED")
    assert big.error["message"].startswith("Quota exceeded when processing the request of adding 19.")
    assert "will exceed the configured upper limit of 9.8 KiB." in big.error["message"]
    summary = robot("GET", "/api/v2.0/projects/team/summary").document["quota"]
    assert summary == {"hard": {"storage": 10_000}, "used": {"storage": fake.quotas.used_bytes("team")}}
    tight = simple("tight")
    fake.quota_bytes["team"] = fake.quotas.used_bytes("team") + sum(map(len, tight.blobs.values()))
    assert robot.put_blobs("team/app", tight)[-1].status == 201
    assert robot.put("team/app", "2", tight).refusal == (403, "DENIED"), "the manifest counts, too"


def test_harbors_projects_are_made_by_its_admin(before):
    fake = harbor()
    nobody = before(fake)
    robot, admin = nobody.as_user("robot$ci", "s3cret"), nobody.as_user("admin", "Harbor12345")
    wanted = json.dumps({"project_name": "new", "storage_limit": 7}).encode()
    assert nobody("HEAD", "/api/v2.0/projects?project_name=team").status == 200
    assert nobody("HEAD", "/api/v2.0/projects?project_name=new").status == 404
    assert nobody("POST", "/api/v2.0/projects", wanted).refusal == (401, "UNAUTHORIZED")
    assert robot("POST", "/api/v2.0/projects", wanted).refusal == (403, "FORBIDDEN")
    assert admin("POST", "/api/v2.0/projects", wanted).status == 201
    assert admin("POST", "/api/v2.0/projects", wanted).refusal == (409, "CONFLICT")
    assert fake.created == ["new"]
    assert admin("GET", "/api/v2.0/projects/new/summary").document["quota"]["hard"] == {"storage": 7}
    assert nobody("GET", "/api/v2.0/systeminfo").document["harbor_version"].startswith("v2.")
    fake.conceals = True
    statuses = [who("HEAD", "/api/v2.0/projects?project_name=no").status for who in (nobody, robot, admin)]
    assert statuses == [401, 403, 404]


def test_nexus_is_below_a_path_and_wants_children_first(before, target):
    fake = Nexus(allow_redeploy=False)
    client, base = before(fake), fake.base_path
    outside = client("GET", "/v2/")
    assert (outside.status, outside.headers.get_all("Server")) == (404, ["Nexus/3.90.2-06 (COMMUNITY)"])
    assert b"<title>404 - Nexus Repository Manager</title>" in outside.content
    assert client("GET", f"{base}/v2/").status == 200
    started = client("POST", f"{base}/v2/team/app/blobs/uploads/", b"")
    assert started.headers["Location"].startswith(f"http://{client.host}{base}/v2/team/app/blobs/uploads/")
    both = index([(IMAGE, images.platform("amd64"))])
    early = client.put("team/app", "1", both, base)
    assert early.refusal == (400, "BLOB_UNKNOWN")
    assert early.error["detail"] == IMAGE.digest
    assert client.push("team/app", IMAGE.digest, IMAGE, base).status == 201
    path = f"{base}/v2/team/app/manifests/1"
    streamed = client("PUT", path, iter([both.content]), both.media_type)
    assert streamed.refusal == (411, "MANIFEST_INVALID")
    assert client.put("team/app", "1", both, base).status == 201
    assert client.put("team/app", "1", both, base).status == 201, "the same again"
    moved = client.push("team/app", "1", IMAGE, base)
    assert moved.refusal == (400, "BLOB_UPLOAD_INVALID")
    assert moved.error["detail"] == "Repository does not allow updating assets: docker-hosted"
    assert fake.manifest_puts[:2] == [("team/app", "1"), ("team/app", IMAGE.digest)]
    assert target.tags == {"team/app": ["1"]}


def test_artifactory_wants_a_key_first_and_no_nested_index(before, target):
    client = before(Artifactory({"docker-local"}))
    assert client("GET", "/v2/").headers["X-JFrog-Version"].startswith("Artifactory/7.")
    unknown = client.push("team/app", "1", IMAGE)
    assert (unknown.status, unknown.document) == (404, {"errors": [{"status": 404, "message": "Not Found"}]})
    inner = index([(IMAGE, images.platform("amd64"))])
    outer = index([(inner, {})])
    assert client.push("docker-local/team/app", IMAGE.digest, IMAGE).status == 201
    assert client.put("docker-local/team/app", inner.digest, inner).status == 201
    assert client.put("docker-local/team/app", "1", outer).refusal == (400, "MANIFEST_INVALID")
    assert client.put("docker-local/team/app", "1", inner).status == 201
    assert target.tags == {"docker-local/team/app": ["1"]}


def test_gitlab_lets_names_go_two_levels_below_a_project(before, target):
    nobody = before(GitLab({"group/app"}, {"deploy": "s3cret"}))
    deploy = nobody.as_user("deploy", "s3cret")
    started = nobody("GET", "/v2/")
    assert started.challenge == f'Bearer realm="http://{nobody.host}/jwt/auth",service="container_registry"'
    assert nobody.with_token(started.challenge).refusal == (403, "DENIED")
    assert nobody.as_user("deploy", "wrong").with_token(started.challenge).refusal == (401, "UNAUTHORIZED")
    assert "Gitlab-Container-Registry-Version" in deploy.with_token(started.challenge)("GET", "/v2/").headers
    for name in ("group/app", "group/app/x", "group/app/x/y"):
        assert deploy.with_token(started.challenge, f"repository:{name}:pull,push").push(name, "1", IMAGE).status == 201
    for name in ("group/app/x/y/z", "group/other", "group"):
        denied = deploy.with_token(started.challenge, f"repository:{name}:pull,push").push(name, "1", IMAGE)
        assert denied.refusal == (401, "UNAUTHORIZED")
        assert denied.challenge.endswith(f',scope="repository:{name}:pull,push",error="insufficient_scope"')
    anonymous = nobody.with_token(started.challenge, "repository:group/app:pull,push")
    assert anonymous("HEAD", "/v2/group/app/manifests/1").status == 200
    assert anonymous.push("group/app", "2", IMAGE).status == 401
    assert set(target.tags) == {"group/app", "group/app/x", "group/app/x/y"}


def test_quay_wants_an_organisation_and_known_configs(before, target):
    nobody = before(Quay({"org"}, extended_names=False))
    robot = nobody.as_user("org+robot", "s3cret")
    started = nobody("GET", "/v2/")
    assert (started.status, started.content) == (401, b"true")
    assert started.challenge == f'Bearer realm="http://{nobody.host}/v2/auth",service="{nobody.host}"'
    pusher = robot.with_token(started.challenge, "repository:org/app:pull,push")
    assert pusher.push("org/app", "1", IMAGE).status == 201
    assert pusher.push("org/app", "chart", images.artifact("chart")).status == 201
    odd = images.artifact("odd")
    odd.content = odd.content.replace(b"vnd.cncf.helm.config.v1", b"vnd.oci.empty.v1")
    refused = pusher.push("org/app", "odd", odd)
    assert refused.refusal == (400, "MANIFEST_INVALID")
    assert "'application/vnd.oci.empty.v1+json' is not one of" in refused.error["detail"]["message"]
    nested = robot.with_token(started.challenge, "repository:org/team/app:pull,push")
    assert nested.refusal == (400, "NAME_INVALID")
    assert nested.error["message"] == "Nested repositories are not supported. Found: org/team/app"
    assert robot.with_token(started.challenge, "repository:org/app:delete").refusal == (400, "INVALID_REQUEST")
    unknown = robot.with_token(started.challenge, "repository:no/app:pull,push").push("no/app", "1", IMAGE)
    assert unknown.refusal == (401, "UNAUTHORIZED")
    assert unknown.challenge.endswith(',scope="repository:no/app:pull,push"')
    modern = before(Quay({"org"})).as_user("org+robot", "s3cret")
    modern = modern.with_token(modern("GET", "/v2/").challenge, "repository:org/team/app:pull,push")
    assert modern.push("org/team/app", "1", IMAGE).status == 201
    assert set(target.tags) == {"org/app", "org/team/app"}


def listing(client: Client, query: str = "") -> Answer:
    return client("GET", f"/v2/team/app/referrers/{IMAGE.digest}{query}")


def test_a_registry_with_the_referrers_api_lists_what_names_its_subject(before, target):
    fake = Referrers(page_size=2)
    client = before(fake)
    nothing = listing(client)
    assert (nothing.status, nothing.headers["Content-Type"]) == (200, OCI_INDEX), "also of an unknown repository"
    assert nothing.document["manifests"] == []
    sboms = [referrer(IMAGE, content=b"%d" % number, annotations={"made.by": "a test"}) for number in range(3)]
    scan = referrer(IMAGE, "application/sarif+json")
    client.push("team/app", "1", IMAGE)
    for each in [*sboms, scan]:
        assert client.push("team/app", each.digest, each).headers["OCI-Subject"] == IMAGE.digest
        assert client("GET", f"/v2/team/app/manifests/{each.digest}").content == each.content
    assert client.push("team/app", dashed(IMAGE, ".sig"), cosign(IMAGE)).headers["OCI-Subject"] is None
    first = listing(client)
    more = re.fullmatch(r'<(.*)>; rel="next"', first.headers["Link"])
    assert more
    second = client("GET", more[1])
    assert second.headers["Link"] is None
    entries = first.document["manifests"] + second.document["manifests"]
    expected = {"artifactType": "application/spdx+json", "annotations": {"made.by": "a test"}}
    assert entries[0] == sboms[0].descriptor(**expected)
    assert [entry["digest"] for entry in entries] == [each.digest for each in [*sboms, scan]]
    filtered = listing(client, "?artifactType=application/sarif%2Bjson")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [entry["digest"] for entry in filtered.document["manifests"]] == [scan.digest]
    assert first.headers["OCI-Filters-Applied"] is None
    client("DELETE", f"/v2/team/app/manifests/{scan.digest}")
    assert fake.digests("team/app", IMAGE.digest) == [each.digest for each in sboms]


@pytest.mark.parametrize(
    ("lie", "push", "status", "listed"),
    [
        (Referrers(has_api=False), None, 404, None),
        (Referrers(has_api=False, names_subject=True), IMAGE.digest, 404, None),
        (Referrers(has_api=False, denial=401), None, 401, None),
        (Referrers(lists=False), IMAGE.digest, 200, []),
        (Referrers(lists=False, names_subject=False), None, 200, []),
    ],
    ids=["none", "ECR", "Harbor before 2.8", "empty with the header", "empty"],
)
def test_registries_lie_about_referrers(before, lie, push, status, listed):
    client, sbom = before(lie), referrer(IMAGE)
    client.push("team/app", "1", IMAGE)
    assert client.push("team/app", sbom.digest, sbom).headers["OCI-Subject"] == push
    answer = listing(client)
    assert (answer.status, answer.document.get("manifests")) == (status, listed)


def test_a_registry_that_reads_dashes_as_colons_answers_the_image_itself(before):
    client = before(Referrers(has_api=False, resolves_dashes=True))
    client.push("team/app", "1", IMAGE)
    tag = f"/v2/team/app/manifests/{dashed(IMAGE)}"
    assert client("GET", tag).content == IMAGE.content
    assert client("HEAD", tag).headers["Docker-Content-Digest"] == IMAGE.digest
    client.push("team/app", dashed(IMAGE, ".sig"), cosign(IMAGE))
    assert client("GET", tag + ".sig").content == cosign(IMAGE).content, "only a whole digest is read so"
