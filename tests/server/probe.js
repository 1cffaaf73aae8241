// What a person does on the page, and what became of it. The scenario's name stands behind the # of the address.
'use strict';
(() => {
  const wrong = [];
  addEventListener('error', (e) => wrong.push('error: ' + (e.message || e.target.outerHTML || '').slice(0, 200)), true);
  addEventListener('unhandledrejection', (e) => wrong.push('rejected: ' + e.reason));
  document.addEventListener('securitypolicyviolation', (e) => wrong.push(`blocked: ${e.violatedDirective} ${e.blockedURI}`));
  for (const kind of ['error', 'warn']) console[kind] = (...words) => wrong.push(kind + ': ' + words.join(' '));

  const all = (pattern, within = document) => [...within.querySelectorAll(pattern)];
  const text = (pattern, within = document) => within.querySelector(pattern).textContent;
  const pause = () => new Promise((done) => setTimeout(done, 30));

  // Gives what `seen` gives as soon as that is something.
  async function until(what, seen) {
    for (const began = performance.now(); performance.now() - began < 60000; await pause()) {
      const found = seen();
      if (found) return found;
    }
    throw new Error(`${what} did not come; the page says: ${document.body.innerText.slice(0, 2000)}`);
  }

  // Files as a drop, a paste or a choice brings them; `names` are pairs of a photo's path and the name that it goes by.
  async function brought(names) {
    const data = new DataTransfer();
    for (const [path, name] of names) data.items.add(new File([await (await fetch(`photos/${path}`)).blob()], name));
    return data;
  }

  async function drop(names) {
    const dataTransfer = await brought(names);
    for (const kind of ['dragover', 'drop']) {
      document.querySelector('h1').dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    }
  }

  const cards = (count) => until(`answers to ${count} photos`, () => {
    const found = all('#gallery > li');
    const isDrawn = (image) => image.hidden || image.naturalWidth > 0;
    const isDone = (card) => !card.querySelector('.verdict.waiting') && text('.gone', card) !== 'waiting'
      && isDrawn(card.querySelector('.thumbnail'));
    return found.length === count && found.every(isDone) && found;
  });

  const seen = (card) => ({
    name: text('.path', card),
    verdict: text('.verdict', card),
    reason: card.querySelector('.reason').hidden ? null : text('.reason', card),
    odds: all('.odds li', card).map((item) => [text('.name', item), text('.share', item)]),
    isShown: card.querySelector('.thumbnail').naturalWidth > 0,
    isTriedAgain: !card.querySelector('.again').hidden,
  });

  // What sticks out to the sides.
  function wide() {
    const width = document.documentElement.clientWidth;
    const out = all('body *').filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right > width + 0.5 || left < -0.5;
    });
    return { width, scroll: document.documentElement.scrollWidth, out: out.map((e) => `${e.tagName}.${e.className}`) };
  }

  const scenarios = {
    // Three photos at once, one of them none; then where the model looked, for each of the two classes.
    async drop() {
      await drop([['red/0.png', '<b>red</b>.png'], ['blue/1.jpg', 'blue.jpg'], ['broken.jpg', 'broken.jpg']]);
      const found = await cards(3);
      const first = found.map(seen);
      const status = await until('words for readers of the screen', () => text('#status'));
      const card = found[0];
      card.querySelector('.look').click();
      const map = card.querySelector('.map');
      await until('the heatmap', () => map.complete && map.naturalWidth > 0);
      const looked = { of: map.alt, legend: text('.heat', card), width: map.naturalWidth };
      const [select, before] = [card.querySelector('select'), map.src];
      select.selectedIndex = 1 - select.selectedIndex;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      await until('the other heatmap', () => map.src !== before && map.complete && map.naturalWidth > 0);
      const turned = map.alt;
      found[2].querySelector('.remove').click();
      return { cards: first, status, looked, turned, count: text('#count'), focus: document.activeElement.className };
    },

    // The other ways in.
    async ways() {
      const clipboardData = await brought([['red/0.png', 'image.png']]);
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
      await cards(1);
      const field = document.getElementById('files');
      field.files = (await brought([['blue/1.jpg', 'chosen.jpg']])).files;
      field.dispatchEvent(new Event('change', { bubbles: true }));
      return { cards: (await cards(2)).map(seen) };
    },

    // A server that is full at first.
    async full() {
      const said = new Set();
      const watch = setInterval(() => all('.verdict').forEach((verdict) => said.add(verdict.textContent)), 20);
      await drop([['red/0.png', 'red.png']]);
      const found = await cards(1);
      clearInterval(watch);
      return { cards: found.map(seen), said: [...said] };
    },

    // More photos than are asked about at once.
    async many() {
      await drop(Array.from({ length: 24 }, (_, index) => ['red/0.png', `${index}.png`]));
      return { cards: (await cards(24)).map(seen) };
    },

    // A wrong token, then the right one.
    async token() {
      const form = document.getElementById('token-form');
      const give = async (token) => {
        await until('the field for the token', () => !form.hidden);
        document.getElementById('token').value = token;
        form.requestSubmit();
      };
      await give('wrong');
      const refusal = await until('a refusal', () => text('#alert'));
      await give('open-sesame-0123456789');
      await until('the model', () => text('#classes'));
      await drop([['red/0.png', 'red.png']]);
      return { cards: (await cards(1)).map(seen), refusal, isAsked: !form.hidden };
    },

    // Nothing sticks out, with and without photos.
    async wide() {
      await until('the model', () => text('#classes'));
      const empty = wide();
      await drop([['red/0.png', 'a-name-that-goes-on-'.repeat(8) + '.png'], ['broken.jpg', 'broken.jpg']]);
      const [card] = await cards(2);
      card.querySelector('.look').click();
      await until('the heatmap', () => card.querySelector('.map').naturalWidth > 0);
      return { empty, full: wide() };
    },
  };

  addEventListener('load', async () => {
    let found;
    try {
      found = await scenarios[location.hash.slice(1)]();
    } catch (error) {
      found = { failed: String(error) };
    }
    await fetch('told', { method: 'POST', body: JSON.stringify({ ...found, wrong }) });
  });
})();
