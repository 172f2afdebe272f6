"""The refusals of registries are understood, whatever status and code they choose for it.

The words are the registries' own; `bundler.core.registry_answers` names the sources.
"""

from __future__ import annotations

import pytest

from bundler.core import registry_answers
from bundler.core.advice.table import ADVICE
from bundler.core.registry_answers import RegistryAnswer
from bundler.errors import BundlerError, Busy, Refused, Unavailable
from tests.support.tables import each_case

HARBOR_QUOTA = (
    "adding 3.1 MiB of storage resource, which when updated to current usage of 99.0 MiB "
    "will exceed the configured upper limit of 100.0 MiB."
)
HARBOR_SCAN = (
    'current image with 12 vulnerabilities cannot be pulled due to configured policy in "Prevent images with '
    'vulnerability severity of "High" or higher from running."'
)
HUB_LIMIT = "You have reached your pull rate limit."
QUAY_LIMIT = "Quota has been exceeded on namespace"


def error(answer: RegistryAnswer) -> BundlerError:
    return answer.error(subject="h.example/team/app:1", host="h.example", repository="team/app")


def reported(method: str, status: int, code: str = "", message: str = "") -> BundlerError:
    return error(RegistryAnswer(method, status, code, message))


@each_case(
    ("method", "status", "code", "message", "meaning"),
    [
        # Logins and rights
        pytest.param("GET", 401, "UNAUTHORIZED", "authentication required", "unauthorized", id="no login"),
        pytest.param("GET", 401, "", "", "unauthorized", id="401 without a word"),
        pytest.param("PUT", 403, "DENIED", "requested access to the resource is denied", "denied", id="no right"),
        pytest.param("PUT", 403, "", "", "denied", id="403 without a word"),
        pytest.param("GET", 400, "DENIED", "", "denied", id="a code goes before the status"),
        # Images and repositories
        pytest.param("GET", 404, "MANIFEST_UNKNOWN", "manifest unknown", "not-found", id="no such tag"),
        pytest.param("PUT", 400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", "parts-missing", id="garbage"),
        pytest.param("PUT", 400, "BLOB_UNKNOWN", "blob unknown to registry", "parts-missing", id="garbage at Nexus"),
        pytest.param("GET", 404, "BLOB_UNKNOWN", "blob unknown to registry", "not-found", id="no such blob"),
        pytest.param("GET", 404, "", "", "not-found", id="404 without a word"),
        pytest.param("GET", 404, "NAME_UNKNOWN", "repository name not known", "name-unknown", id="no such repository"),
        pytest.param(
            "POST",
            404,
            "NAME_UNKNOWN",
            "The repository with name 'team/app' does not exist in the registry with id '1'",
            "name-unknown",
            id="ECR, no such repository",
        ),
        pytest.param("POST", 404, "", "", "name-unknown", id="an upload that cannot be started"),
        pytest.param("POST", 404, "NOT_FOUND", "project team not found", "project-missing", id="Harbor, no project"),
        pytest.param(
            "POST", 401, "UNAUTHORIZED", "project team not found: project team not found", "project-missing",
            id="Harbor, no project and no login",
        ),
        pytest.param("POST", 404, "NAME_UNKNOWN", "Unknown namespace", "project-missing", id="no such organisation"),
        # Quotas: 412 since Harbor 2.?, before it 500 and 400
        pytest.param("PUT", 412, "PRECONDITION", HARBOR_QUOTA, "quota-exceeded", id="Harbor, quota"),
        pytest.param("PUT", 403, "DENIED", HARBOR_QUOTA, "quota-exceeded", id="Harbor, quota by 403"),
        pytest.param("PATCH", 500, "UNKNOWN", HARBOR_QUOTA, "quota-exceeded", id="Harbor, quota by 500"),
        pytest.param("POST", 400, "", HARBOR_QUOTA, "quota-exceeded", id="Harbor, quota by 400"),
        pytest.param("PUT", 403, "DENIED", QUAY_LIMIT, "quota-exceeded", id="Quay, quota"),
        pytest.param(
            "PUT", 403, "DENIED", "Quota has been exceed on namespace", "quota-exceeded", id="Quay, as it was spelt before"
        ),
        # Tags that do not move
        pytest.param(
            "PUT", 412, "PRECONDITION", "Failed to process request due to 'app:1' configured as immutable.",
            "tag-immutable", id="Harbor, an immutable tag",
        ),
        pytest.param(
            "PUT", 400, "TAG_INVALID", "The image tag '1' already exists in the 'app' repository and cannot be "
            "overwritten because the tag is immutable.", "tag-immutable", id="ECR, an immutable tag",
        ),
        pytest.param("PUT", 409, "", "ImageTagAlreadyExistsException", "tag-immutable", id="ECR, by its exception"),
        pytest.param(
            "PUT", 400, "", "Repository does not allow updating assets: docker-hosted", "tag-immutable",
            id="Nexus, disable redeploy",
        ),
        pytest.param(
            "PUT", 403, "DENIED", "Not enough permissions to delete/overwrite artifact 'app/1/manifest.json'",
            "tag-immutable", id="Artifactory, no leave to overwrite",
        ),
        pytest.param("PUT", 409, "TAG_ALREADY_EXISTS", "tag was already pushed", "tag-immutable", id="Quay, a tag"),
        pytest.param("PUT", 412, "", "", "tag-immutable", id="412 without a word to a push"),
        # Policies
        pytest.param("GET", 412, "PROJECTPOLICYVIOLATION", HARBOR_SCAN, "blocked-by-policy", id="Harbor, a scan"),
        pytest.param(
            "GET", 412, "PROJECTPOLICYVIOLATION", "The image is not signed in Notary.", "blocked-by-policy",
            id="Harbor, a signature",
        ),
        pytest.param("HEAD", 412, "", "", "blocked-by-policy", id="412 to a question that has no body"),
        # A registry that takes nothing
        pytest.param(
            "POST", 403, "DENIED", "The system is in read only mode. Any modification is prohibited.",
            "registry-read-only", id="Harbor, read only",
        ),
        pytest.param("POST", 405, "UNSUPPORTED", "The operation is unsupported.", "registry-read-only", id="readonly"),
        pytest.param("PUT", 405, "", "", "registry-read-only", id="405 to a push"),
        pytest.param(
            "POST", 405, "DENIED", "System is currently read-only. Pulls will succeed but all write operations are "
            "currently suspended.", "registry-read-only", id="Quay, read only",
        ),
        pytest.param(
            "POST", 405, "METHOD NOT ALLOWED", "Pushes to the registry are currently disabled. Please contact the "
            "administrator for more information.", "registry-read-only", id="Quay, pushes disabled",
        ),
        pytest.param("GET", 405, "UNSUPPORTED", "The operation is unsupported.", "refused", id="405 to a question"),
        pytest.param("HEAD", 405, "", "", "refused", id="405 without a word to a question"),
        pytest.param("PUT", 500, "UNKNOWN", "write /data: no space left on device", "target-disk-full", id="full"),
        pytest.param("PATCH", 507, "", "", "target-disk-full", id="507 Insufficient Storage"),
        # Too much
        pytest.param("PATCH", 413, "", "", "body-too-large", id="413"),
        pytest.param("GET", 429, "TOOMANYREQUESTS", HUB_LIMIT, "too-many-requests", id="Docker Hub, pull limit"),
        pytest.param(
            "PUT", 429, "TOOMANYREQUESTS", "Quota exceeded for quota metric 'Requests per project per region'",
            "too-many-requests", id="Google, a quota of requests is none of bytes",
        ),
        pytest.param("PUT", 503, "TOOMANYREQUESTS", "", "too-many-requests", id="503 with the code"),
        # Names and forms
        pytest.param("POST", 400, "NAME_INVALID", "invalid repository name", "name-refused", id="no name for it"),
        pytest.param(
            "POST", 400, "NAME_INVALID", "Nested repositories are not supported.", "name-refused", id="Quay, too deep"
        ),
        pytest.param("PUT", 400, "MANIFEST_INVALID", "manifest invalid", "manifest-refused", id="a manifest"),
        # Failures
        pytest.param("GET", 500, "UNKNOWN", "unknown error", "registry-failed", id="500"),
        pytest.param("GET", 502, "", "", "registry-failed", id="502 without a page"),
        pytest.param("GET", 503, "UNAVAILABLE", "service unavailable", "registry-failed", id="503"),
        pytest.param("GET", 504, "", "", "registry-failed", id="504"),
        pytest.param("GET", 408, "", "", "registry-failed", id="408"),
        pytest.param("GET", 418, "", "I'm a teapot", "refused", id="a status that nobody knows"),
        pytest.param("PUT", 400, "SOMETHING_ELSE", "no", "refused", id="a code that nobody knows"),
    ],
)  # fmt: skip
def test_an_answer_is_understood(method: str, status: int, code: str, message: str, meaning: str) -> None:
    assert reported(method, status, code, message).code == meaning


@each_case("method", ["GET", "HEAD"])
@each_case(
    "message",
    [HARBOR_QUOTA, "the tag is immutable", "the mirror is read-only", "no space left on device"],
    ids=["a quota", "an immutable tag", "read-only", "a full disk"],
)
def test_words_about_writing_mean_nothing_where_nothing_is_written(method: str, message: str) -> None:
    assert reported(method, 403, "DENIED", message).code == "denied"


@pytest.mark.parametrize(
    ("status", "code", "family"),
    [(status, "no-registry", Refused) for status in (200, 302, 400, 404)]
    + [(status, "proxy-page", Unavailable) for status in (500, 502, 503)],
)
def test_a_page_for_people_is_reported_as_such(status: int, code: str, family: type[BundlerError]) -> None:
    page = error(RegistryAnswer("GET", status, message="an HTML page, likely of a proxy", is_page=True))
    assert (page.code, type(page)) == (code, family)
    assert page.retryable is (family is Unavailable), "a proxy whose registry is down may find it again"


@each_case(("status", "asked"), [(429, None), (429, 1.0), (503, 0.0), (502, 7.0)])
@each_case("is_page", [False, True])
def test_C1_a_registry_that_asks_to_come_back_later_does_not_fail(
    status: int, asked: float | None, is_page: bool
) -> None:
    answer = RegistryAnswer("PUT", status, message="vulnerable", is_page=is_page, retry_after_seconds=asked)
    assert answer.is_busy
    found = error(answer)
    assert (type(found), found.code) == (Busy, "too-many-requests")
    assert (found.retryable, found.retry_after_seconds) == (True, asked)


@pytest.mark.parametrize(("status", "asked"), [(503, None), (500, None), (404, 1.0), (200, 1.0)])
def test_C1_any_other_answer_is_a_failure_or_none(status: int, asked: float | None) -> None:
    assert not RegistryAnswer("GET", status, retry_after_seconds=asked).is_busy


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, "unauthorized"),
        (403, "denied"),
        (405, "method-refused"),
        (413, "body-too-large"),
        (429, "too-many-requests"),
    ],
)
def test_a_page_whose_status_says_enough_is_reported_by_its_status(status: int, meaning: str) -> None:
    assert error(RegistryAnswer("PUT", status, message="an HTML page", is_page=True)).code == meaning


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_405_page_is_no_registry_that_is_read_only(method: str) -> None:
    assert error(RegistryAnswer(method, 405, message="an HTML page", is_page=True)).code == "method-refused"
    assert error(RegistryAnswer(method, 405, "UNSUPPORTED", "read only")).code == "registry-read-only"


