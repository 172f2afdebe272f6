"""The services that give the role of a container or a machine to AWS's tools.

ECS: "Task IAM role", AWS SDKs Reference Guide, "Container credential provider". EC2: User Guide, "Use the Instance
Metadata Service", version 2: a PUT gives a token, which each GET must have. EKS: "IAM roles for service accounts"; STS,
API Reference, AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.s3 import KEY_ID, SECRET

TOKEN = "planted-token-of-a-role"
_ROLE = "/latest/meta-data/iam/security-credentials/"
_LOGIN = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": KEY_ID,
    "SecretAccessKey": SECRET,
    "Token": "",
    "LastUpdated": "2026-01-01T00:00:00Z",
    "Expiration": "2099-01-01T00:00:00Z",
}
_ASSUMED = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{KEY_ID}</AccessKeyId>
<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken/><Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


class _Roles(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._answer(TOKEN if self.path == "/latest/api/token" else None)

    def do_GET(self) -> None:
        has_token = TOKEN in (self.headers.get("X-aws-ec2-metadata-token"), self.headers.get("Authorization"))
        answers = {"/container": json.dumps(_LOGIN), _ROLE: "role", f"{_ROLE}role": json.dumps(_LOGIN)}
        self._answer(answers.get(self.path) if has_token else None)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(_ASSUMED if f"WebIdentityToken={TOKEN}".encode() in asked else None)

    def _answer(self, text: str | None) -> None:
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Length", str(len(text or "")))
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def roles() -> Iterator[str]:
    """Runs all of them; yields their address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Roles)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
