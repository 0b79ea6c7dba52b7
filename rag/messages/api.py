"""Messages of the HTTP interface: what a program's author reads in the ``detail`` of an error."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "api.needs_token": (
        "This needs an API token: send the header `Authorization: Bearer wj_…`. Make one on the page Account, or "
        "with `wenju tokens create`. (Without accounts, requests without a token are taken only from this machine, "
        "addressed as localhost or 127.0.0.1 and not sent by another website's page.)",
        "需要 API 令牌：请发送请求头 `Authorization: Bearer wj_…`。令牌在“账户”页面创建，或用 `wenju tokens create`。"
        "（未启用账户时，只接受来自本机、以 localhost 或 127.0.0.1 访问、且不是由其他网站页面发出的无令牌请求。）",
    ),
    "api.bad_authorization": (
        "The Authorization header is not of the form `Bearer wj_…`.",
        "Authorization 请求头的格式应为 `Bearer wj_…`。",
    ),
    "api.too_many_failures": (
        "Too many wrong tokens from this address. Try again in {seconds} s, with a valid token.",
        "此地址的错误令牌过多。请在 {seconds} 秒后用有效令牌重试。",
    ),
    "api.rate_limit": (
        "This token has used its {limit} requests a minute. Try again in {seconds} s.",
        "此令牌已用完每分钟 {limit} 次请求。请在 {seconds} 秒后重试。",
    ),
    "api.too_busy": (
        "{count} answers are already being written here. Try again in {seconds} s.",
        "当前已有 {count} 个回答正在生成。请在 {seconds} 秒后重试。",
    ),
    "api.too_large": (
        "The request has more than {limit_kb} KiB, which is the most taken here ({setting}). Send less, or have the "
        "setting raised.",
        "请求超过 {limit_kb} KiB 的上限（{setting}）。请减小请求，或请管理员调大该设置。",
    ),
    "api.invalid": (
        "The request is not as documented: {problems}. See /v1/openapi.json.",
        "请求不符合接口说明：{problems}。请参阅 /v1/openapi.json。",
    ),
    "api.unreadable": (
        "The request's body could not be read. Check that it is complete and of the content type that its header says.",
        "无法读取请求内容。请确认内容完整，并与请求头声明的类型一致。",
    ),
    "api.no_route": (
        "There is nothing at {method} {path}. What there is stands in /v1/openapi.json.",
        "{method} {path} 不存在。可用的接口见 /v1/openapi.json。",
    ),
    "api.wrong_method": (
        "{method} is not possible at {path}.",
        "{path} 不支持 {method} 方法。",
    ),
    "api.http": ("The request could not be served: {problem}.", "无法处理该请求：{problem}。"),
    "api.off": (
        "The HTTP interface is switched off (api.enabled).",
        "HTTP 接口已关闭（api.enabled）。",
    ),
    "api.not_open": (
        "Wenju is still starting. Try again in a few seconds.",
        "问据正在启动，请几秒后重试。",
    ),
    "api.unexpected": (
        "Something went wrong on the server. Nothing of the request was kept. The log has the cause under request id "
        "{request_id}.",
        "服务器出现意外错误，该请求没有留下任何内容。原因见日志，请求编号 {request_id}。",
    ),
    "api.no_model": (
        "There is no model {model}. GET /v1/models lists them: wenju (everything you may read), wenju/<collection>, each "
        "with an optional :<style> such as wenju:analyst.",
        "没有名为 {model} 的模型。可用的模型见 GET /v1/models：wenju（您可读的全部文档）、wenju/<文档集>，"
        "后面可加 :<回答风格>，例如 wenju:analyst。",
    ),
    "api.no_collection": (
        "There is no collection {name} that you may read. GET /v1/collections lists them.",
        "没有您可读的文档集 {name}。可用的文档集见 GET /v1/collections。",
    ),
    "api.no_question": (
        "The last message must be a user's question in words.",
        "最后一条消息必须是用户的文字提问。",
    ),
    "api.unsupported": (
        "{parameter} is not supported: answers are written from your documents by Wenju's own prompt. Leave it out.",
        "不支持 {parameter}：回答由问据按自己的提示词根据文档生成。请去掉该参数。",
    ),
    "api.idempotency_key": (
        "Idempotency-Key must have 1 to {limit} printable ASCII characters.",
        "Idempotency-Key 必须是 1 到 {limit} 个可打印的 ASCII 字符。",
    ),
    "api.idempotency_other": (
        "This Idempotency-Key was used for another request. Use a new key for every new request.",
        "该 Idempotency-Key 已用于另一个请求。每个新请求请使用新的键。",
    ),
    "api.idempotency_running": (
        "The first request with this Idempotency-Key is still being worked on. Try again in {seconds} s.",
        "使用该 Idempotency-Key 的首个请求仍在处理中。请在 {seconds} 秒后重试。",
    ),
    "api.no_name": (
        "The uploaded file has no name. Send it as multipart/form-data with a file name.",
        "上传的文件没有名称。请以 multipart/form-data 发送并附上文件名。",
    ),
    "api.no_picture": (
        "Page {page} of this document has no picture. Its text is at {text}.",
        "该文档的第 {page} 页没有图片。文字内容在 {text}。",
    ),
    "api.no_page": ("The document has no page {page}.", "该文档没有第 {page} 页。"),
    "api.no_dataset": (
        "There is no dataset {name}. GET /v1/evaluation/datasets lists them.",
        "没有名为 {name} 的数据集。可用的数据集见 GET /v1/evaluation/datasets。",
    ),
    "api.system_option": (
        "The option {option} cannot be set over HTTP. Possible: {known}.",
        "不能通过 HTTP 设置选项 {option}。可用的选项：{known}。",
    ),
    "api.system_kind": (
        "Systems of the kind {kind} can be compared on the command line only. Possible here: {known}.",
        "类型为 {kind} 的系统只能在命令行中比较。这里可用：{known}。",
    ),
    "api.run_slow": (
        "The run was started but has no number yet. GET /v1/evaluation/runs will show it.",
        "评测已启动，但还没有编号。稍后可在 GET /v1/evaluation/runs 中看到。",
    ),
    "api.run_not_here": (
        "Run {run_id} is not going on in this process. If another process started it, stop it there.",
        "评测 {run_id} 不在此进程中运行。如果由其他进程启动，请在那里停止。",
    ),
    "api.extra": (
        "This needs packages that are not installed ({missing}). Install them with `pip install 'wenju[api]'`.",
        "需要的软件包没有安装（{missing}）。请运行 `pip install 'wenju[api]'`。",
    ),
    "api.mcp_token": (
        "Accounts are on, so `wenju mcp` needs to know who asks: put an API token into the environment variable "
        "WENJU_TOKEN.",
        "已启用账户，因此 `wenju mcp` 需要知道提问者：请把 API 令牌放入环境变量 WENJU_TOKEN。",
    ),
}
