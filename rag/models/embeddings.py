"""Loads the embedding model that the settings name.

``onnx``: the English MiniLM that is installed with Wenju, or a folder of a BERT-family model. ``flag``:
FlagEmbedding on torch. ``openai``: a server. What is missing is named together with the command that
brings it; nothing is ever downloaded here.
"""

from __future__ import annotations

from rag.models.protocols import EmbeddingModel
from rag.models.weights import find_model
from rag.settings import Settings


def load_embedding(settings: Settings) -> EmbeddingModel:
    """The model of ``settings.embedding``, ready to use. ModelNotInstalled, ModelUnavailable or
    ModelError say what to do."""
    wanted = settings.embedding
    if wanted.kind == "flag":
        from rag.models.flag_embedding import load_flag_embedding

        return load_flag_embedding(settings)
    if wanted.kind == "openai":
        from rag.models.openai_embedding import load_openai_embedding

        return load_openai_embedding(settings)
    from rag.models.onnx_embedding import load_folder

    folder, name = find_model(wanted.model, settings.resolved_models_dir)
    return load_folder(folder, name, wanted, settings.resolved_models_dir)