def test_who_is_known_and_lacks_the_right_is_not_advised_to_log_in() -> None:
    assert error(RegistryAnswer("PUT", 401, "UNAUTHORIZED", is_scope_missing=True)).code == "denied"


@each_case(
    ("status", "is_retryable"),
    [(408, True), (429, True), (500, True), (502, True), (503, True), (504, True), (501, False), (404, False)],
)
def test_what_may_pass_is_tried_again_after_the_time_that_was_asked_for(status: int, is_retryable: bool) -> None:
    found = error(RegistryAnswer("GET", status, retry_after_seconds=7.0))
    assert found.retryable is is_retryable
    assert found.retry_after_seconds == (7.0 if is_retryable else None)
    assert isinstance(found, Unavailable if is_retryable else Refused)


@pytest.mark.parametrize("message", [HARBOR_QUOTA, "no space left on device"], ids=["a quota", "a full disk"])
def test_what_does_not_pass_by_waiting_is_not_tried_again_though_it_is_a_500(message: str) -> None:
    assert reported("PUT", 500, "UNKNOWN", message).retryable is False


def test_what_was_said_is_kept_and_the_advice_is_filled_in() -> None:
    found = reported("PUT", 412, "PRECONDITION", HARBOR_QUOTA)
    assert found.said == f"412 PRECONDITION: {HARBOR_QUOTA}"
    assert found.subject == "h.example/team/app:1"
    assert "team" in (found.hint or "")
    assert str(found) == f"h.example/team/app:1: the project's quota is used up ({found.said})"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RegistryAnswer("GET", 500), "500"),
        (RegistryAnswer("GET", 404, "NAME_UNKNOWN"), "404 NAME_UNKNOWN"),
        (RegistryAnswer("GET", 404, message="gone"), "404: gone"),
        (RegistryAnswer("GET", 404, "NAME_UNKNOWN", "gone"), "404 NAME_UNKNOWN: gone"),
    ],
    ids=["status alone", "with a code", "with words", "with both"],
)
def test_what_was_said_is_shown_in_one_line(answer: RegistryAnswer, said: str) -> None:
    assert answer.said == said


def test_every_meaning_has_its_advice() -> None:
    meanings = {code for code, _ in registry_answers._WORDS}
    meanings |= {*registry_answers._CODES.values(), *registry_answers._STATUS.values()}
    assert meanings - set(ADVICE) == set()


@each_case(
    "sign", [sign for _, signs in registry_answers._WORDS for sign in signs], ids=lambda sign: sign.replace(" ", "-")
)
def test_words_are_compared_in_lower_case_so_signs_are(sign: str) -> None:
    assert sign == sign.lower()
    assert reported("PUT", 400, "", f"Sorry: {sign.upper()}!").code != "refused"
