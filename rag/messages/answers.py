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
        "Found by words, not by meaning: {model} does not know the question's language. "
        "A multilingual embedding model such as BAAI/bge-m3 does.",
        "按字词而非语义检索：{model} 不支持该问题的语言，换用多语言向量模型（如 BAAI/bge-m3）即可改善。",
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

MESSAGES.update(
    {
        "answer.extractive": (
            "No chat model wrote this: these are the best-supported passages, quoted word for word.",
            "本回答并非由对话模型撰写：以下为证据最充分的原文摘录。",
        ),
        "answer.risk": (
            "Standing notice, not taken from the documents: this rests on the cited documents alone, may be "
            "incomplete or out of date, and is no investment advice.",
            "固定提示，并非文档内容：以上仅依据所引文档，可能不完整或已过时，不构成投资建议。",
        ),
        "degraded.analyst_quotes": (
            "This style needs a chat model for its analysis; without one there are only the data, quoted.",
            "该回答方式的分析部分需要对话模型；目前没有，因此只有摘录的数据。",
        ),
        "answer.stopped": ("Stopped by the reader.", "已由读者停止。"),
        "answer.empty_question": ("Type a question first.", "请先输入问题。"),
        "answer.question_too_long": (
            "The question has {length} characters; the most is {limit}.",
            "问题有 {length} 个字符，最多 {limit} 个。",
        ),
        "refusal.text": (
            "The documents do not contain enough evidence to answer this question.",
            "所提供的文档中没有足够的依据来回答这个问题。",
        ),
        "refusal.no_documents": (
            "There is no readable document in the chosen scope yet. Add one in the library.",
            "所选范围内还没有可用的文档。请先在文档库中添加。",
        ),
        "refusal.nothing_found": (
            "No passage of the documents that were searched has anything to do with it.",
            "所检索的文档中没有与之相关的段落。",
        ),
        "refusal.missing_terms": (
            "The documents that were searched never mention {terms}.",
            "所检索的文档从未提及{terms}。",
        ),
        "refusal.weak_evidence": (
            "The nearest passages share too little with the question to support an answer.",
            "最接近的段落与问题的关联不足，无法支撑回答。",
        ),
        "refusal.not_about_documents": (
            "This is a general question that the documents do not explain themselves.",
            "这是一般性问题，文档本身没有加以解释。",
        ),
        "hint.upload_first": (
            "No document is ready yet. Add one in the library, then ask again.",
            "还没有可用的文档。请先在文档库中添加，再提问。",
        ),
        "hint.wait_all": (
            "The documents are still being read. Ask again when they are ready.",
            "文档仍在读取中，就绪后请再次提问。",
        ),
        "hint.being_read": (
            "“{name}” is still being read. Ask again when it is ready.",
            "“{name}”仍在读取中，就绪后请再次提问。",
        ),
        "hint.scanned": (
            "“{name}” is in the library but holds only pictures of pages. Run text recognition (OCR) on it and add "
            "it again.",
            "文档库中有“{name}”，但它只有页面图片。请先做文字识别（OCR）再重新添加。",
        ),
        "hint.password": (
            "“{name}” is in the library but needs its password. Enter it in the library.",
            "文档库中有“{name}”，但需要密码。请在文档库中输入。",
        ),
        "hint.unreadable": (
            "“{name}” is in the library but could not be read. The library says why.",
            "文档库中有“{name}”，但无法读取。文档库中有原因说明。",
        ),
        "hint.outside_scope": (
            "{names} would fit, but is outside the chosen scope. Search in all documents.",
            "{names} 与问题相符，但不在所选范围内。请改为检索全部文档。",
        ),
        "hint.other_years": (
            "On {subject} the library has {years}, but not {asked}. Add the report of that year, or ask about "
            "another one.",
            "关于{subject}，文档库中有 {years} 年的资料，但没有 {asked} 年的。请添加该年度的报告，或改问其他年度。",
        ),
        "hint.no_document": (
            "No document in the library is named after it either. Add one about it, or check the spelling.",
            "文档库中也没有以此命名的文档。请添加相关文档，或检查写法。",
        ),
        "hint.no_company": (
            "No document of {company} is in your library. It has documents of {known}. Add one of {company}, or "
            "check the spelling.",
            "文档库中没有{company}的文档，现有的是 {known} 的文档。请添加{company}的文档，或检查写法。",
        ),
        "hint.formula": (
            "The calculator takes {name} as: {formula}. Name a company and a year to have it calculated from your "
            "documents.",
            "计算器对{name}采用的公式是：{formula}。写明公司和年度，即可用文档中的数字计算。",
        ),
        "hint.own_term": (
            "“{term}” was also looked for as {others}, by the library's own vocabulary.",
            "按文档库的自有词表，“{term}”也以 {others} 检索过。",
        ),
        "hint.general": (
            "Ask about a company or a period of your documents, or add a document that explains the term.",
            "可以就文档中的公司或期间提问，或添加一份解释该概念的文档。",
        ),
        "hint.narrowed": (
            "The search was limited to some documents. Search in all of them, or use the documents' own words.",
            "检索仅限于部分文档。可以检索全部文档，或改用文档中的用语提问。",
        ),
        "hint.nearest": (
            "See the nearest passages; then name the company, the item and the year in the documents' own words.",
            "请查看最接近的段落，然后用文档中的用语写明公司、项目和年度。",
        ),
        "refusal.model": (
            "The chat model read the nearest passages and found no answer in them.",
            "对话模型阅读了最接近的段落，但未能从中找到答案。",
        ),
        "degraded.citations_unknown": (
            "The model cited passages that it was not given ({markers}); those markers were removed.",
            "模型引用了未提供给它的段落（{markers}）；这些标记已被移除。",
        ),
        "degraded.citations_none": (
            "The model cited no passage: check this answer against the passages yourself.",
            "模型没有引用任何段落：请自行对照原文核实此回答。",
        ),
        "degraded.citations_unsupported": (
            "Numbers of the answer that the cited passages do not hold: {numbers}.",
            "回答中有些数字在所引段落中找不到：{numbers}。",
        ),
        "degraded.operand_missing": (
            "{name} was not calculated: no figure for “{item}” {year} was found in the documents.",
            "未计算“{name}”：文档中没有找到“{item}”{year}的数值。",
        ),
        "degraded.adapter": (
            "The model server does not have the adapter {adapter}; its base model answered. An admin loads it "
            "again: wenju tune serve-live",
            "模型服务器上没有适配器 {adapter}，本次由基座模型回答。管理员可重新加载：wenju tune serve-live",
        ),
        "degraded.query_parts": (
            "The chat model could not split the question in time; it was searched as it is, its parts by rule.",
            "对话模型未能及时拆分问题；已按原问题检索，各部分按规则处理。",
        ),
        "degraded.query_translation": (
            "The chat model could not translate the question in time; it was searched as it is, with the "
            "vocabulary's names in the documents' language.",
            "对话模型未能及时翻译问题；已按原问题检索，并补充了词表中对应语言的名称。",
        ),
        "degraded.rewrite": (
            "The chat model could not restate the follow-up; it was completed by rule.",
            "对话模型未能改写追问；已按规则补全。",
        ),
        "degraded.not_logged": (
            "This turn could not be kept in the conversation ({detail}).",
            "本轮问答未能保存到会话中（{detail}）。",
        ),
    }
)

