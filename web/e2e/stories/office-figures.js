'use strict';
// Figures that fit what was done: what a relying party used, and what operators see of it as it happens.
const assert = require('node:assert/strict');
const http = require('node:http');
const { until } = require('../stage.js');
const { scan, tool } = require('../citizen.js');
const { person } = require('../counter.js');
const { api, openOffice, settled, visit } = require('../officework.js');

/** A ticket of a domain that nobody here knows, well formed (docs/formats.md §3). */
function foreign(n) {
  const base36 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const text = 'SC1ELSE' + 'B'.repeat(24) + 'ABCDEFGH'[n] + 'A';
  let p = 36;
  for (const c of text) p = (((p + base36.indexOf(c)) % 36 || 36) * 2) % 37;
  return text + base36[(37 - p) % 36];
}

const number = (text) => Number(text.replace(/[^\d.]/g, ''));

module.exports = (story) => {
  story('office: usage says the very numbers of what was checked', async (w) => {
    const page = await openOffice(w, 'demo-hotel', { at: '#usage' });
    await settled(page);
    const usage = async () => (await api(w, 'demo-hotel', 'GET', '/v1/clients/self/usage?days=30')).body;
    const of = (u, outcome) => u.groups.filter((g) => g.outcome === outcome).reduce((n, g) => n + g.checks, 0);
    const before = await usage();
    const hotel = { client: 'demo-hotel', purpose: 'hotel-check-in' };
    const who = await person(w, 'person-02');
    const checks = [];
    let last;
    for (let i = 0; i < 5; i++) checks.push(await scan(w, last = (await who.show('resident-id', 'hotel')).code, hotel));
    assert.deepEqual(checks.map((c) => c.outcome), Array(5).fill('valid'));
    // The clerk says of two that it is another person: they are invalid from then on.
    for (const { id } of checks.slice(0, 2)) assert.equal((await api(w, 'demo-hotel', 'POST', '/v1/verifications/' + id + '/person', { same: false })).body.outcome, 'invalid');
    assert.equal((await scan(w, (await who.show('drivers-licence', 'identity')).code, hotel)).http, 403, 'not registered for it: turned away, and written down');
    // What reached nobody's certificate is no check of one.
    assert.equal((await scan(w, last, hotel)).outcome, 'invalid', 'a code is good once');
    assert.equal((await scan(w, foreign(0), hotel)).outcome, 'indeterminate');
    assert.equal((await scan(w, 'MECARD:N:nobody;;', hotel)).http, 422);
    const after = await usage();
    const made = Object.fromEntries(['valid', 'invalid', 'indeterminate', 'refused'].map((o) => [o, of(after, o) - of(before, o)]));
    assert.deepEqual([made, after.checks - before.checks], [{ valid: 3, invalid: 2, indeterminate: 0, refused: 1 }, 6]);

    await page.reload();
    await settled(page);
    const figure = async (name) => number(await page.locator('.o-figure', { hasText: name }).locator('dd').evaluate((d) => d.firstChild.textContent));
    assert.equal(await figure('核验次数'), after.checks);
    assert.equal(await figure('有效率'), Math.round(100 * of(after, 'valid') / after.checks));
    // The bars of today are as high as their figures, and the table beside them says the same.
    const chart = page.locator('.o-chart', { hasText: '每日核验' });
    const names = ['有效', '无效', '无法确认', '未能核验'];
    assert.deepEqual(await chart.locator('.o-legend li').allTextContents(), names);
    await chart.locator('summary').click();
    await chart.locator('tbody tr').first().waitFor();
    const table = await chart.locator('tbody tr').evaluateAll((rows) => rows.map((r) => [...r.querySelectorAll('td')].map((c) => Number(c.textContent))));
    const totals = table.reduce((sum, r) => sum.map((n, i) => n + r[i]), [0, 0, 0, 0]);
    assert.deepEqual(totals, ['valid', 'invalid', 'indeterminate', 'refused'].map((o) => of(after, o)));
    const bars = await chart.locator('svg rect').evaluateAll((all) => all.map((r) => Number(r.getAttribute('height'))));
    const drawn = table.reverse().flat().filter((n) => n > 0);
    assert.equal(bars.length, drawn.length);
    bars.forEach((h, i) => assert.ok(Math.abs(h / bars[0] - drawn[i] / drawn[0]) < 0.01, 'a bar of ' + drawn[i]));
    // What is counted by name.
    const count = async (title) => (await page.locator('.o-chart', { hasText: title }).locator('[role=listitem] strong').allTextContents()).map(number).reduce((a, b) => a + b, 0);
    assert.equal(await count('按目的'), after.checks);
    assert.equal(await count('按证照类型'), after.checks);
    assert.equal(await count('按方式'), after.checks);
    assert.equal(await count('为什么不是有效'), after.reasons.reduce((n, r) => n + r.count, 0));
    assert.equal(await count('看过的字段'), after.fields.slice(0, 12).reduce((n, r) => n + r.count, 0));
    await w.accessible(page, 'usage with figures');
    await w.docs(page, 'office-usage', true);
    // Operators see the same of her party.
    const anna = await openOffice(w, 'demo-operator', { at: '#parties/demo-hotel/usage' });
    await settled(anna);
    assert.equal(number(await anna.locator('.o-figure', { hasText: '核验次数' }).locator('dd').innerText()), after.checks);
  });

  story('office: the live picture shows the load that was made, and an alert with what to do', async (w) => {
    const who = await person(w, 'person-03');
    const made = { valid: 4, indeterminate: 8, alien: 5 };
    for (let i = 0; i < made.valid; i++) assert.equal((await scan(w, (await who.show()).code)).outcome, 'valid');
    for (let i = 0; i < made.indeterminate; i++) assert.equal((await scan(w, foreign(i))).outcome, 'indeterminate');
    for (let i = 0; i < made.alien; i++) assert.equal((await scan(w, 'https://example.com/' + i)).http, 422);
    const page = await w.page('/office#monitor', { width: 1280, height: 900 });
    await page.locator('#enrol-as').selectOption('demo-operator');
    const answers = [];
    page.on('response', async (r) => { if (r.url().endsWith('/v1/monitor') && r.ok()) answers.push(await r.json()); });
    await page.locator('form button[type=submit]').click();
    // The cause is there, so is the alert, and what it tells to do.
    const alert = page.getByRole('alert').filter({ hasText: '“无法确定”的核验结果增多。' });
    await alert.getByText('请查看证照状态是否过旧').waitFor();
    await page.getByRole('button', { name: '暂停' }).click();
    const shown = await page.locator('.o-hbars').first().locator('strong').allTextContents();
    // What stands on the page is what one answer said, and fits what was done in the minute before.
    const d = answers.find((a) => [a.verifications.valid, a.verifications.invalid, a.verifications.indeterminate].join() === shown.map(number).join());
    assert.ok(d, 'an answer with ' + shown);
    assert.ok(d.verifications.valid >= made.valid && d.verifications.indeterminate >= made.indeterminate, JSON.stringify(d.verifications));
    assert.equal(d.refusals.find((r) => r.code === 'code-not-ours').count >= made.alien, true);
    const covered = (Date.parse(d.at) - Date.parse(d.started_at)) / 1000 - Math.max(0, Math.floor((Date.parse(d.at) - Date.parse(d.started_at)) / 10_000) - 5) * 10;
    const scans = d.classes.find((c) => c.class === 'scan').per_second * Math.max(1, covered);
    assert.ok(Math.round(scans) >= made.valid + made.indeterminate + made.alien, scans + ' scans');
    await page.locator('.o-chart', { hasText: '为什么拒绝' }).locator('[role=listitem]').first().waitFor();
    await page.locator('.o-table tbody tr', { hasText: 'scan' }).first().waitFor();
    await w.accessible(page, 'the live picture with an alert');
    await w.docs(page, 'office-monitor-alert', true);
    await page.getByRole('button', { name: '继续' }).click();

    // Admission: sixteen uploads stand open, so those that come now are refused before anything of them is looked at.
    const token = tool(w, 'token', '--client', 'hunan-police').said.trim();
    const open = [];
    const upload = (n) => new Promise((answered) => {
      const r = http.request(w.demo.base + '/v1/pushes/load-' + n, { method: 'PUT', agent: false, headers: { Authorization: 'Bearer ' + token, 'Content-Type': 'application/x-ndjson' } });
      r.on('response', (a) => { a.resume(); answered(a.statusCode); });
      r.on('error', () => answered(0)); // as it is taken back
      r.write('\n');
      open.push(r);
    });
    try {
      let refused = 0;
      for (let n = 0; n < 30; n++) void upload(n).then((status) => { if (status === 503) refused++; });
      await until('those beyond sixteen are refused', () => refused >= 12);
      await page.getByRole('alert').getByText('请增加进程，或查明哪一类请求增多。').waitFor();
      await page.locator('.o-chart', { hasText: '为什么拒绝' }).getByText(/繁忙|过多|稍后/).first().waitFor();
      await page.locator('.o-chart svg').first().waitFor();
      await w.docs(page, 'office-monitor-overload', true);
    } finally {
      for (const r of open) r.destroy();
    }
    await visit(page, 'queue');
  });
};
