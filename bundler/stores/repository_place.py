"""The basics of a repository: its name, the scopes of its requests, and requests by HEAD."""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError
from bundler.stores.http import Answer, error_of
from bundler.stores.registry import Registry

_NO_HEAD = frozenset({405, 501})
"""The statuses of servers that know no HEAD."""


@frozen
class RepositoryPlace:
    """A repository of a registry; it may not exist.

    Attributes:
        registry: The registry.
        path: The repository's path there.
        is_reading: True if nothing is written there in this run. Then no right to push is asked for: some registries
            give no token at all to an account that lacks a part of what was asked for.
    """

    registry: Registry
    path: str
    is_reading: bool = False

    @property
    def name(self) -> str:
        """Registry and repository, as people write it."""
        return f"{self.registry.name}/{self.path}"

    @property
    def pull(self) -> tuple[str, ...]:
        """The scope to read."""
        return (f"repository:{self.path}:pull",)

    @property
    def push(self) -> tuple[str, ...]:
        """The scope to write, and to ask for what was written."""
        return self.pull if self.is_reading else (f"repository:{self.path}:pull,push",)

    @property
    def delete(self) -> tuple[str, ...]:
        """The scope that distribution requires for each DELETE, also of an upload."""
        return (f"repository:{self.path}:pull,push,delete",)

    def called(self, name: object) -> str:
        """Returns the full name of a tag or digest, as people write it."""
        return f"{self.name}{'@' if ':' in str(name) else ':'}{name}"

    def head(self, path: str, *, called: str, headers: Mapping[str, str] | None = None) -> Answer | None:
        """Returns the answer to a HEAD; None if the object does not exist. A status other than 200 proves nothing.

        Raises:
            Refused, Unavailable: The registry does not say.
        """
        answer = self.registry.request("HEAD", path, scopes=self.push, headers=headers)
        is_elsewhere = not answer.url.endswith(path)  # its address may be signed for GET only
        if answer.status != 200 and answer.status not in (404, *_NO_HEAD) and not is_elsewhere:
            raise error_of(answer, subject=called)
        answer.drain()
        return None if answer.status == 404 and not is_elsewhere else answer

    def damaged(self, descriptor: Descriptor, actual: str) -> BundlerError:
        """Returns the error for an object that the registry has with other bytes than were sent."""
        subject, expected = self.called(descriptor.digest), f"{descriptor.size_bytes} bytes"
        return problem("damaged-at-target", subject=subject, expected=expected, actual=actual)
