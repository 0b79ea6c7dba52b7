"""Messages of fine-tuning."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "tune.extra": (
        "Fine-tuning needs the finetune extra: {missing} is not installed. Into an environment of its own: "
        "pip install -e '.[finetune]'",
        "微调需要 finetune 扩展：未安装 {missing}。请在单独的环境中执行：pip install -e '.[finetune]'",
    ),
    "tune.config": (
        "{path}: {problem}. docs/operations.md shows a training file.",
        "{path}：{problem}。训练配置示例见 docs/operations.md。",
    ),
    "tune.data": (
        "{path}, line {line}: {problem}. Each line is a JSON object with question, passages and answer.",
        "{path} 第 {line} 行：{problem}。每行应是含 question、passages 与 answer 的 JSON 对象。",
    ),
    "tune.empty": (
        "{path} holds no record that fits in {max_tokens} tokens; raise max_tokens or shorten the passages.",
        "{path} 中没有能放进 {max_tokens} 个词元的记录；请提高 max_tokens 或缩短段落。",
    ),
    "tune.too_few": (
        "Too few records are left to train on: {kept} of {read} (at least {least} are needed). Left out: "
        "{reasons}. Correct more answers, accept corrections on the Quality page, or add golden questions.",
        "可用于训练的记录太少：{read} 条中只剩 {kept} 条（至少需要 {least} 条）。剔除原因：{reasons}。"
        "请纠正更多回答、在“质量”页采纳纠正，或添加标准问题。",
    ),
    "tune.changed": (
        "{path} is no longer what its card says: it was changed after it was made. Make the training set anew.",
        "{path} 与其数据卡不符：生成之后被改动过。请重新生成训练集。",
    ),
    "tune.busy": (
        "Job {job} is still at work; one runs at a time. Wait for it or stop it.",
        "任务 {job} 仍在运行；同一时间只运行一个任务。请等待其完成或停止它。",
    ),
    "tune.no_such": ("There is no {what}.", "不存在 {what}。"),
    "tune.name_taken": (
        "An adapter named {name} is there already. Choose another name.",
        "名为 {name} 的适配器已存在，请换一个名称。",
    ),
    "tune.exists": (
        "{path} exists already. Choose another output_dir, or delete it.",
        "{path} 已存在。请更换 output_dir 或先删除它。",
    ),
    "tune.targets": (
        "The base model {model} has no layers named {targets}; set target_modules to its attention projections.",
        "基座模型 {model} 没有名为 {targets} 的层；请把 target_modules 设为其注意力投影层。",
    ),
    "tune.no_template": (
        "{model} has no chat template, so what it will be served with cannot be trained on. Use an "
        "instruction model, or add chat_template.jinja to its folder.",
        "{model} 没有对话模板，无法按其服务时的格式训练。请使用指令模型，或在其目录中加入 chat_template.jinja。",
    ),
    "tune.no_server": (
        "No model server is named. Set WENJU_TUNING__SERVER_URL (or WENJU_CHAT__BASE_URL) to a vLLM that was "
        "started with --enable-lora.",
        "未指定模型服务器。请将 WENJU_TUNING__SERVER_URL（或 WENJU_CHAT__BASE_URL）设为以 --enable-lora 启动的 vLLM。",
    ),
    "tune.bad_name": (
        "{name!r} cannot name an adapter: letters, digits, - _ and . only.",
        "{name!r} 不能作为适配器名称：只能使用字母、数字、- _ 和 .。",
    ),
    "tune.bad_share": (
        "A share of {share} makes no sense: above 0, at most 1.",
        "份额 {share} 无效：应大于 0 且不超过 1。",
    ),
    "tune.not_gated": (
        "{name} ({state}) has not passed the gate: wenju tune gate {name}",
        "{name}（{state}）尚未通过准入评测：wenju tune gate {name}",
    ),
    "tune.unsafe": (
        "{path} is not served: {problem}.",
        "不会加载 {path}：{problem}。",
    ),
    "tune.template": (
        "{model} was trained with another prompt template than the server applies to {base}. Serve the base "
        "with the chat template that lies in the adapter's folder (vllm serve --chat-template ...).",
        "{model} 训练时的提示模板与服务器对 {base} 使用的不同。请用适配器目录中的对话模板启动服务"
        "（vllm serve --chat-template ...）。",
    ),
    "tune.server": (
        "The model server at {url} did not do it: {problem}. What was live stays live.",
        "模型服务器 {url} 未能完成操作：{problem}。当前线上版本保持不变。",
    ),
    "tune.memory": (
        "Memory ran out. Next smaller setting: {smaller}",
        "内存不足。可改用更小的设置：{smaller}",
    ),
    "tune.not_finite": (
        "Training diverged: the loss is {loss} at step {step}. Lower learning_rate (now {learning_rate}).",
        "训练发散：第 {step} 步损失为 {loss}。请降低 learning_rate（当前 {learning_rate}）。",
    ),
    "tune.done": (
        "Adapter in {folder}: loss {first} -> {last} over {steps} steps, {records} records.",
        "适配器已写入 {folder}：{steps} 步，{records} 条记录，损失 {first} -> {last}。",
    ),
}
