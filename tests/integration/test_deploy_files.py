"""Compose, images and their commands, judged by published schemas and linters and by running them here.

Each judge is shown something wrong too: one that lets everything pass is no judge.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_tools import ROOT, tool
from servers import _folder, _running, binary, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FILLED = {
    "APP": "upstream.internal:8000",
    "VLLM": "upstream.internal:8000",
    "SERVER_NAME": "wenju.example",
    "TLS_DIR": "/run/secrets",
    "HTTPS_PORT": "8443",
    "HTTP_PORT": "8080",
    "GUARD_PORT": "8001",
    "ADAPTER_PORT": "8002",
    "METRICS_PORT": "8003",
    "ADAPTER_CLIENTS": "10.0.0.0/28",
    "MAX_UPLOAD": "210m",
    "API_RATE": "20r/s",
    "INGRESS_CLIENTS": "10.0.0.0/8",
    "INSIDE_PORT": "8081",
}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def test_compose_is_what_the_compose_specification_says(tmp_path: Path) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = tool("check-jsonschema", *schema, ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text("utf-8").replace("read_only:", "read_ony:"))
    assert tool("check-jsonschema", *schema, wrong).returncode != 0


def test_images_pass_the_linter(tmp_path: Path) -> None:
    files = sorted((ROOT / "deploy").glob("Dockerfile*"))
    assert len(files) == 2
    done = tool("hadolint", *files)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python:latest\nRUN cd /tmp && pip install x\n")
    assert "DL3007" in tool("hadolint", wrong).stdout


def test_gateways_pass_the_linter(tmp_path: Path) -> None:
    """gixy: header injection, host spoofing, alias traversal and their kin."""
    for kind in ("public", "guard", "ingress"):
        folder = tmp_path / kind
        (folder / "conf.d").mkdir(parents=True)
        (folder / "nginx.conf").write_text((ROOT / "deploy/gateway/nginx.conf").read_text("utf-8"))
        parts = [*(ROOT / "deploy" / "gateway" / kind).glob("*.template")]
        if kind == "ingress":
            parts += (ROOT / "deploy" / "gateway" / "public").glob("*.inc.template")
        for template in parts:
            words = template.read_text("utf-8")
            for name, value in FILLED.items():
                words = words.replace(f"${{WENJU_{name}}}", value)
            (folder / "conf.d" / template.stem).write_text(words)
        # Host as it came: other names than the server's are refused before (test_gateway.py). Buffering is
        # off because tokens are shown as they come.
        skipped = "host_spoofing,proxy_buffering_off"
        done = tool("gixy", "-l", "-l", "--skips", skipped, folder / "nginx.conf")
        assert done.returncode == 0, done.stdout
        assert "[nginx_parser]\tERROR" not in done.stderr
    wrong = tmp_path / "wrong.conf"
    wrong.write_text("http { server { location /a { return 302 https://$host$uri; } } }")
    assert tool("gixy", wrong).returncode != 0


def test_redis_starts_by_its_own_command_and_its_check_tells(tmp_path: Path) -> None:
    service = COMPOSE["services"]["redis"]
    binary("redis-server", "redis-server", "/usr/bin")
    port = free_port()
    secret = tmp_path / "redis_conf"
    secret.write_text("requirepass s3cret\n")

    def here(words: str) -> str:
        words = words.replace("$$", "$").replace("/run/secrets/redis_conf", str(secret))
        return words.replace("redis-cli", f"redis-cli -p {port}")

    check = here(service["healthcheck"]["test"][1])
    assert subprocess.run(["sh", "-c", check], capture_output=True, check=False).returncode != 0
    command = here(service["command"][2]) + f" --port {port} --bind 127.0.0.1 --dir {tmp_path}"

    def ready() -> bool:
        return subprocess.run(["sh", "-c", check], capture_output=True, check=False).returncode == 0

    with _folder() as folder, _running(["sh", "-c", command], folder, ready, 15):
        refused = subprocess.run(
            ["redis-cli", "-p", str(port), "ping"], capture_output=True, text=True, check=False
        )
        assert "NOAUTH" in refused.stdout
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert f"127.0.0.1:{port}" in listed
        assert "s3cret" not in listed, "the password shows in no process list"


def test_make_secrets_makes_a_certificate_that_nginx_takes(tmp_path: Path) -> None:
    program = binary("nginx", "nginx", "/usr/sbin")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("helm", "tls.*"))
    subprocess.run(["bash", str(tmp_path / "deploy" / "make_secrets.sh")], check=True, capture_output=True)
    folder = tmp_path / "deploy" / "secrets"
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        "pid pid; error_log stderr; events {} http { access_log off; server { listen 127.0.0.1:8443 ssl; "
        f"ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key; }} }}"
    )
    command = [program, "-t", "-c", str(conf), "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
