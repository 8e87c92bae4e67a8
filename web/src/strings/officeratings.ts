import type { Pair } from '../kit/text'

// What people say after a check (好差评), and its follow-up.
export const officeratings = {
  ownLead: ['群众对本单位核验服务的评价，不含评价内容。', 'How people rate your checks. No texts.'],
  lead: ['群众对核验服务的评价。不满意的须在五个工作日内回访答复。', 'How people rate checks. Bad ones are answered within five working days.'],
  follow: ['待回访', 'To follow up'],
  answered: ['已答复', 'Answered'],
  all: ['全部', 'All'],
  summary: ['汇总', 'Summary'],
  noReviews: ['还没有评价。', 'No ratings yet.'],
  noneOpen: ['没有待回访的评价。', 'Nothing waits for a follow-up.'],
  party: ['核验单位', 'Relying party'],
  purpose: ['目的', 'Purpose'],
  level: ['评价', 'Rating'],
  at: ['时间', 'When'],
  due: ['答复期限', 'Due'],
  overdue: ['已逾期', 'overdue'],
  claimedBy: ['经办', 'With'],
  count: ['评价数', 'Ratings'],
  average: ['平均', 'Average'],
  open: ['待回访', 'Open'],
  levels: ['评价分布', 'By rating'],
  claim: ['认领', 'Take it'],
  read: ['查看', 'Read'],
  textOf: ['评价内容', 'What was said'],
  noText: ['没有写文字。', 'No words were written.'],
  answer: ['答复', 'Answer'],
  answerHint: ['本人会在证照空间里看到。', 'She reads it in her space.'],
  measure: ['整改措施', 'What is done about it'],
  send: ['发送答复', 'Send the answer'],
  sent: ['已答复。', 'Answered.'],
  shareBad: ['不满意占比', 'Dissatisfied'],
} satisfies Record<string, Pair>

export const officeratingsLevels: Readonly<Record<string, Pair>> = {
  '5': ['非常满意', 'very satisfied'],
  '4': ['满意', 'satisfied'],
  '3': ['基本满意', 'fairly satisfied'],
  '2': ['不满意', 'dissatisfied'],
  '1': ['非常不满意', 'very dissatisfied'],
}
