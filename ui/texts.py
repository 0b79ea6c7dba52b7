"""Every text of the page as an (English, Chinese) pair. ``{name}`` are format fields.

Messages about documents, models and settings live in :mod:`rag.messages`; these are the page's own words.
"""

from __future__ import annotations

import re
from typing import Final

from ui.texts_compliance import COMPLIANCE
from ui.texts_operations import OPERATIONS
from ui.texts_people import PEOPLE
from ui.texts_quality import ERRORS, QUALITY
from ui.texts_tuning import TUNING

PAGE: dict[str, tuple[str, str]] = {
    "app.title": ("Wenju 问据", "问据 Wenju"),
    "app.about": (
        "**Wenju 问据** answers questions from your own documents and shows the evidence for every sentence.",
        "**问据 Wenju** 用您自己的文件回答问题，每一句话都给出依据。",
    ),
    "nav.chat": ("Chat", "问答"),
    "nav.library": ("Library", "文档库"),
    "nav.improve": ("Improve", "改进"),
    "nav.manage": ("Manage", "管理"),
    "nav.operate": ("Operate", "运维"),
    "nav.readiness": ("Readiness", "就绪检查"),
    "lang.label": ("Language", "语言"),
    "problem.title": ("Wenju cannot start yet", "问据暂时无法启动"),
    "problem.hint": (
        "After correcting it, start Wenju again and reload this page. Your documents are untouched.",
        "改正后请重新启动问据并刷新本页。您的文档没有受到影响。",
    ),
    "error.page": (
        "Something went wrong on this page. Nothing was lost; reload to go on.",
        "页面出了点问题。没有丢失任何内容，请刷新后继续。",
    ),
    "close": ("Close", "关闭"),
    "cancel": ("Cancel", "取消"),
    "save": ("Save", "保存"),
    "delete": ("Delete", "删除"),
    "rename": ("Rename", "重命名"),
    "more": ("More", "更多"),
    "previous": ("Previous page", "上一页"),
    "next": ("Next page", "下一页"),
}

WELCOME: dict[str, tuple[str, str]] = {
    "welcome.title": ("Ask your documents. See the evidence.", "向文档提问，看得见依据"),
    "welcome.lead": (
        "Wenju reads your PDF and Word files and answers from them. "
        "Every sentence leads to its page, with the lines it relied on marked.",
        "问据读取您的 PDF 和 Word 文件并据此回答。每句话都能点回原文页面，所依据的行已为您标出。",
    ),
    "welcome.samples": ("Try the sample reports", "试用示例报告"),
    "welcome.samples_hint": (
        "Two annual reports written for trying out, one in English and one in Chinese: "
        "ready in under a minute.",
        "两份供试用的年度报告，中英文各一份，不到一分钟即可提问。",
    ),
    "welcome.own": ("Or add your own files", "或添加自己的文件"),
    "welcome.reading": ("Reading your documents", "正在读取文档"),
    "welcome.reading_hint": (
        "You can ask as soon as the first one is ready; the others join as they finish.",
        "第一份就绪后即可提问，其余完成后自动加入。",
    ),
    "welcome.ask_title": ("What would you like to know?", "想了解什么？"),
    "welcome.ask_hint": (
        "Documents ready: {count}. Every answer names its pages.",
        "已有 {count} 份文档就绪。每个回答都会注明页码。",
    ),
    "welcome.suggestions": ("Questions to start with", "可以这样开始"),
    "welcome.none_ready": (
        "None of your documents can be searched yet. The library says why, and what to do.",
        "目前没有可检索的文档。文档库中说明了原因和处理办法。",
    ),
    "welcome.open_library": ("Open the library", "打开文档库"),
}

