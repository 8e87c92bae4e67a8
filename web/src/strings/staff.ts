import type { Pair } from '../kit/text'

// How a workstation gets to be one: the counter's page and the office's say it.
export const staff = {
  title: ['登记这台设备', 'Set up this workstation'],
  intro: ['这台设备还没有登记。登记后，它用自己的密钥证明身份；密钥不能导出，也不会离开这台设备。', 'This workstation is not set up yet. Once it is, it proves who it is with a key of its own, which cannot be exported and never leaves it.'],
  demoPick: ['以谁的身份？（演示）', 'As whom? (demonstration)'],
  demoStart: ['登记并开始', 'Set up and start'],
  card: ['登记卡', 'Enrolment card'],
  cardHint: ['请把登记卡发给运营人员，由其登记后告知您终端编号。', 'Send this card to the operator, who registers it and tells you the client id.'],
  copy: ['复制登记卡', 'Copy the card'],
  copied: ['已复制。', 'Copied.'],
  clientId: ['终端编号', 'Client id'],
  start: ['开始使用', 'Start'],
  leave: ['注销这台设备', 'Sign this workstation out'],
  leaveAsk: ['删除本机密钥后，要重新登记才能使用。', 'The key of this workstation will be deleted; to use it again it must be set up anew.'],
  noKeys: ['这个浏览器不能安全保存密钥，无法登记。', 'This browser cannot keep a key safely, so it cannot be set up.'],
  noKeysNext: ['请用较新的浏览器，经 https 打开，不要用无痕窗口。', 'Use a newer browser, over https, and not a private window.'],
  department: ['发证部门', 'Issuing department'],
  'relying-party': ['核验单位', 'Relying party'],
  operator: ['运营人员', 'Operator'],
  auditor: ['审计人员', 'Auditor'],
} satisfies Record<string, Pair>
