"""The names that images get at the target. They are computed and checked before any byte is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.location import RegistryPlace, Target
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.policies import FLATTEN, KEEP, SCOPED
from bundler.core.reference import NAME_CHARACTERS, Reference, is_repository, is_tag
from bundler.core.registry_kind import DISTRIBUTION, RegistryKind
from bundler.core.several import together
from bundler.core.tag_template import digest_tag
from bundler.errors import BundlerError, Misuse
from bundler.texts import text

_COLLISION_HINTS = {
    KEEP: "keep the registry in the path with --map scoped, or rename one of them with --rules",
    SCOPED: "rename one of them with --rules",
    FLATTEN: "rename one of them with --rules",
}


@frozen
class Naming:
    """Makes the names of images at a target.

    Attributes:
        mapping: The names of images that no rule is for. `KEEP` drops the registry that an image came from, so that
            ``docker.io/library/nginx`` is ``HOST/PREFIX/library/nginx``; `SCOPED` keeps it as the first part of the
            path; `FLATTEN` joins all parts to one, ``HOST/PREFIX/library-nginx``.
        rules: The rules for images that get other names.
        bundle: The bundle's name, for tag templates.
        date: The day when the bundle was made, ``YYYYMMDD``, for tag templates. It is not the current day, so that
            an import on another day gives the same names.
        has_digest_tags: True if an image without a tag gets one that is made of its digest. Registries remove images
            without a tag when they collect garbage, and daemons when they prune; layouts and archives do not.
    """

    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    bundle: str = ""
    date: str = ""
    has_digest_tags: bool = True

    def name(self, reference: Reference, digest: Digest, target: RegistryPlace) -> Reference:
        """The name of one image. It may be invalid; `target_names` checks it."""
        path = self.rules.repository(reference) or self._mapped(reference)
        template = self.rules.tag(reference)
        tag = reference.tag
        if template is not None:
            tag = template.expand(tag=tag, digest=digest, bundle=self.bundle, date=self.date)
        return self.tagged(
            Reference(
                target.registry,
                f"{target.prefix}/{path}" if target.prefix else path,
                tag,
                reference.digest,
            ),
            digest,
        )

    def tagged(self, name: Reference, digest: Digest) -> Reference:
        """The same name. It gets a tag made of the digest if it has no tag and ``has_digest_tags`` is true."""
        return replace(name, tag=digest_tag(digest)) if name.tag is None and self.has_digest_tags else name

    def _mapped(self, reference: Reference) -> str:
        if self.mapping == FLATTEN:
            return reference.repository.replace("/", "-")
        if self.mapping == SCOPED:
            return scoped_path(reference)
        return reference.repository


def scoped_path(reference: Reference) -> str:
    """The path of an image with the registry that it came from as its first part, in characters that a path has."""
    origin = reference.registry.replace(":", "-").replace("[", "").replace("]", "").lower()
    return f"{origin}/{reference.repository}"


def target_names(
    images: Mapping[Reference, Digest], target: Target, naming: Naming, kind: RegistryKind = DISTRIBUTION
) -> dict[Reference, Reference]:
    """The name of each image at the target. Layouts and archives keep full names.

    Args:
        images: The images with their digests.
        target: The target of the images.
        naming: Makes their names.
        kind: The kind of the registry, which has rules for names.

    Raises:
        Misuse: Two images would get the same name, or a name is not valid. `Several` if there is more than one fault.
    """
    errors: list[BundlerError] = []
    names: dict[Reference, Reference] = {}
    destinations: dict[str, Reference] = {}
    for reference, digest in images.items():
        if target.named_as_in is not None:
            name = naming.name(reference, digest, target.named_as_in)
            fault = _fault(name, reference, target.named_as_in, kind)
            if fault is not None:
                errors.append(fault)
        else:
            name = naming.tagged(reference, digest) if target.removes_untagged else reference
        key = str(name) if name.tag is None else f"{name.name}:{name.tag}"
        other = destinations.setdefault(key, reference)
        if other != reference:
            hint = _COLLISION_HINTS[naming.mapping]
            errors.append(
                Misuse(
                    text("{other} gets the same name, {key}", other=other, key=key),
                    subject=str(reference),
                    hint=hint,
                )
            )
        names[reference] = name
    if errors:
        raise together(
            text("{count} names at the target are not possible; nothing was sent", count=len(errors)), errors
        )
    return names


def _fault(name: Reference, reference: Reference, target: RegistryPlace, kind: RegistryKind) -> Misuse | None:
    what = "its name at the target is not valid"
    if not is_repository(name.repository) or len(name.name) > NAME_CHARACTERS:
        expected = text("lower case, at most {name_characters} characters", name_characters=NAME_CHARACTERS)
        return Misuse(what, subject=str(reference), expected=expected, actual=name.name, hint=_length_hint(name))
    if name.tag is not None and not is_tag(name.tag):
        return Misuse(
            what, subject=str(reference), expected=text("a tag of 1 to 128 of A-Z a-z 0-9 . _ -"), actual=name.tag[:200]
        )
    if Reference.parse(f"{name.name}:{name.tag or 'x'}").name != name.name:
        what = "its name has another meaning at the target"  # docker.io/name is docker.io/library/name
        return Misuse(what, subject=str(reference), actual=name.name, hint="give a prefix: --to HOST/PREFIX")
    fault = kind.fault(name.repository, target.prefix)
    if fault is None:
        return None
    hint = (
        text(
            "give one with --to {registry}/{replace}",
            registry=name.registry,
            replace=kind.first_part.upper().replace(" ", "-"),
        )
        if len(name.repository.split("/")) < kind.least_parts
        else "join the parts with --map flatten, or rename them with --rules"
    )
    return Misuse(fault, subject=str(reference), actual=name.name, hint=hint)


def _length_hint(name: Reference) -> str | None:
    return "shorten it with --rules" if len(name.name) > NAME_CHARACTERS else None