CHAT: dict[str, tuple[str, str]] = {
    "chat.new": ("New chat", "新对话"),
    "chat.history": ("Conversations", "历史对话"),
    "chat.show_all": ("Show all {count}", "显示全部 {count} 个"),
    "chat.input": ("Ask about your documents…", "就您的文档提问……"),
    "chat.input_busy": ("Answering… press Stop to interrupt", "正在回答……可点“停止”中断"),
    "chat.input_empty": ("Add a document first, then ask", "请先添加文档再提问"),
    "chat.gone": ("This conversation is not there any more.", "该对话已不存在。"),
    "chat.rename_title": ("Name of the conversation", "对话名称"),
    "chat.delete_confirm": (
        "Delete this conversation with its answers? Documents stay.",
        "删除该对话及其回答？文档不受影响。",
    ),
    "chat.scope": ("Search in", "检索范围"),
    "chat.scope_all": ("All documents", "全部文档"),
    "chat.scope_some": ("{count} chosen", "已选 {count} 份"),
    "chat.scope_documents": ("Only these documents", "仅限以下文档"),
    "chat.scope_collections": ("Only these collections", "仅限以下集合"),
    "chat.scope_hint": ("Leave empty to search everything.", "留空表示检索全部。"),
    "chat.export": ("Export", "导出"),
    "chat.export_md": ("Markdown", "Markdown"),
    "chat.export_docx": ("Word", "Word"),
    "answer.searching": ("Searching your documents…", "正在检索文档……"),
    "answer.reading": ("Reading {count} passages…", "正在阅读 {count} 个段落……"),
    "answer.stop": ("Stop", "停止"),
    "answer.stopping": ("Stopping…", "正在停止……"),
    "answer.thoughts": ("How the model thought", "模型的思考过程"),
    "answer.mode_extractive": ("Quoted from the documents", "摘自文档原文"),
    "answer.mode_extractive_help": (
        "No chat model is connected, so these are the best-supported sentences, word for word.",
        "当前没有连接对话模型，以下为依据最充分的原文句子，一字未改。",
    ),
    "answer.mode_calculated": ("From cited figures", "由所引数字得出"),
    "answer.mode_calculated_help": (
        "Looked up or calculated from the cited figures, then quoted: no model wrote or guessed it.",
        "由所引数字查得或算出，并附原文摘录：并非模型撰写或猜测。",
    ),
    "check.mark": ("not found in the sources", "来源中未找到依据"),
    "check.grounded": ("{share} % supported", "{share}% 有依据"),
    "check.grounded_help": (
        "The share of the answer's claims that its sources carry: each sentence and each number was checked.",
        "回答中有来源支持的陈述所占比例：每句话、每个数字均已核对。",
    ),
    "export.checks": ("Checks", "核对结果"),
    "export.calculations": ("Calculations", "计算过程"),
    "answer.mode_generative": ("Written by a model", "由模型撰写"),
    "answer.mode_generative_help": (
        "Written by this model from the passages cited.",
        "由该模型依据所引段落写成。",
    ),
    "answer.mode_refused": ("Not found in the documents", "文档中未找到"),
    "answer.mode_refused_help": (
        "The evidence was too thin to answer. The nearest passages are listed below.",
        "依据不足，无法回答。下面列出最接近的段落。",
    ),
    "answer.incomplete": (
        "This answer is incomplete: it was stopped or cut off.",
        "这个回答不完整：生成被停止或中断。",
    ),
    "answer.stopped_empty": ("Stopped before the first word.", "在输出之前已停止。"),
    "chips.looked_in": ("Looked first in:", "优先查找："),
    "chips.also_searched": ("Also searched for:", "还检索了："),
    "chips.take_away": (
        "{chip} favours {count} document(s). Press to ask again without it.",
        "“{chip}”优先了 {count} 份文档。点击后将不再优先并重新提问。",
    ),
    "chips.put_back": ("Put back: {chips}", "恢复：{chips}"),
    "answer.searched_as": ("Searched as: {question}", "实际检索：{question}"),
    "answer.timing_search": ("search {ms}", "检索 {ms}"),
    "answer.timing_first": ("first words {ms}", "首字 {ms}"),
    "answer.timing_total": ("total {ms}", "总计 {ms}"),
    "answer.nearest": ("Nearest passages", "最接近的段落"),
    "answer.search_all": ("Search all documents", "检索全部文档"),
    "answer.to_library": ("Open the library", "打开文档库"),
    "answer.passages": ("Passages read ({count})", "读过的段落（{count}）"),
    "answer.page": ("p. {page}", "第 {page} 页"),
    "answer.pages": ("pp. {first}–{last}", "第 {first}–{last} 页"),
    "answer.page_estimated": ("about p. {page}", "约第 {page} 页"),
    "answer.copy": ("Copy answer", "复制回答"),
    "answer.copied": ("Copied", "已复制"),
    "answer.kept": ("Kept answer", "已存回答"),
    "answer.kept_help": (
        "The same was asked before of the same documents, so this answer was not written again. "
        "“Answer again” below asks anew.",
        "此前已对相同文档提过同样的问题，因此未重新生成。点击下方“重新回答”可重新生成。",
    ),
    "answer.regenerate": ("Answer again", "重新回答"),
    "answer.version": ("Answer {current} of {count}", "回答 {current}/{count}"),
    "answer.good": ("Good answer", "回答得好"),
    "answer.bad": ("Something is wrong", "回答有问题"),
    "answer.thanks": ("Thank you, noted.", "谢谢，已记录。"),
    "answer.retry": ("Try again", "重试"),
    "rate.title": ("What is wrong?", "哪里有问题？"),
    "rate.comment": ("Anything to add (optional)", "补充说明（可不填）"),
    "rate.correction": ("What would be right? (optional)", "正确答案是什么？（可不填）"),
    "rate.correction_help": (
        "An evaluator can make a golden question of it, so that the mistake is noticed if it comes back.",
        "评测人员可把它变成标准问题，错误再次出现时就能发现。",
    ),
    "rate.send": ("Send", "提交"),
    "reason.wrong_document": ("Wrong document", "文档不对"),
    "reason.wrong_page": ("Wrong page", "页面不对"),
    "reason.wrong_value": ("Wrong value", "数值不对"),
    "reason.arithmetic": ("Wrong calculation", "计算错误"),
    "reason.in_documents": ("It is in the documents", "文档里有答案"),
    "reason.format": ("Wrong unit or format", "单位或格式不对"),
    "reason.not_supported": ("Not supported by the source", "来源不支持"),
    "reason.incomplete": ("Incomplete", "不完整"),
    "reason.language": ("Language", "语言问题"),
    "reason.other": ("Something else", "其他"),
    "evidence.of": ("page {page} of {count}", "第 {page} 页，共 {count} 页"),
    "evidence.estimated": (
        "Word files have no fixed pages: the page number is an estimate, the text is exact.",
        "Word 文件没有固定页码：页码为估计值，文字准确。",
    ),
    "evidence.gone": (
        "This document was deleted from the library, so its page cannot be shown. The quote is kept above.",
        "该文档已从文档库删除，无法显示页面。上方保留了引文。",
    ),
    "evidence.text": ("Text of this page", "本页文字"),
    "evidence.alt": ("Page {page} of {name}, the quoted lines marked", "{name} 第 {page} 页，已标出引文"),
    "evidence.back": ("Back to the quoted page", "回到引文所在页"),
    "evidence.original": ("Download original", "下载原文件"),
    "evidence.no_picture": (
        "The picture of this page could not be drawn; this is its text.",
        "无法绘制本页图像，以下为本页文字。",
    ),
    "export.question": ("Question", "问题"),
    "export.sources": ("Sources", "来源"),
    "export.made": ("Exported from Wenju on {date}", "由问据导出，{date}"),
    "export.model": ("Answered by {model}", "回答：{model}"),
}

