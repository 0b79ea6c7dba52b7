"""Imports what the page and the command line will import, so that Python compiles it now and not while the
first reader waits (packages are installed without bytecode: most of it would never be used)."""

from importlib import import_module

MODULES = (
    "alembic.command",
    "docx",
    "faiss",
    "langchain_classic.chains",
    "langchain_openai",
    "onnx.helper",
    "openvino",
    "pypdf",
    "pypdfium2",
    "rich.progress",
    "sqlalchemy.dialects.sqlite",
    "streamlit.starlette",
    "streamlit.web.cli",
    "tantivy",
    "tokenizers",
    "uvicorn",
    "cli",
    "rag.engine",
    "rag.answer.asking",
    "rag.search.index",
    "rag.store",
    "ingest.service",
    "ingest.parse.worker",
    "ingest.parse.pdf",
    "ingest.parse.plain",
    "ingest.parse.word",
    "rag.pictures",
    "ui.boot",
)

for name in MODULES:
    import_module(name)
