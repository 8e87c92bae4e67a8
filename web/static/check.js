// The check page: a counter scans, types, pastes or photographs a code and reads one word.
(function () {
  'use strict';
  const s = window.showcard, byId = s.byId, put = s.put, make = s.make, both = s.both, show = s.show, api = s.api, option = s.option;
  const TICKET = /SC1[0-9A-Z]{4}[A-Z2-7]{26}[0-9A-Z]/;
  const clearAfter = 60; // seconds without anybody touching anything; then the customer's data goes
  const ignoreRepeat = 3000; // ms: guns read twice
  const desk = { checkers: [], checker: null, purpose: '', token: '', tokenUntil: 0, busy: false, last: '', lastAt: 0, touched: 0, timer: 0, portrait: '' };
  const scan = byId('scan');
  const coarse = window.matchMedia && window.matchMedia('(pointer: coarse)').matches;

  function fail(e) {
    s.tell(byId('error'), e && e.title ? e : new s.Trouble('page', 0, { zh: '页面出错了。', en: 'This page failed.' }, { zh: '请刷新。', en: 'Please reload.' }));
  }

  // --- setup ---------------------------------------------------------------------------------

  async function setup() {
    if (!s.demo) return;
    try {
      desk.checkers = (await api('GET', '/demo/checkers')).data.checkers;
    } catch (e) { return fail(e); }
    put(byId('checker'));
    desk.checkers.forEach(function (c) { byId('checker').append(option(c.client_id, c.name.zh + ' · ' + c.name.en)); });
    const before = s.kept.get('checker');
    if (desk.checkers.some(function (c) { return c.client_id === before; })) byId('checker').value = before;
    byId('checker').addEventListener('change', offerPurposes);
    offerPurposes();
    byId('setup-h').focus({ preventScroll: true });
  }

  function offerPurposes() {
    const c = desk.checkers.find(function (one) { return one.client_id === byId('checker').value; });
    put(byId('purpose'));
    (c ? c.purposes : []).forEach(function (p) { byId('purpose').append(option(p.code, p.name.zh + ' · ' + p.name.en)); });
    const before = s.kept.get('purpose');
    if (c && c.purposes.some(function (p) { return p.code === before; })) byId('purpose').value = before;
  }

  byId('setup-form').addEventListener('submit', async function (e) {
    e.preventDefault();
    show(byId('error'), false);
    desk.purpose = byId('purpose').value.trim();
    put(byId('desk-h'));
    if (s.demo) {
      desk.checker = desk.checkers.find(function (one) { return one.client_id === byId('checker').value; });
      if (!desk.checker) return;
      desk.token = '';
      s.kept.set('checker', desk.checker.client_id);
      s.kept.set('purpose', desk.purpose);
      const p = desk.checker.purposes.find(function (one) { return one.code === desk.purpose; });
      byId('desk-h').append(make('strong', '', s.text(desk.checker.name)), ' · ', s.text(p.name));
    } else {
      desk.token = byId('token').value.trim();
      byId('token').value = '';
      byId('desk-h').append(make('strong', '', desk.purpose));
    }
    try { await Promise.all([token(), s.full()]); } catch (err) { return fail(err); }
    if (s.demo) offerTypes(await s.full());
    show(byId('setup'), false);
    show(byId('desk'), true);
    clear();
    s.awake(true);
    scan.focus();
  });

  byId('change').addEventListener('click', function () {
    clear();
    desk.token = '';
    s.awake(false);
    show(byId('desk'), false);
    show(byId('setup'), true);
    byId('setup-h').focus();
  });

  // The demo's server makes the exchange with the checker's key; the token stays in this memory.
  async function token() {
    if (!s.demo || desk.token && Date.now() < desk.tokenUntil) return desk.token;
    const r = await api('POST', '/demo/checker-token', { body: { client_id: desk.checker.client_id } });
    desk.token = r.data.access_token;
    desk.tokenUntil = Date.now() + Math.max(10, r.data.expires_in - 60) * 1000;
    return desk.token;
  }

  // --- what else is asked for ------------------------------------------------------------------

  // A counter that needs more than people mostly show says so before the scan: a scan spends the code.
  function offerTypes(c) {
    const may = (desk.checker.fields || {})[desk.purpose] || {};
    put(byId('extra-type'), option('', '— 不另要 · nothing more'));
    Object.keys(may).forEach(function (id) {
      const t = s.typeOf(c, id);
      byId('extra-type').append(option(id, t ? t.name[0] + ' · ' + t.name[1] : id));
    });
    byId('extra-type').onchange = function () {
      const id = byId('extra-type').value, t = s.typeOf(c, id);
      put(byId('extra-fields'));
      (may[id] || []).forEach(function (n) {
        const input = make('input'), f = s.fieldOf(t, n);
        input.type = 'checkbox';
        input.value = n;
        input.addEventListener('change', countExtra);
        byId('extra-fields').append(make('label', 'view', input, make('span', 'grow', both(f.l[0], f.l[1]))));
      });
      countExtra();
    };
    byId('extra-type').onchange();
    byId('extra').open = false;
  }

  function extra() {
    if (!s.demo) return byId('extra-names').value.trim().split(/\s+/).filter(Boolean);
    return Array.prototype.map.call(byId('extra-fields').querySelectorAll('input:checked'), function (i) { return i.value; });
  }

  function countExtra() { put(byId('extra-n'), extra().length ? '(' + extra().length + ')' : ''); }

  // settle waits for the holder's answer. Whatever it is, the check then goes on by itself.
  async function settle(pending) {
    const end = Date.parse(pending.expires_at);
    const tick = setInterval(function () {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      note(both('正在手机上征求持证人同意……（' + left + ' 秒）', 'The holder is being asked on her phone… (' + left + ' s)'));
    }, 500);
    try {
      for (let failures = 0; ;) {
        try {
          const r = await api('GET', '/v1/verifications/' + encodeURIComponent(pending.id) + '?wait=20', { token: await token(), timeout: 30000 });
          if (r.data.state !== 'pending') return r.data;
        } catch (e) {
          if (e.status === 401 && s.demo && !failures) desk.token = '';
          else if (e.status !== 0 && e.status !== 503 || failures > 20) throw e;
          failures++;
          await pause(Math.max(1000, (e.wait || 0) * 1000));
        }
      }
    } finally { clearInterval(tick); }
  }

  // --- input -----------------------------------------------------------------------------------

  // A gun types as fast as it can and may or may not end with Enter. Under an input method its
  // letters arrive as a composition, and Enter only ends that. So: Enter submits, and so does a
  // whole code after a short silence, and so does anything that came faster than people type.
  let silence = 0, first = 0, lastKey = 0, keys = 0;

  function plain(v) { return v.normalize('NFKC').toUpperCase().replace(/[^!-~]/g, ''); }

  scan.addEventListener('input', function (e) {
    const t = performance.now();
    if (t - lastKey > 200 || scan.value.length <= 1) { first = t; keys = 0; }
    keys++;
    lastKey = t;
    clearTimeout(silence);
    if (e.isComposing) return;
    waitForSilence();
  });
  scan.addEventListener('compositionend', function () {
    clearTimeout(silence);
    waitForSilence();
  });

  function waitForSilence() {
    const burst = keys >= 6 && (lastKey - first) / (keys - 1) < 40;
    if (TICKET.test(plain(scan.value)) || burst) silence = setTimeout(submit, 350);
  }

  byId('scan-form').addEventListener('submit', function (e) {
    e.preventDefault();
    submit();
  });

  function submit() {
    clearTimeout(silence);
    const raw = scan.value.trim();
    scan.value = '';
    keys = 0;
    if (raw === '') return;
    let code = plain(raw);
    const found = TICKET.exec(code);
    // The gun fired twice into one line.
    if (found && found[0] + found[0] === code) code = found[0];
    if (desk.busy || code === desk.last && Date.now() - desk.lastAt < ignoreRepeat) {
      note(code === desk.last ? both('同一个码扫了两次，只算一次。', 'The same code was scanned twice; it counts once.') :
        both('上一个还没核验完，请再扫一次。', 'The last one is still being checked; please scan again.'));
      return;
    }
    verify({ code: found && found[0] === code ? code : raw.slice(0, 4000) }, code);
  }

  // Keys that reach no other control belong to the gun, wherever the focus was left.
  document.addEventListener('keydown', function (e) {
    touch();
    if (!e.key || byId('desk').hidden || e.ctrlKey || e.metaKey || e.altKey) return;
    const on = e.target.tagName;
    if (on === 'INPUT' && e.target.type !== 'file' || on === 'SELECT' || on === 'TEXTAREA') return;
    if (e.key === ' ' || e.key.length !== 1 && e.keyCode !== 229) return;
    scan.focus();
  });
  document.addEventListener('pointerdown', touch);
  document.addEventListener('touchstart', touch, { passive: true });
  document.addEventListener('click', function (e) {
    if (!byId('desk').hidden && !coarse && !e.target.closest('a,button,input,select,label,summary,details,dl,table')) scan.focus();
  });
  window.addEventListener('focus', ready);

  function ready() { if (!byId('desk').hidden && !coarse && document.activeElement === document.body) scan.focus(); }

  function note(content) {
    put(byId('busy'), content);
    show(byId('busy'), true);
  }

  // --- pictures ----------------------------------------------------------------------------------

  byId('picture').addEventListener('change', function () {
    const f = byId('picture').files[0];
    byId('picture').value = '';
    if (f) picture(f);
  });
  document.addEventListener('paste', function (e) {
    if (byId('desk').hidden || !e.clipboardData) return;
    const f = Array.prototype.find.call(e.clipboardData.files || [], function (one) { return /^image\//.test(one.type); });
    if (f) { e.preventDefault(); picture(f); } else if (document.activeElement === document.body) scan.focus();
  });
  ['dragover', 'drop'].forEach(function (kind) {
    document.addEventListener(kind, function (e) {
      if (byId('desk').hidden) return;
      e.preventDefault();
      byId('drop').classList.toggle('over', kind === 'dragover');
      if (kind === 'drop' && e.dataTransfer.files.length) picture(e.dataTransfer.files[0]);
    });
  });
  document.addEventListener('dragleave', function () { byId('drop').classList.remove('over'); });

  async function picture(file) {
    if (desk.busy) return;
    try {
      verify({ image: await shrink(file) }, '');
    } catch (e) {
      refused(new s.Trouble('image-format', 0, { zh: '这个文件不是能打开的图片。', en: 'This file is not a picture that can be opened.' },
        { zh: '请换一张 PNG 或 JPEG 图片。', en: 'Choose a PNG or JPEG picture.' }));
    }
  }

  // shrink gives base64 of a JPEG with at most 2,000 pixels a side, on white.
  async function shrink(file) {
    const url = URL.createObjectURL(file);
    try {
      const image = new Image();
      await new Promise(function (resolve, reject) {
        image.onload = resolve;
        image.onerror = reject;
        image.src = url;
      });
      const w = image.naturalWidth || 1000, h = image.naturalHeight || 1000, scale = Math.min(1, 2000 / Math.max(w, h));
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.round(w * scale));
      canvas.height = Math.max(1, Math.round(h * scale));
      const g = canvas.getContext('2d');
      g.fillStyle = '#fff';
      g.fillRect(0, 0, canvas.width, canvas.height);
      g.drawImage(image, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL('image/jpeg', 0.92).split(',')[1];
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  // --- the check ---------------------------------------------------------------------------------

  function random() {
    const b = crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(b, function (x) { return ('0' + x.toString(16)).slice(-2); }).join('');
  }

  function pause(ms) { return new Promise(function (resolve) { setTimeout(resolve, ms); }); }

  async function verify(what, code) {
    desk.busy = true;
    clear();
    note(both('正在核验……', 'Checking…'));
    const body = Object.assign({ purpose: desk.purpose }, what), more = extra();
    if (more.length) body.fields = more;
    // An answer lost on its way is asked for again under the same key and is the same answer.
    const key = random();
    let answer = null, trouble = null, renewed = false;
    for (let tries = 0; tries < 3 && !answer; tries++) {
      try {
        answer = (await api('POST', '/v1/verifications', { body: body, token: await token(), key: key, timeout: 20000 })).data;
      } catch (e) {
        trouble = e;
        if (e.status === 401 && s.demo && !renewed) {
          renewed = true;
          desk.token = '';
        } else if (e.status !== 0 && e.status !== 503) {
          break;
        } else if (tries < 2) {
          await pause(Math.max(700 * (tries + 1), (e.wait || 0) * 1000));
        }
      }
    }
    if (answer && answer.state === 'pending') {
      try { answer = await settle(answer); } catch (e) { answer = null; trouble = e; }
    }
    desk.busy = false;
    desk.last = code;
    desk.lastAt = Date.now();
    show(byId('busy'), false);
    try {
      if (answer) await tellAnswer(answer);
      else refused(trouble);
    } catch (e) { fail(e); }
    if (!coarse) scan.focus({ preventScroll: true });
    else scan.blur();
  }

  function word(outcome) {
    const w = s.outcomes[outcome] || s.outcomes.indeterminate;
    byId('outcome').className = 'outcome ' + outcome;
    put(byId('sign'), s.sign(s.outcomes[outcome] ? outcome : 'indeterminate'));
    byId('word-zh').textContent = w[0];
    byId('word-en').textContent = w[1];
  }

  function reason(title, next) {
    byId('reasons').append(make('li', '', make('strong', '', s.text(title)), make('span', 'next', '→ ', s.text(next))));
  }

  function reveal(spoken) {
    show(byId('split'), byId('type').textContent !== '' || byId('claims').children.length > 0);
    show(byId('checks-part'), byId('checks').children.length > 0);
    byId('desk').classList.add('answered');
    show(byId('result'), true);
    put(byId('say'), spoken);
    byId('result').scrollIntoView({ block: 'nearest' });
    touch();
    clearInterval(desk.timer);
    desk.timer = setInterval(countDown, 1000);
  }

  // refused: the request was not carried out, so nothing is said of the certificate.
  function refused(e) {
    clear();
    word('refused');
    reason(e.title || { zh: '系统没有正常回答。', en: 'The system did not answer as it should.' }, e.next || { zh: '请再试一次。', en: 'Please try again.' });
    reveal(both('未能核验。' + byText(e.title, 'zh'), 'Not checked. ' + byText(e.title, 'en')));
  }

  function byText(t, lang) { return t ? t[lang] : ''; }

  async function tellAnswer(a) {
    const c = await s.full();
    const version = Number((/\/(\d+)$/.exec(a.vct || '') || [])[1]) || 0;
    const type = a.type ? s.typeOf(c, a.type, version) : null;
    clear();
    word(a.outcome);
    a.reasons.forEach(function (r) { reason(r.title, r.next); });
    put(byId('type'), type ? both(type.name[0], type.name[1]) : a.type || '');
    const said = a.consent && { yes: ['持证人已同意：', 'The holder agreed to: '], no: ['持证人没有同意：', 'The holder did not agree to: '],
      lapsed: ['持证人没有回答：', 'The holder did not answer about: '], refused: ['持证人已撤回同意：', 'The holder has withdrawn consent for: '] }[a.consent.answer];
    if (said) put(byId('consent'), both(said[0], said[1]), s.names(type, a.consent.asked));
    show(byId('consent'), !!said);
    const claims = a.claims || {};
    const order = type ? type.fields.map(function (f) { return f.n; }) : [];
    Object.keys(claims).sort(function (x, y) { return order.indexOf(x) - order.indexOf(y); }).forEach(function (n) {
      if (n === 'portrait_digest') return; // the picture itself stands beside
      const f = s.fieldOf(type, n);
      s.row(byId('claims'), both(f.l[0], f.l[1]), s.value(c, f, claims[n]));
    });
    Object.keys(a.live || {}).forEach(function (n) {
      const f = s.fieldOf(type, n);
      s.row(byId('live-values'), both(f.l[0], f.l[1]), s.value(c, f, a.live[n]));
    });
    show(byId('live'), !!a.live);
    put(byId('live-at'), a.live_at ? s.when(a.live_at) : '');
    checks(a);
    if (a.portrait && a.outcome !== 'invalid') portrait(a.id); // no face to compare where nothing is to be accepted
    const w = s.outcomes[a.outcome] || s.outcomes.indeterminate;
    const spoken = make('span', '', both(w[0], w[1].toLowerCase()));
    a.reasons.forEach(function (r) { spoken.append(' ', s.text(r.title)); });
    reveal(spoken);
  }

  const stateWords = {
    passed: ['✓', '通过', 'passed'], failed: ['✕', '未通过', 'failed'], unknown: ['?', '无法确认', 'unknown'], 'not-checked': ['–', '未检查', 'not checked']
  };
  const endings = { suspended: ['暂扣', 'suspended'], withdrawn: ['撤销', 'withdrawn'], cancelled: ['注销', 'cancelled'], lapsed: ['失效', 'lapsed'], transferred: ['转出', 'transferred'], revoked: ['吊销', 'revoked'] };
  const bound = { provider: ['由证照包服务方担保', 'vouched for by the wallet provider'], device: ['绑定持证人设备', 'bound to the holder\'s device'], none: ['未绑定', 'not bound'] };
  const methods = { 'sign-in': ['登录', 'sign-in'], oidc: ['统一身份认证', 'identity provider'], passkey: ['通行密钥', 'passkey'], clerk: ['窗口比对', 'compared by the clerk'], 'face-service': ['人脸服务', 'face service'] };

  function checks(a) {
    const said = {};
    a.reasons.forEach(function (r) { said[r.code] = r.title; });
    put(byId('checks'));
    const line = function (zh, en, check, details) {
      const st = stateWords[check.state] || stateWords['not-checked'];
      const td = make('td');
      details.filter(Boolean).concat(check.reason ? [said[check.reason] ? s.text(said[check.reason]) : check.reason] : []).forEach(function (d) { td.append(make('div', '', d)); });
      const th = make('th', '', both(zh, en));
      th.scope = 'row';
      byId('checks').append(make('tr', '', th, make('td', 'state ' + check.state, st[0] + ' ', both(st[1], st[2])), td));
    };
    const named = function (table, v) { return v ? table[v] ? both(table[v][0], table[v][1]) : v : null; };
    const day = function (t) { return t ? s.when(t).slice(0, 10) : ''; };
    line('签名', 'Signature', a.signature, [a.signature.algorithm]);
    line('发证机关', 'Issuer', a.issuer, [a.issuer.name ? s.text(a.issuer.name) : null, a.issuer.authority]);
    line('本凭证有效期', 'Validity of this copy', a.validity, [a.validity.not_before || a.validity.expires ? (day(a.validity.not_before) || '…') + ' – ' + (day(a.validity.expires) || '…') : null]);
    line('证照状态', 'Status', a.status, [a.status.ending ? make('span', '', named(endings, a.status.ending.state), ' ' + s.when(a.status.ending.at)) : null,
      a.status.as_of ? make('span', '', both('截至', 'as of'), ' ' + s.when(a.status.as_of)) : null]);
    line('持证人出示', 'Shown by the holder', a.holder, [named(bound, a.holder.bound)]);
    line('本人', 'Person', a.person, [named(methods, (a.person.method || '').split(':')[0]), a.person.at ? s.when(a.person.at) : null]);
    put(byId('record'), both('核验编号 ' + a.id + '，', 'Verification ' + a.id + ', '), s.when(a.checked_at));
  }

  async function portrait(id) {
    const at = desk.touched;
    try {
      const r = await api('GET', '/v1/verifications/' + encodeURIComponent(id) + '/portrait', { token: await token(), blob: true, accept: 'image/*' });
      if (byId('result').hidden || !byId('record').textContent.includes(id)) return; // another customer by now
      desk.portrait = URL.createObjectURL(r.data);
      byId('portrait-image').src = desk.portrait;
      byId('portrait-image').alt = '证照相片 / portrait on the certificate';
      show(byId('portrait'), true);
      if (desk.touched === at) touch();
    } catch (e) { /* the check stands without it */ }
  }

  // --- privacy ---------------------------------------------------------------------------------

  function touch() { desk.touched = Date.now(); }

  function countDown() {
    const left = Math.ceil(clearAfter - (Date.now() - desk.touched) / 1000);
    if (left <= 0) { clear(); ready(); return; }
    put(byId('clearing'), both(left + ' 秒无操作后自动清除', 'cleared after ' + left + ' s without activity'));
  }

  function clear() {
    clearInterval(desk.timer);
    byId('desk').classList.remove('answered');
    show(byId('result'), false);
    show(byId('busy'), false);
    show(byId('error'), false);
    show(byId('portrait'), false);
    show(byId('live'), false);
    show(byId('consent'), false);
    byId('portrait-image').removeAttribute('src');
    if (desk.portrait) URL.revokeObjectURL(desk.portrait);
    desk.portrait = '';
    ['say', 'reasons', 'type', 'consent', 'claims', 'live-values', 'checks', 'record', 'clearing'].forEach(function (id) { put(byId(id)); });
    byId('checks-part').open = false;
  }

  byId('next').addEventListener('click', function () {
    clear();
    desk.last = '';
    window.scrollTo(0, 0);
    scan.focus();
  });

  setup();
})();
