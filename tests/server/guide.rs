//! The examples of docs/server.md, as somebody types them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::place::Place;
use crate::python::python_with;
use crate::served::Served;
use crate::skipped::skipped;

/// The first block of the guide in a language.
fn block(language: &str) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, rest) = guide.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[cfg(unix)]
#[test]
fn the_first_example_works_as_it_is_typed() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skipped("no curl here");
    }
    let place = Place::two_classes();
    std::fs::copy(place.path("photos/red/1.jpg"), place.path("new.jpg")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let typed = block("sh");
    assert!(typed.contains("serve") && typed.contains("curl"), "{typed}");
    let mut script = String::from("set -e\n");
    for line in typed.lines() {
        // The guide's port may be taken here, and a person does not ask within the first milliseconds.
        match line.strip_suffix(" &") {
            Some(serve) => {
                script += &format!("{serve} --listen 127.0.0.1:{free} &\n");
                script += &format!(
                    "until curl -s -o ready http://127.0.0.1:{free}/v2/health/ready; do sleep 0.05; done\n"
                );
            }
            None => script += &format!("{}\n", line.replace("8080", &free)),
        }
    }
    script += "kill $!\nwait $!\n";
    let program = Path::new(env!("CARGO_BIN_EXE_icecap"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = place.command(&[]);
    let envs: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command = Command::new("sh");
    let output = command
        .args(["-c", &script])
        .envs(envs)
        .env("PATH", path)
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let rows = &printed[printed.rfind("\n[").or(printed.strip_prefix('[').map(|_| 0)).unwrap()..];
    let rows: Value = serde_json::from_str(rows).unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_eq!((&rows[0]["label"], rows[0]["top"].as_array().unwrap().len()), (&"red".into(), 2), "{rows}");
}

#[test]
fn the_example_in_python_works_as_it_is_typed() {
    let Some(python) = python_with("tritonclient.http") else { return };
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
    std::fs::copy(place.path("photos/blue/1.jpg"), place.path("new.jpg")).unwrap();
    let served = Served::at(place, &["ants=run/model.safetensors"]);
    let script = block("python").replace("127.0.0.1:8080", &served.address.to_string());
    let output =
        Command::new(python).args(["-c", &script]).current_dir(served.place.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("blue ["), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
