"""Messages of accounts, collections and tokens."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "access.needs_role": (
        "Only for people with the role {roles}. An admin can give it to you.",
        "仅限具有 {roles} 角色的用户。可请管理员授予。",
    ),
    "access.needs_right": (
        "This API token has not the right {rights}. Make one that has it.",
        "该 API 令牌没有 {rights} 权限。请创建具有该权限的令牌。",
    ),
    "access.needs_write": (
        "You may read the collection {collection} but not change it. An admin can let you: People, Collections.",
        "您可以查阅文档集“{collection}”，但不能修改。可请管理员在“用户”页的“文档集”中授权。",
    ),
    "access.sign_in": (
        "Name or password is wrong, or the account is switched off. An admin can give you a new password.",
        "用户名或密码不正确，或账户已停用。可请管理员重置密码。",
    ),
    "access.too_many": (
        "Too many attempts. Try again in {seconds} s.",
        "尝试次数过多。请在 {seconds} 秒后重试。",
    ),
    "access.session_ended": (
        "Your session has ended. Sign in again.",
        "登录已过期。请重新登录。",
    ),
    "access.oidc_refused": (
        "Your organisation's account may not enter here. An admin can let it in: People, or accounts.oidc_allow.",
        "您的组织账户无权进入。可请管理员在“用户”页添加，或修改 accounts.oidc_allow。",
    ),
    "access.token": (
        "This API token is unknown, expired or revoked. Make a new one under API tokens.",
        "该 API 令牌不存在、已过期或已撤销。请在“API 令牌”中新建。",
    ),
    "access.token_by_token": (
        "An API token cannot make tokens. Sign in to the page, or use wenju tokens create.",
        "不能用 API 令牌创建令牌。请登录页面创建，或使用 wenju tokens create。",
    ),
    "refusal.withheld": (
        "This answer rests on documents that you may not see any more. Ask again to search in those that you may.",
        "该回答依据的文档您已无权查看。可重新提问，以在您可查看的文档中检索。",
    ),
    "people.last_admin": (
        "This is the last active admin. Make somebody else an admin first.",
        "这是最后一位启用的管理员。请先指定另一位管理员。",
    ),
    "people.password_length": (
        "A password has {least} to {most} characters. Several words make a good one.",
        "密码须为 {least} 至 {most} 个字符。几个词组合起来就很好。",
    ),
    "people.password_weak": (
        "This password is the name, or has fewer than four different characters. Choose another one.",
        "密码不能与用户名相同，且至少要有四个不同的字符。请换一个。",
    ),
    "people.password_same": (
        "The new password is the old one. Choose another one.",
        "新密码与旧密码相同。请换一个。",
    ),
    "people.password_twice": (
        "The two new passwords differ. Type the same one twice.",
        "两次输入的新密码不一致。请重新输入。",
    ),
    "people.no_password": (
        "{name} signs in with the organisation's account and has no password here. It is changed there.",
        "{name} 使用组织账户登录，在此没有密码。请在组织账户处修改。",
    ),
    "people.bad_name": (
        "A name has 1 to {most} characters and no blanks.",
        "用户名须为 1 至 {most} 个字符，且不含空格。",
    ),
    "people.name_there": (
        "The name {name} is taken. Choose another one.",
        "用户名 {name} 已被使用。请换一个。",
    ),
    "people.no_user": ("There is no user {name}. There are: {known}", "没有用户 {name}。现有用户：{known}"),
    "people.no_role": (
        "{name} is not a role. At least one of: {known}",
        "{name} 不是角色。请至少选择其一：{known}",
    ),
    "people.no_right": ("{name} is not a right. There are: {known}", "{name} 不是权限。可用权限：{known}"),
    "people.bad_collection": (
        "A collection's name has 1 to {most} characters.",
        "文档集名称须为 1 至 {most} 个字符。",
    ),
    "people.collection_there": (
        "There is a collection {name} already. Choose another name.",
        "文档集“{name}”已存在。请换一个名称。",
    ),
    "people.collection_full": (
        "The collection {name} still has {count} documents. Delete them first, or delete it with them.",
        "文档集“{name}”中还有 {count} 份文档。请先删除文档，或选择连同文档一起删除。",
    ),
    "people.no_collection": (
        "There is no collection {name} for you. There are: {known}",
        "没有您可用的文档集“{name}”。可用文档集：{known}",
    ),
    "people.token_empty": (
        "A token needs a name and at least one right.",
        "令牌需要名称和至少一项权限。",
    ),
    "people.token_past": ("The token would have ended already. Choose a later day.", "该到期时间已过。请选择更晚的日期。"),
    "people.token_long": (
        "A token lasts {days} days at most here (accounts.token_days). Choose an earlier day.",
        "此处令牌最长有效 {days} 天（accounts.token_days）。请选择更早的日期。",
    ),
    "people.token_whose": (
        "With accounts on, a token belongs to a user. Name one: --user NAME",
        "启用账户后，令牌须属于某个用户。请指定：--user 用户名",
    ),
    "people.oidc_extra": (
        "accounts.oidc_metadata_url names a provider, but what speaks with it is not installed. Run: pip install "
        "'wenju[oidc]'",
        "accounts.oidc_metadata_url 指定了登录提供方，但所需组件未安装。请运行：pip install 'wenju[oidc]'",
    ),
    "people.oidc_incomplete": (
        "accounts.oidc_metadata_url names a provider; {missing} must be set too (the address ends in /oauth2callback).",
        "accounts.oidc_metadata_url 指定了登录提供方，还须设置 {missing}（回调地址以 /oauth2callback 结尾）。",
    ),
    "people.first_admin": (
        "First start with accounts: sign in as {name} with the one-time password {password} (shown only now; you "
        "choose your own then).",
        "首次启用账户：请以 {name} 登录，一次性密码为 {password}（仅显示这一次；登录后请自行设置密码）。",
    ),
}
