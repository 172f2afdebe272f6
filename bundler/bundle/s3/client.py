"""Talks to S3 by botocore, of the extra ``image-bundler[s3]``. `bundler.bundle.s3.botocore_errors` has its errors.

Credentials, profiles, endpoints, proxies and CA bundles are found as the AWS tools find them, by botocore, and stay in
it: nothing of them is in a value, a message or a log of ours. Requests are retried here alone, by botocore's standard
mode; a body that breaks is read on by `bundler.bundle.s3.reading`. Bytes are never taken as right because S3 says so.

S3 API Reference, 2006-03-01. Checksums: User Guide, "Checking object integrity".
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from http.client import HTTPResponse
from typing import Any

from bundler.bundle.s3.botocore_errors import (
    SAID_CHARACTERS,
    NoObject,
    NoUpload,
    ObjectChanged,
    breaking,
    senseless,
    talking,
)
from bundler.bundle.s3.near_reads import Windows
from bundler.core.frozen import frozen
from bundler.core.limits import FOLDER_ENTRIES, S3_PAGES, S3_PARTS
from bundler.core.s3_path import S3Path
from bundler.core.s3_uploads import Upload
from bundler.errors import Damaged, Misuse
from bundler.texts import text


@frozen
class Objects:
    """The objects in a place: those directly in it with their sizes, and the names of "folders" of further ones."""

    files: tuple[tuple[str, int], ...]
    folders: tuple[str, ...]


@frozen
class ObjectFacts:
    """The size and the entity tag of an object. The tag only tells two versions of an object apart."""

    size_bytes: int
    etag: str


@frozen
class Part:
    """A part of a multipart upload, as S3 lists it."""

    size_bytes: int
    etag: str


class ObjectStream:
    """The body of an answer: consecutive bytes of an object. For one thread."""

    def __init__(self, path: S3Path, body: Any, facts: ObjectFacts) -> None:
        """Takes over an open body; `close` closes it."""
        self.facts = facts
        self._path = path
        self._body = body
        self._arriving = _arriving(body)

    def read_into(self, view: memoryview) -> int:
        """Fills a view as far as the stream goes on; returns the number of bytes.

        Raises:
            Unavailable: The connection broke.
        """
        with talking(self._path):
            if self._arriving is None:
                return int(self._body.readinto(view))
            with breaking(self._path):
                count = self._arriving.readinto(view)
            if self._arriving.isclosed():
                self._body._raw_stream.release_conn()
            return count

    def close(self) -> None:
        """Closes the connection, if bytes are left in it."""
        with suppress(Exception):  # only the connection can fail, and nobody needs it any more
            self._body.close()


def _arriving(body: Any) -> HTTPResponse | None:
    """The answer below a body, which puts bytes into a buffer; None for a body that changes or checks its bytes.

    The body itself takes new memory for each piece, and copies it: as much work as receiving the bytes.
    """
    from botocore.response import StreamingBody

    answer = getattr(getattr(body, "_raw_stream", None), "_original_response", None)
    if type(body) is not StreamingBody or not isinstance(answer, HTTPResponse):
        return None
    return answer if answer.length and not answer.chunked else None


class S3Client:
    """The requests that bundles need. Thread-safe."""

    def __init__(self, client: Any) -> None:
        """Takes a client of botocore, which is thread-safe."""
        self._client = client
        self.windows = Windows()
        """The bytes around small reads."""

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def objects_in(self, folder: S3Path) -> Objects:
        """The objects in a place, and its "folders".

        Raises:
            Damaged: There are more than in any bundle, or the list is wrong.
            Refused, Unavailable: S3 does not list them.
        """
        files: list[tuple[str, int]] = []
        folders: list[str] = []
        with talking(folder):
            for page in self._pages("list_objects_v2", folder, Prefix=folder.prefix, Delimiter="/"):
                if not page.keys() & {"IsTruncated", "KeyCount", "Name"}:
                    raise senseless(str(folder))  # well-formed, as the page of a proxy may be
                for each in page.get("Contents", ()):
                    name = each["Key"].removeprefix(folder.prefix)
                    if name:  # a key that ends with a slash is the "folder" itself, as consoles make it
                        files.append((name, int(each["Size"])))
                folders += [
                    each["Prefix"].removeprefix(folder.prefix).rstrip("/") for each in page.get("CommonPrefixes", ())
                ]
                if len(files) + len(folders) > FOLDER_ENTRIES:
                    raise Damaged(
                        text("more than {count:,} files in one folder", count=FOLDER_ENTRIES), subject=str(folder)
                    )
        return Objects(tuple(files), tuple(filter(None, folders)))

    def facts(self, path: S3Path) -> ObjectFacts | None:
        """The size and tag of an object; None if there is none.

        Raises:
            Refused, Unavailable: S3 does not say.
        """
        try:
            with talking(path):
                found = self._client.head_object(Bucket=path.bucket, Key=path.key)
                return ObjectFacts(int(found["ContentLength"]), str(found["ETag"]))
        except NoObject:
            return None

    def open(self, path: S3Path, begin: int, end: int | None, *, etag: str | None) -> ObjectStream:
        """Opens a range of an object.

        Args:
            path: The object.
            begin: The first byte.
            end: The offset after the last byte; None for the end of the object.
            etag: The tag that the object must have; None for any.

        Raises:
            NoObject: There is no such object.
            Damaged: S3 sends another range, or another object.
            Refused, Unavailable: S3 does not send it.
        """
        wanted = f"bytes={begin}-{'' if end is None else end - 1}"
        condition = {"IfMatch": etag} if etag is not None else {}
        try:
            with talking(path):
                found = self._client.get_object(Bucket=path.bucket, Key=path.key, Range=wanted, **condition)
                stream = ObjectStream(path, found["Body"], _facts_of_range(path, found, begin, end))
        except ObjectChanged as error:
            raise _replaced(path) from error
        if etag is not None and stream.facts.etag != etag:
            stream.close()
            raise _replaced(path)
        return stream

    def put(self, path: S3Path, content: bytes, sha256: bytes) -> str:
        """Writes a new small object; returns its tag.

        Raises:
            ObjectChanged: There is one of this key.
            Damaged: S3 got other bytes.
            Refused, Unavailable: S3 does not take it.
        """
        with talking(path):
            made = self._client.put_object(
                Bucket=path.bucket, Key=path.key, Body=content, ChecksumSHA256=_base64(sha256), IfNoneMatch="*"
            )
            return str(made["ETag"])

    def delete(self, path: S3Path) -> None:
        """Removes an object. Does nothing if there is none.

        Raises:
            Refused, Unavailable: S3 does not remove it.
        """
        with talking(path):
            self._client.delete_object(Bucket=path.bucket, Key=path.key)

    # Multipart uploads

    def begin_upload(self, path: S3Path) -> str:
        """Begins an upload in parts, each with its SHA-256; returns its id.

        Raises:
            Refused, Unavailable: S3 does not take it.
        """
        with talking(path):
            made = self._client.create_multipart_upload(
                Bucket=path.bucket, Key=path.key, ChecksumAlgorithm="SHA256", ContentType="application/x-tar"
            )
            return str(made["UploadId"])

    def upload_part(self, path: S3Path, upload: str, number: int, content: bytearray, sha256: bytes) -> str:
        """Sends a part, which S3 compares with its SHA-256; returns its tag.

        Args:
            path: The object.
            upload: The id of the multipart upload.
            number: The number of the part; the first is 1.
            content: Its bytes.
            sha256: The SHA-256 of them, 32 bytes.

        Raises:
            NoUpload: The upload was aborted.
            Damaged: S3 got other bytes.
            Refused, Unavailable: S3 does not take it.
        """
        with talking(path):
            made = self._client.upload_part(
                Bucket=path.bucket,
                Key=path.key,
                UploadId=upload,
                PartNumber=number,
                Body=content,
                ChecksumSHA256=_base64(sha256),
            )
            return str(made["ETag"])

    def parts(self, path: S3Path, upload: str) -> Mapping[int, Part]:
        """The parts that S3 has, by number.

        Raises:
            NoUpload: The upload was completed or aborted.
            Refused, Unavailable: S3 does not list them.
        """
        found: dict[int, Part] = {}
        with talking(path):
            for page in self._pages("list_parts", path, Key=path.key, UploadId=upload):
                for each in page.get("Parts", ()):
                    found[int(each["PartNumber"])] = Part(int(each["Size"]), str(each["ETag"]))
                if len(found) > S3_PARTS:
                    raise Damaged(text("more than {count:,} parts", count=S3_PARTS), subject=str(path))
        return found

    def complete(self, path: S3Path, upload: str, parts: Mapping[int, tuple[str, bytes]]) -> None:
        """Makes the object of all its parts, unless there is one of its key.

        Args:
            path: The object.
            upload: The id of the upload.
            parts: The tag and the SHA-256 of each part, by number.

        Raises:
            ObjectChanged: There is an object of this key.
            NoUpload: The upload was completed or aborted.
            Damaged: The parts are not those that S3 has.
            Refused, Unavailable: S3 does not make it.
        """
        listed = [
            {"PartNumber": number, "ETag": etag, "ChecksumSHA256": _base64(sha256)}
            for number, (etag, sha256) in sorted(parts.items())
        ]
        with talking(path):
            self._client.complete_multipart_upload(
                Bucket=path.bucket,
                Key=path.key,
                UploadId=upload,
                MultipartUpload={"Parts": listed},
                IfNoneMatch="*",
            )

    def abort(self, path: S3Path, upload: str) -> None:
        """Gives up an upload: S3 frees its parts. Does nothing if there is none.

        Raises:
            Refused, Unavailable: S3 does not do it.
        """
        with suppress(NoUpload, NoObject), talking(path):
            self._client.abort_multipart_upload(Bucket=path.bucket, Key=path.key, UploadId=upload)

    def uploads_below(self, folder: S3Path) -> list[Upload]:
        """The uploads of objects below a place that were neither completed nor aborted.

        Raises:
            Refused, Unavailable: S3 does not list them.
        """
        found: list[Upload] = []
        with talking(folder):
            for page in self._pages("list_multipart_uploads", folder, Prefix=folder.prefix):
                for each in page.get("Uploads", ()):
                    path = S3Path(folder.bucket, str(each["Key"]))
                    found.append(Upload(path, str(each["UploadId"]), each["Initiated"].timestamp()))
                if len(found) > FOLDER_ENTRIES:
                    raise Damaged(text("more than {count:,} uploads", count=FOLDER_ENTRIES), subject=str(folder))
        return found

    def _pages(self, operation: str, path: S3Path, **arguments: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator(operation).paginate(Bucket=path.bucket, **arguments)
        for number, page in enumerate(pages):
            if number == S3_PAGES:  # a list that ends here would lack what follows
                raise senseless(str(path))
            yield page


@cache
def _lock() -> threading.Lock:
    return threading.Lock()


def s3_client() -> S3Client:
    """The client of this process.

    Raises:
        Misuse: The extra is not installed, or the configuration of AWS is wrong.
    """
    with _lock():
        return _made()


@cache
def _made() -> S3Client:
    try:
        from bundler.bundle.s3.session import new_client
    except ImportError as error:
        raise Misuse(
            "s3:// needs botocore, which is not installed", hint="install it with: pip install 'image-bundler[s3]'"
        ) from error
    with talking(None):
        return S3Client(new_client())


def forget_client() -> None:
    """Forgets the client of this process: the next one reads the configuration again. For tests."""
    if _made.cache_info().currsize:
        _made().close()
    _made.cache_clear()


def _base64(sha256: bytes) -> str:
    return b64encode(sha256).decode()


def _facts_of_range(path: S3Path, found: Mapping[str, Any], begin: int, end: int | None) -> ObjectFacts:
    """The facts of an object whose range came.

    Raises:
        Damaged: Another range came.
    """
    said = str(found.get("ContentRange", ""))
    span, _, total = said.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    if first.isdigit() and last.isdigit() and total.isdigit():
        size, stop = int(total), int(last) + 1
        is_wanted = int(first) == begin and stop == (size if end is None else min(end, size))
        if is_wanted and int(found["ContentLength"]) == stop - begin:
            return ObjectFacts(size, str(found["ETag"]))
    found["Body"].close()
    raise Damaged(
        "S3 sent other bytes of the object than were asked for",
        subject=str(path),
        expected=text("bytes {first}-{last}", first=begin, last="" if end is None else end - 1),
        actual=said[:SAID_CHARACTERS] or text("no Content-Range"),
        hint="the server or a proxy before it does not follow HTTP Range",
    )


def _replaced(path: S3Path) -> Damaged:
    return Damaged(
        "the object was replaced while it was read",
        subject=str(path),
        hint="find out who writes there, then run the same command again",
    )
