//! The one place that knows which instruction sets there are and which of them this processor runs.
//!
//! An instruction set is a row of the table below: its name, its level, and the processor's features that it asks for.
//! A feature that the standard library cannot ask for is a further one, with a function of its own that asks. The row
//! makes everything else: detection, the attribute under which its kernels are compiled ([`shells!`]), and the question
//! whether another set's kernels run on it: one set includes another if it has all of its features. Sets need not sort
//! into a line: two may each have a feature that the other lacks.
//!
//! `tilemachine` is no processor's: it runs the loops of `amx` over tiles in plain Rust, so that tests reach them
//! everywhere. It is had by its name alone.
//!
//! [`Isa`] is a token: it can only be had from [`Isa::best`], [`Isa::available`], [`Isa::named`], [`Isa::from_env`] or
//! [`Isa::with_kernel`], which ask the processor first, so owning one proves that its instructions can be executed.

use crate::error::Error;

/// The environment variable that caps the instruction set, for tests and bug reports.
pub const ISA_VARIABLE: &str = "ICECAP_ISA";

/// Every feature that an instruction set below asks for; a feature's place here is its bit.
const FEATURES: [&str; 11] = [
    "avx2",
    "fma",
    "avxvnni",
    "avx512f",
    "avx512vl",
    "avx512bw",
    "avx512dq",
    "avx512vnni",
    "avx512vbmi2",
    "amx",
    "tilemachine",
];

/// A set of processor features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Features(u64);

impl Features {
    /// The set of these names. Evaluated by the compiler, which refuses a name that [`FEATURES`] lacks.
    const fn of(names: &[&str]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < names.len() {
            bits |= 1 << Self::bit(names[at].as_bytes());
            at += 1;
        }
        Self(bits)
    }

    const fn bit(name: &[u8]) -> usize {
        let mut bit = 0;
        while bit < FEATURES.len() {
            if Self::same(FEATURES[bit].as_bytes(), name) {
                return bit;
            }
            bit += 1;
        }
        panic!("a feature that is not in the list of features")
    }

    const fn same(a: &[u8], b: &[u8]) -> bool {
        let mut at = 0;
        while at < a.len() && at < b.len() && a[at] == b[at] {
            at += 1;
        }
        at == a.len() && at == b.len()
    }

