"""Errors, in families by who must act. Each family has its exit code.

::

    BundlerError
    ├── Misuse          2   the caller: flags, image list, references, keys
    ├── Damaged         4   the courier: the bytes are not the promised ones
    ├── Untrusted       5   the security officer: unsigned, unknown signer, bad signature, policy
    ├── Refused         6   an administrator: not found, denied, policy, quota, tag conflict
    ├── Unavailable     7   nobody, try again: network, server errors, timeouts
    ├── LocalStorage    8   the machine's owner: no space, read-only, I/O error
    ├── Incomplete      9   the courier: parts are missing, nothing is wrong with the rest
    ├── Several         of its worst member
    └── Interrupted   130   the user stopped it

A family has a subclass where our code handles that case. The code of an error is for people and documents only.

Errors carry fields, not only text: what failed, on which object, what was expected and what was found. Passwords in
addresses are masked in all of them. An error is a value: code that knows more about it makes another one with
`BundlerError.but` and leaves the first as it was. Errors neither log nor exit: `bundler.views` prints them, and
`bundler.cli` returns their exit codes. Any other exception that reaches the top is a bug of ours (exit 70).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, TypedDict, TypeVar

from bundler.secrecy import masked
from bundler.texts import Text, as_text, text

if TYPE_CHECKING:
    from typing_extensions import Unpack

EXIT_DIFFERENT = EXIT_NOTHING_FOUND = 1
"""The end of ``bundler diff`` if there are differences, and of ``bundler search`` if nothing fits, as of diff(1) and
grep(1). No error has this code."""
EXIT_PARTIAL = 3
EXIT_BUG = 70
EXIT_CLOSED_PIPE = 141
"""The reader of our output has closed it: 128 + SIGPIPE, as in a shell."""

_NO_ROOM_FOR_LIBRARY = ("Cannot allocate memory", "failed to map segment from shared object")
"""The words of the dynamic linker of glibc. Python makes an `ImportError` of them."""

_WORST_FIRST = (2, 130, 5, 4, 8, 6, 7, 9, 3)

_Error = TypeVar("_Error", bound="BundlerError")


class ErrorFields(TypedDict, total=False):
    """The fields of an error, as `BundlerError` takes them."""

    message: str
    subject: str | None
    expected: str | None
    actual: str | None
    hint: str | None
    code: str | None
    said: str | None
    retryable: bool
    retry_after_seconds: float | None


class BundlerError(Exception):
    """The base class of all errors that are not bugs.

    Args:
        message: The event, in lower case, without the advice. A message, as `bundler.texts` has them; so are the hint,
            and what is expected and found where that is more than a name.
        subject: The object it happened to: a reference, a file, a flag.
        expected: The promised or required value.
        actual: The value that was found.
        hint: The next step, a sentence or a command.
        code: The entry of `bundler.core.advice` that explains it, if there is one.
        said: The answer of the other side, in its own words.
        retryable: True if the same call may succeed later.
        retry_after_seconds: The pause that the other side asked for, if it did.
    """

    exit_code: ClassVar[int] = EXIT_BUG
    kind: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        subject: str | None = None,
        expected: str | None = None,
        actual: str | None = None,
        hint: str | None = None,
        code: str | None = None,
        said: str | None = None,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(_shown(message))
        self.message: str = _shown(message)
        self.subject = _masked(subject)
        self.expected = _masked(expected)
        self.actual = _masked(actual)
        self.hint: str | None = _shown(hint) if hint is not None else None
        self.code = code
        self.said = _masked(said)
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        said = f" ({self.said})" if self.said else ""
        values = f" ({self.values})" if self.values else ""
        return f"{subject}{self.message}{said}{values}"

    @property
    def values(self) -> Text | None:
        """The expected and the actual value in words: both, or the one that is known. None without any."""
        if self.expected and self.actual:
            return text("expected {expected}, found {actual}", expected=self.expected, actual=self.actual)
        if self.expected:
            return text("expected {expected}", expected=self.expected)
        return text("found {actual}", actual=self.actual) if self.actual else None

    def but(self: _Error, **changes: Unpack[ErrorFields]) -> _Error:
        """Returns another error of the same class with these fields changed; this one stays as it is.

        The new error takes over the cause and the traceback. `raise error.but(...) from error.__cause__` in an
        `except` block therefore shows one error, with the place where the first one was raised; `from error` would
        show both, and hide the cause from code that looks at it.

        >>> Refused("not found", subject="a:1").but(hint="check the name").subject
        'a:1'
        """
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)  # also the fields of a subclass, such as the members of `Several`
        fields = {name: getattr(self, name) for name in ErrorFields.__annotations__}
        BundlerError.__init__(made, **{**fields, **changes})
        made.__cause__ = self.__cause__
        return made.with_traceback(self.__traceback__)


def _shown(message: str) -> Text:
    """A message without the secrets in it; its template stays, if there is none in more than one of its values."""
    said = as_text(message)
    if masked(said) == said:
        return said
    changed = said.changed(masked)
    return changed if masked(changed) == changed else as_text(masked(said))


def _masked(name: str | None) -> str | None:
    return None if name is None else _shown(name) if isinstance(name, Text) else masked(name)


class Misuse(BundlerError):
    """The request itself is wrong: a flag, an image list, a reference, a key."""

    exit_code = 2
    kind = "usage"

    @classmethod
    def of_field(cls, field: str, *, expected: str, actual: str) -> Misuse:
        """The error for a field of a request. The command line refuses such a value by itself, other callers do not."""
        return cls("not a valid value", subject=field, expected=expected, actual=actual)


class Damaged(BundlerError):
    """Bytes are not what a digest, a size or a signed list promised."""

    exit_code = 4
    kind = "integrity"


class Untrusted(BundlerError):
    """No signature by a trusted key covers the bundle."""

    exit_code = 5
    kind = "trust"


class RefusedByPolicy(Untrusted):
    """A policy refuses an image."""


class Refused(BundlerError):
    """The other side refuses, and will refuse again: not found, denied, policy, quota, conflict."""

    exit_code = 6
    kind = "refused"


class NotFound(Refused):
    """The other side does not have the object."""


class Absent(NotFound):
    """There is no image of this name at its source."""


class UnknownRepository(NotFound):
    """The registry knows no such repository."""


class UnknownProject(Refused):
    """The registry knows no project for the repository."""


class NameRefused(Refused):
    """The registry does not take a repository of this name."""


class Denied(Refused):
    """The registry does not permit it to this account."""


class LoginNeeded(Denied):
    """The registry asks for credentials that it accepts."""


class TagTaken(Refused):
    """The tag names something else already."""


class PartsMissing(Refused):
    """The registry takes no manifest before it has all that the manifest needs."""


class ContentRefused(Refused):
    """The registry may refuse a manifest for its content, not for its name, its size, or the user.

    Registries answer 405 or ``UNSUPPORTED`` for what they do not know, as for pushes in a read-only mode.
    """


class NoCatalog(Refused):
    """The registry does not list its repositories."""


class AttachmentMissing(Refused):
    """The source lists an attachment that cannot be read. The image itself is there."""


class Unavailable(BundlerError):
    """The other side could not be reached or failed; it may work later."""

    exit_code = 7
    kind = "unavailable"


class Unreachable(Unavailable):
    """No connection could be made at all. Other requests to this host would fail in the same way."""


class Broken(Unavailable):
    """A connection ended in the middle of a request or of its answer."""


class RegistryFailed(Unavailable):
    """The registry answered that it failed itself."""


class Busy(Unavailable):
    """The other side is busy and asks for a later attempt. The request itself is not at fault."""


class AskedToWait(Busy):
    """It asks for a longer pause than a run waits. Other requests to this host get the same answer."""


class LocalStorage(BundlerError):
    """This machine could not store or read: no space, read-only, I/O error."""

    exit_code = 8
    kind = "storage"

    @classmethod
    def unwritable(cls, error: OSError, what: str) -> LocalStorage:
        """The error for something that this machine cannot store."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space and run the same command again"
            return cls("no space left", subject=what, hint=hint, code="no-space")
        if error.errno == errno.EROFS:
            return cls("the file system is read-only", subject=what, hint="choose another folder")
        if error.errno == errno.EFBIG:
            return cls(
                "the file system does not support files of this size", subject=what, hint="use a smaller --chunk-size"
            )
        reason = text("cannot be written: {reason}", reason=error.strerror)
        if error.errno == errno.ENOENT:
            return cls(reason, subject=what, hint="make the folder first, or choose another one")
        return cls(reason, subject=what)

    @classmethod
    def exhausted(cls, error: BaseException) -> LocalStorage | None:
        """The error for a limit of this machine or of its user that was reached; None for any other error."""
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.EMFILE, errno.ENFILE):
            return cls("too many open files", hint="raise the limit (ulimit -n), or use fewer --jobs")
        is_memory = isinstance(error, MemoryError) or number == errno.ENOMEM
        is_no_room = isinstance(error, ImportError) and any(words in str(error) for words in _NO_ROOM_FOR_LIBRARY)
        if is_memory or is_no_room:
            return cls("this machine is out of memory", hint="raise the limit (ulimit -v), or use fewer --jobs")
        return None


