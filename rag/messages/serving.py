"""Messages of serving: profiles of the chat server, and endpoints under load."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "serving.profile": (
        "{path} is no serving profile: {problem}. The profiles in deploy/vllm are examples.",
        "{path} 不是推理服务配置：{problem}。示例见 deploy/vllm。",
    ),
    "serving.unknown_model": (
        "The shape of {model} is not known here; name the folder with its config.json and weights: --model-dir DIR.",
        "未收录模型 {model} 的结构；请用 --model-dir DIR 指定含 config.json 与权重的文件夹。",
    ),
    "serving.model_dir": (
        "{path} holds no readable model: {problem}. It needs config.json and .safetensors files.",
        "{path} 中没有可读取的模型：{problem}。需要 config.json 与 .safetensors 文件。",
    ),
    "serving.endpoint": (
        "{url} cannot be measured: {problem}. It must be an OpenAI-compatible URL ending in /v1.",
        "无法测量 {url}：{problem}。地址应为以 /v1 结尾的 OpenAI 兼容接口。",
    ),
    "serving.no_url": (
        "Which endpoint? Name it with --base-url http://HOST:8000/v1, or set chat.base_url.",
        "要测量哪个接口？请用 --base-url http://HOST:8000/v1 指定，或设置 chat.base_url。",
    ),
    "serving.concurrency": (
        "--concurrency {found}: expected numbers from 1 to 512, parted by commas, e.g. 1,8,32",
        "--concurrency {found}：应为以逗号分隔的 1 到 512 之间的数字，例如 1,8,32",
    ),
    "serving.cut": ("the reply ended before the model said so", "回复在模型结束之前中断"),
    "serving.no_model": (
        "the answer did not come from the model ({why})",
        "回答并非来自模型（{why}）",
    ),
    "serving.no_question": (
        "None of {asked} questions reaches the model in this library: they are refused or nothing is found. "
        "Add documents, or name questions about them with --questions FILE.",
        "{asked} 个问题在此资料库中都到不了模型：被拒答或没有检索到内容。请添加文档，或用 --questions FILE 指定相关问题。",
    ),
    "serving.questions_file": (
        "{path}: {problem}. Expected: one question a line, or JSON lines with a question.",
        "{path}：{problem}。应为每行一个问题，或含 question 的 JSON 行。",
    ),
    "cli.help.bench": ("Measure a running service.", "测量正在运行的服务。"),
    "cli.help.bench.serving": (
        "Drive an OpenAI-compatible endpoint at rising concurrency: time to first token, tokens a second, errors. "
        "With --overhead, the same prompts also go through this app.",
        "以递增并发压测 OpenAI 兼容接口：首个词元延迟、每秒词元数、错误数。加 --overhead 时同样的提示词也经由本应用发送。",
    ),
    "cli.help.serving": ("Plan the chat server.", "规划对话模型服务。"),
    "cli.help.serving.plan": (
        "Estimate what a serving profile needs of a GPU. Exit code 3 when it does not fit.",
        "估算推理服务配置所需的显存。放不下时退出码为 3。",
    ),
    "cli.opt.heartbeat": (
        "file whose time is set every 5 s while the worker is well, for a health check",
        "健康检查用的文件：工作进程正常时每 5 秒更新其时间",
    ),
    "cli.arg.profile": ("a file of deploy/vllm", "deploy/vllm 中的配置文件"),
    "cli.opt.gpu_gib": ("memory of one GPU, GiB", "单张显卡的显存，GiB"),
    "cli.opt.model_dir": (
        "folder with the model, when its shape is not known",
        "模型文件夹（未收录该模型结构时）",
    ),
    "cli.opt.bench_url": (
        "the endpoint, ending in /v1; default: chat.base_url",
        "接口地址，以 /v1 结尾；默认取 chat.base_url",
    ),
    "cli.opt.bench_model": ("model name; default: the first listed", "模型名称；默认取列出的第一个"),
    "cli.opt.bench_key": ("environment variable that holds the key", "保存密钥的环境变量名"),
    "cli.opt.bench_concurrency": ("how many questions at once, rising", "并发问题数，逐级递增"),
    "cli.opt.bench_requests": (
        "questions a round, at least twice the concurrency",
        "每轮的问题数，至少为并发数的两倍",
    ),
    "cli.opt.bench_rounds": ("rounds a level; targets alternate in them", "每级的轮数；各对象在轮次中交替"),
    "cli.opt.bench_tokens": ("most tokens of a reply", "回复的最多词元数"),
    "cli.opt.bench_prompt": ("tokens of a made-up prompt", "自造提示词的词元数"),
    "cli.opt.bench_questions": (
        "questions, one a line or JSON lines; default: the sample library's",
        "问题文件，每行一个或 JSON 行；默认用示例库的问题",
    ),
    "cli.opt.bench_overhead": (
        "also ask through this app, over the library of --data-dir",
        "同时经由本应用提问（使用 --data-dir 的资料库）",
    ),
    "cli.opt.bench_app": (
        "with --overhead: also ask through a running Wenju's API, ending in /v1",
        "配合 --overhead：同时经由正在运行的 Wenju 接口提问，以 /v1 结尾",
    ),
    "cli.opt.bench_app_key": ("environment variable that holds the app's token", "保存应用令牌的环境变量名"),
    "serving.plan": (
        "{model} ({width}) on {gpus} x {gpu} GiB, estimated:\n"
        "  weights        {weights} GiB a GPU\n"
        "  KV cache       {kv} KiB a token and GPU: {tokens} tokens fit\n"
        "  at once        {longest} questions of {length} tokens, or {questions} of this app's full ones; more wait",
        "{model}（{width}），{gpus} × {gpu} GiB，估算值：\n"
        "  权重      每卡 {weights} GiB\n"
        "  KV 缓存   每词元每卡 {kv} KiB：可容纳 {tokens} 个词元\n"
        "  同时处理  {longest} 个 {length} 词元的问题，或本应用的完整问题 {questions} 个；其余排队",
    ),
    "serving.too_small": (
        "It does not fit: lower max-model-len, use an AWQ or FP8 variant, or more GPUs (tensor-parallel-size).",
        "放不下：请降低 max-model-len，改用 AWQ 或 FP8 版本，或增加显卡（tensor-parallel-size）。",
    ),
    "serving.columns": (
        "target|at once|asked|errors|first ms p50|p95|between ms|tokens/s|questions/s",
        "对象|并发|请求|错误|首词元 ms p50|p95|词元间隔 ms|词元/秒|问题/秒",
    ),
    "serving.bare": ("endpoint", "直接调用"),
    "serving.engine": ("through the app", "经由本应用"),
    "serving.api": ("through the API", "经由接口"),
    "serving.ratio": (
        "time to first token through the app, in times of a direct call: {ratios}",
        "经由本应用的首个词元延迟与直接调用之比：{ratios}",
    ),
    "serving.skipped": (
        "{skipped} of {asked} questions do not reach the model and are left out.",
        "{asked} 个问题中有 {skipped} 个到不了模型，已略去。",
    ),
    "serving.failed": ("{errors} requests failed: {reasons}", "{errors} 个请求失败：{reasons}"),
}
