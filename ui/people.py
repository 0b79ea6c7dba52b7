"""The People page, for admins: users with their roles, and collections with their members. It shows and asks;
the Engine decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from rag.access import ROLES
from rag.engine import Engine
from rag.errors import WenjuError
from rag.records import Collection, Member, User
from ui import state
from ui.boot import current, principal
from ui.language import language, say
from ui.library import DEFAULT, collection_words
from ui.safe import one_line, plain

_ONCE = "_once"  # (name, one-time password): shown until the next one, or another page
SHOWN = 30


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="wide"):
        st.title(say("people.title"), anchor=False)
        st.caption(say("people.lead"))
        if not engine.accounts_on():
            st.info(say("people.accounts_off"), icon=":material/info:")
            _collections(engine, [])
            return
        users = engine.users(principal())
        tab = st.segmented_control(
            say("people.title"),
            options=("users", "collections"),
            format_func=lambda name: say(f"people.tab_{name}"),
            default="users",
            key="people-tab",
            label_visibility="collapsed",
        )
        if tab == "collections":
            _collections(engine, users)
        else:
            _users(engine, users)


# ---------------------------------------------------------------- users


def _users(engine: Engine, users: Sequence[User]) -> None:
    _add(engine, len(users))
    _show_once()
    wanted = ""
    if len(users) > 8:
        wanted = st.text_input(
            say("people.find"),
            key="people-find",
            placeholder=say("people.find"),
            label_visibility="collapsed",
        )
    found = [u for u in users if wanted.strip().casefold() in f"{u.name} {u.shown_name}".casefold()]
    for user in found[:SHOWN]:
        _user(engine, user)


def _add(engine: Engine, count: int) -> None:
    # The key changes with the number of users: the popover closes when one was added.
    with (
        st.popover(say("people.add"), icon=":material/person_add:", key=f"add-user-{count}"),
        st.form("add-user-form", border=False, clear_on_submit=True),
    ):
        name = st.text_input(say("people.name"), max_chars=80, key="new-user-name")
        shown = st.text_input(say("people.shown_name"), max_chars=80, key="new-user-shown")
        roles = _roles_input("new-user-roles", ["analyst"])
        by_provider = bool(engine.settings.accounts.oidc_metadata_url) and st.checkbox(
            say("people.oidc"), key="new-user-oidc", help=say("people.oidc_help")
        )
        if st.form_submit_button(say("people.add"), type="primary", key="new-user-add"):

            def add() -> None:
                user, once = engine.create_user(
                    name, principal(), roles=roles, shown_name=shown, through_oidc=by_provider
                )
                st.session_state[_ONCE] = (user.name, once) if once else None

            if _act(add):
                st.rerun()


def _show_once() -> None:
    once = st.session_state.get(_ONCE)
    if once:
        with st.container(border=True, key="once"):
            st.markdown(say("people.once", name=one_line(once[0], 60)))
            st.code(once[1], language=None)


def _user(engine: Engine, user: User) -> None:
    myself = user.id == principal().user_id
    with st.container(border=True, key=f"user-{user.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            words = one_line(user.name, 60)
            if user.shown_name:
                words += f" · {one_line(user.shown_name, 60)}"
            st.markdown(f"**{words}**" + (f" ({say('people.you')})" if myself else ""), width="stretch")
            if not user.active:
                st.badge(say("people.off"), icon=":material/block:", color="red")
            _user_menu(engine, user)
        roles = " / ".join(say(f"people.role_{role}") for role in ROLES if role in user.roles)
        when = say("people.last", when=_day(user.signed_in_at)) if user.signed_in_at else say("people.never")
        st.caption(
            " · ".join((roles, when, *([say("people.must_change")] if user.must_change_password else [])))
        )


def _user_menu(engine: Engine, user: User) -> None:
    with st.popover("", icon=":material/more_vert:", type="tertiary", help=say("more"), key=f"of-{user.id}"):
        with st.form(f"roles-form-{user.id}", border=False):
            roles = _roles_input(f"roles-{user.id}", [r for r in ROLES if r in user.roles])
            if st.form_submit_button(say("save"), key=f"save-roles-{user.id}") and _act(
                lambda: engine.set_roles(user.id, roles, principal()), say("people.saved")
            ):
                st.rerun()
        if not user.through_oidc and st.button(
            say("people.reset"), key=f"reset-{user.id}", icon=":material/key:", type="tertiary"
        ):

            def reset() -> None:
                st.session_state[_ONCE] = (user.name, engine.reset_password(user.id, principal()))

            if _act(reset):
                st.rerun()
        label, icon = (
            ("people.switch_off", ":material/block:")
            if user.active
            else ("people.switch_on", ":material/check:")
        )
        if st.button(say(label), key=f"switch-{user.id}", icon=icon, type="tertiary") and _act(
            lambda: engine.set_active(user.id, not user.active, principal()), say("people.saved")
        ):
            st.rerun()


def _roles_input(key: str, chosen: Sequence[str]) -> list[str]:
    return st.multiselect(
        say("people.roles"),
        options=list(ROLES),
        default=list(chosen),
        format_func=lambda role: say(f"people.role_{role}"),
        key=key,
    )


# ---------------------------------------------------------------- collections


def _collections(engine: Engine, users: Sequence[User]) -> None:
    with (
        st.popover(say("people.new_collection"), icon=":material/create_new_folder:", key="add-collection"),
        st.form("add-collection-form", border=False, clear_on_submit=True),
    ):
        name = st.text_input(say("people.collection_name"), max_chars=80, key="new-collection-name")
        if st.form_submit_button(
            say("people.new_collection"), type="primary", key="new-collection-add"
        ) and _act(lambda: engine.create_collection(name, principal()), say("people.saved")):
            st.rerun()
    counts: dict[int, int] = {}
    for document in engine.documents(principal()):
        counts[document.collection_id] = counts.get(document.collection_id, 0) + 1
    members = engine.members(principal()) if users else []
    there = engine.collections(principal())
    for collection in there:
        of_it = [m for m in members if m.collection_id == collection.id]
        _collection(engine, collection, counts.get(collection.id, 0), of_it, users)
    wanted = state.dialog()
    if wanted and wanted[0] == "delete-collection":
        gone = next((c for c in there if c.id == wanted[1]), None)
        if gone is not None:
            _confirm_delete(engine, gone, counts.get(gone.id, 0))


def _collection(
    engine: Engine, collection: Collection, count: int, members: Sequence[Member], users: Sequence[User]
) -> None:
    key = str(collection.id)
    with st.container(border=True, key=f"collection-{key}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"**{collection_words(collection.name)}**", width="stretch")
            st.caption(say("people.documents", count=count))
            with st.popover(
                "", icon=":material/more_vert:", type="tertiary", help=say("more"), key=f"co-{key}"
            ):
                with st.form(f"rename-{key}", border=False):
                    name = st.text_input(
                        say("people.collection_name"), value=collection.name, max_chars=80, key=f"name-{key}"
                    )
                    if st.form_submit_button(say("people.rename"), key=f"rename-now-{key}") and _act(
                        lambda: engine.rename_collection(collection.id, name, principal()),
                        say("people.saved"),
                    ):
                        st.rerun()
                if collection.name != DEFAULT and st.button(
                    say("delete"), key=f"drop-{key}", icon=":material/delete:", type="tertiary"
                ):
                    state.open_dialog("delete-collection", collection.id)
                    st.rerun()
        if users:
            _members(engine, collection, members, users)


def _members(
    engine: Engine, collection: Collection, members: Sequence[Member], users: Sequence[User]
) -> None:
    """Two lists of names; what was changed in them is carried out at once."""
    names = {u.id: u.name for u in users}
    for may_write, label in ((False, "people.readers"), (True, "people.writers")):
        have = [m.user_id for m in members if m.may_write is may_write]
        # The key holds who is in: another admin's change makes a fresh widget instead of an old choice.
        key = f"members-{collection.id}-{may_write}-{'-'.join(u[:6] for u in have)}"
        chosen = st.multiselect(
            say(label),
            options=list(names),
            default=have,
            format_func=lambda user_id: names.get(user_id, "…"),
            key=key,
            placeholder=say("people.nobody"),
        )
        added, gone = set(chosen) - set(have), set(have) - set(chosen)
        if not added and not gone:
            continue

        def carry_out(added: set[str] = added, gone: set[str] = gone, may_write: bool = may_write) -> None:
            for user_id in sorted(added):
                engine.share_collection(collection.id, user_id, principal(), may_write=may_write)
            for user_id in sorted(gone):
                engine.unshare_collection(collection.id, user_id, principal())

        if _act(carry_out, say("people.saved")):
            st.rerun()


def _confirm_delete(engine: Engine, collection: Collection, count: int) -> None:
    @st.dialog(say("delete"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        st.markdown(say("people.delete_with", name=collection_words(collection.name), count=count))
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(say("cancel"), key="delete-collection-no"):
                state.close_dialog()
                st.rerun()
            if st.button(say("delete"), key="delete-collection-yes", type="primary"):
                _act(
                    lambda: engine.delete_collection(collection.id, principal(), with_documents=True),
                    say("people.saved"),
                )
                state.close_dialog()
                st.rerun()

    dialog()


def _act(act: Callable[[], object], done: str = "") -> bool:
    try:
        act()
    except WenjuError as error:
        st.error(plain(error.localized(language())), icon=":material/error:")
        return False
    if done:
        st.toast(done, icon=":material/check:")
    return True


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