    const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Makes of the table: the names, [`Level`], and `shell!`, which compiles a function for one of its rows.
macro_rules! instruction_sets {
    ($d:tt $(
        $name:ident $Level:ident $(on $arch:tt, by $detect:ident: [$($feature:tt)+])?
        $(with $further:tt, by $check:path)?;
    )+) => {
        /// The names of all instruction sets, of this processor's family and of others.
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        /// An instruction set of this processor's family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Level {
            $($(#[cfg(target_arch = $arch)])? $Level,)+
        }

        impl Level {
            /// All of them in the order of preference, the plainest first.
            const ALL: &[Self] = &[$($(#[cfg(target_arch = $arch)])? Self::$Level,)+];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $($(#[cfg(target_arch = $arch)])? Self::$Level => stringify!($name),)+
                }
            }

            fn features(self) -> Features {
                match self {
                    $($(#[cfg(target_arch = $arch)])? Self::$Level => const { Features::of(&[$($($feature,)+)? $($further)?]) },)+
                }
            }

            fn is_detected(self) -> bool {
                match self {
                    $($(#[cfg(target_arch = $arch)])? Self::$Level => {
                        true $($(&& std::arch::$detect!($feature))+)? $(&& $check())?
                    })+
                }
            }
        }

        /// Compiles a function with the features of an instruction set: `shell! { avx2 unsafe fn … }`.
        macro_rules! shell {
            $(($name $d($d item:tt)*) => {
                $(
                    #[cfg(target_arch = $arch)]
                    $(#[target_feature(enable = $feature)])+
                )?
                $d($d item)*
            };)+
        }
        pub(crate) use shell;
    };
}

instruction_sets! { $
    portable Portable;
    tilemachine TileMachine with "tilemachine", by is_nothing_asked;
    avx2 Avx2 on "x86_64", by is_x86_feature_detected: ["avx2" "fma"];
    avxvnni AvxVnni on "x86_64", by is_x86_feature_detected: ["avxvnni" "avx2" "fma"];
    avx512 Avx512 on "x86_64", by is_x86_feature_detected:
        ["avx512f" "avx512vl" "avx512bw" "avx512dq" "avx2" "fma"];
    avx512vnni Avx512Vnni on "x86_64", by is_x86_feature_detected:
        ["avx512vnni" "avx512f" "avx512vl" "avx512bw" "avx512dq" "avx2" "fma"];
    avx512vbmi2 Avx512Vbmi2 on "x86_64", by is_x86_feature_detected:
        ["avx512vbmi2" "avx512vnni" "avx512f" "avx512vl" "avx512bw" "avx512dq" "avx2" "fma"];
    amx Amx on "x86_64", by is_x86_feature_detected:
        ["avx512vbmi2" "avx512vnni" "avx512f" "avx512vl" "avx512bw" "avx512dq" "avx2" "fma"]
        with "amx", by crate::amx::is_permitted;
}

/// What a set without features asks of a processor.
fn is_nothing_asked() -> bool {
    true
}

impl Level {
    /// Whether a processor that runs this set runs `other`'s instructions, too.
    pub(crate) fn includes(self, other: Self) -> bool {
        self.features().includes(other.features())
    }

    /// Whether no processor has this set.
    fn is_made_up(self) -> bool {
        self.features().includes(const { Features::of(&["tilemachine"]) })
    }

    /// Whether 1x1 convolutions in integers are computed by tiles, and groups of bytes are as wide as tiles.
    pub(crate) fn has_tiles(self) -> bool {
        self.features().0 & const { Features::of(&["amx", "tilemachine"]) }.0 != 0
    }
}

/// Makes the functions that compile one generic body for several instruction sets, each behind the features of its own:
///
/// ```text
/// shells! { [const S: usize](plane: &Plane);
///     avx512 plane_avx512 = body::<Avx512x16, S>;
///     portable plane_portable = body::<Portable8, S>;
/// }
/// ```
///
/// The body is marked `inline(always)`, so that it is compiled inside the function and with its features. Calling one
/// asks for what the body asks for, and for a processor that runs the instruction set.
macro_rules! shells {
    ($generics:tt $arguments:tt; $($shells:tt)+) => {
        $crate::isa::shells! { @all $generics $arguments []; $($shells)+ }
    };
    ($generics:tt $arguments:tt -> $result:ty; $($shells:tt)+) => {
        $crate::isa::shells! { @all $generics $arguments [$result]; $($shells)+ }
    };
    (@all $generics:tt $arguments:tt $result:tt; $($set:ident $name:ident = $body:path;)+) => {
        $($crate::isa::shells! { @one $set $name $generics $arguments $result $body })+
    };
    (@one $set:ident $name:ident [$($generics:tt)*] ($($argument:ident: $type:ty),*) [$($result:ty)?] $body:path) => {
        $crate::isa::shell! { $set
            pub(crate) unsafe fn $name<$($generics)*>($($argument: $type),*) $(-> $result)? {
                #[allow(unused_unsafe, reason = "some bodies are safe")]
                // SAFETY: the shell has the features; the rest is the caller's promise.
                unsafe { $body($($argument),*) }
            }
        }
    };
}
pub(crate) use shells;

/// Proof that this processor can run an instruction set, and perhaps the wish for one of its kernels.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa {
    level: Level,
    /// The name of the kernel that is preferred wherever it fits.
    kernel: Option<&'static str>,
}

impl Isa {
    const fn new(level: Level) -> Self {
        Self { level, kernel: None }
    }

    /// Every instruction set of this processor, the plainest first. Never empty.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let own = Level::ALL.iter().filter(|level| **level != Level::TileMachine && level.is_detected());
        own.map(|level| Self::new(*level)).collect()
    }

    /// The instruction set `tilemachine`, which runs on every processor, slowly: it computes as `amx` does, with tile
    /// registers in plain Rust.
    #[must_use]
    pub fn tile_machine() -> Self {
        Self::new(Level::TileMachine)
    }

    /// Those of [`Isa::available`], and [`Isa::tile_machine`].
    pub(crate) fn runnable() -> impl Iterator<Item = Self> {
        Self::available().into_iter().chain([Self::tile_machine()])
    }

    /// The best instruction set this processor runs.
    #[must_use]
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::new(Level::Portable))
    }

    /// The instruction set of this name.
    ///
    /// # Errors
    /// [`Error::UnknownIsa`] for a name that is none of ours, [`Error::UnsupportedIsa`] if the processor lacks it.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(isa) = Self::runnable().find(|isa| isa.name() == name) {
            return Ok(isa);
        }
        match NAMES.iter().find(|known| **known == name) {
            Some(name) => Err(Error::UnsupportedIsa { name, best: Self::best().name() }),
            None => Err(Error::UnknownIsa { name: name.to_owned(), known: of_processors().join(", ") }),
        }
    }

