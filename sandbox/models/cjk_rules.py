"""A few rules for Chinese and Japanese, whose sentences have no spaces. Counterpart: `rules`, for English."""

from __future__ import annotations

from sandbox.models.rules import Rule, rule
from sandbox.models.topics import Topic

# Up to here runs a Chinese or Japanese phrase.
_ZH = r"[^,。,!！?？;；\n]"
_JA = r"[^\s、。,!！?？「」は]"
_LIKES = r"(?:不喜欢|不喜歡|喜欢|喜歡|讨厌|更喜欢|偏好|爱吃|爱)"

CJK_RULES: tuple[Rule, ...] = (
    rule(Topic.NAME, r"(?:我叫|我的名字(?:是|叫))(?P<what>[^\s,。,!！?？、的]{1,8})"),
    rule(Topic.NAME, r"(?:私|わたし|僕|ぼく)の名前は(?P<what>[^\s、。!！]{1,12}?)(?:です|だ|と)"),
    rule(Topic.PREFERENCE, rf"我(?:很|非常|最|特别|比较|真的)?(?P<what>{_LIKES}{_ZH}{{1,40}})"),
    rule(Topic.PREFERENCE, rf"(?P<what>{_JA}{{1,20}}が(?:大好き|好き|嫌い|苦手))"),
    rule(Topic.PLACE, rf"我(?:现在|目前)?住在(?P<what>{_ZH}{{1,20}})"),
    rule(Topic.PLACE, rf"(?P<what>{_JA}{{1,15}})に住んで"),
    rule(Topic.OCCUPATION, rf"我是(?:一名|一个|一位|个)(?P<what>{_ZH}{{1,20}})"),
    rule(Topic.OCCUPATION, rf"(?P<what>{_JA}{{1,15}})として働いて"),
    rule(Topic.PROJECT, rf"我(?:正在|在)(?:做|开发|写|设计|构建|准备)(?P<what>{_ZH}{{2,40}})"),
    rule(Topic.PROJECT, rf"(?P<what>{_JA}{{2,30}})を(?:開発|作っ|書い|設計)(?:して|て)"),
    rule(Topic.DECISION, rf"我(?:们)?(?:已经)?(?:决定|決定)(?:了)?(?P<what>{_ZH}{{2,60}})"),
    rule(Topic.DECISION, r"(?P<what>[^\s、。!！?？]{2,40})ことに(?:した|しました|決めた|決めました)"),
    rule(Topic.BELIEF, rf"我(?:认为|觉得|相信|認為)(?P<what>{_ZH}{{2,60}})"),
)
