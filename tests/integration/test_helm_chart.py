"""The Helm chart, rendered by helm and judged by Kubernetes' published schemas and by what must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_tools import ROOT, tool

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CHART = ROOT / "deploy" / "helm" / "wenju"
ADAPTERS = ("--set", "vllm.runtimeAdapters=true", "--set", "vllm.adapters.existingClaim=adapters")
WAYS: dict[str, tuple[str, ...]] = {
    "default": (),
    "no vllm": ("--set", "vllm.enabled=false"),
    "hpa": ("--set", "autoscaling.kind=hpa"),
    "keda": ("--set", "autoscaling.kind=keda"),
    "weights": (
        "--set", "vllm.weights.source=:s3:models/Qwen3-8B", "--set", "vllm.weights.secretName=weights",
    ),
    "adapters": ADAPTERS,
    "all": (
        *ADAPTERS, "--set", "autoscaling.kind=hpa", "--set", "monitoring.enabled=true",
        "--set", "monitoring.tokenKey=token", "--set", "storeSecretName=store",
        "--set", "vllm.weights.source=:s3:models/x", "--set", "vllm.profile=qwen3-32b-tp2",
        "--set", "vllm.gpus=2",
        "--set", "image.pullSecrets[0].name=registry", "--set", "app.nodeSelector.pool=web",
    ),
}  # fmt: skip
# Kinds that are not Kubernetes' own: their schemas are not at hand here.
FOREIGN = ("ScaledObject", "PodMonitor")


def render(*options: str) -> list[dict[str, Any]]:
    done = tool("helm", "template", "w", CHART, "--namespace", "wenju", *options)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def _pods(items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in items:
        if item["kind"] == "Deployment":
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]


def _containers(items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, pod in _pods(items):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}/{container['name']}", container, pod


def test_lint() -> None:
    done = tool("helm", "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("way", WAYS)
def test_kubernetes_takes_what_is_rendered(way: str, tmp_path: Path) -> None:
    items = render(*WAYS[way])
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([item for item in items if item["kind"] not in FOREIGN]))
    for version in ("1.29", "1.37"):
        done = tool("kubernetes-validate", "--strict", "--quiet", "-k", version, path)
        assert done.returncode == 0, done.stdout + done.stderr
    wrong = next(item for item in items if item["kind"] == "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    path.write_text(yaml.safe_dump_all([*items[:1], wrong]))
    assert tool("kubernetes-validate", "--strict", "--quiet", path).returncode != 0


@pytest.mark.parametrize("way", WAYS)
def test_names_lead_somewhere(way: str) -> None:
    items = render(*WAYS[way])
    names = [(item["kind"], item["metadata"]["name"]) for item in items]
    assert len(names) == len(set(names))
    maps = {item["metadata"]["name"]: item["data"] for item in items if item["kind"] == "ConfigMap"}
    labels = [
        item["spec"]["template"]["metadata"]["labels"] for item in items if item["kind"] == "Deployment"
    ]
    for name, container, pod in _containers(items):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            if "configMap" in volume and "subPath" in mount:
                assert mount["subPath"] in maps[volume["configMap"]["name"]], name
        assert len({mount["mountPath"] for mount in container["volumeMounts"]}) == len(
            container["volumeMounts"]
        )
    for item in items:
        if item["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
            selector = item["spec"].get("selector", item["spec"].get("podSelector"))
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= have.items() for have in labels), item["metadata"]["name"]
        if item["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            assert ("Deployment", item["spec"]["scaleTargetRef"]["name"]) in names
    if "hpa" in way or "keda" in way:
        assert all("replicas" not in item["spec"] for item in items if item["kind"] == "Deployment")


@pytest.mark.parametrize("way", WAYS)
def test_every_container_is_hardened_bounded_and_pinned(way: str) -> None:
    for name, container, pod in _containers(render(*WAYS[way])):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsUser"] >= 10001, name
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
        assert re.search(r":v?\d+\.\d+", container["image"]), name
        for variable in container.get("env", []):
            assert not re.search("PASSWORD|TOKEN|SECRET|API_KEY|_URL$", variable["name"]) or variable[
                "value"
            ].startswith(("http://w-vllm", "s3://")), f"{name}: {variable}"
    items = render(*WAYS[way])
    assert not any(item["kind"] == "Secret" for item in items)


def test_probes() -> None:
    found = {name: container for name, container, _ in _containers(render())}
    for name in ("w-app/gateway", "w-vllm/guard"):
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= found[name].keys()
    assert "livenessProbe" in found["w-worker/worker"]


def test_gateways_are_the_files_that_are_tested_elsewhere() -> None:
    items = render()
    gateway, vllm = (item["data"] for item in items if item["kind"] == "ConfigMap")
    folder = ROOT / "deploy" / "gateway"
    for data, name, path in (
        (gateway, "nginx.conf", "nginx.conf"),
        (gateway, "wenju.conf.template", "ingress/wenju.conf.template"),
        (gateway, "zones.inc.template", "public/zones.inc.template"),
        (gateway, "locations.inc.template", "public/locations.inc.template"),
        (vllm, "nginx.conf", "nginx.conf"),
        (vllm, "vllm.conf.template", "guard/vllm.conf.template"),
    ):
        assert data[name].strip() == (folder / path).read_text("utf-8").strip(), name
    assert yaml.safe_load(vllm["profile.yaml"]) == yaml.safe_load(
        (ROOT / "deploy" / "vllm" / "qwen3-8b.yaml").read_text("utf-8")
    )
    found = {name: container for name, container, _ in _containers(items)}
    for name, data in (("w-app/gateway", gateway), ("w-vllm/guard", vllm)):
        asked = {v for words in data.values() for v in re.findall(r"\$\{(WENJU_[A-Z_]+)\}", words)}
        assert asked == {variable["name"] for variable in found[name]["env"]}, name


def test_commands_are_the_images_own() -> None:
    found = {name: container for name, container, _ in _containers(render())}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert found["w-worker/worker"]["args"] == compose["worker"]["command"]
    assert found["w-app/app"]["args"][:2] == ["wenju", "run"]
    assert found["w-vllm/vllm"]["args"][:2] == ["--config", "/profile/profile.yaml"]
    from rag.settings import Settings

    for name in ("w-app/app", "w-worker/worker"):
        for variable in found[name]["env"]:
            head, _, tail = variable["name"].removeprefix("WENJU_").lower().partition("__")
            field = Settings.model_fields[head]
            assert not tail or tail in type(field.default).model_fields, variable


def test_vllm_is_reached_through_its_guard_alone() -> None:
    items = render(*ADAPTERS)
    found = {name: container for name, container, _ in _containers(items)}
    arguments = found["w-vllm/vllm"]["args"]
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert "ports" not in found["w-vllm/vllm"]
    policy = next(i for i in items if i["kind"] == "NetworkPolicy" and i["metadata"]["name"] == "w-vllm")
    doors = {rule["ports"][0]["port"]: json.dumps(rule["from"]) for rule in policy["spec"]["ingress"]}
    assert set(doors) == {8001, 8002, 8003}
    assert '"component": "worker"' in doors[8002].replace("app.kubernetes.io/", "")
    assert '"component": "app"' not in doors[8002].replace("app.kubernetes.io/", "")

    closed = render()
    environment = {
        v["name"]: v["value"] for v in dict((n, c) for n, c, _ in _containers(closed))["w-vllm/guard"]["env"]
    }
    assert environment["WENJU_ADAPTER_CLIENTS"] == "127.0.0.1/32"
    engine = {
        v["name"]: v["value"] for v in dict((n, c) for n, c, _ in _containers(closed))["w-vllm/vllm"]["env"]
    }
    assert engine["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "0"
    assert not any(item["metadata"]["name"] == "w-vllm-adapters" for item in closed)


def test_only_stateless_pods_stand_on_spot_nodes() -> None:
    keys = {name: {t["key"] for t in pod.get("tolerations", [])} for name, pod in _pods(render())}
    assert "spot" in keys["w-app"]
    assert "spot" in keys["w-worker"]
    assert keys["w-vllm"] == {"nvidia.com/gpu"}


def test_scaling_looks_at_questions_and_queues() -> None:
    import rag.metrics as metrics

    known = {metric.name for metric in metrics.REGISTRY.collect()} | {metrics.QUEUE}
    for item in render("--set", "autoscaling.kind=keda"):
        if item["kind"] != "ScaledObject":
            continue
        for trigger in item["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            for name in re.findall(r"\b(wenju_[a-z_]+)", query):
                assert name.removesuffix("_total") in known, name
    kinds = [item["metadata"]["name"] for item in render("--set", "autoscaling.kind=hpa")
             if item["kind"] == "HorizontalPodAutoscaler"]  # fmt: skip
    assert kinds == ["w-app", "w-worker", "w-vllm"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("vllm.profile=qwen9", "no such file in deploy/vllm"),
        ("vllm.runtimeAdapters=true", "needs vllm.adapters.existingClaim"),
        ("image.app.tag=latest", "image.app.tag|image/app/tag"),
        ("app.replica=3", "replica"),
        ("autoscaling.kind=magic", "autoscaling"),
        ("settings.WENJU_DATABASE_URL=postgresql://u:p@h/d", "WENJU_DATABASE_URL"),
        ("gateway.serverName=a b", "serverName"),
    ],
)
def test_what_is_wrong_is_refused_by_name(option: str, said: str) -> None:
    done = tool("helm", "template", "w", CHART, "--set", option)
    assert done.returncode != 0
    assert re.search(said, done.stderr), done.stderr


def test_the_chart_packs_with_its_linked_files(tmp_path: Path) -> None:
    import tarfile

    done = tool("helm", "package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        names = archive.getnames()
    assert "wenju/profiles/qwen3-8b.yaml" in names
    assert "wenju/gateway/nginx.conf" in names
