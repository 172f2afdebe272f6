"""Fakes of registries that cannot run here, before a real docker-registry: ``Front(registry, faults=[Harbor(...)])``.

A fake answers every request itself, so it is the last of the faults. It does what its model does otherwise than
docker-registry, and each behaviour has its source next to it: a path in the model's source, a page of its
documentation, or an issue that quotes the answer ("harbor#1" is goharbor/harbor#1; "gitlab:", as mirrored in
gitlabhq/gitlabhq). "No source" marks what had to be guessed.
"""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.images import DOCKER_CONFIG, DOCKER_INDEX, OCI_CONFIG, OCI_INDEX
from tests.support.servers import Front, digest_of

_BELOW_V2 = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs/uploads|blobs|tags)/(?P<reference>[^/]*)")
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
Rights = dict[str, set[str]]


@dataclass(frozen=True)
class Asked:
    """The subject of a request below /v2/; ``reference`` is a tag, a digest or an upload."""

    method: str
    name: str
    kind: str
    reference: str
    query: dict[str, str]

    @classmethod
    def of(cls, request: BaseHTTPRequestHandler) -> Asked | None:
        url = urlsplit(request.path)
        found = _BELOW_V2.fullmatch(url.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        return cls(request.command, **found.groupdict(), query=query) if found else None

    @property
    def puts_manifest(self) -> bool:
        return self.method == "PUT" and self.kind == "manifests"

    @property
    def accesses(self) -> list[tuple[str, str]]:
        """Names, and the action on each; a mount also pulls where the blob comes from."""
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.method, "push")
        source = self.query.get("from") if self.method == "POST" else None
        return [(self.name, action), *([(source, "pull")] if source else [])]


@dataclass(eq=False)
class Refused(Exception):
    """An answer of the fake's own, in the shape that registries share."""

    status: int
    error: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def refused(status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Any) -> Refused:
    return Refused(status, {"code": code, "message": message, **more}, headers or {})


@dataclass
class Tokens:
    """Opaque bearer tokens: who got each, and for which actions on which repositories."""

    issued: dict[str, tuple[str | None, Rights]] = field(default_factory=dict)

    def issue(self, user: str | None, rights: Rights) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        self.issued[token] = (user, rights)
        return {"token": token, "expires_in": 1800}

    def of(self, login: str) -> tuple[str | None, Rights]:
        return self.issued.get(login.removeprefix("Bearer "), (None, {}))


class Fake:
    """Reads the body, and lets ``answer`` send or raise ``Refused``. ``always`` are headers of every answer."""

    always: ClassVar[dict[str, str]] = {"Docker-Distribution-Api-Version": "registry/2.0"}

    def __call__(self, front: Front, request: BaseHTTPRequestHandler) -> bool:
        try:
            self.answer(front, request, _body(request))
        except Refused as refusal:
            self.send(front, request, refusal.status, {"errors": [refusal.error]}, refusal.headers)
        except OSError:  # the client went away
            request.close_connection = True
        return True

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        raise NotImplementedError

    def send(
        self,
        front: Front,
        request: BaseHTTPRequestHandler,
        status: int,
        document: Any,
        headers: dict[str, str] | None = None,
    ) -> None:
        content_type = {"Content-Type": "application/json; charset=utf-8"}
        front.send(request, status, {**self.always, **content_type, **(headers or {})}, json.dumps(document).encode())

    def relay(self, front: Front, request: BaseHTTPRequestHandler, content: bytes, **headers: str) -> int:
        """Sends what the real registry answers, and gives its status."""
        status, kept, answer = ask(front, request, content)
        front.send(request, status, {**kept, **self.always, **headers}, answer)
        return status


