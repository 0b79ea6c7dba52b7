"""Accounts, sessions, members and tokens through the Engine, over a real SQLite file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag import passwords
from rag.access import LOCAL, RIGHTS_OF_ROLES, require_right, require_role, rights
from rag.engine import Engine
from rag.errors import AccessDenied, PeopleError
from rag.people import plain_name
from rag.records import Principal, User
from rag.settings import AccountsSettings, Settings
from tests.unit.store_kit import Clock

PASSWORD = "four words make one"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own low-cost parameters: the same code, a hundredth of the work."""
    from argon2 import PasswordHasher

    passwords._nobodys.cache_clear()
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)


def settings(path: Path, **accounts: object) -> Settings:
    return Settings(data_dir=path, accounts=AccountsSettings(mode="on", **accounts))  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    from rag.store import Store

    made = settings(tmp_path)
    with Engine(made, Store.open(made, clock=clock)) as opened:
        yield opened


def person(engine: Engine, name: str, *roles: str, password: str = PASSWORD) -> Principal:
    """A user who has signed in once and chosen ``password``."""
    user, once = engine.create_user(name, roles=roles or ("analyst",))
    return engine.principal_of(engine.change_password(user, once, password))


def code(error: pytest.ExceptionInfo[AccessDenied] | pytest.ExceptionInfo[PeopleError]) -> str:
    return error.value.code


# ---------------------------------------------------------------- signing in


def test_first_admin_is_made_once_and_has_to_choose_a_password(engine: Engine) -> None:
    made = engine.first_admin()
    assert made is not None
    user, once = made
    assert engine.first_admin() is None
    signed_in, session = engine.sign_in("Admin", once)
    assert engine.principal_of(signed_in).roles == frozenset()  # nothing until the password is their own
    assert engine.collections(engine.principal_of(signed_in)) == []
    changed = engine.change_password(signed_in, once, PASSWORD, session=session)
    assert "admin" in engine.principal_of(changed).roles
    assert engine.session_user(session) == changed  # this browser stays signed in
    with pytest.raises(AccessDenied):
        engine.sign_in("admin", once)
    assert engine.store.password_hash(user.id).startswith("$argon2id$")


def test_two_processes_make_one_first_admin(engine: Engine) -> None:
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(engine.first_admin())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(m is not None for m in made) == 1
    assert [u.name for u in engine.users()] == ["admin"]


