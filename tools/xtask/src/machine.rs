//! What a record says about where it was measured.

use std::path::Path;
use std::process::Command;

use crate::process::output;

/// The processor's name as a folder's: lower case, a dash for whatever is no letter or digit. Where the system tells
/// them, family and model follow, because a virtual machine's processor often has a bare maker's name.
pub(crate) fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = described(&info)
        .or_else(|| output(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok());
    slug(&name.unwrap_or_else(|| std::env::consts::ARCH.to_owned()))
}

/// Name, family and model of the first processor in `/proc/cpuinfo`, as far as x86 Linux lists them.
fn described(info: &str) -> Option<String> {
    let field = |key: &str| {
        let pairs = info.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(k, v)| (k.trim(), v.trim())).find_map(|(k, v)| (k == key).then_some(v))
    };
    Some(format!("{} f{} m{}", field("model name")?, field("cpu family")?, field("model")?))
}

fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Cores that this process may use, and the compiler.
pub(crate) fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let compiler =
        output(Command::new("rustc").arg("--version")).unwrap_or_else(|_| "rustc unknown".to_owned());
    format!("{cores} cores, {compiler}")
}

/// The commit that the tree stands on; a `+` after it where the tree has been changed since.
pub(crate) fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root));
    match (git(&["rev-parse", "--short=10", "HEAD"]), git(&["status", "--porcelain", "-uno"])) {
        (Ok(head), Ok(changes)) if changes.is_empty() => head,
        (Ok(head), _) => head + "+",
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{described, slug};

    #[test]
    fn a_processor_becomes_a_folder() {
        let info =
            "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) CPU @ 2.70GHz\n";
        let name = described(info).expect("complete");
        assert_eq!(slug(&name), "intel-r-xeon-r-cpu-2-70ghz-f6-m143");
        assert_eq!(described("processor : 0"), None);
    }
}
