import type { Pair } from '../kit/text'

// What every page says. Chinese first; a full stop where it is a sentence.
export const shared = {
  skip: ['跳到正文', 'Skip to content'],
  language: ['English', '中文'],
  toEnglish: ['English，切换到英文', '中文, switch to Chinese'],
  care: ['关怀版', 'Care mode'],
  demo: ['演示系统：人员、单位、证照均为虚构。', 'Demonstration: all people, organisations and certificates are fictitious.'],
  loading: ['正在打开……', 'Opening…'],
  again: ['再试一次', 'Try again'],
  back: ['返回', 'Back'],
  close: ['关闭', 'Close'],
  cancel: ['取消', 'Cancel'],
  yes: ['是', 'yes'],
  no: ['否', 'no'],
  longTerm: ['长期', 'long-term'],
  pageFailed: ['页面出错了。', 'This page failed.'],
  reload: ['请刷新页面。', 'Please reload the page.'],
  offline: ['没有连上系统。', 'The system cannot be reached.'],
  checkNetwork: ['请检查网络，再试一次。', 'Please check the network, then try again.'],
  oddAnswer: ['系统没有正常回答。', 'The system did not answer as it should.'],
  later: ['请稍后再试。', 'Please try again later.'],
  code: ['代码', 'code'],
  outcomeValid: ['有效', 'VALID'],
  outcomeInvalid: ['无效', 'INVALID'],
  outcomeIndeterminate: ['无法确认', 'INDETERMINATE'],
  outcomeRefused: ['未能核验', 'NOT CHECKED'],
} satisfies Record<string, Pair>
