"""The meaning of error answers of registries: finds the entry of `bundler.core.advice` for status, code and words.

distribution-spec fixes the codes, but not their use: registries report a full quota by 403, 412, 400 or 500, and an
immutable tag by 412, 403 or 400. So words decide before codes, and codes before the status. Comments name the source
of the words.
"""

from __future__ import annotations

import re

from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.errors import BundlerError

_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504})

_WORDS = (
    # Harbor: src/pkg/quota/driver, "… will exceed the configured upper limit"; older releases 500 and 400
    ("quota-exceeded", ("exceed the configured upper limit", "quota exceeded", "exceeds quota", "insufficient quota")),
    # Quay: endpoints/v2/errors.py, "Quota has been exceeded on namespace"; older releases "exceed"
    ("quota-exceeded", ("quota has been exceed",)),
    # Harbor: src/server/middleware/immutable; ECR: ImageTagAlreadyExistsException; Quay: TagImmutable
    ("tag-immutable", ("immutable", "tag already exists", "imagetagalreadyexists")),
    # Nexus: "Repository does not allow updating assets", Artifactory: "not enough permissions to delete/overwrite"
    ("tag-immutable", ("not allow updating", "redeploy", "overwrite artifact", "delete/overwrite")),
    # Harbor: src/server/middleware/vulnerable and contenttrust
    ("blocked-by-policy", ("vulnerab", "not signed", "policy")),
    # Harbor: src/server/middleware/readonly
    ("registry-read-only", ("read only mode", "read-only", "readonly")),
    ("target-disk-full", ("no space left", "disk quota", "insufficient storage")),
    # Quay: "Nested repositories are not supported"; Harbor: "invalid repository name"
    ("name-refused", ("nested repositories", "invalid repository name")),
    # Harbor: "project X not found"; Quay: unknown namespace; Artifactory: no such repository key
    ("project-missing", ("project not found", "namespace not found", "no such repository", "unknown namespace")),
)

_CODES = {
    "TOOMANYREQUESTS": "too-many-requests",
    "NAME_UNKNOWN": "name-unknown",
    "MANIFEST_INVALID": "manifest-refused",
    "UNSUPPORTED": "registry-read-only",
    "MANIFEST_UNKNOWN": "not-found",
    "BLOB_UNKNOWN": "not-found",
    "MANIFEST_BLOB_UNKNOWN": "parts-missing",
    "UNAUTHORIZED": "unauthorized",
    "DENIED": "denied",
    "NAME_INVALID": "name-refused",
    "PROJECTPOLICYVIOLATION": "blocked-by-policy",
    "TAG_ALREADY_EXISTS": "tag-immutable",
}

_STATUS = {
    401: "unauthorized",
    403: "denied",
    404: "not-found",
    405: "registry-read-only",
    413: "body-too-large",
    429: "too-many-requests",
    507: "target-disk-full",
}

_OF_NOTHING = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN"})
"""Quay answers them with 400."""
_OF_UNKNOWN_ALGORITHMS = frozenset({"DIGEST_INVALID", "UNSUPPORTED"})
"""The answers of registries to digests with an unknown algorithm; the first is distribution's."""

_NO_PUSH_STATUS = frozenset({401, 403, 404, 405, 429, 503})
_NO_PUSH = frozenset({
    "project-missing", "name-unknown", "name-refused", "proxy-page", "no-registry", "registry-read-only",
})  # fmt: skip


