//! Who is tested: an instruction set's own choice of kernels, or one row of the registry under its name.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use icecap_kernels::{Isa, Kernel, Operation, Task, kernels};

/// One that computes all cases of an operation.
pub(crate) struct Subject {
    /// The row's name, or the instruction set's.
    pub(crate) name: String,
    isa: Isa,
    kernel: Option<Kernel>,
    /// Cases that the row took part in; all of them where an instruction set chooses.
    cases: Cell<usize>,
    failure: RefCell<Option<String>>,
}

/// Whether this processor runs a row; it runs those of the tile machine, whatever it is.
pub(crate) fn runs_here(row: &Kernel) -> bool {
    row.runs_on(Isa::best()) || row.runs_on(Isa::tile_machine())
}

impl Subject {
    fn new(name: &str, isa: Isa, kernel: Option<Kernel>) -> Self {
        Self { name: name.to_owned(), isa, kernel, cases: Cell::new(0), failure: RefCell::new(None) }
    }

    /// Each instruction set of this processor, which chooses for itself.
    pub(crate) fn choices() -> Vec<Self> {
        Isa::available().into_iter().map(|isa| Self::new(isa.name(), isa, None)).collect()
    }

    /// Each row of the registry that computes `operation` and runs here, forced.
    pub(crate) fn rows(operation: Operation) -> Vec<Self> {
        let runs = |row: &Kernel| row.operation == operation && runs_here(row);
        let rows = kernels().into_iter().filter(runs);
        rows.map(|row| Self::new(row.name, Isa::with_kernel(row.name).unwrap(), Some(row))).collect()
    }

    /// The two sizes that the row's name states: pixels and output channels, rows and columns.
    pub(crate) fn tile(&self) -> (usize, usize) {
        let part = self.name.split('_').nth(2).unwrap_or_default();
        let sizes: Vec<usize> = part.split('x').filter_map(|size| size.parse().ok()).collect();
        assert!(sizes.len() >= 2, "{}: a row of this operation names the two sizes of its tile", self.name);
        (sizes[0], sizes[1])
    }

    /// Whether the row takes part in `task`; always, where an instruction set chooses.
    pub(crate) fn computes(&self, task: Task) -> bool {
        self.kernel.is_none_or(|kernel| self.isa.uses(task).contains(&kernel))
    }

    /// Calls `work` with the token and the words for a failure, which start with the subject's name and end with all
    /// kernels that compute the case. What panics is kept, and the subject's other cases are left out.
    pub(crate) fn case(&self, task: Task, words: &str, work: impl FnOnce(Isa, &str)) {
        if self.failure.borrow().is_some() {
            return;
        }
        let uses: Vec<&str> = self.isa.uses(task).iter().map(|kernel| kernel.name).collect();
        let case = format!("{}: {words}, computed by {}", self.name, uses.join(" and "));
        // Where a kernel ends the process, only this tells which case it was.
        if std::env::var_os("ICECAP_KERNEL_TRACE").is_some() {
            eprintln!("{case}");
        }
        match catch_unwind(AssertUnwindSafe(|| work(self.isa, &case))) {
            Ok(()) => self.cases.set(self.cases.get() + usize::from(self.computes(task))),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                *self.failure.borrow_mut() = Some(text.unwrap_or(case));
            }
        }
    }

    /// How many cases the subject computed so far; none further follow a failure.
    pub(crate) fn computed(&self) -> Option<usize> {
        self.failure.borrow().is_none().then(|| self.cases.get())
    }

    /// How many cases the subject computed, or what went wrong.
    pub(crate) fn outcome(&self) -> Result<usize, String> {
        match (self.failure.borrow().clone(), self.cases.get()) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Err(format!("{}: took part in no case", self.name)),
            (None, cases) => Ok(cases),
        }
    }
}

/// Fails with what went wrong for each subject; says how many cases each computed.
pub(crate) fn finish(subjects: &[Subject], least: usize) {
    let failures: Vec<String> = subjects.iter().filter_map(|subject| subject.outcome().err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for subject in subjects {
        println!("{}: {} cases", subject.name, subject.cases.get());
        assert!(subject.cases.get() >= least, "{}: fewer than {least} cases", subject.name);
    }
}
