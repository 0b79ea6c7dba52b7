"""Accounts as people meet them: the first admin, a wrong password, an analyst who lacks a collection."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import Settings
from tests.real_app import ROOT, running_app

PASSWORD = "four words make one"


@dataclass
class Site:
    url: str
    folder: Path
    once: str  # the first admin's one-time password, as the terminal told it


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("accounts")
    with running_app(folder, WENJU_ACCOUNTS__MODE="on") as url:
        said = (folder / "app.log").read_text()
        found = re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", said)
        assert len(found) == 1
        assert "admin" in said
        settings = Settings(data_dir=folder / "data", accounts={"mode": "on"})  # type: ignore[arg-type]
        with Engine.open(settings) as engine:  # a second process on the same library
            for name, text in (
                ("Open", "The code word of the open shelf is marigold."),
                ("Secret", "The code word of the secret shelf is obsidian."),
            ):
                engine.create_collection(name)
                engine.add_document(f"{name} report.md", f"# {name}\n\n{text}\n".encode(), collection=name)
            IngestService(engine.store, settings, engine.embedding()).run_until_idle()
            ann, once = engine.create_user("ann", shown_name="Ann Analyst")
            engine.change_password(ann, once, PASSWORD)
            engine.share_collection(engine.find_collection("Open").id, ann.id)
        yield Site(url, folder, found[0])


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_first_admin_chooses_a_password_and_adds_a_user(site: Site, visit: Callable[..., Page]) -> None:
    page = visit(site.url)
    expect(page).to_have_url(re.compile("/auth/sign-in"))
    sign_in(page, "admin", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    sign_in(page, "admin", site.once)
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    page.get_by_label("Present password").fill(site.once)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("link", name="People").click()
    expect(page.get_by_text("Ann Analyst")).to_be_visible()
    page.get_by_role("button", name="Add a user").first.click()
    page.get_by_label("Name to sign in with").fill("ben")
    page.get_by_role("button", name="Add a user").last.click()
    expect(page.get_by_text("One-time password of ben")).to_be_visible()
    assert page.evaluate("document.cookie").count("wenju_session") == 0  # no script can read it
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/auth/sign-in"))


def test_an_analyst_sees_only_what_is_shared(site: Site, visit: Callable[..., Page]) -> None:
    page = visit(f"{site.url}/library")
    sign_in(page, "ann", PASSWORD)
    expect(page).to_have_url(re.compile("/library"))  # where they wanted to go
    expect(page.get_by_text("Open report.md")).to_be_visible()
    expect(page.get_by_text("Secret report.md")).to_have_count(0)
    expect(page.get_by_text("You may read these collections")).to_be_visible()
    expect(page.get_by_role("link", name="People")).to_have_count(0)
    page.goto(f"{site.url}/people")
    expect(page.get_by_role("heading", name="People")).to_have_count(0)
    page.goto(site.url)
    asked = page.get_by_test_id("stChatInputTextArea")
    asked.fill("What is the code word of the secret shelf?")
    asked.press("Enter")
    expect(page.locator('[class*="st-key-a-"]').first).to_be_visible()
    page.wait_for_timeout(1500)
    assert "obsidian" not in page.content()
    asked.fill("What is the code word of the open shelf?")
    asked.press("Enter")
    expect(page.get_by_text("marigold").first).to_be_visible()
    # Taken away while the page is open: the next look at the conversation shows it no more.
    command = [sys.executable, "-m", "cli", "collections", "unshare", "Open", "ann"]
    environment = {**os.environ, "WENJU_ACCOUNTS__MODE": "on", "PYTHONPATH": str(ROOT)}
    folder = ["--data-dir", str(site.folder / "data")]
    subprocess.run([*command, *folder], check=True, env=environment, cwd=site.folder, capture_output=True)
    page.reload()
    expect(page.get_by_text("documents that you may not see any more").first).to_be_visible()
    assert "marigold" not in page.content()


def test_on_a_phone_in_chinese(site: Site, visit: Callable[..., Page]) -> None:
    page = visit(site.url, width=390, locale="zh-CN")
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
