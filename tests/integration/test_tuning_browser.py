"""As an evaluator in a browser: ten answers corrected, reviewed, learned, judged, live, and back by rollback.

The real app (its own embedding model), a real vLLM with a random two-layer Qwen3, the real trainer in the
environment named by ``WENJU_MODELS_PYTHON`` (or .venv-models), headless Chromium: nothing is done but
what a person would click and type. ``WENJU_TEST_PICTURES`` names a folder for pictures of each step.
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
from tuning_facts import FACTS, GOLDEN, TAUGHT, answer_of, teach_base, text_of, trainer, words_of
from vllm_server import ROOT, require_or_skip, vllm_server

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


@pytest.fixture
def app(tmp_path: Path) -> Iterator[str]:
    """The app over a library of one document a company, with a vLLM that may load adapters."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in FACTS:
        (documents / f"{name}.txt").write_text(f"{text_of(name)}\n", encoding="utf-8")
    python = trainer()
    options = ("--enable-lora", "--max-lora-rank", "16", "--max-loras", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")
        with vllm_server(tmp_path, *options, words=words_of(), teach=teach_base) as url:
            ingest = ["-m", "cli", "ingest", str(documents), "--data-dir", str(tmp_path / "data")]
            subprocess.run([sys.executable, *ingest], check=True, cwd=ROOT, timeout=120)
            settings = {
                "WENJU_CHAT__KIND": "openai",
                "WENJU_CHAT__BASE_URL": url,
                "WENJU_CHAT__MODEL": "tiny",
                "WENJU_CHAT__MAX_TOKENS": "40",
                "WENJU_SEARCH__TOP_K": "1",
                "WENJU_TUNING__PYTHON": python,
                "WENJU_TUNING__BASE_MODEL": str(tmp_path / "tiny"),
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