LIBRARY: dict[str, tuple[str, str]] = {
    "library.title": ("Library", "文档库"),
    "library.lead": (
        "PDF, Word (.docx), text and Markdown. What a file is, is judged by its content.",
        "支持 PDF、Word（.docx）、文本和 Markdown。文件类型按内容判断。",
    ),
    "upload.label": ("Add documents", "添加文档"),
    "upload.drop": ("Drop files here", "将文件拖到这里"),
    "upload.limit": (
        "PDF, Word, text, Markdown · up to {limit} MB each",
        "PDF、Word、文本、Markdown · 每个不超过 {limit} MB",
    ),
    "upload.terms": ("CSV · up to 2 MB", "CSV · 不超过 2 MB"),
    "upload.golden": ("Excel, CSV, JSON lines", "Excel、CSV、JSON 行文件"),
    "upload.browse": ("Choose files", "选择文件"),
    "upload.added": ("Files added: {count}. Reading them now.", "已添加 {count} 个文件，正在读取。"),
    "upload.duplicate": (
        "“{name}” is already in the library (as “{existing}”): nothing to do.",
        "“{name}”已在文档库中（名为“{existing}”），无需重复添加。",
    ),
    "upload.failed": ("“{name}” was not added: {problem}", "“{name}”未添加：{problem}"),
    "library.collection": ("Collection", "集合"),
    "library.collection_default": ("General", "默认"),
    "library.add_to": ("Add to collection", "添加到"),
    "library.collection_new": ("Name of a collection, new or existing", "集合名称，可新建"),
    "library.collection_help": (
        "Collections group documents; a question can be limited to one.",
        "集合用于归类文档，提问时可限定范围。",
    ),
    "library.all_collections": ("All collections", "全部集合"),
    "about.filter": ("Company, type, year", "公司、类型、年度"),
    "about.any": ("Any", "不限"),
    "about.edit": ("Edit details", "编辑信息"),
    "about.title": ("Title", "标题"),
    "about.company": ("Company", "公司"),
    "about.aliases": ("Other names", "其他名称"),
    "about.aliases_help": (
        "Names that questions may use, parted by semicolons.",
        "提问时可能用到的名称，用分号隔开。",
    ),
    "about.ticker": ("Ticker", "证券代码"),
    "about.report_type": ("Type", "类型"),
    "about.fiscal_year": ("Fiscal year", "财政年度"),
    "about.fiscal_period": ("Period", "期间"),
    "about.date": ("Date", "日期"),
    "about.other": ("other", "其他"),
    "about.unknown": ("not known", "未知"),
    "about.edit_help": (
        "Questions find the document by these at once. What you set stays when it is read again.",
        "保存后提问立即按这些信息查找；重新读取文档时会保留您填写的内容。",
    ),
    "about.save": ("Save", "保存"),
    "about.saved": ("Saved.", "已保存。"),
    "library.search": ("Search by name", "按名称查找"),
    "library.filter_all": ("All", "全部"),
    "library.filter_ready": ("Ready", "就绪"),
    "library.filter_busy": ("In progress", "处理中"),
    "library.filter_problem": ("Need attention", "需要处理"),
    "library.empty": ("No documents yet. Add some above, or", "还没有文档。请在上方添加，或者"),
    "library.no_match": ("No document matches.", "没有符合条件的文档。"),
    "library.summary": (
        "{documents} documents · {pages} pages · {passages} passages",
        "{documents} 份文档 · {pages} 页 · {passages} 个段落",
    ),
    "vocabulary.title": ("Own terms of “{name}”", "“{name}”的自有术语"),
    "vocabulary.lead": (
        "Names that mean the same here, in any language. A question that uses one also looks for the others.",
        "在这里含义相同的名称，任何语言均可。问题用到其中一个时，也会检索其余的。",
    ),
    "vocabulary.none": ("No terms yet.", "还没有术语。"),
    "vocabulary.no_documents": ("Add a document to this collection first.", "请先向该集合添加文档。"),
    "vocabulary.more": ("and {count} more", "另有 {count} 条"),
    "vocabulary.term": ("Term", "术语"),
    "vocabulary.synonyms": ("Same as", "同义词"),
    "vocabulary.synonyms_example": ("stock keeping unit; item number", "如：存货单位；货号"),
    "vocabulary.add": ("Add", "添加"),
    "vocabulary.added": ("Added.", "已添加。"),
    "vocabulary.remove": ("Remove this term", "删除该术语"),
    "vocabulary.removed": ("Removed.", "已删除。"),
    "vocabulary.file": ("Or a CSV file: a term, then its synonyms", "或上传 CSV 文件：每行先术语，再同义词"),
    "vocabulary.too_big": ("The file is larger than 2 MB.", "文件超过 2 MB。"),
    "vocabulary.not_text": ("The file is not UTF-8 text.", "文件不是 UTF-8 文本。"),
    "vocabulary.imported": (
        "{added} terms added, {bad} rows left out.",
        "已添加 {added} 条术语，跳过 {bad} 行。",
    ),
    "vocabulary.line": ("Line {line}: {problem}", "第 {line} 行：{problem}"),
    "library.reindex_all": ("Rebuild the whole index", "重建全部索引"),
    "library.reindex_help": (
        "Needed after another embedding model was chosen. Search keeps working from the old index meanwhile.",
        "更换向量模型后需要执行。期间仍用旧索引检索。",
    ),
    "library.reindexing": (
        "The index is being rebuilt. Search goes on meanwhile.",
        "正在重建索引，期间检索照常。",
    ),
    "library.pages": ("{count} pages", "{count} 页"),
    "library.pages_estimated": ("about {count} pages", "约 {count} 页"),
    "library.passages": ("{count} passages", "{count} 个段落"),
    "library.progress_parsing": ("Reading page {done} of {count}", "正在读取第 {done} 页，共 {count} 页"),
    "library.progress_parsing_unknown": ("Reading: {done} pages so far", "正在读取：已读 {done} 页"),
    "library.progress_embedding": (
        "Indexing passage {done} of {count}",
        "正在索引第 {done} 个段落，共 {count} 个",
    ),
    "library.progress_embedding_unknown": (
        "Indexing: {done} passages so far",
        "正在索引：已完成 {done} 个段落",
    ),
    "status.queued": ("Waiting", "排队中"),
    "status.parsing": ("Reading", "读取中"),
    "status.embedding": ("Indexing", "索引中"),
    "status.ready": ("Ready", "就绪"),
    "status.password": ("Password needed", "需要密码"),
    "status.scanned": ("Scanned pictures", "扫描件"),
    "status.garbled": ("Unreadable text", "文字乱码"),
    "status.empty": ("Empty", "空文件"),
    "status.corrupt": ("Damaged", "文件损坏"),
    "status.unsupported": ("Unsupported type", "类型不支持"),
    "status.failed": ("Failed", "失败"),
    "hint.password": ("Enter its password to read it.", "请输入密码以读取。"),
    "hint.scanned": (
        "Its pages are pictures without text. Run text recognition (OCR) on it and add it again.",
        "页面是没有文字的图片。请先做文字识别（OCR）再添加。",
    ),
    "hint.garbled": (
        "Its fonts hide the real characters. Print it to a new PDF, or add the Word file.",
        "字体编码异常，读不出真实文字。请重新打印为 PDF，或添加 Word 原稿。",
    ),
    "hint.empty": ("There is no text in it.", "文件中没有文字。"),
    "hint.corrupt": (
        "It is cut off or damaged. Open it in its own program, save a new copy and add that.",
        "文件不完整或已损坏。请用原程序打开，另存后重新添加。",
    ),
    "hint.unsupported": ("Save it as PDF or .docx and add that.", "请另存为 PDF 或 .docx 后再添加。"),
    "hint.failed": ("Try again; if it fails again, the log says why.", "请重试；若再次失败，日志中有原因。"),
    "library.password": ("Password", "密码"),
    "library.unlock": ("Unlock", "解锁"),
    "library.open": ("Pages and passages", "页面与段落"),
    "library.retry": ("Try again", "重试"),
    "library.reindex": ("Read it again", "重新读取"),
    "library.requeued": ("“{name}” is being read again.", "正在重新读取“{name}”。"),
    "library.delete_confirm": (
        "Delete “{name}” with its pages and passages? Answers that cite it keep their quotes.",
        "删除“{name}”及其页面和段落？引用过它的回答会保留引文。",
    ),
    "library.deleted": ("“{name}” was deleted.", "已删除“{name}”。"),
    "viewer.pages": ("Pages", "页面"),
    "viewer.passages": ("Passages", "段落"),
    "viewer.details": ("Details", "详情"),
    "viewer.page": ("Page", "页"),
    "viewer.text": ("Text as read", "读出的文字"),
    "viewer.no_text": ("No text on this page.", "本页没有文字。"),
    "viewer.tokens": ("{count} tokens", "{count} 个 token"),
    "viewer.name": ("File", "文件"),
    "viewer.title": ("Title", "标题"),
    "viewer.type": ("Type", "类型"),
    "viewer.size": ("Size", "大小"),
    "viewer.language": ("Language", "语言"),
    "viewer.added": ("Added", "添加时间"),
    "viewer.hash": ("SHA-256", "SHA-256"),
    "viewer.warnings": ("Noticed while reading", "读取时的提示"),
    "viewer.gone": ("This document is not there any more.", "该文档已不存在。"),
    "language.zh": ("Chinese", "中文"),
    "language.en": ("English", "英文"),
    "language.other": ("Other", "其他"),
    "language.many": ("many", "多种"),
}

