"""The checks of one registry that images come from: all that can be asked without a pull.

Docker Hub counts a GET of a manifest as a pull, and a HEAD as none. So images are asked for by HEAD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bundler.commands.checks import Check, State, ok, skipped, warned
from bundler.commands.registry_checks import Known, RegistryVisit, alone, checks_of, connection_steps
from bundler.core.reference import Reference
from bundler.errors import Absent, Refused, Unavailable
from bundler.stores.addresses import shown
from bundler.stores.hosts import NetworkOptions
from bundler.stores.pull_limit import PullLimit
from bundler.stores.repository import Repository
from bundler.texts import Text, counted, some, text
from bundler.transports.parsing import parse_target

MOST_ASKED = 20
"""The images of a registry that are asked for; one of each repository."""

_ANY_REPOSITORY = "library/busybox"
_HOUR_SECONDS = 3600


def source_checks(
    registry: str, images: Sequence[Reference], network: NetworkOptions, *, now_seconds: float
) -> Iterator[Check]:
    """Makes the checks of a registry that images come from.

    Args:
        registry: Its host.
        images: The images that come from it; none if only the registry knows them.
        network: The options to reach it.
        now_seconds: The time in seconds since 1970.
    """
    visit = SourceVisit(registry, images, network, now_seconds=now_seconds)
    steps = (*connection_steps(visit), ("limit", alone(visit.limit), "pull"))
    return (replace(check, about=registry) for check in checks_of(steps))


class SourceVisit(RegistryVisit):
    """The questions to one registry that images come from."""

    def __init__(
        self, registry: str, images: Sequence[Reference], network: NetworkOptions, *, now_seconds: float
    ) -> None:
        """Prepares the questions. Asks nothing yet. See `source_checks`."""
        repository = images[0].repository if images else _ANY_REPOSITORY
        place = parse_target(registry).pushed_to
        assert place is not None, registry
        super().__init__(place, network, repository=repository, now_seconds=now_seconds)
        self._images = tuple(images)

    def proxy(self) -> Check:
        """Names the proxy of the environment. A builder often has one, so it is no warning."""
        if self._proxy is None:
            return ok("proxy", "none is used")
        return ok("proxy", text("{proxy} is used for {netloc}", proxy=shown(self._proxy), netloc=self._netloc))

    def pull(self, _known: Known, /) -> Check:
        """Checks that images are there and may be read: one of each repository, by HEAD."""
        if not self._images:
            return skipped("pull", "the list has patterns only: bundler export --dry-run asks for their images")
        firsts = {image.repository: image for image in reversed(self._images)}
        asked = list(reversed(firsts.values()))[:MOST_ASKED]
        missing = [str(image) for image in asked if self._repository_of(image).find(image.target) is None]
        if missing:
            hint = "check the names and tags; some registries say this of private images too: log in with docker login"
            raise Absent("not at the source", subject=some(missing, most=4), hint=hint)
        number, total = len(asked), len(self._images)
        return ok("pull", text("{count:,} of {total:,} images were asked for: all there", count=number, total=total))

    def limit(self) -> Check:
        """Checks how many pulls the registry still allows."""
        if not self._images:
            return skipped("limit", "no image is known to ask for")
        image = self._images[0]
        limit = self._repository_of(image).pull_limit(image.target)
        if limit is None:
            return ok("limit", "the registry states none")
        found, needed = _left_pulls(limit), len(self._images)
        who = self._registry.login.find(image.repository)
        hint = (
            "wait; the same export goes on where it stopped"
            if who
            else text("log in, the limit is higher then: docker login {registry}", registry=self._registry.name)
        )
        if not limit.left:
            error = Unavailable("no pull is left", subject=self._registry.name, hint=hint)
            return Check("limit", State.FAIL, found, error)
        if limit.left < needed:
            few = text("fewer pulls are left than the {needed:,} images need", needed=needed)
            return warned("limit", found, Refused(few, subject=self._registry.name, hint=hint))
        return ok("limit", found)

    def _repository_of(self, image: Reference) -> Repository:
        return Repository(self._registry, image.repository, is_reading=True)


def _left_pulls(limit: PullLimit) -> Text:
    """The pulls that are left, in words."""
    hours = round((limit.window_seconds or 0) / _HOUR_SECONDS)
    if not hours:
        return text("{left:,} of {most:,} pulls are left", left=limit.left, most=limit.most)
    return counted(
        hours,
        "{left:,} of {most:,} pulls in {count} hour are left",
        "{left:,} of {most:,} pulls in {count} hours are left",
        left=limit.left,
        most=limit.most,
    )
