"""A real Prometheus that scrapes a real node_exporter, which reads a folder of metrics."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.parts import RealServer, require

RULES = Path(__file__).parents[2] / "scripts/monitoring/rules.yml"
SECONDS_TO_SCRAPE = 100


@dataclass
class RealNodeExporter(RealServer):
    """Serves the files ``*.prom`` of ``folder/textfiles``."""

    @property
    def textfiles(self) -> Path:
        return self.folder / "textfiles"

    def start(self) -> RealNodeExporter:
        require("prometheus-node-exporter")
        self.textfiles.mkdir(exist_ok=True)
        collector = [
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={self.textfiles}",
        ]
        self._listen(["prometheus-node-exporter", *collector, f"--web.listen-address={self.host}"])
        return self


@dataclass
class RealPrometheus(RealServer):
    """Scrapes one exporter each second, and evaluates the rules of scripts/monitoring as often."""

    def start(self, exporter: RealNodeExporter) -> RealPrometheus:
        require("prometheus", "promtool")
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [exporter.host]}]}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        self._listen(
            [
                "prometheus",
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={self.host}",
            ]
        )
        return self

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of the API."""
        query = urllib.parse.urlencode({name.replace("match", "match[]"): value for name, value in parameters.items()})
        with urllib.request.urlopen(f"http://{self.host}/api/v1/{path}?{query}", timeout=100) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now. A wrong expression is an error of HTTP."""
        return list(self.get("query", query=expression)["result"])

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """The same, as soon as there is one."""
        deadline = time.monotonic() + SECONDS_TO_SCRAPE
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"nothing for {expression}"
            time.sleep(0.1)
        return found