READINESS: dict[str, tuple[str, str]] = {
    "ready.title": ("Readiness", "就绪检查"),
    "ready.lead": (
        "What works, what is limited, and the one command that would mend or improve it. "
        "`wenju doctor` prints the same list.",
        "哪些正常、哪些受限，以及一条可以修复或改进的命令。`wenju doctor` 会打印同样的列表。",
    ),
    "ready.refresh": ("Check again", "重新检查"),
    "ready.checking": ("Checking the parts…", "正在检查各部件……"),
    "ready.all_ok": ("Everything works", "一切正常"),
    "ready.limited": ("Works, with limits", "可用，有限制"),
    "ready.broken": ("Something is broken", "有部件故障"),
    "ready.remedy": ("To mend or improve it", "修复或改进"),
    "state.ok": ("Works", "正常"),
    "state.limited": ("Limited", "受限"),
    "state.off": ("Off", "未启用"),
    "state.broken": ("Broken", "故障"),
    "part.chat": ("Chat model", "对话模型"),
    "part.embeddings": ("Embeddings", "向量模型"),
    "part.index": ("Search index", "检索索引"),
    "part.store": ("Store", "数据存储"),
    "part.cache": ("Cache", "缓存"),
    "part.answers": ("Kept answers", "已存回答"),
    "part.load": ("Load", "负载"),
    "part.outside": ("Outside systems", "外部系统"),
    "part.ocr": ("Text recognition", "文字识别"),
    "part.languages": ("Languages", "语言"),
    "part.tracing": ("Traces to a collector", "链路追踪上报"),
    "part.disk": ("Disk", "磁盘"),
}

