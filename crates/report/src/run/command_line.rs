//! A run's command line as it was typed, and the same with other options.

use crate::wording::{portable, typed};

/// Options that name what the run was written to or begun from; another run has its own.
const OF_THE_RUN: [&str; 4] = [OUT, "--output", "--resume", FLAG];
/// The option that has a letter of its own, which its value may follow at once.
const OUT: &str = "--out";
const LETTER_OF_OUT: char = 'o';
/// The letter that has no value, and may stand before others.
const LETTER_OF_QUIET: char = 'q';
/// The one of the options that are taken out that has no value.
const FLAG: &str = "--force";

/// The option whose value is a pattern of paths.
const PATTERN: &str = "--group";

/// Words of a command line, as the program gets them: without the quotes that a shell takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// Takes the words of a command, which quotes hold together.
    pub fn of(command: &str) -> Self {
        let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
        let mut letters = command.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ' ' if !quoted && begun => {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                    continue;
                }
                ' ' if !quoted => continue,
                '\\' if !quoted => word.extend(letters.next()),
                '\'' => quoted = !quoted,
                _ => word.push(letter),
            }
            begun = true;
        }
        words.extend(begun.then_some(word));
        Self(words.into_iter().flat_map(spelled_out).collect())
    }

    /// Whether an option is among the words.
    pub fn has(&self, option: &str) -> bool {
        self.place(option).is_some()
    }

    /// Whether several values of a setting are tried.
    pub fn tries(&self, setting: &str) -> bool {
        let is = |word: &String| {
            let tried = word.strip_prefix("--try=").unwrap_or(word);
            tried.split_once('=').is_some_and(|(name, _)| name.trim() == setting)
        };
        self.has("--try") && self.0.iter().any(is)
    }

    /// The command with an option that has this value instead of its own, and no folder of an earlier run.
    pub fn with(mut self, option: &str, value: Option<&str>) -> Self {
        OF_THE_RUN.into_iter().chain([option]).for_each(|option| self.remove(option));
        self.0.push(option.to_owned());
        self.0.extend(value.map(str::to_owned));
        self
    }

    /// The command without an option.
    pub fn without(mut self, option: &str) -> Self {
        self.remove(option);
        self
    }

    /// Another command on the same folder of photos, with those of its options that are among `options`, each of which has a value.
    pub fn other(&self, command: &[&str], folder: &str, options: &[&str]) -> Self {
        let mut words: Vec<String> = command.iter().chain([&folder]).map(|&word| word.to_owned()).collect();
        for option in options {
            let Some(place) = self.place(option) else { continue };
            let count = if self.0[place].len() > option.len() { 1 } else { 2 };
            words.extend(self.0.iter().skip(place).take(count).cloned());
        }
        Self(words)
    }

    /// The command as somebody on another machine may read it: of a path from the root on, only its last part.
    pub fn portable(mut self) -> Self {
        let mut pattern = false;
        for word in &mut self.0 {
            // What begins with a slash there is a pattern.
            let is_pattern =
                std::mem::replace(&mut pattern, word == PATTERN) || word.starts_with(&format!("{PATTERN}="));
            if !is_pattern {
                *word = match word.split_once('=').filter(|(option, _)| option.starts_with("--")) {
                    Some((option, value)) => format!("{option}={}", portable(value)),
                    None => portable(word).to_owned(),
                };
            }
        }
        self
    }

    fn place(&self, option: &str) -> Option<usize> {
        let is = |word: &String| {
            word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        self.0.iter().position(is)
    }

    fn remove(&mut self, option: &str) {
        while let Some(place) = self.place(option) {
            let joined = self.0.remove(place).len() > option.len();
            let value = self.0.get(place).is_some_and(|word| !word.starts_with('-'));
            if !joined && value && option != FLAG {
                self.0.remove(place);
            }
        }
    }
}

/// Returns a word of letters behind one dash as the words that they stand for: `-qorun` is `-q --out run`.
fn spelled_out(word: String) -> Vec<String> {
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
        return vec![word];
    };
    let rest = letters.trim_start_matches(LETTER_OF_QUIET);
    let quiet = std::iter::repeat_n(format!("-{LETTER_OF_QUIET}"), letters.len() - rest.len());
    match rest.strip_prefix(LETTER_OF_OUT) {
        Some("") => quiet.chain([OUT.to_owned()]).collect(),
        Some(value) => {
            let value = value.strip_prefix('=').unwrap_or(value);
            quiet.chain([OUT.to_owned(), value.to_owned()]).collect()
        }
        None if rest.is_empty() => quiet.collect(),
        None => vec![word],
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| typed(word)).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_put_in_the_place_of_its_own() {
        let line = CommandLine::of("icecap train 'my photos' --size 160 --out=run --seed 3 -q");
        let with = |option, value| line.clone().with(option, Some(value)).to_string();
        assert_eq!(with("--size", "224"), "icecap train 'my photos' --seed 3 -q --size 224");
        assert_eq!(
            with("--weights", "a b"),
            "icecap train 'my photos' --size 160 --seed 3 -q --weights 'a b'"
        );
        let forced = CommandLine::of("icecap train --force photos --size=160");
        assert_eq!(forced.with("--size", Some("224")).to_string(), "icecap train photos --size 224");
        assert!(line.has("--out") && line.has("--size") && !line.has("--si"));
        assert_eq!(
            line.clone().without("--size").to_string(),
            "icecap train 'my photos' --out=run --seed 3 -q"
        );
        let swept = CommandLine::of("icecap train photos --try size=160,224 --try=l2=1,2 --seed=3");
        assert_eq!(
            ["size", "l2", "seed", "lr"].map(|setting| swept.tries(setting)),
            [true, true, false, false]
        );
        for (line, size) in [
            ("icecap train photos -ort", "icecap train photos --size 224"),
            ("icecap train photos -qort --lr 0.1", "icecap train photos -q --lr 0.1 --size 224"),
            ("icecap train -o=rt photos -qq", "icecap train photos -q -q --size 224"),
            ("icecap train photos '--out=my run'", "icecap train photos --size 224"),
            (
                "icecap train photos '--size=1 2' --scaling=-1..1",
                "icecap train photos --scaling=-1..1 --size 224",
            ),
            ("icecap train '' 'a  b'", "icecap train '' 'a  b' --size 224"),
        ] {
            assert_eq!(CommandLine::of(line).with("--size", Some("224")).to_string(), size, "{line}");
        }
        assert!(CommandLine::of("icecap train x --try 'size=64, 96'").tries("size"));
        let check = CommandLine::of("icecap train x --val 'v al' --lr 1 --root=r").other(
            &["icecap", "check"],
            "my x",
            &["--val", "--root", "--exclude"],
        );
        assert_eq!(check.to_string(), "icecap check 'my x' --val 'v al' --root=r");
        let quoted = CommandLine::of(r"icecap train 'it'\''s here' -o x");
        assert_eq!(
            quoted.with("--early-stop", None).to_string(),
            r"icecap train 'it'\''s here' --early-stop"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_for_others_names_no_folder_of_this_machine() {
        let line = "icecap train '/data/me/my photos' --weights=/data/me/w.h5 '--val=/data/me/it'\\''s here' --exclude \
                    ../home.txt --group '/(nest)/' --out /data/me/run --lr 0.1";
        assert_eq!(
            CommandLine::of(line).portable().to_string(),
            "icecap train 'my photos' --weights=w.h5 '--val=it'\\''s here' --exclude ../home.txt --group '/(nest)/' --out run \
             --lr 0.1"
        );
    }
}
