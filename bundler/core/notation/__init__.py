"""Judges Notation signatures by a Notation trust policy: pure functions of bytes, without network and clock.

It follows the specifications of the Notary Project, version 1.1 (notaryproject/specifications, folder ``specs``)::

    envelope (JWS or COSE) + subject + statement of the policy + trust store + time  →  Verified, or Untrusted

`trust_policy` reads the policy, `jws` and `cose` read envelopes, `requirements` checks certificates, `timestamp` checks
countersignatures by RFC 3161, and `judge` puts them together. Nothing asks a server for revocations: `judge` has the
consequences.
"""
