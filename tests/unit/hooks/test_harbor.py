"""The projects that a preheat is for are those of the images in this Harbor, however an import spelt its host."""

from __future__ import annotations

from bundler.core.reference import Reference
from bundler.errors import Refused
from bundler.hooks.harbor import HarborPreheat
from bundler.run import Run
from bundler.stores.hosts import DEFAULT_NETWORK
from tests.support.errors import raises


def test_images_are_found_by_every_spelling_of_the_host() -> None:
    harbor = HarborPreheat("https://harbor.internal", DEFAULT_NETWORK, Run())
    names = (
        "Harbor.Internal/team/a:1",
        "harbor.internal:443/other/a:1",
        "harbor.internal:80/third/a:1",
        "x.y/last/a:1",
    )
    orders = harbor.orders([Reference.parse(name) for name in names])
    assert [str(order.subject) for order in orders] == ["project other", "project team"]
    with raises(Refused, subject="harbor.internal"):
        harbor.orders([Reference.parse("x.y/last/a:1")])
