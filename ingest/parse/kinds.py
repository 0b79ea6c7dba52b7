"""What a file is, by its bytes; its name is never believed.

:func:`sniff` reads at most a few KiB and the directory of a zip or compound file. It returns a media type
that has a reader, or raises DocumentError naming what the file is and what mends it.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Final

from rag.errors import DocumentError

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT: Final = "text/plain"
MARKDOWN: Final = "text/markdown"

_AS_DOCX = (
    "Open it in Word and save it as .docx, or as PDF, then upload that.",
    "请在 Word 中另存为 .docx 或 PDF 后上传。",
)
_AS_PDF = ("Save or print it as PDF and upload that.", "请另存或打印为 PDF 后上传。")
_OCR = (
    "Make a searchable PDF of it (for example `ocrmypdf --image-dpi 300 in.png out.pdf`) and upload that.",
    "请先做文字识别生成可检索的 PDF（例如 `ocrmypdf --image-dpi 300 -l chi_sim+eng in.png out.pdf`）后上传。",
)
_UNPACK = (
    "Unpack it and upload the PDF, Word or text files inside.",
    "请解压后上传其中的 PDF、Word 或文本文件。",
)
_UPLOAD = (
    "Upload a PDF, a Word file (.docx), Markdown or plain text.",
    "请上传 PDF、Word（.docx）、Markdown 或纯文本文件。",
)

_Remedy = tuple[str, str]

# (first bytes, what it is in English, in Chinese, remedy)
_MAGIC: tuple[tuple[bytes, str, str, _Remedy], ...] = (
    (b"{\\rtf", "an RTF text", "RTF 文本", _AS_DOCX),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", "PNG 图片", _OCR),
    (b"\xff\xd8\xff", "a JPEG picture", "JPEG 图片", _OCR),
    (b"GIF8", "a GIF picture", "GIF 图片", _OCR),
    (b"II*\x00", "a TIFF picture", "TIFF 图片", _OCR),
    (b"MM\x00*", "a TIFF picture", "TIFF 图片", _OCR),
    (b"BM", "a BMP picture", "BMP 图片", _OCR),
    (b"\x1f\x8b", "a gzip archive", "gzip 压缩包", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", "RAR 压缩包", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7-Zip 压缩包", _UNPACK),
    (b"BZh", "a bzip2 archive", "bzip2 压缩包", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", "xz 压缩包", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Zstandard 压缩包", _UNPACK),
    (b"%!PS", "a PostScript file", "PostScript 文件", _AS_PDF),
    (b"MZ", "a Windows program", "Windows 程序", _UPLOAD),
    (b"\x7fELF", "a Linux program", "Linux 程序", _UPLOAD),
    (b"SQLite format 3\x00", "an SQLite database", "SQLite 数据库", _UPLOAD),
    (b"PAR1", "a Parquet data file", "Parquet 数据文件", _UPLOAD),
    (b"OggS", "an audio or video file", "音频或视频文件", _UPLOAD),
    (b"ID3", "an audio file", "音频文件", _UPLOAD),
    (b"fLaC", "an audio file", "音频文件", _UPLOAD),
    (b"\x1aE\xdf\xa3", "a video file", "视频文件", _UPLOAD),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile", "Windows 图元文件", _AS_PDF),
)
_BLANK = b" \t\r\n\x0b\x0c\x00\xef\xbb\xbf"
_HTML = re.compile(rb"<(!doctype\s+html|html[\s>]|head[\s>]|body[\s>])", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKDOWN_NAME = re.compile(r"\.(md|markdown|mdown)$", re.IGNORECASE)


def sniff(path: Path, name: str) -> str:
    """The media type: :data:`PDF`, :data:`DOCX`, :data:`MARKDOWN` or :data:`TEXT`.

    Raises DocumentError: empty (0 bytes, or blanks only), password (encrypted Office file), unsupported,
    corrupt (a zip without a readable directory). Plain text that calls itself Markdown by name is Markdown:
    the only thing a name decides.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
        if not head:
            raise DocumentError("empty", "document.empty_file", name=name)
        # Adobe's readers accept the header anywhere in the first 1 KiB; a zip holding a PDF is still a zip.
        if b"%PDF-" in head[:1029] and not head.startswith((b"PK\x03\x04", _OLE)):
            return PDF
        if head.startswith(_OLE):
            raise _compound(head + stream.read(2_000_000), name)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(path, name)
    for magic, english, chinese, remedy in _MAGIC:
        if head.startswith(magic) and not (magic == b"BM" and _is_text(head)):
            raise unsupported(name, english, chinese, remedy)
    if head[:4] == b"RIFF":
        webp = head[8:12] == b"WEBP"
        raise unsupported(
            name,
            "a WebP picture" if webp else "an audio or video file",
            "WebP 图片" if webp else "音频或视频文件",
            _OCR if webp else _UPLOAD,
        )
    if head[4:8] == b"ftyp":
        raise unsupported(name, "a video or picture file", "视频或图片文件", _UPLOAD)
    if head[257:262] == b"ustar":
        raise unsupported(name, "a tar archive", "tar 压缩包", _UNPACK)
    if _HTML.search(head[:1024]) and head.lstrip(_BLANK).startswith(b"<"):
        raise unsupported(name, "a web page (HTML)", "网页（HTML）", _AS_PDF)
    if not _is_text(head):
        raise unsupported(name, "a binary file of unknown type", "未知类型的二进制文件", _UPLOAD)
    return MARKDOWN if _MARKDOWN_NAME.search(name) else TEXT


