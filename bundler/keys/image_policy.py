"""Reads a policy for signatures with the files of keys that it names, and makes its judges."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from bundler.core.limits import KEY_BYTES, POLICY_BYTES
from bundler.core.policy import ContainersPolicy, Judge
from bundler.core.policy.document import AcceptAnything, Named, Reject, Requirement, SigstoreSigned, parse_policy
from bundler.core.policy.image_policy import Anything, Nothing
from bundler.core.policy.key_signed import KeySigned
from bundler.errors import Misuse
from bundler.system.given_files import read_given, read_regular
from bundler.texts import text


def read_policy(file: str) -> ContainersPolicy:
    """Reads a policy, containers-policy.json(5), and every key that it names.

    Args:
        file: The file of the policy. Relative paths in it start at its folder, so that a policy and its keys can be
            copied together.

    Raises:
        Misuse: The policy or a key cannot be read or is not valid, or the policy needs what bundler does not judge.
    """
    content = read_given(file, POLICY_BYTES, subject=f"--policy {file}")
    document = parse_policy(content, source=file)
    loader = _Loader(file)
    default = loader.judges(document.default)
    scopes = {scope: loader.judges(requirements) for scope, requirements in document.docker.items()}
    return ContainersPolicy(file, hashlib.sha256(content).hexdigest(), default, scopes, files=tuple(loader.files))


class _Loader:
    """Makes judges of the requirements of one policy."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.files = [file]

    def judges(self, requirements: Iterable[Requirement]) -> tuple[Judge, ...]:
        """The judges of one scope, in the order of its requirements."""
        return tuple(map(self._judge, requirements))

    def _judge(self, requirement: Requirement) -> Judge:
        match requirement:
            case AcceptAnything():
                return Anything()
            case Reject():
                return Nothing()
            case SigstoreSigned():
                return self._signed(requirement)

    def _signed(self, requirement: SigstoreSigned) -> Judge:
        from bundler.keys.image_keys import load_image_key

        if requirement.fulcio is not None or requirement.rekor_keys:
            raise Misuse(
                text("bundler does not judge {what}", what=text("keyless signatures and entries of transparency logs")),
                subject=f"{self._file}: {requirement.field}",
                hint="remove this requirement, or check these images with another tool",
                code="bad-policy",
            )
        keys = (load_image_key(self._content(key), origin=self._origin(key)) for key in requirement.keys)
        return KeySigned(tuple(keys), requirement.identity)

    def _content(self, named: Named) -> bytes:
        if not named.path:
            return named.data
        path = Path(os.path.dirname(self._file), named.path)
        self.files.append(str(path))
        return read_regular(path, KEY_BYTES, subject=f"{self._file}: {named.field}: {named.path}")

    def _origin(self, named: Named) -> str:
        return named.path or f"{self._file}: {named.field}"
