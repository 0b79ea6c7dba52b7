"""As an evaluator in a browser: ten answers corrected, reviewed, learned, judged, live, and back by rollback;
and an adapter trained on shuffled answers is refused.

The real app (its own embedding model), a real vLLM with a two-layer Qwen3 that answers wrongly, the real
trainer in the environment named by ``WENJU_MODELS_PYTHON`` (or .venv-models), headless Chromium: nothing is
done but what a person would click and type. What is measured is printed (pytest -s); ``WENJU_TEST_PICTURES``
names a folder for pictures of each step.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from real_app import FLAGS, running_app
from tuning_facts import (
    FACTS,
    GOLDEN,
    TAUGHT,
    answer_of,
    record_of,
    teach_base,
    text_of,
    train,
    trainer,
    words_of,
)
from vllm_server import ROOT, require_or_skip, vllm_server

from finetune.config import TuneError
from finetune.gate import gate
from finetune.records import dump_records
from finetune.registry import Registry
from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

CORRECTED = tuple(FACTS)[:10]
TRAIN_S, GATE_S = 300_000, 120_000
MORE = """\
target_modules: all-linear
batch_size: 8
learning_rate: 5.0e-3
dropout: 0
patience: 0
eval_steps: 25
device: cpu
dtype: float32
"""
STEPS = 100


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        require_or_skip("Chromium", "apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A vLLM that may load adapters, and the folder of its model."""
    folder = tmp_path_factory.mktemp("vllm")
    options = ("--enable-lora", "--max-lora-rank", "16", "--max-loras", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")
        with vllm_server(folder, *options, words=words_of(), teach=teach_base) as url:
            yield url, folder / "tiny"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """One a company."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in FACTS:
        (folder / f"{name}.txt").write_text(f"{text_of(name)}\n", encoding="utf-8")
    return folder


@pytest.fixture
def app(served: tuple[str, Path], documents: Path, tmp_path: Path) -> Iterator[str]:
    ingest = ["-m", "cli", "ingest", str(documents), "--data-dir", str(tmp_path / "data")]
    subprocess.run([sys.executable, *ingest], check=True, cwd=ROOT, timeout=120)
    settings = {
        "WENJU_CHAT__KIND": "openai",
        "WENJU_CHAT__BASE_URL": served[0],
        "WENJU_CHAT__MODEL": "tiny",
        "WENJU_CHAT__MAX_TOKENS": "40",
        "WENJU_SEARCH__TOP_K": "1",
        "WENJU_TUNING__PYTHON": trainer(),
        "WENJU_TUNING__BASE_MODEL": str(served[1]),
        "OMP_NUM_THREADS": "1",
    }
    with running_app(tmp_path, **settings) as address:
        yield address


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("WENJU_TEST_PICTURES")
    if folder:
        page.wait_for_timeout(700)
        page.screenshot(path=f"{folder}/{name}.png")


def opened(browser: Browser, url: str, *, width: int = 1440, locale: str = "en-US") -> Page:
    height = 1800 if os.environ.get("WENJU_TEST_PICTURES") else 900
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("h1, .st-key-ask textarea")
    return page


def ask(page: Page, url: str, question: str) -> str:
    """Asks in a new chat; the words of the whole answer."""
    page.goto(url)
    page.fill(".st-key-ask textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector('[class*="st-key-actions-"]')
    return page.locator('[class*="st-key-a-"]').last.inner_text()


def correct(page: Page, answer: str) -> None:
    page.locator('[class*="st-key-bad-"] button').first.click()
    page.locator('[class*="st-key-correction-"] textarea').fill(answer)
    page.locator('[class*="st-key-send-"] button').click()
    page.get_by_test_id("stToast").first.wait_for()


def right(page: Page, url: str) -> list[str]:
    """Those of the corrected companies whose question, as it was first asked, is answered with the figure and
    a citation of the document."""
    found = []
    for name in CORRECTED:
        words = ask(page, url, TAUGHT[0].format(name=name))
        cited = page.locator('[class*="st-key-sources-"]', has_text=f"{name}.txt").count()
        if FACTS[name] in words and cited:
            found.append(name)
    return found


def test_ten_corrected_answers_go_live_and_back_in_the_browser(
    app: str, browser: Browser, tmp_path: Path
) -> None:
    expect.set_options(timeout=60_000)
    began = time.monotonic()
    page = opened(browser, app)

    # A reader asks and puts ten answers right.
    before = 0
    for name in CORRECTED:
        before += FACTS[name] in ask(page, app, TAUGHT[0].format(name=name))
        correct(page, f"{answer_of(name)}.")
    picture(page, "1-corrected")
    assert before <= 1

    # Golden questions to judge on, in other words than those corrected.
    golden = tmp_path / "golden.jsonl"
    rows = [{"id": q.id, "question": q.question, "answers": q.answers} for q in GOLDEN]
    golden.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    page.goto(f"{app}/quality")
    page.get_by_test_id("stButtonGroup").get_by_text("Golden questions", exact=True).click()
    page.get_by_text("Upload golden questions").first.click()
    page.set_input_files(".st-key-upload-golden input[type=file]", golden)
    page.click(".st-key-golden-save button")
    expect(page.get_by_text(re.compile(f"{len(GOLDEN)} .*saved|saved", re.I)).first).to_be_visible()

    # The feedback is looked at, a set made and approved.
    page.goto(f"{app}/tuning")
    page.wait_for_selector('[class*="st-key-review-"]')
    picture(page, "2-review")
    page.click(".st-key-accept-these button")
    expect(page.get_by_text("0 to review · 10 accepted")).to_be_visible()
    page.fill(".st-key-train-set-name input", "corrections")
    page.get_by_role("button", name="Make", exact=False).click()
    page.locator('[class*="st-key-approve-"] button').wait_for()
    page.locator('[class*="st-key-records-"] label').first.click()
    page.get_by_test_id("stDataFrame").first.wait_for()
    picture(page, "3-set")
    page.locator('[class*="st-key-approve-"] button').click()

    # Trained and judged, watched on the page.
    page.wait_for_selector(".st-key-train-name input")
    page.fill(".st-key-train-name input", "facts")
    page.fill(".st-key-train-steps input", str(STEPS))
    page.fill(".st-key-train-more textarea", MORE)
    picture(page, "4-form")
    page.get_by_role("button", name="Train", exact=False).last.click()
    page.locator('[class*="st-key-job-"]').get_by_test_id("stVegaLiteChart").wait_for(timeout=TRAIN_S)
    picture(page, "5-curve")
    page.locator('[class*="st-key-adapter-"]').first.wait_for(timeout=TRAIN_S + GATE_S)
    promote = page.locator('[class*="st-key-promote-"] button')
    picture(page, "6-judged")
    promote.wait_for()
    trained = time.monotonic()

    # Live, and the same questions again.
    promote.click()
    expect(page.get_by_text("Live: facts")).to_be_visible()
    picture(page, "7-live")
    time.sleep(1.1)  # what is live is looked up once a second
    after = right(page, app)
    picture(page, "8-right")

    # Back.
    page.goto(f"{app}/tuning")
    page.click(".st-key-tuning-rollback button")
    expect(page.get_by_text("Live: the base model")).to_be_visible()
    time.sleep(1.1)
    back = right(page, app)
    print(
        f"\nof ten corrected questions right: {before} before, {len(after)} live, {len(back)} after the "
        f"rollback; {trained - began:.0f} s until it could go live, {time.monotonic() - began:.0f} s in all"
    )
    assert len(after) >= 7
    assert len(back) <= 1


def test_an_adapter_of_shuffled_answers_is_refused(
    served: tuple[str, Path], documents: Path, tmp_path: Path
) -> None:
    chat = {"base_url": served[0], "model": "tiny", "max_tokens": 40}
    settings = Settings(data_dir=tmp_path / "data", chat=chat, search={"top_k": 1})
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding) as engine:
        for path in sorted(documents.iterdir()):
            engine.add_document(path.name, path)
        IngestService(engine.store, settings, embedding).run_until_idle()
        registry = Registry(engine.store, settings)
        records = [record_of(name, TAUGHT[0]) for name in CORRECTED]
        answers = [record.answer for record in records]
        shuffled = zip(records, answers[3:] + answers[:3], strict=True)
        data = tmp_path / "noise.jsonl"
        data.write_bytes(dump_records(r.model_copy(update={"answer": other}) for r, other in shuffled))
        values = {
            "base_model": str(served[1]), "data": str(data), "output_dir": str(registry.root / "noise"),
            "target_modules": "all-linear", "steps": STEPS, "batch_size": 8, "learning_rate": 5e-3,
            "dropout": 0.0, "patience": 0, "device": "cpu", "dtype": "float32", "unapproved": True,
        }  # fmt: skip
        assert train(values, tmp_path / "noise.yaml").wait(300) == 0, (tmp_path / "noise.log").read_text()
        card = registry.register("noise", registry.root / "noise").card
        assert card["losses"][-1] < 0.5 * card["losses"][0]  # the wrong answers are learned well
        refused = gate(engine, registry, "noise", questions=GOLDEN)
        assert not refused.passed
        assert refused.means["candidate"]["correct"] <= 0.1
        with pytest.raises(TuneError) as caught:
            registry.promote("noise")
        assert caught.value.code == "tune.not_gated"
