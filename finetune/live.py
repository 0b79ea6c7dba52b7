"""Adapters in a running vLLM: loaded, checked, unloaded, without a restart.

Promises: only a folder of safetensors and JSON is ever handed over, inside the adapters' own root; an adapter
that was trained with another prompt template than the server applies is refused and unloaded again; a server
that is down changes nothing. The adapter API of vLLM (``/v1/load_lora_adapter``) belongs on an internal
network: see docs/operations.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.config import TuneError
from finetune.probe import PROBES, hash_tokens
from finetune.training import CARD, Card

_ALLOWED = (".safetensors", ".json", ".jinja", ".txt", ".md", ".model")
_LARGEST_BYTES = 8 * 2**30
_WEIGHTS = "adapter_model.safetensors"


def adapter_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of the adapter's files, in order."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def check_folder(folder: Path, root: Path) -> Card:
    """The card of an adapter that may be served. Raises TuneError("tune.unsafe") for a path outside ``root``,
    links, files that could hold code, or weights that are no safetensors."""
    from safetensors import SafetensorError, safe_open

    real = folder.resolve()
    if not real.is_relative_to(root.resolve()):
        raise TuneError("tune.unsafe", path=folder, problem=f"outside {root}")
    size = 0
    for path in real.rglob("*"):
        if path.is_symlink():
            raise TuneError("tune.unsafe", path=path, problem="a link")
        if path.is_file():
            size += path.stat().st_size
            if path.suffix not in _ALLOWED:
                raise TuneError("tune.unsafe", path=path, problem="only safetensors and JSON are served")
    if size > _LARGEST_BYTES:
        raise TuneError("tune.unsafe", path=folder, problem=f"{size / 2**30:.1f} GB")
    try:
        card = Card.model_validate_json((real / CARD).read_bytes())
        with safe_open(str(real / _WEIGHTS), framework="np") as weights:
            if not list(weights.keys()):
                raise TuneError("tune.unsafe", path=folder, problem="no weights")
    except (OSError, ValueError, SafetensorError) as error:
        raise TuneError("tune.unsafe", path=folder, problem=" ".join(str(error).split())[:200]) from error
    return card


def same_base(one: str, other: str) -> bool:
    """Whether two names may stand for one model: the last parts are equal, or one goes on with a dash where
    the other ends ("Qwen3-8B" and "Qwen3-8B-AWQ")."""
    first, second = (Path(name.rstrip("/")).name.lower() for name in (one, other))
    return first == second or first.startswith(f"{second}-") or second.startswith(f"{first}-")


class AdapterServer:
    """One vLLM that was started with ``--enable-lora`` and VLLM_ALLOW_RUNTIME_LORA_UPDATING. ``base_url``
    ends in /v1."""

    def __init__(self, base_url: str, api_key: str = "", *, timeout_s: float = 60.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s

    def models(self) -> dict[str, str]:
        """Served names -> what they are served from (an adapter's parent, or the base itself). Raises
        TuneError("tune.server")."""
        answer = self._call("GET", "/models")
        try:
            return {str(m["id"]): str(m.get("parent") or m.get("root") or "") for m in answer["data"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._garbage(answer) from error

    def bases(self) -> list[str]:
        """Folders or hub names of the models that are served without an adapter, as far as the server tells.
        Raises TuneError."""
        data = self._call("GET", "/models").get("data")
        rows = [m for m in data if isinstance(m, dict)] if isinstance(data, list) else []
        return [str(m["root"]) for m in rows if m.get("root") and not m.get("parent")]

    def load(self, name: str, folder: Path, card: Card) -> None:
        """``name`` is served from ``folder`` afterwards; loading it twice is fine. The template is checked
        before anybody is answered. Raises TuneError and leaves the server as it was."""
        before = self.models()
        if name not in before:
            self._call("POST", "/load_lora_adapter", {"lora_name": name, "lora_path": str(folder.resolve())})
        try:
            self.check_template(name, card)
        except TuneError:
            if name not in before:
                self.unload(name)
            raise

    def unload(self, name: str) -> None:
        """Not served any more; not served before is fine."""
        if name in self.models():
            self._call("POST", "/unload_lora_adapter", {"lora_name": name})

    def check_template(self, model: str, card: Card) -> None:
        """The server turns a fixed conversation into the very tokens that training did. Raises
        TuneError("tune.template")."""
        tokens: list[Sequence[int]] = []
        for messages in PROBES:
            body = {
                "model": model,
                "messages": messages,
                "add_generation_prompt": True,
                "chat_template_kwargs": {"enable_thinking": False},
            }
            answer = self._call("POST", "/tokenize", body, root=True)
            try:
                tokens.append([int(token) for token in answer["tokens"]])
            except (KeyError, TypeError, ValueError) as error:
                raise self._garbage(answer) from error
        if hash_tokens(tokens) != card.probe_sha256:
            raise TuneError("tune.template", model=model, base=card.base_model)

    def _garbage(self, answer: object) -> TuneError:
        return TuneError("tune.server", url=self.base_url, problem=f"unexpected answer {str(answer)[:120]!r}")

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, root: bool = False
    ) -> dict[str, Any]:
        import httpx

        url = (self.base_url.removesuffix("/v1") if root else self.base_url) + path
        try:
            with httpx.Client(timeout=self._timeout_s, trust_env=False, headers=self._headers) as client:
                response = client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise TuneError("tune.server", url=url, problem=str(error) or type(error).__name__) from error
        if response.status_code >= 400:
            problem = f"{response.status_code}: {' '.join(response.text.split())[:300]}"
            raise TuneError("tune.server", url=url, problem=problem)
        try:
            found = response.json()
        except json.JSONDecodeError:
            return {"text": response.text}
        return found if isinstance(found, dict) else {"text": str(found)}
