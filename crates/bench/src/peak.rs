//! The instruction sets to measure, and the peak that a measurement is compared with.

use icecap::Error;
use icecap_graph::Precision;
use icecap_kernels::roofline::Roofline;
use icecap_kernels::{ISA_VARIABLE, Isa};

/// Returns the instruction sets to measure: the one that the environment variable `ICECAP_ISA` names, or all that this
/// processor can run if the variable is unset or empty.
///
/// # Errors
/// [`Error::Kernel`] for an unknown name, or for an instruction set that the processor lacks.
pub fn isas() -> Result<Vec<Isa>, Error> {
    match std::env::var(ISA_VARIABLE) {
        Ok(name) if !name.is_empty() => Ok(vec![Isa::from_env()?]),
        _ => Ok(Isa::available()),
    }
}

/// Runs `work` and returns its result with the peak rate of multiply-adds in `precision`, in 10^9 operations a second, two
/// of which make a multiply-add.
///
/// The peak is measured before and after `work`, and the larger one counts: on a machine that slows down, or that others
/// share, a single measurement could make the work look better than it is.
///
/// # Errors
/// [`Error::Kernel`] if the system does not give the threads; otherwise the errors of `work`.
pub fn with_peak<T, E: From<Error>>(
    isa: Isa,
    precision: Precision,
    threads: usize,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<(f64, T), E> {
    let roofline = Roofline::new(isa, threads).map_err(Error::from)?;
    let peak = || match precision {
        Precision::F32 => roofline.peak().best,
        Precision::Int8 => roofline.peak_of_bytes().best,
    };
    let before = peak();
    let result = work()?;
    Ok((before.max(peak()), result))
}
