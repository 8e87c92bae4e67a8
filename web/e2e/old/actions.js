// signIn goes to the identity provider and back.
async function signIn(page, login) {
  await page.locator('#providers a').first().click();
  await page.locator('.person', { hasText: login }).click();
  await page.locator('#cards').waitFor();
}

async function choose(page, card, view) {
  await page.locator('#list .card', { hasText: card }).first().click();
  await page.locator('#choose').waitFor();
  if (view) await page.locator(`input[name=view][value="${view}"]`).check();
}

async function showCode(page) {
  await page.locator('#show').click();
  return nextCode(page, '');
}

// nextCode is the text under the picture, once it is another than the one given.
function nextCode(page, before, ms) {
  return until('a code on the page', async () => {
    const t = (await page.locator('#text').textContent()).replace(/\s/g, '');
    return t && t !== before && await page.locator('#image').isVisible() && await page.evaluate(() => document.getElementById('image').complete) ? t : '';
  }, ms);
}

async function openDesk(page, checker = 'changsha-service-hall', purpose = 'identity-check') {
  await page.locator('#checker option').first().waitFor({ state: 'attached' });
  await page.locator('#checker').selectOption(checker);
  await page.locator('#purpose').selectOption(purpose);
  await page.locator('#setup-form button').click();
  await page.locator('#desk').waitFor();
}

// gun types like a scanner: fast, into whatever has the focus.
async function gun(page, text, enter = true) {
  await page.keyboard.type(text, { delay: 2 });
  if (enter) await page.keyboard.press('Enter');
}

async function verdict(page) {
  await page.locator('#result').waitFor();
  return (await page.locator('#outcome').getAttribute('class')).replace('outcome ', '');
}

module.exports = { World, signIn, choose, showCode, nextCode, openDesk, gun, verdict };