def unsupported(name: str, english: str, chinese: str, remedy: _Remedy) -> DocumentError:
    return DocumentError(
        "unsupported",
        "document.unsupported",
        name=name,
        kind=english,
        kind_zh=chinese,
        remedy=remedy[0],
        remedy_zh=remedy[1],
    )


def _is_text(head: bytes) -> bool:
    """UTF-16 (by its mark, or by zeros in every other byte), or next to no control bytes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if (even > 0.3 * half and odd < 0.02 * half) or (odd > 0.3 * half and even < 0.02 * half):
        return True
    strange = sum(head.count(bytes((b,))) for b in range(32) if b not in b"\t\n\r\x0b\x0c\x1b\x1a")
    return strange <= 0.005 * len(head) + (1 if len(head) > 64 else 0)


def _compound(data: bytes, name: str) -> DocumentError:
    """OLE compound files: names of streams stand in their directory as UTF-16."""

    def holds(stream: str) -> bool:
        return stream.encode("utf-16-le") in data

    if holds("EncryptedPackage") or holds("EncryptionInfo"):
        return DocumentError("password", "document.password_office", name=name)
    if holds("WordDocument"):
        return unsupported(name, "an old Word file (.doc)", "旧版 Word 文件（.doc）", _AS_DOCX)
    if holds("Workbook") or holds("Book"):
        return unsupported(name, "an old Excel file (.xls)", "旧版 Excel 文件（.xls）", _AS_PDF)
    if holds("PowerPoint Document"):
        return unsupported(name, "an old PowerPoint file (.ppt)", "旧版 PowerPoint 文件（.ppt）", _AS_PDF)
    if holds("__properties_version1.0"):
        return unsupported(name, "an Outlook message (.msg)", "Outlook 邮件（.msg）", _AS_PDF)
    return unsupported(name, "an old Office file", "旧版 Office 文件", _AS_DOCX)


def _zip(path: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            types = b""
            if "[Content_Types].xml" in names:
                with archive.open("[Content_Types].xml") as part:
                    types = part.read(1_000_000)
            mimetype = b""
            if "mimetype" in names:
                with archive.open("mimetype") as part:
                    mimetype = part.read(200)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind="Word (.docx)", reason=_reason(error)
        ) from error
    except Exception as error:  # zlib.error has no common base with the above
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind="Word (.docx)", reason=_reason(error)
        ) from error
    lower = {n.lower().replace("\\", "/") for n in names}
    if b"wordprocessingml" in types or "word/document.xml" in lower:
        return DOCX
    if b"spreadsheetml" in types or "xl/workbook.xml" in lower or "xl/workbook.bin" in lower:
        raise unsupported(name, "an Excel workbook (.xlsx)", "Excel 工作簿（.xlsx）", _AS_PDF)
    if b"presentationml" in types or "ppt/presentation.xml" in lower:
        raise unsupported(name, "a PowerPoint file (.pptx)", "PowerPoint 文件（.pptx）", _AS_PDF)
    if mimetype.startswith(b"application/vnd.oasis.opendocument"):
        raise unsupported(
            name, "an OpenDocument file (.odt, .ods, .odp)", "OpenDocument 文件（.odt 等）", _AS_DOCX
        )
    if mimetype.startswith(b"application/epub"):
        raise unsupported(name, "an EPUB book", "EPUB 电子书", _AS_PDF)
    raise unsupported(name, "a zip archive", "zip 压缩包", _UNPACK)


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
