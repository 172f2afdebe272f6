"""The questions of ``init``, and the lines that it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.views.languages import said, translated
from bundler.views.words import count, fact, shell_word

if TYPE_CHECKING:
    from bundler.commands.init import InitResult


def name_question() -> str:
    """The question for the name of the bundles."""
    return said("name of the bundles")


def image_question(number: int) -> str:
    """The question for an image.

    Args:
        number: The images so far.
    """
    return said("next image (Enter: no more)") if number else said("image, for example nginx:1.27 (Enter: an example)")


def key_question() -> str:
    """The question for the key."""
    return said("private key to sign with, for example builder.key (Enter: later)")


def output_question() -> str:
    """The question for the folder of the bundles."""
    return said("folder or medium of the bundles, for example /media/stick (Enter: later)")


def lines(result: InitResult) -> list[str]:
    """The lines about the files, and the next commands."""
    amount = said("an example") if result.is_example else translated(count(result.images, "image"))
    found = [
        fact(said("list"), f"{result.list_path}  ({amount})"),
        fact(said("defaults"), str(result.settings_path)),
        "",
        said("next: {command}", command=f"bundler images {shell_word(result.list_path)}"),
    ]
    if not result.has_key:
        found.append(f"      {'bundler keygen builder'}")
    output = "" if result.has_output else " -o DIR"
    key = "" if result.has_key else " --key builder.key"
    return [*found, f"      bundler export {shell_word(result.list_path)}{output}{key}"]
