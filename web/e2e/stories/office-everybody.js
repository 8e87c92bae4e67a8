'use strict';
// An auditor checks a proof; a relying party looks at what it may; everybody by keyboard, on a narrow screen, in both languages.
const assert = require('node:assert/strict');
const { confirm, openOffice, settled, visit } = require('../officework.js');

const all = {
  'hunan-police': ['push', 'certificates', 'types', 'types/resident-id/1'],
  'demo-bank': ['registered', 'usage', 'ratings'],
  'demo-operator': ['queue', 'parties', 'parties/demo-bank', 'parties/+', 'clients', 'trust', 'freeze', 'ratings/summary', 'devices', 'history'],
  'demo-auditor': ['audit'],
};

// The pictures of these are of the state without anything; other stories take them with something.
const without = { usage: 'usage-empty', ratings: 'ratings-own-empty', 'ratings/summary': 'ratings-empty', queue: 'queue-empty', freeze: 'freeze-none', 'parties/+': 'party-new', 'parties/demo-bank': 'party', push: 'push-empty', 'types/resident-id/1': 'type' };

const long = ['certificates', 'clients', 'history', 'audit'];
const looked = ['push', 'certificates', 'queue', 'parties/+', 'freeze', 'audit'];

module.exports = (story) => {
  story('office: the proof of an entry is checked in the page, and a forged one is not believed', async (w) => {
    const page = await openOffice(w, 'demo-auditor', { at: '#audit' });
    await settled(page);
    await page.locator('#a-kind').fill('push.'); // a few entries: axe reads each
    await page.getByRole('button', { name: '查询', exact: true }).click();
    await page.locator('.o-table .mono', { hasText: /^push\./ }).first().waitFor();
    await settled(page);
    await page.getByRole('button', { name: /^验证这条/ }).first().click();
    await page.locator('[data-verdict=good]').waitFor();
    assert.equal(await page.locator('.o-proof .o-mark.bad').count(), 0);
    assert.ok((await page.locator('.o-proof .o-mark.good').count()) >= 5, 'path, root, two signatures and the opening');
    await page.evaluate(() => scrollTo(0, 0));
    await w.docs(page, 'office-proof', true);
    await w.accessible(page, 'a proof');
    await page.locator('.tool[lang=en]').click();
    await page.setViewportSize({ width: 320, height: 640 });
    await w.accessible(page, 'a proof in English at 320 pixels');
    await page.locator('.tool[lang^=zh]').click();
    await page.setViewportSize({ width: 1280, height: 900 });
    // The same entries with one letter of the leaf changed: the hash path leads elsewhere.
    await page.route('**/v1/audit/events*', async (r) => {
      const answer = await r.fetch();
      const body = await answer.json();
      body.events.forEach((e) => { e.leaf = e.leaf.replace('"at":1', '"at":2'); });
      await r.fulfill({ response: answer, json: body });
    });
    await page.locator('#a-kind').fill('registry.');
    await page.getByRole('button', { name: '查询', exact: true }).click();
    await page.locator('.o-table .mono', { hasText: /^registry\./ }).first().waitFor();
    await settled(page);
    await page.getByRole('button', { name: /^验证这条/ }).first().click();
    await page.locator('[data-verdict=bad]').waitFor();
    await page.evaluate(() => scrollTo(0, 0));
    await w.docs(page, 'office-proof-forged', true);
  });

  story('office: a key is changed, and the old one dropped', async (w) => {
    const page = await openOffice(w, 'demo-bank', { at: '#keys' });
    await settled(page);
    await w.docs(page, 'office-keys');
    await page.getByRole('button', { name: '更换本机密钥' }).click();
    await w.docs(page, 'office-key-change');
    await page.getByRole('dialog').getByRole('button', { name: '更换本机密钥' }).click();
    await page.getByText('已启用新密钥。').waitFor();
    await w.docs(page, 'office-keys-two');
    await page.getByRole('button', { name: /^停用/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: '停用', exact: true }).click();
    await page.getByText('已停用。').waitFor();
    await page.reload();
    await settled(page);
    assert.equal(await page.locator('.o-table tbody tr').count(), 1);
  });

  story('office: every section in both languages, in care mode, at 320 pixels and at 200 per cent', async (w) => {
    const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    for (const [as, sections] of Object.entries(all)) {
      const page = await openOffice(w, as);
      for (const section of sections) {
        await visit(page, section);
        const name = (without[section] || section).replace(/\W+/g, '-');
        await w.docs(page, 'office-' + name, !long.includes(section));
        // What other stories look at with axe in Chinese need not be looked at again.
        if (!looked.includes(section)) await w.accessible(page, as + ' ' + section);
        await page.locator('.tool[lang=en]').click();
        await page.setViewportSize({ width: 640, height: 450 }); // what 200 per cent leaves of 1280 by 900
        assert.ok((await sideways(page)) <= 0, section + ' scrolls sideways at 200 per cent');
        await page.setViewportSize({ width: 320, height: 640 });
        if (section !== 'audit') await w.accessible(page, as + ' ' + section + ' in English at 320 pixels');
        if (w.pictures) await w.shot(page, 'look-320-' + name);
        await page.locator('.tool[lang^=zh]').click();
        await page.setViewportSize({ width: 1280, height: 900 });
      }
      await page.getByRole('button', { name: '关怀版' }).click();
      if (as !== 'demo-auditor') await w.accessible(page, as + ' in care mode');
    }
  });

  story('office: by keyboard alone', async (w) => {
    const page = await openOffice(w, 'demo-operator');
    const press = async (name) => {
      const link = page.getByRole('link', { name, exact: true });
      await link.focus();
      await page.keyboard.press('Enter');
      await page.locator('.o-nav [aria-current=page]', { hasText: name }).waitFor({ state: 'attached' });
      await settled(page);
    };
    await page.keyboard.press('Tab');
    await press('冻结');
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'a section takes the focus');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), '冻结……');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'freeze-kind');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), '冻结……', 'the focus goes back');
    // The dialog has the focus in the moment it is there, not a frame later: Tab may come at any time.
    assert.equal(await page.evaluate(() => new Promise((said) => {
      new MutationObserver((all, o) => { const d = document.querySelector('[role=dialog]'); if (d) { o.disconnect(); said(d.contains(document.activeElement)); } }).observe(document.body, { childList: true, subtree: true });
      document.activeElement.click();
    })), true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The menu of a narrow screen.
    await page.setViewportSize({ width: 360, height: 700 });
    await page.locator('.o-menu').focus();
    await page.keyboard.press('Enter');
    await press('信任列表');
    assert.equal(await page.locator('.o-menu').getAttribute('aria-expanded'), 'false');
  });

  story('office: what loads says so, what failed is asked for again, and nothing typed is lost', async (w) => {
    const page = await w.page('/office', { width: 1280, height: 900 });
    await page.locator('#enrol-as option').first().waitFor({ state: 'attached' });
    await w.docs(page, 'office-enrol');
    await page.locator('#enrol-as').selectOption('demo-operator');
    await page.locator('form button[type=submit]').click();
    await settled(page);
    let go;
    const held = new Promise((resolve) => { go = resolve; });
    await page.route('**/v1/registry/parties', async (r) => { await held; await r.abort('connectionrefused'); });
    await page.evaluate(() => { location.hash = 'parties'; });
    await page.locator('.o-main .loading').waitFor();
    await w.docs(page, 'office-loading');
    go();
    await page.getByRole('alert').waitFor();
    await w.accessible(page, 'a section that failed');
    await w.docs(page, 'office-failed');
    await page.unroute('**/v1/registry/parties');
    await page.getByRole('button', { name: '再试一次' }).click();
    await page.locator('.o-table').waitFor();
    // A file of the page itself does not come.
    await page.route('**/assets/trust*', (r) => r.abort('connectionrefused'));
    await page.evaluate(() => { location.hash = 'trust'; });
    await page.getByText('这个栏目没有载入。').waitFor();
    await w.docs(page, 'office-section-failed');
    await page.unroute('**/assets/trust*');
    await page.getByRole('alert').getByRole('button').click();
    await page.locator('.o-table').first().waitFor();
    // An address of somebody else's section; the server goes in the middle of a step, and what was written stays.
    await visit(page, 'parties/demo-hospital');
    await page.getByRole('button', { name: '停用', exact: true }).click();
    await page.locator('#confirm-reason').fill('协议到期');
    await page.locator('#confirm-word').fill('demo-hospital');
    await page.route('**/suspend', (r) => r.abort('connectionrefused'));
    await page.getByRole('dialog').getByRole('button', { name: '停用', exact: true }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await w.docs(page, 'office-step-failed');
    assert.equal(await page.locator('#confirm-reason').inputValue(), '协议到期');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '注销这台设备' }).click();
    await w.docs(page, 'office-leave');
    await page.getByRole('dialog').getByRole('button', { name: '取消' }).click();
    await page.evaluate(() => { location.hash = 'push'; });
    await page.getByText('您的身份没有这个栏目。').waitFor();
    await w.docs(page, 'office-no-section');
    w.complaints = w.complaints.filter((c) => !/ERR_CONNECTION_REFUSED|dynamically imported/.test(c));
  });

  story('office: a workstation that was suspended says so', async (w) => {
    const page = await openOffice(w, 'demo-hospital');
    const anna = await openOffice(w, 'demo-operator', { at: '#clients' });
    const id = (await page.locator('.o-client').textContent()).trim();
    await anna.getByRole('button', { name: '停用 ' + id }).click();
    await confirm(anna, { reason: '设备丢失', button: '停用' });
    await visit(page, 'usage');
    await page.getByRole('alert').waitFor();
    await w.accessible(page, 'a suspended workstation');
    await w.docs(page, 'office-suspended');
  });
};