    /// The instruction set that [`ISA_VARIABLE`] names, or the best one if the variable is unset or empty.
    ///
    /// # Errors
    /// Those of [`Isa::named`].
    pub fn from_env() -> Result<Self, Error> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name),
            _ => Ok(Self::best()),
        }
    }

    /// The name of the instruction set: `portable`, `avx2`, `avxvnni`, `avx512`, `avx512vnni`, `avx512vbmi2`, `amx` or
    /// `tilemachine`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.level.name()
    }

    /// The name of the kernel that this token prefers wherever it fits, if it was made by [`Isa::with_kernel`].
    #[must_use]
    pub fn kernel(self) -> Option<&'static str> {
        self.kernel
    }

    /// The token for `level` with the wish for one of its kernels. `None` if this one does not include `level`.
    pub(crate) fn narrowed(self, level: Level, kernel: &'static str) -> Option<Self> {
        self.level.includes(level).then_some(Self { level, kernel: Some(kernel) })
    }

    pub(crate) fn level(self) -> Level {
        self.level
    }

    /// Whether 1x1 convolutions in integers are computed by tiles.
    pub(crate) fn has_tiles(self) -> bool {
        self.level.has_tiles()
    }
}

/// The names of the instruction sets that processors have.
fn of_processors() -> Vec<&'static str> {
    let made_up = |name: &str| Level::ALL.iter().any(|level| level.name() == name && level.is_made_up());
    NAMES.iter().copied().filter(|name| !made_up(name)).collect()
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kernel.unwrap_or(self.name()))
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
        assert_eq!(Isa::named("tilemachine").unwrap(), Isa::tile_machine());
        assert!(!Isa::available().contains(&Isa::tile_machine()));
        assert!(matches!(Isa::named("sse9"), Err(Error::UnknownIsa { .. })));
        assert_eq!(Isa::best(), *Isa::available().last().unwrap());
        assert!(Level::ALL.iter().all(|level| NAMES.contains(&level.name())));
    }

    #[test]
    fn a_set_includes_itself_and_those_whose_features_it_has() {
        for (index, level) in Level::ALL.iter().enumerate() {
            assert!(level.includes(*level) && level.includes(Level::Portable), "{level:?}");
            assert!(Level::ALL[..index].iter().all(|plainer| !plainer.includes(*level)), "{level:?}");
        }
        // Two sets that each have what the other lacks: neither includes the other.
        let (a, b) = (Features::of(&["avx2", "fma"]), Features::of(&["avx2", "avx512f"]));
        assert!(!a.includes(b) && !b.includes(a) && a.includes(Features::of(&["fma"])));
    }
}
