"""Policies decide which signatures an image must have. Pure: bytes go in, a verdict comes out.

::

    policy file ──document──► requirements ──keys──► judges ┐
                                                            ├──► verdict: accepted or refused, rule, signer, reason
    attachments ──────────────────────► SignedImage ────────┘

- `evidence`: `SignedImage`, the evidence on one image: its name, its root, what is attached to its manifests, and
  `Documents`, a bounded way to read each manifest and blob, verified against its digest. `judge_manifests` decides
  which manifests must be signed.
- `document`, `fields`, `scopes`, `identity`: containers-policy.json(5).
- `simple_signing`, `sigstore_bundle`: the two formats of cosign, which `key_signed` judges by keys and
  `keyless` by identities, with entries of logs (`transparency`).
- `image_policy`: `ContainersPolicy` selects the rule of an image and asks its judges.
- `verdict`: `Judgement` is the answer of one judge, `PolicyVerdict` that of a policy.

**A new kind of requirement** is a class with a `kind` and ``judge(image: SignedImage) -> Judgement``, the protocol
`Judge`. `bundler.keys.image_policy` makes judges of requirements, and reads their files. A judge of signatures passes a
function that judges one manifest to `judge_manifests`. Inside, it raises `Unfit` for a wrong signature, and makes words
of it in the judgement. It parses nothing that is not `Verified`, as far as the format allows that.

**A new kind of policy** is a class with `source`, `digest`, `files` and ``judge(image: SignedImage) -> PolicyVerdict``,
the protocol `ImagePolicy`. Commands take a tuple of policies; an image needs an accepting verdict of each.

Libraries for cryptography stay outside: judges receive keys as objects that verify (`VerifyingKey`), made by
`bundler.keys.image_keys`.
"""

from bundler.core.policy.evidence import Attached, Documents, SignedImage
from bundler.core.policy.image_policy import ContainersPolicy, ImagePolicy, Judge
from bundler.core.policy.verdict import Judgement, PolicyVerdict, refused

__all__ = [
    "Attached",
    "ContainersPolicy",
    "Documents",
    "ImagePolicy",
    "Judge",
    "Judgement",
    "PolicyVerdict",
    "SignedImage",
    "refused",
]
