// The wallet page: sign in, choose a card, choose what may be seen, show the code.
(function () {
  'use strict';
  const s = window.showcard, byId = s.byId, put = s.put, make = s.make, both = s.both, show = s.show, api = s.api, option = s.option;
  const sections = ['signin', 'cards', 'choose', 'code', 'done', 'history'];
  const states = {
    valid: ['✓', '有效', 'valid'], suspended: ['‖', '暂扣', 'suspended'], withdrawn: ['✕', '已撤销', 'withdrawn'], cancelled: ['✕', '已注销', 'cancelled'],
    lapsed: ['✕', '已失效', 'lapsed'], transferred: ['✕', '已转出', 'transferred'], revoked: ['✕', '已吊销', 'revoked'], expired: ['!', '已过期', 'expired']
  };
  const page = { name: '', holdings: [], catalogue: null, purposes: {}, chosen: null, last: null, live: null };

  function go(name) {
    sections.forEach(function (id) { show(byId(id), id === name); });
    show(byId('loading'), false);
    show(byId('error'), false);
    window.scrollTo(0, 0);
    const h = byId(name + '-h');
    if (h) h.focus({ preventScroll: true });
  }

  function fail(e) {
    if (e.status === 401) return signIn();
    show(byId('loading'), false);
    s.tell(byId('error'), e.title ? e : new s.Trouble('page', 0, { zh: '页面出错了。', en: 'This page failed.' }, { zh: '请刷新。', en: 'Please reload.' }));
  }

  // --- sign in -------------------------------------------------------------------------------

  async function signIn() {
    stopShow();
    go('signin');
    try {
      const r = await api('GET', '/v1/sign-in/providers'), list = r.data.providers;
      put(byId('providers'));
      list.forEach(function (p) {
        const a = make('a', 'button main', s.text(p.name));
        a.href = '/v1/sign-in/' + p.id;
        byId('providers').append(make('li', '', a));
      });
      show(byId('no-provider'), list.length === 0);
    } catch (e) { fail(e); }
  }

  // --- cards ---------------------------------------------------------------------------------

  async function open() {
    const r = await Promise.all([api('GET', '/v1/wallet/holdings'), s.types(), page.name ? null : api('GET', '/v1/me')]);
    if (r[2]) page.name = r[2].data.name;
    // What can be used comes first, and her own before what she holds for a company.
    const rank = function (h) { return (ended(h) ? 2 : 0) + (h.acting ? 1 : 0); };
    page.holdings = r[0].data.holdings.sort(function (a, b) { return rank(a) - rank(b) || a.type.localeCompare(b.type); });
    page.catalogue = r[1];
    put(byId('who'), page.name ? '· ' + page.name : '');
    put(byId('list'));
    page.holdings.forEach(function (h) {
      const b = card(h, 'button');
      b.type = 'button';
      b.addEventListener('click', function () { choose(h); });
      byId('list').append(make('li', '', b));
    });
    show(byId('none'), page.holdings.length === 0);
    go('cards');
    if (s.demo) purposes();
  }

  function stateOf(h) {
    const d = new Date(), today = d.getFullYear() + '-' + ('0' + (d.getMonth() + 1)).slice(-2) + '-' + ('0' + d.getDate()).slice(-2);
    if (h.state === 'valid' && /^\d{4}-/.test(h.valid_until) && h.valid_until < today) return 'expired';
    return states[h.state] ? h.state : 'valid';
  }

  function ended(h) { return ['valid', 'suspended', 'expired'].indexOf(stateOf(h)) < 0; }

  function colour(c) { return /^#[0-9a-f]{6}$/i.test(c || '') ? c : ''; }

  function card(h, tag) {
    const type = s.typeOf(page.catalogue, h.type, h.version), state = stateOf(h), st = states[state];
    const badge = make('span', 'badge ' + (ended(h) ? 'ended' : state), make('span', '', st[0] + ' '), both(st[1], st[2]));
    const e = make(tag, 'card' + (ended(h) ? ' over' : ''), make('span', 'card-top', make('strong', '', both(h.name.zh, h.name.en)), badge));
    ((type && type.face) || []).forEach(function (name, i) {
      const f = h.fields.find(function (one) { return one.field === name; });
      if (f) e.append(make('span', i ? 'card-number' : 'card-name', s.value(page.catalogue, s.fieldOf(type, name), f.value)));
    });
    const until = h.valid_until === 'long-term' || !h.valid_until ? both('长期有效', 'no end date') : both('有效期至 ' + h.valid_until, 'until ' + h.valid_until);
    e.append(make('span', 'card-foot', make('span', '', both(h.issuer.zh, h.issuer.en)), make('span', '', until)));
    if (h.acting) e.append(make('span', 'card-acting', both('您代表该单位', 'you act for it')));
    const from = colour(h.card.background), to = colour(h.card.background_end) || from;
    if (from && !ended(h)) {
      e.style.background = 'linear-gradient(135deg,' + from + ',' + to + ')';
      e.style.color = colour(h.card.text_color);
    }
    return e;
  }

  async function purposes() {
    try {
      const r = await api('GET', '/demo/checkers');
      r.data.checkers.forEach(function (c) { c.purposes.forEach(function (p) { page.purposes[p.code] = p.name; }); });
    } catch (e) { /* the choice of a purpose is left out */ }
  }

  function purposeName(code) {
    const p = page.purposes[code];
    return p ? both(p.zh, p.en) : document.createTextNode(code || '—');
  }

  // --- choose what may be seen -----------------------------------------------------------------

  function choose(h) {
    page.chosen = h;
    const type = s.typeOf(page.catalogue, h.type, h.version);
    put(byId('face'), card(h, 'div'));
    const fewest = h.views.slice().sort(function (a, b) { return a.fields.length - b.fields.length; })[0];
    const first = h.views.find(function (v) { return v.name === 'identity'; }) || fewest; // everything is never the default
    put(byId('views'));
    h.views.forEach(function (v) {
      const input = make('input');
      input.type = 'radio';
      input.name = 'view';
      input.value = v.name;
      input.checked = v === first;
      const fields = make('span', 'fields', s.names(type, v.fields));
      byId('views').append(make('label', 'view', input, make('span', 'grow', make('strong', '', s.text(v.label)), fields)));
    });
    const codes = Object.keys(page.purposes);
    put(byId('purpose'), option('', '不限 · any'));
    codes.forEach(function (c) { byId('purpose').append(option(c, page.purposes[c].zh + ' · ' + page.purposes[c].en)); });
    put(byId('choose-h'), ended(h) ? both('这张证照已终止，不能出示。', 'This certificate has ended and cannot be shown.') : both('让对方看到什么？', 'What may they see?'));
    show(byId('views'), !ended(h));
    show(byId('purpose-part'), codes.length > 0 && !ended(h));
    show(byId('show'), !ended(h));
    byId('values').open = false;
    show(byId('prove'), false);
    reveal(false);
    put(byId('all'));
    go('choose');
  }

  async function values(h) {
    try { page.catalogue = await s.full(); } catch (e) { return fail(e); }
    if (!h || page.chosen.identifier !== h.identifier) return;
    const type = s.typeOf(page.catalogue, h.type, h.version);
    put(byId('all'));
    h.fields.forEach(function (f) { s.row(byId('all'), s.text(f.label), s.value(page.catalogue, s.fieldOf(type, f.field), f.value)); });
  }

  byId('values').addEventListener('toggle', function () { if (byId('values').open && !byId('all').firstChild) values(page.chosen); });

  function reveal(on) { byId('reveal').setAttribute('aria-pressed', String(on)); }
  byId('reveal').addEventListener('click', async function () {
    const on = byId('reveal').getAttribute('aria-pressed') !== 'true';
    try {
      const r = await api('GET', '/v1/wallet/holdings' + (on ? '?reveal=true' : ''));
      values(r.data.holdings.find(function (one) { return one.identifier === page.chosen.identifier; }));
      reveal(on);
    } catch (e) { fail(e); }
  });

  byId('form').addEventListener('submit', function (e) {
    e.preventDefault();
    const view = byId('form').querySelector('input[name=view]:checked');
    if (view && page.chosen && !page.live) start(page.chosen, view.value, byId('purpose').value);
  });

  // --- show the code ---------------------------------------------------------------------------

  // Two clocks measure how old a code is: one may be set back, the other may stop while the phone
  // sleeps. The older of the two counts, so that an expired code is never shown.
  function now() { return { wall: Date.now(), steady: performance.now() }; }
  function since(t) { return Math.max(Date.now() - t.wall, performance.now() - t.steady); }

  async function start(h, view, purpose) {
    byId('show').disabled = true;
    try {
      const body = { identifier: h.identifier, view: view };
      if (purpose) body.purpose = purpose;
      if (s.large()) body.lifetime = 120; // whoever needs large text may need more time
      let asked = now(), r;
      try {
        r = await api('POST', '/v1/wallet/shows', { body: body });
      } catch (e) {
        if (e.code !== 'lifetime-out-of-range') throw e;
        delete body.lifetime;
        asked = now();
        r = await api('POST', '/v1/wallet/shows', { body: body });
      }
      const type = s.typeOf(page.catalogue, h.type, h.version), v = h.views.find(function (one) { return one.name === view; });
      page.last = { holding: h, view: view, purpose: purpose };
      page.live = { id: r.data.show, from: isNaN(r.date) ? Date.now() : r.date, code: null, asked: asked, nextTry: 0, tries: 0, busy: false, polled: now(), timer: 0 };
      put(byId('code-h'), both(h.name.zh, h.name.en));
      put(byId('code-view'), s.text(v.label), purpose ? make('span', 'small', ' · ', purposeName(purpose)) : null);
      put(byId('sees-n'), '(' + r.data.fields.length + ')');
      put(byId('sees'), s.names(type, r.data.fields));
      cover('正在生成……', 'Drawing…');
      go('code');
      s.awake(true);
      const live = page.live;
      live.busy = true;
      live.timer = setInterval(tick, 250);
      live.type = type;
      live.purposeName = purposeName;
      live.finished = function () { if (page.live === live) finished(live); };
      try { await take(live, r, asked); } catch (e) { if (page.live === live) await trouble(live, e); }
      live.busy = false;
      if (page.live === live) listen(live); // after the code, which is what a slow network is needed for
    } catch (e) {
      if (e.code === 'step-up-required') prove(function () { start(h, view, purpose); }); else fail(e);
    }
    byId('show').disabled = false;
  }

  // listen loads what tells, while a code is shown, that somebody scanned it or asks for more.
  function listen(live) {
    if (s.consent) return s.consent(live);
    const e = make('script');
    e.src = byId('code').dataset.consent;
    e.onload = function () { if (page.live === live) s.consent(live); };
    document.head.append(e);
  }

  // prove asks for her passkey. What it takes is loaded now: most shows never need it.
  async function prove(done) {
    try {
      if (!s.passkey) {
        await new Promise(function (resolve, reject) {
          const e = make('script');
          e.onload = resolve;
          e.onerror = reject;
          e.src = byId('choose').dataset.passkey;
          document.head.append(e);
        });
      }
      go('choose');
      await s.passkey.ask(byId('prove'), done);
    } catch (e) { fail(e); }
  }

  // take puts a new code on the screen once its picture is there; until then the old one stays.
  async function take(live, r, asked) {
    const c = r.data;
    // The Date header drops fractions of a second, so a second is taken off.
    const life = isNaN(r.date) ? c.renew_in * 1000 : Date.parse(c.expires_at) - r.date - 1000;
    const image = new Image();
    await new Promise(function (resolve, reject) {
      const late = setTimeout(function () { reject(new s.Trouble('picture', 0)); }, 10000);
      image.onload = function () { clearTimeout(late); resolve(); };
      image.onerror = function () { clearTimeout(late); reject(new s.Trouble('picture', 0)); };
      image.src = c.svg;
    });
    if (page.live !== live) return;
    live.code = { life: life, asked: asked, renew: Math.min(c.renew_in * 1000, life * 0.9) };
    live.tries = 0;
    live.nextTry = 0;
    byId('image').src = c.svg;
    byId('image').alt = '证照二维码 / certificate code';
    byId('text').textContent = /^SC[12][0-9A-Z]+$/.test(c.code) ? c.code.replace(/(.{4})(?=.)/g, '$1 ') : c.code;
    show(byId('trouble'), false);
    tick();
  }

  function cover(zh, en) {
    show(byId('image'), false);
    byId('image').removeAttribute('src');
    byId('text').textContent = '';
    put(byId('cover'), both(zh, en));
    show(byId('cover'), true);
  }

  function tick() {
    const live = page.live;
    if (!live) return;
    let c = live.code;
    const left = c ? c.life - since(c.asked) : 0;
    if (c && left <= 0) {
      c = live.code = null;
      cover('码已过期，正在换新……', 'The code has expired; getting a new one…');
      if (live.tries) complain(live);
    } else if (c) {
      // Nobody looks at a hidden page, and the list of open apps should not show a code.
      show(byId('image'), !document.hidden);
      show(byId('cover'), false);
    }
    const seconds = Math.max(0, Math.ceil(left / 1000));
    put(byId('count'), c ? both(seconds + ' 秒内有效', 'valid for ' + seconds + ' s') : '');
    byId('left').style.width = c ? Math.max(0, Math.min(100, 100 * left / c.life)) + '%' : '0';
    if (document.hidden || live.busy) return;
    if (Date.now() < live.nextTry) return;
    if (!live.code || since(c.asked) >= c.renew) {
      renew(live);
    } else if (since(live.polled) >= (live.told ? 20000 : 2000)) {
      poll(live);
    }
  }

  async function renew(live) {
    live.busy = true;
    const asked = now();
    try {
      await take(live, await api('POST', '/v1/wallet/shows/' + live.id + '/codes', { timeout: 8000 }), asked);
    } catch (e) { if (page.live === live) await trouble(live, e); }
    live.busy = false;
  }

  async function poll(live) {
    live.busy = true;
    live.polled = now();
    try {
      const r = await api('GET', '/v1/wallet/shows/' + live.id, { timeout: 8000 });
      if (page.live === live && !r.data.open) await finished(live);
    } catch (e) {
      if (page.live === live && (e.status === 401 || e.status === 404)) await trouble(live, e);
      live.polled = now(); // anything else can wait: the code on the screen is good until it ends
    }
    live.busy = false;
  }

  async function trouble(live, e) {
    if (e.status === 401) return signIn();
    if (e.code === 'show-closed') return finished(live);
    if (e.code === 'show-unknown') return over({ zh: '这次出示已中断。', en: 'This show was interrupted.' });
    live.tries++;
    const wait = Math.max(e.wait || 0, Math.min(15, Math.pow(2, live.tries - 1))) * (0.8 + Math.random() * 0.4);
    live.nextTry = Date.now() + wait * 1000;
    complain(live);
  }

  function complain(live) {
    put(byId('trouble'), live.code ? both('网络不稳，换不到新码，正在重试。现在的码在倒计时内仍可用。', 'The network is unsteady; trying again for a new code. The present one works until its time is up.') :
      both('网络不通，暂时没有可用的码，正在重试。', 'No network, so there is no usable code now; trying again.'));
    show(byId('trouble'), true);
  }

  // finished: the show takes no more scans. Who looked, if anybody?
  async function finished(live) {
    let look = null;
    try {
      const r = await api('GET', '/v1/wallet/history?limit=10');
      look = r.data.looks.find(function (l) { return l.identifier === page.last.holding.identifier && l.via === 'code' && Date.parse(l.at) >= live.from - 2000; });
    } catch (e) { if (e.status === 0 || e.status >= 500) return trouble(live, e); }
    if (page.live !== live) return;
    if (!look) return over({ zh: '这次出示已结束。', en: 'This show has ended.' });
    stopShow();
    put(byId('done-sign'), s.sign(s.outcomes[look.outcome] ? look.outcome : 'indeterminate'));
    byId('done-sign').className = 'sign ' + look.outcome;
    const words = s.outcomes[look.outcome] || ['', ''];
    put(byId('done-h'), both('已核验：' + words[0], 'Checked: ' + words[1].toLowerCase()));
    put(byId('done-who'), both('核验方：' + look.party_name, 'by ' + look.party_name));
    put(byId('done-what'));
    about(byId('done-what'), look);
    go('done');
  }

  function over(title) {
    stopShow();
    put(byId('done-sign'), s.sign('refused'));
    byId('done-sign').className = 'sign refused';
    put(byId('done-h'), s.text(title));
    ['done-who', 'done-what'].forEach(function (id) { put(byId(id)); });
    go('done');
  }

  function stopShow() {
    if (page.live) clearInterval(page.live.timer);
    if (page.live && page.live.end) page.live.end();
    page.live = null;
    cover('', '');
    s.awake(false);
  }

  document.addEventListener('visibilitychange', tick);
  window.addEventListener('pageshow', tick);
  window.addEventListener('online', function () { if (page.live) page.live.nextTry = 0; });

  byId('close').addEventListener('click', function () {
    const live = page.live;
    stopShow();
    go('cards');
    if (live) api('DELETE', '/v1/wallet/shows/' + live.id).catch(function () {}); // it dies by itself within its lifetime
  });
  byId('again').addEventListener('click', function () { start(page.last.holding, page.last.view, page.last.purpose); });

  // --- history ---------------------------------------------------------------------------------

  function about(dl, l) {
    const type = s.typeOf(page.catalogue, l.type);
    s.row(dl, both('时间', 'When'), s.when(l.at));
    if (l.via === 'device') { // nobody looked: a device was given codes for later
      s.row(dl, both('离线码', 'Offline codes'), both(l.codes + ' 个', String(l.codes)));
      s.row(dl, both('可显示的内容', 'They show'), s.names(type, l.fields));
      s.row(dl, both('有效至', 'Good until'), s.when(l.expires_at));
      return;
    }
    if (l.settled_at) s.row(dl, both('离线核验，上报于', 'Checked offline, reported'), s.when(l.settled_at));
    s.row(dl, both('用途', 'Purpose'), purposeName(l.purpose));
    s.row(dl, both('看到的内容', 'What they saw'), (l.fields || []).length ? s.names(type, l.fields) : both('没有看到内容', 'nothing'));
    (l.reasons || []).forEach(function (code) {
      const e = make('span', '', code);
      s.row(dl, both('原因', 'Reason'), e);
      api('GET', '/problems/' + encodeURIComponent(code)).then(function (r) { put(e, s.text(r.data.title)); }, function () {});
    });
  }

  async function history(before) {
    try {
      const r = await api('GET', '/v1/wallet/history?limit=20' + (before ? '&before=' + encodeURIComponent(before) : ''));
      const list = byId('looks'), looks = r.data.looks;
      if (!before) put(list);
      looks.forEach(function (l) {
        const type = s.typeOf(page.catalogue, l.type), words = s.outcomes[l.outcome] || [l.outcome, l.outcome];
        const dl = make('dl');
        about(dl, l);
        if (l.via === 'device') {
          list.append(make('li', '', make('h3', '', both('已向设备发放离线码', 'Offline codes for a device'), l.device_name ? '：' + l.device_name : ''), make('p', 'small', type ? both(type.name[0], type.name[1]) : l.type), dl));
          return;
        }
        const small = make('span', 'sign tiny ' + l.outcome, s.sign(s.outcomes[l.outcome] ? l.outcome : 'indeterminate'));
        small.setAttribute('aria-hidden', 'true');
        list.append(make('li', '', make('h3', '', small, l.party_name), make('p', 'small', type ? both(type.name[0], type.name[1]) : l.type, ' · ', both(words[0], words[1].toLowerCase())), dl));
      });
      show(byId('nobody'), !before && looks.length === 0);
      show(byId('more'), looks.length === 20);
      byId('more').onclick = function () { history(looks[looks.length - 1].at); };
      if (!before) go('history');
    } catch (e) { fail(e); }
  }

  byId('to-history').addEventListener('click', function () { history(''); });
  Array.prototype.forEach.call(document.querySelectorAll('.back'), function (b) {
    b.addEventListener('click', function () { open().catch(fail); });
  });
  function signOut(everywhere) {
    return async function () {
      try { await api('POST', '/v1/sign-out', { body: { everywhere: everywhere } }); } catch (e) { if (e.status !== 401) return fail(e); }
      location.reload(); // nothing of this person stays in the page
    };
  }
  byId('signout').addEventListener('click', signOut(false));
  byId('everywhere').addEventListener('click', signOut(true));

  open().catch(fail);
})();
