"""OpenAI's chat completions as far as they mean something here.

Unknown and meaningless parameters are taken and named in ``wenju.ignored``: the app writes the whole prompt.
What would change the kind of answer (tools, images, several choices, JSON mode) is refused by name.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.problems import ApiError
from api.shapes import Evidence

MOST_MESSAGES = 200
_REFUSED = (
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "audio",
    "modalities",
    "logprobs",
    "prediction",
)
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "tools": ([], None),
    "tool_choice": ("none", None),
    "functions": ([], None),
    "function_call": ("none", None),
    "modalities": (["text"], None),
    "logprobs": (False, None),
    "audio": (None,),
    "prediction": (None,),
}


class ContentPart(BaseModel):
    model_config = ConfigDict(extra="allow")
    type: str = Field(max_length=40)
    text: str | None = Field(None, max_length=200_000)


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    def words(self) -> str:
        """Raises ApiError for a part that is no text."""
        if self.content is None:
            return ""
        if isinstance(self.content, str):
            return self.content
        for part in self.content:
            if part.type not in ("text", "refusal") or (part.type == "text" and part.text is None):
                raise ApiError(400, "api.unsupported", parameter=f"messages.content.{part.type}"[:80])
        return "\n".join(part.text or "" for part in self.content)


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow")
    include_usage: bool | None = None


class Extension(BaseModel):
    """What only Wenju understands; the openai client sends it as ``extra_body={"wenju": {...}}``."""

    model_config = ConfigDict(extra="forbid")
    style: str | None = Field(None, max_length=64, description='how the answer is written: "analyst", ...')
    conversation_id: int | None = Field(
        None,
        ge=1,
        le=2**62,
        description="goes on with a conversation that is kept here; its turns are the context",
    )
    document_ids: list[int] | None = Field(None, max_length=1000, description="asks of these documents alone")
    ignored_chips: list[str] = Field(
        default_factory=list,
        max_length=50,
        description='what the question must not be taken to name: "period:2023"',
    )
    anew: bool = Field(False, description="answers anew, also when an answer to the same question was kept")
    passages: bool = Field(True, description="false: leaves the passages' texts out of the answer")


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="allow")
    model: str = Field(
        max_length=400, description="wenju, wenju/<collection>, each with an optional :<style>"
    )
    messages: list[Message] = Field(
        min_length=1,
        max_length=MOST_MESSAGES,
        description="the last user message is the question, earlier ones are its context",
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    wenju: Extension = Extension()

    def refused_and_ignored(self) -> list[str]:
        """Names of parameters without effect. Raises ApiError for those that cannot be left unheard."""
        extra = self.model_extra or {}
        for name in _REFUSED:
            if name in extra and extra[name] not in _NEUTRAL[name]:
                raise ApiError(400, "api.unsupported", parameter=name)
        if self.n not in (None, 1):
            raise ApiError(400, "api.unsupported", parameter="n")
        form = extra.get("response_format")
        if form is not None and (not isinstance(form, dict) or form.get("type") != "text"):
            raise ApiError(400, "api.unsupported", parameter="response_format")
        ignored = sorted(
            name
            for name, value in extra.items()
            if value is not None and name not in (*_REFUSED, "response_format")
        )[:50]
        if any(m.role in ("system", "developer") for m in self.messages):
            ignored.append("messages.system")
        return [name[:80] for name in ignored]

    def talk(self) -> tuple[list[tuple[str, str]], str]:
        """Earlier (question, answer) pairs, and the question. Raises ApiError when the last message asks
        nothing."""
        pairs: list[tuple[str, str]] = []
        asked = ""
        answered: list[str] = []
        last = self.messages[-1]
        if last.role != "user" or not last.words().strip():
            raise ApiError(400, "api.no_question")
        for said in self.messages:
            words = said.words()
            if said.role == "user":
                if asked and answered:
                    pairs.append((asked, "\n".join(answered)))
                    asked, answered = "", []
                asked = f"{asked}\n{words}".strip() if asked and said is not last else words
            elif said.role == "assistant" and asked and words:
                answered.append(words)
        return pairs, last.words()


class Reply(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None
    reasoning_content: str | None = None


class Choice(BaseModel):
    index: int = 0
    message: Reply
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class UsageOut(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageOut
    system_fingerprint: str = Field(description="turn-<id>: finds the evidence at GET /v1/turns/<id>")
    wenju: Evidence


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "wenju"


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]
