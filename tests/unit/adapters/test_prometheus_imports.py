"""What comes into the operator's process with the Prometheus client, and what must not."""

import json
import subprocess
import sys
from pathlib import Path

from voicefleet_workbench.sources import ROOT

HEAVY = ("pandas", "numpy", "matplotlib", "dateparser")
"""Hundreds of megabytes for tables and plots, and a parser of dates in every language."""

PROGRAM = """
import json, sys
import voicefleet.handlers.process
from voicefleet.adapters.prometheus_client import Access, PrometheusClient, QueryError
client = PrometheusClient(Access("http://127.0.0.1:1", 1.0, {}), lambda: 0.0)
try:
    client.ask("up")
except QueryError as error:
    print(json.dumps({"cause": error.cause, "modules": sorted(sys.modules)}))
"""


def test_the_operator_never_loads_what_tables_and_plots_need(tmp_path: Path):
    """The client's package can load them; stand-ins on the path would be found if it tried."""
    for name in HEAVY[:3]:
        (tmp_path / f"{name}.py").write_text("")

    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{ROOT / 'operator'}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    seen = json.loads(answer.stdout)
    assert seen["cause"] == "http"
    assert "prometheus_api_client.prometheus_connect" in seen["modules"]
    assert [name for name in HEAVY if name in seen["modules"]] == []