def test_wrong_password_unknown_name_and_switched_off_read_alike(engine: Engine) -> None:
    ann, bob = person(engine, "ann"), person(engine, "bob")
    person(engine, "root", "admin")
    engine.set_active(bob.user_id, False)
    for name, password in (("ann", "not it"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        with pytest.raises(AccessDenied) as refused:
            engine.sign_in(name, password)
        assert refused.value.code == "access.sign_in"
        assert refused.value.params == {}
    assert engine.sign_in("ann", PASSWORD)[0].id == ann.user_id


def test_an_unknown_name_costs_a_hash_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    class Counting(PasswordHasher):
        calls = 0

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            Counting.calls += 1
            return bool(super().verify(hash, password))

    counting = Counting(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: counting)
    person(engine, "ann")
    before = Counting.calls
    for name in ("ann", "nobody"):
        with pytest.raises(AccessDenied):
            engine.sign_in(name, "not it")
    assert Counting.calls - before == 2


def test_names_are_compared_without_case_and_width(engine: Engine) -> None:
    person(engine, "李雷")
    ann = person(engine, "Ann")
    assert engine.sign_in(" ＡNN ", PASSWORD)[0].id == ann.user_id
    assert engine.sign_in("李雷", PASSWORD)
    with pytest.raises(PeopleError) as there:
        engine.create_user("ANN")
    assert code(there) == "people.name_there"


def test_wrong_passwords_are_slowed_by_name_then_forgotten(engine: Engine, clock: Clock) -> None:
    person(engine, "ann")
    for _ in range(5):
        with pytest.raises(AccessDenied) as refused:
            engine.sign_in("ann", "not it", "10.0.0.1")
        assert code(refused) == "access.sign_in"
    with pytest.raises(AccessDenied) as refused:
        engine.sign_in("ann", PASSWORD, "10.0.0.2")  # even the right one waits, from anywhere
    assert (code(refused), refused.value.params) == ("access.too_many", {"seconds": "2"})
    clock.now += 2
    with pytest.raises(AccessDenied):
        engine.sign_in("ann", "not it")
    with pytest.raises(AccessDenied) as refused:
        engine.sign_in("ann", PASSWORD)
    assert refused.value.params == {"seconds": "4"}  # it grows
    clock.now += 4
    engine.sign_in("ann", PASSWORD)
    for _ in range(5):  # success starts anew
        with pytest.raises(AccessDenied) as refused:
            engine.sign_in("ann", "not it")
        assert code(refused) == "access.sign_in"


def test_one_source_is_slowed_over_many_names_and_own_success_clears_nothing(engine: Engine) -> None:
    person(engine, "mallory")
    for n in range(30):
        with pytest.raises(AccessDenied):
            engine.sign_in(f"name{n}", "not it", "10.6.6.6")
        if n % 10 == 9 and n < 29:
            engine.sign_in("mallory", PASSWORD, "10.6.6.6")
    with pytest.raises(AccessDenied) as refused:
        engine.sign_in("mallory", PASSWORD, "10.6.6.6")
    assert code(refused) == "access.too_many"
    assert engine.sign_in("mallory", PASSWORD, "10.0.0.9")  # others are not slowed


def test_attempts_at_once_count_as_many(engine: Engine) -> None:
    person(engine, "ann")
    found: list[str] = []

    def attempt() -> None:
        try:
            engine.sign_in("ann", "not it")
        except AccessDenied as error:
            found.append(error.code)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count("access.sign_in") == 5
    assert found.count("access.too_many") == 15


def test_sessions_end(engine: Engine, tmp_path: Path) -> None:
    root = person(engine, "root", "admin")
    ann = person(engine, "ann")
    sessions = [engine.sign_in("ann", PASSWORD)[1] for _ in range(5)]
    assert all(engine.session_user(s) for s in sessions)
    engine.sign_out(sessions[0])
    assert engine.session_user(sessions[0]) is None
    assert engine.session_user("") is None
    assert engine.session_user("made up") is None
    user = engine.store.user(ann.user_id)
    engine.change_password(user, PASSWORD, "another good one", session=sessions[1])
    assert [engine.session_user(s) is not None for s in sessions] == [False, True, False, False, False]
    engine.reset_password(ann.user_id, root)
    assert engine.session_user(sessions[1]) is None
    once = engine.reset_password(ann.user_id, root)
    _, session = engine.sign_in("ann", once)
    engine.set_active(ann.user_id, False, root)
    assert engine.session_user(session) is None
    engine.set_active(ann.user_id, True, root)
    assert engine.session_user(session) is None  # it does not come back
    assert all(s.encode() not in file.read_bytes() for s in sessions for file in tmp_path.glob("wenju.db*"))


def test_a_session_expires(tmp_path: Path) -> None:
    with Engine.open(settings(tmp_path, session_hours=1e-9)) as engine:
        person(engine, "ann")
        assert engine.session_user(engine.sign_in("ann", PASSWORD)[1]) is None


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", "people.password_length"),
        ("x" * 300, "people.password_length"),
        ("ann-from-accounts", "people.password_weak"),
        ("ababababababab", "people.password_weak"),
        (PASSWORD, "people.password_same"),
    ],
)
def test_a_new_password_says_what_it_lacks(engine: Engine, new: str, reason: str) -> None:
    ann = person(engine, "ann-from-accounts")
    user = engine.store.user(ann.user_id)
    with pytest.raises(PeopleError) as refused:
        engine.change_password(user, PASSWORD, new)
    assert code(refused) == reason
    assert engine.sign_in("ann-from-accounts", PASSWORD)


def test_a_password_may_be_composed_in_two_ways(engine: Engine) -> None:
    person(engine, "ann", password="caf\u00e9 au lait")
    assert engine.sign_in("ann", "cafe\u0301 au lait")


# ---------------------------------------------------------------- accounts


def test_the_last_active_admin_stays(engine: Engine) -> None:
    root = person(engine, "root", "admin")
    second = person(engine, "second", "admin", "analyst")
    engine.set_active(second.user_id, False, root)
    for act in (
        lambda: engine.set_roles(root.user_id, ["analyst"], root),
        lambda: engine.set_active(root.user_id, False, root),
    ):
        with pytest.raises(PeopleError) as refused:
            act()
        assert code(refused) == "people.last_admin"
    assert engine.store.user(root.user_id).active
    engine.set_active(second.user_id, True, root)
    engine.set_active(root.user_id, False, second)
    assert [u.active for u in engine.users(second)] == [False, True]


