"""Messages of the command line: its help, its progress and its complaints."""

from __future__ import annotations

HELP: dict[str, tuple[str, str]] = {
    "cli.help": (
        "Wenju 问据: ask your own documents, get an answer that shows its evidence.\n\n"
        "Exit codes: 0 done; 1 error; 2 wrong usage; 3 some files or questions failed; "
        "4 refused or nothing found (with --fail-on-refusal); 5 the gate stays closed; 130 interrupted.",
        "问据 Wenju：向自己的文档提问，得到带证据的回答。\n\n"
        "退出码：0 完成；1 出错；2 用法有误；3 部分文件或问题失败；4 拒答或无结果（需 --fail-on-refusal）；5 未通过准入门槛；130 被中断。",
    ),
    "cli.help.ingest": (
        "Take PDF, Word, text and Markdown files into the library. Folders are walked; hidden files are left out.",
        "把 PDF、Word、文本和 Markdown 文件收入文档库。会遍历文件夹，跳过隐藏文件。",
    ),
    "cli.help.search": (
        "Find the passages that match best.",
        "查找最匹配的段落。",
    ),
    "cli.help.ask": (
        "Ask a question; the answer streams, every sentence cited.",
        "提问；回答流式输出，每句都有引用。",
    ),
    "cli.help.documents": ("List the library's documents.", "列出文档库中的文档。"),
    "cli.help.delete": (
        "Delete documents, by name or number, and everything made from them.",
        "按名称或编号删除文档及其全部派生数据。",
    ),
    "cli.help.doctor": (
        "Each part, whether it works, and the one command that would mend or improve it.",
        "逐项检查各组件是否可用，并给出一条修复或改进命令。",
    ),
    "cli.help.mcp": (
        "Serve the library as tools for an assistant (Model Context Protocol) over standard input and output. With "
        "accounts on, the environment variable WENJU_TOKEN holds an API token.",
        "通过标准输入输出把文档库作为工具提供给助手程序（MCP 协议）。启用账户时，请在环境变量 WENJU_TOKEN 中放入 API 令牌。",
    ),
    "cli.help.reindex": (
        "Build the index again with the embedding model now set; the old one serves meanwhile.",
        "用当前设置的向量模型重建索引；期间旧索引继续服务。",
    ),
    "cli.help.export": ("Write the index for other programs.", "导出索引供其他程序使用。"),
    "cli.help.export.faiss": (
        "Write DIR as langchain-community's FAISS class reads it, with a twin of its texts in JSON.",
        "按 langchain-community 的 FAISS 类的格式写入 DIR，并附一份 JSON 文本。",
    ),
    "cli.help.import": ("Take in what other programs wrote.", "导入其他程序的数据。"),
    "cli.help.import.faiss": (
        "Take in an index that `wenju export faiss` wrote. Nothing is ever unpickled.",
        "导入由 `wenju export faiss` 写出的索引。绝不反序列化 pickle。",
    ),
    "cli.help.worker": (
        "Take in queued documents until stopped; as many workers as you like may share one library.",
        "持续处理排队的文档，直到停止；多个工作进程可共用一个文档库。",
    ),
    "cli.help.run": ("Start the page and open it in the browser.", "启动页面并在浏览器中打开。"),
    "cli.help.settings": (
        "Every setting: key, value now, default, meaning. Secrets stay hidden.",
        "列出全部设置：键、当前值、默认值、含义。密钥不显示。",
    ),
    "cli.help.eval": ("Measure how right it is.", "测量准确度。"),
    "cli.help.eval.retrieval": (
        "Page recall of dense, lexical and fused search over a pack of questions with evidence pages.",
        "在一组带证据页码的问题上，测量稠密、词法与融合检索的页面召回率。",
    ),
    "cli.help.tune": ("Fine-tune the chat model.", "微调对话模型。"),
    "cli.help.tune.train": (
        "Train a LoRA adapter as CONFIG.yaml says; vLLM serves it by name.",
        "按 CONFIG.yaml 训练 LoRA 适配器；vLLM 可按名称加载。",
    ),
    "cli.help.version": ("Print the version.", "显示版本。"),
    "cli.opt.data_dir": (
        "Folder of the library [default: data, or WENJU_DATA_DIR].",
        "文档库文件夹 [默认：data，或 WENJU_DATA_DIR]。",
    ),
    "cli.opt.json": (
        "JSON lines on stdout; everything else on stderr.",
        "标准输出为 JSON 行，其余信息走标准错误。",
    ),
    "cli.opt.collection": ("Collection of documents.", "文档集合。"),
    "cli.opt.only_collection": ("Only this collection (repeatable).", "只在此集合中（可重复）。"),
    "cli.opt.only_document": (
        "Only this document, by name or number (repeatable).",
        "只在此文档中，按名称或编号（可重复）。",
    ),
    "cli.opt.password": ("Password of protected files.", "受保护文件的密码。"),
    "cli.opt.top_k": ("How many passages.", "段落数量。"),
    "cli.opt.batch": (
        "JSON lines with id and question; answers go to --out.",
        "含 id 与 question 的 JSON 行文件；结果写入 --out。",
    ),
    "cli.opt.out": (
        "Where --batch writes; what is there already is not asked again.",
        "--batch 的输出文件；已有结果的问题不会重复提问。",
    ),
    "cli.opt.jobs": ("Questions of a batch in flight at once.", "批处理时同时进行的问题数。"),
    "cli.opt.keep": ("Keep the turn as a conversation on the page.", "把这次问答保存为页面上的对话。"),
    "cli.opt.anew": (
        "Answer anew, also when an answer to the same question was kept.",
        "即使已存有同一问题的回答，也重新生成。",
    ),
    "cli.kept": (
        "(A kept answer: the same was asked before. --anew asks anew.)",
        "（已存回答：此前提过同样的问题。加 --anew 可重新生成。）",
    ),
    "cli.opt.fail_on_refusal": (
        "Exit with 4 when the answer is a refusal or nothing was found.",
        "拒答或无结果时以 4 退出。",
    ),
    "cli.opt.port": (
        "Port of the page [default: 8501, or WENJU_SERVER__PORT].",
        "页面端口 [默认：8501，或 WENJU_SERVER__PORT]。",
    ),
    "cli.opt.host": (
        "Address the page listens on [default: 127.0.0.1].",
        "页面监听地址 [默认：127.0.0.1]。",
    ),
    "cli.opt.browser": ("Open the browser when the page is ready.", "页面就绪后打开浏览器。"),
    "cli.opt.markdown": ("As a Markdown page (docs/settings.md).", "输出 Markdown（docs/settings.md）。"),
    "cli.opt.limit": ("Only the first questions.", "只用前若干个问题。"),
    "cli.opt.log_level": (
        "DEBUG, INFO, WARNING or ERROR; logs go to stderr.",
        "DEBUG、INFO、WARNING 或 ERROR；日志走标准错误。",
    ),
    "cli.arg.paths": ("Files and folders.", "文件与文件夹。"),
    "cli.arg.query": ("What to look for.", "要查找的内容。"),
    "cli.arg.question": ("The question.", "问题。"),
    "cli.arg.document": (
        "Names or numbers, as `wenju documents` lists them.",
        "`wenju documents` 列出的名称或编号。",
    ),
    "cli.arg.dir": ("A folder.", "文件夹。"),
    "cli.arg.pack": (
        "Folder with corpus/ and questions.jsonl.",
        "含 corpus/ 与 questions.jsonl 的文件夹。",
    ),
    "cli.arg.config": ("YAML file; docs/operations.md shows one.", "YAML 文件；示例见 docs/operations.md。"),
}

