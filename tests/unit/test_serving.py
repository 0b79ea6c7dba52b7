"""Serving profiles and load figures: estimates that agree with the files, and timings that tell the truth."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from rag.answer import prompts
from rag.records import Passage
from serving import load
from serving.plan import ServingError, known_shape, plan, read_profile, shape_of_folder

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted((ROOT / "deploy" / "vllm").glob("*.yaml"))
# GiB of one GPU that each profile says it is for.
GPU_GIB = {
    "deepseek-r1-distill-qwen-32b-tp2": 80,
    "deepseek-r1-distill-qwen-7b": 24,
    "qwen3-0.6b": 8,
    "qwen3-32b-awq": 48,
    "qwen3-32b-fp8": 80,
    "qwen3-32b-tp2": 80,
    "qwen3-32b-tp2-pp2": 48,
    "qwen3-8b": 24,
    "qwen3-8b-awq": 16,
    "qwen3-8b-fp8": 24,
    "qwen3-8b-speculative": 24,
}


class TestProfiles:
    def test_each_is_known_here(self) -> None:
        assert {path.stem for path in PROFILES} == GPU_GIB.keys()

    @pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
    def test_each_fits_its_gpu_and_says_how_much(self, path: Path) -> None:
        words = path.read_text(encoding="utf-8")
        found = plan(read_profile(path), GPU_GIB[path.stem])
        assert found.fits
        said = re.search(
            r"([\d.]+) GiB of weights a GPU; (\d+) questions of this length at once, (\d+) of 8,000", words
        )
        assert said, "the reason for max-model-len"
        assert said.groups() == (
            f"{found.weights_gib:.1f}",
            str(found.longest_at_once),
            str(found.questions_at_once),
        )
        head = words.split("\n\n")[0]
        assert re.search(rf"\b{GPU_GIB[path.stem]} GiB", head) or path.stem == "qwen3-8b-speculative"

    @pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
    def test_each_keeps_the_rules(self, path: Path) -> None:
        profile = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert profile["enable-prefix-caching"] is True
        assert profile["trust-remote-code"] is False
        assert profile["enable-log-requests"] is False, "questions belong into the turn log alone"
        assert "api-key" not in profile, "a secret comes from the environment"
        assert "lora-modules" not in profile, "an adapter is loaded by its hash, or by `tune serve-live`"
        reasons = "deepseek_r1" if profile["model"].startswith("deepseek") else "qwen3"
        assert profile["reasoning-parser"] == reasons
        shape = known_shape(profile["model"])
        assert shape
        assert shape.kv_heads % profile.get("tensor-parallel-size", 1) == 0
        assert shape.layers % profile.get("pipeline-parallel-size", 1) == 0
        # A whole prompt and an answer fit, by the app's defaults.
        from rag.settings import ChatSettings

        chat = ChatSettings()
        assert profile["max-model-len"] >= chat.context_tokens + chat.max_tokens + 1000
        assert not ("speculative-config" in profile and "pipeline-parallel-size" in profile)

    def test_all_variants_are_there(self) -> None:
        texts = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PROFILES}
        models = {profile["model"] for profile in texts.values()}
        assert {
            f"Qwen/Qwen3-{size}" for size in ("0.6B", "8B", "32B", "8B-AWQ", "8B-FP8", "32B-FP8")
        } <= models
        assert {f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{size}" for size in ("7B", "32B")} <= models
        for option in ("tensor-parallel-size", "pipeline-parallel-size", "speculative-config", "enable-lora"):
            assert any(option in profile for profile in texts.values()), option

    def test_the_page_of_sizes_is_computed(self) -> None:
        rows = {
            cells[0]: cells
            for line in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").splitlines()
            if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] in GPU_GIB
        }
        assert rows.keys() == GPU_GIB.keys()
        for path in PROFILES:
            found = plan(read_profile(path), GPU_GIB[path.stem])
            gpus = f"{found.gpus} x {found.gpu_gib:g} GiB"
            expected = [
                path.stem,
                gpus,
                f"{found.weights_gib:.1f}",
                str(found.questions_at_once),
                "estimated",
            ]
            assert rows[path.stem] == expected

    def test_too_small_unknown_and_broken(self, tmp_path: Path) -> None:
        big = read_profile(ROOT / "deploy" / "vllm" / "qwen3-32b-tp2.yaml")
        assert not plan(big, 24).fits
        assert plan(big, 24).tokens == 0
        other = big.model_copy(update={"model": "someone/else"})
        with pytest.raises(ServingError, match="--model-dir"):
            plan(other, 80)
        path = tmp_path / "p.yaml"
        for words in ("model: [", "- a", "model: x\n", "model: x\nmax-model-len: many\n"):
            path.write_text(words)
            with pytest.raises(ServingError, match=r"p\.yaml is no serving profile"):
                read_profile(path)
        with pytest.raises(ServingError, match="No such file"):
            read_profile(tmp_path / "none.yaml")

    def test_a_folder_gives_its_own_shape(self, tmp_path: Path) -> None:
        config = {
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "hidden_size": 128,
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ServingError, match=r"no \.safetensors"):
            shape_of_folder(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"x" * 1000)
        shape, size = shape_of_folder(tmp_path)
        assert (shape.layers, shape.kv_heads, shape.head_dim, size) == (2, 2, 32, 1000.0)
        profile = read_profile(PROFILES[0])
        assert plan(profile, 24, tmp_path).kv_kib_per_token == 2 * 2 * 1 * 32 * 2 / 1024

    def test_the_command(self) -> None:
        import cli

        path = str(ROOT / "deploy" / "vllm" / "qwen3-8b.yaml")
        run = CliRunner().invoke
        done = run(cli.app, ["serving", "plan", path, "--json"])
        assert done.exit_code == 0
        assert json.loads(done.stdout)["longest_at_once"] == 2
        small = run(cli.app, ["serving", "plan", path, "--gpu-gib", "16"])
        assert small.exit_code == 3
        assert "does not fit" in small.stderr


def _passage(text: str) -> Passage:
    return load._passage(0, text)


def test_the_stable_part_of_the_prompt_comes_first() -> None:
    """Prefix caching keeps whole blocks from the first token on: two questions over other passages must begin
    alike for the whole wording, and the question must come last."""
    one = prompts.build("What was the revenue?", [_passage("Revenue was 5.")])
    two = prompts.build(
        "Who is the chairman?", [_passage("The chairman is Wang."), _passage("He was elected.")]
    )
    assert one[0] == two[0]
    assert one[0].role == "system"
    assert len(one[0].content) > 400
    assert one[0].content == one[0].content.rstrip()
    for told, question in ((one, "What was the revenue?"), (two, "Who is the chairman?")):
        assert told[-1].content.endswith(question)
        assert question not in told[0].content
    # The same passages under another question: all but the question is computed already.
    again = prompts.build("What was the profit?", [_passage("Revenue was 5.")])
    shared = one[-1].content.split("Question:")[0]
    assert again[-1].content.startswith(shared)


class TestLoad:
    def test_figures_of_known_timings(self) -> None:
        timings = [load.Timing(0.1 * n, 0.1 * n + 0.9, 10) for n in range(1, 11)]
        timings.append(load.Timing(None, 5.0, 0, "Timeout: late"))
        level = load.summarise("t", 4, timings, 10.0)
        assert (level.requests, level.errors) == (11, 1)
        assert level.reasons == (("Timeout: late", 1),)
        assert level.first_p50_ms == pytest.approx(500)
        assert level.first_p95_ms == pytest.approx(1000)
        assert level.between_ms == pytest.approx(100)
        assert level.pieces_per_s == pytest.approx(10)
        assert level.questions_per_s == pytest.approx(1)
        assert load.summarise("t", 1, timings[-1:], 5.0).first_p50_ms is None

    def test_errors_and_empty_replies_are_counted(self) -> None:
        def ask(number: int) -> Iterator[str]:
            if number == 0:
                raise ValueError("no\nroom")
            if number == 1:
                yield ""
                return
            yield "a"
            if number == 2:
                raise ConnectionError("cut")
            yield "b"

        timings, _ = load.drive(ask, range(4), 2)
        assert [t.error for t in timings] == [
            "ValueError: no room",
            "empty reply",
            "ConnectionError: cut",
            "",
        ]
        assert timings[3].pieces == 2

    def test_as_many_at_once_as_asked_and_targets_alternate(self) -> None:
        lock, now, most = threading.Lock(), 0, 0
        order: list[str] = []

        def target(name: str) -> load.Ask:
            def ask(_: int) -> Iterator[str]:
                nonlocal now, most
                with lock:
                    now += 1
                    most = max(most, now)
                    if not order or order[-1] != name:
                        order.append(name)
                time.sleep(0.02)
                yield "x"
                with lock:
                    now -= 1

            return ask

        targets = {"one": target("one"), "two": target("two")}
        found = load.compare(targets, [4], questions=3, requests=4, rounds=2)
        assert most == 4
        assert order == ["one", "two", "one"]
        assert [level.requests for level in found] == [16, 16]
        assert set(load.first_token_ratio(found, "two", "one")) == {4}

    def test_a_ratio_is_ours_over_theirs(self) -> None:
        levels = [
            load.summarise("bare", 1, [load.Timing(0.1, 1, 2)], 1),
            load.summarise("engine", 1, [load.Timing(0.12, 1, 2)], 1),
        ]
        assert load.first_token_ratio(levels, "engine", "bare") == {1: pytest.approx(1.2)}

    def test_made_up_prompts_are_as_long_as_asked_and_differ(self) -> None:
        made = load.made_up_prompts(3, 800)
        texts = {messages[-1].content for messages in made}
        assert len(texts) == 3
        assert all(700 < prompts.estimate_tokens(text) < 1200 for text in texts)
        assert made == load.made_up_prompts(3, 800)
