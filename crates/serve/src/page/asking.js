// The page of `icecap serve`, first part of three: how the server is asked.
//
// The parts are served as one script, in this order: asking.js, card.js, page.js. Photos stand in a line, and no more than
// AT_ONCE requests are on their way at a time. What comes from outside (names of files and classes, reasons) becomes text,
// never markup. Addresses are relative: the page works below a path of a proxy, too.
'use strict';

const AT_ONCE = 4;
// How often a server that is full is asked.
const TRIES = 8;

const by = (id) => document.getElementById(id);
const percent = (share) => (100 * share).toFixed(1) + '\u00a0%';
const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const time = (ms) => (ms < 999.5 ? `${ms.toFixed(0)}\u00a0ms` : `${(ms / 1000).toFixed(2)}\u00a0s`);
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text ?? '';
  return element;
}

function say(element, text) {
  element.textContent = text ?? '';
  element.hidden = !text;
}

// A picture's old content is let go of, or it would stay in memory as long as the page.
function show(image, blob, alt) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = !blob;
  image.alt = alt ?? '';
  if (blob) image.src = URL.createObjectURL(blob);
  else image.removeAttribute('src');
}

// What a promise gives, unless the signal says that nobody waits for it any more.
const until = (promise, signal) => new Promise((done, failed) => {
  signal?.addEventListener('abort', () => failed(signal.reason), { once: true });
  promise.then(done, failed);
});

// Why there is no answer. `isPhoto`: for a reason that lies in the photo, so that it need not be tried again.
class Refused extends Error {
  constructor(reason, status) {
    super(reason);
    this.isPhoto = [413, 415, 422].includes(status);
  }
}

const kept = {
  get token() { try { return sessionStorage.getItem('icecap-token') ?? ''; } catch { return ''; } },
  set token(token) { try { sessionStorage.setItem('icecap-token', token); } catch { /* Then this page alone knows it. */ } },
};
let token = kept.token;
let tokenAwaited = null;

// Shows the field for the token; all requests that were refused wait for the same one.
function nextToken() {
  tokenAwaited ??= new Promise((done) => {
    if (token) say(by('alert'), 'The server did not take that token.');
    by('token-form').hidden = false;
    by('token').focus();
    by('token-form').onsubmit = (event) => {
      event.preventDefault();
      const given = by('token').value.trim();
      // Others cannot stand in a header, and a browser would refuse to send it.
      if (/[^\x20-\x7e]/.test(given)) return say(by('alert'), 'A token has only letters, digits and signs of ASCII.');
      token = kept.token = given;
      by('token').value = '';
      by('token-form').hidden = true;
      say(by('alert'), '');
      tokenAwaited = null;
      done();
    };
  });
  return tokenAwaited;
}

// Returns the response and the milliseconds that it took. A full server is asked again when it says, `waits` is told of it.
async function ask(address, { body, signal, waits } = {}) {
  for (let tried = 1; ;) {
    const used = token;
    const headers = used ? { authorization: `Bearer ${used}` } : {};
    const started = performance.now();
    let response;
    try {
      response = await fetch(address, { method: body ? 'POST' : 'GET', headers, body, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refused(await whyUnanswered(body));
    }
    if (response.ok) return { response, ms: performance.now() - started };
    if (response.status === 401) {
      if (token === used) await until(nextToken(), signal);
    } else if (response.status === 503 && tried < TRIES) {
      tried += 1;
      const seconds = Math.min(Math.max(Number(response.headers.get('retry-after')) || 1, 0.5), 30);
      waits?.(seconds);
      // Pages that were refused together do not come back together.
      const ms = 1000 * seconds * (1 + Math.random() / 4);
      await until(new Promise((done) => setTimeout(done, ms)), signal);
    } else {
      throw new Refused(await reason(response), response.status);
    }
  }
}

async function reason(response) {
  const said = await response.json().catch(() => null);
  const error = (Array.isArray(said) ? said[0] : said)?.error;
  return error ? String(error) : `the server answered with status ${response.status}`;
}

// A browser tells no script why a request has failed; whether the file is at fault can be tried.
async function whyUnanswered(file) {
  try {
    await file?.slice(0, 1).arrayBuffer();
  } catch {
    return 'the browser cannot read this file; is it still there, and a file?';
  }
  return 'the server does not answer; has it been stopped, or is the file above its limit?';
}

const line = [];
let asked = 0;

// `job` is run when its turn comes, unless `signal` says before that nobody waits for it.
function enter(job, signal, isFirst) {
  line[isFirst ? 'unshift' : 'push']({ job, signal });
  advance();
}

function advance() {
  while (asked < AT_ONCE && line.length > 0) {
    const { job, signal } = line.shift();
    if (signal.aborted) continue;
    asked += 1;
    job(signal).finally(() => {
      asked -= 1;
      advance();
    });
  }
}
