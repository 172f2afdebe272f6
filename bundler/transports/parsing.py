"""Reads locations as people write them: finds the transport in the table, and lets it read the rest. Pure.

``docker://…``, ``docker-daemon:NAME:TAG``, ``docker-archive:FILE[:REF]``, ``oci:DIR[:REF]`` and
``oci-archive:FILE[:REF]``. A bare text means ``docker://``, and so does ``oci://``, as Helm spells it.
"""

from __future__ import annotations

from typing import cast

from bundler import texts
from bundler.core.characters import named
from bundler.core.location import Target
from bundler.core.reference import without_password
from bundler.errors import Misuse
from bundler.system.request_fields import wrong_type
from bundler.transport_table import prefix_of, prefixes
from bundler.transports.transport import SourceLocation, TargetLocation, transport_of

_OTHERS = ("dir", "containers-storage", "oci-layout", "ocidir")
"""Transports of skopeo and regctl that we do not have."""


def parse_image(text: str) -> SourceLocation:
    """Reads the location of one image.

    Raises:
        Misuse: The transport is unknown, or the rest does not have its form.
    """
    _refuse_control_characters(text)
    prefix = prefix_of(text)
    if not prefix:
        refuse_unknown_transport(text)
    return transport_of(prefix).parse_image(prefix, text.removeprefix(prefix))


def names_transport(text: str) -> bool:
    """True if a text begins with a transport, as the location of an image does and a path does not."""
    return bool(prefix_of(text))


def parse_target(text: str) -> TargetLocation:
    """Reads a destination.

    Args:
        text: ``[docker://]HOST[/PREFIX]``, ``docker-daemon:[HOST[/PREFIX]]``, ``oci:DIR`` or ``oci-archive:FILE``.

    Raises:
        Misuse: It is none of these.
    """
    _refuse_control_characters(text)
    prefix = prefix_of(text)
    if not prefix:
        refuse_unknown_transport(text)
    return transport_of(prefix).parse_target(prefix, text.removeprefix(prefix))


def target_of(given: object, field: str) -> Target:
    """The destination that a caller gave for a field of a request: a target, or a text that `parse_target` reads.

    Raises:
        Misuse: It is none.
    """
    if isinstance(given, str):
        return parse_target(given)
    if not hasattr(given, "pushed_to"):
        raise wrong_type(field, "Target", given)
    return cast("Target", given)


def _refuse_control_characters(text: str) -> None:
    strange = next((character for character in text if not character.isprintable()), None)
    if strange is None:
        return
    character, subject = named(strange), repr(without_password(text))
    hint = "delete it, or type the name again"
    if strange < " " or "\x7f" <= strange <= "\x9f":
        raise Misuse(
            texts.text("a control character in a name: {character}", character=character), subject=subject, hint=hint
        )
    raise Misuse(
        texts.text("an invisible character in a name: {character}", character=character), subject=subject, hint=hint
    )


def refuse_unknown_transport(text: str) -> None:
    """Checks that a text does not begin with a transport of other tools.

    Raises:
        Misuse: It begins with one.
    """
    transport, colon, rest = text.partition(":")
    if transport.lower() in ("http", "https"):
        return  # the registry's parsers refuse it, and name the right form
    known = ", ".join(prefixes())
    if colon and transport in _OTHERS:
        raise Misuse(
            texts.text("the transport {transport}: is not supported", transport=transport),
            subject=repr(without_password(text)),
            expected=known,
            actual=transport,
        )
    if rest.startswith("//") and transport not in ("docker", "oci"):
        raise Misuse(
            "not an image location",
            subject=repr(without_password(text)),
            hint=texts.text("known transports: {known}", known=known),
        )
