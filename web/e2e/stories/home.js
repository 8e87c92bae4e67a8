'use strict';
// The first page, and where somebody lands who points a phone's own camera at a code.
const assert = require('node:assert/strict');
const { until } = require('../stage.js');

module.exports = (story) => {
  story('home: three doors, in both languages and modes, on the smallest phone too', async (w) => {
    const page = await w.page('/', { width: 390, height: 844 });
    await page.locator('.doors a').nth(2).waitFor();
    await w.accessible(page, 'home');
    await w.docs(page, 'home');
    await page.setViewportSize({ width: 320, height: 568 });
    await page.getByRole('button', { name: '关怀版' }).click();
    await page.locator('.tool[lang=en]').click();
    await w.accessible(page, 'home in care mode, English, at 320 pixels');
    // What is chosen here is chosen in another tab that is open, and for whoever comes through a door.
    const other = await page.context().newPage();
    await other.goto(w.demo.base + '/check');
    await until('the other tab is in English', () => other.evaluate(() => document.documentElement.lang === 'en'));
    await page.locator('.tool[lang^=zh]').click();
    await until('the other tab changes with it', () => other.evaluate(() => document.documentElement.lang === 'zh-CN' && document.documentElement.dataset.mode === 'care'));
    await page.locator('.doors a').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('.w-signin').waitFor();
  });

  story('home: a code that a phone camera opened as an address says what it is for', async (w) => {
    const page = await w.page('/S/SC1NONSENSE', { width: 390, height: 844 });
    await page.locator('.doors a').waitFor();
    await w.accessible(page, 'a scanned code');
    await w.docs(page, 'scanned');
    assert.ok(!(await page.content()).includes('NONSENSE'), 'the code in the address is not looked at');
  });
};
