//! What a record says about where and when it was measured.

use std::time::SystemTime;

use icecap::advanced::foundation::date::day_of;

/// Returns the processor's name as the system tells it. On x86 Linux its family and model follow, because a virtual
/// machine's processor often has a bare maker's name.
pub(super) fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    described(&info).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn described(info: &str) -> Option<String> {
    let field = |key: &str| {
        let pairs = info.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(k, v)| (k.trim(), v.trim())).find_map(|(k, v)| (k == key).then_some(v))
    };
    Some(format!("{} f{} m{}", field("model name")?, field("cpu family")?, field("model")?))
}

/// Returns a name as a file's: lower case, a dash for whatever is no letter or digit.
pub(super) fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Today as `YYYY-MM-DD`, in UTC.
pub(super) fn today() -> String {
    day_of(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{described, slug};

    #[test]
    fn a_processor_becomes_a_file_name() {
        let info =
            "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) @ 2.70GHz\n";
        assert_eq!(slug(&described(info).unwrap()), "intel-r-xeon-r-2-70ghz-f6-m143");
        assert_eq!(described("processor : 0"), None);
    }
}
