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
    "tune.not_approved": (
        "{path} is a training set that nobody has approved. Look at it and say yes: wenju tune data show {name}, "
        "wenju tune data approve {name} (or train on it all the same: --unapproved, and the adapter's card says "
        "so).",
        "{path} 是尚未批准的训练集。请先查看并批准：wenju tune data show {name}、wenju tune data approve {name}"
        "（仍要训练：--unapproved，适配器的卡片会注明）。",
    ),
    "tune.not_a_set": (
        "{path} is not a training set that somebody approved. Make one: wenju tune data make NAME --from {path} "
        "(or train on it as it is: --unapproved, and the adapter's card says so).",
        "{path} 不是经过批准的训练集。请先生成：wenju tune data make 名称 --from {path}"
        "（仍要直接训练：--unapproved，适配器的卡片会注明）。",
    ),
    "tune.unapproved": (
        "Training on data that nobody approved: {path}",
        "正在使用未经批准的数据训练：{path}",
    ),
    "tune.other_prompt": (
        "{name} learned another wording of the prompt ({trained}) than {use} has now ({served}): what it learned "
        "may not hold. Restore the wording (wenju prompts restore), or make the training set anew and train "
        "again. All the same: wenju tune promote {name} --other-prompt",
        "{name} 训练时使用的提示词（{trained}）与 {use} 当前的提示词（{served}）不同，所学内容可能失效。"
        "请恢复原提示词（wenju prompts restore），或重新生成训练集并再次训练。仍要上线：wenju tune promote {name} --other-prompt",
    ),
    "tune.delta": (
        "A delta of {delta} protects nobody: with {units} units of privacy it must be below 1/{units}; take {most}.",
        "delta={delta} 起不到保护作用：隐私单元共 {units} 个，delta 必须小于 1/{units}；建议取 {most}。",
    ),
    "tune.epsilon": (
        "No amount of noise reaches an epsilon of {epsilon} at a delta of {delta} here. Raise epsilon, take fewer "
        "steps, or more records.",
        "在此设置下，无论加多少噪声都达不到 epsilon={epsilon}（delta={delta}）。请提高 epsilon、减少步数或增加记录。",
    ),
    "tune.private_broken": (
        "The private run ended with an empty or broken adapter; nothing was written. Lower learning_rate, or raise "
        "epsilon.",
        "差分隐私训练得到的适配器为空或已损坏，未写入任何内容。请降低 learning_rate 或提高 epsilon。",
    ),
    "tune.private_done": (
        "Adapter in {folder}: epsilon {epsilon} spent at delta {delta}, by {unit} ({units}); noise {noise_multiplier}, "
        "{steps} steps.",
        "适配器已写入 {folder}：已消耗 epsilon {epsilon}（delta {delta}），隐私单元为 {unit}（{units} 个）；"
        "噪声 {noise_multiplier}，{steps} 步。",
    ),
    "tune.no_privacy": (
        "The training file has no privacy section, so there is nothing to compare. Add: privacy: {{epsilon: 8, delta: "
        "1.0e-5}}",
        "训练配置没有 privacy 部分，无可比较。请加入：privacy: {{epsilon: 8, delta: 1.0e-5}}",
    ),
    "tune.leak_private": (
        "with privacy (epsilon {epsilon}): {bits} of {most} bits of a secret remembered; trained records told from "
        "others with AUC {auc} (0.5: chance)",
        "启用隐私（epsilon {epsilon}）：记住秘密的 {bits} / {most} 比特；区分训练与未训练记录的 AUC 为 {auc}（0.5 为随机）",
    ),
    "tune.leak_control": (
        "without (control): {bits} of {most} bits; AUC {auc}",
        "不启用（对照）：{bits} / {most} 比特；AUC {auc}",
    ),
    "tune.leak_blind": (
        "The control remembers nothing either, so this says nothing about privacy: train longer, or with a higher "
        "learning_rate.",
        "对照组也没有记住秘密，因此无法说明隐私效果：请增加训练步数或提高 learning_rate。",
    ),
    "tune.no_python": (
        "No interpreter with the finetune extra was found ({path}). Make one (scripts/models_env.sh) and name it: "
        "WENJU_TUNING__PYTHON=/path/to/python",
        "未找到装有 finetune 扩展的解释器（{path}）。请先创建（scripts/models_env.sh），并设置 "
        "WENJU_TUNING__PYTHON=/path/to/python",
    ),
    "tune.trainer": (
        "Training ended with code {code}: {problem}",
        "训练以代码 {code} 结束：{problem}",
    ),
    "tune.see_above": ("the reason stands above", "原因见上文"),
    "tune.job_failed": (
        "The job failed: {problem}. Its log tells more.",
        "任务失败：{problem}。详见其日志。",
    ),
    "tune.job_lost": (
        "Job {job} ended without a word: its process was killed or the machine restarted. Go on with it (the button, "
        "or wenju tune again {job}): training continues from its last checkpoint.",
        "任务 {job} 意外结束：其进程被终止或机器重启。点“继续”或运行 wenju tune again {job}，训练会从最近的检查点继续。",
    ),
    "tune.trained_already": (
        "Another process is at this very training ({path}). Wait for it, or end it.",
        "另一个进程正在进行同一训练（{path}）。请等待其结束或终止它。",
    ),
    "tune.not_again": (
        "Job {job} did not fail and was not stopped: there is nothing to go on with.",
        "任务 {job} 既未失败也未停止，无需继续。",
    ),
    "tune.job_queued": ("waiting", "等待中"),
    "tune.job_running": ("at work", "运行中"),
    "tune.job_done": ("done", "已完成"),
    "tune.job_stopped": ("stopped", "已停止"),
    "tune.job_failed_state": ("failed", "失败"),
    "tune.no_jobs": ("There has been no job.", "尚无任务。"),
    "tune.stopped": (
        "Job {job} is being stopped; its checkpoints stay.",
        "正在停止任务 {job}；其检查点会保留。",
    ),
    "tune.again": ("Job {job} goes on as job {new}.", "任务 {job} 以任务 {new} 继续。"),
    "cli.help.tune.again": (
        "Go on with a job that failed, was stopped or died, from its last checkpoint.",
        "从最近的检查点继续失败、停止或意外结束的任务。",
    ),
    "tune.ended": ("Job {job} had ended already.", "任务 {job} 已经结束。"),
    "tune.cycle_waiting": (
        "Too little is new: {new} reviewed answers since the last set, {least} are wanted.",
        "新内容不足：上次训练集之后有 {new} 条经审核的回答，需要 {least} 条。",
    ),
    "tune.cycle_approve": (
        "A set waits for your yes: wenju tune data show {set}, wenju tune data approve {set}; then the same command "
        "again.",
        "训练集等待批准：wenju tune data show {set}、wenju tune data approve {set}；然后再次运行同一命令。",
    ),
    "tune.cycle_refused": (
        "{adapter} did not pass the gate. What was live stays live; the next round begins with new feedback.",
        "{adapter} 未通过准入评测。当前线上版本保持不变；有新反馈后开始下一轮。",
    ),
    "tune.cycle_propose": (
        "{adapter} passed the gate and waits for your yes: wenju tune promote {adapter}",
        "{adapter} 已通过准入评测，等待上线确认：wenju tune promote {adapter}",
    ),
    "tune.cycle_live": ("{adapter} answers now.", "{adapter} 已上线作答。"),
    "tune.no_teacher": (
        "No teacher is named: --url of an OpenAI-compatible server (or WENJU_CHAT__BASE_URL), and --model.",
        "未指定教师模型：请用 --url 指定 OpenAI 兼容服务器（或 WENJU_CHAT__BASE_URL），并用 --model 指定模型。",
    ),
    "tune.teacher_unknown": (
        "The server at {url} has no model {model}; it lists: {known}",
        "服务器 {url} 没有模型 {model}；可用的有：{known}",
    ),
    "tune.teacher_failed": (
        "The teacher {model} stopped answering: {problem}. What it answered is kept; the same command goes on.",
        "教师模型 {model} 中断：{problem}。已有回答会保留；再次运行同一命令即可继续。",
    ),
    "tune.teacher_tokens": (
        "{teacher} has another tokenizer than {model}, so their probabilities cannot be compared. Take a teacher of "
        "the same family, or learn from its answers: wenju tune data distill",
        "{teacher} 与 {model} 的分词器不同，概率无法比较。请选择同系列的教师模型，或改为学习其回答：wenju tune data distill",
    ),
    "tune.nothing_to_merge": (
        "{path} is a whole model already: there is nothing to merge.",
        "{path} 已是完整模型，无需合并。",
    ),
    "tune.merge_differs": (
        "The merged model would not say what base and adapter say: logits differ by {difference} (at most {most}). "
        "Nothing was written; serve the adapter as it is.",
        "合并后的模型与“基座 + 适配器”的输出不一致：logits 相差 {difference}（上限 {most}）。未写入任何内容；请直接使用适配器。",
    ),
    "tune.merged": (
        "Model in {folder}, {megabytes} MB: logits differ by {difference} from base and adapter (quantised: "
        "{quantised_difference}), the same next token at {same} % of positions.",
        "模型已写入 {folder}，{megabytes} MB：与“基座 + 适配器”的 logits 相差 {difference}（量化后 "
        "{quantised_difference}），{same} % 的位置下一个词元相同。",
    ),
    "cli.help.tune.merge": (
        "Merge an adapter into its base, and quantise it.",
        "把适配器合并进基座模型，并可量化。",
    ),
    "cli.help.tune.data.distill": (
        "A new training set whose answers are a teacher's, over the prompts of another set.",
        "用教师模型回答另一训练集的问题，生成新的训练集。",
    ),
    "cli.arg.merged": ("folder to write, which must not exist", "要写入的目录，不得已存在"),
    "cli.opt.nf4": ("4-bit weights (NF4, bitsandbytes)", "4 位权重（NF4，bitsandbytes）"),
    "cli.opt.distill_set": ("training set whose questions are asked", "提问所用的训练集"),
    "cli.opt.distill_model": ("the teacher, as its server names it", "教师模型在其服务器上的名称"),
    "cli.opt.distill_url": (
        "OpenAI-compatible server of the teacher, ending in /v1 (its key: WENJU_TEACHER_API_KEY); without: the chat "
        "server",
        "教师模型的 OpenAI 兼容服务器，以 /v1 结尾（密钥：WENJU_TEACHER_API_KEY）；不写则用对话服务器",
    ),
    "tune.retriever_few": (
        "Too few questions with a cited passage and something wrong beside it: {train} to learn from, {heldout} held "
        "out (at least {least}). Accept more corrections, or hold more out: wenju tune data make --held-out 0.4",
        "带引用段落且有难负例的问题太少：可学习 {train} 个，留出 {heldout} 个（至少 {least} 个）。"
        "请采纳更多纠正，或提高留出比例：wenju tune data make --held-out 0.4",
    ),
    "tune.retriever_worse": (
        "The trained model is not shown to be better, so nothing was written: mean reciprocal rank {before} -> {after} "
        "on held-out questions (difference {low} to {high}). Train on more questions, or with other steps.",
        "未能证明训练后的模型更好，因此未写入：留出问题的平均倒数排名 {before} -> {after}（差值 {low} 至 {high}）。"
        "请增加训练问题或调整步数。",
    ),
    "tune.retriever_done": (
        "Model in {folder}: mean reciprocal rank {before} -> {after} on {questions} held-out questions (gain {gain}, "
        "{low} to {high}).",
        "模型已写入 {folder}：{questions} 个留出问题的平均倒数排名 {before} -> {after}（增益 {gain}，{low} 至 {high}）。",
    ),
    "tune.retriever_embedding": (
        "To use it: WENJU_EMBEDDING__MODEL={folder} and wenju reindex (the old index serves meanwhile). Back: the old "
        "setting.",
        "启用：设置 WENJU_EMBEDDING__MODEL={folder} 并执行 wenju reindex（期间旧索引继续服务）。撤回：恢复原设置。",
    ),
    "tune.retriever_reranker": (
        "To use it: WENJU_RERANKER__KIND=flag WENJU_RERANKER__MODEL={folder}. Back: the old setting.",
        "启用：设置 WENJU_RERANKER__KIND=flag 与 WENJU_RERANKER__MODEL={folder}。撤回：恢复原设置。",
    ),
    "cli.help.tune.retriever": (
        "Train the embedding model or the reranker on an approved set, and write it only when it is better.",
        "用已批准的训练集训练向量模型或重排模型，仅在更好时写入。",
    ),
    "tune.left_out": (
        "{count} records are longer than max_tokens ({max_tokens}) and were not learned from. Raise max_tokens.",
        "{count} 条记录超过 max_tokens（{max_tokens}），未参与学习。请提高 max_tokens。",
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
    "tune.other_base": (
        "{name} was trained on {base}, but the server serves {served}: an adapter fits its own base alone. If they "
        "are one model under two names: WENJU_TUNING__BASE_MODEL={base}",
        "{name} 的训练基座是 {base}，而服务器提供的是 {served}：适配器只适用于自己的基座。如果两者是同一模型的不同名称："
        "WENJU_TUNING__BASE_MODEL={base}",
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
    "tune.gate_nothing": (
        "{name} cannot be judged: no question is left to ask ({left_out} were trained on). Name questions that "
        "it has not seen.",
        "无法评测 {name}：没有可问的问题（{left_out} 个问题在训练中出现过）。请提供未见过的问题。",
    ),
    "tune.gate_unfinished": (
        "{name} was not judged, not every question could be asked: {problem}. What was live stays live.",
        "{name} 未完成评测，有问题未能提问：{problem}。当前线上版本保持不变。",
    ),
    "tune.gate_source": (
        "Name what is asked: --dataset NAME (golden questions, in the whole path) or --heldout SET (the "
        "held-out records of a training set, over their own passages), one of them.",
        "请指定提问内容，二选一：--dataset 名称（标准问题，走完整流程）或 --heldout 训练集（其留出记录，使用自带段落）。",
    ),
    "tune.gate_unmeasured": (
        "Measured on fewer than ten questions, so not judged: {measures}",
        "不足十个问题、未参与判断的指标：{measures}",
    ),
    "tune.gate_left_out": (
        "{count} questions were left out: the adapter was trained on them.",
        "已排除 {count} 个问题：该适配器用它们训练过。",
    ),
    "tune.gate_passed": (
        "{name} passed. It may go live: wenju tune promote {name}",
        "{name} 通过准入评测，可上线：wenju tune promote {name}",
    ),
    "tune.gate_refused": (
        "{name} is refused: it cannot be promoted. What was live stays live.",
        "{name} 未通过准入评测，不能上线。当前线上版本保持不变。",
    ),
    "tune.registered": (
        "{name} is registered. Next: wenju tune gate {name}",
        "已登记 {name}。下一步：wenju tune gate {name}",
    ),
    "tune.promoted": (
        "{name} answers {share} of the users within a second. Back: wenju tune rollback",
        "{name} 将在一秒内为 {share} 的用户作答。撤回：wenju tune rollback",
    ),
    "tune.rolled_back": ("Back to {name}.", "已回到 {name}。"),
    "tune.rolled_back_base": ("Back to the base model.", "已回到基座模型。"),
    "tune.served": ("Loaded into the server: {names}", "已加载到服务器：{names}"),
    "tune.no_adapters": (
        "No adapter is registered. wenju tune register NAME FOLDER",
        "尚未登记适配器。wenju tune register 名称 目录",
    ),
    "tune.no_sets": (
        "There is no training set. wenju tune data make NAME",
        "尚无训练集。wenju tune data make 名称",
    ),
    "tune.set_approved": ("{name} ({sha256}) is approved.", "已批准 {name}（{sha256}）。"),
    "tune.set_counts": ("train {train}, held out {heldout}", "训练 {train} 条，留出 {heldout} 条"),
    "tune.set_sources": ("Came in", "来源"),
    "tune.set_removed": ("Left out", "剔除"),
    "tune.removed_no_passages": ("no passages", "没有段落"),
    "tune.removed_bad_citation": ("cites a passage that is not there", "引用了不存在的段落"),
    "tune.removed_no_citation": ("cites nothing", "没有引用"),
    "tune.removed_too_short": ("too short", "过短"),
    "tune.removed_too_long": ("too long", "过长"),
    "tune.removed_truncated": ("cut off", "被截断"),
    "tune.removed_wrong_language": ("answers in another language", "回答语言不一致"),
    "tune.removed_unsupported": ("its passages do not say so", "段落不支持该答案"),
    "tune.removed_duplicate": ("duplicate", "重复"),
    "tune.removed_near_duplicate": ("near duplicate", "近似重复"),
    "tune.removed_contradictory": ("contradicts another", "与其他记录矛盾"),
    "tune.removed_not_reviewed": ("nobody reviewed it", "未经审核"),
    "tune.removed_contributor_cap": ("too much from one person", "同一人贡献过多"),
    "tune.set_masked": ("Personal data masked", "已屏蔽的个人信息"),
    "tune.set_kinds": ("Kinds", "类型"),
    "tune.set_languages": ("Languages", "语言"),
    "tune.set_documents": ("Documents", "文档"),
    "tune.set_topics": ("Topics", "主题"),
    "tune.set_thin": ("Thin", "偏少"),
    "tune.plan_time": (
        "Time: at least {time} (the products alone, at the speed measured now).",
        "时间：至少 {time}（仅矩阵运算，按当前实测速度）。",
    ),
    "tune.does_not_fit": (
        "It would not fit: about {total} GB are needed, {available} GB are free. Next smaller setting: {smaller}. "
        "All the same: check_memory: false",
        "放不下：约需 {total} GB，空闲 {available} GB。可改用更小的设置：{smaller}。仍要运行：check_memory: false",
    ),
    "tune.plan": (
        "Trains {trainable} of {parameters} parameters ({share} %). Memory: {total} GB of {available} GB free "
        "(weights {weights}, optimizer {optimizer}, activations {activations}).",
        "训练 {parameters} 个参数中的 {trainable} 个（{share} %）。内存：需 {total} GB，空闲 {available} GB"
        "（权重 {weights}、优化器 {optimizer}、激活 {activations}）。",
    ),
    "tune.state_draft": ("draft", "草稿"),
    "tune.state_approved": ("approved", "已批准"),
    "tune.state_trained": ("not judged yet", "未评测"),
    "tune.state_candidate": ("passed the gate", "已通过评测"),
    "tune.state_refused": ("refused", "未通过"),
    "tune.state_live": ("live", "线上"),
    "tune.state_retired": ("retired", "已下线"),
    "cli.help.tune.data": ("Training sets.", "训练集。"),
    "cli.help.tune.data.make": (
        "Make a training set: cleaned, split, with a card; what is left out says why.",
        "生成训练集：清洗、划分并附数据卡；每条剔除都有原因。",
    ),
    "cli.help.tune.data.list": ("List the training sets.", "列出训练集。"),
    "cli.help.tune.data.show": ("Show a training set's card.", "显示训练集的数据卡。"),
    "cli.help.tune.data.approve": (
        "Say that a person has looked at a training set.",
        "批准训练集：表示已有人检查过。",
    ),
    "cli.help.tune.plan": (
        "What a training will need: trainable share, memory; exit code 3 when it does not fit.",
        "估算训练所需：可训练占比与内存；放不下时退出码为 3。",
    ),
    "cli.help.tune.register": (
        "Take in a trained adapter that lies in the adapters' folder.",
        "登记位于适配器目录中的已训练适配器。",
    ),
    "cli.help.tune.adapters": ("List the adapters, newest first.", "列出适配器，最新的在前。"),
    "cli.help.tune.gate": (
        "Ask an adapter and what is live the same questions; exit code 5 when it is refused.",
        "让适配器与线上版本回答相同的问题；未通过时退出码为 5。",
    ),
    "cli.help.tune.promote": (
        "Let an adapter that passed the gate answer, without a restart.",
        "让通过评测的适配器上线作答，无需重启。",
    ),
    "cli.help.tune.rollback": ("Go back to what was live before.", "回到之前的线上版本。"),
    "cli.help.tune.serve_live": (
        "Load what is live into a server that was started anew; prints NAME=FOLDER for --lora-modules.",
        "把线上适配器重新加载到重启后的服务器；输出供 --lora-modules 使用的 名称=目录。",
    ),
    "cli.arg.train_set": ("Number or name of a training set.", "训练集的编号或名称。"),
    "cli.arg.train_set_new": ("Name of the training set.", "训练集名称。"),
    "cli.arg.adapter": ("Name of the adapter, as the server knows it.", "适配器名称，即服务器上的名称。"),
    "cli.arg.adapter_folder": ("Folder of the adapter.", "适配器所在目录。"),
    "cli.opt.tune_from": (
        "turns (liked and corrected answers), golden or golden:DATASET (accepted questions), or a file of "
        "instruction data (Alpaca, ShareGPT, messages); several are allowed [default: turns and golden]",
        "turns（好评与纠正过的回答）、golden 或 golden:数据集（已采纳的标准问题），或指令数据文件"
        "（Alpaca、ShareGPT、messages）；可多选 [默认：turns 与 golden]",
    ),
    "cli.opt.tune_held_out": ("share that is held out", "留出比例"),
    "cli.opt.tune_unreviewed": (
        "also feedback that nobody has reviewed (poisoning risk)",
        "也包含未经审核的反馈（有投毒风险）",
    ),
    "cli.opt.tune_unapproved": (
        "also with data that nobody approved; the adapter's card says so",
        "允许使用未经批准的数据；适配器的卡片会注明",
    ),
    "cli.opt.tune_other_prompt": (
        "also when it learned another wording of the prompt than is served",
        "即使训练时的提示词与当前不同也上线",
    ),
    "cli.help.tune.exposure": (
        "Measure what privacy bought: planted secrets and membership, beside a control without privacy.",
        "测量隐私效果：植入秘密与成员推断，并与不启用隐私的对照比较。",
    ),
    "cli.help.tune.cycle": (
        "One round of the loop: collect, clean, wait for approval, train, gate, propose or promote.",
        "循环一轮：收集、清洗、等待批准、训练、评测、建议或上线。",
    ),
    "cli.help.tune.jobs": ("Background jobs and their progress.", "后台任务及其进度。"),
    "cli.help.tune.stop": ("Stop a background job; its checkpoints stay.", "停止后台任务；检查点保留。"),
    "cli.help.tune.job": ("Do a background job's work.", "执行后台任务。"),
    "cli.arg.job": ("number of the job", "任务编号"),
    "cli.opt.tune_canaries": ("secrets planted among the records", "植入的秘密条数"),
    "cli.opt.gate_dataset": (
        "golden questions: a dataset's name or a file; asked in the whole path",
        "标准问题：数据集名称或文件；走完整流程提问",
    ),
    "cli.opt.gate_heldout": (
        "a training set whose held-out records are asked over their own passages",
        "训练集：用其留出记录及自带段落提问",
    ),
    "cli.opt.tune_share": ("share of the users, above 0, at most 1", "用户份额，大于 0 且不超过 1"),
}
