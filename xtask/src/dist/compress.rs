//! `.br` and `.gz` beside every file that gets smaller by it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Result;

use super::streams;

const COMPRESSED: [&str; 9] = ["html", "js", "css", "wasm", "svg", "json", "webmanifest", "md", "txt"];
const BROTLI_QUALITY: i32 = 11;
const BROTLI_WINDOW_BITS: i32 = 24;
const BUFFER: usize = 1 << 16;

/// Compresses every file of the folder and prints what it made.
pub fn folder(folder: &Path) -> Result<()> {
    let mut paths = Vec::new();
    find(folder, &mut paths)?;
    paths.sort();
    let rows = Mutex::new(Vec::new());
    let queue = Mutex::new(paths.iter());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some(path) = next(&queue) {
                        let row = file(path)?;
                        rows.lock().expect("no thread panics with the lock").push((path, row));
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a compressing thread does not panic"))
    })?;
    let mut rows = rows.into_inner().expect("no thread panics with the lock");
    rows.sort();
    println!("{:>10} {:>10} {:>10}  file", "bytes", "gzip", "brotli");
    for (path, [plain, gzip, brotli]) in rows {
        println!("{plain:>10} {gzip:>10} {brotli:>10}  {}", path.strip_prefix(folder).unwrap_or(path).display());
    }
    Ok(())
}

fn next<'a>(queue: &Mutex<std::slice::Iter<'a, PathBuf>>) -> Option<&'a PathBuf> {
    queue.lock().expect("no thread panics with the lock").next()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.extension().and_then(|extension| extension.to_str()).is_some_and(|e| COMPRESSED.contains(&e)) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Writes both forms; gives the sizes plain, gzip, brotli.
fn file(path: &Path) -> Result<[usize; 3]> {
    let plain = fs::read(path)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&plain)?;
    let gzip = gzip.finish()?;
    let options = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut brotli = Vec::new();
    let mut writer = brotli::CompressorWriter::with_params(&mut brotli, BUFFER, &options);
    let mut from = 0;
    for boundary in streams::boundaries(&plain) {
        writer.write_all(&plain[from..boundary])?;
        // What follows has statistics of its own.
        writer.flush()?;
        from = boundary;
    }
    writer.write_all(&plain[from..])?;
    drop(writer);
    for (suffix, compressed) in [("gz", &gzip), ("br", &brotli)] {
        if compressed.len() < plain.len() {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(suffix);
            fs::write(PathBuf::from(name), compressed)?;
        }
    }
    Ok([plain.len(), gzip.len(), brotli.len()])
}
