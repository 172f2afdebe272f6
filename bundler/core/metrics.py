"""Metrics of the last run of a command, as text for the textfile collector of Prometheus' node_exporter.

https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4, without client timestamps, which the
collector refuses. All metrics are gauges: a counter that begins again with each file would mislead.

Several files lie in one folder, so each name has one constant HELP text, and each sample the label ``task``, the name
of its file: node_exporter drops a name with two texts, and a sample that occurs twice. No label has the name of an
image, because each value of a label costs memory in Prometheus.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from bundler import texts
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern

LABEL_CHARACTERS = 200
"""The longest value of a label. Names of bundles, hosts and folders are shorter in practice."""

_SAMPLE = lazy_pattern(r"(bundler_[a-z_]+)\{(.*)\} ([0-9.e+-]{1,32})")
_LABEL = lazy_pattern(r'([a-z_]+)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)')
_ESCAPED = lazy_pattern(r'\\([\\"n])')


@frozen
class Metric:
    """A name of a metric, and its HELP text, the same in all files."""

    name: str
    meaning: str


@frozen
class Sample:
    """A value of a metric. ``labels`` are in the order in which they are written."""

    metric: Metric
    value: float
    labels: tuple[tuple[str, str], ...] = ()

    def with_labels(self, **labels: str) -> Sample:
        """Returns it with these labels before its own; own labels of the same name are replaced."""
        return Sample(
            self.metric, self.value, (*labels.items(), *(each for each in self.labels if each[0] not in labels))
        )

    def label(self, name: str) -> str:
        """The value of a label; empty if it has none of this name."""
        return dict(self.labels).get(name, "")


def sample(metric: Metric, value: float, **labels: str) -> Sample:
    """A sample with labels. Long values are cut."""
    return Sample(metric, value, tuple((name, text[:LABEL_CHARACTERS]) for name, text in labels.items()))


VERSION = Metric("bundler_build_info", "Version of bundler that wrote this file; the value is 1.")
LAST_RUN = Metric("bundler_last_run_timestamp_seconds", "Unix time at which the last run of the command ended.")
EXIT_CODE = Metric(
    "bundler_last_run_exit_code", "Exit code of the last run; 0 is success, bundler explain CODE says what to do."
)
DURATION = Metric("bundler_last_run_duration_seconds", "Duration of the last run.")
PHASE_DURATION = Metric(
    "bundler_last_run_phase_duration_seconds",
    "Duration of the phases of the last run, by the first word of their titles.",
)
LAST_SUCCESS = Metric(
    "bundler_last_success_timestamp_seconds", "Unix time at which the last successful run of the command ended."
)
LAST_IMPORT = Metric(
    "bundler_import_last_success_timestamp_seconds",
    "Unix time of the last import that put all chosen images of a bundle on the target.",
)
IMAGES = Metric(
    "bundler_last_run_images", "Images of the last run, by state; an import counts an image once for each target."
)
OBJECTS = Metric("bundler_last_run_objects", "Blobs and files of bundles that the last run finished, by outcome.")
BYTES = Metric("bundler_last_run_bytes", "Bytes of the blobs and files that the last run finished, by outcome.")
RETRIES = Metric("bundler_last_run_retries", "Failed attempts that the last run repeated, by the kind of error.")
RESPONSES = Metric(
    "bundler_registry_responses",
    "Answers to requests of the last run, by status of HTTP; redirected requests count twice.",
)
ERRORS = Metric("bundler_last_run_errors", "Errors that the last run ended with, by kind.")
DAMAGED = Metric("bundler_verify_damaged_files", "Files of the bundle that the last run found damaged.")
MISSING = Metric("bundler_verify_missing_files", "Files of the bundle that the last run did not find.")
UNREADABLE = Metric("bundler_medium_read_errors", "Files of which the medium gave the last run a read error.")
SCANNED = Metric(
    "bundler_scan_objects", "Objects of the bundle that the last scan has a verdict on, by scanner and verdict."
)
NOT_PASSED = Metric(
    "bundler_scan_refused_objects", "Objects that did not pass the last scan, by scanner; waivers count."
)
SCAN_DATABASE = Metric(
    "bundler_scan_database_timestamp_seconds", "Unix time of the database that the last scan used, by scanner."
)
BUNDLE_SIZE = Metric("bundler_bundle_size_bytes", "Size of all chunks of the bundle that the last run read or made.")
BUNDLE_CREATED = Metric(
    "bundler_bundle_created_timestamp_seconds",
    "Unix time at which the bundle that the last run read or made was created.",
)
REGISTRY_REPOSITORIES = Metric("bundler_registry_repositories", "Repositories of the registry, by the last status.")
REGISTRY_TAGS = Metric("bundler_registry_tags", "Tags of images at the registry, by the last status.")
REGISTRY_BYTES = Metric("bundler_registry_bytes", "Bytes that the tags of the registry need, by the last status.")
UNKNOWN_TAGS = Metric("bundler_registry_unknown_tags", "Tags of the registry that no receipt names.")
MOVED_TAGS = Metric("bundler_registry_moved_tags", "Tags of the registry with another digest than their receipt says.")
GONE_TAGS = Metric("bundler_registry_gone_tags", "Tags of receipts that the registry does not have.")
UNNEEDED_BYTES = Metric(
    "bundler_registry_unneeded_bytes",
    "Bytes of blobs that receipts list, that no tag needs, and that the registry still has: an estimate.",
)
NEWEST_BUNDLE = Metric(
    "bundler_channel_newest_import_timestamp_seconds",
    "Unix time of the first import of the newest bundle of the channel, by receipts; the channel is empty for "
    "bundles without one.",
)

METRICS: Mapping[str, Metric] = MappingProxyType(
    {each.name: each for each in list(globals().values()) if isinstance(each, Metric)}
)
"""All metrics, by their names."""


def exposition(samples: Iterable[Sample]) -> bytes:
    """The text of samples. The samples of a metric are together, in the order of `METRICS`."""
    by_name: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for each in samples:
        by_name[each.metric.name].append(each)
    lines = [line for name, found in by_name.items() if found for line in _lines(METRICS[name], found)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")


def _lines(metric: Metric, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.meaning}"
    yield f"# TYPE {metric.name} gauge"
    for each in samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in each.labels)
        yield f"{metric.name}{{{labels}}} {_number(each.value)}"


def _escaped(value: str) -> str:
    r"""A value of a label: ``\``, ``"`` and the end of a line are escaped.

    >>> _escaped('a"b')
    'a\\"b'
    """
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def read_exposition(content: bytes) -> tuple[Sample, ...]:
    """The samples of a file that `exposition` has written. The caller bounds its length.

    Metrics of other versions are left out.

    Raises:
        ValueError: It is another file: a line has another form, or the metric of another program.
    """
    lines = content.decode("utf-8").split("\n")
    if lines.pop():
        raise ValueError(texts.text("the last line has no end"))
    values = [line for line in lines if not line.startswith(("# HELP bundler_", "# TYPE bundler_"))]
    return tuple(each for each in map(_read_sample, values) if each.metric.name in METRICS)


def _read_sample(line: str) -> Sample:
    found = _SAMPLE.fullmatch(line)
    if found is None or not math.isfinite(value := float(found[3])):
        raise ValueError(texts.text("unknown line {line}", line=repr(line[:60])))
    return Sample(METRICS.get(found[1], Metric(found[1], "")), value, tuple(_read_labels(found[2])))


def _read_labels(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        found = _LABEL.match(text, position)
        if found is None:
            raise ValueError(texts.text("unknown line {line}", line=repr(text[:60])))
        yield found[1], _ESCAPED.sub(lambda each: "\n" if each[1] == "n" else each[1], found[2])
        position = found.end()


def kept_successes(samples: Iterable[Sample], *, task: str, now: float, most: int) -> tuple[Sample, ...]:
    """The times of the last successes that the file of an earlier run has, for the file of this run.

    Times in the future are left out: they would hide that no run succeeds any more.

    Args:
        samples: The samples of that file.
        task: The label ``task`` of this run.
        now: The Unix time.
        most: The largest number of times to keep, the newest ones.
    """
    found = [
        each.with_labels(task=task)
        for each in samples
        if each.metric in (LAST_SUCCESS, LAST_IMPORT) and 0 < each.value <= now
    ]
    return tuple(sorted(found, key=lambda each: -each.value)[:most])


def joined_successes(new: Iterable[Sample], kept: Iterable[Sample]) -> tuple[Sample, ...]:
    """The times of new successes, and the kept ones that they do not replace.

    A success replaces the one of the same command, or at the same target, also that of another bundle.
    """
    new = tuple(new)
    replaced = {_identity(each) for each in new}
    return (*new, *(each for each in kept if _identity(each) not in replaced))


def _identity(each: Sample) -> tuple[str, str, str]:
    return each.metric.name, each.label("command"), each.label("target")
