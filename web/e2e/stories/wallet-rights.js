'use strict';
// What is hers to do: take her data along, have it erased, let somebody act for her company, have something put right.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { root, until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, scan, turnOn } = require('../citizen.js');
const { api } = require('../officework.js');

const phone = { width: 390, height: 844 };

// known is what is on a person's identity card, which somebody who appoints her has seen.
function known(name) {
  const rows = fs.readFileSync(path.join(root, 'testdata/push/hunan-police.ndjson'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  return rows.find((r) => r.type === 'resident-id' && r.holder.name === name).holder;
}

async function visit(w, page, view) {
  await page.goto(w.demo.base + '/wallet#' + view);
  await page.locator('main h1').waitFor();
  await page.locator('.loading').waitFor({ state: 'detached' });
}

// shown has a certificate of hers checked, and her page hear of it.
async function shown(w, page, options) {
  await choose(page, '居民身份证', 'identity');
  const answer = await scan(w, await showCode(page), options);
  assert.equal(answer.outcome, 'valid');
  await page.locator('.w-done').waitFor();
  await page.locator('.w-done .button.main').click();
  await page.locator('.w-pick').first().waitFor();
  return answer;
}

module.exports = (story) => {
  story('wallet: she takes all her data along, has it erased, and begins anew', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-13');
    await turnOn(page);
    // Somebody looked, and asked for more than she showed.
    await choose(page, '居民身份证', 'identity');
    const asked = scan(w, await showCode(page), { fields: ['address'], wait: 20 });
    await page.locator('#ask-yes').click();
    assert.equal((await asked).outcome, 'valid');
    await page.locator('.w-done .button.main').click();

    await visit(w, page, 'data');
    assert.match(await page.innerText('main'), /依法要留的[\s\S]*回执[\s\S]*审计日志/);
    await w.accessible(page, 'data');
    await w.docs(page, 'wallet-data', true);
    const download = page.waitForEvent('download');
    await page.locator('.panel .button.plain').click();
    const file = await download;
    assert.match(file.suggestedFilename(), /^showcard-\d{4}-\d\d-\d\d\.json$/);
    const text = fs.readFileSync(await file.path(), 'utf8');
    const all = JSON.parse(text);
    await page.locator('.notice.good', { hasText: '已保存' }).waitFor();
    assert.equal(all.complete, true);
    assert.deepEqual(all.certificates.map((c) => c.type).sort(), ['medical-insurance', 'resident-id', 'social-security-card', 'vehicle-licence']);
    assert.match(JSON.stringify(all.certificates), /黄演练/);
    assert.deepEqual([all.history.filter((l) => l.via === 'code').length, all.consents.length, all.devices.length, all.sessions.length > 0], [1, 1, 1, true]);
    assert.match(JSON.stringify(all.history), /changsha-service-hall/);
    for (const other of w.demo.people) if (other.name !== '黄演练') assert.ok(!text.includes(other.name), other.name + ' is in her export');

    // On another device of hers a code is on the screen.
    const laptop = await w.page('/wallet', phone);
    await signIn(laptop, 'person-13');
    await choose(laptop, '居民身份证', 'identity');
    const code = await showCode(laptop);

    await page.locator('.panel .button.danger').click();
    const word = page.locator('#erase-word');
    await word.waitFor();
    const yes = page.locator('.dialog button[type=submit]');
    assert.ok(await yes.isDisabled(), 'the word first');
    await w.accessible(page, 'erase');
    await w.docs(page, 'wallet-erase');
    await word.fill('删除');
    await yes.click();
    await page.locator('.notice.good', { hasText: '已删除' }).waitFor();
    await page.locator('.w-providers a').first().waitFor();
    await w.accessible(page, 'erased');
    await w.docs(page, 'wallet-erased');
    assert.equal(await page.evaluate(() => fetch('/v1/me').then((r) => r.status)), 401);
    const refused = await scan(w, code);
    assert.deepEqual([refused.outcome, refused.reasons.map((r) => r.code)], ['invalid', ['code-closed']], 'what she was showing is closed');
    await laptop.locator('.w-providers').waitFor({ timeout: 60000 }); // and that page is signed out

    await signIn(page, 'person-13');
    await page.locator('.w-offer').waitFor(); // offline codes are off again
    await page.locator('.w-tabs a').nth(1).click();
    await page.locator('.empty', { hasText: '还没有人看过' }).waitFor();
    await w.docs(page, 'wallet-history-empty');
    for (const view of ['consents', 'devices', 'corrections', 'passkeys', 'reviews', 'companies']) {
      await visit(w, page, view);
      await page.locator('.empty').waitFor();
      await w.docs(page, 'wallet-' + view + '-empty', true);
    }
  });

  story('wallet: a representative appoints somebody who shows the licence, and removes him while it is on his screen', async (w) => {
    const boss = await w.page('/wallet', phone);
    await signIn(boss, 'person-16');
    await boss.evaluate(async () => { // of a try before this one
      const { companies } = await (await fetch('/v1/wallet/companies')).json();
      const path = '/v1/wallet/companies/' + companies[0].id + '/agents';
      for (const a of (await (await fetch(path)).json()).appointments) if (a.state !== 'removed') await fetch(path + '/' + a.id, { method: 'DELETE' });
    });
    await visit(w, boss, 'companies');
    await boss.locator('article .button.quiet', { hasText: '委托经办人' }).click();
    const who = known('石阿虚');
    await boss.locator('#agent-name').fill(who.name);
    await boss.locator('#agent-number').fill(who.number.slice(0, 17) + (who.number.endsWith('1') ? '2' : '1'));
    await boss.locator('#agent-type').selectOption('business-licence');
    await boss.locator('#agent-view').selectOption('identity');
    await boss.locator('#agent-purpose').selectOption('account-opening');
    const end = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    await boss.locator('#agent-until').fill(end);
    await boss.locator('form .button.main').click();
    await boss.locator('.field p.wrong', { hasText: '校验码' }).waitFor(); // a number that cannot be
    await w.accessible(boss, 'appoint, a wrong number');
    await w.docs(boss, 'wallet-appoint', true);
    await boss.locator('#agent-number').fill(who.number);
    await boss.locator('form .button.main').click();
    await boss.locator('.notice.good', { hasText: '已发出' }).waitFor();
    await w.docs(boss, 'wallet-appointed');
    await boss.locator('main .button', { hasText: '返回' }).last().click();
    await boss.locator('.w-list li', { hasText: '等待答复' }).waitFor();

    const agent = await w.page('/wallet', phone);
    await signIn(agent, 'person-10');
    assert.equal(await agent.locator('.w-pick', { hasText: '营业执照' }).count(), 0, 'nothing before he says yes');
    await visit(w, agent, 'companies');
    assert.match(await agent.locator('.w-offer-box').innerText(), /长沙示例餐饮管理有限公司 请您做办事人[\s\S]*营业执照[\s\S]*开立账户/);
    await w.accessible(agent, 'an offer');
    await w.docs(agent, 'wallet-offer', true);
    await agent.locator('.w-offer-box .button.plain').click();
    await agent.locator('article', { hasText: '办事人' }).locator('.button.danger').waitFor();
    await w.accessible(agent, 'acts for a company');
    await visit(w, boss, 'me');
    await visit(w, boss, 'companies');
    await boss.locator('.w-list li', { hasText: '有效' }).waitFor();
    await w.accessible(boss, 'agents');
    await w.docs(boss, 'wallet-companies', true);

    await visit(w, agent, '');
    await choose(agent, '营业执照', 'identity');
    await agent.locator('#purpose').selectOption('account-opening');
    const first = await scan(w, await showCode(agent), { client: 'demo-bank', purpose: 'account-opening' });
    assert.deepEqual([first.outcome, first.claims.name], ['valid', '长沙示例餐饮管理有限公司']);
    await agent.locator('.w-done .button.quiet').click(); // once more
    const code = await nextCode(agent, '');
    await boss.locator('.w-list li:not(.over)', { hasText: '石阿虚' }).locator('.button.danger').click();
    await w.accessible(boss, 'remove an agent');
    await w.docs(boss, 'wallet-remove-agent');
    await boss.locator('.dialog .button.danger').click();
    await boss.locator('.w-list li.over', { hasText: '已解除' }).first().waitFor();
    await agent.locator('.w-done .notice.bad').waitFor({ timeout: 8000 }); // at once: the next code was not due for longer
    assert.equal(await agent.locator('.w-picture').count(), 0);
    await w.accessible(agent, 'removed');
    await w.docs(agent, 'wallet-removed');
    const late = await scan(w, code, { client: 'demo-bank', purpose: 'account-opening' });
    assert.deepEqual([late.outcome, late.reasons.map((r) => r.code)], ['invalid', ['agency-over']]);
    await agent.locator('.w-done .button.main').click();
    await agent.locator('.w-pick').first().waitFor();
    await until('the licence is not among his', async () => await agent.locator('.w-pick', { hasText: '营业执照' }).count() === 0);
    // Her history says who showed it.
    await visit(w, boss, 'history');
    await boss.locator('.w-looks li a').first().click();
    assert.match(await boss.locator('.w-look').innerText(), /出示人[\s\S]*石阿虚/);
  });

  story('wallet: what she says is wrong is answered, and so is what she disputes', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-11');
    const check = await shown(w, page);
    await visit(w, page, 'corrections');
    await page.locator('button', { hasText: '提一个更正申请' }).click();
    const about = await page.locator('#about option', { hasText: '居民身份证' }).getAttribute('value');
    await page.locator('#about').selectOption(about);
    await page.locator('#which').selectOption('address');
    await page.locator('#says').fill('住址还是搬家以前的。');
    await page.locator('#contact').fill('138 0000 0000');
    await w.accessible(page, 'a correction');
    await w.docs(page, 'wallet-correct', true);
    await page.locator('form .button.main').click();
    await page.locator('article', { hasText: '等待处理' }).first().waitFor();
    assert.match(await page.locator('article').first().innerText(), /居民身份证 · 住址[\s\S]*搬家/);

    const due = await api(w, 'demo-operator', 'GET', '/v1/corrections');
    const mine = due.body.corrections.find((c) => c.state === 'open' && c.about.id === about.replace('certificate:', ''));
    assert.ok(mine && !('says' in mine), 'what she said is read by who claims it');
    assert.match(JSON.stringify((await api(w, 'demo-operator', 'POST', `/v1/corrections/${mine.id}/claim`)).body), /搬家/);
    assert.equal((await api(w, 'demo-operator', 'POST', `/v1/corrections/${mine.id}/answer`, { outcome: 'forwarded', answer: '已转长沙市公安局核实。' })).status, 200);
    await page.reload();
    const article = page.locator('article', { hasText: '已转发证机关' }).first();
    await article.locator('.notice', { hasText: '已转长沙市公安局核实。' }).waitFor();
    await w.accessible(page, 'an answered correction');
    await w.docs(page, 'wallet-corrections', true);

    await visit(w, page, 'look/' + check.id);
    await page.locator('button', { hasText: '提出异议' }).click();
    await page.locator('#dispute').fill('我没有去过这个大厅。');
    await w.docs(page, 'wallet-dispute', true);
    await page.locator('form button[type=submit]', { hasText: '提交异议' }).click();
    await page.locator('.notice', { hasText: '异议处理中' }).waitFor();
    const open = await api(w, 'demo-operator', 'GET', '/v1/disputes?state=open');
    const one = open.body.disputes.find((d) => d.verification === check.id);
    assert.equal((await api(w, 'demo-operator', 'POST', `/v1/disputes/${one.id}/answer`, { state: 'upheld', answer: '经查，窗口操作有误，已整改。' })).status, 200);
    await page.reload();
    await page.locator('.notice.good', { hasText: '异议成立' }).waitFor();
    assert.match(await page.locator('.notice.good', { hasText: '异议成立' }).innerText(), /没有去过[\s\S]*答复[\s\S]*已整改/);
    await w.accessible(page, 'an answered dispute');
    await w.docs(page, 'wallet-look-answered', true);
    await page.locator('.w-bar button').click();
    await page.locator('.w-looks li', { hasText: '异议成立' }).waitFor();
  });
};
