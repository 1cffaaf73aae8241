//! A page opened in headless Chromium: what it did, how wide it is, how it looks.
//!
//! A window cannot be as narrow as a phone, so the page stands in a frame of the width that is asked for, which is what
//! its style rules see. A probe, written into a copy of the page, listens for errors, warnings, blocked and finished
//! requests, measures every element and tries what the page's own script does; it tells the page around the frame.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::chromium;

/// A browser that does not end by itself is ended after this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time of the page, in milliseconds, after which it is looked at.
const TIME: &str = "--virtual-time-budget=5000";

const PROBE: &str = r#"<script>
(() => {
  const told = [];
  addEventListener('error', (e) => told.push('error: ' + (e.message || e.target.outerHTML || '').slice(0, 200)), true);
  addEventListener('unhandledrejection', (e) => told.push('rejected: ' + e.reason));
  document.addEventListener('securitypolicyviolation', (e) => told.push('blocked: ' + e.blockedURI));
  for (const kind of ['error', 'warn']) console[kind] = (...words) => told.push(kind + ': ' + words.join(' '));
  addEventListener('load', () => {
    const width = document.documentElement.clientWidth;
    const wide = [];
    for (const element of document.body.querySelectorAll('*')) {
      const scroll = element.parentElement.closest('.scroll');
      if (scroll) continue;
      const { left, right } = element.getBoundingClientRect();
      if (right > width + 0.5 || left < -0.5) {
        wide.push(element.tagName + '.' + (element.getAttribute('class') || '') + ' ' + Math.round(left) + '..' + Math.round(right));
      }
    }
    const head = document.querySelectorAll('th[data-sort] button');
    const rows = () => [...document.querySelectorAll('table.scores tbody tr')].map((row) => row.cells[4].dataset.value);
    if (head.length) head[4].click();
    const sorted = rows();
    const mark = document.querySelector('svg [data-tip]');
    if (mark) mark.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 40, clientY: 40 }));
    const tip = document.getElementById('tip');
    const shown = tip && !tip.hidden ? tip.textContent : '';
    if (mark) document.body.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 1, clientY: 1 }));
    const requests = performance.getEntriesByType('resource').map((entry) => entry.name).filter((n) => !n.startsWith('data:'));
    const images = [...document.images].filter((image) => !image.complete || image.naturalWidth === 0).length;
    parent.postMessage(JSON.stringify({
      told, wide: wide.slice(0, 20), requests, sorted, shown, images, width,
      scroll: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
    }), '*');
  });
})();
</script>
"#;

/// Chromium, where it is found.
pub(crate) struct Browser(PathBuf);

impl Browser {
    /// `ICECAP_TEST_CHROMIUM`, else `chromium` on the path. Without either, says in one line that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        chromium::find().map(Self)
    }

    /// What the probe has told of `page` at `width` pixels. Writes into `place`, a folder of its own.
    pub(crate) fn probe(&self, page: &Path, width: u32, place: &Path) -> Value {
        let shell = frame(page, width, 1600, place);
        let dom = self.run(&["--dump-dom", &format!("--window-size={},1600", width.max(500))], &shell, place);
        let dom = String::from_utf8(dom).unwrap();
        let told = dom.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
        let told = told.unwrap_or_else(|| panic!("the probe told nothing: {dom:.2000}"));
        let text =
            told.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&text).unwrap()
    }

    /// A picture of the whole page, a PNG; `scheme` 0 is dark, 1 is light.
    pub(crate) fn screenshot(
        &self,
        page: &Path,
        width: u32,
        height: u32,
        scheme: u8,
        place: &Path,
    ) -> Vec<u8> {
        let shell = frame(page, width, height, place);
        let picture = place.join("picture.png");
        let arguments = [
            format!("--screenshot={}", picture.display()),
            format!("--window-size={},{height}", width.max(500)),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            "--hide-scrollbars".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run(&arguments, &shell, place);
        fs::read(picture).unwrap()
    }

    fn run(&self, arguments: &[&str], page: &Path, place: &Path) -> Vec<u8> {
        let profile = tempfile::tempdir_in(place).unwrap();
        let (out, said) = (place.join("out"), place.join("said"));
        let mut browser = Command::new(&self.0)
            .args(chromium::FLAGS)
            .arg(TIME)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let status = loop {
            match browser.try_wait().unwrap() {
                Some(status) => break status,
                None if started.elapsed() > PATIENCE => {
                    browser.kill().unwrap();
                    panic!("chromium did not end: {}", fs::read_to_string(&said).unwrap());
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        assert!(status.success(), "{status}: {}", fs::read_to_string(&said).unwrap());
        fs::read(out).unwrap()
    }
}

/// Writes a copy of the page with the probe in it, and a page around it with a frame of the given size.
fn frame(page: &Path, width: u32, height: u32, place: &Path) -> PathBuf {
    let html = fs::read_to_string(page).unwrap();
    // Behind the policy, which the probe is to be under, and before everything that can go wrong.
    let (policy, rest) = html.split_once("form-action 'none'\">").expect("a page with its policy");
    fs::write(place.join("probed.html"), format!("{policy}form-action 'none'\">{PROBE}{rest}")).unwrap();
    let shell = place.join("shell.html");
    let text = format!(
        "<!doctype html><body style=\"margin:0\"><script>addEventListener('message', (e) => {{ \
         document.documentElement.dataset.probe = e.data; }});</script><iframe src=\"probed.html\" \
         style=\"border:0;display:block;width:{width}px;height:{height}px\"></iframe></body>"
    );
    fs::write(&shell, text).unwrap();
    shell
}
