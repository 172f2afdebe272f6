"""A registry as a target: its projects, its repositories, and their quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

from bundler.core.advice import problem
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference
from bundler.core.registry_kind import DISTRIBUTION, HARBOR, RegistryKind
from bundler.errors import BundlerError, Interrupted
from bundler.importing.leg import Ground
from bundler.importing.links import RegistryLinks
from bundler.importing.results import Quota, RegistryPlan
from bundler.importing.targets.streamed import Prospect, StreamedTarget
from bundler.run import retrying
from bundler.stores.harbor import Projects
from bundler.stores.repository import Repository
from bundler.texts import text
from bundler.transfer import ask_all


class IntoRegistry(StreamedTarget):
    """A registry."""

    tags_take_manifests = True

    @property
    def _host(self) -> str:
        place = self.location.pushed_to
        assert place is not None
        return place.registry

    @cached_property
    def _reported(self) -> tuple[RegistryKind, BundlerError | None]:
        """The kind that the request names or the registry reports; the error if it reports none. Asked once."""
        if self._request.kind is not None:
            return self._request.kind, None
        try:
            registry = self._stores.registry(self._host)
            return retrying(registry.kind, self._run, subject=self.name, peer=self.name), None
        except Interrupted:
            raise
        except BundlerError as error:
            # Its images fail by `registry_kind`. Its error must not end the other targets.
            return DISTRIBUTION, error

    @property
    def _kind(self) -> RegistryKind:
        return self._reported[0]

    @cached_property
    def _projects(self) -> Projects | None:
        if self._kind is not HARBOR:
            return None
        return Projects(self._stores.registry(self._host), self._request.admin)

    def registry_kind(self) -> RegistryKind:
        """The kind that the request names, or the kind that the registry reports."""
        kind, error = self._reported
        if error is not None:
            raise error
        return kind

    def check(self, names: Iterable[Reference]) -> Ground:
        """Asks which projects exist, if the registry has projects; otherwise the first request shows any fault."""
        if self._projects is None:
            return Ground()
        exists = self._projects.exists
        asked = sorted({_project(name) for name in names})
        missing = (
            project
            for project in asked
            if retrying(partial(exists, project), self._run, subject=self.name, peer=self.name) is False
        )
        return Ground(missing_projects=frozenset(missing))

    def fault(self, name: Reference, ground: Ground) -> BundlerError | None:
        """The error if the project is missing and cannot be created."""
        if self._projects is None or _project(name) not in ground.missing_projects or self._projects.may_create:
            return None
        return problem(
            "project-missing",
            subject=text("project {project} at {registry}", project=_project(name), registry=self._host),
        )

    def is_empty(self, name: Reference, ground: Ground) -> bool:
        """True if the project or the repository is known not to exist."""
        return name.repository in ground.new_repositories or _project(name) in ground.missing_projects

    def make_ready(self, ground: Ground, names: Sequence[Reference], known: Iterable[Reference]) -> None:
        """Creates the missing projects; repositories appear with the first push."""
        in_use = {name.repository for name in known}
        for name in names:
            if name.repository not in in_use:
                self.sink_for(name).expect_nothing()
        for project in sorted(ground.missing_projects & {_project(name) for name in names}):
            assert self._projects is not None
            create = partial(self._projects.create, project)
            retrying(create, self._run, subject=self.name, peer=self.name)

    def sink_for(self, name: Reference) -> Repository:
        """The repository."""
        return self._stores.repository(name.registry, name.repository)

    def source_for(self, name: Reference) -> Repository:
        """The repository."""
        return self.sink_for(name)

    def links_for(self, name: Reference) -> RegistryLinks:
        """The referrers API of the repository, and its fallback tags."""
        return RegistryLinks(self.sink_for(name), self._run, self.name)

    def attachment_tag(self, _name: Reference, tag: str, /) -> str:
        """The tag."""
        return tag

    def tag_of(self, name: Reference) -> str | None:
        """The tag."""
        return name.tag

    def places(self) -> Mapping[str, Reference]:
        """The places of blobs in the receipts of earlier imports."""
        return self._earlier.places(self._host)

    def places_by_statement(self, repositories: Iterable[str]) -> Iterable[Reference]:
        """The repositories, at this registry."""
        return (Reference(self._host, repository, None) for repository in repositories)

    def complete_store(self, *, is_worth_keeping: bool) -> None:
        """Does nothing: each image is complete by itself."""

    def expect_pause(self, descriptor: Descriptor) -> None:
        """Sends the blob in pieces, each in a request of its own."""
        self._stores.registry(self._host).body_limit.expect_pause(descriptor.digest)

    def close(self) -> None:
        """Does nothing: a registry has no lock."""

    def look_ahead(self, names: Sequence[Reference], ground: Ground) -> Prospect:
        """Asks which repositories are new, and checks the permission to push."""
        by_path = {name.repository: name for name in names if not self.is_empty(name, ground)}
        unasked = {name.repository for name in names if self.is_empty(name, ground)}
        found: set[str] = set()

        def ask(path: str) -> None:
            repository = self._stores.repository(self._host, path)
            if not retrying(repository.exists, self._run, subject=repository.name, peer=self.name):
                found.add(path)
            retrying(repository.check_push, self._run, subject=repository.name, peer=self.name)

        errors = dict(ask_all(sorted(by_path), ask, self._run))
        missing = tuple(sorted(ground.missing_projects))
        plan = RegistryPlan(
            self._kind,
            new_repositories=tuple(sorted(unasked | found)),
            missing_projects=missing,
            will_create_projects=self._projects is not None and self._projects.may_create,
            admin_commands=tuple(map(self._projects.command, missing)) if self._projects is not None else (),
            asked=len(by_path),
            refused=tuple(sorted(errors)),
        )
        return Prospect(Ground(ground.missing_projects, frozenset(found)), plan, errors)

    def quotas(self, wanted_bytes: Counter[str], ground: Ground) -> tuple[Quota, ...]:
        """Requests the free space of the projects."""
        if self._projects is None:
            return ()
        by_project: Counter[str] = Counter()
        for path, amount in wanted_bytes.items():
            by_project[path.partition("/")[0]] += amount
        asked = sorted(by_project.keys() - ground.missing_projects)
        free = {project: self._projects.free_bytes(project) for project in asked}
        return tuple(Quota(each, amount, by_project[each]) for each, amount in free.items() if amount is not None)


def _project(name: Reference) -> str:
    return name.repository.partition("/")[0]
