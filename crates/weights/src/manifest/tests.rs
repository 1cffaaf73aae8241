//! The built-in manifest, and what is refused.

use icecap_graph::Spec;

use super::*;

#[test]
fn the_built_in_manifest_is_sound() {
    let manifest = Manifest::built_in().unwrap();
    let recommended = manifest.find("keras-1.0-160").unwrap();
    assert_eq!((recommended.size, recommended.top, recommended.bytes), ([160; 2], false, Some(9_406_464)));
    for entry in manifest.entries() {
        assert_eq!(entry.numerics, entry.layout.numerics(), "{}", entry.name);
        assert!(entry.file.is_none() || entry.sha256.is_some(), "{}", entry.name);
    }
}

#[cfg(feature = "starter")]
#[test]
fn the_starter_is_what_the_manifest_says() {
    let (starter, manifest) = (crate::starter().unwrap(), Manifest::built_in().unwrap());
    let record = starter.record;
    let entry = manifest.find_file(record.file_sha256).unwrap();
    assert_eq!(entry.name, "starter");
    assert_eq!(Some(&entry.licence), record.licence.as_ref());
    assert_eq!((Some(entry.width), Some(entry.size)), (record.width, record.size));
    assert_eq!((entry.layout, entry.numerics), (record.layout, record.numerics));
    assert_eq!(
        (entry.resize.as_str(), entry.top),
        (record.resize_rule(), starter.params.classes().is_some())
    );
    assert_eq!(starter.params.spec(), &Spec::with_width(0.35).unwrap());
}

#[test]
fn a_wrong_entry_is_named_with_its_key() {
    let good = BUILT_IN;
    assert!(Manifest::parse(good).is_ok());
    for (from, to, expected) in [
        ("padding = \"same\"", "padding = \"valid\"", "padding"),
        ("layout = \"keras\"", "layout = \"caffe\"", "layout"),
        ("sha256 = \"", "sha256 = \"0", "sha256"),
        ("https://", "http://", "url"),
        ("width = 0.35", "width = 0.0", "width"),
        ("bn_epsilon = 0.001", "bn_epsilon = -1.0", "bn_epsilon"),
        ("size = \"96\"", "size = \"9\"", "size"),
        ("resize = \"squash\"", "resize = \"squeeze\"", "resize"),
        ("name = \"keras-0.5-224\"", "name = \"keras-0.35-224\"", "'keras-0.35-224'"),
        ("top = false", "tops = false", "tops"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let error = Manifest::parse(&bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A mirror holds them all in one folder.
#[test]
fn no_two_files_have_one_name() {
    let manifest = Manifest::built_in().unwrap();
    let names: Vec<&str> = manifest.entries().iter().filter_map(Entry::file_name).collect();
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert!(names.len() > 10 && distinct.len() == names.len(), "{names:?}");
}

const OWN: &str = r#"
[[weights]]
name = "own"
aliases = ["ours"]
url = "http://files.example/nets/own.safetensors?version=2"
sha256_prefix = "B0353104"
licence = "none"
layout = "keras"
width = 1.0
bn_epsilon = 0.001
padding = "same"
scaling = "-1..1"
size = "160"
resize = "squash"
top = false
"#;

#[test]
fn an_own_manifest_stands_before_the_built_in_one() {
    assert!(Manifest::parse(OWN).is_err(), "http in the built-in one");
    let own = Manifest::parse_own(OWN).unwrap();
    let entry = own.find("ours").unwrap();
    assert_eq!((entry.name.as_str(), entry.file_name()), ("own", Some("own.safetensors")));
    let both = Manifest::built_in().unwrap().under(own);
    assert!(both.find("own").is_some() && both.find("keras-1.0-160").is_some());
    let renamed = Manifest::parse_own(&OWN.replace("\"own\"", "\"keras-1.0-160\"")).unwrap();
    let both = Manifest::built_in().unwrap().under(renamed);
    assert_eq!(both.find("keras-1.0-160").unwrap().licence, "none");
    assert_eq!(both.entries().iter().filter(|entry| entry.name == "keras-1.0-160").count(), 1);
}

#[test]
fn a_name_that_could_leave_its_folder_is_refused() {
    for (from, to) in [
        ("\"own\"", "\"..\""),
        ("\"own\"", "\".own\""),
        ("\"own\"", "\"a/b\""),
        ("\"ours\"", "\"own\", \"own\""),
        ("/own.safetensors?version=2", "/"),
        ("/own.safetensors?version=2", "/a%2fb"),
        ("/own.safetensors?version=2", "/.."),
        ("http://", "ftp://"),
        ("http://", "file://"),
        ("B0353104", "B035310"),
        ("B0353104", "B035310x"),
        ("top = false", "top = false\nsave_as = \"../x\""),
        ("top = false", "top = false\nbytes = 0"),
        ("top = false", "top = false\nbytes = 2000000000"),
        ("url = ", "file = "),
    ] {
        let bad = OWN.replacen(from, to, 1);
        assert_ne!(bad, OWN, "{from}");
        let error = Manifest::parse_own(&bad).expect_err(&bad).to_string();
        assert!(error.starts_with("manifest, '"), "{error}");
    }
}

#[test]
fn a_hash_is_compared_with_what_is_stated() {
    let entry = |line: &str| {
        let text = OWN.replace("sha256_prefix = \"B0353104\"", line);
        Manifest::parse_own(&text).unwrap().entries()[0].clone()
    };
    let digest = Digest::of(b"abc");
    let whole = entry(&format!("sha256 = \"{digest}\""));
    let start = entry("sha256_prefix = \"ba7816bf\"");
    assert_eq!(whole.check_hash(digest, "x").unwrap(), Checked::Pinned);
    assert_eq!(start.check_hash(digest, "x").unwrap(), Checked::Prefix);
    assert_eq!(entry("").check_hash(digest, "x").unwrap(), Checked::Nothing);
    for entry in [whole, start] {
        let error = entry.check_hash(Digest::of(b"abd"), "a place").unwrap_err().to_string();
        assert!(error.starts_with("a place: its sha256 is "), "{error}");
    }
}