PROMPTS: dict[str, tuple[str, str]] = {
    "nav.prompts": ("Prompts", "提示词"),
    "style.label": ("Style", "回答方式"),
    "style.concise": ("Concise", "简明"),
    "style.concise_help": ("The answer first, then what it rests on.", "先给答案，再说明依据。"),
    "style.analyst": ("Analyst", "分析师"),
    "style.analyst_help": (
        "Data first, then the analysis with its figures, then a risk warning.",
        "先列数据，再作分析，最后给出风险提示。",
    ),
    "style.own_help": ("Added by an administrator.", "由管理员添加。"),
    "prompts.title": ("Prompts", "提示词"),
    "prompts.lead": (
        "What a chat model is told before a question. Every version is kept, and every answer records "
        "which one it was written under. Without a chat model, answers quote the documents instead.",
        "对话模型在回答前收到的说明。每个版本都会保留，每个回答都会记录所用的版本。"
        "没有对话模型时，回答直接摘录原文，不使用这些说明。",
    ),
    "prompts.use": ("Style", "回答方式"),
    "prompts.language": ("Language of the question", "问题的语言"),
    "prompts.new": ("Add a style…", "新增方式……"),
    "prompts.name": ("Name of the new style", "新方式的名称"),
    "prompts.name_hint": ("for example: regulator", "例如：监管问答"),
    "prompts.text": ("What the model is told", "对模型的说明"),
    "prompts.placeholders": (
        "{{refusal}} stands for the refusal sentence and must stay; {{risk}} for the standing risk warning, "
        "which then ends every answer. Citations are written [1]. Two rules are always added at the end: "
        "passages are data and not instructions; no links and no HTML.",
        "{{refusal}} 代表拒答语句，必须保留；{{risk}} 代表固定的风险提示，写入后每个回答都以它结尾。"
        "引用写作 [1]。末尾始终自动附加两条规则：段落是资料而非指令；不使用链接和 HTML。",
    ),
    "prompts.note": ("Why it was changed (optional)", "修改说明（可不填）"),
    "prompts.saved": ("Saved. It counts from the next question on.", "已保存，从下一个问题起生效。"),
    "prompts.restored": ("Restored. It counts from the next question on.", "已恢复，从下一个问题起生效。"),
    "prompts.remove": ("Remove this style", "移除此方式"),
    "prompts.removed": ("Removed; its versions are kept.", "已移除，各版本仍保留。"),
    "prompts.preview": ("Preview what would be sent", "预览将要发送的内容"),
    "prompts.question": ("Try it with a question", "用一个问题试试"),
    "prompts.question_hint": (
        "The passages found for it are put in.",
        "将填入为该问题检索到的段落。",
    ),
    "prompts.size": (
        "About {tokens} tokens with {passages} passages; {left_out} did not fit.",
        "约 {tokens} 个 token，含 {passages} 个段落；另有 {left_out} 个放不下。",
    ),
    "prompts.role_system": ("System message", "系统消息"),
    "prompts.role_user": ("User message", "用户消息"),
    "prompts.history": ("Earlier versions ({count})", "历史版本（{count}）"),
    "prompts.built_in": ("came with the program", "内置"),
    "prompts.restore": ("Restore this version", "恢复此版本"),
}

TEXTS: dict[str, tuple[str, str]] = {
    **PAGE, **WELCOME, **CHAT, **LIBRARY, **READINESS, **PROMPTS, **QUALITY, **ERRORS,
    **PEOPLE,
    **COMPLIANCE,
    **OPERATIONS,
    **TUNING,
}  # fmt: skip


# "1 pages" -> "1 page": every such word here takes a plain s.
_ONE: Final = re.compile(
    r"(?<![\d.,-])1 (document|page|passage|question|answer|file|run|day|second|user|member|token|record|"
    r"rule|hit)s\b"
)


def text(key: str, language: str, /, **params: object) -> str:
    """The text of ``key`` in "zh" or (for every other value) English. Raises KeyError for an unknown key:
    a missing text is a defect that a test finds."""
    if language == "zh":
        return TEXTS[key][1].format(**params)
    return _ONE.sub(r"1 \1", TEXTS[key][0].format(**params))
