"""SeaweedFS as S3, and what a proxy before it does wrong."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.parts import RealServer, free_port, require
from tests.support.servers import Fault, Front

KEY_ID = "AKIAPLANTEDPLANTED00"
SECRET = "planted-secret-that-no-output-may-show"
BUCKET = "bundles"
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)


@dataclass
class RealS3(RealServer):
    """SeaweedFS with one user, all its servers in one process, in a new folder: an old one answers only after minutes."""

    ports: tuple[int, ...] = field(default_factory=lambda: tuple(free_port() for _ in _PORTS))

    def start(self) -> RealS3:
        """Starts it; `wait` waits until it answers, which takes some seconds."""
        weed = Path(sys.executable).with_name("weed")
        if not weed.exists():
            require("weed")
        config = self.folder / "s3.json"
        login = {"accessKey": KEY_ID, "secretKey": SECRET}
        config.write_text(
            json.dumps({"identities": [{"name": "t", "credentials": [login], "actions": ["Admin", "Read", "Write"]}]})
        )
        options = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": self.folder,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 100,
            "filer.localSocket": self.folder / "filer.sock",
            "s3.localSocket": self.folder / "s3.sock",
            "s3.config": config,
            "s3.port": self.port,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            **dict(zip(_PORTS, self.ports, strict=True)),
        }
        self._spawn(
            [str(weed), "-logtostderr", "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]
        )
        return self

    def wait(self) -> None:
        """Waits until a bucket can be made and an object written."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:  # another process took one of the ports
                self.port, self.ports = free_port(), tuple(free_port() for _ in _PORTS)
                self.start()
            try:
                urllib.request.urlopen(f"http://{self.host}/healthz", timeout=5).close()
                self.client().create_bucket(Bucket=BUCKET)
                self.client().put_object(Bucket=BUCKET, Key="ready", Body=b"1")
            except Exception:
                time.sleep(0.2)
            else:
                return
        log = (self.folder / "log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"SeaweedFS did not start: {log}")

    def client(self) -> Any:
        """A plain client of boto3, the same each time: making one takes longer than most requests."""
        return _client(self.host)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """All objects below a prefix, by the rest of their keys."""
        client = self.client()
        found = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", ())
        return {
            each["Key"].removeprefix(f"{prefix}/"): client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
            for each in found
        }

    def uploads(self, prefix: str) -> list[str]:
        """The keys of multipart uploads that are neither complete nor aborted."""
        found = self.client().list_multipart_uploads(Bucket=BUCKET, Prefix=f"{prefix}/")
        return [each["Key"] for each in found.get("Uploads", ())]

    def stop(self) -> None:
        """Ends it at once: nobody needs its data."""
        if self._process:
            self._process.kill()
            self._process.wait(60)
            self._process = None
            self.client().close()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def _client(host: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://{host}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def environment(host: str) -> dict[str, str]:
    """The variables by which AWS's tools find this S3."""
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL_S3": f"http://{host}",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


Wanted = Callable[[BaseHTTPRequestHandler], bool]


def asks(method: str, part: str) -> Wanted:
    """True for requests of a method with some text in their address."""
    return lambda request: request.command == method and part in request.path


def reads(name: str) -> Wanted:
    """True for requests of the bytes of an object."""
    return lambda request: request.command == "GET" and request.path.endswith(f"/{name}")


def once(fault: Fault) -> Fault:
    """A fault that happens one time."""
    done: list[bool] = []

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if done or not fault(front, request):
            return False
        done.append(True)
        return True

    return answer


def error(wanted: Wanted, status: int, code: str) -> Fault:
    """An error of S3."""

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if not wanted(request):
            return False
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
        front.send(request, status, {"Content-Type": "application/xml"}, body)
        return True

    return answer


def cut(wanted: Wanted, after_bytes: int) -> Fault:
    """A connection that ends in the middle of a body."""

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if not wanted(request):
            return False
        status, headers, content = front.ask(request)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content[:after_bytes])
        request.close_connection = True
        return True

    return answer


def lost(wanted: Wanted) -> Fault:
    """A request that S3 has done, and whose answer nobody gets."""

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if not wanted(request):
            return False
        front.ask(request)
        request.close_connection = True
        return True

    return answer


def changed(wanted: Wanted, change: Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]) -> Fault:
    """An answer with other headers or bytes than S3 gave."""

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if not wanted(request):
            return False
        status, headers, content = front.ask(request)
        headers, content = change(headers, content)
        front.send(request, status, headers, content)
        return True

    return answer
