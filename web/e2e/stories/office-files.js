'use strict';
// Files that are hard on a page: huge ones, ones that were here before, and what happens while one is on its way.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { root, until } = require('../stage.js');
const { api, dropFile, enter, openOffice, settled, visit } = require('../officework.js');

// number makes the identifier of somebody who is nobody of the demo, so that no other story's wallet fills up.
function number(serial) {
  const n = '4301021950020' + String(1000 + serial);
  return n + '10X98765432'[[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2].reduce((sum, f, i) => sum + f * Number(n[i]), 0) % 11];
}

// fresh is another word and another somebody each time: a story that is told a second time finds nothing of the first.
const fresh = () => ({ tag: Date.now().toString(36), serial: 1 + Math.floor(Math.random() * 8000) });

const one = fs.readFileSync(path.join(root, 'testdata', 'push', 'hunan-police.ndjson'), 'utf8').split('\n').find((l) => l.includes('"type":"vehicle-licence"'));

// row is a vehicle licence; one with a mass of -5 is refused.
function row(key, { serial = 0, mass } = {}) {
  const r = JSON.parse(one);
  r.key = key;
  r.holder = { type: '111', number: number(serial), name: '余车主' };
  r.claims.owner = '余车主';
  if (mass) r.claims.curb_mass = mass;
  return JSON.stringify(r);
}

// peak is the most memory that a page of this browser had at once, and now how much it has, in MiB.
async function memory(w) {
  const session = await w.browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const of = (name) => Math.max(...processInfo.filter((p) => p.type === 'renderer').map((p) => {
    try { return Number(new RegExp(name + ':\\s+(\\d+)').exec(fs.readFileSync('/proc/' + p.id + '/status', 'utf8'))[1]) / 1024; } catch (e) { return 0; }
  }));
  return { peak: of('VmHWM'), now: of('VmRSS') };
}

// slow makes the line of a page so slow (bytes a second) that a push is on its way for as long as a story looks at it.
async function slow(page, rate) {
  const session = await page.context().newCDPSession(page);
  const set = (uploadThroughput) => session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  await session.send('Network.enable');
  await set(rate);
  return { end: () => set(-1) };
}

const answered = async (page) => Number((await page.locator('.o-figures dd').first().innerText()).replace(/\D.*/, '')) > 0;

// found searches for vehicle licences of a person, and says how many there are.
async function found(page, owner) {
  await visit(page, 'certificates');
  await page.locator('#q-number').fill(owner);
  await page.locator('#q-type').selectOption('vehicle-licence');
  await page.getByRole('button', { name: '查询', exact: true }).click();
  await settled(page);
  return page.locator('.o-table tbody tr').count();
}

