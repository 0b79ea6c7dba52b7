"""The one Settings. Built at a root (app.py, cli.py, a test), passed down; nothing below reads the
environment.

Sources, strongest first: arguments, ``WENJU_*`` variables (``WENJU_CHAT__MODEL`` for ``[chat] model``),
``wenju.toml`` in the working folder (or the file named by ``WENJU_CONFIG``), secrets as files in
``/run/secrets`` (``wenju_chat__api_key``), defaults. Unknown keys are refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.errors import SettingsError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbeddingSettings(_Section):
    """Which model turns texts into vectors."""

    kind: Literal["auto", "onnx", "flag", "openai"] = Field(
        "auto",
        description="onnx: ONNX Runtime or OpenVINO on this CPU; flag: FlagEmbedding (torch, CPU or GPU); "
        "openai: any OpenAI-compatible embeddings server; auto: onnx",
    )
    model: str = Field(
        "minilm",
        description='"minilm" (the English model installed with Wenju), a folder with a BGE or BERT-family '
        "model (model.safetensors or model.onnx, tokenizer.json), or for flag and openai a model name",
    )
    base_url: str = Field("", description="openai: server URL ending in /v1")
    api_key: SecretStr = Field(SecretStr(""), description="openai: key of the server")
    query_instruction: str | None = Field(
        None, description="text put before every query; unset: the right one for the model"
    )
    languages: tuple[str, ...] | None = Field(
        None, description='languages the model covers, "*" for all; unset: known by model name or tokenizer'
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto", description="arithmetic of onnx models; auto: the fastest that keeps the same neighbours"
    )
    device: str = Field("auto", description='flag: "cpu", "cuda:0", ...; auto: CUDA when there')
    threads: int = Field(0, ge=0, description="CPU threads of one embedding call; 0: all cores")
    timeout_s: float = Field(30.0, gt=0, description="openai: seconds for one request")
    tokenizer: str = Field(
        "", description="openai: folder with the model's tokenizer.json; empty: tokens are estimated, high"
    )
    max_tokens: int = Field(0, ge=0, description="openai: most tokens of a text; 0: known by name, else 512")


class RerankerSettings(_Section):
    """What orders the best candidates anew. The light reranker needs no model and goes before the others."""

    kind: Literal["auto", "off", "light", "flag", "onnx", "server"] = Field(
        "auto",
        description="light: features with learned weights; flag: FlagEmbedding's FlagReranker; onnx: a "
        "folder with a cross-encoder's model.onnx and tokenizer.json; server: a /rerank endpoint; auto: the "
        "server at base_url, else flag where it and its weights are installed, else light; off: the order of "
        "the fusion",
    )
    model: str = Field(
        "BAAI/bge-reranker-v2-m3", description="name or folder of the reranker; server: name sent along"
    )
    base_url: str = Field("", description="server: URL, with or without /rerank (Jina, Cohere, vLLM, TEI)")
    api_key: SecretStr = Field(SecretStr(""), description="server: key")
    timeout_s: float = Field(5.0, gt=0, description="server: seconds for one request")
    top_n: int = Field(24, ge=1, le=200, description="how many candidates a model reranks")


class ChunkSettings(_Section):
    max_tokens: int = Field(
        512,
        ge=32,
        le=8192,
        description="most tokens of a chunk as embedded (header and special tokens included), counted by the "
        "embedding model's tokenizer; lowered to the model's own limit",
    )
    context_tokens: int = Field(
        48, ge=0, le=256, description="most tokens of the title-and-section header inside that limit"
    )


class SearchSettings(_Section):
    top_k: int = Field(8, ge=1, le=50, description="passages shown to the model")
    per_document: int = Field(
        5,
        ge=0,
        description="most of them of one document, where other documents have some and the question names "
        "none; 0: no limit",
    )
    candidates: int = Field(80, ge=1, le=1000, description="candidates of each leg before fusion")
    rrf_k: int = Field(60, ge=1, description="rank constant of reciprocal rank fusion")
    dense_weight: float = Field(1.0, ge=0, description="weight of the dense leg in the fusion")
    lexical_weight: float = Field(1.0, ge=0, description="weight of the lexical leg in the fusion")
    exact_up_to: int = Field(200_000, ge=1, description="vectors up to which search is exact")
    refresh_s: float = Field(1.0, gt=0, description="seconds between looks for new generations")


class FallbackSettings(_Section):
    """A chat model that answers while those before it cannot."""

    model: str = Field("", description="name; empty: the first that the server lists")
    base_url: str = Field("", description="its server, ending in /v1; empty: the one of [chat]")
    api_key: SecretStr = Field(SecretStr(""), description="key of that server")


class ChatSettings(_Section):
    """Which model writes answers. With none, answers are extractive."""

    kind: Literal["auto", "openai", "transformers", "extractive"] = Field(
        "auto",
        description="auto: the server at base_url, else one found on localhost (vLLM, Ollama), else "
        "extractive",
    )
    base_url: str = Field("", description="OpenAI-compatible server URL ending in /v1")
    api_key: SecretStr = Field(SecretStr(""), description="key of the server")
    model: str = Field("", description="model or LoRA adapter name; empty: the first that the server lists")
    adapter: str = Field(
        "live",
        min_length=1,
        description='LoRA adapter of the server that answers: "live" (those promoted, by their shares of the '
        'users), "base" (none), or a name',
    )
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(1024, ge=1, description="most tokens of an answer")
    enable_thinking: bool = Field(False, description="Qwen3: let the model think before it answers")
    context_tokens: int = Field(6000, ge=256, description="most tokens of passages put into the prompt")
    discover_urls: tuple[str, ...] = Field(
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:11434/v1"),
        description="where auto looks for a server; empty turns it off",
    )
    connect_timeout_s: float = Field(2.0, gt=0)
    first_token_timeout_s: float = Field(20.0, gt=0)
    total_timeout_s: float = Field(120.0, gt=0)
    retries: int = Field(2, ge=0, le=10, description="tries again before the first token arrived")
    fallbacks: tuple[FallbackSettings, ...] = Field(
        (),
        description="models that answer, in this order, while the one above cannot (each a table with model, "
        "base_url, api_key); after the last, answers are quotes",
    )


class AnswerSettings(_Section):
    min_cosine: float = Field(0.30, ge=-1, le=1, description="dense evidence below this is none")
    min_coverage: float = Field(
        0.5, ge=0, le=1, description="share of the question's content words (by idf) a passage must hold"
    )
    min_quote: float = Field(
        0.0, ge=0, le=1, description="the same share that an extractive answer's quotes must hold; 0: off"
    )
    learned_refusal: bool = Field(
        True,
        description="whether quotes answer the question is judged by learned weights in the languages that "
        "have them (Chinese); false: by min_coverage and min_quote everywhere",
    )
    max_sentences: int = Field(4, ge=1, le=20, description="most quotes of an extractive answer")
    history_turns: int = Field(6, ge=0, description="earlier turns seen when a follow-up is rewritten")
    grow_tokens: int = Field(
        300,
        ge=0,
        description="tokens that each passage may grow by before a chat model reads it (the rest of its "
        "table, notes, neighbouring lines), within chat.context_tokens; 0: none",
    )
    plan_timeout_s: float = Field(
        6.0,
        ge=0,
        description="seconds a chat model may take to split a question of several parts, or to translate one "
        "into the documents' language, for the search; 0: never",
    )
    prompt_use: str = Field(
        "concise",
        description='how answers are written unless the reader chooses: "concise", "analyst" (data, '
        "analysis, risk warning) or a use that an admin added",
    )


class IngestSettings(_Section):
    in_page: bool = Field(
        True, description="the page's process takes documents in; false: a `wenju worker` beside it does"
    )
    workers: int = Field(0, ge=0, description="parser processes; 0: one a core, two at most")
    max_file_mb: int = Field(200, ge=1, description="largest file taken in, MiB")
    max_pages: int = Field(5000, ge=1)
    max_chars: int = Field(30_000_000, ge=1, description="most characters of text in one document")
    max_zip_entries: int = Field(10_000, ge=1, description="Word: most entries in the archive")
    max_unzipped_mb: int = Field(500, ge=1, description="Word: largest uncompressed size, MiB")
    max_xml_elements: int = Field(3_000_000, ge=1, description="Word: most XML elements in one part")
    parse_timeout_s: float = Field(60.0, gt=0, description="seconds for one step (about 100 pages)")
    parse_memory_mb: int = Field(1024, ge=128, description="memory of a parser process, MiB")
    lease_s: float = Field(30.0, gt=0, description="seconds after which a dead worker's document is retaken")
    max_attempts: int = Field(3, ge=1, description="deaths after which a document is set aside")


class TuningSettings(_Section):
    adapters_dir: Path | None = Field(
        None,
        description="folder that every served adapter lies in, on a path that vLLM sees too; empty: "
        "adapters in data_dir",
    )
    server_url: str = Field(
        "", description="URL (ending in /v1) of the vLLM whose adapters are switched; empty: chat.base_url"
    )
    base_model: str = Field(
        "", description="folder or hub name of the served model, which adapters are trained on"
    )
    python: str = Field(
        "",
        description="Python interpreter with the finetune extra, which trains; empty: this one if it has "
        "torch, else .venv-models beside the program",
    )


class CacheSettings(_Section):
    """Answers kept to be given again. Whatever could change an answer is part of what it is found by."""

    answers: bool = Field(True, description="give an answer again when the same is asked again")
    ttl_s: float = Field(24 * 3600.0, gt=0, description="seconds that an answer is kept")
    capacity: int = Field(
        500, ge=1, description="most answers kept in this process (Redis has its own limit)"
    )
    semantic: bool = Field(
        False,
        description="also give the answer to a question that means the same in other words; wrong now and "
        "then (docs/experiments.md has the measured rate)",
    )
    semantic_cosine: float = Field(
        0.95, gt=0, le=1, description="how near the other question must be (cosine of the embedding model)"
    )


class LoadSettings(_Section):
    """What keeps the service upright under many questions and beside systems that fail."""

    answers: int = Field(32, ge=1, description="answers written at once in this process")
    waiting: int = Field(128, ge=0, description="most questions in line behind them")
    waiting_per_user: int = Field(16, ge=1, description="most questions of one user in that line")
    wait_s: float = Field(30.0, gt=0, description="longest wait in line, seconds")
    embed_s: float = Field(
        10.0, gt=0, description="seconds for a query's vector; then words alone are searched"
    )
    rerank_s: float = Field(
        10.0, gt=0, description="seconds for the reranker; then the order stays as it was"
    )
    retrieve_s: float = Field(60.0, gt=0, description="seconds until passages are there; then it is an error")
    answer_s: float = Field(
        180.0, gt=0, description="seconds for a whole answer; then what has arrived is shown, incomplete"
    )
    breaker_failures: int = Field(
        5, ge=1, description="failures in a row after which an outside system is left alone"
    )
    breaker_open_s: float = Field(10.0, gt=0, description="seconds that it is left alone before the next try")
    drain_s: float = Field(
        25.0, ge=0, description="seconds that running answers may take to end when the service is stopped"
    )


class AccountsSettings(_Section):
    """Who may come in."""

    mode: Literal["off", "on"] = Field(
        "off",
        description="off: one local user who may do everything (a laptop); on: people sign in, and see the "
        "collections that they are members of",
    )
    session_hours: float = Field(12.0, gt=0, le=24 * 90, description="hours until one signs in again")
    min_password_chars: int = Field(10, ge=8, le=128, description="shortest password, characters")
    token_days: int = Field(0, ge=0, description="longest life of an API token, days; 0: no limit")
    new_users_read: tuple[str, ...] = Field(
        (), description="names of the collections that every new user may read"
    )
    secure_cookie: Literal["auto", "on"] = Field(
        "auto",
        description="on: the session cookie travels by HTTPS only; auto: when the request came by HTTPS",
    )
    proxies: int = Field(
        0,
        ge=0,
        le=8,
        description="proxies that stand before the page and set X-Forwarded-For and -Proto; 0: those headers "
        "are not believed",
    )
    oidc_metadata_url: str = Field(
        "",
        description="URL of the OpenID Connect provider's metadata (ends in "
        "/.well-known/openid-configuration); empty: local passwords only",
    )
    oidc_client_id: str = Field("", description="this application's id at the provider")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="this application's secret there")
    oidc_redirect_url: str = Field(
        "", description="where the provider sends people back: https://HOST/oauth2callback"
    )
    oidc_cookie_secret: SecretStr = Field(
        SecretStr(""),
        description="random text that signs the provider's cookie; empty: a new one at each start "
        "(several processes need the same one)",
    )
    oidc_label: str = Field("", description="name of the provider on the sign-in page; empty: its host")
    oidc_allow: tuple[str, ...] = Field(
        (),
        description='who may enter through the provider: "*" everybody it vouches for, "@example.com" a '
        'domain of verified e-mail addresses, "ann@example.com" one of them, "CLAIM=VALUE" a claim that is '
        "or holds that value (groups=analysts); empty: only those whom an admin has added",
    )
    oidc_evaluators: tuple[str, ...] = Field(
        (), description="who of them is an evaluator when they first enter, by the same kinds of rules"
    )
    oidc_admins: tuple[str, ...] = Field((), description="who of them is an admin when they first enter")


class PriceSettings(_Section):
    """What a model's tokens cost, in monitoring.currency."""

    input: float = Field(0.0, ge=0, description="per million tokens read")
    output: float = Field(0.0, ge=0, description="per million tokens written")