def ask(front: Front, request: BaseHTTPRequestHandler, content: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer of the real registry, which knows no logins; the body was read already."""
    for name in ("Authorization", "Transfer-Encoding", "Content-Length"):
        del request.headers[name]
    if content or request.command not in ("GET", "HEAD"):
        request.headers["Content-Length"] = str(len(content))
    stream, request.rfile = request.rfile, io.BytesIO(content)
    try:
        return front.ask(request)
    finally:
        request.rfile = stream


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        length = int(request.headers.get("Content-Length") or 0)
        content = request.rfile.read(length)
        if len(content) < length:
            raise ConnectionError("the client went away")
        return content
    content = b""
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        content += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return content


def _password(login: str) -> tuple[str, str] | None:
    if not login.startswith("Basic "):
        return None
    name, _, password = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
    return name, password


def _scopes(request: BaseHTTPRequestHandler) -> list[tuple[str, set[str]]]:
    """The repositories, with actions, for which a token is asked."""
    parameters = parse_qs(urlsplit(request.path).query).get("scope", [])
    parts = [scope.rpartition(":") for parameter in parameters for scope in parameter.split()]
    return [(name.partition(":")[2], set(actions.split(","))) for name, _, actions in parts]


def _bearer(request: BaseHTTPRequestHandler, realm: str, service: str, *more: str) -> str:
    return ",".join([f'Bearer realm="http://{request.headers["Host"]}{realm}"', f'service="{service}"', *more])


def _descriptors(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    config = [manifest["config"]] if "config" in manifest else []
    return [*config, *manifest.get("layers", []), *manifest.get("manifests", [])]


def _manifest(content: bytes) -> dict[str, Any]:
    """A manifest as it was sent; nothing of another body, which the real registry refuses."""
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_digest(reference: str) -> bool:
    return reference.startswith("sha256:")


@dataclass
class Quotas:
    """The content of each of Harbor's projects, and its quota; without a limit, all. Paths are goharbor/harbor's."""

    limits: dict[str, int]
    held: dict[str, dict[str, int]] = field(default_factory=dict)  # project -> digest -> size
    _uploads: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def used_bytes(self, project: str) -> int:
        return sum(self.held.get(project, {}).values())

    def count(self, asked: Asked, content: bytes) -> dict[str, int]:
        """Counts what a request brings, each digest once; gives what is new. Raises ``Refused`` if that is too much."""
        sizes, project = self._sizes(asked, content), asked.name.partition("/")[0]
        with self._lock:
            held = self.held.setdefault(project, {})
            new = {digest: size for digest, size in sizes.items() if digest not in held}
            added, used, hard = sum(new.values()), sum(held.values()), self.limits.get(project, -1)
            if added and 0 <= hard < used + added:
                # src/controller/quota/controller.go (DeniedError), src/pkg/quota/errors.go; src/lib/http/error.go: 403.
                what = (
                    f"adding {_display(added)} of storage resource, which when updated to current usage of "
                    f"{_display(used)} will exceed the configured upper limit of {_display(hard)}."
                )
                raise refused(403, "DENIED", f"Quota exceeded when processing the request of {what}: {what}")
            held.update(new)
        return new

    def forget(self, project: str, digests: dict[str, int]) -> None:
        with self._lock:
            for digest in digests:
                del self.held[project][digest]

    def _sizes(self, asked: Asked, content: bytes) -> dict[str, int]:
        # src/server/middleware/quota/{put_manifest,put_blob_upload,post_initiate_blob_upload}.go: a blob that is too
        # much is refused at its own PUT or mount already, a manifest for itself and for what it adds.
        if asked.puts_manifest:
            named = {each["digest"]: each["size"] for each in _descriptors(_manifest(content))}
            return {**named, digest_of(content): len(content)}
        if asked.method == "PATCH":
            self._uploads[asked.reference] = self._uploads.get(asked.reference, 0) + len(content)
        if asked.method == "PUT":
            return {asked.query["digest"]: len(content) or self._uploads.get(asked.reference, 0)}
        mounted = asked.query.get("mount") if asked.method == "POST" else None
        return {digest: size for held in [*self.held.values()] for digest, size in held.items() if digest == mounted}


def _display(size_bytes: int) -> str:
    """A size as src/pkg/quota/types/format.go writes it."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size, units = size_bytes / 1024, "KMGTPE"
    while size >= 1024:
        size, units = size / 1024, units[1:]
    return f"{size:.1f} {units[0]}iB"


@dataclass
class HarborProjects(Fake):
    """Harbor's API about projects: all may pull from them, ``users`` may push, ``admin`` may do all and make them.

    ``conceals`` is for releases whose HEAD answers 403 to users, and 401 to nobody, for a project that is missing:
    goharbor/harbor:src/server/v2.0/handler/project.go (HeadProject), base.go (RequireProjectAccess), harbor#21800.
    """

    projects: set[str]
    users: dict[str, str]
    admin: tuple[str, str]
    quota_bytes: dict[str, int] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    conceals: bool = False
    created: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    """The answers to an administrator about settings, by path with query, without the page."""

    def __post_init__(self) -> None:
        self.quotas = Quotas(self.quota_bytes)

    def user(self, login: str) -> str | None:
        name, password = _password(login) or ("", None)
        return name if name and password == {**self.users, self.admin[0]: self.admin[1]}.get(name) else None

    def api(self, front: Front, request: BaseHTTPRequestHandler, path: str, content: bytes) -> None:
        # api/v2.0/swagger.yaml; messages: src/server/v2.0/handler/{project,base}.go, src/pkg/project/dao/dao.go.
        user = self.user(request.headers.get("Authorization", ""))
        match request.command, path.removeprefix("/api/v2.0/").split("/"):
            case "HEAD", ["projects"]:
                name = parse_qs(urlsplit(request.path).query)["project_name"][0]
                self._find(user, name, conceals=self.conceals)
                front.send(request, 200, {}, b"")
            case "POST", ["projects"]:
                self._create(user, json.loads(content))
                location = f"/api/v2.0/projects/{len(self.projects)}"
                front.send(request, 201, {"Location": location}, b"")
            case "POST", ["robots"]:
                self.send(front, request, 201, self._robot(user, json.loads(content)))
            case "GET", ["projects", name, "summary"]:
                self._find(user, name, conceals=True)  # harbor#17586, harbor#21800
                used, hard = self.quotas.used_bytes(name), self.quota_bytes.get(name, -1)
                quota = {"hard": {"storage": hard}, "used": {"storage": used}}  # harbor#15615; -1 is no limit
                self.send(front, request, 200, {"repo_count": 0, **({"quota": quota} if user else {})})
            case "GET", ["systeminfo"]:  # src/controller/systeminfo/controller.go: more for who is logged in
                host = request.headers["Host"]
                known = {"registry_url": host, "external_url": f"http://{host}", "read_only": False}
                about = {"auth_mode": "db_auth", "harbor_version": "v2.12.2-00000000", "self_registration": False}
                about.update({**known, "project_creation_restriction": "adminonly"} if user else {})
                self.send(front, request, 200, about)
            case "GET", _ if self.settings:
                self._setting(front, request, user)
            case _:
                raise refused(404, "NOT_FOUND", f"path {path} not found")  # no source

    def _setting(self, front: Front, request: BaseHTTPRequestHandler, user: str | None) -> None:
        # api/v2.0/swagger.yaml: parameters page and page_size (at most 100, else 400) of ListProjects, ListRobot,
        # ListQuotas, ListLabels, ListImmuRules, listArtifacts; GetRetention has none. Rights: base.go.
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        page, size = int(query.pop("page", ["1"])[0]), int(query.pop("page_size", ["10"])[0])
        rest = "&".join(f"{key}={value}" for key, (value,) in query.items())
        path = url.path.removeprefix("/api/v2.0/") + (f"?{rest}" if rest else "")
        if not user:
            raise refused(401, "UNAUTHORIZED", "unauthorized")
        if user != self.admin[0] and not path.startswith(("projects?", "projects/")) and path != "projects":
            raise refused(403, "FORBIDDEN", "forbidden")
        if size > 100:
            raise refused(422, "UNPROCESSABLE_ENTITY", "page_size in query should be less than or equal to 100")
        if path not in self.settings:
            raise refused(404, "NOT_FOUND", f"path {path} not found")
        found = self.settings[path]
        self.send(front, request, 200, found[(page - 1) * size : page * size] if isinstance(found, list) else found)

    def _find(self, user: str | None, name: str, *, conceals: bool) -> None:
        if name in self.projects:
            return
        if conceals and user != self.admin[0]:
            raise refused(403, "FORBIDDEN", "forbidden") if user else refused(401, "UNAUTHORIZED", "unauthorized")
        raise refused(404, "NOT_FOUND", f"project {name} not found")

    def _create(self, user: str | None, wanted: dict[str, Any]) -> None:
        name = wanted["project_name"]
        if not user:
            raise refused(401, "UNAUTHORIZED", "unauthorized")
        if user != self.admin[0]:
            who = "system level robot" if user.startswith("robot$") else "system admin"
            raise refused(403, "FORBIDDEN", f"Only {who} can create project")
        if name in self.projects:
            raise refused(409, "CONFLICT", f"The project named {name} already exists")
        self.projects.add(name)
        self.created.append(name)
        if wanted.get("storage_limit"):
            self.quota_bytes[name] = wanted["storage_limit"]

    def _robot(self, user: str | None, wanted: dict[str, Any]) -> dict[str, Any]:
        # api/v2.0/swagger.yaml, RobotCreate and RobotCreated; the name: src/controller/robot/controller.go. One that may
        # not pull cannot push either, harbor#11225.
        if user != self.admin[0]:
            raise refused(403, "FORBIDDEN", "forbidden") if user else refused(401, "UNAUTHORIZED", "unauthorized")
        (permission,) = wanted["permissions"]
        self._find(user, permission["namespace"], conceals=False)
        name, secret = f"robot${permission['namespace']}+{wanted['name']}", secrets.token_urlsafe(24)
        actions = {each["action"] for each in permission["access"] if each["resource"] == "repository"}
        if wanted["level"] == permission["kind"] == "project" and actions == {"pull", "push"}:
            self.users[name] = secret
        return {"id": len(self.users), "name": name, "secret": secret}


@dataclass
class Harbor(HarborProjects):
    """Harbor (paths below are goharbor/harbor's): its API, its token service, and what it refuses below /v2/.

    ``immutable`` and ``blocked`` (by the policy on vulnerabilities) are "repository:tag"; ``created`` are the projects
    that were made through the API.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tokens = Tokens()

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        path, asked = urlsplit(request.path).path, Asked.of(request)
        if path == "/service/token":
            return self._token(front, request)
        if path.startswith("/api/v2.0/"):
            return self.api(front, request, path, content)
        # Names before logins: src/core/middlewares/middlewares.go, src/server/middleware/artifactinfo/artifact_info.go.
        for name, _ in asked.accesses if asked else []:
            if "/" not in name:
                raise refused(400, "BAD_REQUEST", f"bad request: invalid repository name: {name}")
        self._authorize(request, asked)
        if asked:
            self._protect(front, asked)
        new = self.quotas.count(asked, content) if asked else {}
        if self.relay(front, request, content) != 201:
            self.quotas.forget(asked.name.partition("/")[0] if asked else "", new)
        return None

    def _rights(self, user: str | None, name: str) -> set[str]:
        if name.partition("/")[0] not in self.projects:
            return set()
        return {"pull", *({"push"} if user else ()), *({"delete"} if user == self.admin[0] else ())}

    def _token(self, front: Front, request: BaseHTTPRequestHandler) -> None:
        # src/core/service/token/creator.go and token.go: every action that is allowed, whatever was asked; none for an
        # unknown project. A wrong password is nobody's: 401 without a scope, else a token that may only pull.
        service = parse_qs(urlsplit(request.path).query).get("service", [""])[0]
        if service != "harbor-registry":
            return front.send(request, 400, {}, f"Unable to handle service: {service}".encode())
        user, scopes = self.user(request.headers.get("Authorization", "")), _scopes(request)
        if not user and not scopes:
            return front.send(request, 401, {}, b"")
        return self.send(front, request, 200, self.tokens.issue(user, {n: self._rights(user, n) for n, _ in scopes}))

    def _authorize(self, request: BaseHTTPRequestHandler, asked: Asked | None) -> None:
        # src/server/middleware/v2auth/auth.go and access.go: always 401, never 403; who sent any login, even a token
        # of too little scope, is challenged for Basic. Messages are doubled: "message: cause", harbor#18806.
        login = request.headers.get("Authorization", "")
        user, rights = self.tokens.of(login)
        user = self.user(login) or user
        wanted = asked.accesses if asked else []
        scope = " ".join(f"repository:{name}:{'pull,push' if do == 'push' else do}" for name, do in wanted)
        bearer = _bearer(request, "/service/token", "harbor-registry", *([f'scope="{scope}"'] if scope else []))
        challenge = {"WWW-Authenticate": 'Basic realm="harbor"' if login else bearer}
        if not asked and not user:
            raise refused(401, "UNAUTHORIZED", "unauthorized: unauthorized", challenge)
        for name, action in wanted:
            project = name.partition("/")[0]
            if request.command == "HEAD" and not login:
                message = "authorize header needed to send HEAD to repository"
            elif project not in self.projects:
                message, challenge = f"project {project} not found", {"WWW-Authenticate": ""}
            elif action not in (rights.get(name, ()) if login.startswith("Bearer ") else self._rights(user, name)):
                message = f"unauthorized to access repository: {name}, action: {action}"
            else:
                continue
            raise refused(401, "UNAUTHORIZED", f"{message}: {message}", challenge)

    def _protect(self, front: Front, asked: Asked) -> None:
        if asked.kind != "manifests":
            return
        repository = asked.name.partition("/")[2]
        if asked.puts_manifest and f"{asked.name}:{asked.reference}" in self.immutable:
            # src/server/middleware/immutable/pushmf.go, error.go: any push to a tag that exists, of equal digest too.
            if front.registry.get(f"{asked.name}/manifests/{asked.reference}") is not None:
                what = f"'{repository}:{asked.reference}' configured as immutable."
                raise refused(412, "PRECONDITION", f"Failed to process request due to {what}")
        elif asked.method in ("GET", "HEAD"):
            # src/server/registry/route.go: for HEAD too, harbor#18792; src/server/middleware/vulnerable/vulnerable.go.
            content = front.registry.get(f"{asked.name}/manifests/{asked.reference}")
            tags = [tag for name, _, tag in (each.rpartition(":") for each in self.blocked) if name == asked.name]
            if content and content in [front.registry.get(f"{asked.name}/manifests/{tag}") for tag in tags]:
                policy = """'Prevent images with vulnerability severity of "High" or higher from running.'"""
                message = f"current image with 3 vulnerabilities cannot be pulled due to configured policy in {policy}"
                raise refused(412, "PROJECTPOLICYVIOLATION", message)


@dataclass
class Nexus(Fake):
    """A path before /v2/, no manifest without its length, no index before its children, tags that may be final.

    help.sonatype.com "Docker Registry": /repository/NAME is the path; with ``base_path=""`` it is a port connector.
    ``manifest_puts`` has the repository and reference of each manifest, in the order in which they came.
    """

    base_path: str = "/repository/docker-hosted"
    allow_redeploy: bool = True
    manifest_puts: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        # The Server header as in sonatype/nexus-public#967.
        request.version_string = lambda: "Nexus/3.90.2-06 (COMMUNITY)"  # type: ignore[method-assign]
        if not request.path.startswith(f"{self.base_path}/v2/"):
            # The page as in microsoft/vscode-docker#537; /v2/ on the main port: ansible-ThoTeam/nexus3-oss#299.
            page = b"<!DOCTYPE html>\n<html><head><title>404 - Nexus Repository Manager</title></head></html>\n"
            return front.send(request, 404, {"Content-Type": "text/html"}, page)
        request.path = request.path.removeprefix(self.base_path)
        asked = Asked.of(request)
        if asked and asked.puts_manifest:
            self.manifest_puts.append((asked.name, asked.reference))
            self._check(front, request, asked, content)
        status, headers, answer = ask(front, request, content)
        if "Location" in headers:  # below the same path, nexus-public#967 (request.log); absolute or not: no source
            headers["Location"] = headers["Location"].replace("/v2/", f"{self.base_path}/v2/", 1)
        return front.send(request, status, {**headers, **self.always}, answer)

    def _check(self, front: Front, request: BaseHTTPRequestHandler, asked: Asked, content: bytes) -> None:
        if "Content-Length" not in request.headers:  # nexus-public#1040
            message = "manifest upload requires Content-Length"
            raise refused(411, "MANIFEST_INVALID", message, detail={"maxSize": 10485760})
        for child in _manifest(content).get("manifests", []):  # estesp/manifest-tool#191 (the answer), #190
            if front.registry.get(f"{asked.name}/manifests/{child['digest']}") is None:
                raise refused(400, "BLOB_UNKNOWN", "blob unknown to registry", detail=child["digest"])
        there = front.registry.get(f"{asked.name}/manifests/{asked.reference}")
        if not self.allow_redeploy and not _is_digest(asked.reference) and there not in (None, content):
            # GoogleContainerTools/jib#3057; there it also hits a new tag of a known digest, which this fake lets pass.
            detail = f"Repository does not allow updating assets: {self.base_path.rpartition('/')[2] or 'docker'}"
            raise refused(400, "BLOB_UPLOAD_INVALID", "blob upload invalid", detail=detail)


@dataclass
class Artifactory(Fake):
    """Repository keys as first part of each name, and no index inside an index."""

    keys: set[str]
    # Names and form as people quote its answers in many public files; none found that is JFrog's own.
    always: ClassVar[dict[str, str]] = {
        **Fake.always,
        "X-JFrog-Version": "Artifactory/7.104.6 80406900",
        "X-Artifactory-Id": "6d1731817a707a2f:-416a877d:194eae4b80d:-8000",
        "X-Artifactory-Node-Id": "artifactory-0",
    }

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        asked = Asked.of(request)
        for name, _ in asked.accesses if asked else []:
            if name.partition("/")[0] not in self.keys or "/" not in name:
                # jfrog/charts#908: Docker prints "unknown: Not Found", so no code; the document's other parts: no source.
                raise Refused(404, {"status": 404, "message": "Not Found"})
        if asked and asked.puts_manifest:
            for child in _manifest(content).get("manifests", []):
                if child["mediaType"] in (OCI_INDEX, DOCKER_INDEX):
                    # act3-ai/data-tool:docs/usage/concepts/mirror.md (2023-09) says that it is refused; in what words:
                    # no source, the shape is that of other manifests which it refuses, GoogleContainerTools/jib#534.
                    detail = {"description": f"Unsupported media type: {child['mediaType']}"}
                    raise refused(400, "MANIFEST_INVALID", "manifest invalid", detail=detail)
        self.relay(front, request, content)


@dataclass
class GitLab(Fake):
    """Projects that must exist; in each, images named like the project or one or two levels below it.

    Everybody may pull. Clients with a login may push, or only the ``users``, if there are any.
    """

    projects: set[str]
    users: dict[str, str] = field(default_factory=dict)
    maintainer: str = ""
    """The access token of a maintainer of all projects. With it, only those may push whose deploy token allows it."""
    _tokens: Tokens = field(default_factory=Tokens)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        path, asked = urlsplit(request.path).path, Asked.of(request)
        if path == "/jwt/auth":
            return self._token(front, request)
        if path.startswith("/api/v4/projects/"):
            return self.send(front, request, 201, self._deploy_token(request, json.loads(content)))
        self._authorize(request, asked)
        # gitlab-org/container-registry:docs "Differences From Upstream", Custom Headers on GET /v2/.
        mine = {
            "Gitlab-Container-Registry-Version": "4.15.2-gitlab",
            "Gitlab-Container-Registry-Features": "tag_delete",
        }
        self.relay(front, request, content, **(mine if path == "/v2/" else {}))
        return None

    def _deploy_token(self, request: BaseHTTPRequestHandler, wanted: dict[str, Any]) -> dict[str, Any]:
        # gitlab:doc/api/deploy_tokens.md, "Create a project deploy token"; lib/api/entities/deploy_token_with_token.rb.
        project, _, what = request.path.removeprefix("/api/v4/projects/").partition("/")
        if not self.maintainer or request.headers.get("PRIVATE-TOKEN") != self.maintainer:
            raise Refused(401, {"message": "401 Unauthorized"})
        if request.command != "POST" or what != "deploy_tokens" or unquote(project) not in self.projects:
            raise Refused(404, {"message": "404 Project Not Found"})
        token = f"gldt-{secrets.token_urlsafe(15)}"
        if {"read_registry", "write_registry"} <= set(wanted["scopes"]):
            self.users[wanted["username"]] = token
        return {"id": 1, "name": wanted["name"], "username": wanted["username"], "token": token, "expires_at": None}

    def _project(self, name: str) -> str | None:
        # gitlab:lib/container_registry/path.rb (components.first(3)); gitlab-org/gitlab#438563.
        parts = name.split("/")
        candidates = ["/".join(parts[:length]) for length in range(len(parts), 1, -1)][:3]
        return next((each for each in candidates if each in self.projects), None)

    def _token(self, front: Front, request: BaseHTTPRequestHandler) -> None:
        # gitlab:app/controllers/jwt_controller.rb, app/services/auth/container_registry_authentication_service.rb:
        # of what was asked, what is allowed; a name in no project is left out without a word.
        login, scopes = _password(request.headers.get("Authorization", "")), _scopes(request)
        if login and (self.users or self.maintainer) and self.users.get(login[0]) != login[1]:
            raise refused(401, "UNAUTHORIZED", "HTTP Basic: Access denied")
        if not login and not scopes:
            raise refused(403, "DENIED", "access forbidden")
        may = {"pull", "push", "delete", "*"} if login else {"pull"}
        rights = {name: actions & may for name, actions in scopes if self._project(name)}
        self.send(front, request, 200, self._tokens.issue(login[0] if login else None, rights))

    def _authorize(self, request: BaseHTTPRequestHandler, asked: Asked | None) -> None:
        # distribution/distribution:registry/auth/token/accesscontroller.go (challengeParams), registry/handlers/app.go.
        login = request.headers.get("Authorization", "")
        known = login.removeprefix("Bearer ") in self._tokens.issued
        needed: Rights = {}
        for name, action in asked.accesses if asked else []:
            needed.setdefault(name, set()).update({"pull", "push"} if action == "push" else {action})
        rights = self._tokens.of(login)[1]
        if known and all(actions <= rights.get(name, set()) for name, actions in needed.items()):
            return
        scope = " ".join(f"repository:{name}:{','.join(sorted(actions))}" for name, actions in needed.items())
        error = "insufficient_scope" if known else "invalid_token" if login.startswith("Bearer ") else ""
        more = [f'{key}="{value}"' for key, value in (("scope", scope), ("error", error)) if value]
        detail = [
            {"Type": "repository", "Class": "", "Name": n, "Action": a} for n in needed for a in sorted(needed[n])
        ]
        challenge = {"WWW-Authenticate": _bearer(request, "/jwt/auth", "container_registry", *more)}
        raise refused(401, "UNAUTHORIZED", "authentication required", challenge, detail=detail or None)


@dataclass
class Quay(Fake):
    """Organisations that must exist, names that may have to be flat, configs of known types only.

    Everybody may pull. Clients with a login may push, or only the ``users``, if there are any.
    """

    organisations: set[str]
    extended_names: bool = True
    users: dict[str, str] = field(default_factory=dict)
    owner: str = ""
    """The OAuth token of an owner of all organisations. With it, only members of a team of creators may push."""
    creators: set[str] = field(default_factory=set)
    # quay/quay:image/oci/__init__.py; docs.redhat.com "Configuring artifact types": Helm is known from the start.
    config_types: tuple[str, ...] = (OCI_CONFIG, HELM_CONFIG)
    _tokens: Tokens = field(default_factory=Tokens)
    _teams: dict[str, str] = field(default_factory=dict)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        path, asked = urlsplit(request.path).path, Asked.of(request)
        login = request.headers.get("Authorization", "")
        if path == "/v2/auth":
            return self._token(front, request)
        if path.startswith("/api/v1/organization/"):
            return self.send(front, request, 200, self._api(request, path, content))
        if path == "/v2/" and not self._tokens.of(login)[0]:  # quay:endpoints/v2/__init__.py (v2_support_enabled)
            return self.send(front, request, 401, True, self._challenge(request, ()))
        for name, action in asked.accesses[:1] if asked else []:  # of a mount, the source is looked at, never refused
            if ("pull" if action == "pull" else "push") not in self._tokens.of(login)[1].get(name, ()):
                self._deny(request, name, "pull" if action == "pull" else "pull,push")
        if asked and asked.puts_manifest:
            self._check(_manifest(content))
        self.relay(front, request, content)
        return None

    def _api(self, request: BaseHTTPRequestHandler, path: str, content: bytes) -> dict[str, Any]:
        # docs.redhat.com, "Red Hat Quay API reference": createOrgRobot, updateOrganizationTeam, updateOrganizationTeamMember;
        # quay:endpoints/api/{robot,team}.py. A team of creators: quay:data/model/repository.py (can_create_repo).
        if not self.owner or request.headers.get("Authorization") != f"Bearer {self.owner}":
            raise refused(401, "UNAUTHORIZED", "Requires authentication")
        match request.command, path.removeprefix("/api/v1/organization/").split("/"):
            case "PUT", [organisation, "robots", name] if organisation in self.organisations:
                robot, token = f"{organisation}+{name}", secrets.token_urlsafe(24)
                self.users[robot] = token
                return {"name": robot, "token": token, "description": ""}
            case "PUT", [organisation, "team", team] if organisation in self.organisations:
                self._teams[team] = json.loads(content)["role"]
                return {"name": team, "role": self._teams[team]}
            case "PUT", [_, "team", team, "members", member] if team in self._teams and member in self.users:
                if self._teams[team] == "creator":
                    self.creators.add(member)
                return {"name": member, "kind": "user", "is_robot": True}
            case _:
                raise refused(404, "NOT_FOUND", "Not Found")

    def _challenge(self, request: BaseHTTPRequestHandler, scope: tuple[str, ...]) -> dict[str, str]:
        # quay:auth/registry_jwt_auth.py (get_auth_headers); seen at quay.io in oras-project/oras#738.
        return {"WWW-Authenticate": _bearer(request, "/v2/auth", request.headers["Host"], *scope)}

    def _deny(self, request: BaseHTTPRequestHandler, name: str = "", actions: str = "") -> None:
        # quay:endpoints/v2/errors.py (Unauthorized), __init__.py (_require_repo_permission).
        scope = (f'scope="repository:{name}:{actions}"',) if name else ()
        message = "access to the requested resource is not authorized"
        raise refused(401, "UNAUTHORIZED", message, self._challenge(request, scope), detail={})

    def _token(self, front: Front, request: BaseHTTPRequestHandler) -> None:
        # quay:endpoints/v2/v2auth.py, errors.py: bad names and scopes are refused here, an unknown organisation only
        # gets no push, and so a 401 later. Repositories are made here, by the token for their first push.
        login, rights = _password(request.headers.get("Authorization", "")), {}
        if login and self.users and self.users.get(login[0]) != login[1]:
            message = "Specified credentials are invalid"
            raise refused(401, "UNAUTHORIZED", message, self._challenge(request, ()), detail={})
        if not login and not _scopes(request):
            self._deny(request)
        for name, actions in _scopes(request):
            if not actions <= {"push", "pull", "*"}:  # "delete" is none of its actions
                message = f"Unable to decode repository and actions: repository:{name}:{','.join(sorted(actions))}"
                raise refused(400, "INVALID_REQUEST", message, detail={})
            organisation, _, repository = name.rpartition("/") if name.count("/") < 2 else name.partition("/")
            if "/" in repository and not self.extended_names:
                message = f"Nested repositories are not supported. Found: {name}"
                raise refused(400, "NAME_INVALID", message, detail={})
            known = (organisation or "library") in self.organisations
            may_push = login and (not self.owner or login[0] in self.creators)
            rights[name] = actions & ({"pull", "push", "*"} if may_push else {"pull"}) if known else set()
        self.send(front, request, 200, self._tokens.issue(login[0] if login else None, rights))

    def _check(self, manifest: dict[str, Any]) -> None:
        # quay:endpoints/v2/manifest.py (_parse_manifest), image/oci/manifest.py (METASCHEMA); the text as in
        # openshift/oc-mirror#253; deckhouse/deckhouse#10672 has artifacts that meet it.
        config_type = manifest.get("config", {}).get("mediaType", OCI_CONFIG)
        if config_type not in (*self.config_types, DOCKER_CONFIG):
            text = f"manifest data does not match schema: '{config_type}' is not one of {list(self.config_types)}"
            raise refused(
                400, "MANIFEST_INVALID", "manifest invalid", detail={"message": f"failed to parse manifest: {text}"}
            )
