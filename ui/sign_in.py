"""Who looks at the page, as its script knows them: the session's user, or the one of the provider's claims.

Promises: without accounts it is the local user; with them, whoever cannot be told may do nothing; an account
that is switched off is noticed at the next run of the script.
"""

from __future__ import annotations

import time
from typing import cast

import streamlit as st

from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied
from rag.records import Principal, User
from ui.door import COOKIE, SIGN_IN
from ui.language import say

NOBODY = Principal("", "", frozenset())
KEPT_S = 0.5  # one run of the script asks many times
_KNOWN, _REFUSED, _NOTED = "_signed_in", "_refused", "_entry_noted"

_GO_JS = "export default function ({ data }) { window.location.assign(data.to); }"


def principal_of(engine: Engine | None) -> Principal:
    """Who may do what on this page now."""
    if engine is None or not engine.accounts_on():
        return LOCAL
    user = user_of(engine)
    return NOBODY if user is None else engine.principal_of(user)


def user_of(engine: Engine) -> User | None:
    """The signed-in user; None: nobody, or a session that has ended."""
    known = st.session_state.get(_KNOWN)
    if known is not None and time.monotonic() - known[0] < KEPT_S:
        return cast("User | None", known[1])
    found = engine.session_user(st.context.cookies.get(COOKIE, "")) or _by_provider(engine)
    if found is not None and found.must_change_password:
        found = None  # the guard before the page leads to where that is done
    st.session_state[_KNOWN] = (time.monotonic(), found)
    return found


def _by_provider(engine: Engine) -> User | None:
    if not engine.settings.accounts.oidc_metadata_url or not st.user.is_logged_in:
        return None
    try:
        user = engine.oidc_user(st.user.to_dict())
    except AccessDenied as error:
        st.session_state[_REFUSED] = error.code
        return None
    if not st.session_state.get(_NOTED):
        st.session_state[_NOTED] = True
        engine.note_entry(user)
    return user


def sign_out(engine: Engine) -> None:
    """Ends this browser's session; the page goes to the sign-in page, or to the provider's own end."""
    st.session_state.pop(_KNOWN, None)
    engine.sign_out(st.context.cookies.get(COOKIE, ""))
    if engine.settings.accounts.oidc_metadata_url and st.user.is_logged_in:
        st.logout()


def leave() -> None:
    """The page of somebody who is not signed in (any more): on to the sign-in page."""
    refused = st.session_state.pop(_REFUSED, "")
    if refused:  # the provider's cookie would only lead back here
        st.error(AccessDenied(refused).localized(st.session_state.get("lang", "en")))
        if st.button(say("door.again_link"), key="provider-again"):
            st.logout()
        return
    st.markdown(say("door.ended"))
    component = st.components.v2.component("wenju_go", js=_GO_JS)
    component(key="go", data={"to": SIGN_IN})
