"""An operator's story and an analyst's, all of it real: PostgreSQL, Redis, vLLM, Prometheus, the gateway and
two app processes. Answers before and after; parts killed and brought back under load; a collection that an
analyst may not see. ``pytest -s`` prints it as a story of figures.

The tiny model says the same of everything, so what is compared is what Wenju makes of a question: which
passages, what is cited, which figures are quoted when no model is there.
"""

from __future__ import annotations

import io
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from operator_house import SAID, House, operator_house

from rag.access import LOCAL
from rag.records import Principal, User

pytestmark = [pytest.mark.integration, pytest.mark.timeout(480)]

DOORS = ("gateway", "app 1", "app 2")
CANARY = "zqvexillum"
SECRET_QUESTION = "What was the retention bonus of Marlowe Dunmore in 2023?"
PASSWORD = "four words make one"
READ_AND_ASK = ("read", "ask", "feedback")


@dataclass(frozen=True)
class Asked:
    """A question, the document that holds its answer, and the figure that it must name."""

    question: str
    document: str
    figure: str


COMPANIES = {
    "Harbour Logistics": ("1,577", "1,402", "8,140"),
    "Alder Foods": ("2,318", "2,204", "12,655"),
    "Borealis Wind": ("664", "591", "1,930"),
    "Cinder Steel": ("4,082", "4,377", "17,208"),
}
ASKED = [
    asked
    for name, (revenue, _, staff) in COMPANIES.items()
    for asked in (
        Asked(f"What was the revenue of {name} in 2023?", f"{name} 2023.pdf", revenue),
        Asked(f"How many people did {name} employ at the end of 2023?", f"{name} 2023.pdf", staff),
    )
]


