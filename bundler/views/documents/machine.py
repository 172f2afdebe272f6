"""The documents of commands about this machine: keys, trust, settings, checks, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.views.documents.document import Document, error_document, head
from bundler.views.words import with_placeholders

if TYPE_CHECKING:
    from bundler.commands.doctor import DoctorResult
    from bundler.commands.explain import ExplainResult
    from bundler.commands.init import InitResult
    from bundler.commands.keygen import KeyPair
    from bundler.commands.settings import SettingsResult
    from bundler.commands.trust_store import TrustResult
    from bundler.commands.version import Versions


def keygen_document(pair: KeyPair) -> Document:
    """The document that ``keygen --json`` prints."""
    return {
        **head("keygen", 0),
        "keyId": pair.key_id,
        "fingerprint": pair.fingerprint,
        "privateKey": str(pair.private_path),
        "publicKey": str(pair.public_path),
        "encrypted": pair.is_encrypted,
    }


def trust_document(command: str, result: TrustResult) -> Document:
    """The document that ``trust add|list|remove --json`` prints."""
    return {
        **head(f"trust-{command}", result.error.exit_code if result.error else 0),
        "folder": str(result.folder),
        "changed": result.is_changed,
        "keys": [
            {
                "name": member.path.stem,
                "keyId": member.key.id if member.key else None,
                "fingerprint": member.key.fingerprint if member.key else None,
                "file": str(member.path),
                "error": error_document(member.problem) if member.problem else None,
            }
            for member in result.members
        ],
    }


def init_document(result: InitResult) -> Document:
    """The document that ``init --json`` prints."""
    return {
        **head("init", 0),
        "list": str(result.list_path),
        "settings": str(result.settings_path),
        "images": result.images,
        "isExample": result.is_example,
    }


def config_document(result: SettingsResult) -> Document:
    """The document that ``config --json`` prints."""
    return {
        **head("config", 0),
        "settings": [
            {
                "flag": each.flag,
                "command": each.command or None,
                "value": list(each.value) if isinstance(each.value, tuple) else each.value,
                "origin": each.origin.value,
                "place": each.place,
            }
            for each in result.shown
        ],
        "files": [str(path) for path in result.files],
        "ignored": [{"path": str(each.path), "reason": each.reason} for each in result.ignored],
        "userFile": str(result.user_file) if result.user_file else None,
        "unknownVariables": list(result.unknown),
    }


def version_document(versions: Versions) -> Document:
    """The document that ``--version --json`` prints."""
    return {
        **head("version", 0),
        "version": versions.bundler,
        "python": versions.python,
        "platform": versions.platform,
        "libraries": dict(versions.libraries),
    }


def doctor_document(result: DoctorResult) -> Document:
    """The document that ``doctor --json`` prints."""
    return {
        **head("doctor", result.exit_code),
        "checks": [
            {
                "name": check.name,
                "state": check.state.value,
                "found": check.found,
                "error": error_document(check.error) if check.error else None,
                "about": check.about or None,
            }
            for check in result.checks
        ],
    }


def explain_document(result: ExplainResult) -> Document:
    """The document that ``explain --json`` prints: in English, like all documents, so that people can search for it."""
    status = result.exit_code
    return {
        **head("explain", 0),
        "asked": result.asked,
        "status": (
            {
                "exitCode": status.number,
                "meaning": status.meaning,
                "actor": status.actor or None,
                "explanation": status.explanation or None,
            }
            if status
            else None
        ),
        "entries": [
            {
                "code": entry.code,
                "kind": entry.family.kind,
                "exitCode": entry.family.exit_code,
                "happened": with_placeholders(entry.happened),
                "nextStep": with_placeholders(entry.next_step),
                "explanation": with_placeholders(entry.explanation),
            }
            for entry in result.entries
        ],
        "related": list(result.related),
    }