def test_without_an_admin_others_can_be_changed(engine: Engine) -> None:
    bob, _ = engine.create_user("bob")
    engine.set_active(bob.id, False)
    engine.set_active(bob.id, True)
    assert engine.set_roles(bob.id, ["evaluator"]).roles == {"evaluator"}
    _, secret = engine.create_token(LOCAL, "x", rights=["read"], user_id=bob.id)
    with pytest.raises(AccessDenied):  # not before they have a password of their own
        engine.token_principal(secret)


@pytest.mark.parametrize("name", ["", "  ", "two words", "a" * 81, "tab\there", "local", "zero\u200bwidth"])
def test_bad_names(engine: Engine, name: str) -> None:
    with pytest.raises(PeopleError):
        engine.create_user(name)


def test_only_admins_manage_people(engine: Engine) -> None:
    person(engine, "root", "admin")
    eve = person(engine, "eve", "evaluator", "analyst")
    shelf = engine.create_collection("shelf")
    for act in (
        lambda: engine.users(eve),
        lambda: engine.find_user("root", eve),
        lambda: engine.create_user("x", eve),
        lambda: engine.set_roles(eve.user_id, ["admin"], eve),
        lambda: engine.set_active(eve.user_id, True, eve),
        lambda: engine.reset_password(eve.user_id, eve),
        lambda: engine.create_collection("mine", eve),
        lambda: engine.rename_collection(shelf.id, "mine", eve),
        lambda: engine.delete_collection(shelf.id, eve),
        lambda: engine.members(eve),
        lambda: engine.share_collection(shelf.id, eve.user_id, eve),
        lambda: engine.unshare_collection(shelf.id, eve.user_id, eve),
        lambda: engine.tokens(eve, everybody=True),
        lambda: engine.create_token(eve, "x", rights=["read"], user_id=LOCAL.user_id),
    ):
        with pytest.raises(AccessDenied) as refused:
            act()
        assert code(refused) == "access.needs_role"
    assert engine.collections(eve) == []


# ---------------------------------------------------------------- collections


def test_members_read_and_write(engine: Engine) -> None:
    root, ann = person(engine, "root", "admin"), person(engine, "ann")
    a, b, c = (engine.create_collection(name, root) for name in ("a", "b", "c"))
    engine.share_collection(a.id, ann.user_id, root)
    engine.share_collection(b.id, ann.user_id, root, may_write=True)
    assert [x.name for x in engine.collections(ann)] == ["a", "b"]
    assert [x.name for x in engine.writable_collections(ann)] == ["b"]
    assert [x.name for x in engine.collections(root)] == ["a", "b", "c"]
    assert engine.add_document("t.txt", b"words", ann, collection="b").created
    with pytest.raises(AccessDenied) as refused:
        engine.add_document("t.txt", b"words", ann, collection="a")
    assert code(refused) == "access.needs_write"
    for name in ("c", "never made"):  # what is hidden and what is not there read alike
        with pytest.raises(PeopleError) as hidden:
            engine.add_document("t.txt", b"words", ann, collection=name)
        assert hidden.value.params == {"name": name, "known": "b"}
    theirs = engine.add_document("r.txt", b"more words", root, collection="a").document
    assert engine.document(theirs.id, ann).name == "r.txt"
    for act in (
        lambda: engine.delete_document(theirs.id, ann),
        lambda: engine.retry_document(theirs.id, ann),
        lambda: engine.edit_about(theirs.id, ann, title="x"),
    ):
        with pytest.raises(AccessDenied) as refused:
            act()
        assert code(refused) == "access.needs_write"
    with pytest.raises(PeopleError) as full:
        engine.delete_collection(b.id, root)
    assert full.value.params == {"name": "b", "count": "1"}
    engine.unshare_collection(a.id, ann.user_id, root)
    with pytest.raises(AccessDenied) as refused:
        engine.document(theirs.id, ann)
    assert code(refused) == "store.not_found"
    engine.delete_collection(b.id, root, with_documents=True)
    assert engine.collections(ann) == []
    assert engine.documents(root)[0].name == "r.txt"
    assert c.id in {x.id for x in engine.collections(root)}