def pdf(*pages: str) -> bytes:
    """One line of text below the other."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1)
    for text in pages:
        for number, line in enumerate(text.split("\n")):
            canvas.setFont("Helvetica", 12)
            canvas.drawString(72, 760 - 24 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def report(name: str, revenue: str, before: str, staff: str) -> bytes:
    return pdf(
        f"{name} plc\nAnnual report 2023",
        f"Results\nThe revenue of {name} was {revenue} million euros in 2023,\n"
        f"after {before} million euros in 2022.",
        f"People\n{name} employed {staff} people at the end of 2023.",
    )


SECRET = pdf(
    f"Board papers {CANARY}\nMarlowe Dunmore, director of {CANARY} Holdings",
    f"Pay\nThe retention bonus of Marlowe Dunmore was 987,654 euros in 2023, code {CANARY}.",
)


@dataclass
class Cast:
    """Who acts, by name: users and their tokens."""

    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    secret_id: int = 0  # of the collection that holds the canary
    document_id: int = 0  # of the canary


def say(*words: object) -> None:
    print("   ", *words)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    began = time.monotonic()
    with operator_house(tmp_path_factory.mktemp("story")) as opened:
        print(f"\nEverything is up after {time.monotonic() - began:.0f} s")
        yield opened


@pytest.fixture(scope="module")
def cast(house: House) -> Cast:
    """An admin, two analysts (ann: Reports; ben: Reports and Board), an evaluator (Reports); the library."""
    engine, made = house.engine, Cast()
    boards = {name: engine.create_collection(name) for name in ("Reports", "Board")}
    made.secret_id = boards["Board"].id
    for name, roles in (
        ("root", ["admin", "evaluator"]),
        ("ann", ["analyst"]),
        ("ben", ["analyst"]),
        ("eve", ["evaluator"]),
    ):
        user, once = engine.create_user(name, roles=roles)
        made.users[name] = user = engine.change_password(user, once, PASSWORD)
        rights = [*READ_AND_ASK]
        if name == "root":
            rights += ["write", "evaluate", "admin"]
        if name == "eve":
            rights += ["evaluate"]
        engine.share_collection(boards["Reports"].id, user.id, may_write=name == "ann")
        made.tokens[name] = engine.create_token(engine.principal_of(user), "story", rights=rights)[1]
    engine.share_collection(made.secret_id, made.users["ben"].id)
    # The writer's token of ann also may write.
    ann = engine.principal_of(made.users["ann"])
    made.tokens["ann"] = engine.create_token(ann, "writes", rights=[*READ_AND_ASK, "write"])[1]
    with house.client("app 1", made.tokens["root"]) as client:
        for name, figures in COMPANIES.items():
            upload(client, f"{name} 2023.pdf", report(name, *figures), "Reports")
        made.document_id = upload(client, f"Board papers {CANARY}.pdf", SECRET, "Board")
        wait_done(client)
    return made


def upload(client: httpx.Client, name: str, data: bytes, collection: str) -> int:
    reply = client.post("/v1/documents", files={"file": (name, data)}, data={"collection": collection})
    assert reply.status_code == 201, reply.text
    return int(reply.json()["document"]["id"])


def wait_done(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        documents = client.get("/v1/documents").json()["data"]
        if all(d["done"] for d in documents):
            break
        assert time.monotonic() < deadline, documents
        time.sleep(0.2)
    assert {d["status"] for d in documents} == {"ready"}, documents


def body(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "wenju", "messages": [{"role": "user", "content": question}], "wenju": more}


def ask(client: httpx.Client, question: str, **more: Any) -> dict[str, Any]:
    reply = client.post("/v1/chat/completions", json=body(question, **more))
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def text_of(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def gist(reply: dict[str, Any]) -> dict[str, Any]:
    """What two processes must agree on."""
    told = reply["wenju"]
    return {
        "text": text_of(reply),
        "mode": told["mode"],
        "citations": [(c["marker"], c["document"], c["page_start"], c["quote"]) for c in told["citations"]],
        "passages": [(p["document"], p["page_start"], p["text"]) for p in told["passages"]],
        "calculations": told["calculations"],
        "degraded": [d["code"] for d in told["degraded"]],
    }


def wrong(asked: Asked, reply: dict[str, Any]) -> str:
    """What is wrong with an answer; "" for nothing. The model's is its own words over the right passage;
    quotes name the figure and say that the model was missing."""
    told = reply["wenju"]
    text = text_of(reply)
    if told["incomplete"]:
        return "incomplete" if not told["degraded"] else ""
    if told["mode"] == "generative":
        cited = {c["document"] for c in told["citations"]}
        if (text, told["model"], cited) != (SAID, "tiny", {asked.document}):
            return f"generative: {text!r} of {told['model']!r} cites {cited}"
        return ""
    if told["mode"] != "extractive":
        return f"{told['mode']}: {text!r}"
    if asked.figure not in text or {c["document"] for c in told["citations"]} != {asked.document}:
        return f"quotes without the figure: {text!r}"
    return "" if any(d["part"] == "chat" for d in told["degraded"]) else "quotes, and not said why"


# ------------------------------------------------------------------ 1. the same everywhere


def test_two_processes_are_one_service(house: House, cast: Cast) -> None:
    print("\n1. Two processes over the same services")
    clients = {door: house.client(door, cast.tokens["ann"]) for door in DOORS}
    took: list[float] = []
    for asked in ASKED:
        replies = {}
        for door, client in clients.items():
            began = time.monotonic()
            replies[door] = ask(client, asked.question, anew=True)
            took.append(time.monotonic() - began)
            assert wrong(asked, replies[door]) == "", (door, asked)
            assert replies[door]["wenju"]["mode"] == "generative"
        assert gist(replies["app 1"]) == gist(replies["app 2"]) == gist(replies["gateway"])
    took.sort()
    p50 = 1000 * took[len(took) // 2]
    say(f"{len(ASKED)} questions by {len(DOORS)} doors: same answers; p50 {p50:.0f} ms")

    seen = kept_by_one_is_a_hit_in_the_other(clients)
    say(f"{seen} answers kept by one process were hits in the other")
    page_stays_with_one_process(house)
    seconds = uploaded_by_one_is_found_by_the_other(house, cast, clients)
    say("a document uploaded by app 1 was found", *(f"by {d} after {s:.1f} s" for d, s in seconds.items()))
    for client in clients.values():
        client.close()


def kept_by_one_is_a_hit_in_the_other(clients: dict[str, httpx.Client]) -> int:
    pairs = [("app 1", "app 2"), ("app 2", "app 1"), ("app 1", "gateway")]
    for number, (writer, reader) in enumerate(pairs):
        question = f"{ASKED[number].question} As of the annual report"
        first, second = ask(clients[writer], question), ask(clients[reader], question)
        assert not first["wenju"]["from_cache"]
        assert second["wenju"]["from_cache"], (writer, reader)
        assert gist(first) == gist(second)
    # Called wrong in one, forgotten by both.
    question = f"{ASKED[0].question} As of the annual report"
    turn = ask(clients["app 2"], question)["wenju"]["turn_id"]
    rated = clients["app 2"].post(f"/v1/turns/{turn}/feedback", json={"rating": -1})
    assert rated.status_code == 200, rated.text
    assert not ask(clients["app 1"], question)["wenju"]["from_cache"]
    return len(pairs)


def page_stays_with_one_process(house: House) -> None:
    """A browser's requests go to one process by its cookie; the API's to both."""

    def served(app: str) -> float:
        return house.metric(app, "wenju_http_requests_total{")

    for _ in range(2):
        with house.client("gateway") as browser:
            assert browser.get("/").status_code == 401, "the page to sign in on"
            [cookie] = [c for c in browser.cookies.jar if c.name == "wenju_at"]
            assert cookie.secure
            before = [served(app) for app in DOORS[1:]]
            for _ in range(10):
                assert browser.get("/_stcore/health").status_code == 200
            more = [served(app) - was for app, was in zip(DOORS[1:], before, strict=True)]
            assert sorted(n >= 10 for n in more) == [False, True], more
    with house.client("gateway") as program:
        before = [served(app) for app in DOORS[1:]]
        for _ in range(10):
            reply = program.get("/v1/models")
            assert reply.status_code == 401
            assert "set-cookie" not in reply.headers
        assert all(served(app) - was > 2 for app, was in zip(DOORS[1:], before, strict=True))


def uploaded_by_one_is_found_by_the_other(
    house: House, cast: Cast, clients: dict[str, httpx.Client]
) -> dict[str, float]:
    """Seconds from "ready" until each door answers from it."""
    asked = Asked("What was the revenue of Dovecote Paper in 2023?", "Dovecote Paper 2023.pdf", "731")
    for client in clients.values():  # the refusal must not be kept
        assert ask(client, asked.question)["wenju"]["mode"] != "extractive"
    upload(clients["app 1"], asked.document, report("Dovecote Paper", "731", "702", "2,411"), "Reports")
    wait_done(clients["app 2"])
    ready, found = time.monotonic(), {}
    while len(found) < len(clients):
        for door, client in clients.items():
            if door not in found and wrong(asked, ask(client, asked.question)) == "":
                found[door] = time.monotonic() - ready
        assert time.monotonic() < ready + 10, f"found by {list(found)} alone"
    return found


# ------------------------------------------------------------------ 2. under load, with parts away


@dataclass(frozen=True)
class Seen:
    """One request of the load."""

    at: float
    door: str
    status: int
    code: str
    mode: str
    missing: tuple[str, ...]
    kept: bool
    wrong: str
    seconds: float


class Load:
    """People that ask, until told to stop. Nothing may go wrong but what is said."""

    def __init__(self, house: House, token: str, people: int = 5) -> None:
        self._house, self._token = house, token
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._person, args=(n,)) for n in range(people)]
        self.seen: list[Seen] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def since(self, moment: float) -> list[Seen]:
        return [seen for seen in self.seen if seen.at >= moment]

    def _person(self, number: int) -> None:
        pick = random.Random(number)
        clients = {door: self._house.client(door, self._token) for door in DOORS}
        while not self._stop.wait(pick.uniform(0.05, 0.25)):
            door, asked = pick.choice(DOORS), pick.choice(ASKED)
            self.seen.append(self._one(clients[door], door, asked, anew=pick.random() < 0.5))

    def _one(self, client: httpx.Client, door: str, asked: Asked, *, anew: bool) -> Seen:
        began = time.monotonic()
        try:
            reply = client.post("/v1/chat/completions", json=body(asked.question, anew=anew))
        except httpx.HTTPError as error:
            return Seen(began, door, 0, "", "", (), False, f"{type(error).__name__}: {error}", 0.0)
        seconds = time.monotonic() - began
        if reply.status_code != 200:
            told = reply.json()
            honest = reply.status_code in (429, 503) and "retry-after" in reply.headers
            problem = "" if honest else reply.text[:500]
            return Seen(began, door, reply.status_code, told.get("code", ""), "", (), False, problem, seconds)
        told = reply.json()["wenju"]
        missing = tuple(d["code"] for d in told["degraded"])
        return Seen(
            began, door, 200, "", told["mode"], missing, told["from_cache"], wrong(asked, reply.json()),
            seconds,
        )  # fmt: skip


def until(what: str, done: Any, seconds: float) -> float:
    """Waits for it; how long it took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() < began + seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - began


