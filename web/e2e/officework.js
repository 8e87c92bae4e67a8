'use strict';
// What people do in the office's console.
const { spawnSync } = require('node:child_process');
const { until } = require('./stage.js');

const viewport = { width: 1280, height: 900 };

// openOffice sets a workstation up in a browser of its own and waits for its first section.
async function openOffice(w, as, options = {}) {
  return enter(await w.page('/office' + (options.at || ''), options.viewport || viewport, options.context), as);
}

// enter sets it up, on a page that asks as what.
async function enter(page, as) {
  await page.locator('#enrol-as').selectOption(as);
  await page.locator('form button[type=submit]').click();
  await page.locator('.o-main h1').waitFor();
  return page;
}

// visit opens a section by its address and waits until nothing is loading there.
async function visit(page, hash) {
  await page.evaluate((h) => { location.hash = h; }, hash);
  await settled(page);
}

async function settled(page) {
  await page.locator('.o-main h1').waitFor();
  await until('the section is there', () => page.evaluate(() => !document.querySelector('.o-main .loading, .o-main [aria-busy=true]')));
}

// api calls as one of the demo's clients, the way a program does: with the key files of the demo.
function token(w, client) {
  const r = spawnSync(w.demo.binary, ['token', '--data', w.demo.data, '--client', client], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error('no token: ' + r.stderr);
  return r.stdout.trim();
}

async function api(w, client, method, path, body) {
  const headers = { Authorization: 'Bearer ' + token(w, client), Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const r = await fetch(w.demo.base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await r.text();
  return { status: r.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
}

// dropFile drops a file on the page as a hand does.
async function dropFile(page, name, content) {
  const data = await page.evaluateHandle(({ name, bytes }) => {
    const t = new DataTransfer();
    t.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
    return t;
  }, { name, bytes: Buffer.from(content).toString('base64') });
  const at = page.locator('.o-drop');
  await at.dispatchEvent('dragover', { dataTransfer: data });
  await at.dispatchEvent('drop', { dataTransfer: data });
}

// confirm answers the question over the page.
async function confirm(page, { reason, word, button }) {
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  if (reason) await dialog.locator('#confirm-reason').fill(reason);
  if (word) await dialog.locator('#confirm-word').fill(word);
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

module.exports = { openOffice, enter, visit, settled, api, dropFile, confirm };
