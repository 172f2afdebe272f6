"""nginx before a registry, in the dialects that people have in front of theirs."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.parts import RealServer, require

_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass
class RealNginx(RealServer):
    """nginx with one server, on a port of its own; ``server`` is the content of its block."""

    server: str
    listen: str = ""

    @property
    def log(self) -> list[tuple[str, str, str]]:
        """Method, address and status of each request."""
        lines = (self.folder / "access").read_text().splitlines()
        return [(method, address, status) for method, address, status in map(str.split, lines)]

    def start(self) -> RealNginx:
        require("nginx")
        self.folder.mkdir(parents=True, exist_ok=True)
        folders = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in _KINDS)
        (self.folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/log;\nevents {{}}\n"
            "http { log_format short '$request_method $request_uri $status';\n"
            f"access_log {self.folder}/access short; {folders}\n"
            f"server {{ listen 127.0.0.1:{self.port} {self.listen};\n{self.server} }} }}\n"
        )
        self._listen(["nginx", "-p", str(self.folder), "-e", "log", "-c", str(self.folder / "nginx.conf")])
        return self
