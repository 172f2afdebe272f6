"""Selects images of a list or a bundle: ``--only PATTERN`` and ``--except PATTERN``."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.core.frozen import frozen
from bundler.core.image_patterns import fits_image
from bundler.core.reference import Reference
from bundler.errors import Misuse
from bundler.texts import some, text


@frozen
class Selection:
    """Patterns as in shells, but ``*`` also matches slashes. Without patterns all images are selected.

    A pattern is compared with the full reference and with each shorter form of it, so that ``nginx*``,
    ``library/nginx:1.27``, ``quay.io/*`` and ``*:latest`` match as people expect.
    """

    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()

    def chosen(self, references: Iterable[Reference], *, flag: str = "--only") -> frozenset[Reference]:
        """The selected references. ``flag`` gave the patterns of ``only``.

        Raises:
            Misuse: A pattern of ``only`` matches nothing, or no image is selected.
        """
        known = tuple(dict.fromkeys(references))
        for pattern in self.only:
            if not any(_fits(pattern, reference) for reference in known):
                raise Misuse(
                    "no image matches this pattern",
                    subject=f"{flag} {pattern[:200]}",
                    hint=text("the images are: {known}", known=some(map(str, known), most=3)),
                )
        left = frozenset(
            reference
            for reference in known
            if (not self.only or any(_fits(pattern, reference) for pattern in self.only))
            and not any(_fits(pattern, reference) for pattern in self.except_)
        )
        if not left and known:
            raise Misuse(
                "the selection has no image", subject=" ".join(f"--except {pattern}" for pattern in self.except_)[:200]
            )
        return left

    def idle(self, references: Iterable[Reference]) -> tuple[str, ...]:
        """The patterns of ``except`` that match nothing, which may be typing errors."""
        known = tuple(references)
        return tuple(pattern for pattern in self.except_ if not any(_fits(pattern, reference) for reference in known))


EVERYTHING = Selection()


def _fits(pattern: str, reference: Reference) -> bool:
    return any(form == pattern or fits_image(form, pattern) for form in _forms(reference))


def _forms(reference: Reference) -> Iterable[str]:
    names = [reference.name]
    if reference.registry == "docker.io":
        names.append(reference.repository)
        names.append(reference.repository.removeprefix("library/"))
    for name in names:
        yield name
        if reference.tag:
            yield f"{name}:{reference.tag}"
        if reference.digest:
            yield f"{name}@{reference.digest}"
    yield str(reference)