@frozen
class RegistryAnswer:
    """An error answer of a registry.

    Attributes:
        method: The method of the request.
        status: The status of the answer.
        code: The code of its first error, see distribution-spec "Error Codes"; empty if there is none.
        message: The words of its first error, in one line.
        is_page: True if the body is HTML.
        is_scope_missing: True if the login is valid but lacks the right (RFC 6750 section 3.1, insufficient_scope).
        retry_after_seconds: The pause that it asked for.
    """

    method: str
    status: int
    code: str = ""
    message: str = ""
    is_page: bool = False
    is_scope_missing: bool = False
    retry_after_seconds: float | None = None

    @property
    def said(self) -> str:
        """The answer in one line, for people."""
        return f"{self.status} {self.code}".strip() + (f": {self.message}" if self.message else "")

    @property
    def is_busy(self) -> bool:
        """True if it asks to repeat the request later, so that it says nothing about the request itself."""
        return self.status == 429 or (self.status in _RETRYABLE_STATUS and self.retry_after_seconds is not None)

    @property
    def doubts_digest(self) -> bool:
        """True if it reports that the bytes do not match the digest."""
        return self.code == "DIGEST_INVALID"

    @property
    def may_lack_algorithm(self) -> bool:
        """True if it may mean that the registry does not know the algorithm of a digest."""
        return self.code in _OF_UNKNOWN_ALGORITHMS

    @property
    def is_of_nothing(self) -> bool:
        """True if a registry with the referrers API does not know the repository or the subject."""
        return self.code in _OF_NOTHING

    def refuses_every_push(self, repository: str) -> bool:
        """True if it means that no push to the repository can succeed."""
        return self.status in _NO_PUSH_STATUS or self._meaning(repository) in _NO_PUSH

    def error(self, *, subject: str, host: str, repository: str) -> BundlerError:
        """The error for this answer.

        Args:
            subject: The object of the request.
            host: The registry.
            repository: The repository there.
        """
        code = self._meaning(repository)
        is_retryable = self.status in _RETRYABLE_STATUS and code in (
            "too-many-requests", "registry-failed", "proxy-page",
        )  # fmt: skip
        return problem(
            code,
            subject=subject,
            said=self.said,
            retryable=is_retryable,
            retry_after_seconds=self.retry_after_seconds if is_retryable else None,
            host=host,
            repository=repository or host,
            project=repository.partition("/")[0] or host,
        )

    def _words(self, repository: str) -> str:
        """The message in lower case, without the names of repositories, because these may contain any word."""
        words = self.message.lower()
        parts = [repository, *repository.split("/")[1:]] if repository else []
        for part in sorted(filter(None, parts), key=len, reverse=True):
            words = words.replace(part, "")
        return words

    def _meaning(self, repository: str) -> str:
        if self.is_scope_missing:
            return "denied"
        if self.method == "PUT" and self.code in ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"):
            return "parts-missing"
        if self.status == 413:
            return "body-too-large"
        if self.is_busy:
            return "too-many-requests"  # before the words: Google writes "Quota exceeded" for requests too
        if self.is_page and self.status == 405:
            return "method-refused"  # a registry would answer in JSON
        if self.is_page and self.status not in (401, 403):
            return "proxy-page" if self.status in _RETRYABLE_STATUS else "no-registry"
        words = self._words(repository)
        for code, signs in _WORDS:
            if any(sign in words for sign in signs) and not self._is_impossible(code):
                return code
        if re.search(r"\bproject ['\"]?[\w.-]+['\"]? not found", words):
            return "project-missing"
        if self.status in _RETRYABLE_STATUS:
            return "too-many-requests" if self.code == "TOOMANYREQUESTS" else "registry-failed"
        if self.status == 412:
            return "blocked-by-policy" if self.method in ("GET", "HEAD") else "tag-immutable"
        if self.status == 404 and (self.method == "POST" or (self.method == "PUT" and not self.code)):
            return "name-unknown"  # nothing can be pushed there: Artifactory's unknown keys, ECR's repositories
        if (self.code == "UNSUPPORTED" or self.status == 405) and self.method in ("GET", "HEAD"):
            return "refused"
        return _CODES.get(self.code) or _STATUS.get(self.status, "refused")

    def _is_impossible(self, code: str) -> bool:
        """True if the answer cannot have this meaning: the request wrote nothing, or the status contradicts it."""
        if code == "blocked-by-policy":
            return self.status == 404 or self.status >= 500
        return code in ("quota-exceeded", "tag-immutable", "registry-read-only", "target-disk-full") and (
            self.method in ("GET", "HEAD")
        )


def known_answers() -> dict[str, str]:
    """The codes and statuses of registries that have an entry, each with the code of that entry."""
    statuses = sorted({*_STATUS, *_RETRYABLE_STATUS})
    words = [*sorted({*_CODES, *_OTHER_CODES}), *map(str, statuses)]
    return {word: entry for word in words if (entry := entry_of(word))}


_OTHER_CODES = frozenset({
    "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "SIZE_INVALID",
})  # fmt: skip
"""Codes of distribution-spec without an entry of their own."""


def entry_of(answer: str) -> str | None:
    """The entry for a registry's error code or an HTTP status; None for any other text.

    It is the meaning of the code or status alone. The words of a whole answer may have a more exact meaning.
    """
    if re.fullmatch(r"[1-5][0-9]{2}", answer, re.ASCII):
        status = int(answer)
        return _STATUS.get(status) or ("registry-failed" if status in _RETRYABLE_STATUS else None)
    code = answer.upper().replace("-", "_")
    return _CODES.get(code) or ("refused" if code in _OTHER_CODES else None)
