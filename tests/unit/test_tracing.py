"""Spans: one trace a question, across threads and generators, with the request's id."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rag import tracing


def test_a_trace_holds_its_stages_as_a_tree() -> None:
    with tracing.trace("question", "req-1", documents=3) as root:
        with tracing.span("retrieve", {"top_k": 8}), tracing.span("embed"):
            pass
        with tracing.span("generate") as made:
            made.set_attribute("model", "tiny")
    trace = root.end()
    assert [s.name for s in trace.spans] == ["question", "retrieve", "embed", "generate"]
    ids = {s.name: s.span_id for s in trace.spans}
    parents = {s.name: s.parent_id for s in trace.spans}
    assert parents == {
        "question": "",
        "retrieve": ids["question"],
        "embed": ids["retrieve"],
        "generate": ids["question"],
    }
    assert trace.request_id == "req-1"
    assert trace.spans[0].attributes == {"request_id": "req-1", "documents": 3}
    assert trace.spans[3].attributes == {"model": "tiny"}
    for span in trace.spans[1:]:
        assert 0 <= span.start_ms <= span.start_ms + span.duration_ms <= trace.duration_ms
    assert tracing.recent()[0] == trace


def test_outside_a_trace_nothing_is_recorded() -> None:
    before = tracing.recent()
    with tracing.span("embed") as made:
        made.set_attribute("model", "tiny")
    assert tracing.recent() == before


def test_an_error_is_named_but_not_quoted() -> None:
    def failing() -> None:
        with tracing.span("generate"):
            raise ValueError("the reader's secret")

    with pytest.raises(ValueError, match="secret"), tracing.trace("question") as root:
        failing()
    trace = root.end()
    assert [s.error for s in trace.spans] == ["ValueError", "ValueError"]
    assert "secret" not in repr(trace)


def test_a_generator_leaves_its_span_out_of_its_readers_context() -> None:
    root = tracing.begin("question", "req-2")

    def events() -> Iterator[int]:
        for n in range(3):
            with root.active(), tracing.span("step", {"n": n}):
                pass
            yield n

    for _ in events():
        assert tracing.request_id() == ""
        with tracing.span("the reader's own"):
            pass
    assert [s.name for s in root.end().spans] == ["question", "step", "step", "step"]


def test_a_threads_work_belongs_to_the_trace_when_its_context_is_carried() -> None:
    seen = []

    def work() -> None:
        seen.append(tracing.request_id())
        with tracing.span("work"):
            pass

    with tracing.trace("question", "req-3") as root:
        thread = threading.Thread(target=tracing.carried().run, args=(work,))
        thread.start()
        thread.join()
    assert seen == ["req-3"]
    assert [s.name for s in root.end().spans] == ["question", "work"]


def test_two_traces_at_once_do_not_mix() -> None:
    def one(name: str, out: dict[str, tracing.Trace]) -> None:
        with tracing.trace(name) as root:
            for _ in range(50):
                with tracing.span(f"{name}-step"):
                    pass
        out[name] = root.end()

    done: dict[str, tracing.Trace] = {}
    threads = [threading.Thread(target=one, args=(f"t{n}", done)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, trace in done.items():
        assert {s.name for s in trace.spans} == {name, f"{name}-step"}
        assert len(trace.spans) == 51


def test_memory_is_bounded() -> None:
    with tracing.trace("question") as root:
        for _ in range(2 * tracing.MAX_SPANS):
            with tracing.span("step"):
                pass
    spans = root.end().spans
    assert len(spans) == tracing.MAX_SPANS + 1
    assert spans[0].name == "question"
    for _ in range(tracing.RING + 5):
        with tracing.trace("question"):
            pass
    assert len(tracing.recent()) == tracing.RING


@pytest.mark.parametrize("bad", ["", "a b", "-x", "x" * 65, "a\nb", 'a"b', "ä"])
def test_a_foreign_request_id_is_taken_only_when_it_is_fit_for_a_log(bad: str) -> None:
    assert tracing.accepted_request_id("Abc-1_2.3") == "Abc-1_2.3"
    made = tracing.accepted_request_id(bad)
    assert made != bad
    assert tracing.accepted_request_id(made) == made


def test_a_request_is_known_inside_only() -> None:
    with tracing.request("req-4"):
        assert tracing.request_id() == "req-4"
        assert tracing.begin("question").request_id == "req-4"
    assert tracing.request_id() == ""


def test_a_collector_gets_the_spans_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    got = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(tracing, "_processors", [])
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        tracing.export_to(f"http://127.0.0.1:{server.server_port}/v1/traces")
        with pytest.raises(ValueError), tracing.trace("question", "req-5") as root:  # noqa: PT011, PT012
            with tracing.span("embed", {"rows": 2}):
                pass
            raise ValueError
        shown = root.end()
        tracing.flush()
        thread.join(10)
    [(path, body)] = got
    assert path == "/v1/traces"
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert {a.key: a.value.string_value for a in sent.resource.attributes} == {"service.name": "wenju"}
    question, embed = sent.scope_spans[0].spans
    assert [question.name, embed.name] == ["question", "embed"]
    assert question.trace_id.hex() == embed.trace_id.hex() == shown.trace_id
    assert embed.parent_span_id.hex() == question.span_id.hex() == shown.spans[0].span_id
    assert {a.key: a.value.int_value for a in embed.attributes} == {"rows": 2}
    assert "error.type" in {a.key for a in question.attributes}
    length_ms = (question.end_time_unix_nano - question.start_time_unix_nano) / 1e6
    assert length_ms == pytest.approx(shown.duration_ms)
    assert abs(question.start_time_unix_nano / 1e9 - shown.started_at.timestamp()) < 0.001
