import type { Pair } from '../kit/text'

// The freeze switch: what stops, in plain words, before it is pressed.
export const officefreeze = {
  lead: ['发现密钥泄露、印章伪造等情况时，停止一类证照、一个机关、一把密钥、一个地区或全部。', 'Forged seals or a stolen key: stop a type, an authority, a key, a region, or everything.'],
  inForce: ['正在冻结', 'Frozen now'],
  nothingFrozen: ['目前没有冻结。', 'Nothing is frozen.'],
  everything: ['全部停用', 'Everything is stopped'],
  begin: ['冻结……', 'Freeze…'],
  what: ['冻结什么', 'What to freeze'],
  which: ['哪一个', 'Which one'],
  key: ['哪把密钥', 'Which key'],
  region: ['地区代码（GB/T 2260，末尾的 00 含下级）', 'Region code (GB/T 2260; trailing 00 covers what is below)'],
  urgent: ['紧急：立即生效', 'Urgent: bite now'],
  urgentTell: ['一小时内没有另一位运营人员同意，会自动解除，并且您一天内不能再紧急冻结。', 'Unless another operator approves within the hour it is lifted by itself, and you freeze nothing else urgently for a day.'],
  calmTell: ['由另一位运营人员在 24 小时内同意后生效。', 'It takes effect when another operator approves, within 24 hours.'],
  atOnce: ['一位运营人员即可，马上生效。', 'One operator is enough, and it bites at once.'],
  consequences: ['后果', 'What follows'],
  freeze: ['冻结', 'Freeze'],
  thaw: ['解冻', 'Thaw'],
  thawTell: ['恢复后重新可以签发、出示和核验。解冻也须由另一位运营人员同意。', 'Issuing, showing and checking go on. Thawing takes two operators as well.'],
  history: ['申请与决定（30 天）', 'Proposals and decisions, 30 days'],
  noHistory: ['30 天内没有冻结或解冻。', 'Nothing was frozen or thawed in 30 days.'],
  choose: ['请先选择要冻结什么。', 'Choose first what to freeze.'],
  word: ['冻结', 'FREEZE'],
  thawWord: ['解冻', 'THAW'],
  bites: ['已生效。', 'It bites.'],
  waits: ['已提交，须由另一位运营人员同意。', 'Proposed. Another operator approves.'],
  bitesAndWaits: ['已紧急生效，须由另一位运营人员在一小时内同意。', 'It bites now. Another operator approves within the hour, or it is lifted.'],
} satisfies Record<string, Pair>

/** What follows, for a clerk's telephone. */
export const officefreezeTells: Readonly<Record<string, Pair>> = {
  type: ['这类证照全部不能签发，已签发的核验一律显示无效。', 'None of this type is issued, and every check of one says invalid.'],
  authority: ['这个机关不能签发，它签发过的证照核验一律显示无效。终止和暂扣仍可办理。', 'It issues nothing, and whatever it issued is invalid at every check. It can still end and suspend.'],
  'authority-key': ['这把密钥签过的一切都不算数。不能解冻：请先登记新密钥。', 'Nothing that it ever signed counts. A key never thaws: register the next one first.'],
  region: ['这个地区及下级的证照不能签发、不能出示、核验不通过。暂扣和吊销照常。', 'Nothing of the region and what is below is issued, shown or accepted. Suspending and revoking go on.'],
  all: ['全部证照不能签发、不能出示、核验不通过。所有窗口和银行马上停止。', 'Nothing at all is issued, shown or accepted. Every counter and bank stops at once.'],
  party: ['该单位马上不能核验。', 'The party checks nothing any more, at once.'],
  client: ['该终端的下一个请求就会被拒绝。', 'Its next request is refused.'],
}
