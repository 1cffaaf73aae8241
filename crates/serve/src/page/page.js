// Third part: the models are opened, and photos come in by every way that a browser has.

// Classes that the head of the page names.
const NAMED = 12;
const PHOTOS = /\.(jpe?g|png|gif|bmp|webp|tiff?|jxl)$/i;

const NO_PHOTO = 'There was no photo in that. Save it as a file first, then drop or choose the file.';

const photos = new Set();
// What has become of photos since a reader of the screen heard of it.
let untold = [];

// ---- Models and settings ----

function describe({ name, classes, labels, threshold, novelty }) {
  const named = classes.slice(0, NAMED).join(', ') + (classes.length > NAMED ? ` and ${classes.length - NAMED} more` : '');
  const isPair = classes.length === 2 && !labels;
  let text = isPair ? `It tells ${classes[0]} from ${classes[1]}` : `It knows ${classes.length} classes: ${named}`;
  if (labels) text += '; a photo may have several of them, or none';
  if (isPair && threshold !== 0.5) text += `; ${classes[1]} is told from ${percent(threshold)} on`;
  by('model-name').textContent = `· ${name}`;
  by('classes').textContent = `${text}.`;
  by('reject-name').textContent = labels ? 'Labels count from' : 'Answer “none” below';
  by('novel-field').hidden = !novelty;
  document.title = `${name} · icecap`;
}

async function openModels() {
  try {
    const { response } = await ask('models');
    models = await response.json();
    by('model').replaceChildren(...models.map(({ name }) => new Option(name, name)));
    by('model-field').hidden = models.length < 2;
    describe(model());
  } catch (error) {
    say(by('alert'), `The models are not known: ${error.message} Reload the page to try again.`);
  }
}

by('settings').addEventListener('submit', (event) => event.preventDefault());
by('settings').addEventListener('change', () => {
  if (model()) describe(model());
  for (const photo of photos) photo.ask();
});

// ---- The gallery ----

function add(files) {
  say(by('alert'), files.length === 0 ? NO_PHOTO : '');
  const added = [...files].map((file) => new Photo(file, count));
  for (const photo of added) {
    photos.add(photo);
    photo.part('.remove').addEventListener('click', () => remove(photo));
  }
  by('gallery').prepend(...added.map(({ card }) => card));
  for (const photo of added) photo.ask();
}

function remove(photo) {
  const beside = photo.card.nextElementSibling ?? photo.card.previousElementSibling;
  photo.discard();
  photos.delete(photo);
  count();
  (beside?.querySelector('.remove') ?? by('choose')).focus();
}

by('clear').addEventListener('click', () => {
  for (const photo of photos) photo.discard();
  photos.clear();
  count();
  by('choose').focus();
});

// Tells how far it is; a reader of the screen hears it once all photos are answered.
function count(words) {
  if (words) untold.push(words);
  const all = [...photos];
  const of = (state) => all.filter((photo) => photo.state === state).length;
  const [open, failed] = [of('open'), of('failed')];
  const parts = [counted(all.length, 'photo'), open ? `${open} to go` : '', failed ? `${failed} without an answer` : ''];
  by('seen').hidden = all.length === 0;
  by('drop').classList.toggle('small-drop', all.length > 0);
  by('count').textContent = parts.filter(Boolean).join(', ');
  if (open === 0 && untold.length > 0) {
    by('status').textContent = untold.length === 1 ? untold[0] : by('count').textContent;
    untold = [];
  }
}

// ---- Ways in ----

by('choose').addEventListener('click', () => by('files').click());
by('files').addEventListener('change', () => {
  add(by('files').files);
  // The same file may be chosen again.
  by('files').value = '';
});

document.addEventListener('paste', (event) => {
  const { files } = event.clipboardData;
  if (files.length > 0) event.preventDefault();
  // Text that is pasted into a field is no photo and need not be one.
  if (files.length > 0 || !event.target.closest?.('input')) add(files);
});

const mark = (isOn) => document.body.classList.toggle('dragging', isOn);
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  mark(true);
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) mark(false);
});
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  mark(false);
  add(await dropped(event.dataTransfer));
});

// The files of a drop; of a folder, the photos in it and below.
async function dropped(data) {
  // All must be asked for before the first wait: then the browser empties the list.
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  const parts = items.map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry?.() }));
  const files = [];
  for (const { file, entry } of parts) {
    if (entry?.isDirectory) await walk(entry, files);
    else if (file) files.push(file);
  }
  return files;
}

async function walk(folder, files) {
  const reader = folder.createReader();
  const read = () => new Promise((done) => reader.readEntries(done, () => done([])));
  // A browser gives the first hundred, then the next.
  for (let some = await read(); some.length > 0; some = await read()) {
    for (const entry of some) {
      if (entry.isDirectory) await walk(entry, files);
      else if (PHOTOS.test(entry.name)) await new Promise((done) => entry.file((file) => done(files.push(file)), done));
    }
  }
}

// ---- Camera ----

const devices = navigator.mediaDevices;
let taken = 0;

// A browser has a camera for pages by HTTPS and of this machine alone.
async function lookForCamera() {
  const all = await devices?.enumerateDevices?.().catch(() => []) ?? [];
  by('camera-start').hidden = !devices?.getUserMedia || !all.some(({ kind }) => kind === 'videoinput');
}

async function startCamera() {
  try {
    by('video').srcObject = await devices.getUserMedia({ video: { facingMode: { ideal: 'environment' }, width: { ideal: 1920 } } });
    by('camera').hidden = false;
    by('camera-start').disabled = true;
    say(by('alert'), '');
    by('camera-take').focus();
  } catch (error) {
    const reason = error.name === 'NotAllowedError' ? 'the browser was not allowed to' : error.message;
    say(by('alert'), sentence(`The camera cannot be used: ${reason}`));
  }
}

function stopCamera() {
  for (const track of by('video').srcObject?.getTracks() ?? []) track.stop();
  by('video').srcObject = null;
  by('camera').hidden = true;
  by('camera-start').disabled = false;
}

by('camera-start').addEventListener('click', startCamera);
by('camera-stop').addEventListener('click', () => {
  stopCamera();
  by('camera-start').focus();
});
by('camera-take').addEventListener('click', async () => {
  const video = by('video');
  if (!video.videoWidth) return;
  const picture = await createImageBitmap(video);
  taken += 1;
  add([new File([await jpeg(picture, 1, 0.95)], `camera-${taken}.jpg`, { type: 'image/jpeg' })]);
});
addEventListener('pagehide', stopCamera);
devices?.addEventListener?.('devicechange', lookForCamera);

lookForCamera();
openModels();
