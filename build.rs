//! Embeds `web/` and `sdk/`: hashes them together, compresses each file, and writes the table `kernel::assets` includes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    for root in ["web", "sdk"] {
        println!("cargo::rerun-if-changed={root}");
        collect(Path::new(root), &mut files);
    }
    files.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in &files {
        for byte in std::fs::read(file).expect("an asset is readable") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3); // FNV-1a: a name, not a seal.
        }
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut table = format!(
        "/// The hash over all files, part of every address.\npub const HASH: &str = \"{hash:016x}\";\npub static ASSETS: &[Asset] = &[\n"
    );
    for (index, file) in files.iter().enumerate() {
        let path = file.to_str().expect("asset names are UTF-8");
        let source = std::fs::read(file).expect("an asset is readable");
        let script = file.extension().is_some_and(|extension| extension == "js");
        let bytes = if script { without_comments(&source) } else { source };
        let plain = out.join(format!("{index}.plain"));
        std::fs::write(&plain, &bytes).expect("OUT_DIR is writable");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&bytes).expect("memory is writable");
        let packed = out.join(format!("{index}.gz"));
        std::fs::write(&packed, gzip.finish().expect("memory is writable")).expect("OUT_DIR is writable");
        let kind = match file.extension().and_then(|extension| extension.to_str()) {
            Some("css") => "text/css; charset=utf-8",
            Some("js" | "mjs") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("webmanifest") => "application/manifest+json",
            _ => "application/octet-stream",
        };
        writeln!(
            table,
            "    Asset {{ path: {path:?}, content_type: {kind:?}, bytes: include_bytes!({plain:?}), gzip: include_bytes!({packed:?}), url: \"/assets/{hash:016x}/{path}\" }},"
        )
        .expect("memory is writable");
    }
    table.push_str("];\n");
    std::fs::write(out.join("assets.rs"), table).expect("OUT_DIR is writable");
    embed_demo(&out, &std::env::current_dir().expect("a build has a folder"));
}

/// A script as it leaves the server: JSDoc and lines of comment are for readers of the source, not for a phone. Lines keep
/// their numbers, so that an error says where it is. `sdk/test/size.test.mjs` has the same rule and checks what is left.
fn without_comments(source: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(source).expect("scripts are UTF-8");
    let mut parts = text.split("/**");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (comment, rest) = part.split_once("*/").expect("a comment ends");
        code.extend(comment.chars().filter(|&char| char == '\n'));
        code.push_str(rest);
    }
    let lines = code.lines().map(|line| {
        if line.trim_start().starts_with("//") {
            ""
        } else {
            line.trim_end()
        }
    });
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

/// The demo's content travels inside the program: `hawker demo` needs no other file.
fn embed_demo(out: &Path, root: &Path) {
    println!("cargo::rerun-if-changed=demo");
    let mut table = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    let mut files = vec![PathBuf::from("demo/shop.toml")];
    for folder in ["demo/clips", "demo/products"] {
        let entries = std::fs::read_dir(folder).expect("the demo has its folders");
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    for file in files {
        let name = file.strip_prefix("demo").expect("below demo");
        writeln!(table, "    ({name:?}, include_bytes!({:?})),", root.join(&file)).expect("memory is writable");
    }
    table.push_str("];\n");
    std::fs::write(out.join("demo.rs"), table).expect("OUT_DIR is writable");
}

/// Every shipped file below `folder`; tests and type settings stay out of the binary.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path
                .file_name()
                .is_some_and(|name| name != "test" && name != "node_modules")
            {
                collect(&path, files);
            }
        } else if matches!(
            path.extension().and_then(|extension| extension.to_str()),
            Some("css" | "js" | "mjs" | "svg" | "png" | "webmanifest")
        ) {
            files.push(path);
        }
    }
}
