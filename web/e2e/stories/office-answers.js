'use strict';
// What people and counters set off, and who in the office answers: bad reviews, corrections, disputes, lost phones, what is at odds.
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { until } = require('../stage.js');
const { choose, scan, showCode, signIn, tool } = require('../citizen.js');
const { Phone, person } = require('../counter.js');
const { api, confirm, openOffice, settled, visit } = require('../officework.js');

const phone = { width: 390, height: 844 };

/** The day on which the n-th working day after today ends in China, of a year without holidays entered. */
function workday(n) {
  const d = new Date(Date.now() + 8 * 3600_000);
  while (n > 0) {
    d.setUTCDate(d.getUTCDate() + 1);
    if (d.getUTCDay() % 6 !== 0) n--;
  }
  return d.toISOString().slice(0, 10);
}

/** A section asked for anew. */
async function again(page) {
  await page.reload();
  await settled(page);
}

/** Somebody else holds it: her dialog does not open, and the page says so. */
async function refused(page, sentence) {
  await page.getByRole('alert').filter({ hasText: sentence }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
}

module.exports = (story) => {
  story('office: a bad review is followed up by one, in time, and who wrote it reads the answer', async (w) => {
    const hers = await w.page('/wallet', phone);
    await signIn(hers, 'person-05');
    await choose(hers, '居民身份证', 'identity');
    assert.equal((await scan(w, await showCode(hers))).outcome, 'valid');
    await hers.locator('.w-done').waitFor();
    await hers.locator('.w-rate label', { hasText: '非常不满意' }).click();
    await hers.locator('#rate-text').fill('等了两个小时，只开了一个窗口。');
    await hers.locator('.w-rate button[type=submit]').click();
    await hers.locator('.notice.good', { hasText: '最迟' }).waitFor();

    const anna = await openOffice(w, 'demo-operator');
    const bo = await openOffice(w, 'demo-operator-2', { at: '#ratings/open' });
    await settled(anna);
    await anna.locator('section', { hasText: '不满意评价' }).getByRole('button', { name: '查看' }).click();
    const row = (page) => page.locator('.o-table tbody tr', { hasText: '非常不满意' });
    for (const page of [anna, bo]) await row(page).waitFor();
    const due = workday(5);
    assert.ok((await row(anna).innerText()).includes(due), 'due on ' + due);
    assert.equal(await anna.getByText('两个小时').count() + await row(anna).locator('text=已逾期').count(), 0, 'no words before it is taken, and nothing overdue');

    // The sixth working day has come: what the server says then (internal/review TestDue) is what the page is told.
    const late = async (r) => {
      const answer = await r.fetch();
      const body = await answer.json();
      body.reviews.forEach((one) => { one.overdue = true; one.due_at = new Date(Date.now() - 86_400_000).toISOString(); });
      await r.fulfill({ response: answer, json: body });
    };
    await bo.route('**/v1/reviews?*', late);
    await again(bo);
    await bo.locator('tr.bad', { hasText: '已逾期' }).waitFor();
    await w.accessible(bo, 'an overdue review');
    await w.docs(bo, 'office-ratings-overdue');
    await visit(bo, 'queue');
    await bo.locator('section', { hasText: '不满意评价' }).getByText('已逾期 1').waitFor();
    await bo.unroute('**/v1/reviews?*', late);
    await visit(bo, 'ratings/open');
    await row(bo).waitFor();

    await row(anna).getByRole('button', { name: '认领' }).click();
    const dialog = anna.getByRole('dialog');
    await dialog.getByText('等了两个小时').waitFor();
    // The other one had it on her page still.
    await row(bo).getByRole('button', { name: '认领' }).click();
    await refused(bo, '正由其他人员处理');
    await w.docs(bo, 'office-ratings-taken');
    await anna.locator('#review-answer').fill('已向该网点核实，向您致歉。');
    await anna.locator('#review-measure').fill('高峰时段加开一个窗口。');
    await w.accessible(anna, 'the answer to a review');
    await w.docs(anna, 'office-rating-answer');
    await dialog.getByRole('button', { name: '发送答复' }).click();
    await anna.getByText('没有待回访的评价。').waitFor();
    await w.docs(anna, 'office-ratings-none-open');
    await visit(anna, 'ratings/answered');
    await row(anna).waitFor();
    await visit(anna, 'ratings/summary');
    await anna.locator('.o-table').getByText('长沙市政务服务大厅').waitFor();
    await w.docs(anna, 'office-ratings-summary');

    await hers.goto(w.demo.base + '/wallet#reviews');
    await hers.getByText('已向该网点核实，向您致歉。').waitFor();
    await hers.getByText('高峰时段加开一个窗口。').waitFor();
    // The party sees that it was rated, and no word of it.
    const hall = await openOffice(w, 'changsha-service-hall', { at: '#ratings' });
    await hall.locator('.o-figure', { hasText: '不满意占比' }).waitFor();
    assert.equal(await hall.getByText(/两个小时|致歉/).count(), 0);
    await w.docs(hall, 'office-ratings-own');
  });

  story('office: corrections and disputes are answered by operators, each by one', async (w) => {
    const hers = await w.page('/wallet', phone);
    await signIn(hers, 'person-06');
    await choose(hers, '居民身份证', 'identity');
    const { id } = await scan(w, await showCode(hers));
    await hers.locator('.w-done').waitFor();
    const at = async (hash) => { await hers.goto(w.demo.base + '/wallet#' + hash); await hers.getByRole('heading', { level: 1 }).waitFor(); };
    await at('corrections/verification/' + id);
    await hers.locator('#says').fill('住址写的还是旧的。');
    await hers.locator('#contact').fill('13800000000');
    await hers.locator('form .button.main').click();
    await hers.locator('.notice.good').waitFor();
    await at('look/' + id);
    await hers.getByRole('button', { name: '提出异议' }).click();
    await hers.locator('#dispute').fill('那天我不在长沙。');
    await hers.getByRole('button', { name: '提交异议' }).click();
    await hers.getByText('异议处理中').waitFor();

    // Not for a party, nor for an auditor.
    for (const client of ['changsha-service-hall', 'demo-auditor']) for (const list of ['corrections', 'disputes']) assert.equal((await api(w, client, 'GET', '/v1/' + list)).status, 403);
    const anna = await openOffice(w, 'demo-operator');
    const bo = await openOffice(w, 'demo-operator-2');
    const panel = (page, title) => page.locator('section.o-panel', { has: page.getByRole('heading', { name: title, exact: true }) });
    for (const page of [anna, bo]) { await settled(page); await panel(page, '更正申请').locator('tbody tr').waitFor(); }
    assert.equal(await anna.getByText('住址写的').count(), 0, 'what she says is for who takes it');
    await w.docs(anna, 'office-queue-people', true);
    await panel(anna, '更正申请').getByRole('button', { name: /^认领/ }).click();
    const dialog = anna.getByRole('dialog');
    await dialog.getByText('住址写的还是旧的。').waitFor();
    await dialog.getByText('13800000000').waitFor();
    await panel(bo, '更正申请').getByRole('button', { name: /^认领/ }).click();
    await refused(bo, '正由其他人员处理');
    await w.docs(bo, 'office-queue-taken', true);
    await anna.locator('#answer-outcome').selectOption('forwarded');
    await anna.locator('#answer-text').fill('已转长沙市公安局核实。');
    await w.accessible(anna, 'the answer to a correction');
    await w.docs(anna, 'office-correction');
    // What is typed outlives a reload, and it stays hers.
    await again(anna);
    await panel(anna, '更正申请').getByRole('button', { name: /^答复/ }).click();
    assert.equal(await anna.locator('#answer-text').inputValue(), '已转长沙市公安局核实。');
    await anna.locator('#answer-outcome').selectOption('forwarded');
    await dialog.getByRole('button', { name: '答复', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await until('nothing of it waits', async () => await panel(anna, '更正申请').count() === 0);

    await panel(bo, '核验异议').getByRole('button', { name: /^答复/ }).click();
    const other = bo.getByRole('dialog');
    await other.getByText('那天我不在长沙。').waitFor();
    await bo.locator('#answer-text').fill('窗口误用了他人的码，已通报。');
    await w.accessible(bo, 'the answer to a dispute');
    await w.docs(bo, 'office-dispute');
    await other.getByRole('button', { name: '答复', exact: true }).click();
    await other.waitFor({ state: 'detached' });
    await at('corrections');
    await hers.getByText('已转发证机关').waitFor();
    await hers.getByText('已转长沙市公安局核实。').waitFor();
    await at('look/' + id);
    await hers.getByText('异议成立').waitFor();
    await hers.getByText('窗口误用了他人的码，已通报。').waitFor();
  });

  story('office: a lost phone is killed, and its codes are refused', async (w) => {
    const who = await person(w, 'person-07');
    const mobile = await (await Phone.register(who)).fill('resident-id', 'identity', 2);
    assert.equal((await scan(w, await mobile.show())).outcome, 'valid');
    const anna = await openOffice(w, 'demo-operator', { at: '#devices' });
    // A number that nobody has: she is told to compare it, and nothing was done.
    await anna.locator('#kill-what').fill('110101194910010018');
    await anna.getByRole('button', { name: '作废设备密钥' }).click();
    await confirm(anna, { reason: '来电挂失', button: '作废设备密钥' });
    await anna.getByText('没有在用的密钥。').waitFor();
    await w.docs(anna, 'office-devices-none');
    await anna.getByRole('button', { name: '一台设备' }).click();
    await anna.locator('#kill-what').fill(mobile.id);
    await anna.getByRole('button', { name: '作废设备密钥' }).click();
    await anna.getByRole('dialog').locator('#confirm-reason').fill('来电挂失，已核实');
    await w.accessible(anna, 'a device is killed');
    await w.docs(anna, 'office-device-kill');
    await confirm(anna, { button: '作废设备密钥' });
    await anna.getByText('作废了 1 把密钥。').waitFor();
    await w.docs(anna, 'office-devices-killed');
    const found = await scan(w, await mobile.show());
    assert.deepEqual([found.outcome, found.reasons.map((r) => r.code ?? r)], ['invalid', ['offline-revoked']]);
    const mine = (await who.call('GET', '/v1/wallet/devices')).devices.find((d) => d.id === mobile.id);
    assert.equal(mine.killed_by, 'operator', 'and she sees by whom');
    await assert.rejects(mobile.fill('resident-id', 'identity', 1), /device-killed/);
  });

  story('office: what offline checks were at odds about is one click away', async (w) => {
    const who = await person(w, 'person-09');
    const mobile = await (await Phone.register(who)).fill('resident-id', 'identity', 2);
    // The same proof at two counters without a network, and one whose phone was lost before.
    const settle = async (client, purpose, code) => {
      const r = await fetch(w.demo.base + '/v1/verifications/offline', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID(), Authorization: 'Bearer ' + tool(w, 'token', '--client', client).said.trim() },
        body: JSON.stringify({ checks: [{ code, purpose, outcome: 'valid', checked_at: new Date().toISOString(), bundle_as_of: new Date().toISOString() }] }) });
      return (await r.json()).checks[0];
    };
    const twice = await mobile.show();
    assert.deepEqual((await settle('changsha-service-hall', 'identity-check', twice)).conflicts, []);
    assert.deepEqual((await settle('demo-hotel', 'hotel-check-in', twice)).conflicts, ['conflict-shown-elsewhere']);
    await who.call('DELETE', '/v1/wallet/devices/' + mobile.id);
    assert.ok((await settle('changsha-service-hall', 'identity-check', await mobile.show())).conflicts.includes('conflict-revoked-before'));

    const page = await openOffice(w, 'demo-auditor', { at: '#monitor' });
    await page.getByRole('link', { name: '离线核验补报后发现的不一致' }).click();
    await page.getByText('同一个离线码还在别处出示过。').first().waitFor();
    await page.getByText('核验时该离线码已被撤销。').first().waitFor();
    assert.equal(await page.locator('.o-saved [aria-current]').textContent(), '离线核验不一致');
    await settled(page);
    const kinds = await page.locator('.o-table .mono', { hasText: /^[a-z]+\.[a-z]+$/ }).allTextContents();
    assert.deepEqual([...new Set(kinds)], ['verification.conflict']);
    await w.accessible(page, 'what is at odds');
    await w.docs(page, 'office-audit-conflicts');
    // Another of the saved searches, that finds nothing.
    await page.getByRole('link', { name: '作废的设备' }).click();
    await page.locator('.o-table .mono', { hasText: 'device.killed' }).first().waitFor();
    await page.locator('#a-actor').fill('nobody');
    await page.getByRole('button', { name: '查询', exact: true }).click();
    await page.locator('.empty').waitFor();
    await w.docs(page, 'office-audit-empty');
    // Operators do not read the log: they are told who does.
    const anna = await openOffice(w, 'demo-operator', { at: '#monitor' });
    await anna.getByText('由审计人员在审计日志中查看').waitFor();
    assert.equal((await api(w, 'demo-operator', 'GET', '/v1/audit/events?kind=verification.conflict')).status, 403);
  });
};
