"""Messages of: documents. What a person reads when a file cannot be taken in, and what mends it."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    # -- states of a document
    "document.password": (
        "{name} is protected by a password. Enter the password (Library › Retry, or --password) to read it.",
        "{name} 有密码保护。请输入密码后重试（文档库中的“重试”，或命令行 --password）。",
    ),
    "document.wrong_password": (
        "The password given for {name} does not open it. Check capitals and spaces, then try again.",
        "给 {name} 的密码不正确，无法打开。请检查大小写和空格后重试。",
    ),
    "document.password_office": (
        "{name} is an encrypted Office file. Passwords of Office files cannot be used here: open it in Word, remove the "
        "password (File › Info › Protect Document), save it and upload it again.",
        "{name} 是加密的 Office 文件，这里不能使用 Office 密码。请在 Word 中打开，取消密码（文件 › 信息 › 保护文档），保存后重新上传。",
    ),
    "document.scanned": (
        "{name} holds pictures of pages without text (scanned: {scanned} of {pages} pages), so there is nothing to search. "
        "Run text recognition first, for example `ocrmypdf in.pdf out.pdf` (Chinese: `-l chi_sim+eng`), and upload the result.",
        "{name} 是扫描件（{pages} 页中 {scanned} 页只有图片、没有文字），无法检索。请先做文字识别，例如 "
        "`ocrmypdf -l chi_sim+eng in.pdf out.pdf`，再上传结果。",
    ),
    "document.garbled": (
        "The text of {name} comes out as nonsense (its fonts do not say which characters they show). Print it to a new PDF "
        "from the program that made it, or run `ocrmypdf --force-ocr in.pdf out.pdf`, and upload the result.",
        "{name} 的文字提取出来是乱码（字体没有给出字符对应关系）。请用原程序重新导出 PDF，或运行 "
        "`ocrmypdf --force-ocr -l chi_sim+eng in.pdf out.pdf` 后再上传。",
    ),
    "document.empty": (
        "{name} is empty: no text was found in it. Check that the right file was saved and upload it again.",
        "{name} 是空文件：其中没有任何文字。请确认保存的是正确的文件，然后重新上传。",
    ),
    "document.empty_file": (
        "{name} has 0 bytes. The copy or download probably broke off: upload it again.",
        "{name} 的大小是 0 字节，可能是复制或下载中断了，请重新上传。",
    ),
    "about.invalid": (
        "{field} cannot be {found}; expected: {expected}.",
        "{field} 的值 {found} 无效；应为：{expected}。",
    ),
    "about.not_ready": (
        "What {name} is about can be edited once it is ready.",
        "{name} 处理完成后才能编辑其公司、类型和期间。",
    ),
    "document.corrupt": (
        "{name} is damaged and cannot be read as {kind} ({reason}). Open it in its own program, save it anew (or download "
        "it again) and upload that.",
        "{name} 已损坏，无法按 {kind} 读取（{reason}）。请用原程序打开后另存（或重新下载），再上传。",
    ),
    "document.unsupported": (
        "{name} is {kind}, which cannot be read here. {remedy}",
        "{name} 是{kind_zh}，这里无法读取。{remedy_zh}",
    ),
    "document.xfa": (
        "{name} is a dynamic form (XFA): its page holds only a notice, the content is shown by Adobe Reader alone. Open it "
        "there, print it to a new PDF, and upload that.",
        "{name} 是动态表单（XFA）：页面上只有一句提示，内容只有 Adobe Reader 能显示。请在其中打开并“打印”为新的 PDF，再上传。",
    ),
    "document.too_large": (
        "{name} has {size_mb} MiB; at most {max_mb} MiB are taken in. Split it, or raise ingest.max_file_mb.",
        "{name} 有 {size_mb} MiB，超过上限 {max_mb} MiB。请拆分文件，或调大 ingest.max_file_mb。",
    ),
    "document.too_many_pages": (
        "{name} has {pages} pages; at most {max_pages} are taken in. Split it, or raise ingest.max_pages.",
        "{name} 有 {pages} 页，超过上限 {max_pages} 页。请拆分文件，或调大 ingest.max_pages。",
    ),
    "document.too_much_text": (
        "{name} holds more than {max_chars} characters of text. Split it, or raise ingest.max_chars.",
        "{name} 的文字超过 {max_chars} 个字符。请拆分文件，或调大 ingest.max_chars。",
    ),
    "document.bomb": (
        "{name} unpacks to far more than a document needs ({what}: {found}, at most {limit}). It was not opened. If it is "
        "genuine, open it in Word, save it as a new .docx and upload that.",
        "{name} 解压后的规模远超正常文档（{what}：{found}，上限 {limit}），因此没有打开。如果文件无误，请在 Word 中另存为新的 .docx 后上传。",
    ),
    "document.timeout": (
        "Reading {name} took longer than {seconds} s in one step and was stopped. Save it anew from its own program, split "
        "it, or raise ingest.parse_timeout_s.",
        "读取 {name} 时单步超过 {seconds} 秒，已停止。请用原程序另存、拆分文件，或调大 ingest.parse_timeout_s。",
    ),
    "document.memory": (
        "Reading {name} needed more than {memory_mb} MiB of memory and was stopped. Split it, or raise "
        "ingest.parse_memory_mb.",
        "读取 {name} 所需内存超过 {memory_mb} MiB，已停止。请拆分文件，或调大 ingest.parse_memory_mb。",
    ),
    "document.crashed": (
        "The reader broke down on {name} ({reason}); nothing else was touched. Save it anew from its own program, or print it "
        "to a new PDF, and upload that.",
        "读取 {name} 时解析程序崩溃（{reason}），其他内容不受影响。请用原程序另存，或打印成新的 PDF 后上传。",
    ),
    "document.missing": (
        "The stored file of {name} cannot be read ({reason}). Upload it again.",
        "无法读取 {name} 的存档文件（{reason}）。请重新上传。",
    ),
    # -- warnings of a document that is ready all the same
    "warn.hidden_text": (
        "Some text is invisible on the page (white or smaller than 4 pt). It is searchable and marked here because it may "
        "be meant to mislead.",
        "部分文字在页面上不可见（白色或小于 4 磅）。这些文字可以检索，但可能意在误导，特此提示。",
    ),
    "warn.scanned_pages": (
        "Some pages are pictures without text and cannot be searched: {pages}. Run `ocrmypdf --skip-text in.pdf out.pdf` and "
        "upload the result to include them.",
        "部分页面是没有文字的图片，无法检索：{pages}。如需包含，请运行 `ocrmypdf --skip-text -l chi_sim+eng in.pdf out.pdf` 后上传结果。",
    ),
    "warn.garbled_pages": (
        "The text of some pages is nonsense (broken font encoding) and was left out: {pages}.",
        "部分页面的文字是乱码（字体编码损坏），未收录：{pages}。",
    ),
    "warn.unread_pages": (
        "Some pages are damaged and could not be read: {pages}.",
        "部分页面已损坏，无法读取：{pages}。",
    ),
    "warn.repaired": (
        "The file is damaged; it was repaired while reading, and parts may be missing.",
        "文件有损坏，读取时做了修复，可能缺少部分内容。",
    ),
    "warn.estimated_pages": (
        "Word did not record page breaks: page numbers are estimates.",
        "Word 文件没有记录分页，页码为估计值。",
    ),
    "picture.no_page": ("There is no picture of page {page}.", "没有第 {page} 页的图片。"),
    # -- the child processes that read files
    "sandbox.timeout": (
        "A reader process did not answer for {seconds} s and was stopped.",
        "读取进程超过 {seconds} 秒没有响应，已停止。",
    ),
    "sandbox.memory": (
        "A reader process needed more than {memory_mb} MiB and was stopped.",
        "读取进程所需内存超过 {memory_mb} MiB，已停止。",
    ),
    "sandbox.crashed": ("A reader process broke down ({reason}).", "读取进程崩溃（{reason}）。"),
    "sandbox.failed": (
        "A reader process could not do its work ({reason}).",
        "读取进程未能完成工作（{reason}）。",
    ),
    "sandbox.start": (
        "A reader process could not be started ({reason}). Run `wenju doctor`.",
        "读取进程无法启动（{reason}）。请运行 `wenju doctor`。",
    ),
}
