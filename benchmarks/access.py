"""Random operations of people who may see different things, with a canary in every document.

Each document of four collections holds a made-up word that nobody types. Analysts, an evaluator and an admin
ask (in new and in old conversations, of a chat model that repeats every word it is shown), search, read,
export, write, rate, review and come in by API tokens, while roles, memberships, tokens and accounts change in
between. After each operation every word that came back is held against what that person may see by then,
and every refusal against what they may do: the rules are written down here a second time, in the plainest
form.

    python -m benchmarks.access --operations 10000 --seed 1
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.service import IngestService
from rag.access import ROLES
from rag.engine import Engine
from rag.errors import AccessDenied, WenjuError
from rag.models.protocols import ChatMessage, Delta
from rag.records import Answer, Done, Principal, Right, User
from rag.settings import Settings
from rag.testing import HashEmbedding

COLLECTIONS = ("Public", "Energy", "Banking", "法务")
TOPICS = ("code word", "dividend", "head count", "lease liability", "training budget")
CANARY = re.compile(r"\bzq[a-z]{8}\b")


class Parrot:
    """A chat model without any discretion: it answers with every canary that it was shown."""

    name = "parrot"

    def stream(self, messages: Sequence[ChatMessage]) -> Iterator[Delta]:
        shown = sorted({word for m in messages for word in CANARY.findall(m.content)})
        yield Delta(f"The code word is {' and '.join(shown)} [1]." if shown else "The code word is unknown.")


@dataclass
class Rules:
    """What everybody may, said a second time: canaries by collection, members, roles."""

    collection_of: dict[str, int] = field(default_factory=dict)
    members: dict[str, dict[int, bool]] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)

    def readable(self, who: Principal) -> set[int]:
        user = self.users[who.user_id]
        every = set(self.collection_of.values())
        found = every if "admin" in user.roles else set(self.members[user.id])
        return found if who.collection_ids is None else found & who.collection_ids

    def writable(self, who: Principal) -> set[int]:
        user = self.users[who.user_id]
        if who.rights is not None and "write" not in who.rights:
            return set()
        if "admin" in user.roles:
            return self.readable(who)
        return {c for c, may_write in self.members[user.id].items() if may_write} & self.readable(who)


@dataclass
class Seen:
    """What happened: counts by kind of operation, and what should not have."""

    operations: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    canaries: int = 0
    wrong: list[str] = field(default_factory=list)


class Run:
    """One library with its people; :meth:`step` does one random thing and checks it."""

    def __init__(self, folder: Path, seed: int, *, chat: bool = True, database_url: str = "") -> None:
        self.random = random.Random(seed)
        settings = Settings(
            data_dir=folder,
            database_url=database_url,
            accounts={"mode": "on"},  # type: ignore[arg-type]
            chat={"discover_urls": ()},  # type: ignore[arg-type]
        )
        self.embedding = HashEmbedding()
        self.engine = Engine.open(settings, embedding=self.embedding, chat=Parrot() if chat else None)
        self.service = IngestService(self.engine.store, settings, self.embedding)
        self.rules, self.seen = Rules(), Seen()
        self.documents: dict[int, tuple[int, str]] = {}  # id -> collection, canary
        self.tokens: list[tuple[str, str, int]] = []  # secret, owner, id
        self._revoked: set[str] = set()
        self.turns: list[tuple[int, str]] = []
        for name in COLLECTIONS:
            collection = self.engine.create_collection(name)
            for _ in range(2):
                self._add(collection.id, name)
        self.service.run_until_idle()
        self._name_companies()
        for name, roles in (
            ("ann", {"analyst"}),
            ("bo", {"analyst"}),
            ("eve", {"evaluator"}),
            ("root", {"admin"}),
            ("spare", {"admin"}),
        ):
            user = self.engine.store.add_user(name, password_hash="x", roles=roles)
            assert user is not None
            self.rules.users[user.id] = user
            self.rules.members[user.id] = {}
        self.ids = sorted(set(self.rules.collection_of.values()))

    def close(self) -> None:
        self.engine.close()

    def _add(self, collection_id: int, name: str) -> None:
        canary = "zq" + "".join(self.random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8))
        # In the file's name, the title, a heading, running text and a table.
        text = f"# Report of {canary}\n\n" + "\n\n".join(
            f"## {topic} {canary}\n\nThe {topic} of the group in 2023 is {canary}, after 12 in 2022."
            for topic in TOPICS
        )
        revenue = self.random.randrange(1000, 9999)
        text += f"\n\n| item | 2023 |\n| --- | --- |\n| revenue {canary} | {revenue} |\n"
        added = self.engine.add_document(f"{canary}.md", text.encode(), collection=name)
        self.rules.collection_of[canary] = collection_id
        self.documents[added.document.id] = (collection_id, canary)

    def _name_companies(self) -> None:
        for document_id, (_, canary) in self.documents.items():
            if self.engine.document(document_id).status == "ready":
                self.engine.edit_about(document_id, company=f"{canary} plc", fiscal_year=2023)

    # ---------------------------------------------------------------- one step

    def step(self) -> None:
        kinds: dict[str, tuple[int, Callable[[Principal], object]]] = {
            "ask": (22, self._ask),
            "follow up": (10, self._follow_up),
            "search": (14, self._search),
            "list": (6, self._list),
            "read": (16, self._read),
            "conversations": (10, self._conversations),
            "others' conversations": (4, self._others),
            "feedback": (4, self._feedback),
            "rate": (4, self._rate),
            "evaluate": (5, self._evaluate),
            "write": (4, self._write),
            "admin": (3, self._admin),
            "new token": (2, self._new_token),
        }
        if self.random.random() < 0.12:
            self.seen.operations["change"] += 1
            self._change()
            return
        kind = self.random.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        who = self._somebody()
        if who is None:
            return
        self.seen.operations[kind] += 1
        try:
            came_back = kinds[kind][1](who)
        except AccessDenied as error:
            self.seen.refused[error.code] += 1
            self._check(kind, who, error.params)
            return
        except WenjuError as error:
            self._check(kind, who, (str(error), error.params))
            return
        self._check(kind, who, came_back)

    def _check(self, kind: str, who: Principal, came_back: object) -> None:
        readable = self.rules.readable(who)
        found = set(CANARY.findall(_words(came_back)))
        self.seen.canaries += len(found)
        for canary in found:
            if self.rules.collection_of[canary] not in readable:
                self._wrong(f"{kind}: {who.name} saw {canary} of {self.rules.collection_of[canary]}")

    def _wrong(self, what: str) -> None:
        self.seen.wrong.append(f"step {sum(self.seen.operations.values())}: {what}")

    def _somebody(self) -> Principal | None:
        """Somebody signed in, or an API token."""
        if self.tokens and self.random.random() < 0.35:
            secret, owner, _ = self.random.choice(self.tokens)
            try:
                return self.engine.token_principal(secret)
            except AccessDenied:
                if self.rules.users[owner].active and secret not in self._revoked:
                    self._wrong("a good token was refused")
                return None
        user = self.engine.store.user(self.random.choice(list(self.rules.users)))
        return self.engine.principal_of(user) if user.active else None

    # ---------------------------------------------------------------- what people do

    def _question(self) -> str:
        topic = self.random.choice(TOPICS)
        return self.random.choice(
            (
                f"What is the {topic} of the group in 2023?",
                f"Compare the {topic} of the companies",
                f"{topic} 2022",
                "What was the revenue in 2023?",
                "Who is the chairman of the moon?",
                "公司2023年的情况如何？",
            )
        )

    def _some(self, among: Sequence[int], who: Principal) -> list[int] | None:
        """Ids to narrow by: mostly the person's own, sometimes anybody's."""
        if self.random.random() < 0.5:
            return None
        own = [i for i in among if self._collection(i, among) in self.rules.readable(who)]
        pool = list(among) if self.random.random() < 0.3 or not own else own
        return self.random.sample(pool, min(len(pool), self.random.randint(1, 2)))

    def _collection(self, key: int, among: Sequence[int]) -> int:
        return key if among is self.ids else self.documents[key][0]

    def _narrowed(self, who: Principal) -> tuple[dict[str, list[int]], bool]:
        """Keyword arguments for a question, and whether they are all readable."""
        wanted: dict[str, list[int]] = {}
        good = True
        if (chosen := self._some(self.ids, who)) is not None:
            wanted["collection_ids"] = chosen
            good &= set(chosen) <= self.rules.readable(who)
        elif (chosen := self._some(list(self.documents), who)) is not None:
            wanted["document_ids"] = chosen
            good &= {self.documents[d][0] for d in chosen} <= self.rules.readable(who)
        return wanted, good

    def _ask(self, who: Principal, conversation_id: int | None = None) -> object:
        wanted, good = self._narrowed(who)
        good &= who.rights is None or "ask" in who.rights
        try:
            events = list(
                self.engine.ask(self._question(), who, conversation_id=conversation_id, **wanted)  # type: ignore[arg-type]
            )
        except AccessDenied:
            if good:
                self._wrong(f"{who.name} may ask that and was refused")
            raise
        if not good:
            self._wrong(f"{who.name} asked where they may not")
        answer = events[-1].answer if isinstance(events[-1], Done) else None
        assert isinstance(answer, Answer)
        if answer.turn_id is not None:
            self.turns.append((answer.turn_id, who.user_id))
        return events

    def _follow_up(self, who: Principal) -> object:
        own = self.engine.store.conversations(who.user_id)
        return self._ask(who, self.random.choice(own[:8]).id) if own else None

    def _search(self, who: Principal) -> object:
        wanted, good = self._narrowed(who)
        good &= who.rights is None or "read" in who.rights
        try:
            found = self.engine.search(self._question(), who, top_k=20, **wanted)  # type: ignore[arg-type]
        except AccessDenied:
            if good:
                self._wrong(f"{who.name} may search that and was refused")
            raise
        if not good:
            self._wrong(f"{who.name} searched where they may not")
        return found

    def _list(self, who: Principal) -> object:
        documents = self.engine.documents(who)
        expected = {d for d, (c, _) in self.documents.items() if c in self.rules.readable(who)}
        if {d.id for d in documents} != expected:
            self._wrong(f"{who.name} was shown another list of documents")
        return documents, self.engine.collections(who), self.engine.prompt_uses()

    def _read(self, who: Principal) -> object:
        document_id = self.random.choice(list(self.documents))
        may = self.documents[document_id][0] in self.rules.readable(who)
        may &= who.rights is None or "read" in who.rights
        read: Callable[..., object] = self.random.choice(
            (
                self.engine.document,
                self.engine.document_pages,
                self.engine.document_chunks,
                self.engine.original,
                lambda d, p: self.engine.page_picture(d, 1, p),
            )
        )
        try:
            found = read(document_id, who)
        except AccessDenied:
            if may:
                self._wrong(f"{who.name} may read {document_id} and was refused")
            raise
        if not may:
            self._wrong(f"{who.name} read {document_id}")
        return found

    def _conversations(self, who: Principal) -> object:
        from ui.export import markdown

        own = self.engine.conversations(who)
        if not own:
            return own
        turns = self.engine.turns(self.random.choice(own).id, who)
        return own, turns, markdown(turns, "en")

    def _others(self, who: Principal) -> object:
        other = self.random.choice([u for u in self.rules.users if u != who.user_id])
        theirs = self.engine.store.conversations(other)
        if not theirs:
            return None
        chosen = self.random.choice(theirs).id
        act = self.random.choice(
            (
                lambda: self.engine.turns(chosen, who),
                lambda: self.engine.rename_conversation(chosen, "mine", who),
                lambda: self.engine.delete_conversation(chosen, who),
                lambda: list(self.engine.ask("And in 2022?", who, conversation_id=chosen)),
            )
        )
        try:
            found = act()
        except AccessDenied:
            return None
        self._wrong(f"{who.name} reached a conversation of somebody else")
        return found

    def _rate(self, who: Principal) -> object:
        own = [t for t, user in self.turns if user == who.user_id]
        if own:
            self.engine.rate_turn(
                self.random.choice(own), who, self.random.choice((-1, 1)), ["wrong_value"], "hm"
            )
        return None

    def _feedback(self, who: Principal) -> object:
        may = {"evaluator", "admin"} & self.rules.users[who.user_id].roles and (
            who.rights is None or "evaluate" in who.rights
        )
        try:
            found = self.engine.feedback(who)
        except AccessDenied:
            if may:
                self._wrong(f"{who.name} may see feedback and was refused")
            raise
        if not may:
            self._wrong(f"{who.name} saw feedback")
        shown = [self.engine.feedback_turn(turn.id, who) for turn in found[:2]]
        hidden = [t for t, _ in self.turns if t not in {turn.id for turn in found}]
        for turn_id in hidden[-2:]:
            try:
                shown.append(self.engine.feedback_turn(turn_id, who))
            except AccessDenied:
                continue
        return found, shown

    def _evaluate(self, who: Principal) -> object:
        """Golden questions and runs that quote what their maker could read."""
        seen: list[object] = [self.engine.datasets(who)]
        names = [
            self.documents[d][1] for d in self.documents if self.documents[d][0] in self.rules.readable(who)
        ]
        if names and self.random.random() < 0.4:
            dataset = self.engine.save_dataset("golden", who)
            canary = self.random.choice(names)
            question = {"id": canary, "question": f"What of {canary}?", "doc": f"{canary}.md"}
            self.engine.save_golden_questions(dataset.id, [(canary, question)], who, origin="generated")
            run = self.engine.create_run(
                who, name="r", dataset="golden", dataset_sha256="", systems=[], settings={}, total=1
            )
            self.engine.add_result(
                run.id, "s", canary, who, question=question, answer={"text": canary}, measures={}
            )
        for dataset in self.engine.datasets(who):
            seen.append(self.engine.golden_questions(dataset.id, who))
        for run in self.engine.runs(who)[:20]:
            seen.append(list(self.engine.results(run.id, who)))
        return seen

    def _write(self, who: Principal) -> object:
        document_id = self.random.choice(list(self.documents))
        collection_id, canary = self.documents[document_id]
        may = collection_id in self.rules.writable(who)
        act = self.random.choice(("edit", "retry", "add", "delete"))
        try:
            if act == "edit":
                found: object = self.engine.edit_about(document_id, who, company=f"{canary} plc")
            elif act == "retry":
                found = self.engine.retry_document(document_id, who)
            elif act == "add":
                name = next(c.name for c in self.engine.store.collections() if c.id == collection_id)
                found = self.engine.add_document(
                    f"{canary}.md", self.engine.original(document_id), who, collection=name
                )
            else:
                if may and len([c for c, _ in self.documents.values() if c == collection_id]) < 2:
                    return None
                found = self.engine.delete_document(document_id, who)
                del self.documents[document_id]
        except (AccessDenied, WenjuError) as error:
            if may and (who.rights is None or {"read", "ask"} & who.rights):
                self._wrong(f"{who.name} may {act} {document_id} and was refused: {error.code}")
            raise
        if not may:
            self._wrong(f"{who.name} did {act} {document_id}")
        return found

    def _admin(self, who: Principal) -> object:
        may = "admin" in self.rules.users[who.user_id].roles and (who.rights is None or "admin" in who.rights)
        look = self.random.choice(
            (
                lambda: self.engine.users(who),
                lambda: self.engine.members(who),
                lambda: self.engine.prompts(who),
                lambda: self.engine.own_terms(who),
                lambda: self.engine.tokens(who, everybody=True),
            )
        )
        try:
            found = look()
        except AccessDenied:
            if may:
                self._wrong(f"{who.name} is an admin and was refused")
            raise
        if not may:
            self._wrong(f"{who.name} did what admins do")
        return found

    def _new_token(self, who: Principal) -> object:
        wanted: list[Right] = self.random.choice(
            (
                ["read"],
                ["ask"],
                ["read", "ask"],
                ["read", "ask", "write", "feedback"],
                ["evaluate", "read"],
                ["admin"],
            )
        )
        ids = self._some(self.ids, who)
        token, secret = self.engine.create_token(who, "t", rights=wanted, collection_ids=ids)
        self.tokens.append((secret, who.user_id, token.id))
        return token

    # ---------------------------------------------------------------- what changes in between

    def _change(self) -> None:
        user_id = self.random.choice([u.id for u in self.rules.users.values() if u.name != "spare"])
        collection_id = self.random.choice(self.ids)
        what = self.random.random()
        if what < 0.6:
            if collection_id in self.rules.members[user_id] and self.random.random() < 0.6:
                self.engine.unshare_collection(collection_id, user_id)
                del self.rules.members[user_id][collection_id]
            else:
                may_write = self.random.random() < 0.5
                self.engine.share_collection(collection_id, user_id, may_write=may_write)
                self.rules.members[user_id][collection_id] = may_write
        elif what < 0.7:
            roles = {self.random.choice(ROLES), self.random.choice(ROLES)}
            self.rules.users[user_id] = self.engine.set_roles(user_id, roles)
        elif what < 0.8:
            active = not self.rules.users[user_id].active
            self.rules.users[user_id] = self.engine.set_active(user_id, active)
        elif what < 0.9 and self.tokens:
            secret, _, token_id = self.random.choice(self.tokens)
            self.engine.revoke_token(token_id)
            self._revoked.add(secret)
        else:
            name = next(c.name for c in self.engine.store.collections() if c.id == collection_id)
            self._add(collection_id, name)
            self.service.run_until_idle()
            self._name_companies()


def _words(came_back: object) -> str:
    if isinstance(came_back, bytes):
        return came_back.decode("utf-8", "replace")
    if isinstance(came_back, list | tuple):
        return " ".join(map(_words, came_back))
    return repr(came_back)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quotes", action="store_true", help="extractive answers instead of the chat model")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), options.seed, chat=not options.quotes)
        try:
            while sum(run.seen.operations.values()) < options.operations:
                run.step()
        finally:
            run.close()
    seen = run.seen
    print(f"{options.operations} operations in {time.monotonic() - started:.0f} s, seed {options.seed}")
    print(f"  by kind: {dict(seen.operations.most_common())}")
    print(f"  refused: {dict(seen.refused.most_common())}")
    print(f"  canaries shown to those who may see them: {seen.canaries}")
    print(f"  wrong: {len(seen.wrong)}")
    for line in seen.wrong[:20]:
        print(f"    {line}")
    raise SystemExit(1 if seen.wrong else 0)


if __name__ == "__main__":
    main()
