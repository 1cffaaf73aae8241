//! The one place that knows which instruction sets there are and which of them this processor runs.
//!
//! [`Isa`] is a token: it can only be had from [`Isa::best`], [`Isa::available`] or [`Isa::from_env`], which
//! ask the processor first, so owning one proves that its instructions can be executed. The table below lists an
//! instruction set's features once and makes from them its detection and the attribute of its kernels.

use crate::Error;

/// The environment variable that caps the instruction set, for tests and bug reports.
pub const ISA_VARIABLE: &str = "ICECAP_ISA";

/// An instruction set in the order of preference: a later one includes the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Makes `$detect() -> bool` and the macro `$shell! { fn … }`, which compiles functions with these features.
#[cfg(target_arch = "x86_64")]
macro_rules! features {
    ($dollar:tt $shell:ident, $detect:ident: $($feature:tt),+) => {
        fn $detect() -> bool {
            $(std::arch::is_x86_feature_detected!($feature))&&+
        }
        macro_rules! $shell {
            ($dollar($dollar item:tt)*) => {
                $(#[target_feature(enable = $feature)])+
                $dollar($dollar item)*
            };
        }
        pub(crate) use $shell;
    };
}

#[cfg(target_arch = "x86_64")]
features!($ shell_avx2, detect_avx2: "avx2", "fma");
#[cfg(target_arch = "x86_64")]
features!($ shell_avx512, detect_avx512: "avx512f", "avx512vl", "avx512bw", "avx512dq", "avx2", "fma");

/// Proof that this processor can run an instruction set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(Level);

impl Isa {
    /// Every instruction set this processor runs, the plainest first. Never empty.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self(Level::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if detect_avx2() {
                found.push(Self(Level::Avx2));
            }
            if detect_avx2() && detect_avx512() {
                found.push(Self(Level::Avx512));
            }
        }
        found
    }

    /// The best instruction set this processor runs.
    #[must_use]
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self(Level::Portable))
    }

    /// The instruction set of this name.
    ///
    /// # Errors
    /// [`Error::UnknownIsa`] for a name that is none of ours, [`Error::UnsupportedIsa`] where the processor
    /// lacks it.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(isa) = Self::available().into_iter().find(|isa| isa.name() == name) {
            return Ok(isa);
        }
        match NAMES.iter().find(|known| **known == name) {
            Some(name) => Err(Error::UnsupportedIsa { name, best: Self::best().name() }),
            None => Err(Error::UnknownIsa { name: name.to_owned(), known: NAMES.join(", ") }),
        }
    }

    /// The instruction set that [`ISA_VARIABLE`] names, or the best one where it is unset or empty.
    ///
    /// # Errors
    /// As [`Isa::named`].
    pub fn from_env() -> Result<Self, Error> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name),
            _ => Ok(Self::best()),
        }
    }

    /// Its name: `portable`, `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

/// The names of all instruction sets, of this processor and others.
const NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_had_by_its_name_only_where_the_processor_runs_it() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()).unwrap(), isa);
        }
        assert!(matches!(Isa::named("sse9"), Err(Error::UnknownIsa { .. })));
        assert_eq!(Isa::best(), *Isa::available().last().unwrap());
    }
}
