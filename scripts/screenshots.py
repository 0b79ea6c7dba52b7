"""Pictures of the page for the documentation: the real app, the sample reports, headless Chromium.

    python scripts/screenshots.py [folder]

Starts the app on a free port with an empty data folder and writes PNGs (palette, under 300 KB each) into
docs/images. Needs Chromium (Debian: chromium, fonts-noto-cjk) and the dev extra.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from real_app import FLAGS, running_app  # type: ignore[import-not-found]  # noqa: E402

CITATION = 'a[href*="#cite-"]'
LIMIT_BYTES = 300_000


def save(page: Page, path: Path) -> None:
    page.wait_for_timeout(900)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colors in (256, 128, 64, 32):
        out = io.BytesIO()
        picture.quantize(colors, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() < LIMIT_BYTES:
            break
    path.write_bytes(out.getvalue())
    print(f"{path.name}: {out.tell() // 1024} KB")


def visit(
    browser: Browser, url: str, width: int, lang: str, *, dark: bool = False, height: int = 900
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height if width > 500 else 844},
        locale="zh-CN" if lang == "zh" else "en-US",
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(url)
    page.wait_for_selector("h1")
    return page


def ask(page: Page, question: str) -> None:
    page.fill(".st-key-ask textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector('[class*="st-key-sources-"]')
    page.locator(CITATION).first.click()
    page.wait_for_selector(".st-key-evidence img, .st-key-evidence mark")


def compare(page: Page) -> None:
    """Runs the sample questions twice, searching everywhere and in the right document, and compares them."""
    page.click(".st-key-run-samples button")
    page.wait_for_selector(".st-key-measures", timeout=180_000)  # a run opens by itself when it ends
    page.click(".st-key-all-runs button")
    page.get_by_text("New run", exact=True).click()
    page.wait_for_timeout(2_000)  # a list that opens while the page is drawn anew closes again
    page.click(".st-key-run-systems input")
    page.keyboard.type("right document")
    page.get_by_role("option", name="Answers, right document given").click()
    page.keyboard.press("Escape")
    page.click(".st-key-run-go button")
    page.wait_for_selector(".st-key-all-runs", timeout=180_000)
    page.wait_for_selector(".st-key-measures")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    english = "What was Calder Ridge's gross margin in fiscal 2024?"
    chinese = "云岭精密2024年营业收入是多少？同比增长多少？"
    with (
        tempfile.TemporaryDirectory() as data,
        running_app(Path(data)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = visit(browser, url, 1440, "en")
        page.wait_for_selector(".st-key-samples button")
        save(page, folder / "welcome.png")
        page.click(".st-key-samples button")
        page.wait_for_selector(".st-key-scope")
        page.wait_for_selector(".st-key-suggest-0 button")
        ask(page, english)
        save(page, folder / "chat-evidence.png")
        page = visit(browser, f"{url}/library", 1440, "en")
        page.wait_for_selector(".st-key-library-rows")
        save(page, folder / "library.png")
        page = visit(browser, f"{url}/quality", 1440, "en", height=1150)
        page.wait_for_selector(".st-key-run-samples button")
        compare(page)
        save(page, folder / "quality.png")
        page = visit(browser, f"{url}/readiness", 1440, "en")
        page.wait_for_selector('[class*="st-key-part-"]')
        save(page, folder / "readiness.png")
        page = visit(browser, url, 1440, "zh", dark=True)
        page.wait_for_selector(".st-key-suggest-0 button")
        ask(page, chinese)
        save(page, folder / "chat-zh-dark.png")
        page = visit(browser, url, 390, "zh")
        page.wait_for_selector(".st-key-suggest-0 button")
        save(page, folder / "phone-start-zh.png")
        ask(page, chinese)
        save(page, folder / "phone-evidence-zh.png")
        page = visit(browser, f"{url}/library", 390, "en", dark=True)
        page.wait_for_selector(".st-key-library-rows")
        save(page, folder / "phone-library-dark.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
