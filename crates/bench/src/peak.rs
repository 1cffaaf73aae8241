//! The instruction sets to measure, and the peak that a measurement is compared with.

use icecap::Error;
use icecap_graph::Precision;
use icecap_kernels::roofline::Roofline;
use icecap_kernels::{ISA_VARIABLE, Isa, kernels};

/// The instruction set that the environment variable `ICECAP_ISA` names, if it is set and not empty.
fn named() -> Result<Option<Isa>, Error> {
    match std::env::var(ISA_VARIABLE) {
        Ok(name) if !name.is_empty() => Ok(Some(Isa::from_env()?)),
        _ => Ok(None),
    }
}

/// Returns the instruction sets to measure: the one that the environment variable `ICECAP_ISA` names, or all that this
/// processor has if the variable is unset or empty.
///
/// # Errors
/// [`Error::Kernel`] for an unknown name, or for an instruction set that the processor lacks.
pub fn isas() -> Result<Vec<Isa>, Error> {
    Ok(named()?.map_or_else(Isa::available, |isa| vec![isa]))
}

/// Returns those of [`isas`] whose kernels may be asked for by name: with them the tile machine, unless `ICECAP_ISA` names
/// another. It is for tests, so nobody measures it unasked.
///
/// # Errors
/// Those of [`isas`].
pub fn isas_to_name() -> Result<Vec<Isa>, Error> {
    let all = || Isa::available().into_iter().chain([Isa::tile_machine()]).collect();
    Ok(named()?.map_or_else(all, |isa| vec![isa]))
}

/// Returns those of [`isas`] to measure a net of `precision` with: the one that `ICECAP_ISA` names, or all that have a kernel
/// of their own for it. One without would run the kernels of another once more.
///
/// # Errors
/// Those of [`isas`].
pub fn isas_of(precision: Precision) -> Result<Vec<Isa>, Error> {
    if let Some(isa) = named()? {
        return Ok(vec![isa]);
    }
    let int8 = precision == Precision::Int8;
    let rows = kernels().into_iter().filter(|row| row.operation.is_integer() == int8);
    let own: Vec<&str> = rows.filter_map(|row| Isa::with_kernel(row.name).ok()).map(Isa::name).collect();
    Ok(Isa::available().into_iter().filter(|isa| own.contains(&isa.name())).collect())
}

/// Returns those of `isas` whose peak in `precision` is not that of one before them.
#[must_use]
pub fn with_peaks_of_their_own(isas: &[Isa], precision: Precision) -> Vec<Isa> {
    let measured = |isa: &Isa| match precision {
        Precision::F32 => isa.name_of_f32(),
        Precision::Int8 => isa.name_of_bytes(),
    };
    let first =
        |(index, isa): &(usize, &Isa)| isas[..*index].iter().all(|before| measured(before) != measured(isa));
    isas.iter().enumerate().filter(first).map(|(_, isa)| *isa).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peak_is_measured_twice_and_none_is_left_out() {
        let all = Isa::available();
        let real: Vec<&str> =
            with_peaks_of_their_own(&all, Precision::F32).iter().map(|isa| isa.name()).collect();
        assert!(["portable", "avx2", "avx512"].starts_with(&real), "{real:?}");
        let bytes = with_peaks_of_their_own(&all, Precision::Int8);
        assert!(bytes.iter().all(|isa| isa.name_of_bytes() == isa.name()), "{bytes:?}");
        for isa in all {
            assert!(real.contains(&isa.name_of_f32()), "{isa}");
            assert!(bytes.iter().any(|measured| measured.name() == isa.name_of_bytes()), "{isa}");
            for precision in Precision::ALL {
                assert_eq!(with_peaks_of_their_own(&[isa], precision), [isa]);
            }
        }
    }
}
