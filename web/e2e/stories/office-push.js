'use strict';
// A department at work: a file with bad rows is dropped, mended and pushed again; a certificate is found, suspended and reinstated.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { root, until } = require('../stage.js');
const { api, confirm, dropFile, openOffice, settled, visit } = require('../officework.js');

// A car owner who is nobody of the demo, so that no other story's wallet fills up.
const owner = { number: '43010219500101000', name: '余车主' };
owner.number += '10X98765432'[[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2].reduce((n, f, i) => n + f * Number(owner.number[i]), 0) % 11];

// rows makes rows of vehicle licences; of those with bad, every hundredth has a mass that is none.
function rows(count, tag, bad = false) {
  const first = fs.readFileSync(path.join(root, 'testdata', 'push', 'hunan-police.ndjson'), 'utf8').split('\n').find((l) => l.includes('"type":"vehicle-licence"'));
  const out = [];
  for (let i = 0; i < count; i++) {
    const row = JSON.parse(first);
    row.key = tag + '-' + i;
    row.holder = { type: '111', ...owner };
    row.claims.owner = owner.name;
    if (bad && i % 100 === 50) row.claims.curb_mass = -5;
    out.push(JSON.stringify(row));
  }
  return out;
}

module.exports = (story) => {
  story('office: a file with bad rows is dropped, mended and pushed again', async (w) => {
    const page = await openOffice(w, 'hunan-police');
    await w.docs(page, 'office-push');
    const lines = rows(300, 'drop', true);
    await dropFile(page, 'licences.ndjson', lines.join('\n') + '\n');
    await page.locator('#push-job').waitFor();
    assert.match(await page.locator('#push-job').inputValue(), /^licences-\d{8}-\d{4}$/);
    await page.locator('#push-job').fill('office-drop');
    await w.accessible(page, 'a file that is ready');
    await w.docs(page, 'office-push-ready');
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.locator('.o-mend').first().waitFor({ timeout: 30000 });
    assert.equal(await page.locator('.o-mend').count(), 3);
    const bad = page.locator('.o-mend[data-line="51"]');
    assert.match(await bad.textContent(), /curb_mass/);
    await bad.locator('summary').click();
    await w.docs(page, 'office-push-mend');
    await w.accessible(page, 'refused rows');
    // Mended in place; what is typed outlives a reload, and the file is asked for again.
    for (const line of [51, 151, 251]) {
      const row = page.locator('.o-mend[data-line="' + line + '"]');
      if (line !== 51) await row.locator('summary').click();
      const text = await row.locator('textarea').inputValue();
      await row.locator('textarea').fill(line === 51 ? text.slice(1) : text.replace(': -5', ': 1675'));
      if (line !== 51) continue;
      await row.getByRole('alert').waitFor();
      await w.docs(page, 'office-push-typo');
      await row.locator('textarea').fill(text.replace(': -5', ': 1675'));
    }
    await page.reload();
    await page.getByRole('button', { name: '选择原文件' }).waitFor();
    await w.docs(page, 'office-push-reasons');
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: '选择原文件' }).click();
    await (await chooser).setFiles({ name: 'licences.ndjson', mimeType: 'application/x-ndjson', buffer: Buffer.from(lines.join('\n') + '\n') });
    await page.getByRole('button', { name: '再次推送改好的 3 行' }).click();
    await page.getByText('全部 3 行都成功了。').waitFor();
    assert.equal(new URL(page.url()).hash, '#push/office-drop-m1');
  });

  story('office: files that are none, cut off or packed; a cut connection', async (w) => {
    const page = await openOffice(w, 'hunan-police');
    const packed = zlib.gzipSync(rows(40, 'gz').join('\n') + '\n');
    for (const [name, content, says] of [
      ['photo.ndjson', Buffer.from([0xff, 0xd8, 0xff, 0, 1, 2, 3]), '这不是证照数据文件'],
      ['book.csv', Buffer.from('PK\u0003\u0004rest of a workbook'), '表格或压缩包'],
      ['all.ndjson', Buffer.from('[{"key":"1"}]'), 'JSON 数组'],
      ['cut.ndjson.gz', packed.subarray(0, packed.length - 20), '不完整'],
      ['none.csv', Buffer.from('key,type,colour\nA,vehicle-licence,red\n'), '缺少这些列'],
      ['empty.ndjson', Buffer.from(''), '空的'],
    ]) {
      await dropFile(page, name, content);
      await page.getByRole('alert').filter({ hasText: says }).waitFor();
    }
    await w.accessible(page, 'a file of the wrong kind');
    await w.docs(page, 'office-push-wrong');
    await dropFile(page, 'good.ndjson.gz', packed);
    await page.locator('#push-job').fill('office-gz');
    // The connection is cut in the middle of the first upload, and the page goes on by itself.
    let cut = 0;
    await page.route('**/v1/pushes/office-gz?*', (r) => (cut++ === 0 ? r.abort('connectionreset') : r.continue()));
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByText('全部 40 行都成功了。').waitFor({ timeout: 20000 });
    assert.ok(cut >= 2, 'it was tried again');
    // Changed on the disk after it was chosen: it is asked for again, and then goes.
    await visit(page, 'push');
    const file = path.join(w.demo.dir, 'changed.ndjson');
    fs.writeFileSync(file, rows(2, 'changed').join('\n'));
    await page.locator('.o-drop input[type=file]').setInputFiles(file);
    await page.locator('#push-job').fill('office-changed');
    fs.appendFileSync(file, '\n' + rows(3, 'changed')[2]);
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByRole('alert').filter({ hasText: '已被移动、修改' }).waitFor();
    await w.docs(page, 'office-push-changed');
    await page.locator('.o-main input[type=file]').setInputFiles(file);
    await page.getByText('全部 3 行都成功了。').waitFor();
    // A table becomes rows.
    await visit(page, 'push');
    const one = JSON.parse(rows(1, 'csv')[0]);
    const cell = (v) => '"' + String(v).replace(/"/g, '""') + '"';
    const head = ['key', 'type', 'holder.type', 'holder.number', 'holder.name', 'region', 'issued_on', 'valid_from', 'valid_until', ...(one.number ? ['number'] : []), ...(one.portrait ? ['portrait'] : []), ...Object.keys(one.claims)];
    const value = (n) => (n.startsWith('holder.') ? one.holder[n.slice(7)] : one[n] !== undefined && n !== 'claims' ? one[n] : one.claims[n]);
    await dropFile(page, 'table.csv', '\ufeff' + head.join(',') + '\r\n' + head.map((n) => cell(value(n) ?? '')).join(',') + '\r\n');
    await page.locator('#push-job').fill('office-csv');
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByText('全部 1 行都成功了。').waitFor();
    w.complaints = w.complaints.filter((c) => !/ERR_CONNECTION_RESET/.test(c));
  });

  story('office: a certificate is found, suspended, reinstated and ended', async (w) => {
    const page = await openOffice(w, 'hunan-police');
    await dropFile(page, 'one.ndjson', rows(1, 'found')[0]);
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByText('全部 1 行都成功了。').waitFor();
    await visit(page, 'certificates');
    await page.locator('#q-number').fill(owner.number);
    await page.locator('#q-type').selectOption('vehicle-licence');
    await page.getByRole('button', { name: '查询', exact: true }).click();
    await settled(page);
    await w.docs(page, 'office-certificates-found');
    await w.accessible(page, 'certificates');
    await page.locator('.o-table a').first().click();
    await page.getByRole('button', { name: '暂扣' }).waitFor();
    const id = decodeURIComponent(new URL(page.url()).hash.split('/')[1]);
    const state = async () => (await api(w, 'hunan-police', 'GET', '/v1/certificates/' + encodeURIComponent(id))).body.state;
    await page.getByRole('button', { name: '暂扣' }).click();
    await confirm(page, { reason: '决定 2026-17', button: '暂扣' });
    await page.getByRole('button', { name: '发还' }).waitFor();
    assert.equal(await state(), 'suspended');
    await w.docs(page, 'office-certificate');
    await w.accessible(page, 'a certificate');
    await page.getByRole('button', { name: '发还' }).click();
    await confirm(page, { button: '发还' });
    await page.getByRole('button', { name: '暂扣' }).waitFor();
    assert.equal(await state(), 'valid');
    // Replaced: the row is filled in from what there is.
    await page.getByRole('button', { name: '换发' }).click();
    const row = page.locator('#replace-row');
    await row.waitFor();
    await row.fill((await row.inputValue()).replace('"key": ""', '"key": "replaced-1"').replace('"number": ""', '"number": "' + owner.number + '"').replace('"name": ""', '"name": "' + owner.name + '"'));
    await page.getByRole('button', { name: '换发', exact: true }).click();
    await page.locator('.o-main .notice').last().waitFor();
    await w.docs(page, 'office-replaced');
    await until('the old one ended', async () => (await state()) === 'lapsed');
    // Of the new one the end is for good, and asks for the word.
    await page.locator('.notice.good a').click();
    await page.getByRole('button', { name: '终止' }).click();
    await page.locator('#end-kind').selectOption('revoked');
    const end = page.getByRole('dialog').getByRole('button', { name: '终止', exact: true });
    await page.locator('#confirm-reason').fill('决定 2026-18');
    assert.ok(await end.isDisabled());
    await confirm(page, { word: '已吊销', button: '终止' });
    await page.locator('.o-head .o-badge.bad').waitFor();
  });
};
