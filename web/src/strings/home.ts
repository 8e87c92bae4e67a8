import type { Pair } from '../kit/text'

export const home = {
  title: ['电子证照', 'Electronic certificates'],
  lead: ['手机亮码，扫码亮证。', 'Show a code on the phone; scan it to see the certificate.'],
  wallet: ['出示我的证照', 'Show my certificates'],
  walletNote: ['市民、企业经办人', 'citizens, agents of companies'],
  check: ['核验证照', 'Check a certificate'],
  checkNote: ['窗口、银行、医院', 'service halls, banks, hospitals'],
  office: ['证照办公室', 'Certificate office'],
  officeNote: ['发证部门、接入单位、运营、审计', 'departments, relying parties, operators, auditors'],
  phones: ['用别的设备打开：', 'From another device, open'],
  scannedTitle: ['这是证照码', 'This is a certificate code'],
  scanned: ['请在窗口的核验页面或扫码枪上扫描它。用手机相机打开不会核验，也不会用掉这个码。', "Scan it with a counter's check page or scanner. Opening it with a phone's camera neither checks nor uses it."],
  toCheck: ['去核验页面，再扫一次', 'To the check page, then scan it once more'],
} satisfies Record<string, Pair>