module.exports = (story) => {
  story('office: a file of 3 GiB whose last line has no end', async (w) => {
    const { tag, serial } = fresh();
    // 3,000 rows, every tenth of them bad, one longer than a row may be, and then a line that never ends.
    const rows = [];
    for (let i = 1; i <= 3000; i++) rows.push(row(tag + i, { serial: i === 2999 ? serial : 0, mass: i % 10 === 0 ? -5 : undefined }));
    rows[1233] = row(tag).replace('{', '{' + ' '.repeat(70_000));
    const file = path.join(w.demo.dir, 'everybody.ndjson');
    fs.writeFileSync(file, rows.join('\n') + '\n{"key":"');
    fs.truncateSync(file, 3 * 2 ** 30); // sparse
    const page = await openOffice(w, 'hunan-police');
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable');
    const before = await memory(w);
    await page.locator('.o-drop input[type=file]').setInputFiles(file);
    await page.locator('.notice.warn', { hasText: /第 3,001 行[\s\S]*只推送它前面的 3,000 行/ }).waitFor();
    await w.accessible(page, 'a file without end');
    await w.docs(page, 'office-push-endless');
    await page.locator('#push-job').fill('office-huge-' + tag);
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByRole('progressbar').first().waitFor();
    await page.locator('.o-mend').first().waitFor({ timeout: 60000 });
    await page.locator('.notice.warn', { hasText: '第 3,001 行' }).waitFor();
    assert.match(await page.locator('.o-figures').innerText(), /3,000[\s\S]*2,699[\s\S]*301/);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载被拒绝的行' }).click()]);
    assert.ok(fs.readFileSync(await download.path(), 'utf8') === rows.filter((r, i) => i % 10 === 9 || i === 1233).join('\n') + '\n', 'the refused rows as they were, and no other');
    const { metrics } = await cdp.send('Performance.getMetrics');
    const heap = metrics.find((m) => m.name === 'JSHeapUsedSize').value / 2 ** 20;
    const after = await memory(w);
    console.log('      memory of the page: ' + before.now.toFixed(0) + ' MiB before, ' + after.peak.toFixed(0) + ' at most; JavaScript ' + heap.toFixed(0));
    assert.ok(after.peak - before.now < 150 && heap < 100, 'the file is not in memory');
    // The last good row in front of the broken one is on record.
    assert.equal(await found(page, number(serial)), 1);
  });

  story('office: the server dies in the middle of a push, and comes back; the same file once more', async (w) => {
    const page = await openOffice(w, 'hunan-police');
    const line = await slow(page, 120_000);
    const { tag, serial } = fresh();
    const job = 'office-dies-' + tag;
    const lines = Array.from({ length: 700 }, (_, i) => row(tag + i, { serial: i === 350 ? serial : 0 }));
    const content = lines.join('\n') + '\n';
    await dropFile(page, 'dies.ndjson', content);
    await page.locator('#push-job').fill(job);
    await page.getByRole('button', { name: '开始推送' }).click();
    await until('some rows are answered', async () => answered(page));
    await w.docs(page, 'office-push-progress');
    await w.demo.kill();
    try {
      await page.locator('.notice.warn', { hasText: /连接中断[\s\S]*已收到的行不会丢/ }).waitFor({ timeout: 30000 });
      await w.accessible(page, 'a server that is gone');
      await w.docs(page, 'office-push-interrupted');
      await line.end();
    } finally {
      await w.demo.begin();
    }
    await page.getByText('全部 700 行都成功了。').waitFor({ timeout: 60000 });
    await w.docs(page, 'office-push-done');
    // Once more, as another job: it is told, and nothing is issued twice.
    await visit(page, 'push');
    await dropFile(page, 'again.ndjson', content);
    await page.locator('.notice a', { hasText: job }).waitFor();
    await w.docs(page, 'office-push-known');
    await page.locator('#push-job').fill('again-' + job);
    await page.getByRole('button', { name: '开始推送' }).click();
    await page.getByText('全部 700 行都成功了。').waitFor({ timeout: 30000 });
    assert.equal(await found(page, number(serial)), 1);
    w.complaints = w.complaints.filter((c) => !/ERR_(CONNECTION|EMPTY|INCOMPLETE)/.test(c)); // as it was to be
  });

  story('office: suspended in the middle of a push, and signed out in another tab', async (w) => {
    const page = await openOffice(w, 'hunan-police');
    const line = await slow(page, 60_000);
    const { tag } = fresh();
    const job = 'office-stops-' + tag;
    const content = Array.from({ length: 700 }, (_, i) => row(tag + i)).join('\n') + '\n';
    await dropFile(page, 'stops.ndjson', content);
    await page.locator('#push-job').fill(job);
    await page.getByRole('button', { name: '开始推送' }).click();
    await until('some rows are answered', async () => answered(page));
    const id = await page.locator('.o-client').innerText();
    const frozen = await api(w, 'demo-operator', 'POST', '/v1/registry/freezes', { kind: 'client', id, frozen: true, urgent: true, reason: 'lost' });
    assert.ok(frozen.status < 300, JSON.stringify(frozen.body));
    await page.locator('.notice.bad', { hasText: '停用' }).waitFor();
    await w.accessible(page, 'suspended while pushing');
    await w.docs(page, 'office-push-suspended');
    const stopped = (await until('the push has stopped', async () => {
      const { body } = await api(w, 'hunan-police', 'GET', '/v1/pushes/' + job);
      return body.state === 'interrupted' && body;
    })).rows;
    assert.ok(stopped > 0 && stopped < 700, stopped + ' rows stand');
    // Set up anew it goes on where it stopped, when the same file is chosen.
    await page.getByRole('button', { name: '重新登记' }).click();
    await enter(page, 'hunan-police');
    await visit(page, 'push');
    const more = await slow(page, 60_000);
    await dropFile(page, 'stops.ndjson', content);
    await page.locator('.notice', { hasText: '推送到第 ' + stopped + ' 行时中断过' }).waitFor();
    await page.getByRole('button', { name: '开始推送' }).click();
    await until('it goes on', async () => Number((await page.locator('.o-figures dd').first().innerText()).replace(/\D.*/, '')) > stopped);
    // Signed out in another tab: what is left of the push stays on this machine.
    const other = await page.context().newPage();
    await other.goto(w.demo.base + '/office');
    await other.locator('.o-leave').click();
    await other.locator('[role=dialog] .button.danger').click();
    await other.locator('#enrol-as').waitFor();
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await page.locator('#enrol-as').waitFor();
    await other.close();
    await line.end();
    await more.end();
    await until('the push has stopped again', async () => (await api(w, 'hunan-police', 'GET', '/v1/pushes/' + job)).body.state === 'interrupted');
  });
};
