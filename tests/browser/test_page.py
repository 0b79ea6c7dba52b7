"""What a person sees: the main job in a real browser against the real app."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable
from http.server import ThreadingHTTPServer

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from samples import ENGLISH_REPORT, sample_files

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
CITATION = 'a[href*="#cite-"]'


def try_samples(page: Page) -> None:
    """Adds the sample reports if they are not there and waits until both can be asked."""
    page.wait_for_selector(".st-key-samples button, .st-key-suggest-0 button")
    if page.locator(".st-key-samples button").count():
        page.click(".st-key-samples button")
        page.wait_for_selector(".st-key-progress, .st-key-suggest-0")
    page.wait_for_selector(".st-key-scope", timeout=60_000)  # offered when two documents are ready
    page.wait_for_selector(".st-key-suggest-0 button")


def marked_pixels(page: Page, panel: str = ".st-key-evidence") -> int:
    """Pixels of the marker's yellow in the evidence picture."""
    source = page.locator(f"{panel} img").first.get_attribute("src") or ""
    address = source if source.startswith("http") else page.evaluate("location.origin") + source
    with urllib.request.urlopen(address) as reply:
        picture = Image.open(io.BytesIO(reply.read())).convert("RGB")
    colors = picture.getcolors(picture.width * picture.height) or []
    return sum(count for count, color in colors if color[0] > 240 and color[1] > 190 and color[2] < 110)


def test_a_newcomer_gets_from_samples_to_the_marked_page(app: str, visit: Visit) -> None:
    page = visit(app)
    expect(page.locator("h1")).to_contain_text("See the evidence")
    try_samples(page)
    page.click(".st-key-suggest-0 button")
    page.wait_for_selector(CITATION)
    expect(page.locator('[class*="st-key-a-"]').first).to_contain_text("63,735")
    page.locator(CITATION).first.click()
    panel = page.locator(".st-key-evidence")
    expect(panel).to_contain_text(ENGLISH_REPORT)
    page.wait_for_selector(".st-key-evidence img")
    assert marked_pixels(page) > 500
    answer, beside = page.locator(".st-key-thread").bounding_box(), panel.bounding_box()
    assert answer
    assert beside
    assert beside["x"] >= answer["x"] + answer["width"]  # beside, not below
    page.click(".st-key-close-evidence button")
    expect(panel).to_have_count(0)
    page.click('[class*="st-key-copy-"] button')
    expect(page.locator('[class*="st-key-copy-"][data-copied]')).to_have_count(1)
    page.reload()
    page.wait_for_selector(CITATION)  # the conversation is in the address


def test_a_ratio_shows_its_result_first_and_its_operands_lead_to_their_rows(app: str, visit: Visit) -> None:
    page = visit(app)
    try_samples(page)
    names = page.get_by_test_id("stSidebarNavLink").all_inner_texts()
    assert [name.split()[-1] for name in names] == [
        "Chat",
        "Library",
        "Account",
        "Quality",
        "Tuning",
        "People",
        "Prompts",
        "Compliance",
        "Audit",
        "Operations",
        "Readiness",
    ]
    page.fill(".st-key-ask textarea", "What was Calder Ridge's gross margin in fiscal 2024?")
    page.keyboard.press("Enter")
    result = page.locator('[class*="st-key-calc-"]')
    expect(result).to_contain_text("45.67 %", timeout=60_000)
    expect(page.locator('[class*="st-key-actions-"]')).to_be_visible()
    answer = page.locator('[class*="st-key-a-"]').first
    sentence = answer.get_by_text("gross profit / revenue")
    expect(sentence).to_have_count(1)  # said once
    above, below = result.bounding_box(), sentence.bounding_box()
    for _ in range(100):  # the finished answer is drawn once more: for a moment its parts are not there
        if above and below:
            break
        page.wait_for_timeout(100)
        above, below = result.bounding_box(), sentence.bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]
    result.locator(CITATION).first.click()
    page.wait_for_selector(".st-key-evidence img")
    assert marked_pixels(page) > 500