def test_collections_are_renamed_and_names_are_unique(engine: Engine) -> None:
    a = engine.create_collection("  Annual   reports ")
    assert a.name == "Annual reports"
    b = engine.create_collection("其他")
    for act in (
        lambda: engine.create_collection("其他"),
        lambda: engine.rename_collection(a.id, "其他"),
        lambda: engine.create_collection(" "),
    ):
        with pytest.raises(PeopleError):
            act()
    assert engine.rename_collection(b.id, "季报").name == "季报"
    assert engine.find_collection("季报").id == b.id
    with pytest.raises(PeopleError):
        engine.find_collection("其他")


def test_new_users_read_what_the_settings_name(tmp_path: Path) -> None:
    with Engine.open(settings(tmp_path, new_users_read=("open",))) as engine:
        engine.create_collection("open")
        engine.create_collection("closed")
        assert [c.name for c in engine.collections(person(engine, "ann"))] == ["open"]


def test_without_accounts_everybody_with_a_role_reads_everything(tmp_path: Path) -> None:
    with Engine.open(Settings(data_dir=tmp_path)) as engine:
        engine.create_collection("a")
        assert not engine.accounts_on()
        assert engine.first_admin() is None
        assert len(engine.collections(LOCAL)) == 1
        assert engine.collections(Principal("nobody", "nobody")) == []


# ---------------------------------------------------------------- tokens


def test_a_token_comes_in_with_its_rights_and_collections(engine: Engine, tmp_path: Path) -> None:
    root, ann = person(engine, "root", "admin"), person(engine, "ann")
    a, b = engine.create_collection("a", root), engine.create_collection("b", root)
    for collection in (a, b):
        engine.share_collection(collection.id, ann.user_id, root, may_write=True)
    token, secret = engine.create_token(ann, "script", rights=["read", "ask"], collection_ids=[a.id])
    assert secret.startswith("wj_")
    assert secret.startswith(token.prefix)
    assert len(token.prefix) < 12
    who = engine.token_principal(secret)
    assert (who.user_id, who.token_id) == (ann.user_id, token.id)
    assert engine.collections(who) == [a]
    assert engine.writable_collections(who) == []
    with pytest.raises(AccessDenied) as refused:
        engine.add_document("t.txt", b"words", who, collection="a")
    assert (code(refused), refused.value.params) == ("access.needs_right", {"rights": "write"})
    with pytest.raises(AccessDenied) as refused:
        engine.scope(who, [b.id])
    assert code(refused) == "store.not_found"
    with pytest.raises(AccessDenied) as refused:
        engine.create_token(who, "more", rights=["read"])
    assert code(refused) == "access.token_by_token"
    assert engine.tokens(ann)[0].used_at is not None
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.glob("wenju.db*"))
    engine.unshare_collection(a.id, ann.user_id, root)
    assert engine.collections(engine.token_principal(secret)) == []  # never more than its owner


def test_tokens_end(engine: Engine) -> None:
    root, ann, bob = person(engine, "root", "admin"), person(engine, "ann"), person(engine, "bob")
    soon = datetime.now(UTC) + timedelta(seconds=0.05)
    _, short = engine.create_token(ann, "short", rights=["read"], expires_at=soon)
    kept, secret = engine.create_token(ann, "kept", rights=["read"])
    with pytest.raises(AccessDenied):
        engine.revoke_token(kept.id, bob)
    engine.token_principal(secret)
    threading.Event().wait(0.1)
    for gone in (short, "wj_unknown", secret[:-1], "", secret.replace("wj_", "")):
        with pytest.raises(AccessDenied) as refused:
            engine.token_principal(gone)
        assert code(refused) == "access.token"
    engine.set_active(ann.user_id, False, root)
    with pytest.raises(AccessDenied):
        engine.token_principal(secret)
    engine.set_active(ann.user_id, True, root)
    engine.reset_password(ann.user_id, root)
    with pytest.raises(AccessDenied):  # until they have chosen a new password
        engine.token_principal(secret)
    _, other = engine.create_token(bob, "bob's", rights=["read"])
    engine.revoke_token(engine.tokens(bob)[0].id, root)
    with pytest.raises(AccessDenied):
        engine.token_principal(other)
    assert len(engine.tokens(root, everybody=True)) == 3
    assert engine.tokens(root) == []


