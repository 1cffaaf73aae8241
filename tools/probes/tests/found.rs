//! What fuzzing found, and nothing new comes of it.

use std::path::Path;

use probes::PROBES;
use safetensors::SafeTensors;

#[test]
fn every_probe_holds_for_the_cases_that_fuzzing_found() {
    for (target, probe) in PROBES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("found/{target}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cases = SafeTensors::deserialize(&bytes).unwrap();
        let cases = cases.tensors();
        assert!(cases.len() > 1, "{target}: {} cases", cases.len());
        for (name, case) in &cases {
            // Said by the test harness where a probe panics, and nowhere else.
            println!("{target}: {name}");
            probe(case.data());
        }
    }
}
