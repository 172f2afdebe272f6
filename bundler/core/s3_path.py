"""Places of bundles in S3: ``s3://BUCKET/KEY``. A place names objects; credentials are never a part of it."""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.limits import S3_KEY_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

SCHEME = "s3://"
_BUCKET = lazy_pattern(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""The names of general purpose buckets: S3 User Guide, "Bucket naming rules"."""


@frozen
class S3Path:
    """A place in a bucket: an object, or a "folder" of objects whose keys begin with the key and a slash.

    It has the few parts of `pathlib.PurePath` that bundles need.

    >>> S3Path.parse("s3://backups/2026/platform/") / "chunk-0001.tar"
    S3Path(bucket='backups', key='2026/platform/chunk-0001.tar')

    Attributes:
        bucket: The name of the bucket.
        key: The key, without slashes at its ends; empty for the bucket itself.
    """

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, given: str) -> S3Path:
        """Reads ``s3://BUCKET[/KEY]``.

        Raises:
            Misuse: It is none.
        """
        bucket, _, key = given.removeprefix(SCHEME).partition("/")
        if not given.startswith(SCHEME) or not _BUCKET.fullmatch(bucket):
            raise Misuse(
                "not a place in S3",
                subject=given,
                expected="s3://BUCKET/PREFIX",
                actual=given,
                hint="the name of a bucket has 3 to 63 characters: a-z, 0-9, dots and hyphens",
            )
        key = key.removesuffix("/")
        if any(step in ("", ".", "..") for step in key.split("/") if key) or not key.isprintable():
            raise Misuse("the prefix has empty steps, dots, or characters that cannot be shown", subject=given)
        if len(key.encode()) > S3_KEY_BYTES:
            raise Misuse(text("the prefix has more than {limit} bytes", limit=S3_KEY_BYTES), subject=given)
        return cls(bucket, key)

    def __truediv__(self, name: str) -> S3Path:
        return S3Path(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}" if self.key else f"{SCHEME}{self.bucket}"

    @property
    def name(self) -> str:
        """The last step of the key."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The suffix of the name, as of `pathlib.PurePath.suffix`."""
        stem, dot, last = self.name.rpartition(".")
        return dot + last if stem and last else ""

    @property
    def parent(self) -> S3Path:
        """The place that contains it."""
        return S3Path(self.bucket, self.key.rpartition("/")[0])

    @property
    def prefix(self) -> str:
        """The beginning of the keys of all objects in it."""
        return f"{self.key}/" if self.key else ""
