"""Where images are imported into: what registries and layouts have in common, and what only a registry has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bundler.core.advice import problem
from bundler.core.events import Noticed
from bundler.core.location import RegistryPlace, Target
from bundler.core.protocols import ImageSink, ImageSource
from bundler.core.reference import Reference
from bundler.core.registry_kind import HARBOR, RegistryKind
from bundler.errors import BundlerError
from bundler.importing.earlier import NO_EARLIER_IMPORTS, EarlierImports
from bundler.importing.results import Quota, RegistryPlan
from bundler.run import Run, retrying
from bundler.stores.credentials import Credentials
from bundler.stores.harbor import Projects
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_all
from bundler.transports.transport import LayoutSink, target_of


class ImportTarget(Protocol):
    """A place that images are imported into."""

    @property
    def is_overwriting(self) -> bool:
        """Whether a blob that is sent again takes the place of a damaged one."""

    def check(self, names: Iterable[Reference]) -> None:
        """Makes sure, without changing anything, that it can take images of these names."""

    def fault(self, name: Reference) -> BundlerError | None:
        """Why it cannot take an image of this name, if that was found out."""

    def is_empty(self, name: Reference) -> bool:
        """Whether nothing can be there under this name, so that nobody needs to ask."""

    def expect_nothing(self, name: Reference) -> None:
        """Takes note that nothing was found that is there, under this name or beside it."""

    def prepare(self, names: Iterable[Reference]) -> None:
        """Makes it ready to take images; called before the first."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that takes an image of this name."""

    def places(self) -> Mapping[str, Reference]:
        """For the digest of a blob, the name of an image that was brought here before and likely has it."""

    def source_for(self, name: Reference) -> ImageSource:
        """What reads back what the sink of this name holds."""

    def tag_of(self, name: Reference) -> str | None:
        """What the sink calls an image of this name; None if it is found by its digest only."""

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Completes it after the last image, or leaves nothing behind if no image arrived."""


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """What is known of a registry beforehand: its kind, who may make projects there, and what was brought there."""

    kind: RegistryKind
    admin: Credentials | None = None
    earlier: EarlierImports = NO_EARLIER_IMPORTS


class RegistryImportTarget:
    """A registry."""

    is_overwriting = False

    def __init__(self, target: RegistryPlace, stores: Stores, rules: RegistryRules, run: Run) -> None:
        self._target = target
        self._stores = stores
        self._kind = rules.kind
        self._earlier = rules.earlier
        self._run = run
        self._projects = Projects(stores.registry(target.registry), rules.admin) if rules.kind is HARBOR else None
        self._missing: set[str] = set()
        """Projects that do not exist yet."""
        self._new: set[str] = set()
        """Repositories that do not exist yet."""

    def check(self, names: Iterable[Reference]) -> None:
        """Asks which projects exist, where there are such; for the rest the first question will tell."""
        if self._projects is None:
            return
        exists = self._projects.exists
        for project in sorted({_project(name) for name in names}):
            if retrying(partial(exists, project), self._run, subject=str(self._target), peer=self._peer) is False:
                self._missing.add(project)

    def fault(self, name: Reference) -> BundlerError | None:
        """A project that is missing, and nobody is there to make it."""
        if self._projects is None or _project(name) not in self._missing or self._projects.may_create:
            return None
        return problem(
            "project-missing",
            subject=text("project {project} at {registry}", project=_project(name), registry=self._target.registry),
        )

    def is_empty(self, name: Reference) -> bool:
        """Whether project or repository are known not to exist."""
        return name.repository in self._new or (bool(self._missing) and _project(name) in self._missing)

    def expect_nothing(self, name: Reference) -> None:
        """Its repository is likely new."""
        self._stores.repository(name.registry, name.repository).expect_nothing()

    def prepare(self, names: Iterable[Reference]) -> None:
        """Makes the projects that are missing; repositories appear with the first push."""
        for project in sorted(self._missing & {_project(name) for name in names}):
            assert self._projects is not None
            create = partial(self._projects.create, project)
            retrying(create, self._run, subject=str(self._target), peer=self._peer)

    def sink_for(self, name: Reference) -> ImageSink:
        """The repository."""
        return self._stores.repository(name.registry, name.repository)

    def places(self) -> Mapping[str, Reference]:
        """What the receipts of earlier imports say."""
        return self._earlier.places(self._target.registry)

    def source_for(self, name: Reference) -> ImageSource:
        """The repository."""
        return self._stores.repository(name.registry, name.repository)

    def tag_of(self, name: Reference) -> str | None:
        """The tag."""
        return name.tag

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Nothing: each image is complete by itself."""

    def look_ahead(self, names: Sequence[Reference]) -> tuple[RegistryPlan, Mapping[str, BundlerError]]:
        """What there is to know before a push, by questions alone: what is new, and whether we may push.

        Args:
            names: Of the images that are still to be pushed.

        Returns:
            The plan, and the repositories that nothing can be pushed to with the reasons.
        """
        plan = RegistryPlan(self._kind, missing_projects=sorted(self._missing))
        if self._projects is not None:
            plan.will_create_projects = self._projects.may_create
            plan.admin_commands = [self._projects.command(project) for project in plan.missing_projects]
        by_path = {name.repository: name for name in names if not self.is_empty(name)}
        plan.new_repositories = [name.repository for name in names if self.is_empty(name)]

        def ask(path: str) -> None:
            repository = self._stores.repository(self._target.registry, path)
            if not retrying(repository.exists, self._run, subject=repository.name, peer=self._peer):
                self._new.add(path)
            retrying(repository.check_push, self._run, subject=repository.name, peer=self._peer)

        errors = dict(ask_all(sorted(by_path), ask, self._run))
        plan.new_repositories = sorted({*plan.new_repositories, *self._new})
        plan.asked, plan.refused = len(by_path), sorted(errors)
        return plan, errors

    def quotas(self, wanted_bytes: Counter[str]) -> list[Quota]:
        """What the projects may still take.

        Args:
            wanted_bytes: What is to be sent to each repository.
        """
        if self._projects is None:
            return []
        by_project: Counter[str] = Counter()
        for path, amount in wanted_bytes.items():
            by_project[path.partition("/")[0]] += amount
        found = []
        for project in sorted(by_project.keys() - self._missing):
            free = self._projects.free_bytes(project)
            if free is not None:
                found.append(Quota(project, free, by_project[project]))
        return found

    @property
    def _peer(self) -> str:
        return str(self._target)


