'use strict';
// Operators: what one wants another approves, in a browser of her own; the freeze switch; the live picture; the ratings.
const assert = require('node:assert/strict');
const { until } = require('../stage.js');
const { api, confirm, openOffice, settled, visit } = require('../officework.js');

module.exports = (story) => {
  story('office: a party is registered by one operator and released by another', async (w) => {
    const anna = await openOffice(w, 'demo-operator');
    const bo = await openOffice(w, 'demo-operator-2');
    await visit(anna, 'parties/+');
    await anna.locator('#p-id').fill('story-library');
    await anna.locator('#p-zh').fill('虚构图书馆');
    await anna.locator('#p-en').fill('Fictional Library');
    await anna.locator('#g-type-0').selectOption('resident-id');
    await anna.locator('#g-purposes-0').fill('library-card');
    await anna.getByRole('checkbox', { name: '姓名' }).check();
    // What is typed outlives a reload.
    await anna.reload();
    await settled(anna);
    assert.equal(await anna.locator('#p-zh').inputValue(), '虚构图书馆');
    await anna.locator('#p-contact').fill('总机');
    await anna.locator('#b-library-card').fill('借阅协议 2026-1');
    await anna.locator('#bz-library-card').fill('办理借阅证');
    await anna.locator('#p-reason').fill('协议 2026-1');
    await w.accessible(anna, 'the form of a party');
    await anna.evaluate(() => scrollTo(0, 0));
    await w.docs(anna, 'office-party-form', true);
    await anna.getByRole('button', { name: '提交登记' }).click();
    await anna.locator('.o-head .o-badge.warn').waitFor();
    await anna.getByText('须由另一位运营人员处理').waitFor();
    assert.equal(await anna.getByRole('button', { name: '同意', exact: true }).count(), 0, 'nobody reviews her own');
    // The other one finds it in her queue.
    await bo.getByRole('button', { name: '刷新' }).click();
    await bo.getByRole('button', { name: '审核 story-library' }).waitFor();
    await w.docs(bo, 'office-queue-waiting');
    await w.accessible(bo, 'the queue');
    await bo.getByRole('button', { name: '审核 story-library' }).click();
    await bo.getByRole('button', { name: '同意', exact: true }).waitFor();
    await w.docs(bo, 'office-party-review');
    await bo.getByRole('button', { name: '同意', exact: true }).click();
    await w.docs(bo, 'office-party-approve');
    await confirm(bo, { reason: '已核对', button: '同意' });
    await bo.getByRole('button', { name: '启用' }).click();
    await confirm(bo, { reason: '协议 2026-1', button: '启用' });
    await until('it is released', async () => (await api(w, 'demo-operator', 'GET', '/v1/registry/parties')).body.parties.find((p) => p.id === 'story-library').state === 'released');
    // Somebody else was quicker: what is on the page of the first is said to be outdated.
    await anna.getByRole('button', { name: '注销', exact: true }).click();
    await confirm(anna, { reason: '不再合作', word: 'story-library', button: '注销' });
    await anna.getByText('已提交，须由另一位运营人员同意（待办）。').waitFor();
    await visit(anna, 'queue');
    await anna.getByText('须由另一位运营人员处理').waitFor();
    await visit(bo, 'parties');
    await visit(bo, 'queue');
    await bo.getByRole('button', { name: /^同意: .*story-library/ }).click();
    // While she reads it, the first one takes it back.
    await anna.getByRole('button', { name: /^撤回: .*story-library/ }).click();
    await confirm(anna, { reason: '看错了', button: '撤回' });
    await bo.getByRole('dialog').locator('#confirm-reason').fill('同意');
    await bo.getByRole('dialog').getByRole('button', { name: '同意', exact: true }).click();
    await bo.getByRole('dialog').getByRole('alert').waitFor();
    await w.docs(bo, 'office-approve-late');
    await bo.keyboard.press('Escape');
    await bo.getByRole('dialog').waitFor({ state: 'detached' });
  });

  story('office: a type is frozen by two and thawed by two', async (w) => {
    const anna = await openOffice(w, 'demo-operator', { at: '#freeze' });
    const bo = await openOffice(w, 'demo-operator-2', { at: '#freeze' });
    const frozen = async () => (await api(w, 'demo-operator', 'GET', '/v1/registry/types')).body.types.find((t) => t.id === 'business-licence').frozen === true;
    await anna.getByRole('button', { name: '冻结……' }).click();
    await anna.locator('#freeze-kind').selectOption('type');
    await anna.locator('#freeze-id').selectOption('business-licence');
    await w.docs(anna, 'office-freeze-switch');
    await w.accessible(anna, 'the freeze switch');
    await confirm(anna, { reason: '演练', word: '冻结', button: '冻结' });
    await anna.getByText('已提交，须由另一位运营人员同意。').waitFor();
    assert.equal(await frozen(), false);
    await visit(bo, 'queue');
    await w.docs(bo, 'office-queue-freeze');
    await bo.getByRole('button', { name: /^同意: 冻结/ }).click();
    await w.docs(bo, 'office-freeze-approve');
    await confirm(bo, { reason: '电话核实', button: '同意' });
    await until('it is frozen', frozen);
    await anna.reload();
    await settled(anna);
    await anna.locator('[data-frozen="type business-licence"]').waitFor();
    await w.accessible(anna, 'what is frozen');
    await w.docs(anna, 'office-frozen');
    await anna.getByRole('button', { name: '解冻 business-licence' }).click();
    await confirm(anna, { reason: '演练结束', word: '解冻', button: '解冻' });
    await visit(bo, 'freeze');
    await bo.reload();
    await settled(bo);
    await bo.getByRole('button', { name: /^同意: 解冻/ }).click();
    await confirm(bo, { reason: '演练结束', button: '同意' });
    await until('it is thawed', async () => !(await frozen()));
  });

  story('office: a workstation is entered from its card', async (w) => {
    const anna = await openOffice(w, 'demo-operator', { at: '#clients/+' });
    await settled(anna);
    await anna.locator('#card').fill('{"kind":"showcard-workstation","jwk":{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"c"}}');
    await anna.getByRole('alert').filter({ hasText: '私钥' }).waitFor();
    await w.docs(anna, 'office-workstation-private');
    const jwk = await anna.evaluate(async () => {
      const k = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
      const { x, y } = await crypto.subtle.exportKey('jwk', k.publicKey);
      return { kty: 'EC', crv: 'P-256', x, y };
    });
    await anna.locator('#card').fill(JSON.stringify({ kind: 'showcard-workstation', jwk }));
    await anna.locator('#e-id').fill('story-counter');
    await anna.locator('#e-party').selectOption('demo-bank');
    await anna.locator('#e-reason').fill('新窗口');
    await w.accessible(anna, 'a workstation is entered');
    await w.docs(anna, 'office-workstation');
    await anna.getByRole('button', { name: '登记新终端' }).click();
    await anna.getByText('story-counter').waitFor();
    const { body } = await api(w, 'demo-operator', 'GET', '/v1/registry/proposals');
    assert.ok(body.proposals.some((p) => p.target === 'story-counter' && p.state === 'open'));
  });

  story('office: the live picture draws', async (w) => {
    const page = await openOffice(w, 'demo-operator', { at: '#monitor' });
    await page.locator('.o-chart svg').first().waitFor();
    await w.docs(page, 'office-monitor', true);
    await w.accessible(page, 'the live picture');
    await page.locator('.o-chart summary').first().click();
    await page.locator('.o-chart table').first().waitFor();
    // The server is gone for a moment: what was drawn stays, and is said to be old.
    await page.route('**/v1/monitor', (r) => r.abort('connectionrefused'));
    await page.locator('.o-live.off').waitFor({ timeout: 15000 });
    assert.ok(await page.locator('.o-chart svg').first().isVisible());
    assert.equal(await page.getByText('一切正常').count(), 0, 'nobody knows');
    await w.docs(page, 'office-monitor-lost');
    await page.unroute('**/v1/monitor');
    await page.locator('.o-live:not(.off)').waitFor({ timeout: 15000 });
    w.complaints = w.complaints.filter((c) => !/ERR_CONNECTION_REFUSED/.test(c));
  });
};
