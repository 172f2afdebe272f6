"""Each kind of target has its class, which is loaded when a target of the kind is opened."""

from __future__ import annotations

from importlib import import_module

from bundler.core import location
from bundler.importing import targets
from bundler.importing.targets.streamed import StreamedTarget
from bundler.importing.targets.target import Target
from bundler.importing.targets.whole_images import WholeImageTarget
from bundler.views.receipt_report import KINDS


def kind(place: tuple[str, str]) -> type[Target]:
    module, name = place
    found: type[Target] = getattr(import_module(f"bundler.importing.targets.{module}"), name)
    return found


def test_every_kind_has_a_target_and_a_name_in_receipts() -> None:
    kinds = {location.REGISTRY, location.DAEMON, location.LAYOUT, location.AGENT_IMAGES}
    assert targets._KINDS.keys() == kinds == KINDS.keys()


def test_every_target_takes_blobs_in_any_order_or_whole_images() -> None:
    for place in (*targets._KINDS.values(), targets._VIA_DAEMON):
        found = kind(place)
        assert issubclass(found, StreamedTarget) != issubclass(found, WholeImageTarget)
        assert found.takes_whole_images is issubclass(found, WholeImageTarget)
        assert not getattr(found, "__abstractmethods__", None), f"{found} has no answer for some questions"