MESSAGES.update(
    {
        "answer.check_failed": ("This part could not be checked: {detail}", "无法检查此部分：{detail}"),
        "answer.embeddings_ok": (
            "Meaning is searched with {model} ({dimension} dimensions, {max_tokens} tokens, languages: {languages}).",
            "语义检索使用 {model}（{dimension} 维，{max_tokens} 个词元，语言：{languages}）。",
        ),
        "answer.languages_ok": (
            "{model} covers the languages of the library.",
            "{model} 覆盖文档库中的语言。",
        ),
        "answer.languages_uncovered": (
            "{model} does not know a language of the library ({languages}): those documents are searched by words "
            "only. A multilingual model such as BGE-M3 searches them by meaning too.",
            "{model} 不支持文档库中的语言（{languages}）：这些文档仅按字词检索。"
            "改用 BGE-M3 等多语言模型后也可按语义检索。",
        ),
        "answer.store_ok": (
            "{documents} documents, {ready} ready, in {database}.",
            "共 {documents} 个文档，{ready} 个可用，存于 {database}。",
        ),
        "answer.disk_ok": ("{free_gb} GB free in {folder}.", "{folder} 剩余空间 {free_gb} GB。"),
        "answer.disk_low": (
            "Only {free_gb} GB free in {folder}: make room before adding documents.",
            "{folder} 仅剩 {free_gb} GB：添加文档前请先清理空间。",
        ),
        "answer.ocr_off": (
            "Scanned pages are not read. Give them a text layer first, then add the file again.",
            "不识别扫描页。请先为其添加文字层，再重新添加文件。",
        ),
        "answer.ocr_unused": (
            "An OCR program is installed here, but scanned pages are not read yet. Give them a text layer first.",
            "本机装有 OCR 程序，但目前不识别扫描页。请先为其添加文字层。",
        ),
        "search.import_objects_only": (
            "{path} cannot be imported: it holds index.pkl but no passages.jsonl. index.pkl is a program that runs "
            "when it is read, so Wenju never reads it. Export the folder again with `wenju export faiss`, or ingest "
            "the original files with `wenju ingest`.",
            "无法导入 {path}：其中只有 index.pkl 而没有 passages.jsonl。读取 index.pkl 等于运行其中的程序，因此 Wenju 从不读取它。"
            "请用 `wenju export faiss` 重新导出，或用 `wenju ingest` 导入原始文件。",
        ),
        "search.export_empty": (
            "There is nothing to export: the library is empty. Add documents with `wenju ingest`.",
            "没有可导出的内容：文档库为空。请先用 `wenju ingest` 添加文档。",
        ),
        "search.export_not_empty": (
            "{path} is not empty; name an empty or a new folder.",
            "{path} 不是空文件夹；请指定一个空文件夹或新文件夹。",
        ),
        "search.export_failed": (
            "The index could not be written to {path}: {problem}",
            "无法把索引写入 {path}：{problem}",
        ),
    }
)

