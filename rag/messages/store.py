"""Messages of the store: database, originals, access."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "store.not_found": (
        "This is not there, or it is not yours to see.",
        "该内容不存在，或您无权查看。",
    ),
    "store.locked": (
        "The database {database} has been busy with other writers for {seconds} s. Nothing was lost: try again; if it "
        "stays so, another process holds it: stop the one that hangs.",
        "数据库 {database} 被其他写入占用已超过 {seconds} 秒。没有丢失任何内容：请重试；若一直如此，请停止卡住的进程。",
    ),
    "store.disk_full": (
        "There is no space left at {path}. Nothing was lost and reading goes on: free space there, then try again.",
        "{path} 所在磁盘空间不足。没有丢失任何内容，仍可查阅：请释放空间后重试。",
    ),
    "store.readonly": (
        "{path} can be read but not written. Give the user that runs Wenju write permission on it and on its folder.",
        "{path} 只能读取，无法写入。请为运行问据的用户授予该文件及其文件夹的写权限。",
    ),
    "store.unwritable": (
        "{path} cannot be used ({detail}). Make the folder writable for the user that runs Wenju, or choose another "
        "one with --data-dir or WENJU_DATA_DIR.",
        "无法使用 {path}（{detail}）。请让运行问据的用户可以写入该文件夹，或用 --data-dir 或 WENJU_DATA_DIR 换一个。",
    ),
    "store.damaged": (
        "The database file {path} is damaged ({detail}). Stop Wenju, move its whole folder away, and put the newest "
        "backup into an empty one: wenju restore BACKUP --data-dir DIR. Copies made before an upgrade are in {backups}. "
        "The originals are not affected: without a backup, start with an empty folder and add them again.",
        "数据库文件 {path} 已损坏（{detail}）。请停止问据，移走整个数据文件夹，"
        "再把最新备份恢复到空文件夹：wenju restore 备份 --data-dir 文件夹。升级前的副本在 {backups}。"
        "原始文件不受影响：若没有备份，可用空文件夹启动并重新添加。",
    ),
    "store.unreachable": (
        "The database {database} cannot be reached ({detail}). Check that the server runs and that database_url "
        "(WENJU_DATABASE_URL) is right.",
        "无法连接数据库 {database}（{detail}）。请确认服务器正在运行，且 database_url（WENJU_DATABASE_URL）正确。",
    ),
    "store.failed": (
        "The database {database} refused a step ({detail}). Nothing was changed. Run `wenju doctor` and look at the log.",
        "数据库 {database} 拒绝了一步操作（{detail}）。没有任何改动。请运行 `wenju doctor` 并查看日志。",
    ),
    "store.bad_url": (
        "database_url is not one that can be used (found {found}). Leave it empty for SQLite in the data folder, or "
        "give postgresql://user:password@host/database.",
        "database_url 无法使用（当前为 {found}）。留空则在数据文件夹中使用 SQLite，"
        "或写成 postgresql://用户:密码@主机/数据库。",
    ),
    "store.bad_originals_url": (
        "originals_url {url} cannot be used ({detail}). Leave it empty for a folder in the data folder, or install "
        "what the URL needs: pip install 'wenju[scale]' for S3.",
        "originals_url {url} 无法使用（{detail}）。留空则使用数据文件夹中的目录，"
        "或安装该地址需要的组件：S3 用 pip install 'wenju[scale]'。",
    ),
    "store.no_driver": (
        "PostgreSQL needs the package {missing}, which is not installed. Run: pip install 'wenju[scale]'",
        "使用 PostgreSQL 需要 {missing} 包，但尚未安装。请运行：pip install 'wenju[scale]'",
    ),
    "store.schema_too_new": (
        "The data in {database} was written by a newer Wenju (schema {found}; this one knows up to {expected}). "
        "Install the newer Wenju again, or put back the copy made before that upgrade (folder backups).",
        "{database} 中的数据由更新版本的问据写入（架构 {found}；当前版本只支持到 {expected}）。"
        "请重新安装较新的问据，或恢复升级前的副本（backups 文件夹）。",
    ),
    "store.original_missing": (
        "The original file {sha256} is not in {path}. Put it back there, or delete the document and upload it again.",
        "原始文件 {sha256} 不在 {path} 中。请将其放回，或删除该文档后重新上传。",
    ),
    "store.index_mismatch": (
        "The library was indexed with another embedding model (found {found}, expected {expected}). Run `{remedy}` to "
        "index it again, or set the former model back.",
        "文档库是用另一个向量模型建立索引的（当前为 {found}，索引为 {expected}）。"
        "请运行 `{remedy}` 重新索引，或改回原来的模型。",
    ),
    "store.spec_incomplete": (
        "The new index is not complete: {missing} documents are not in it yet. The former one stays in use. "
        "Run `{remedy}` again.",
        "新索引尚未完成：还有 {missing} 份文档不在其中。原索引继续使用。请再次运行 `{remedy}`。",
    ),
    "store.bad_vectors": (
        "The embedding model gave vectors that cannot be stored (found {found}, expected {expected}). "
        "Check the model with `wenju doctor`.",
        "向量模型给出的向量无法保存（得到 {found}，应为 {expected}）。请用 `wenju doctor` 检查模型。",
    ),
    "document.died": (
        "Reading this file stopped the reader {attempts} times, so it was set aside. Try again, or save the file anew "
        "in the program that made it and upload that.",
        "读取该文件时阅读进程已中断 {attempts} 次，因此暂时搁置。请重试，或用原软件另存后重新上传。",
    ),
}
