"""The serving profiles, read by vLLM itself: every option exists, every value is one that it takes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from vllm_server import INSTALLED, ROOT, require_or_skip

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PROFILES = sorted((ROOT / "deploy" / "vllm").glob("*.yaml"))
PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.reasoning import ReasoningParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser())
for path in sys.argv[1:]:
    args = parser.parse_args(["--config", path])
    validate_parsed_serve_args(args)
    ReasoningParserManager.get_reasoning_parser(args.reasoning_parser)
    names = ("model", "tensor_parallel_size", "pipeline_parallel_size", "enable_lora", "max_lora_rank",
             "enable_prefix_caching", "quantization", "max_model_len", "speculative_config",
             "trust_remote_code")
    print("PROFILE", json.dumps({"path": path, **{name: getattr(args, name) for name in names}}))
"""


def _parse(*paths: Path) -> subprocess.CompletedProcess[str]:
    python = INSTALLED.parent / "bin" / "python"
    if not python.exists():
        require_or_skip("the CPU build of vLLM", "scripts/vllm-cpu-env.sh install")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [python, "-c", PARSE, *paths],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment,
        cwd=INSTALLED.parent,
    )


def test_vllm_reads_every_profile_and_no_misspelt_one(tmp_path: Path) -> None:
    import yaml

    done = _parse(*PROFILES)
    assert done.returncode == 0, done.stderr[-3000:]
    read = {
        Path(line["path"]).stem: line
        for line in (json.loads(x[8:]) for x in done.stdout.splitlines() if x.startswith("PROFILE "))
    }
    assert read.keys() == {path.stem for path in PROFILES}
    for path in PROFILES:
        given, taken = yaml.safe_load(path.read_text("utf-8")), read[path.stem]
        for option in (
            "model",
            "tensor-parallel-size",
            "pipeline-parallel-size",
            "max-model-len",
            "quantization",
        ):
            if option in given:
                assert taken[option.replace("-", "_")] == given[option], (path.stem, option)
        assert taken["enable_prefix_caching"] is True
        assert taken["trust_remote_code"] is False
        assert bool(taken["enable_lora"]) == given.get("enable-lora", False)
        assert (taken["speculative_config"] or {}) == given.get("speculative-config", {})

    # The positive control: the same parser refuses what it does not know.
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(PROFILES[0].read_text("utf-8") + "enable-prefix-cashing: yes please\n")
    refused = _parse(wrong)
    assert refused.returncode != 0
    assert "enable-prefix-cashing" in refused.stderr
