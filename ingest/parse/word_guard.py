"""What a .docx must pass before anything opens it: archives that unpack to far more than a document needs.

Headers of a zip lie, so sizes are counted while streaming; a bomb is left at the limit, never unpacked
whole. XML elements are counted by their opening brackets in the stream: forty-two million empty paragraphs
fit into 400 KB.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rag.errors import DocumentError

if TYPE_CHECKING:
    from rag.settings import IngestSettings

_BLOCK: Final = 1 << 18
_MAX_RATIO: Final = 250  # streamed bytes to compressed bytes, of parts larger than _RATIO_FROM
_RATIO_FROM: Final = 20 << 20
_MAX_XML_MB: Final = 160  # one XML part; python-docx holds its whole tree, some ten times that


def check_archive(path: Path, name: str, limits: IngestSettings) -> None:
    """Returns when the archive is harmless and its XML parts are whole. Raises DocumentError:
    failed/document.bomb, corrupt (broken parts), password (an encrypted entry). Names of entries are never
    used as paths."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > limits.max_zip_entries:
                raise _bomb(name, "files inside / 文件数", len(entries), limits.max_zip_entries)
            total = 0
            most = limits.max_unzipped_mb << 20
            for entry in entries:
                if entry.flag_bits & 1:
                    raise DocumentError("password", "document.password_office", name=name)
                total += _stream(archive, entry, name, limits, most - total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind="Word (.docx)", reason=f"{error}"[:120] or "zip"
        ) from error


def _stream(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, limits: IngestSettings, room: int
) -> int:
    xml = entry.filename.lower().endswith((".xml", ".rels"))
    size = elements = 0
    broken: Exception | None = None
    try:
        with archive.open(entry) as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > room:
                    raise _bomb(
                        name,
                        "MiB unpacked / 解压大小 MiB",
                        f">{limits.max_unzipped_mb}",
                        limits.max_unzipped_mb,
                    )
                if size > _RATIO_FROM and size > _MAX_RATIO * max(1, entry.compress_size):
                    ratio = size // max(1, entry.compress_size)
                    raise _bomb(name, "compression ratio / 压缩比", ratio, _MAX_RATIO)
                if not xml:
                    continue
                elements += block.count(b"<") - block.count(b"</")
                if elements > limits.max_xml_elements:
                    raise _bomb(
                        name,
                        "XML elements / XML 元素数",
                        f">{limits.max_xml_elements}",
                        limits.max_xml_elements,
                    )
                if size > _MAX_XML_MB << 20:
                    raise _bomb(name, "MiB of XML / XML 大小 MiB", f">{_MAX_XML_MB}", _MAX_XML_MB)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        broken = error
    if broken is not None and xml:  # a broken picture inside does no harm
        raise broken
    return size


def _bomb(name: str, what: str, found: object, limit: object) -> DocumentError:
    return DocumentError("failed", "document.bomb", name=name, what=what, found=found, limit=limit)
