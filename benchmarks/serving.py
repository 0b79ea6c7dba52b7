"""What the app adds to a bare chat endpoint: time to the first token, on a real vLLM (CPU build).

    python -m benchmarks.serving [--layers 2 --hidden 128] [--concurrency 1,8,32] [--apart] [--rules]

Takes in the sample reports, makes a random Qwen3 whose tokenizer knows their words, serves it with vLLM and
asks the sample questions in alternating rounds: the prompts that the app would send straight to the endpoint,
and the questions through the app (understanding, retrieval, prompt, checks). Prefix caching is off: real
questions share no passages, and the second asking of a prompt would find it computed. ``--layers`` and
``--hidden`` make reading a prompt take as long as on the server that you have in mind (see the bare time).
``--apart`` gives vLLM the first core and everything else the others, as machines of their own would. With
``--rules`` the compliance rules stay on, and each sentence is shown when it is whole: the first token is then
the first sentence's last, which says more of the model than of the app.
Needs scripts/vllm-cpu-env.sh install (WENJU_VLLM_VENV names another folder).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--concurrency", default="1,8,32")
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=16)
    parser.add_argument("--context-tokens", type=int, default=2000)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of `finally`: vLLM ends too
    with tempfile.TemporaryDirectory(prefix="wenju-bench-") as folder:
        measure(Path(folder), wanted)


def measure(folder: Path, wanted: argparse.Namespace) -> None:
    from vllm_server import vllm_server

    from rag.engine import Engine
    from rag.settings import load_settings

    environment = {
        **os.environ,
        "WENJU_DATA_DIR": str(folder / "data"),
        "WENJU_CHAT__CONTEXT_TOKENS": str(wanted.context_tokens),
        # A random model at temperature 0 says the prompt's last token for ever.
        "WENJU_CHAT__TEMPERATURE": "1.0",
        "WENJU_CHAT__TOTAL_TIMEOUT_S": "600",
        "WENJU_CHAT__FIRST_TOKEN_TIMEOUT_S": "300",
    }
    wenju = [sys.executable, "-m", "cli"]
    subprocess.run(
        [*wenju, "ingest", str(ROOT / "samples" / "reports")], check=True, env=environment, cwd=ROOT
    )
    with Engine.open(load_settings(data_dir=folder / "data")) as engine:
        for rule in engine.rules():
            engine.change_rule(rule.id, active=wanted.rules and rule.active)
        words = "\n".join(engine.store.document_text(document.id) for document in engine.documents())
    served, others = _cores(wanted.apart)
    options = [
        "--max-num-seqs", "32", "--max-model-len", "8192", "--no-enable-prefix-caching",
        "--max-num-batched-tokens", "2048",
    ]  # fmt: skip
    size = ["--layers", str(wanted.layers), "--hidden", str(wanted.hidden), "--positions", "8192", "--flat"]
    os.sched_setaffinity(0, served)
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, sorted(served)))
    with vllm_server(folder, *options, words=words, size=size) as url:
        os.sched_setaffinity(0, others)
        command = [
            *wenju, "bench", "serving", "--base-url", url, "--overhead", "--concurrency", wanted.concurrency,
            "--requests", str(wanted.requests), "--rounds", str(wanted.rounds),
            "--max-tokens", str(wanted.max_tokens),
        ]  # fmt: skip
        if wanted.json is None:
            done = subprocess.run(command, env=environment, cwd=ROOT, check=False)
        else:
            with wanted.json.open("w", encoding="utf-8") as out:
                command.append("--json")
                done = subprocess.run(command, env=environment, cwd=ROOT, stdout=out, check=False)
    sys.exit(done.returncode)


def _cores(apart: bool) -> tuple[set[int], set[int]]:
    """(vLLM's cores, everyone else's)."""
    there = sorted(os.sched_getaffinity(0))
    if not apart or len(there) < 2:
        return set(there), set(there)
    return set(there[:1]), set(there[1:])


if __name__ == "__main__":
    main()
