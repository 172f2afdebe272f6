"""The errors of botocore, and the answers of S3 that are no success, as errors of bundler.

A code decides, never the words of an answer. A HEAD has only a status, which botocore gives as the code.

S3 API Reference, 2006-03-01, "Error responses".
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Denied, Misuse, NotFound, Refused, Unavailable
from bundler.texts import text

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SAID_CHARACTERS = 200
"""The longest text of an answer in a message."""

_NO_BUCKET = frozenset({"NoSuchBucket"})
_NO_OBJECT = frozenset({"404", "NoSuchKey", "NotFound"})
_DENIED = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
_TAKEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_BAD_BYTES = frozenset({"BadDigest", "InvalidDigest", "InvalidPart", "XAmzContentSHA256Mismatch"})
_OTHER_REGION = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_BUSY = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "429"})


class NoObject(NotFound):
    """There is no object of this key."""


class NoUpload(NotFound):
    """There is no multipart upload of this id any more."""


class PastTheEnd(Damaged):
    """The object is too short for a range; an empty one has no range at all."""


class ObjectChanged(Refused):
    """A condition of a request failed: there is an object already, or another one than before."""


@contextmanager
def talking(path: S3Path | None) -> Generator[None, None, None]:
    """Turns the errors of botocore into ours."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    where = None if path is None else str(path)
    try:
        yield
    except exceptions.ClientError as error:
        raise _answered(error, path) from error
    except exceptions.SSLError as error:
        raise Refused(
            "the certificate of the S3 server is not trusted",
            subject=where,
            hint="name its CA with AWS_CA_BUNDLE, or with ca_bundle in ~/.aws/config",
        ) from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        is_senseless = isinstance(error.__context__, ResponseParserError)  # see `bundler.bundle.s3.answers`
        raise (senseless(where) if is_senseless else _broken(error, where)) from error
    except exceptions.IncompleteReadError as error:
        raise Unavailable("S3 ended its answer early", subject=where, hint="run the same command again") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise _no_credentials(where) from error
    except (exceptions.PaginationError, ResponseParserError, LookupError, TypeError) as error:
        raise senseless(where) from error
    except exceptions.BotoCoreError as error:
        # A wrong profile, endpoint, region or token cache. The text of the error may hold values of the configuration.
        raise Misuse(
            text("the configuration for S3 is wrong: {name}", name=type(error).__name__),
            subject=where,
            hint="check AWS_PROFILE, AWS_ENDPOINT_URL_S3 and ~/.aws/config, for example with: aws s3 ls",
        ) from error
    except ValueError as error:  # "Invalid endpoint: …", without a class of its own
        if path is not None:
            raise senseless(where) from error
        raise Misuse(
            "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is not an address", subject=where, hint="give https://HOST[:PORT]"
        ) from error


@contextmanager
def breaking(path: S3Path) -> Generator[None, None, None]:
    """Turns the errors of a connection, which is read without botocore, into ours."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _broken(error, str(path)) from error


def _broken(error: Exception, where: str | None) -> Unavailable:
    return Unavailable(
        text("the connection to S3 failed: {name}", name=type(error).__name__),
        subject=where,
        hint="check AWS_ENDPOINT_URL_S3 and the network, then run the same command again",
    )


def senseless(where: str | None) -> Damaged:
    """The error for an answer that may come from a proxy, or from another server."""
    return Damaged(
        "the answer is none of S3",
        subject=where,
        hint="check AWS_ENDPOINT_URL_S3: it may lead to a proxy, or to another server",
    )


def _no_credentials(where: str | None) -> Misuse:
    return Misuse(
        "there are no credentials for S3",
        subject=where,
        hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws configure",
    )


def _answered(error: ClientError, path: S3Path | None) -> BundlerError:
    """The error for an answer of S3."""
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = code[:SAID_CHARACTERS] or str(status)
    where = None if path is None else str(path)
    if code in _NO_BUCKET:
        bucket = path.bucket if path else ""
        return NotFound(
            text("there is no bucket {bucket}", bucket=bucket),
            subject=where,
            said=said,
            hint="create the bucket, or check its name and AWS_ENDPOINT_URL_S3",
        )
    if code == "NoSuchUpload":
        return NoUpload("S3 does not have this upload any more", subject=where, said=said)
    if code in _NO_OBJECT:
        return NoObject("there is no such object", subject=where, said=said)
    if code in _DENIED:
        return Denied(
            "S3 denies access",
            subject=where,
            said=said,
            hint="ask for s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload there",
        )
    if code == "RequestTimeTooSkewed":
        return Refused(
            "S3 says that the clock of this machine is wrong", subject=where, said=said, hint="set the clock"
        )
    if code in _TAKEN:
        return ObjectChanged("there is another object of this key", subject=where, said=said)
    if code in ("416", "InvalidRange"):
        return PastTheEnd("the object is shorter than it was", subject=where, said=said, hint="copy this file again")
    if code in _BAD_BYTES:
        return Damaged("S3 got other bytes than were sent", subject=where, said=said, hint="run the same command again")
    if code in _OTHER_REGION:
        return Misuse("the bucket is in another region", subject=where, said=said, hint="set AWS_REGION to its region")
    if status >= 500 or code in _BUSY:
        return Unavailable("S3 does not do it now", subject=where, said=said, hint="run the same command again later")
    return Refused(
        "S3 refuses the request",
        subject=where,
        said=said,
        hint="docs/s3.md lists the requests that a store must support",
    )
