//! `icecap.h` is made of the crate's source; `ICECAP_WRITE_DOCS=1` writes it anew.

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, RenameRule, Style};

/// The types of the header by their names in the source.
const TYPES: [&str; 8] =
    ["Status", "Error", "Options", "Photo", "Batch", "Prediction", "Classifier", "Backbone"];

const HEAD: &str = "\
/* icecap for C and C++: what a trained classifier sees on photos, and features of photos.

   Made of the library's source, of which a test holds that it is so: change it there.

   Status   A call that can fail returns an icecap_status, 0 if all went well. Where it takes the address of a pointer to
            an icecap_error, it puts an error with the message there, which the caller frees, or NULL.
   Handles  What a call makes is the caller's, and is freed by the function of that name. To use it afterwards is an error
            of the caller's; a debug build of the library answers with ICECAP_STATUS_USAGE.
   Threads  There is no global state. \"Threads: any\" means that any thread may make the call, also while others make it
            with the same handle. The threads of a handle do not live on in a child of fork(), which opens its own.
   Strings  end with a zero byte and are UTF-8; paths are bytes on Unix. The library keeps nothing that it is given. */";

fn made() -> String {
    let rename = TYPES.map(|name| (name.to_owned(), format!("icecap_{}", name.to_lowercase())));
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        header: Some(HEAD.to_owned()),
        include_guard: Some("ICECAP_H".to_owned()),
        no_includes: true,
        sys_includes: ["stddef.h", "stdint.h"].map(str::to_owned).to_vec(),
        usize_is_size_t: true,
        style: Style::Type,
        documentation_style: DocumentationStyle::C99,
        line_length: 100,
        enumeration: EnumConfig {
            rename_variants: RenameRule::QualifiedScreamingSnakeCase,
            ..EnumConfig::default()
        },
        export: ExportConfig { rename: rename.into(), ..ExportConfig::default() },
        ..Config::default()
    };
    // In the order of a reader who begins at the top.
    let files =
        ["status", "version", "error", "options", "photo", "batch", "prediction", "classifier", "backbone"];
    let source = crate::root().join("crates/capi/src");
    let mut builder = Builder::new().with_config(config);
    for file in files {
        builder = builder.with_src(source.join(file).with_extension("rs"));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_header_is_that_of_the_source() {
    let made = made();
    let path = crate::root().join("crates/capi/include/icecap.h");
    if std::env::var_os("ICECAP_WRITE_DOCS").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let differs = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "crates/capi/include/icecap.h differs from the source, first at {differs:?}; ICECAP_WRITE_DOCS=1 writes it"
    );
}