def tell(load: Load, moment: float, words: str) -> list[Seen]:
    """Prints what was seen since, checks that nothing of it was wrong, and gives it back."""
    seen = load.since(moment)
    assert [s for s in seen if s.wrong] == []
    took = sorted(s.seconds for s in seen if s.status == 200) or [0.0]
    kinds = Counter(s.mode if s.status == 200 else f"{s.status} {s.code}" for s in seen)
    shown = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    say(f"{words}: {shown}; p50 {1000 * took[len(took) // 2]:.0f}, max {1000 * took[-1]:.0f} ms")
    return seen


def test_parts_die_under_load_and_come_back(house: House, cast: Cast) -> None:
    print("\n2. Under load: five people ask without pause")
    with Load(house, cast.tokens["ann"]) as load:
        began = time.monotonic()
        time.sleep(6)
        whole = tell(load, began, "all there")
        assert {s.status for s in whole} == {200}
        assert {s.mode for s in whole} == {"generative"}
        redis_dies(house, load)
        vllm_dies(house, load)
        postgresql_dies(house, load)
        began = time.monotonic()
        time.sleep(4)
        after = tell(load, began, "all there again")
        assert {s.status for s in after} == {200}
        assert {s.mode for s in after} == {"generative"}
        prometheus_saw(house, load)


