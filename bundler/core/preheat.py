"""Services that distribute images from peer to peer, and the results of asking them. For receipts and reports.

A preheat brings images near the nodes before these pull them. It follows the import, and never decides its result.
"""

from __future__ import annotations

from typing import Any

from bundler.core import json_fields
from bundler.core.frozen import frozen
from bundler.core.limits import PREHEAT_FAILURES
from bundler.errors import Misuse
from bundler.secrecy import masked
from bundler.texts import text

PREHEAT_KINDS = ("harbor", "dragonfly")


@frozen
class PreheatService:
    """A service that is asked for a preheat: its kind, and the URL of its API without a path of ours."""

    kind: str
    url: str

    @classmethod
    def parse(cls, given: str) -> PreheatService:
        """Reads ``KIND=URL``.

        Raises:
            Misuse: The text is not of this form, or the kind is unknown.
        """
        kind, equals, url = given.partition("=")
        if not equals or kind not in PREHEAT_KINDS or not url.startswith(("https://", "http://")):
            forms = " or ".join(f"{known}=https://HOST[:PORT]" for known in PREHEAT_KINDS)
            raise Misuse(
                "not a service for a preheat",
                subject=repr(masked(given[:200])),
                expected=forms,
            )
        return cls(kind, url.rstrip("/"))

    def __str__(self) -> str:
        return f"{self.kind}={self.url}"


@frozen
class FailedPreheat:
    """A preheat that failed: the image or policy, and the reason in words."""

    subject: str
    reason: str


@frozen
class Preheated:
    """The result of asking one service.

    Attributes:
        service: The service, as the command line spells it.
        done: The number of jobs that it has finished.
        running: The number of jobs that it had not finished when the import stopped to ask.
        failed: The first failures.
        failures: The number of all failures.
    """

    service: str
    done: int = 0
    running: int = 0
    failed: tuple[FailedPreheat, ...] = ()
    failures: int = 0


def preheated_document(preheated: Preheated) -> dict[str, Any]:
    """One entry of ``preheats`` in a receipt."""
    return {
        "service": preheated.service,
        "done": preheated.done,
        "running": preheated.running,
        "failures": preheated.failures,
        "failed": [{"subject": each.subject, "reason": str(each.reason)} for each in preheated.failed],
    }


def read_preheated(document: dict[str, Any]) -> Preheated:
    """Reads such an entry.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    failed = json_fields.list_of(document["failed"])
    if len(failed) > PREHEAT_FAILURES:
        raise ValueError(text("more than {most} failures", most=PREHEAT_FAILURES))
    return Preheated(
        service=json_fields.text(document["service"]),
        done=json_fields.size(document["done"]),
        running=json_fields.size(document["running"]),
        failed=tuple(
            FailedPreheat(json_fields.text(each["subject"]), json_fields.text(each["reason"])) for each in failed
        ),
        failures=json_fields.size(document["failures"]),
    )
