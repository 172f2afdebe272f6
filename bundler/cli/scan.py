"""``bundler scan``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options, run_options, scan_options, secret_options, trust_options
from bundler.cli.program import program
from bundler.cli.values import KeyFile


@program.command(
    examples="""
bundler scan /media/stick/platform --with clamav --trust builder.pub -o platform.scan.json --key officer.key
bundler scan /media/stick/platform --with clamav --with trivy -o platform.scan.json --key officer.key
bundler scan /media/stick/platform --with trivy --database trivy-cache -o scan.json --key officer.key
bundler scan /media/stick/platform --with trivy -o scan.json --key officer.key --max-severity high --waivers w.yaml
bundler scan /media/stick/platform --with acme=/opt/acme/scan -o scan.json --key officer.key
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--with",
    "scanners",
    multiple=True,
    required=True,
    metavar="SCANNER",
    help="clamav, clamav=SOCKET, trivy, grype, clair=URL, or a command: [NAME=]PROGRAM ARGUMENT... May be repeated.",
)
@click.option(
    "--database",
    "databases",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Folder with the database of the scanner; with several scanners NAME=DIR. May be repeated.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the record to this file.")
@click.option("--key", type=KeyFile(), metavar="FILE", help="Private key to sign the record with.")
@secret_options.key_passphrase_file_option
@click.option("--waivers", metavar="FILE", help="Findings that are accepted, YAML; see docs/scan.md.")
@scan_options.max_severity_option
@click.option("--sarif", metavar="FILE", help="Write the results as SARIF 2.1.0 to this file too.")
@click.option("--cyclonedx", metavar="FILE", help="Write the results as CycloneDX 1.6 to this file too.")
@click.option("--again", is_flag=True, help="Scan every object, also those that have a verdict of an earlier scan.")
@trust_options.signer_options
@secret_options.unlocking_options
@run_options.result_options
def scan(
    paths: tuple[str, ...],
    scanners: tuple[str, ...],
    databases: tuple[str, ...],
    output: str,
    signing: secret_options.KeyFlags,
    waivers: str | None,
    max_severity: str | None,
    sarif: str | None,
    cyclonedx: str | None,
    again: bool,
    signers: trust_options.SignerFlags,
    secrets: secret_options.SecretFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Scan what a bundle holds for malware and vulnerabilities, and write a signed record.

    Each blob or image is scanned once. Verdicts are kept in ~/.cache/bundler, so the next bundle costs only what is
    new, until the database of the scanner changes. An interrupted scan continues: run the same command again.

    Carry the record with the bundle, and import it with --require-scan. Exit code 5: something was found, or was not
    scanned. docs/scan.md has the scanners.
    """
    from bundler.views import documents, scan_report

    secret_options.check_stdin(secrets, signing)
    request = bundler.ScanRequest(
        paths=options.bundle_paths(paths),
        scanners=scanners,
        output=Path(output),
        databases=databases,
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        key_path=signing.path(),
        key_passphrases=signing.passphrases,
        waivers=bundler.read_waivers(waivers) if waivers else (),
        max_severity=scan_options.severity(max_severity),
        sarif=Path(sarif) if sarif else None,
        cyclonedx=Path(cyclonedx) if cyclonedx else None,
        is_kept=not again,
        unlocking=secrets.unlocking(),
    )
    result = running.do(lambda run: bundler.scan(request, run))
    return showing.result(result, scan_report.lines, documents.scan_document)
