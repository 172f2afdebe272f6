"""The names that images get at the target."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.core.location import RegistryTarget, Target
from bundler.core.reference import NAME_CHARACTERS, Reference, is_repository
from bundler.errors import BundlerError, Misuse, Several

KEEP, SCOPED = "keep", "scoped"
MAPPINGS = (KEEP, SCOPED)


def target_names(references: Iterable[Reference], target: Target, mapping: str) -> dict[Reference, Reference]:
    """The name of each image at the target.

    ``keep`` drops the registry that an image came from: ``docker.io/library/nginx`` is ``HOST/PREFIX/library/nginx``.
    ``scoped`` keeps it as the first part of the path. Layouts and archives keep full names.

    Raises:
        Misuse: Two images would get one name, or a name would not be valid; with more than one fault, `Several`.
    """
    errors: list[BundlerError] = []
    names: dict[Reference, Reference] = {}
    takers: dict[str, Reference] = {}
    for reference in references:
        name = _mapped(reference, target, mapping) if isinstance(target, RegistryTarget) else reference
        key = str(name) if name.tag is None else f"{name.name}:{name.tag}"
        other = takers.setdefault(key, reference)
        if other != reference:
            hint = "keep their origin in the path with --map scoped" if mapping == KEEP else None
            errors.append(Misuse(f"{other} would get the same name, {key}", subject=str(reference), hint=hint))
        elif not is_repository(name.repository) or len(name.name) > NAME_CHARACTERS:
            errors.append(
                Misuse(
                    "its name at the target would not be valid",
                    subject=str(reference),
                    expected=f"lower case, at most {NAME_CHARACTERS} characters",
                    actual=name.name,
                )
            )
        names[reference] = name
    if errors:
        raise errors[0] if len(errors) == 1 else Several("names at the target that cannot be", errors)
    return names


def _mapped(reference: Reference, target: RegistryTarget, mapping: str) -> Reference:
    origin = (
        [reference.registry.replace(":", "-").replace("[", "").replace("]", "").lower()] if mapping == SCOPED else []
    )
    path = "/".join([*([target.prefix] if target.prefix else []), *origin, reference.repository])
    return Reference(target.registry, path, reference.tag, reference.digest)