class Incomplete(BundlerError):
    """Parts are missing; nothing is wrong with the rest."""

    exit_code = 9
    kind = "incomplete"


class HeldElsewhere(Incomplete):
    """The source does not hold the blob. Something else holds it, which is not here."""


class SumsMissing(Incomplete):
    """A folder has parts of a bundle without the list of its files."""


class Interrupted(BundlerError):
    """The user stopped the run. No unfinished result looks finished."""

    exit_code = 130
    kind = "interrupted"

    def __init__(self) -> None:
        super().__init__("stopped", hint="run the same command again")


class Bug(BundlerError):
    """An exception that is no error of these families, as a value: work that must end well ends before it is raised."""

    exit_code = EXIT_BUG
    kind = "bug"

    def __init__(self, exception: Exception) -> None:
        super().__init__(text("a bug in bundler: {name}", name=type(exception).__name__))
        self.exception = exception


class Several(BundlerError):
    """Several errors at once, so that one run reports all problems."""

    def __init__(self, message: str, errors: Sequence[BundlerError], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # derived from the members, not fixed by the class
        """The exit code of the worst member."""
        return worst(self.errors)

    @property
    def kind(self) -> str:  # type: ignore[override]  # as above
        """The kind of the worst member."""
        return next((error.kind for error in self.errors if error.exit_code == self.exit_code), "error")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and its cause, and the cause of that."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def worst(errors: Iterable[BundlerError]) -> int:
    """The exit code of the worst of several errors; 0 if there are none."""
    return _worst({error.exit_code for error in errors})


def worst_of_images(errors: Sequence[BundlerError], *, done: int) -> int:
    """The exit code of a run that keeps going after the failure of an image.

    A refusal or failure of the other side for some images leaves the run *partial* when others are done;
    damage, missing trust, full disks and missing parts keep their own codes, because a person must act on them.

    Args:
        errors: One finding for each image or file that failed.
        done: The number of images that are done.
    """
    codes = {error.exit_code for error in errors}
    if done and codes & {Refused.exit_code, Unavailable.exit_code}:
        codes = codes - {Refused.exit_code, Unavailable.exit_code} | {EXIT_PARTIAL}
    return _worst(codes)


def _worst(codes: set[int]) -> int:
    return next((code for code in _WORST_FIRST if code in codes), EXIT_BUG if codes else 0)
