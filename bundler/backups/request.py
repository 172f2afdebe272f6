"""The requests of backup and restore, and their results."""

from __future__ import annotations

from pathlib import Path

from bundler.backups.differences import Difference
from bundler.core.frozen import frozen
from bundler.core.inventory import NotListed
from bundler.core.registry_kind import RegistryKind
from bundler.core.registry_record import RegistryRecord
from bundler.errors import EXIT_PARTIAL
from bundler.exporting.attached import GONE
from bundler.exporting.request import ExportRequest
from bundler.exporting.result import ExportResult
from bundler.importing.request import ImportRequest
from bundler.importing.results import ImportResult
from bundler.stores.credentials import Credentials
from bundler.system.request_fields import Request


@frozen
class BackupRequest(Request):
    """The request of ``bundler backup``.

    Attributes:
        place: The registry as users write it: ``HOST[/PREFIX]``.
        export: The options of the bundle: its place, key and form, and what it leaves out. Its lists and images must be
            empty. Without a name the bundle is called after the registry and the day.
        repositories: The repositories of a registry that does not list them: paths, without the host.
        receipts: Files of receipts: the digests that they name are looked for too, because no tag need lead to them.
        admin: Credentials of a user who may read the settings of Harbor; None for those of the registry.
    """

    place: str
    export: ExportRequest
    repositories: tuple[str, ...] = ()
    receipts: tuple[Path, ...] = ()
    admin: Credentials | None = None


@frozen
class BackupResult:
    """The result of a backup, or of its dry run.

    Attributes:
        export: The bundle.
        registry: The registry, with the prefix of the repositories.
        kind: Its kind.
        record: The record of the registry, with the number of repositories and tags, and Harbor's settings.
        not_listed: The names in the registry that the bundle lacks, each with the reason. Missing images are in the
            bundle manifest.
    """

    export: ExportResult
    registry: str
    kind: RegistryKind
    record: RegistryRecord
    not_listed: tuple[NotListed, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 if the bundle lacks anything that the registry names."""
        has_gone = any(each.reason == GONE for each in self.export.not_carried)
        return EXIT_PARTIAL if self.not_listed or has_gone else self.export.exit_code


@frozen
class RestoreRequest(Request):
    """The request of ``bundler restore``.

    Attributes:
        options: The bundles, the keys, and the rules of the import. Its only target is a registry. Images without a tag
            get none, and the registry is asked for the parts of images that it has.
    """

    options: ImportRequest


@frozen
class RestoreComparison:
    """A bundle compared with a registry, for a dry run.

    Attributes:
        names: The names of the bundle, in its order.
        extra: Tags of the same repositories that the bundle does not have, as ``repository:tag``.
        other_repositories: The other repositories of the registry; None if it does not list them.
        not_listed: The repositories whose tags the registry does not list.
    """

    names: tuple[Difference, ...]
    extra: tuple[str, ...] = ()
    other_repositories: tuple[str, ...] | None = None
    not_listed: tuple[str, ...] = ()


@frozen
class RestoreResult:
    """The result of a restore, or of its dry run.

    Attributes:
        imported: The result of the import.
        comparison: The differences that a dry run found; None after a restore.
        record: The record of the registry that the bundle came from; None if it has none.
    """

    imported: ImportResult
    comparison: RestoreComparison | None = None
    record: RegistryRecord | None = None

    @property
    def exit_code(self) -> int:
        """That of the import."""
        return self.imported.exit_code