def redis_dies(house: House, load: Load) -> None:
    redis, moment = house.parts["redis"], time.monotonic()
    redis.kill()
    for app in DOORS[1:]:
        until(
            f"{app} says that Redis is away",
            lambda app=app: house.metric(app, 'wenju_breaker_state{system="redis"') > 0,
            10,
        )
    time.sleep(4)
    seen = tell(load, moment, "Redis killed")
    assert {s.status for s in seen} == {200}
    assert {s.mode for s in seen} == {"generative"}, "slower, never less"
    redis.start()
    back = time.monotonic()
    for app in DOORS[1:]:
        until(
            f"{app} uses Redis again",
            lambda app=app: house.metric(app, 'wenju_breaker_state{system="redis"') == 0,
            20,
        )
    until("answers are shared again", lambda: shared_again(house, load), 20)
    say(f"shared again {time.monotonic() - back:.1f} s after Redis was back")


def shared_again(house: House, load: Load) -> bool:
    question = f"{ASKED[2].question} Asked at {time.time():.0f}"
    with house.client("app 1", load._token) as one, house.client("app 2", load._token) as two:
        assert not ask(one, question)["wenju"]["from_cache"]
        return bool(ask(two, question)["wenju"]["from_cache"])


def vllm_dies(house: House, load: Load) -> None:
    chat, moment = house.parts["vllm"], time.monotonic()
    chat.kill()
    time.sleep(1)  # what was being written has ended
    away = time.monotonic()
    until("answers are quotes", lambda: any(s.mode == "extractive" for s in load.since(away)), 10)
    chat.begin()  # takes longest: it is away meanwhile
    restart = time.monotonic()
    chat.wait()
    answers = time.monotonic()
    until(
        "the model answers anew",
        lambda: (
            [s.mode for s in load.since(answers) if s.status == 200 and not s.kept][-3:] == ["generative"] * 3
        ),
        60,
    )
    seen = tell(load, moment, "vLLM killed")
    assert {s.status for s in seen} == {200}
    quotes = [s for s in seen if s.mode == "extractive"]
    assert len(quotes) > 10
    assert all(s.missing for s in quotes)
    codes = Counter(code for s in quotes for code in s.missing)
    say(f"said in the answers: {dict(codes)}")
    say(
        f"vLLM needed {answers - restart:.0f} s to start; the model answered "
        f"{time.monotonic() - answers:.1f} s after that"
    )


