"""The People and Account pages over a real Engine with accounts, as an admin and as an analyst."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag import passwords
from rag.engine import Engine
from rag.records import User
from rag.settings import AccountsSettings, Settings
from ui import boot, sign_in

PASSWORD = "four words make one"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    with Engine.open(Settings(data_dir=tmp_path, accounts=AccountsSettings(mode="on"))) as opened:
        boot.install(boot.House(engine=opened))
        yield opened
        boot.install(None)


def person(engine: Engine, name: str, *roles: str) -> User:
    user, once = engine.create_user(name, roles=roles)
    return engine.change_password(user, once, PASSWORD)


def shown(page: str, user: User | None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(sign_in, "user_of", lambda engine: user)
    monkeypatch.setattr("ui.account.user_of", lambda engine: user)
    script = f"from ui import {page}\n{page}.page()\n"
    return AppTest.from_string(script, default_timeout=30).run()


def words(at: AppTest) -> str:
    return "\n".join(
        str(e.value) for kind in ("markdown", "caption", "error", "code", "info") for e in at.get(kind)
    )


def test_an_admin_adds_somebody_and_keeps_an_admin(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    root = person(engine, "root", "admin")
    at = shown("people", root, monkeypatch)
    assert not at.exception
    at.text_input("new-user-name").set_value("ann")
    at.button("new-user-add").click()
    at.run()
    once = at.code[0].value
    assert engine.sign_in("ann", once)[0].must_change_password
    at.button(f"switch-{root.id}").click().run()
    assert "last active admin" in words(at)
    ann = engine.find_user("ann")
    at.button(f"switch-{ann.id}").click().run()
    assert not engine.find_user("ann").active
    at.button(f"reset-{ann.id}").click().run()
    assert at.code[0].value != once


def test_an_admin_shares_a_collection(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    root, ann = person(engine, "root", "admin"), person(engine, "ann", "analyst")
    shelf = engine.create_collection("Annual reports")
    at = shown("people", root, monkeypatch)
    at.segmented_control("people-tab").set_value("collections").run()
    assert "Annual reports" in words(at)
    at.multiselect(f"members-{shelf.id}-False-").set_value([ann.id]).run()
    assert [c.name for c in engine.collections(engine.principal_of(ann))] == ["Annual reports"]
    at.multiselect(f"members-{shelf.id}-True-").set_value([ann.id]).run()
    assert [c.name for c in engine.writable_collections(engine.principal_of(ann))] == ["Annual reports"]
    at.text_input(f"name-{shelf.id}").set_value("年报")
    at.button(f"rename-now-{shelf.id}").click().run()
    assert [c.name for c in engine.collections()] == ["年报"]


def test_somebody_makes_and_revokes_a_token(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = person(engine, "ann", "analyst")
    at = shown("account", ann, monkeypatch)
    assert "Signed in as ann" in words(at)
    at.text_input("token-name").set_value("nightly")
    at.button("token-create").click().run()
    secret = at.code[0].value
    who = engine.token_principal(secret)
    assert (who.user_id, who.rights) == (ann.id, {"read", "ask"})
    (token,) = engine.tokens(engine.principal_of(ann))
    at.button(f"revoke-{token.id}").click().run()
    assert engine.tokens(engine.principal_of(ann))[0].revoked_at is not None


def test_whoever_is_not_known_may_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "user_of", lambda engine: None)
    assert boot.principal() == sign_in.NOBODY
    assert engine.collections(boot.principal()) == []
    person(engine, "root", "admin")
    at = shown("people", person(engine, "ann", "analyst"), monkeypatch)
    assert at.exception  # the Engine refuses; readers see a sentence
    assert "root" not in words(at)


def test_a_tab_that_comes_to_somebody_else_forgets(engine: Engine) -> None:
    script = """
import streamlit as st
from ui import state
state.belong_to(st.session_state.get("who", "ann"))
st.write(st.session_state.get("_unkept", "nothing"))
"""
    at = AppTest.from_string(script)
    at.session_state["_unkept"] = "ann's answer"
    assert "ann's answer" in at.run().markdown[0].value
    at.session_state["who"] = "bob"
    at.run()
    assert at.markdown[0].value == "nothing"


class Claims(dict[str, object]):
    """As st.user: signed in at the provider, with these claims."""

    is_logged_in = True

    def to_dict(self) -> dict[str, object]:
        return dict(self)


def test_the_providers_claims_are_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import streamlit as st

    accounts = AccountsSettings(mode="on", oidc_metadata_url="https://id.example.com/x", oidc_allow=("*",))
    said = {"iss": "https://id.example.com", "sub": "7", "iat": time.time(), "name": "Ann Lee"}
    monkeypatch.setattr(st, "user", Claims(said))
    with Engine.open(Settings(data_dir=tmp_path, accounts=accounts)) as engine:
        who = sign_in.principal_of(engine)
        assert (who.name, who.roles) == ("Ann Lee", {"analyst"})
        noted = [n for n in engine.store.actions(action="people.sign_in") if n.user_id == who.user_id]
        assert len(noted) == 1  # once a browser session
        engine.set_active(who.user_id, False)
        st.session_state.pop("_signed_in", None)
        assert sign_in.principal_of(engine) == sign_in.NOBODY
        monkeypatch.setattr(st, "user", Claims({**said, "iat": time.time() - 13 * 3600}))
        engine.set_active(who.user_id, True)
        st.session_state.pop("_signed_in", None)
        assert sign_in.principal_of(engine) == sign_in.NOBODY  # asked again after the session's hours
