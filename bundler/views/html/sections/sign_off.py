"""Boxes that people fill in with a pen: what each of them did, and who they are."""

from __future__ import annotations

from collections.abc import Sequence

from bundler.texts import text
from bundler.views.html.elements import element
from bundler.views.html.parts import Section, section

BUILDER = text("builder: made and signed it")
OFFICER = text("security officer: examined it")
COURIER = text("courier: carried it")
IMPORTER = text("importer: verified and imported it")
REQUESTER = text("requester: asked for it")
OPERATOR = text("operator: accepts it")


def sign_off_section(roles: Sequence[str]) -> Section:
    """A row for each role."""
    head = (text("role"), text("result"), text("name"), text("date and time"), text("signature"))
    boxes = [element("div", "☐ ", words) for words in (text("released"), text("refused"))]
    rows = (
        element("tr", element("td", role), element("td", boxes, class_="boxes"), *[element("td")] * 3) for role in roles
    )
    return section(
        text("Sign-off"),
        "sign-off",
        element(
            "table",
            element("thead", element("tr", (element("th", title, scope="col") for title in head))),
            element("tbody", rows),
            class_="sign",
        ),
    )