class MonitoringSettings(_Section):
    """What operators see of the service: metrics, traces, what questions cost."""

    metrics: bool = Field(
        True, description="offer /metrics to Prometheus; to this machine only, unless a token is set"
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="what Prometheus must send (Authorization: Bearer ...); then from any machine",
    )
    worker_port: int = Field(
        0, ge=0, le=65535, description="port on which `wenju worker` offers its own metrics; 0: none"
    )
    worker_host: str = Field("127.0.0.1", description="address that this port is opened on")
    traces_kept: int = Field(
        2000, ge=0, description="questions whose stages are kept for the Operations page"
    )
    days_kept: int = Field(400, ge=1, description="days that what was measured of questions is kept")
    otlp_endpoint: str = Field(
        "",
        description="collector that spans go to as well (OTLP over HTTP, ends in /v1/traces); needs the "
        "extra otlp",
    )
    prices: dict[str, PriceSettings] = Field(
        {},
        description='prices by model or adapter, "*" for all others: [monitoring.prices."Qwen/Qwen3-8B"] '
        "with input and output, each per million tokens",
    )
    currency: str = Field("CNY", pattern="^[A-Z]{3}$", description="what prices are in (ISO 4217)")


class AuditSettings(_Section):
    days: int = Field(
        0, ge=0, description="days that the audit chain is kept, checked at each start; 0: for ever"
    )


