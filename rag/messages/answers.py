"""Messages of: answers."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "search.index_empty": (
        "The library is empty: nothing is indexed yet.",
        "文档库为空：尚未建立索引。",
    ),
    "search.index_exact": (
        "{chunks} passages indexed with {model}; search is exact.",
        "已用 {model} 索引 {chunks} 个段落；检索为精确检索。",
    ),
    "search.index_approximate": (
        "{chunks} passages indexed with {model}; search over large scopes is approximate, "
        "recall@10 against exact search {recall}.",
        "已用 {model} 索引 {chunks} 个段落；大范围检索为近似检索，相对精确检索的 recall@10 为 {recall}。",
    ),
    "search.index_rebuilt": (
        "{chunks} passages indexed with {model}. A stored index could not be trusted ({problem}); it was set "
        "aside and rebuilt from the library. Nothing was lost.",
        "已用 {model} 索引 {chunks} 个段落。磁盘上的索引不可信（{problem}），已移开并从文档库重建，没有丢失任何内容。",
    ),
    "search.index_mismatch": (
        "The library was indexed with {index_model}, but {model} is set now (different: {fields}). Until you run "
        "`{command}`, search uses words only, not meaning.",
        "文档库是用 {index_model} 索引的，而当前设置的是 {model}（不同之处：{fields}）。"
        "在运行 `{command}` 之前，只按字词检索，不按语义检索。",
    ),
    "search.language_not_covered": (
        "The embedding model {model} does not cover the question's language, so passages were found by words "
        "rather than by meaning. A multilingual model such as BAAI/bge-m3 mends this.",
        "嵌入模型 {model} 不支持该问题的语言，因此段落主要按字词而非语义检索。换用多语言模型（如 BAAI/bge-m3）即可改善。",
    ),
    "search.embedding_failed": (
        "The question could not be embedded ({problem}); passages were found by words only.",
        "问题向量化失败（{problem}）；仅按字词检索段落。",
    ),
    "search.lexical_busy": (
        "The word index is being built by another process; passages were found by meaning only for now.",
        "另一个进程正在建立字词索引；目前仅按语义检索段落。",
    ),
    "search.lexical_unavailable": (
        "The word index cannot be used ({problem}); passages were found by meaning only. "
        "Check the space and the permissions of the data folder.",
        "字词索引不可用（{problem}）；仅按语义检索段落。请检查数据目录的空间和权限。",
    ),
    "search.reranker_failed": (
        "The reranker failed ({problem}); passages are in the order of the search.",
        "重排模型失败（{problem}）；段落按检索顺序排列。",
    ),
    "search.broken": (
        "The index cannot be opened: {problem}",
        "无法打开索引：{problem}",
    ),
    "search.import_refused": (
        "{path} cannot be imported: {problem}",
        "无法导入 {path}：{problem}",
    ),
    "cache.in_process": (
        "The cache lives in this process.",
        "缓存在本进程内。",
    ),
    "cache.redis": (
        "The cache is shared through Redis at {url}.",
        "缓存通过 {url} 的 Redis 共享。",
    ),
    "cache.redis_down": (
        "Redis at {url} does not answer ({problem}); everything works without it, a little slower.",
        "{url} 的 Redis 没有响应（{problem}）；不影响使用，只是稍慢。",
    ),
}
