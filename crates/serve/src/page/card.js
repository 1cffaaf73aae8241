// Second part: what is asked of a photo, and the card that tells the answer.

// Classes of which a card has a bar.
const TOP = 5;
// Pixels of the longer side of a thumbnail: what a card shows on a screen with two pixels to the point.
const THUMBNAIL = 720;

let models = [];
const model = () => models.find((one) => one.name === by('model').value) ?? models[0];

function query(more) {
  const words = new URLSearchParams(more);
  if (model()) words.set('model', model().name);
  return `predict?${words}`;
}

// What is asked of each photo, by the settings as they are now.
function question() {
  const below = by('reject-below').valueAsNumber;
  const words = { top: TOP };
  if (below >= 0 && below <= 100) words.reject_below = below / 100;
  if (by('reject-novel').checked && model()?.novelty) words.reject_novel = 1;
  return query(words);
}

class Photo {
  // `changed` is called when something is known of the photo, with words on it, and when it is asked about again.
  constructor(file, changed) {
    this.file = file;
    this.changed = changed;
    this.name = file.name || 'photo';
    this.card = by('photo').content.firstElementChild.cloneNode(true);
    this.part = (name) => this.card.querySelector(name);
    this.part('.path').textContent = this.name;
    this.part('.remove').setAttribute('aria-label', `Remove ${this.name}`);
    this.part('.again').addEventListener('click', () => this.ask());
    this.part('.look').addEventListener('click', () => this.look(!this.isLooking()));
    this.part('select').addEventListener('change', () => this.look(true));
  }

  // Stands in the line, with what was known of the photo put away.
  ask() {
    this.stop?.abort();
    this.stop = new AbortController();
    this.state = 'open';
    this.look(false);
    for (const name of ['.where', '.novelty', '.reason', '.again']) this.part(name).hidden = true;
    this.part('.odds').replaceChildren();
    this.part('.taken').textContent = '';
    this.verdict('waiting for its turn', true);
    this.changed();
    enter((signal) => this.answer(signal), this.stop.signal);
  }

  async answer(signal) {
    this.card.classList.add('is-busy');
    this.verdict('looking', true);
    try {
      const waits = (seconds) => this.verdict(`the server is full; asked again in ${seconds}\u00a0s`, true);
      const drawn = this.draw();
      const { response, ms } = await ask(question(), { body: this.file, signal, waits });
      const [row] = await response.json();
      if (row.error) throw new Refused(row.error, 422);
      if (!signal.aborted) this.tell(row, ms);
      // The next photo is opened when this one is closed.
      await drawn;
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    }
    if (!signal.aborted) this.card.classList.remove('is-busy');
  }

  verdict(text, isWaiting, more) {
    const verdict = this.part('.verdict');
    verdict.classList.toggle('waiting', isWaiting);
    verdict.textContent = text;
    if (more) verdict.append(' ', make('small', '', more));
  }

  tell(row, ms) {
    const choices = row.top ?? [{ label: row.best_guess ?? row.label, probability: row.probability }];
    const labels = row.labels?.map(({ label }) => label) ?? [row.label];
    const isNone = row.labels ? labels.length === 0 : row.best_guess != null && row.best_guess !== row.label;
    this.guess = choices[0].label;
    this.said = isNone ? 'none' : labels.join(', ');
    this.verdict(this.said, false, isNone ? `best guess: ${this.guess}` : '');
    this.part('.odds').replaceChildren(...choices.map(({ label, probability }) => {
      const item = make('li', !isNone && labels.includes(label) ? 'is-told' : '');
      const bar = make('span', 'bar');
      const length = make('span', '');
      length.style.width = `${100 * probability}%`;
      bar.append(length);
      item.append(make('span', 'name', label), make('span', 'share', percent(probability)), bar);
      return item;
    }));
    if (row.novelty != null) this.tellNovelty(row.novelty);
    this.part('.where').hidden = false;
    this.part('.taken').textContent = `in ${time(ms)}`;
    this.settle('told', `${this.name}: ${this.said}, ${percent(choices[0].probability)}`);
  }

  // 1 is the distance that 2 of 100 photos of the training exceed.
  tellNovelty(novelty) {
    const number = novelty.toFixed(2);
    const words = novelty > 1 ? 'Unlike the training’s photos: the label may mean nothing'
      : novelty > 0.9 ? 'Hardly like the training’s photos' : 'Like the training’s photos';
    say(this.part('.novelty'), `${words} (novelty ${number}).`);
    this.part('.novelty').classList.toggle('far', novelty > 1);
  }

  fail(error) {
    this.verdict(error.isPhoto ? 'Cannot be used' : 'Not answered', false);
    say(this.part('.reason'), sentence(error.message));
    this.part('.again').hidden = Boolean(error.isPhoto);
    this.settle('failed', `${this.name}: ${error.message}`);
  }

  settle(state, words) {
    this.state = state;
    this.changed(words);
  }

  // The thumbnail is a small copy: a hundred photos of a camera would fill the memory.
  async draw() {
    if (this.isDrawn) return;
    this.isDrawn = true;
    try {
      const bitmap = await createImageBitmap(this.file);
      const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
      show(this.part('.thumbnail'), await jpeg(bitmap, scale, 0.85), this.name);
      say(this.part('.gone'), '');
    } catch {
      this.part('.gone').textContent = 'no preview: the browser cannot show this file';
    }
  }

  isLooking() {
    return this.part('.look').getAttribute('aria-pressed') === 'true';
  }

  // Shows which places spoke for a class, or puts that away.
  look(isOn) {
    this.stopLooking?.abort();
    this.part('.look').setAttribute('aria-pressed', String(isOn));
    this.part('.pick').hidden = this.part('.heat').hidden = !isOn;
    if (!isOn) {
      show(this.part('.map'));
      this.part('select').replaceChildren();
      return;
    }
    const select = this.part('select');
    if (select.length === 0) {
      const classes = model()?.classes ?? [this.guess];
      select.append(...classes.map((name) => new Option(name, name, name === this.guess, name === this.guess)));
    }
    this.stopLooking = new AbortController();
    // Somebody is waiting for it: it goes to the front.
    enter((signal) => this.map(select.value, signal), this.stopLooking.signal, true);
  }

  async map(name, signal) {
    this.card.classList.add('is-busy');
    try {
      const address = query({ heatmap: 'true', class: name });
      const { response } = await ask(address, { body: this.file, signal });
      const picture = await response.blob();
      if (signal.aborted) return;
      show(this.part('.map'), picture, `${this.name}: what speaks for ${name} in orange, against it in blue`);
      say(this.part('.reason'), '');
    } catch (error) {
      if (!signal.aborted) say(this.part('.reason'), sentence(error.message));
    } finally {
      if (this.state !== 'open') this.card.classList.remove('is-busy');
    }
  }

  // The card goes, and with it what is on its way.
  discard() {
    this.stop?.abort();
    this.stopLooking?.abort();
    for (const image of this.card.querySelectorAll('img')) show(image);
    this.card.remove();
  }
}

// Draws a picture smaller, or as it is, as a JPEG.
async function jpeg(picture, scale, quality) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const drawing = canvas.getContext('2d');
  drawing.imageSmoothingQuality = 'high';
  // A JPEG has no alpha.
  drawing.fillStyle = '#fff';
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((done) => canvas.toBlob(done, 'image/jpeg', quality));
}
