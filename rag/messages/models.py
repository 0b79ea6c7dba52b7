"""Messages of: models."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {}

MESSAGES.update(
    {
        "chat.ok": ("Answers are written by {model} at {url}.", "回答由 {url} 上的 {model} 生成。"),
        "chat.ok_in_process": ("Answers are written by {model} in this process.", "回答由本进程内的 {model} 生成。"),
        "chat.none": (
            "No chat model: answers quote the best-supported sentences and table rows. To have them written, start "
            "vLLM or Ollama on this machine, or set [chat] base_url in wenju.toml.",
            "没有对话模型：回答摘录证据最充分的句子和表格行。若要生成式回答，请在本机启动 vLLM 或 Ollama，"
            "或在 wenju.toml 的 [chat] 中设置 base_url。",
        ),
        "chat.chosen_none": (
            'Answers quote the documents ([chat] kind = "extractive").',
            "回答直接摘录文档原文（[chat] kind = \"extractive\"）。",
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
            "[chat] kind = \"openai\" 时必须用 [chat] base_url 指明服务，例如 http://127.0.0.1:8000/v1。",
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
            "[chat] kind = \"transformers\" 时必须用 [chat] model 指明模型文件夹或名称。",
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