class LayoutImportTarget:
    """An OCI image layout, in a folder or in a tar: one sink for all images, which go by their full names."""

    is_overwriting = True

    def __init__(self, sink: LayoutSink, run: Run) -> None:
        self._sink = sink
        self._run = run

    def check(self, names: Iterable[Reference]) -> None:
        """Looks at the folder or file."""
        self._sink.check(map(str, names))

    def fault(self, name: Reference) -> BundlerError | None:
        """None: a layout takes all names."""
        del name
        return None

    def is_empty(self, name: Reference) -> bool:
        """False: asking costs nothing."""
        del name
        return False

    def expect_nothing(self, name: Reference) -> None:
        """Nothing: asking costs nothing."""
        del name

    def prepare(self, names: Iterable[Reference]) -> None:
        """Makes the folder or file, and keeps others from writing there until `finish`."""
        del names
        left = self._sink.prepare()
        if left is not None:
            self._run.listener(
                Noticed(text("{left} began to write here and never ended; what it left is used", left=left.description))
            )

    def sink_for(self, name: Reference) -> ImageSink:
        """The layout."""
        del name
        return self._sink

    def places(self) -> Mapping[str, Reference]:
        """None: a layout holds each blob once."""
        return {}

    def source_for(self, name: Reference) -> ImageSource:
        """The layout, as it is read from the device."""
        del name
        return self._sink.source()

    def tag_of(self, name: Reference) -> str | None:
        """The full name."""
        return str(name)

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Completes it; a file without any image is removed. Others may write there again."""
        try:
            if is_worth_keeping:
                self._sink.finish()
            else:
                self._sink.discard()
        finally:
            self._sink.release()


def open_layout(target: Target, run: Run) -> LayoutImportTarget:
    """The destination for a layout. Nothing is written yet."""
    return LayoutImportTarget(target_of(target).layout_sink(), run)


def _project(name: Reference) -> str:
    return name.repository.partition("/")[0]
