"""One's own account: who is signed in, the password, and API tokens for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from rag.access import RIGHTS, rights
from rag.engine import Engine
from rag.errors import WenjuError
from rag.records import ApiToken, Right
from ui.boot import current, principal
from ui.door import PASSWORD
from ui.language import language, say
from ui.library import collection_words
from ui.safe import one_line, plain
from ui.sign_in import user_of

_SECRET = "_token_secret"  # (id of the token, its secret): shown until the page is left


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="narrow"):
        st.title(say("account.title"), anchor=False)
        if engine.accounts_on():
            user = user_of(engine)
            st.markdown(say("account.signed_in", name=one_line(principal().name, 60)))
            if user is not None and not user.through_oidc:
                st.html(f'<a href="{PASSWORD}?next=/account" target="_self">{say("account.password")}</a>')
        st.subheader(say("account.tokens"), anchor=False)
        st.caption(say("account.tokens_lead"))
        tokens = engine.tokens(principal())
        _create(engine, len(tokens))
        secret = st.session_state.get(_SECRET)
        if not tokens:
            st.caption(say("account.none"))
        for token in tokens:
            _token(engine, token, secret[1] if secret and secret[0] == token.id else "")


def _create(engine: Engine, count: int) -> None:
    # The key changes with the number of tokens: the popover closes, and the secret is in sight.
    mine = rights(principal())
    collections = {c.id: c.name for c in engine.collections(principal())}
    limit = engine.settings.accounts.token_days
    with (
        st.popover(say("account.create"), icon=":material/add:", key=f"add-token-{count}"),
        st.form("token-form", border=False),
    ):
        name = st.text_input(say("account.token_name"), max_chars=80, key="token-name")
        wanted: list[Right] = st.multiselect(
            say("account.rights"),
            options=[right for right in RIGHTS if right in mine],
            default=[right for right in RIGHTS if right in mine & {"read", "ask"}],
            format_func=lambda right: say(f"account.right_{right}"),
            key="token-rights",
        )
        chosen = st.multiselect(
            say("account.collections"),
            options=list(collections),
            format_func=lambda key: collection_words(collections.get(key, "…")),
            placeholder=say("account.every"),
            key="token-collections",
        )
        days = st.number_input(
            say("account.days"),
            min_value=1,
            max_value=limit or 3650,
            value=min(90, limit or 90),
            key="token-days",
        )
        if st.form_submit_button(say("account.create"), type="primary", key="token-create"):
            try:
                token, secret = engine.create_token(
                    principal(),
                    name,
                    rights=wanted,
                    collection_ids=chosen or None,
                    expires_at=datetime.now(UTC) + timedelta(days=int(days)),
                )
            except WenjuError as error:
                st.error(plain(error.localized(language())), icon=":material/error:")
            else:
                st.session_state[_SECRET] = (token.id, secret)
                st.rerun()


def _token(engine: Engine, token: ApiToken, secret: str) -> None:
    ended = token.expires_at is not None and token.expires_at <= datetime.now(UTC)
    with st.container(border=True, key=f"token-{token.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"**{one_line(token.name, 60)}** `{token.prefix}…`", width="stretch")
            if token.revoked_at is not None or ended:
                gone = "account.revoked" if token.revoked_at is not None else "account.expired"
                st.badge(say(gone), icon=":material/block:", color="gray")
            elif st.button(
                say("account.revoke"), key=f"revoke-{token.id}", icon=":material/delete:", type="tertiary"
            ):
                engine.revoke_token(token.id, principal())
                st.rerun()
        facts = [", ".join(say(f"account.right_{right}") for right in RIGHTS if right in token.rights)]
        if token.expires_at is not None:
            facts.append(say("account.ends", when=f"{token.expires_at.astimezone():%Y-%m-%d}"))
        used = token.used_at
        facts.append(
            say("account.used", when=f"{used.astimezone():%Y-%m-%d %H:%M}") if used else say("account.unused")
        )
        st.caption(" · ".join(facts))
        if secret:
            st.warning(say("account.secret"), icon=":material/content_copy:")
            st.code(secret, language=None, wrap_lines=True)
