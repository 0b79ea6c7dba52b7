"""The real gateway configurations in a real nginx, filled in as the container's start script does."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from servers import _folder, _running, binary, unprivileged

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "deploy" / "gateway"


def certificate(folder: Path, name: str = "localhost") -> Path:
    """``folder``/tls.crt and tls.key, signed by themselves."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@contextmanager
def nginx(kind: str, variables: Mapping[str, object], health_port: int) -> Iterator[Path]:
    """nginx with deploy/gateway/``kind``, as an ordinary user. Yields the file of its log. Only the temporary
    paths differ from the container's; WENJU_TLS_DIR becomes a folder with a certificate for localhost."""
    program = binary("nginx", "nginx", "/usr/sbin")
    prefix, user = unprivileged()
    with _folder() as folder:
        folder.chmod(0o755)
        conf, temporary = folder / "etc", folder / "tmp"
        (conf / "conf.d").mkdir(parents=True)
        temporary.mkdir()
        certificate(conf)
        given = {"WENJU_TLS_DIR": conf, **variables}
        main = (GATEWAY / "nginx.conf").read_text(encoding="utf-8")
        (conf / "nginx.conf").write_text(main.replace("/tmp", str(temporary)), encoding="utf-8")
        parts = [*(GATEWAY / kind).glob("*.template")]
        if kind == "ingress":  # the chart's ConfigMap brings these too
            parts += (GATEWAY / "public").glob("*.inc.template")
        for template in parts:
            words = template.read_text(encoding="utf-8")
            for name, value in given.items():  # as envsubst: only names that are set
                words = words.replace(f"${{{name}}}", str(value))
            assert "${" not in words, f"{template.name}: a variable is not set"
            (conf / "conf.d" / template.stem).write_text(words, encoding="utf-8")
        log = folder / "log"
        log.touch()
        for path in [folder, *folder.rglob("*")] if prefix else []:
            shutil.chown(path, user)
        command = [*prefix, program, "-c", str(conf / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
        with log.open("wb") as out:  # /dev/stdout must be the user's own to open
            checked = subprocess.run([*command, "-t"], stdout=out, stderr=subprocess.STDOUT, check=False)
        assert checked.returncode == 0, log.read_text(encoding="utf-8")

        def ready() -> bool:
            try:
                url = f"http://127.0.0.1:{health_port}/gateway-health"
                return httpx.get(url, timeout=1, trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        pid_file = temporary / "nginx.pid"
        with _running([*command, "-g", "daemon off;"], folder, ready, 15):
            try:
                yield log
            finally:
                if pid_file.exists():  # runuser does not pass on every signal: tell nginx itself
                    subprocess.run(["kill", "-QUIT", pid_file.read_text().strip()], check=False)
                    for _ in range(50):
                        if not pid_file.exists():
                            break
                        time.sleep(0.1)