MESSAGES.update(
    {
        "check.number_missing": (
            "A number of this sentence is not in the cited passages and does not follow from numbers that are.",
            "句中有数字在所引段落中找不到，也无法由其中的数字推算得出。",
        ),
        "check.other_year": (
            "The passages give this number for another year.",
            "所引段落中该数字属于其他年份。",
        ),
        "check.other_direction": (
            "The passages say that it moved the other way.",
            "所引段落中的增减方向与此相反。",
        ),
        "check.other_subject": (
            "The cited passages are about somebody else.",
            "所引段落说的是另一主体。",
        ),
        "check.opposite": (
            "The passages say the opposite.",
            "所引段落的说法与此相反。",
        ),
        "check.not_there": (
            "The cited passages do not say this.",
            "所引段落没有这样的内容。",
        ),
        "check.little_shared": (
            "The cited passages carry only part of this sentence.",
            "所引段落只支持该句的一部分。",
        ),
        "check.other_passage": (
            "Not the cited passage but another one says this.",
            "支持该句的是另一段落，而非所引段落。",
        ),
    }
)

MESSAGES.update(
    {  # chips: what a question was understood to name
        "chip.annual": ("annual report", "年度报告"),
        "chip.half_year": ("half-year report", "半年度报告"),
        "chip.quarterly": ("quarterly report", "季度报告"),
        "chip.earnings": ("earnings release", "业绩公告"),
        "chip.current": ("current report (8-K)", "临时公告"),
        "chip.prospectus": ("prospectus", "招股说明书"),
        "chip.proxy": ("proxy statement", "股东大会委托书"),
        "chip.part.FY": ("full year", "全年"),
        "chip.part.H1": ("first half", "上半年"),
        "chip.part.H2": ("second half", "下半年"),
        "chip.part.Q1": ("Q1", "第一季度"),
        "chip.part.Q2": ("Q2", "第二季度"),
        "chip.part.Q3": ("Q3", "第三季度"),
        "chip.part.Q4": ("Q4", "第四季度"),
        "chip.part.9M": ("first nine months", "前三季度"),
    }
)
