// While a code is shown: who scanned it, and who asks for more. Loaded when the first code is drawn.
(function () {
  'use strict';
  const s = window.showcard, byId = s.byId, put = s.put, make = s.make, both = s.both, show = s.show, api = s.api;
  const ns = 'http://www.w3.org/2000/svg';

  function circle(extra) {
    const c = document.createElementNS(ns, 'circle');
    const all = Object.assign({ cx: 24, cy: 24, r: 20, fill: 'none', 'stroke-width': 5, transform: 'rotate(-90 24 24)', pathLength: 100 }, extra);
    Object.keys(all).forEach(function (k) { c.setAttribute(k, all[k]); });
    return c;
  }

  s.consent = function (live) {
    const box = make('div', 'ask notice');
    box.id = 'ask';
    box.hidden = true;
    box.setAttribute('role', 'alertdialog');
    box.setAttribute('aria-labelledby', 'ask-h');
    byId('qr').before(box);
    let source = null, again = 0, clock = 0, current = null, over = false;

    live.end = function () {
      over = true;
      live.told = false;
      clearInterval(clock);
      clearTimeout(again);
      if (source) source.close();
      box.remove();
    };

    function clear() {
      clearInterval(clock);
      current = null;
      show(box, false);
    }

    // say leaves a sentence in place of the question.
    function say(zh, en) {
      clearInterval(clock);
      current = null;
      put(box, make('p', '', both(zh, en)));
      show(box, true);
    }

    function draw(ask) {
      if (ask.show !== live.id || current && current.id === ask.id) return;
      clear();
      current = ask;
      const total = Math.max(1, ask.left), until = performance.now() + ask.left * 1000;
      const svg = document.createElementNS(ns, 'svg'), left = circle({ stroke: '#123a70' }), seconds = make('span');
      svg.setAttribute('viewBox', '0 0 48 48');
      svg.setAttribute('width', '48');
      svg.setAttribute('height', '48');
      svg.setAttribute('aria-hidden', 'true');
      svg.append(circle({ stroke: '#d5dbe5' }), left);
      const h = make('h3', '', both(ask.party_name.zh + ' 还想看：', ask.party_name.en + ' also wants to see:'));
      h.id = 'ask-h';
      h.tabIndex = -1;
      const yes = make('button', 'button main', both('同意提供', 'Yes, share it')), no = make('button', 'button main quiet', both('不同意', 'No'));
      yes.type = no.type = 'button';
      yes.id = 'ask-yes';
      no.id = 'ask-no';
      yes.addEventListener('click', function () { answer(ask, 'yes'); });
      no.addEventListener('click', function () { answer(ask, 'no'); });
      const dl = make('dl');
      s.row(dl, both('还要看', 'Asked for'), s.names(live.type, ask.asked));
      s.row(dl, both('用途', 'Purpose'), live.purposeName(ask.purpose));
      s.row(dl, both('本来就能看到', 'Seen anyway'), ask.shown.length ? s.names(live.type, ask.shown) : both('无', 'nothing'));
      put(box, h, dl, make('p', 'center', svg, ' ', seconds), yes, no,
        make('p', 'small', both('不回答就是不同意：对方只看到您选好的内容。', 'No answer means no: they see only what you chose.')));
      show(box, true);
      h.focus({ preventScroll: true });
      box.scrollIntoView({ block: 'nearest' });
      const turn = function () {
        const rest = Math.max(0, (until - performance.now()) / 1000);
        left.setAttribute('stroke-dasharray', 100 * rest / total + ' 100');
        put(seconds, both(Math.ceil(rest) + ' 秒', Math.ceil(rest) + ' s'));
        if (rest === 0) say('时间到了，没有回答，视为不同意。', 'The time is over; no answer counts as no.');
      };
      turn();
      clock = setInterval(turn, 250);
    }

    async function answer(ask, word) {
      Array.prototype.forEach.call(box.querySelectorAll('button'), function (b) { b.disabled = true; });
      for (let tries = 0; !over && current === ask; tries++) {
        try {
          await api('POST', '/v1/wallet/asks/' + encodeURIComponent(ask.id), { body: { answer: word }, timeout: 8000 });
          told(word);
        } catch (e) {
          if (e.code === 'consent-answered' && tries) told(word); // the answer to the first try was lost
          else if (e.status === 0 && tries < 10) await new Promise(function (resolve) { setTimeout(resolve, 1000); });
          else if (current === ask) { clear(); s.tell(box, e); }
        }
      }
    }

    function told(word) {
      if (word === 'yes') say('您已同意，对方马上会看到。', 'You agreed; they will see it in a moment.');
      else say('您没有同意，对方只看到您选好的内容。', 'You did not agree; they see only what you chose.');
    }

    function snapshot(state) {
      live.told = true;
      const ask = state.asks.find(function (a) { return a.show === live.id; });
      if (ask) draw(ask);
      else if (current) clear();
      if (!state.shows.some(function (one) { return one.show === live.id; })) live.finished();
    }

    const handlers = {
      snapshot: snapshot,
      ask: draw,
      'ask-closed': function (d) { if (current && current.id === d.ask) { if (d.answer === 'yes' || d.answer === 'no') told(d.answer); else clear(); } },
      scanned: function (d) { if (d.show === live.id) live.finished(); },
      'show-closed': function (d) { if (d.show === live.id) live.finished(); }
    };

    function connect() {
      if (over) return;
      if (!window.EventSource) return ask();
      source = new EventSource('/v1/wallet/events');
      Object.keys(handlers).forEach(function (name) {
        source.addEventListener(name, function (e) { if (!over) handlers[name](JSON.parse(e.data)); });
      });
      source.onerror = function () {
        live.told = false; // the page looks for itself until events come again
        if (source.readyState === 2 && !over) again = setTimeout(connect, 4000 + Math.random() * 4000);
      };
    }

    // Without events the page asks, as long as it is looked at.
    async function ask() {
      try {
        if (!document.hidden) {
          const r = await api('GET', '/v1/wallet/asks', { timeout: 8000 });
          const one = r.data.asks.find(function (a) { return a.show === live.id; });
          if (one && !over) draw(one);
        }
      } catch (e) { /* again in a moment */ }
      if (!over) again = setTimeout(ask, 3000);
    }

    connect();
  };
})();