def postgresql_dies(house: House, load: Load) -> None:
    database, moment = house.parts["postgresql"], time.monotonic()
    database.kill()
    ready = {}
    for app in DOORS[1:]:
        with house.client(app) as client:
            until(f"{app} is not ready", lambda client=client: client.get("/readyz").status_code == 503, 15)
            ready[app] = client.get("/readyz").json()
            assert client.get("/healthz").status_code == 200, "alive: nobody should restart it"
    assert all(told["code"] == "store.unreachable" for told in ready.values()), ready
    time.sleep(3)
    database.start()
    back = time.monotonic()
    for app in DOORS[1:]:
        with house.client(app) as client:
            until(f"{app} is ready", lambda client=client: client.get("/readyz").status_code == 200, 15)
    until("questions are answered", lambda: [s.status for s in load.since(back)][-5:] == [200] * 5, 20)
    seen = tell(load, moment, "PostgreSQL killed")
    assert {s.status for s in seen} <= {200, 429, 503}
    assert any(s.status == 503 for s in seen)
    assert {s.code for s in seen if s.status == 503} <= {"store.unreachable"}
    say(f"answering again {time.monotonic() - back:.1f} s after PostgreSQL was back")


def prometheus_saw(house: House, load: Load) -> None:
    time.sleep(2.5)
    assert sorted(r["value"][1] for r in house.query('up{job="wenju"}')) == ["1", "1"]
    counts = house.query("sum by (instance) (wenju_questions_total)")
    asked = {r["metric"]["instance"]: float(r["value"][1]) for r in counts}
    assert len(asked) == 2
    assert sum(asked.values()) >= 0.9 * sum(s.status == 200 for s in load.seen)
    [missing] = house.query('sum(wenju_degraded_total{part="chat"})')
    assert float(missing["value"][1]) > 10
    [opened] = house.query('max(max_over_time(wenju_breaker_state{system="redis"}[5m]))')
    assert float(opened["value"][1]) > 0
    [errors] = house.query('sum(wenju_http_requests_total{status="500"}) or vector(0)')
    assert float(errors["value"][1]) == 0
    [slow] = house.query("histogram_quantile(0.95, sum by (le) (rate(wenju_first_token_seconds_bucket[2m])))")
    rates = ", ".join(f"{n:.0f}" for n in sorted(asked.values()))
    say(f"Prometheus saw {rates} questions of the two, p95 to the first word {float(slow['value'][1]):.2f} s")


# ------------------------------------------------------------------ 3. what an analyst may not see


def test_a_collection_is_out_of_reach_by_every_road(house: House, cast: Cast) -> None:
    print("\n3. An analyst who may not see a collection")
    warm(house, cast)
    tried = Counter[str]()
    for door in DOORS:
        with house.client(door, cast.tokens["ann"]) as ann, house.client(door, cast.tokens["root"]) as root:
            tried += roads(ann, root, cast)
            tried += tools(house.doors[door], cast.tokens["ann"])
    with house.client("app 2", cast.tokens["eve"]) as eve:
        tried += evaluator_roads(house, eve, cast)
    tried += page_roads(house, house.engine.principal_of(cast.users["ann"]))
    say(f"{sum(tried.values())} tries by {len(tried)} roads: {', '.join(sorted(tried))}")
    revoked(house, cast)


def warm(house: House, cast: Cast) -> None:
    """The admin and a member ask first, in both processes: the answers are kept, and hold the canary."""
    for name in ("root", "ben"):
        for door in DOORS:
            with house.client(door, cast.tokens[name]) as client:
                reply = ask(client, SECRET_QUESTION)
                assert CANARY in json.dumps(reply), "control: who may read it gets it"
    assert reply["wenju"]["from_cache"], "the caches are warm"


