// The page reads without this: it shows what a mark means under the pointer, and sorts the table of classes.
(() => {
  'use strict';
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  // A browser's own box for a title is slow and small; one box is enough.
  for (const title of document.querySelectorAll('svg title')) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const place = (x, y) => {
    const gap = 14;
    const box = tip.getBoundingClientRect();
    const left = x + gap + box.width > innerWidth - 8 ? x - gap - box.width : x + gap;
    const top = y + gap + box.height > innerHeight - 8 ? y - gap - box.height : y + gap;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = Math.max(8, top) + 'px';
  };
  const show = (event) => {
    const mark = event.target.closest ? event.target.closest('[data-tip]') : null;
    tip.hidden = !mark;
    if (!mark) return;
    if (tip.textContent !== mark.dataset.tip) tip.textContent = mark.dataset.tip;
    place(event.clientX, event.clientY);
  };
  document.addEventListener('pointermove', show);
  document.addEventListener('pointerdown', show);
  document.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true, capture: true });
  document.documentElement.addEventListener('pointerleave', () => { tip.hidden = true; });

  // A class of the map's legend brings its photos forward.
  const map = document.querySelector('svg.map');
  const marks = map ? [...map.querySelectorAll('[data-class]')] : [];
  for (const item of document.querySelectorAll('#map .legend li[data-class]')) {
    const only = (on) => () => {
      map.classList.toggle('dim', on);
      for (const mark of marks) mark.classList.toggle('lit', on && mark.dataset.class === item.dataset.class);
    };
    item.addEventListener('pointerenter', only(true));
    item.addEventListener('pointerleave', only(false));
  }

  for (const head of document.querySelectorAll('th[data-sort]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const row = head.parentNode;
      const column = [...row.children].indexOf(head);
      const up = head.getAttribute('aria-sort') === 'descending' || (column === 0 && !head.hasAttribute('aria-sort'));
      for (const other of row.children) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const body = head.closest('table').tBodies[0];
      const key = (line) => line.children[column].dataset.value;
      const order = (a, b) => column === 0
        ? key(a).localeCompare(key(b), undefined, { numeric: true })
        : key(a) - key(b);
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    });
  }
})();