class ApiSettings(_Section):
    """What other programs may do over HTTP, under /v1 and /mcp."""

    enabled: bool = Field(True, description="off: /v1 and /mcp are not there")
    requests_per_minute: int = Field(
        120, ge=1, description="requests a minute of one token; Redis at redis_url counts for all processes"
    )
    failures_per_minute: int = Field(
        20, ge=1, description="wrong tokens a minute from one address before it has to wait"
    )
    max_body_kb: int = Field(
        1024, ge=16, description="largest JSON request, KiB (uploads: ingest.max_file_mb)"
    )
    max_answers: int = Field(
        256,
        ge=1,
        description="questions that one process holds open at once over the API, those in line (load.*) too",
    )
    stall_s: float = Field(
        60.0, gt=0, description="seconds after which a reader that takes nothing of its answer is let go"
    )
    idempotency_hours: float = Field(24.0, gt=0, description="hours for which idempotency keys are kept")


class ServerSettings(_Section):
    host: str = Field("127.0.0.1", description="address the page listens on")
    port: int = Field(8501, ge=1, le=65535)


class Settings(BaseSettings):
    """Everything that can be set. Immutable once built."""

    model_config = SettingsConfigDict(
        env_prefix="WENJU_", env_nested_delimiter="__", extra="forbid", frozen=True, secrets_dir=None
    )

    data_dir: Path = Field(Path("data"), description="folder of database, originals, indexes and caches")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in data_dir")
    originals_url: str = Field("", description="fsspec URL of the originals; empty: a folder in data_dir")
    models_dir: Path = Field(
        Path("~/.cache/wenju"),
        description="where graphs built from installed weights are kept, for all data folders",
    )
    redis_url: SecretStr = Field(SecretStr(""), description="Redis for the shared cache; empty: in process")
    language: Literal["auto", "zh", "en"] = Field("auto", description="language of the page and the messages")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = Field(
        "text", description="json: one JSON object a line, with request_id, for a log collector"
    )

    embedding: EmbeddingSettings = EmbeddingSettings()
    reranker: RerankerSettings = RerankerSettings()
    chunk: ChunkSettings = ChunkSettings()
    search: SearchSettings = SearchSettings()
    chat: ChatSettings = ChatSettings()
    answer: AnswerSettings = AnswerSettings()
    ingest: IngestSettings = IngestSettings()
    tuning: TuningSettings = TuningSettings()
    cache: CacheSettings = CacheSettings()
    load: LoadSettings = LoadSettings()
    accounts: AccountsSettings = AccountsSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    audit: AuditSettings = AuditSettings()
    api: ApiSettings = ApiSettings()
    server: ServerSettings = ServerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = Path(os.environ.get("WENJU_CONFIG", "wenju.toml"))
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=path),
            NestedSecretsSettingsSource(file_secret_settings, secrets_nested_delimiter="__"),
        )

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{(self.data_dir / 'wenju.db').absolute()}"

    @property
    def index_dir(self) -> Path:
        return self.data_dir / "index"

    @property
    def resolved_models_dir(self) -> Path:
        return self.models_dir.expanduser()


def load_settings(**overrides: Any) -> Settings:
    """Settings from all sources. Raises SettingsError naming each wrong key and what it expects."""
    secrets = Path("/run/secrets")
    try:
        return Settings(_secrets_dir=secrets if secrets.is_dir() else None, **overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']} (found {item.get('input')!r})"
            if "key" not in str(item["loc"][-1:])
            else f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError("settings.invalid", problems=problems) from error
    except ValueError as error:  # malformed TOML
        raise SettingsError("settings.invalid", problems=error) from error