def roads(ann: httpx.Client, root: httpx.Client, cast: Cast) -> Counter[str]:
    """Everything that the API has, of the canary's ids and words. Nothing may hold the canary; what is not
    there and what is not hers read the same."""
    tried = Counter[str]()
    document = cast.document_id

    def harmless(road: str, reply: httpx.Response, *statuses: int) -> httpx.Response:
        tried[road] += 1
        assert CANARY not in reply.text, road
        assert "987,654" not in reply.text, road
        assert reply.status_code in statuses, (road, reply.status_code, reply.text)
        return reply

    for anew in (False, True):
        for more in ({}, {"stream": True}):
            asked = body(SECRET_QUESTION, anew=anew) | more
            harmless("chat", ann.post("/v1/chat/completions", json=asked), 200)
        narrowed = body(SECRET_QUESTION, anew=anew, document_ids=[document])
        harmless("chat of a document", ann.post("/v1/chat/completions", json=narrowed), 404)
    for model in ("wenju/Board", "wenju/Board:analyst"):
        named = body(SECRET_QUESTION) | {"model": model}
        harmless("chat of a collection", ann.post("/v1/chat/completions", json=named), 404)
    talked = {
        "model": "wenju",
        "messages": [
            {"role": "user", "content": SECRET_QUESTION},
            {"role": "assistant", "content": "It is in the board papers [1]."},
            {"role": "user", "content": "And what was the code?"},
        ],
    }
    harmless("follow-up", ann.post("/v1/chat/completions", json=talked), 200)
    for more in ({}, {"legs": ["lexical"]}, {"legs": ["dense"]}):
        found = ann.post("/v1/search", json={"query": SECRET_QUESTION, "top_k": 50, **more})
        harmless("search", found, 200)
    harmless(
        "search", ann.post("/v1/search", json={"query": "board papers", "document_ids": [document]}), 404
    )
    harmless("search", ann.post("/v1/search", json={"query": "board papers", "collections": ["Board"]}), 404)
    for list_of in ("documents", "documents?collection=Board", "collections", "models", "me"):
        harmless("lists", ann.get(f"/v1/{list_of}"), 200)
    nowhere = 4_000_000
    for path in ("", "/original", "/pages/2", "/pages/2/picture"):
        mine = harmless(f"document{path}", ann.get(f"/v1/documents/{document}{path}"), 404)
        none = ann.get(f"/v1/documents/{nowhere}{path}")
        assert same_words(mine, none, document, nowhere), (mine.text, none.text)
    harmless("delete", ann.delete(f"/v1/documents/{document}"), 404)
    harmless("retry", ann.post(f"/v1/documents/{document}/retry"), 404)
    into = ann.post("/v1/documents", files={"file": ("Board.pdf", SECRET)}, data={"collection": "Board"})
    harmless("upload", into, 403, 404)
    told = ask(root, SECRET_QUESTION)["wenju"]
    harmless("turn of another", ann.get(f"/v1/turns/{told['turn_id']}"), 404)
    given = {"rating": 1, "comment": "mine now"}
    harmless("feedback", ann.post(f"/v1/turns/{told['turn_id']}/feedback", json=given), 404)
    into = body("And what was the code?", conversation_id=told["conversation_id"])
    harmless("conversation of another", ann.post("/v1/chat/completions", json=into), 404)
    for path in ("datasets", "runs", "runs/1", "runs/1/results"):
        harmless("evaluation", ann.get(f"/v1/evaluation/{path}"), 403)
    return tried


def same_words(one: httpx.Response, other: httpx.Response, *ids: int) -> bool:
    """But for the ids that were asked for."""

    def bare(reply: httpx.Response) -> object:
        told = reply.json()
        told.pop("request_id")
        words = json.dumps(told)
        for number in ids:
            words = words.replace(str(number), "N")
        return words

    return bare(one) == bare(other)


