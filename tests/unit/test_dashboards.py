"""Dashboards and alert rules ask only for what is measured, and every panel says what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from rag.metrics import instrument_names

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
UNITS = {"reqps", "short", "s", "bytes", "percentunit"}
FOREIGN = {"up"}  # Prometheus's own


class Target(BaseModel):
    refId: str
    expr: str = Field(min_length=3)
    legendFormat: str = Field(min_length=1)


class Place(BaseModel):
    h: int = Field(gt=0)
    w: int = Field(gt=0, le=24)
    x: int = Field(ge=0, lt=24)
    y: int = Field(ge=0)


class Panel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    title: str = Field(min_length=3)
    description: str = Field(min_length=10)
    type: str
    datasource: dict[str, str]
    gridPos: Place
    fieldConfig: dict[str, object]
    options: dict[str, object]
    targets: list[Target] = Field(min_length=1)


class Dashboard(BaseModel):
    uid: str
    title: str
    schemaVersion: int
    panels: list[Panel] = Field(min_length=1)


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", expression)
    return set(re.findall(r"\b(?:wenju|process|python)_[a-z_]+\b|\bup\b", bare))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = Dashboard.model_validate_json(path.read_text(encoding="utf-8"))
    sources = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    )
    [source] = sources["datasources"]
    assert board.uid == path.stem
    assert len({p.id for p in board.panels}) == len({p.title for p in board.panels}) == len(board.panels)
    taken: set[tuple[int, int]] = set()
    for panel in board.panels:
        place = panel.gridPos
        cells = {(x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)}
        assert not cells & taken, panel.title
        taken |= cells
        assert panel.fieldConfig["defaults"]["unit"] in UNITS  # type: ignore[index]
        assert panel.datasource == {"type": "prometheus", "uid": source["uid"]}
        for target in panel.targets:
            found = names_in(target.expr)
            assert found, target.expr
            assert found <= instrument_names(), target.expr


def test_both_dashboards_are_there() -> None:
    assert [path.stem for path in DASHBOARDS] == ["wenju-answers", "wenju-service"]


def test_rules_ask_for_what_is_measured_and_each_is_tested() -> None:
    folder = DEPLOY / "prometheus"
    rules = yaml.safe_load((folder / "rules" / "wenju.yml").read_text(encoding="utf-8"))
    tests = yaml.safe_load((folder / "rules_test.yml").read_text(encoding="utf-8"))
    fired = {
        case["alertname"] for test in tests["tests"] for case in test["alert_rule_test"] if case["exp_alerts"]
    }
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    assert set(alerts) == fired
    for rule in alerts.values():
        assert names_in(rule["expr"]) <= instrument_names() | FOREIGN, rule["expr"]
        assert names_in(rule["expr"])
        assert {"summary", "remedy"} == set(rule["annotations"])
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_provisioning_points_at_the_dashboards() -> None:
    text = (DEPLOY / "grafana" / "provisioning" / "dashboards" / "wenju.yml").read_text(encoding="utf-8")
    [provider] = yaml.safe_load(text)["providers"]
    compose = (DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8")
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}" in compose
    assert json.loads(DASHBOARDS[0].read_text(encoding="utf-8"))["editable"] is False