def test_nobody_gives_away_more_than_they_have(engine: Engine) -> None:
    root, ann = person(engine, "root", "admin"), person(engine, "ann")
    hidden = engine.create_collection("hidden", root)
    with pytest.raises(AccessDenied) as refused:
        engine.create_token(ann, "x", rights=["read", "admin"])
    assert code(refused) == "access.needs_role"
    with pytest.raises(AccessDenied) as refused:
        engine.create_token(ann, "x", rights=["read"], collection_ids=[hidden.id])
    assert code(refused) == "store.not_found"
    for name, wanted in (("", ["read"]), ("x", []), ("x", ["fly"])):
        with pytest.raises(PeopleError):
            engine.create_token(ann, name, rights=wanted)  # type: ignore[arg-type]
    with pytest.raises(PeopleError):
        engine.create_token(ann, "x", rights=["read"], expires_at=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(PeopleError) as whose:
        engine.create_token(LOCAL, "x", rights=["read"])
    assert code(whose) == "people.token_whose"
    _, secret = engine.create_token(LOCAL, "x", rights=["read"], user_id=ann.user_id)
    assert engine.token_principal(secret).user_id == ann.user_id


def test_an_admins_token_without_that_right_is_no_admins(engine: Engine) -> None:
    root = person(engine, "root", "admin")
    shelf = engine.create_collection("shelf", root)
    _, secret = engine.create_token(root, "reader", rights=["read"])
    who = engine.token_principal(secret)
    assert engine.collections(who) == [shelf]  # what its owner reads
    for act in (
        lambda: engine.users(who),
        lambda: engine.prompts(who),
        lambda: engine.datasets(who),
        lambda: engine.feedback(who),
        lambda: engine.own_terms(who),
        lambda: engine.create_collection("x", who),
    ):
        with pytest.raises(AccessDenied) as refused:
            act()
        assert code(refused) == "access.needs_right"


def test_a_laptop_has_tokens_too_and_they_end_when_accounts_begin(tmp_path: Path) -> None:
    with Engine.open(Settings(data_dir=tmp_path)) as engine:
        _, secret = engine.create_token(LOCAL, "script", rights=["ask"])
        engine.create_token(LOCAL, "second", rights=["ask"])
        who = engine.token_principal(secret)
        assert (who.user_id, who.rights) == (LOCAL.user_id, frozenset({"ask"}))
        assert engine.users() == []
    with Engine.open(settings(tmp_path)) as engine:
        assert engine.first_admin() is not None
        with pytest.raises(AccessDenied):
            engine.token_principal(secret)


def test_a_tokens_life_can_be_limited(tmp_path: Path) -> None:
    with Engine.open(settings(tmp_path, token_days=30)) as engine:
        ann = person(engine, "ann")
        token, _ = engine.create_token(ann, "x", rights=["read"])
        assert token.expires_at is not None
        assert (token.expires_at - token.created_at).days in (29, 30)
        with pytest.raises(PeopleError) as refused:
            engine.create_token(ann, "x", rights=["read"], expires_at=datetime.now(UTC) + timedelta(days=31))
        assert code(refused) == "people.token_long"


# ---------------------------------------------------------------- rights of roles


def test_rights_follow_roles_and_tokens_only_narrow() -> None:
    for role, given in RIGHTS_OF_ROLES.items():
        who = Principal("x", "x", frozenset({role}))
        assert rights(who) == given
        assert rights(Principal("x", "x", frozenset({role}), frozenset({"admin", "read"}))) == given & {
            "admin",
            "read",
        }
    assert rights(Principal("x", "x")) == frozenset()
    with pytest.raises(AccessDenied) as refused:
        require_right(Principal("x", "x", frozenset({"analyst"})), "evaluate")
    assert refused.value.params == {"roles": "evaluator / admin"}
    with pytest.raises(AccessDenied) as refused:
        require_role(Principal("x", "x", frozenset({"admin"}), frozenset({"read"})), "admin")
    assert refused.value.code == "access.needs_right"


# ---------------------------------------------------------------- the organisation's provider


def claims(email: str = "ann@example.com", **more: object) -> dict[str, object]:
    sub = more.pop("sub", email)
    issued = datetime.now(UTC).timestamp()
    basic = {
        "iss": "https://id.example.com",
        "sub": sub,
        "iat": issued,
        "email": email,
        "email_verified": True,
    }
    return {**basic, **more}


def with_provider(path: Path, *allow: str, **more: object) -> Settings:
    url = "https://id.example.com/.well-known/openid-configuration"
    return settings(path, oidc_metadata_url=url, oidc_client_id="wenju", oidc_allow=allow, **more)


@pytest.mark.parametrize(
    ("rule", "given", "enters"),
    [
        ("*", claims(), True),
        ("@example.com", claims(), True),
        ("@example.com", claims("ann@EXAMPLE.com"), True),
        ("@example.com", claims(email_verified=False), False),
        ("@example.com", claims("ann@evil-example.com"), False),
        ("@example.com", claims("ann@example.com.evil.org"), False),
        ("ann@example.com", claims(), True),
        ("bob@example.com", claims(), False),
        ("groups=analysts", claims(groups=["x", "analysts"]), True),
        ("groups=analysts", claims(groups="analysts"), True),
        ("groups=analysts", claims(groups=["analysts-2"]), False),
        ("groups=None", claims(), False),
    ],
)
def test_who_enters_through_the_provider(
    tmp_path: Path, rule: str, given: dict[str, object], enters: bool
) -> None:
    with Engine.open(with_provider(tmp_path, rule)) as engine:
        if enters:
            assert engine.oidc_user(given).roles == {"analyst"}
        else:
            with pytest.raises(AccessDenied) as refused:
                engine.oidc_user(given)
            assert code(refused) == "access.oidc_refused"
            assert engine.users() == []


def test_provider_users_keep_their_account_and_are_switched_off_at_once(tmp_path: Path) -> None:
    made = with_provider(tmp_path, "@example.com", oidc_admins=("boss@example.com",))
    with Engine.open(made) as engine:
        first, again = engine.oidc_user(claims()), engine.oidc_user(claims())
        assert first == again
        assert first.through_oidc
        renamed = engine.oidc_user(claims("ann.new@example.com", sub="ann@example.com"))
        assert renamed.id == first.id  # the subject counts, not the address
        boss = engine.oidc_user(claims("boss@example.com"))
        assert "admin" in boss.roles
        engine.set_active(first.id, False, engine.principal_of(boss))
        with pytest.raises(AccessDenied):
            engine.oidc_user(claims())
        with pytest.raises(AccessDenied) as old:
            engine.oidc_user(claims("boss@example.com", iat=datetime.now(UTC).timestamp() - 13 * 3600))
        assert code(old) == "access.session_ended"
        for lacking in ({"sub": ""}, {"iat": None}):
            with pytest.raises(AccessDenied):
                engine.oidc_user(claims("boss@example.com", **lacking))
        with pytest.raises(AccessDenied):  # no password, no entry by password
            engine.sign_in("boss@example.com", "")
        with pytest.raises(PeopleError):
            engine.reset_password(boss.id, engine.principal_of(boss))


def test_without_rules_admins_prepare_accounts_and_passwords_are_never_taken_over(tmp_path: Path) -> None:
    with Engine.open(with_provider(tmp_path)) as engine:
        with pytest.raises(AccessDenied):
            engine.oidc_user(claims())
        prepared, once = engine.create_user("Ann@example.com", through_oidc=True, roles=["evaluator"])
        assert once == ""
        assert engine.oidc_user(claims()).id == prepared.id
        with pytest.raises(AccessDenied):  # the address given to somebody else later
            engine.oidc_user(claims(sub="another"))
        engine.create_user("bob@example.com")
        with pytest.raises(AccessDenied):
            engine.oidc_user(claims("bob@example.com"))
        with pytest.raises(AccessDenied):
            engine.oidc_user(claims("carl@example.com", email_verified="false"))


def test_what_people_do_is_noted_without_secrets(engine: Engine) -> None:
    root = person(engine, "root", "admin")
    _, secret = engine.create_token(root, "script", rights=["read"])
    with pytest.raises(AccessDenied):
        engine.sign_in("my password typed as a name", "x", "10.0.0.1")
    noted = engine.store.actions()
    assert {"people.add", "people.password", "token.add", "people.sign_in_failed"} <= {
        n.action for n in noted
    }
    assert not any(secret in str(n) or "typed as" in str(n) or PASSWORD in str(n) for n in noted)


def test_plain_name() -> None:
    assert plain_name("  Ａnn ") == "ann"


def test_user_records_hold_no_hash(engine: Engine) -> None:
    person(engine, "ann")
    assert "argon2" not in str(engine.users())
    assert "password_hash" not in User.__slots__