def tools(url: str, token: str) -> Counter[str]:
    """The MCP server's three, with the official client."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def call(name: str, **arguments: Any) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False, verify=False) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        ):
            result = await client.call_tool(name, arguments)
            return json.dumps([part.model_dump(mode="json") for part in result.content])

    tried = Counter[str]()
    for name, arguments in (
        ("search", {"query": SECRET_QUESTION}),
        ("search", {"query": SECRET_QUESTION, "collection": "Board"}),
        ("ask", {"question": SECRET_QUESTION}),
        ("ask", {"question": SECRET_QUESTION, "collection": "Board"}),
        ("list_documents", {}),
        ("list_documents", {"collection": "Board"}),
    ):
        told = anyio.run(lambda name=name, arguments=arguments: call(name, **arguments))
        assert CANARY not in told, name
        assert "987,654" not in told, name
        tried[f"MCP {name}"] += 1
    return tried


def evaluator_roads(house: House, eve: httpx.Client, cast: Cast) -> Counter[str]:
    """The admin's run over the canary, and golden questions of it, for an evaluator who may not read it."""
    from evaluation.datasets import Question

    tried = Counter[str]()
    engine = house.engine
    root = engine.principal_of(cast.users["root"])
    dataset = engine.save_dataset("board", root)
    question = Question.model_validate(
        {
            "id": "q1",
            "question": f"{SECRET_QUESTION} {CANARY}",
            "lang": "en",
            "answer": "987,654",
            "evidence": [{"doc": f"Board papers {CANARY}.pdf", "page": 2}],
        }
    )
    engine.save_golden_questions(dataset.id, [("q1", question.model_dump(mode="json"))], root)
    with house.client("app 1", cast.tokens["root"]) as admin:
        system = {"name": "quotes", "options": {"search.top_k": 4}}
        made = admin.post("/v1/evaluation/runs", json={"dataset": "board", "systems": [system]})
        assert made.status_code == 201, made.text
        run = made.json()["id"]
        until(
            "the run ends",
            lambda: admin.get(f"/v1/evaluation/runs/{run}").json()["status"] != "running",
            30,
        )
        results = admin.get(f"/v1/evaluation/runs/{run}/results")
        assert CANARY in results.text, "control: the admin's run holds it"
    for path in ("datasets", "runs", f"runs/{run}", f"runs/{run}/results"):
        told = eve.get(f"/v1/evaluation/{path}")
        assert told.status_code == (404 if str(run) in path else 200), (path, told.text)
        assert CANARY not in told.text, path
        tried["evaluation runs"] += 1
    assert eve.post(f"/v1/evaluation/runs/{run}/stop").status_code == 404
    own = {"dataset": "board", "systems": [system], "collection": "Board"}
    assert eve.post("/v1/evaluation/runs", json=own).status_code == 404
    eve_herself = engine.principal_of(cast.users["eve"])
    assert CANARY not in repr(engine.golden_questions(dataset.id, eve_herself))
    assert CANARY not in repr(engine.feedback(eve_herself))
    tried["golden questions"] += 1
    return tried


def page_roads(house: House, ann: Principal) -> Counter[str]:
    """What the page shows and the API has no route for, as the page asks for it."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from rag.errors import AccessDenied
    from ui.export import markdown
    from ui.welcome import suggested

    engine, tried = house.engine, Counter[str]()
    assert CANARY not in repr(suggested(engine.documents(ann)))
    tried["suggestions"] += 1
    for conversation in engine.conversations(ann):
        told = markdown(engine.turns(conversation.id, ann), "en")
        assert CANARY not in told
        assert "987,654" not in told
        tried["export"] += 1
    others = [c.id for c in engine.store.conversations(engine.find_user("root").id)]
    for conversation_id in others[:5]:
        with pytest.raises(AccessDenied):
            engine.turns(conversation_id, ann)
        tried["export"] += 1
    return tried


def revoked(house: House, cast: Cast) -> None:
    """A member who loses the collection loses it in both processes with the next request, earlier answers
    and kept ones included."""
    engine, ben = house.engine, cast.users["ben"]
    clients = {door: house.client(door, cast.tokens["ben"]) for door in DOORS}
    turns = {}
    for door, client in clients.items():
        reply = ask(client, SECRET_QUESTION)
        assert CANARY in json.dumps(reply)
        turns[door] = reply["wenju"]["turn_id"]
        assert client.get(f"/v1/documents/{cast.document_id}/original").status_code == 200
        assert client.get(f"/v1/documents/{cast.document_id}/pages/2/picture").status_code == 200
    engine.unshare_collection(cast.secret_id, ben.id)
    began = time.monotonic()
    for door, client in clients.items():
        assert client.get(f"/v1/documents/{cast.document_id}/original").status_code == 404, door
        assert client.get(f"/v1/documents/{cast.document_id}/pages/2/picture").status_code == 404, door
        for reply in (
            client.post("/v1/chat/completions", json=body(SECRET_QUESTION)),
            client.post("/v1/search", json={"query": SECRET_QUESTION}),
            client.get(f"/v1/turns/{turns[door]}"),
            client.get("/v1/documents"),
        ):
            assert CANARY not in reply.text, door
            assert "987,654" not in reply.text, door
    say(f"a membership that was taken away was seen by all doors at once ({time.monotonic() - began:.1f} s)")
    engine.share_collection(cast.secret_id, ben.id)
    assert all(CANARY in json.dumps(ask(c, SECRET_QUESTION)) for c in clients.values()), "control: back again"
    engine.set_active(ben.id, False)
    assert {c.get("/v1/me").status_code for c in clients.values()} == {401}
    say("an account that was switched off was refused by all doors at once")
    for client in clients.values():
        client.close()
    assert engine.check_audit(LOCAL).broken is None
