"""The faults that a comparison with a registry finds, noted from many threads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.drift import DAMAGED, MISSING, UNREAD, PartFault
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.errors import BundlerError, Damaged, Interrupted, NotFound, Unavailable
from bundler.run import Run, retrying

Result = TypeVar("Result")
Key = tuple[str, Digest]
"""A manifest or blob in a repository, by the path of the repository."""

_NOT_GIVEN = "run the same command again; if it fails again, the registry may list a blob that it has lost: restart it"


class Faults:
    """The faults so far. Local to a comparison."""

    def __init__(self, host: str, run: Run) -> None:
        self.host = host
        self.run = run
        self._lock = threading.Lock()
        self._of_parts: dict[Key, PartFault] = {}
        self._of_images: defaultdict[int, list[PartFault]] = defaultdict(list)

    def called(self, key: Key) -> str:
        """The full name of a part."""
        return f"{self.host}/{key[0]}@{key[1]}"

    def ask(self, question: Callable[[], Result], subject: str) -> Result:
        """Asks the registry, with retries."""
        return retrying(question, self.run, subject=subject, peer=self.host)

    def tried(self, key: Key, work: Callable[[], Result]) -> Result | None:
        """Does something with a part. A failure is noted as its fault, and the result is None."""
        called = self.called(key)
        try:
            return work()
        except Interrupted:
            raise
        except NotFound:
            self.note(key, PartFault(MISSING, str(key[1]), problem("lost-at-registry", subject=called)))
        except Damaged as error:
            damage = problem("damaged-at-registry", subject=called, expected=error.expected, actual=error.actual)
            self.note(key, PartFault(DAMAGED, str(key[1]), damage))
        except BundlerError as error:
            hint = error.hint or (_NOT_GIVEN if isinstance(error, Unavailable) else None)
            self.note(key, PartFault(UNREAD, str(key[1]), error.but(hint=hint)))
        return None

    def note(self, key: Key, fault: PartFault) -> None:
        """Notes the fault of a part."""
        with self._lock:
            self._of_parts[key] = fault

    def note_own(self, number: int, fault: PartFault) -> None:
        """Notes a fault of a tag or an attachment of an image, by the number of the image."""
        with self._lock:
            self._of_images[number].append(fault)

    def of_part(self, key: Key) -> PartFault | None:
        """The fault of a part."""
        return self._of_parts.get(key)

    def of_image(self, number: int) -> tuple[PartFault, ...]:
        """The faults of the tags and attachments of an image."""
        return tuple(self._of_images.get(number, ()))

    @contextmanager
    def phase(self, title: str, short: str, total: int, *, in_bytes: bool = False) -> Generator[None, None, None]:
        """A phase of the run."""
        self.run.listener(PhaseBegan(title, total, in_bytes=in_bytes))
        yield
        self.run.listener(PhaseEnded(short))
