"""A registry with the referrers API, before a real docker-registry, which has none: ``Front(registry, faults=[Referrers()])``.

It does what distribution-spec 1.1 (``spec.md``, "Listing Referrers" and "Pushing Manifests with Subject") asks, as olareg
(``referrer.go``, ``manifest.go``) and go-containerregistry's registry (``pkg/registry/manifest.go``) do it. Switches make it
lie as registries in the field do; each names its source.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from tests.support.images import OCI_INDEX
from tests.support.registries import Asked, Fake, ask, refused
from tests.support.servers import Front, digest_of

_REFERRERS = re.compile(r"/v2/(?P<name>.+)/referrers/(?P<subject>[^/]*)")
_FALLBACK_TAG = re.compile(r"/(sha256|sha512)-([0-9a-f]{64,128})$")


@dataclass
class Referrers(Fake):
    """Lists the manifests with a ``subject`` that were pushed through it.

    Attributes:
        has_api: False: 404, as docker-registry and every registry without the API.
        denial: With ``has_api=False`` another status: Harbor before 2.8 answers 401 without ``WWW-Authenticate``
            (goharbor/harbor#18305).
        lists: False: 200 with an empty index, without support (sigstore/sigstore-js#1187).
        names_subject: False: no ``OCI-Subject``. With ``has_api=False`` True is ECR's lie: the header without the API
            (sigstore/sigstore-js#1183).
        resolves_dashes: A tag ``sha256-<hex>`` is read as the digest: GitLab answers the image itself
            (oras-project/oras-go#1396).
        refuses_subject: The status for a manifest with ``subject``; 0 accepts. Cloudflare's serverless-registry wants
            the subject to exist; older registries answer 400 or 405.
        refuses_type: A media type of configs or layers that a push may not have, as Docker Hub's before 2022.
        page_size: Entries on a page, the next one by ``Link``; 0 for all on one page.
        filters: False: ``artifactType`` of the query is ignored, and ``OCI-Filters-Applied`` is not sent.
        has_annotations: False: entries have no annotations; fallback indexes by cosign 3.1.3 have none.
        listed: The entries by repository and subject.
    """

    has_api: bool = True
    denial: int = 404
    lists: bool = True
    names_subject: bool | None = None
    resolves_dashes: bool = False
    refuses_subject: int = 0
    refuses_type: str = ""
    page_size: int = 0
    filters: bool = True
    has_annotations: bool = True
    listed: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        wanted = _REFERRERS.fullmatch(urlsplit(request.path).path)
        if wanted and request.command in ("GET", "HEAD"):
            self._list(front, request, wanted["name"], wanted["subject"])
            return
        asked = Asked.of(request)
        document = _document(content) if asked and asked.puts_manifest else {}
        self._check(document)
        if self.resolves_dashes and asked and asked.kind == "manifests" and asked.method != "PUT":
            request.path = _FALLBACK_TAG.sub(r"/\1:\2", request.path)
        status, headers, body = ask(front, request, content)
        subject = document.get("subject")
        if asked and subject and status == 201:
            self._note(asked.name, subject["digest"], content, document)
            if self.has_api if self.names_subject is None else self.names_subject:
                headers["OCI-Subject"] = subject["digest"]
        if asked and asked.method == "DELETE" and asked.kind == "manifests" and status == 202:
            self._forget(asked.name, asked.reference)
        front.send(request, status, headers, body)

    def digests(self, name: str, subject: str) -> list[str]:
        """The digests that are attached to a subject, in the order of their pushes."""
        return [entry["digest"] for entry in self.listed.get((name, subject), [])]

    def _check(self, document: Mapping[str, Any]) -> None:
        if self.refuses_subject and document.get("subject"):
            code = "UNSUPPORTED" if self.refuses_subject == 405 else "MANIFEST_INVALID"
            raise refused(self.refuses_subject, code, "manifest invalid: unknown field subject")
        types = [part.get("mediaType") for part in (document.get("config") or {}, *document.get("layers", []))]
        if self.refuses_type and self.refuses_type in types:
            raise refused(400, "MANIFEST_INVALID", f"unsupported media type {self.refuses_type}")

    def _list(self, front: Front, request: BaseHTTPRequestHandler, name: str, subject: str) -> None:
        if not self.has_api:
            raise refused(self.denial, "NOT_FOUND" if self.denial == 404 else "UNAUTHORIZED", "page not found")
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
        with self._lock:
            entries = list(self.listed.get((name, subject), ())) if self.lists else []
        headers = {"Content-Type": OCI_INDEX}
        if self.filters and "artifactType" in query:  # the header is there only where the list was filtered
            entries = [entry for entry in entries if entry.get("artifactType") == query["artifactType"]]
            headers["OCI-Filters-Applied"] = "artifactType"
        first = int(query.get("last", 0))
        page = entries[first : first + self.page_size] if self.page_size else entries[first:]
        if first + len(page) < len(entries):
            more = urlencode({**query, "last": first + len(page)})
            headers["Link"] = f'</v2/{name}/referrers/{quote(subject, safe=":")}?{more}>; rel="next"'
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
        front.send(request, 200, {**self.always, **headers}, json.dumps(index).encode())

    def _note(self, name: str, subject: str, content: bytes, document: Mapping[str, Any]) -> None:
        # spec.md: the descriptor has artifactType, of the config if the manifest has none, and all annotations.
        kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
        entry = {
            "mediaType": document["mediaType"],
            "digest": digest_of(content),
            "size": len(content),
            **({"artifactType": kind} if kind else {}),
            **({"annotations": document["annotations"]} if self.has_annotations and "annotations" in document else {}),
        }
        with self._lock:
            entries = self.listed.setdefault((name, subject), [])
            if entry["digest"] not in [known["digest"] for known in entries]:
                entries.append(entry)

    def _forget(self, name: str, digest: str) -> None:
        with self._lock:
            for (repository, _), entries in self.listed.items():
                if repository == name:
                    entries[:] = [entry for entry in entries if entry["digest"] != digest]


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
