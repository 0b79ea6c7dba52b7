"""The tools of scripts/deploy_env.sh: hadolint, helm, and the published schemas of compose and Kubernetes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vllm_server import require_or_skip

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("WENJU_DEPLOY_VENV") or ROOT / ".venv-deploy")


def tool(name: str, *arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The finished run of one of them."""
    program = FOLDER / "bin" / name
    if not (FOLDER / ".installed-from").exists() or not program.exists():
        require_or_skip(f"{name} for deploy/", "scripts/deploy_env.sh")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=240
    )
