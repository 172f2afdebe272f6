"""--metrics in a real Prometheus: node_exporter reads our files, each rule fires, each expression of the board has an answer."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from bundler.core.metrics import METRICS, read_exposition
from tests.conftest import Ran
from tests.support.monitoring import RULES, RealNodeExporter, RealPrometheus
from tests.support.parts import free_port, require

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "scripts/monitoring/dashboard.json"
VECTORS = ROOT / "tests/vectors"
TRUST = ("--trust", VECTORS / "keys/golden.pub")


def promtool(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    require("promtool")
    return subprocess.run(
        ["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True, cwd=RULES.parent, timeout=300
    )


def board() -> dict:
    return json.loads(BOARD.read_text())


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[RealNodeExporter]:
    exporter = RealNodeExporter(tmp_path).start()
    yield exporter
    exporter.stop()


@pytest.fixture
def prometheus(exporter: RealNodeExporter, tmp_path: Path) -> Iterator[RealPrometheus]:
    (tmp_path / "prometheus").mkdir()
    prometheus = RealPrometheus(tmp_path / "prometheus").start(exporter)
    yield prometheus
    prometheus.stop()


def run_tasks(here: Callable[..., Ran], folder: Path, scratch: Path, registry: str) -> None:
    """The scheduled commands of a site, each with a file of its own; some of them fail."""
    bundle, layout = VECTORS / "tar", f"oci:{scratch}/layout"
    (scratch / "out").mkdir()
    nobody = f"127.0.0.1:{free_port()}/mirror"
    tasks: dict[str, tuple[int, tuple[object, ...]]] = {
        "import": (0, ("import", bundle, *TRUST, "--to", layout)),
        "monthly": (0, ("export", layout, "--name", "again", "-o", scratch / "out", "--unsigned")),
        "media": (0, ("verify", bundle, *TRUST)),
        "copy": (0, ("copy", bundle, "-o", scratch / "out")),
        "listing": (0, ("inventory", registry, "-o", scratch / "inventory.json")),
        "mirroring": (0, ("import", bundle, *TRUST, "--to", registry)),
        "standing": (0, ("status", registry)),
        "scan": (0, ("scan", bundle, *TRUST, "--with", "acme=sha256sum", "-o", scratch / "scan.json")),
        "mirror": (7, ("import", bundle, *TRUST, "--to", nobody)),
        'odd "name" \\ ü': (5, ("verify", bundle, "--trust", scratch / "out")),
    }
    for task, (code, arguments) in tasks.items():
        ran = here(*arguments, "--metrics", folder / f"{task}.prom", "-q")
        assert ran.code == code, ran.err
        assert "no metrics" not in ran.err


def test_prometheus_reads_the_files_of_all_tasks_and_answers_every_question_of_the_board(
    here, exporter, prometheus, target, tmp_path
):
    run_tasks(here, exporter.textfiles, tmp_path, target.host)
    for file in exporter.textfiles.iterdir():
        checked = promtool("check", "metrics", stdin=file.read_text())
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), file
    tasks = {file.stem for file in exporter.textfiles.iterdir()}
    samples = sum(len(read_exposition(file.read_bytes())) for file in exporter.textfiles.iterdir())
    prometheus.wait_for(f'count({{__name__=~"bundler_.+"}}) == {samples}')  # node_exporter drops what two files have
    assert {each["metric"]["task"] for each in prometheus.query("bundler_build_info")} == tasks
    assert [each["value"][1] for each in prometheus.query("node_textfile_scrape_error")] == ["0"]
    assert "error" not in (exporter.folder / "log").read_text()

    expressions = [target["expr"] for panel in board()["panels"] for target in panel["targets"]]
    assert len(expressions) >= 15
    for expression in expressions:
        asked = expression.replace("$instance", ".*").replace("$task", ".*")
        assert "$" not in asked
        assert prometheus.query(asked), f"no data for {expression}"
    for variable in board()["templating"]["list"]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert prometheus.get(f"label/{label}/values", match=metric)

    failing = 'ALERTS{alertname="BundlerRunFailed"}'
    assert {each["metric"]["task"] for each in prometheus.wait_for(failing)} == {"mirror", 'odd "name" \\ ü'}
    assert {each["metric"]["task"] for each in prometheus.wait_for('ALERTS{alertname="BundlerNotTrusted"}')} == {
        'odd "name" \\ ü'
    }
    health = {rule["health"] for group in prometheus.get("rules")["groups"] for rule in group["rules"]}
    assert health == {"ok"}
    known = {name for name in prometheus.get("label/__name__/values") if name.startswith("bundler_")}
    assert set(re.findall(r"\bbundler_\w+", BOARD.read_text())) <= known
    assert set(re.findall(r"\bbundler_\w+", RULES.read_text())) <= set(METRICS)


def test_every_rule_fires_when_it_should_and_only_then():
    assert promtool("check", "rules", "rules.yml").returncode == 0
    tested = promtool("test", "rules", "rules.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for rule in group["rules"]}
    cases = [
        case
        for test in yaml.safe_load((RULES.parent / "rules.test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    for rule in group["rules"]:
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in ("info", "warning", "critical")


def test_the_page_lists_every_metric_and_every_alert():
    page = (ROOT / "docs/monitoring.md").read_text()
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    assert [name for name in (*METRICS, *alerts) if f"`{name}`" not in page] == []
    assert set(re.findall(r"^\| `(bundler_\w+)`", page, re.MULTILINE)) == set(METRICS)


def test_the_board_has_the_form_that_grafana_reads():
    import jsonschema  # here, because it takes two seconds

    jsonschema.validate(board(), json.loads((ROOT / "tests/support/dashboard.schema.json").read_text()))
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)
    kinds = {panel["type"] for panel in panels}
    required = {each["id"] for each in board()["__requires"] if each["type"] == "panel"}
    assert kinds == required
