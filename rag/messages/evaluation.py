"""Messages of evaluation: its faults, its command line."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "eval.unreadable": (
        "{path} cannot be read: {problem}. Expected a folder with questions.jsonl, or that file.",
        "无法读取 {path}：{problem}。应为含有 questions.jsonl 的文件夹或该文件本身。",
    ),
    "eval.no_questions": (
        "{path} holds no questions.jsonl and no queries.jsonl: name the folder of a pack, or a file of questions.",
        "{path} 中没有 questions.jsonl 或 queries.jsonl：请指定评测包的文件夹，或问题文件。",
    ),
    "eval.no_file": ("There is no {path}. Check the spelling.", "找不到 {path}，请检查写法。"),
    "eval.too_large": (
        "{path} is larger than {limit} MiB. Split it.",
        "{path} 超过 {limit} MiB，请拆分。",
    ),
    "eval.file_kind": (
        "{path} is no file of questions: .jsonl, .json (SQuAD), .csv, .tsv and .xlsx are.",
        "{path} 不是问题文件：支持 .jsonl、.json（SQuAD）、.csv、.tsv 和 .xlsx。",
    ),
    "eval.not_text": (
        "{path} is not text in UTF-8 or GB18030. Save it as CSV UTF-8, or as .xlsx.",
        "{path} 不是 UTF-8 或 GB18030 编码的文本。请另存为 UTF-8 的 CSV 或 .xlsx。",
    ),
    "eval.too_many_rows": (
        "{path} has more than {limit} rows. Split it.",
        "{path} 超过 {limit} 行，请拆分。",
    ),
    "eval.no_question_column": (
        "No sheet of {path} has a column question (问题) in its first row.",
        "{path} 的各工作表首行都没有“问题”（question）列。",
    ),
    "eval.no_question": ("There is no question in {path}.", "{path} 中没有问题。"),
    "eval.not_squad": (
        "{path} is not in the form of SQuAD: it has no list “data”.",
        "{path} 不是 SQuAD 格式：缺少“data”列表。",
    ),
    "eval.row.missing": ("missing", "缺失"),
    "eval.row.empty": ("empty", "为空"),
    "eval.row.long": ("more than {limit} characters", "超过 {limit} 个字符"),
    "eval.row.text": ("expected text", "应为文本"),
    "eval.row.number": ("expected a whole number", "应为整数"),
    "eval.row.list": ("expected a list", "应为列表"),
    "eval.row.yes_no": ("expected yes or no (是/否, true/false)", "应为“是”或“否”（yes/no、true/false）"),
    "eval.row.object": ("not a JSON object", "不是 JSON 对象"),
    "eval.row.other": ("does not fit: {detail}", "内容不符合要求：{detail}"),
    "eval.row.not_json": ("not JSON ({detail})", "不是有效的 JSON（{detail}）"),
    "eval.row.twice": ("the id “{id}” is also in line {line}", "编号“{id}”与第 {line} 行重复"),
    "eval.row.no_qrel": ("the query “{id}” has no relevant document", "查询“{id}”没有对应的相关文档"),
    "eval.row.no_tab": ("no tab between id and question", "编号与问题之间缺少制表符"),
    "eval.row.column": ("unknown column, not read", "无法识别的列，未读取"),
    "eval.row.pages": (
        "expected page numbers such as 12 or 12, 14-15, found “{found}”",
        "应为页码，如 12 或 12, 14-15，实际为“{found}”",
    ),
    "eval.row.one_document": ("pages need exactly one document", "填写页码时必须且只能填写一个文档"),
    "eval.bad_line": (
        "{path}, line {line}: {problem}. Expected a JSON object with at least id and question.",
        "{path} 第 {line} 行：{problem}。应为至少包含 id 和 question 的 JSON 对象。",
    ),
    "eval.no_corpus": (
        "{path} is not there: the pack brings no documents. Ingest them with: wenju ingest FILES",
        "{path} 不存在：该数据包不含文档。请用 wenju ingest 导入文件。",
    ),
    "eval.no_chat_model": (
        "No chat model was reachable: closed-book answers are empty.",
        "没有可用的对话模型：闭卷回答为空。",
    ),
    "eval.bad_system": (
        "System {system}: {problem}. Write NAME:key=value,...; docs/evaluation.md lists the keys.",
        "系统 {system}：{problem}。写法为 名称:键=值,...；可用的键见 docs/evaluation.md。",
    ),
    "eval.nothing_to_ask": (
        "No question of {path} has evidence pages in files of this library (not there: {missing}). "
        "Ingest the pack's corpus first.",
        "{path} 中没有证据页位于本文档库的问题（缺少：{missing}）。请先导入该数据集的 corpus。",
    ),
    "eval.bad_condition": (
        "Condition {condition}: {problem}. Write MEASURE or MEASURE:0.02.",
        "条件 {condition}：{problem}。写法为 指标 或 指标:0.02。",
    ),
    "eval.no_ragas": (
        "{python} cannot import ragas ({missing}). Into an environment of its own: pip install "
        "'wenju[eval-ragas]', then: wenju eval ragas RUN --python THAT/bin/python. Or only export the data: "
        "wenju eval report RUN --format ragas",
        "{python} 无法导入 ragas（{missing}）。请在单独的环境中执行 pip install 'wenju[eval-ragas]'，"
        "再运行 wenju eval ragas RUN --python 该环境/bin/python；或仅导出数据：wenju eval report RUN --format ragas",
    ),
    "eval.ragas_failed": (
        "RAGAS did not finish ({python}): {problem}. The run is as it was.",
        "RAGAS 未能完成（{python}）：{problem}。该次评测保持不变。",
    ),
    "cli.opt.prepare_first": (
        "take the pack's documents into the library first",
        "先将数据包中的文档收入文档库",
    ),
    "cli.help.eval.ragas": (
        "RAGAS scores of a run's answers by a judge model, kept beside its other measures.",
        "由评判模型给出一次评测中各回答的 RAGAS 分数，与其他指标一并保存。",
    ),
    "cli.opt.ragas_python": (
        "Python interpreter that has ragas; empty: this one",
        "装有 ragas 的 Python 解释器；留空为当前解释器",
    ),
    "cli.opt.ragas_embeddings": (
        "embedding model of the judge's server, for answer relevancy; empty: that is left out",
        "评判服务器上的嵌入模型，用于回答相关性；留空则不计该项",
    ),
    "cli.eval.ragas_none": (
        "No answer to score in this run: refusals and searches claim nothing.",
        "该次评测没有可评分的回答：拒答与仅检索的结果不含论断。",
    ),
    "cli.eval.ragas": (
        "ragas {version}: {n} answers scored by {model}; {missing} scores were not given.",
        "ragas {version}：{model} 为 {n} 个回答评分；有 {missing} 项未给出。",
    ),
    "cli.eval.asked": (
        "{asked} questions asked; {skipped} have no evidence pages or are about files that the library lacks.",
        "已评测 {asked} 个问题；另有 {skipped} 个没有证据页码，或所属文件不在文档库中。",
    ),
    "cli.eval.prepared": (
        "{ready} of {total} documents of the pack are ready.",
        "数据包的 {total} 个文档中有 {ready} 个已就绪。",
    ),
    "cli.eval.no_dataset": (
        "{name} is neither a file or folder nor a dataset. Datasets: {known}",
        "{name} 既不是文件或文件夹，也不是数据集。现有数据集：{known}",
    ),
    "cli.eval.counts": ("{accepted} questions, {drafts} drafts", "{accepted} 个问题，{drafts} 个草稿"),
    "cli.eval.imported": (
        "Dataset {name}: {kept} questions kept ({new} new), {bad} lines not read.",
        "数据集 {name}：保留 {kept} 个问题（新增 {new} 个），{bad} 行未能读取。",
    ),
    "cli.eval.written": ("Written: {path}", "已写入：{path}"),
    "cli.eval.bad_row": ("line {line}: {problem}", "第 {line} 行：{problem}"),
    "cli.eval.bad_cell": ("line {line}, column {column}: {problem}", "第 {line} 行“{column}”列：{problem}"),
    "cli.eval.more_bad": ("... and {more} more", "……另有 {more} 处"),
    "cli.eval.no_key": (
        "The variable {variable}, named by key_env, is not set.",
        "未设置 key_env 所指的环境变量 {variable}。",
    ),
    "cli.eval.no_measure": (
        "There is no measure {name}. The measures are: {known}",
        "没有名为 {name} 的指标。可用指标：{known}",
    ),
    "cli.eval.stopping": (
        "Stopping: the questions at work end first. Again to stop at once.",
        "正在停止：先完成进行中的问题。再按一次立即停止。",
    ),
    "cli.eval.stopped": (
        "Stopped after {asked} of {total}. The same command goes on from here.",
        "已停止，完成 {asked}/{total}。再次运行同一命令即可继续。",
    ),
    "cli.eval.run": (
        "Run {id}: {asked} of {total} asked. Mean (95 % interval). More: wenju eval report {id} --format html --out report.html",
        "运行 {id}：已问 {asked}/{total}。均值（95 % 区间）。详细报告：wenju eval report {id} --format html --out report.html",
    ),
    "cli.eval.reused": (
        "{reused} answers were taken from earlier runs of the same systems (--fresh asks anew).",
        "{reused} 个回答取自相同系统的先前运行（--fresh 可重新提问）。",
    ),
    "cli.eval.skipped": (
        "{n} questions were not asked: files that they need are not in the library ({missing}). "
        "For a pack: wenju eval prepare PACK",
        "{n} 个问题未提问：文档库中缺少所需文件（{missing}）。数据包请先执行：wenju eval prepare 数据包",
    ),
    "cli.eval.no_run": (
        "There is no run {name} of yours. Newest: {known}",
        "没有属于您的运行 {name}。最近的运行：{known}",
    ),
    "cli.eval.no_system": (
        "Run {run} has no system {name}. It has: {known}",
        "运行 {run} 中没有系统 {name}。其中有：{known}",
    ),
    "cli.eval.unfinished": (
        "Run {id} is unfinished: {asked} of {total} asked.",
        "运行 {id} 尚未完成：已问 {asked}/{total}。",
    ),
    "cli.eval.no_pairs": (
        "The two have no question in common.",
        "两者没有相同的问题。",
    ),
    "cli.eval.no_conditions": (
        "A gate needs at least one --guard or --target.",
        "准入门槛至少需要一个 --guard 或 --target。",
    ),
    "cli.eval.gate_open": ("The gate is open.", "通过准入门槛。"),
    "cli.eval.gate_closed": ("The gate stays closed.", "未通过准入门槛。"),
    "cli.help.eval.prepare": (
        "Take a pack's corpus into the library, so that its questions can be asked.",
        "把数据包的语料收入文档库，以便提问。",
    ),
    "cli.help.eval.run": (
        "Ask every question of every system and measure the answers. A stopped run goes on with the same command.",
        "向每个系统提出全部问题并测量回答。停止后用同一命令继续。",
    ),
    "cli.help.eval.list": ("List the runs, newest first.", "列出运行记录，最新的在前。"),
    "cli.help.eval.report": (
        "A run's whole report: Markdown, HTML with plots, JSON, or a RAGAS dataset.",
        "一次运行的完整报告：Markdown、带图的 HTML、JSON 或 RAGAS 数据集。",
    ),
    "cli.help.eval.compare": (
        "Paired differences of two runs (RUN or RUN:SYSTEM) over the questions that both have.",
        "比较两次运行（RUN 或 RUN:系统）在共同问题上的成对差异。",
    ),
    "cli.help.eval.measure": (
        "Measure a run's kept answers anew, after measures changed. Nothing is asked.",
        "在指标变化后，对已保存的回答重新计算指标；不再提问。",
    ),
    "cli.eval.no_difference": (
        "No system is shown to be better or worse than the first; all differences are in the report.",
        "没有系统被证明优于或劣于第一个系统；全部差异见报告。",
    ),
    "cli.help.eval.gate": (
        "May the candidate go live? Exit code 0: every guard and target holds; 5: not.",
        "候选系统能否上线？退出码 0：全部条件满足；5：不满足。",
    ),
    "cli.help.eval.datasets": ("List the datasets of golden questions.", "列出标准问题数据集。"),
    "cli.help.eval.import": (
        "Keep golden questions of a file: JSON lines, SQuAD, CSV, Excel, a pack or BEIR folder.",
        "导入标准问题：JSON Lines、SQuAD、CSV、Excel、数据包或 BEIR 文件夹。",
    ),
    "cli.help.eval.export": (
        "Write the questions of a dataset as JSON lines.",
        "把数据集的问题写成 JSON Lines。",
    ),
    "cli.help.eval.template": (
        "Write an Excel file to fill in with your own golden questions.",
        "写出一个可填写标准问题的 Excel 模板。",
    ),
    "cli.arg.run": (
        "number of a run, or last; RUN:SYSTEM for one of its systems",
        "运行编号，或 last；RUN:系统 指其中一个系统",
    ),
    "cli.arg.run_baseline": ("what it is compared with", "与之比较的运行"),
    "cli.arg.dataset": (
        "folder of a pack, questions file, or name of a dataset",
        "数据包文件夹、问题文件或数据集名称",
    ),
    "cli.arg.pack_folder": (
        "folder with questions.jsonl and corpus/",
        "含 questions.jsonl 与 corpus/ 的文件夹",
    ),
    "cli.arg.questions_file": ("the questions", "问题文件"),
    "cli.arg.template": ("the file to write", "要写出的文件"),
    "cli.opt.system": (
        "a system to ask, several times for several; the first is the baseline (docs/evaluation.md)",
        "要提问的系统，可重复；第一个为基线（见 docs/evaluation.md）",
    ),
    "cli.opt.systems": ("systems in a YAML file", "YAML 文件中的系统"),
    "cli.opt.measure": ("only this measure; repeatable", "只用该指标；可重复"),
    "cli.opt.only_one_collection": ("only documents of this collection", "只用该文档集中的文档"),
    "cli.opt.drawn": (
        "ask only so many, drawn by lot, always the same",
        "只问这么多个问题：随机抽取，但每次相同",
    ),
    "cli.opt.run_name": ("a name for the run", "本次运行的名称"),
    "cli.opt.report_dir": (
        "write the reports (md, html, json) there",
        "把报告（md、html、json）写到该文件夹",
    ),
    "cli.opt.eval_out": ("write there instead of to the terminal", "写入该文件而非终端"),
    "cli.opt.fresh": (
        "ask anew, even what the same system answered before",
        "全部重新提问，不沿用相同系统先前的回答",
    ),
    "cli.opt.judge": (
        "OpenAI-compatible server of a judge model (key: WENJU_JUDGE_API_KEY)",
        "评判模型的 OpenAI 兼容服务地址（密钥：WENJU_JUDGE_API_KEY）",
    ),
    "cli.opt.judge_model": ("name of the judge model; empty: the first listed", "评判模型名称；留空取第一个"),
    "cli.opt.format": ("md, html, json or ragas", "md、html、json 或 ragas"),
    "cli.opt.against": ("the run it must not be worse than", "作为基准的运行"),
    "cli.opt.guard": (
        "must not get worse by more than the margin (0.02)",
        "不得变差超过该余量（默认 0.02）",
    ),
    "cli.opt.target": ("must get better, by at least the gain", "必须变好，且至少达到该增益"),
    "cli.opt.dataset_name": ("name of the dataset; empty: the file's", "数据集名称；留空用文件名"),
}
