"""The check of a bundle without bundler: commands of stock tools, and the answers that they must give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.texts import text
from bundler.views.html.elements import Node, element
from bundler.views.html.parts import Section, code, section

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle


def checking_section(bundle: Bundle | LockedBundle, signers: tuple[str, ...]) -> Section:
    """The commands for a bundle.

    Args:
        bundle: The bundle.
        signers: The ids of the keys that have signed it, by the names of the files.
    """
    steps: list[Node] = [
        (text("This prints the id of the bundle:"), element("pre", "sha256sum SHA256SUMS"), code(bundle.id)),
    ]
    steps += [_signature(key) for key in signers]
    steps.append(
        (
            text("This prints OK for each file. With one of several media, add --ignore-missing:"),
            element("pre", "sha256sum --strict -c SHA256SUMS"),
        )
    )
    return section(
        text("Check it yourself"),
        "check",
        element("p", text("In the folder of the bundle, with OpenSSL 3 and sha256sum alone; README.txt has more:")),
        element("ol", (element("li", step) for step in steps)),
    )


def _signature(key: str) -> Node:
    command = f"openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub -in SHA256SUMS -sigfile SHA256SUMS.{key}.sig"
    words = text(
        "With the public key {key} as KEY.pub, which did not come with the bundle, this says that the signature is "
        "right:",
        key=key,
    )
    return words, element("pre", command)
