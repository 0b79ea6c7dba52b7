"""Messages of: the line of waiting questions, circuit breakers, kept answers."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "load.busy": (
        "Too many questions at once: {count} are in line. Ask again in about {seconds} s.",
        "同时提问过多：已有 {count} 个问题在排队。请约 {seconds} 秒后再问。",
    ),
    "load.busy_user": (
        "You have {count} questions in line already. Wait for one of them, or ask again in about {seconds} s.",
        "您已有 {count} 个问题在排队。请等待其中一个完成，或约 {seconds} 秒后再问。",
    ),
    "load.waited": (
        "The question waited {waited} s without getting its turn. Ask again in about {seconds} s.",
        "问题排队 {waited} 秒仍未轮到。请约 {seconds} 秒后再问。",
    ),
    "load.draining": (
        "This server is shutting down and takes no new questions. Ask again in {seconds} s: another one "
        "or the restarted one will answer.",
        "本服务正在关闭，不再接受新问题。请 {seconds} 秒后再问，届时由其他实例或重启后的服务回答。",
    ),
    "load.drained": (
        "The answer was ended because the server is shutting down; what had arrived is kept. Ask again.",
        "服务正在关闭，回答被中止；已收到的内容予以保留。请重新提问。",
    ),
    "load.retrieve_slow": (
        "Searching took longer than {seconds} s and was given up. Ask again; if it stays, `wenju doctor` "
        "names the part that is slow ([load] retrieve_s sets the limit).",
        "检索超过 {seconds} 秒，已放弃。请重新提问；若仍如此，`wenju doctor` 会指出哪个部分过慢"
        "（时限由 [load] retrieve_s 设定）。",
    ),
    "load.answer_slow": (
        "The answer was not finished within {seconds} s; what had arrived is kept ([load] answer_s sets the "
        "limit).",
        "回答未能在 {seconds} 秒内完成；已收到的内容予以保留（时限由 [load] answer_s 设定）。",
    ),
    "load.embed_slow": (
        "The embedding model did not answer within {seconds} s: the words alone were searched.",
        "向量模型在 {seconds} 秒内没有响应：本次只按词语检索。",
    ),
    "load.rerank_slow": (
        "The reranker did not answer within {seconds} s: the passages are in the order of the search.",
        "重排模型在 {seconds} 秒内没有响应：段落保持检索时的顺序。",
    ),
    "load.ok": (
        "{running} of {limit} answers running, {waiting} questions in line.",
        "正在生成 {running}/{limit} 个回答，{waiting} 个问题排队。",
    ),
    "load.full": (
        "All {limit} places are taken and {waiting} questions of {users} users are in line; a new one would "
        "best come in {seconds} s. Raise [load] answers if the chat server can take more.",
        "{limit} 个位置已满，{users} 位用户的 {waiting} 个问题在排队；新问题最好 {seconds} 秒后再来。"
        "若对话服务尚有余力，可调高 [load] answers。",
    ),
    "degraded.fallback": (
        "The chat model that should answer cannot; {model} answers in its place.",
        "本应作答的对话模型目前不可用，由 {model} 代为回答。",
    ),
    "degraded.similar": (
        "This is a kept answer to a question with the same meaning: {question} Ask anew for one of its own.",
        "这是含义相同的另一问题的已存回答：{question} 如需单独回答，请重新生成。",
    ),
    "kept.ok": (
        "{hits} of {asked} questions were answered by a kept answer ({rate} %), saving {tokens} tokens.",
        "{asked} 个问题中有 {hits} 个由已存回答给出（{rate} %），节省 {tokens} 个词元。",
    ),
    "kept.off": (
        "Answers are not kept to be given again, as chosen: [cache] answers is false.",
        "按设置，不保存回答以供再次使用：[cache] answers 为 false。",
    ),
    "kept.refused": (
        "{refused} kept answers were not what this library had kept and were left out: somebody else writes "
        "into the same Redis. {hits} of {asked} questions were answered by a kept answer ({rate} %).",
        "有 {refused} 个已存回答并非本文档库所存，已弃用：可能有其他程序写入同一 Redis。"
        "{asked} 个问题中有 {hits} 个由已存回答给出（{rate} %）。",
    ),
    "breaker.all_closed": (
        "{count} outside systems in use, all answer.",
        "使用 {count} 个外部系统，均正常响应。",
    ),
    "breaker.some_open": (
        "Left alone for a moment after failing several times in a row: {systems}",
        "连续出错，暂停调用：{systems}",
    ),
    "breaker.open": (
        "{part} at {url} failed several times in a row and is left alone for {seconds} s ({problem}).",
        "{part}（{url}）连续出错，暂停调用 {seconds} 秒（{problem}）。",
    ),
}