MESSAGES: dict[str, tuple[str, str]] = {
    **HELP,
    "cli.no_such_path": (
        "{path}: there is no such file or folder.",
        "{path}：没有这个文件或文件夹。",
    ),
    "cli.unreadable": ("{path}: cannot be read ({reason}).", "{path}：无法读取（{reason}）。"),
    "cli.no_files": (
        "Nothing to take in: {paths} holds no files (hidden ones are left out).",
        "没有可收入的文件：{paths} 中没有文件（隐藏文件已跳过）。",
    ),
    "cli.ingest.working": (
        "{done}/{total} files · {pages} pages · {chunks} chunks",
        "{done}/{total} 个文件 · {pages} 页 · {chunks} 个片段",
    ),
    "cli.ingest.queued": ("waiting", "等待中"),
    "cli.ingest.parsing": ("reading pages", "读取页面"),
    "cli.ingest.embedding": ("embedding", "计算向量"),
    "cli.ingest.counts": ("pages: {pages}, chunks: {chunks}", "{pages} 页，{chunks} 个片段"),
    "cli.ingest.duplicate": ("already in the library", "已在文档库中"),
    "cli.ingest.summary": (
        "{files} files in {seconds} s: {counts}. {pages} pages, {chunks} chunks ready.",
        "{files} 个文件，用时 {seconds} 秒：{counts}。可检索 {pages} 页、{chunks} 个片段。",
    ),
    "cli.ingest.interrupted": (
        "Stopped. Nothing is lost: the same command, the page or `wenju worker` goes on from here.",
        "已停止。没有丢失任何内容：再次运行同一命令、打开页面或运行 `wenju worker` 即可继续。",
    ),
    "cli.interrupted": ("Stopped.", "已停止。"),
    "cli.nothing_found": (
        "Nothing found. The library holds {ready} ready documents; `wenju documents` lists them.",
        "没有找到。文档库中有 {ready} 个可检索文档；可用 `wenju documents` 查看。",
    ),
    "cli.page": ("p. {page}", "第 {page} 页"),
    "cli.pages": ("pp. {start}-{end}", "第 {start}-{end} 页"),
    "cli.sources": ("Sources", "来源"),
    "cli.nearest": ("Nearest passages", "最接近的段落"),
    "cli.thinking": ("thinking ...", "思考中 ..."),
    "cli.unsupported": (
        "[not found in the sources] {sentence} {why}",
        "[来源中未找到依据] {sentence} {why}",
    ),
    "cli.grounded": ("{share} % of the claims are supported by the passages.", "{share}% 的陈述有段落支持。"),
    "cli.extractive": (
        "(quoted from the documents; no chat model was used)",
        "（直接摘自文档，未使用对话模型）",
    ),
    "cli.incomplete": ("The answer is incomplete.", "回答不完整。"),
    "cli.note": ("Note: {text}", "注意：{text}"),
    "cli.error": ("Error: {text}", "错误：{text}"),
    "cli.remedy": ("to do: {command}", "可执行：{command}"),
    "cli.no_collection": (
        "There is no collection {name!r}. There are: {known}.",
        "没有名为 {name!r} 的集合。现有：{known}。",
    ),
    "cli.no_document": (
        "There is no document {name!r} in the library; `wenju documents` lists what is.",
        "文档库中没有文档 {name!r}；`wenju documents` 会列出现有文档。",
    ),
    "cli.batch.usage": (
        "Give either a question or --batch FILE with --out FILE.",
        "请给出一个问题，或者同时给出 --batch 文件与 --out 文件。",
    ),
    "cli.batch.bad_line": (
        "{path}, line {line}: {problem}. Each line is a JSON object with id and question.",
        "{path} 第 {line} 行：{problem}。每行应是含 id 与 question 的 JSON 对象。",
    ),
    "cli.batch.resumed": (
        "{done} of {total} are in {path} already; going on with the rest.",
        "{path} 中已有 {done}/{total} 条，继续处理其余问题。",
    ),
    "cli.batch.done": ("{total} questions answered in {path}.", "{total} 个问题的结果已写入 {path}。"),
    "cli.batch.failed": (
        "{failed} of {total} questions failed; run the same command again to ask only those.",
        "{total} 个问题中有 {failed} 个失败；再次运行同一命令只会重试这些问题。",
    ),
    "cli.documents.none": (
        "The library in {folder} is empty. `wenju ingest FILE` takes a document in.",
        "{folder} 中的文档库是空的。用 `wenju ingest 文件` 收入文档。",
    ),
    "cli.column.id": ("No.", "编号"),
    "cli.column.document": ("Document", "文档"),
    "cli.column.collection": ("Collection", "集合"),
    "cli.column.status": ("Status", "状态"),
    "cli.column.pages": ("Pages", "页数"),
    "cli.column.chunks": ("Chunks", "片段"),
    "cli.column.note": ("Note", "说明"),
    "cli.column.part": ("Part", "组件"),
    "cli.column.state": ("State", "状态"),
    "cli.column.key": ("Key", "键"),
    "cli.column.value": ("Value", "当前值"),
    "cli.column.default": ("Default", "默认值"),
    "cli.column.meaning": ("Meaning", "含义"),
    "cli.deleted": ("Deleted: {name}", "已删除：{name}"),
    "cli.state.ok": ("ok", "正常"),
    "cli.state.limited": ("limited", "受限"),
    "cli.state.off": ("off", "未启用"),
    "cli.state.broken": ("broken", "故障"),
    "cli.reindex.done": (
        "{documents} documents indexed with {model} in {seconds} s.",
        "已用 {model} 为 {documents} 个文档建立索引，用时 {seconds} 秒。",
    ),
    "cli.exported": ("{chunks} chunks written to {folder}.", "已将 {chunks} 个片段写入 {folder}。"),
    "cli.imported": (
        "{documents} documents taken in from {folder}.",
        "已从 {folder} 导入 {documents} 个文档。",
    ),
    "cli.worker.started": (
        "Working on the library in {folder}. Ctrl-C stops.",
        "正在处理 {folder} 中的文档库。按 Ctrl-C 停止。",
    ),
    "cli.run.starting": ("Starting Wenju ...", "正在启动问据 ..."),
    "cli.run.ready": (
        "Wenju is ready: {url}   (Ctrl-C stops it)",
        "问据已就绪：{url}   （按 Ctrl-C 停止）",
    ),
    "cli.run.everywhere": (
        "It listens on every address of this machine and has no accounts: whoever reaches the port may read the library.",
        "它监听本机所有地址且没有账号：能访问该端口的人都可以读取文档库。",
    ),
    "cli.run.port_wenju": (
        "Wenju is already running at {url}. For a second one: wenju run --port {free} --data-dir OTHER",
        "问据已在 {url} 运行。要再启动一个：wenju run --port {free} --data-dir 其他文件夹",
    ),
    "cli.run.port_taken": (
        "Port {port} is used by another program. Start on a free one: wenju run --port {free}   (or: make run PORT={free})",
        "端口 {port} 被其他程序占用。请换一个空闲端口：wenju run --port {free}   （或：make run PORT={free}）",
    ),
    "cli.run.port_refused": (
        "Port {port} on {host} cannot be used ({reason}). Start on another: wenju run --port {free}",
        "无法使用 {host} 的端口 {port}（{reason}）。请换一个：wenju run --port {free}",
    ),
    "cli.run.died": (
        "The page ended while starting (exit code {code}); its last words are above. `wenju doctor` checks every part.",
        "页面在启动时退出（退出码 {code}），最后的输出见上。可用 `wenju doctor` 检查各组件。",
    ),
    "cli.run.slow": (
        "The page does not answer after {seconds} s; its log is above. Ctrl-C stops it.",
        "{seconds} 秒后页面仍无响应，日志见上。按 Ctrl-C 停止。",
    ),
}