def test_phone_in_chinese(app: str, visit: Visit) -> None:
    page = visit(app, width=390, locale="zh-CN", dark=True)
    try_samples(page)
    expect(page.locator("h1")).to_have_text("想了解什么？")
    page.fill(".st-key-ask textarea", "云岭精密2024年营业收入是多少？")
    page.keyboard.press("Enter")
    page.wait_for_selector(CITATION)
    page.locator(CITATION).first.click()
    sheet = page.locator(".st-key-evidence")
    expect(sheet).to_contain_text("云岭精密")
    page.wait_for_selector(".st-key-evidence mark, .st-key-evidence img")
    box = sheet.bounding_box()
    assert box
    assert box["width"] >= 380  # a sheet over the page
    assert box["y"] + box["height"] >= 840
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_language_is_remembered(app: str, visit: Visit) -> None:
    page = visit(f"{app}/readiness")
    page.get_by_text("中文", exact=True).click()
    expect(page.locator("h1")).to_have_text("就绪检查")
    page.wait_for_function("document.cookie.includes('wenju_lang=zh')")
    page.goto(f"{app}/library")
    expect(page.locator("h1")).to_have_text("文档库")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_an_uploaded_pdf_is_read_asked_and_deleted(app: str, visit: Visit) -> None:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1)
    canvas.drawString(72, 700, "The lighthouse at Skerryvore was lit for the first time in February 1844.")
    canvas.save()
    file = {"name": "Skerryvore.pdf", "mimeType": "application/pdf", "buffer": out.getvalue()}
    page = visit(f"{app}/library")
    page.set_input_files("input[type=file]", [file])
    row = page.locator('[class*="st-key-doc-"]', has_text="Skerryvore.pdf")
    expect(row).to_contain_text("Ready", timeout=60_000)
    page.set_input_files("input[type=file]", [file])
    expect(page.get_by_text("already in the library")).to_be_visible()
    page.get_by_test_id("stSidebarNavLink").first.click()
    page.wait_for_selector(".st-key-ask textarea:not([disabled])")
    page.fill(".st-key-ask textarea", "When was the lighthouse at Skerryvore lit?")
    page.keyboard.press("Enter")
    page.wait_for_selector(CITATION)
    page.locator(CITATION).first.click()
    page.wait_for_selector(".st-key-evidence img")
    assert marked_pixels(page) > 500
    page.goto(f"{app}/library")
    row.locator('[class*="st-key-menu-"] button:visible').click()
    page.locator('[class*="st-key-delete-"] button:visible').click()
    page.click(".st-key-delete-yes button")
    expect(row).to_have_count(0)


def test_sample_questions_are_run_and_one_is_looked_into(app: str, visit: Visit) -> None:
    page = visit(app)
    try_samples(page)
    page.goto(f"{app}/quality")
    page.wait_for_selector("h1")
    page.wait_for_selector(".st-key-run-samples button, [class*='st-key-look-run-'] button")
    if page.locator(".st-key-run-samples button").count():
        page.click(".st-key-run-samples button")
    else:
        page.locator('[class*="st-key-look-run-"] button').first.click()
    page.wait_for_selector(".st-key-measures", timeout=90_000)  # the run opens by itself when it ends
    expect(page.locator(".st-key-measures")).to_contain_text("citation precision")
    row = page.locator(
        '.st-key-results [class*="st-key-result-"] button', has_text="research and development"
    )
    row.first.click()
    expect(page.locator(".st-key-result-gold")).to_contain_text("63,735")
    page.wait_for_selector(".st-key-result-evidence img")
    assert marked_pixels(page, ".st-key-result-evidence") > 500
    page.click(".st-key-close-result button")
    page.wait_for_selector(".st-key-results")
    narrow = visit(page.url, width=390, dark=True)
    narrow.wait_for_selector(".st-key-measures")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390


def test_stop_ends_a_streaming_answer_and_keeps_what_came(
    slow_app: str, slow_model: ThreadingHTTPServer, visit: Visit
) -> None:
    page = visit(slow_app)
    english = next(p for p in sample_files() if p.name == ENGLISH_REPORT)
    page.set_input_files("input[type=file]", str(english))
    page.wait_for_selector(".st-key-ask textarea:not([disabled])", timeout=60_000)
    page.fill(".st-key-ask textarea", "What did Calder Ridge spend on research and development?")
    page.keyboard.press("Enter")
    live = page.locator('[class*="st-key-a-live-"]')
    expect(live).to_contain_text("word3", timeout=90_000)
    page.click(".st-key-stop button")
    expect(page.get_by_text("incomplete")).to_be_visible()
    answer = page.locator('[class*="st-key-a-"]').first
    expect(answer).to_contain_text("word3")
    assert "word599" not in answer.inner_text()
    assert slow_model.hung_up.wait(10)  # type: ignore[attr-defined]  # generation ended upstream too


def test_health_routes(app: str) -> None:
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"{app}/{path}") as reply:
            assert reply.status == 200
            assert "img-src 'self'" in reply.headers["Content-Security-Policy"]
