"""The files around the code: they parse, they agree with each other, and they say nothing of one machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    if name and (ROOT / name).is_file()
]
TEXTS = [p for p in TRACKED if p.suffix not in (".docx", ".pdf", ".png", ".jpg", ".ico", ".sql")]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_yaml_and_toml_parses() -> None:
    files = [p for p in TRACKED if p.suffix in (".yml", ".yaml")]
    # Templates become YAML when helm has filled them in: tests/integration/test_helm_chart.py.
    parsed = [list(yaml.safe_load_all(_read(p))) for p in files if "templates" not in p.parts]
    assert parsed
    assert all(tomllib.loads(_read(p)) is not None for p in TRACKED if p.suffix == ".toml")


def test_no_package_registry_and_no_machine_is_named() -> None:
    registry = re.compile(
        r"index[-_]url[= ]['\"]?(?:https?|file):|(?:https?|file)://[^\s\"']*/(?:simple|whl)\b"
    )
    here = re.compile(rf"{re.escape(str(ROOT))}\b|{re.escape(str(Path.home()))}/\w")
    for path in TEXTS:
        if path == Path(__file__):
            continue
        found = registry.search(_read(path)) or here.search(_read(path))
        assert found is None, f"{path.relative_to(ROOT)}: {found.group() if found else ''}"


def test_no_large_file_and_no_pickle() -> None:
    for path in TRACKED:
        assert path.stat().st_size < 1_500_000, path
        assert path.suffix not in (".pkl", ".pickle", ".joblib", ".safetensors", ".onnx"), path


def test_every_package_is_listed() -> None:
    listed = set(PYPROJECT["tool"]["setuptools"]["packages"])
    there = {
        ".".join(p.parent.relative_to(ROOT).parts)
        for p in TRACKED
        if p.name == "__init__.py" and p.relative_to(ROOT).parts[0] not in ("tests", "benchmarks")
    }
    assert there <= listed, f"not in pyproject: {sorted(there - listed)}"
    assert all((ROOT / name.replace(".", "/")).is_dir() for name in listed)


def test_every_dependency_is_pinned() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in _read(ROOT / "constraints.txt").splitlines()
        if "==" in line
    }
    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = [*PYPROJECT["project"]["dependencies"], *extras["dev"], *extras["scale"]]  # scale: the image
    names = {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in wanted}
    assert names <= pins, f"run scripts/pin.sh: {sorted(names - pins)}"
    assert "://" not in _read(ROOT / "constraints.txt")


def test_base_install_has_no_torch() -> None:
    assert not re.search(r"^(torch|transformers|nvidia)", _read(ROOT / "constraints.txt"), re.MULTILINE)


def test_readme_shows_the_two_commands_and_only_real_ones() -> None:
    readme = _read(ROOT / "README.md")
    assert "make run" in readme
    assert "make test" in readme
    targets = set(re.findall(r"^([a-z-]+):", _read(ROOT / "Makefile"), re.MULTILINE))
    for path in TEXTS:
        if path.suffix == ".md":
            named = set(re.findall(r"^make ([a-z][a-z-]*)|`make ([a-z][a-z-]*)", _read(path), re.MULTILINE))
            unknown = {a or b for a, b in named} - targets
            assert not unknown, f"{path.name}: no make target {sorted(unknown)}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in TEXTS:
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", _read(path)):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} -> {target}"


def test_wenju_commands_in_the_documents_exist() -> None:
    import typer

    import cli

    group: Any = typer.main.get_command(cli.app)
    for path in TEXTS:
        if path.suffix != ".md":
            continue
        for line in re.findall(
            r"(?:^|`|bin/|exec app )wenju ([a-z]+(?: [a-z-]+)?)", _read(path), re.MULTILINE
        ):
            first, _, second = line.partition(" ")
            assert first in group.commands, f"{path.name}: wenju {line}"
            inner = getattr(group.commands[first], "commands", None)
            assert inner is None or second in inner, f"{path.name}: wenju {line}"


def test_settings_page_is_up_to_date() -> None:
    from commands.checks import settings_markdown

    assert _read(ROOT / "docs" / "settings.md") == settings_markdown(), "run `make docs`"


def test_example_settings_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rag.settings import load_settings

    words = re.sub(r"^# (?=[a-z_]+ = )", "", _read(ROOT / "wenju.example.toml"), flags=re.MULTILINE)
    path = tmp_path / "wenju.toml"
    path.write_text(words, encoding="utf-8")
    monkeypatch.setenv("WENJU_CONFIG", str(path))
    assert load_settings().embedding.model == "BAAI/bge-m3"


def test_scripts_are_sound() -> None:
    scripts = [p for p in TRACKED if p.suffix == ".sh" or p == ROOT / ".ci" / "run"]
    assert len(scripts) >= 5
    for path in scripts:
        subprocess.run(["bash", "-n", str(path)], check=True)
        assert os.access(path, os.X_OK), f"{path.relative_to(ROOT)} is not executable"


def test_old_or_bare_python_is_refused_with_the_remedy(tmp_path: Path) -> None:
    def check(python: str) -> str:
        done = subprocess.run(
            ["bash", str(ROOT / "scripts" / "check_python.sh"), python],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (0 if python == sys.executable else 1), done.stderr
        return done.stderr

    old = tmp_path / "old"
    old.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.9;; *) exit 1;; esac\n')
    bare = tmp_path / "bare"
    bare.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.12;; *ensurepip*) exit 1;; *) exit 0;; esac\n')
    for stub in (old, bare):
        stub.chmod(0o755)
    assert check(sys.executable) == ""
    assert "3.11 or newer" in check("no-such-python")
    assert "is 3.9" in check(str(old))
    assert "apt-get install python3.12-venv" in check(str(bare))


class TestCompose:
    compose: dict[str, Any] = yaml.safe_load(_read(ROOT / "docker-compose.yml"))

    def test_every_service_is_pinned_watched_bounded_and_not_root(self) -> None:
        for name, service in self.compose["services"].items():
            assert re.search(r":v?\d+\.\d+", service["image"]), name
            assert "healthcheck" in service, name
            assert "memory" in service["deploy"]["resources"]["limits"], name
            assert not str(service["user"]).startswith(("0:", "root")), name
            assert service["user"] != "0", name
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name

    def test_only_the_gateway_is_published_beyond_this_machine(self) -> None:
        published = {name: s["ports"] for name, s in self.compose["services"].items() if "ports" in s}
        assert set(published) == {"app", "gateway", "prometheus", "grafana"}
        for name, ports in published.items():
            assert name == "gateway" or all(port.startswith("127.0.0.1:") for port in ports)
        for name in ("inner", "serving", "admin", "watch"):
            assert self.compose["networks"][name]["internal"] is True

    def test_vllm_is_reached_through_its_guard_alone(self) -> None:
        services = self.compose["services"]
        beside = {name for name, s in services.items() if set(s["networks"]) & {"serving"}}
        assert beside == {"vllm", "guard"}
        assert set(services["vllm"]["networks"]) == {"serving", "models"}
        assert {name for name, s in services.items() if "admin" in s["networks"]} == {"guard", "worker"}
        subnet = self.compose["networks"]["admin"]["ipam"]["config"][0]["subnet"]
        assert services["guard"]["environment"]["WENJU_ADAPTER_CLIENTS"] == subnet
        assert services["vllm"]["environment"]["VLLM_ALLOW_RUNTIME_LORA_UPDATING"].endswith(":-0}")

    def test_prometheus_finds_what_it_reads(self) -> None:
        services = self.compose["services"]
        config = yaml.safe_load(_read(ROOT / "deploy" / "prometheus" / "prometheus.yml"))
        reached = set(services["prometheus"]["networks"])
        for job in config["scrape_configs"]:
            by_name = [f"{n}:{sd['port']}" for sd in job.get("dns_sd_configs", []) for n in sd["names"]]
            listed = [t for group in job.get("static_configs", []) for t in group["targets"]]
            assert by_name + listed
            for target in by_name + listed:
                name, _, port = target.partition(":")
                if name in ("localhost", "prometheus"):
                    continue
                assert set(services[name]["networks"]) & reached, f"{target}: no network in common"
                known = {str(v) for v in services[name]["environment"].values()} | {"8501"}
                assert port in known, target
            secret = job.get("authorization", {}).get("credentials_file", "")
            assert not secret or Path(secret).name in services["prometheus"]["secrets"]

    def test_profiles(self) -> None:
        profiles = {name: s.get("profiles", []) for name, s in self.compose["services"].items()}
        assert {name for name, p in profiles.items() if not p} == {"app", "worker", "gateway", "redis"}
        assert {p for found in profiles.values() for p in found} == {"cpu", "gpu", "monitoring", "postgres"}
        default = self.compose["services"]["vllm"]["command"][1]
        name = re.sub(r"\$\{[A-Z_]+:-(.+?)\}", r"\1", default)
        assert (ROOT / "deploy" / "vllm" / Path(name).name).is_file()

    def test_compose_mounts_what_is_there(self) -> None:
        for name, service in self.compose["services"].items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("./"):
                    assert (ROOT / source).exists(), f"{name}: {source}"
                    assert volume.endswith(":ro"), volume
                else:
                    assert source in self.compose["volumes"], f"{name}: {source}"

    def test_what_it_names_is_there(self) -> None:
        services, declared = self.compose["services"], self.compose
        for service in services.values():
            assert set(service.get("secrets", [])) <= declared["secrets"].keys()
            assert set(service["networks"]) <= declared["networks"].keys()
            assert set(service.get("depends_on", {})) <= services.keys()
        assert (ROOT / services["app"]["build"]["dockerfile"]).is_file()
        from rag.settings import Settings

        given = {**services["app"]["environment"], **services["worker"]["environment"]}
        for variable in given:
            head, _, tail = variable.removeprefix("WENJU_").lower().partition("__")
            field = Settings.model_fields[head]
            assert not tail or tail in type(field.default).model_fields, variable

    def test_secrets_are_made_once(self, tmp_path: Path) -> None:
        deploy = tmp_path / "deploy"
        (deploy / "secrets").mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "make_secrets.sh", deploy)

        def make(*options: str) -> dict[str, str]:
            subprocess.run(
                ["bash", str(deploy / "make_secrets.sh"), *options], check=True, capture_output=True
            )
            return {p.name: p.read_text() for p in (deploy / "secrets").iterdir()}

        first = make()
        assert set(first) == set(self.compose["secrets"])
        assert first["wenju_database_url"] == ""
        assert "BEGIN CERTIFICATE" in first["tls.crt"]
        assert json.loads(first["wenju_monitoring"]) == {"metrics_token": first["metrics_token"]}
        password = first["redis_conf"].split()[1]
        assert password in first["wenju_redis_url"]
        assert make() == first
        assert first["postgres_password"] in make("--postgres")["wenju_database_url"]

    def test_secret_files_reach_the_settings(self, tmp_path: Path) -> None:
        from rag.settings import Settings

        (tmp_path / "wenju_redis_url").write_text("redis://:pw@redis:6379/0")
        (tmp_path / "wenju_database_url").write_text("")
        (tmp_path / "wenju_monitoring").write_text('{"metrics_token": "t0"}')
        (tmp_path / "wenju_chat__api_key").write_text("k0\n")
        settings = Settings(_secrets_dir=tmp_path)  # type: ignore[call-arg]
        assert settings.redis_url.get_secret_value() == "redis://:pw@redis:6379/0"
        assert settings.database_url == ""
        assert settings.monitoring.metrics_token.get_secret_value() == "t0"
        assert settings.chat.api_key.get_secret_value() == "k0"


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.models"])
def test_the_image_gets_every_package(name: str) -> None:
    dockerfile = _read(ROOT / "deploy" / name)
    ignored = _read(ROOT / ".dockerignore")
    for package in {package.split(".")[0] for package in PYPROJECT["tool"]["setuptools"]["packages"]}:
        assert f"COPY {package} {package}" in dockerfile
        assert f"!{package}\n" in ignored
    for path in ("constraints.txt", "constraints-models.txt", "scripts/slim.sh"):
        assert path not in dockerfile or f"!{path}\n" in ignored
    assert len(re.findall(r"^FROM python:3\.11\.\d+-slim-bookworm", dockerfile, re.MULTILINE)) == 2
    assert re.search(r"^USER 10001", dockerfile, re.MULTILINE)
    assert ":latest" not in dockerfile
