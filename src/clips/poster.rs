//! A still of a video, taken by ffmpeg if the machine has it. Without it a clip has the poster its creator uploads.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longer than any still takes.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);

/// The picture at one second as JPEG. `None` when there is no ffmpeg or it fails: a poster is a nicety.
///
/// Blocking. The child reads a file that passed the probe, decodes one picture on one thread, and is killed when it takes too long.
pub(super) fn still(video: &Path) -> Option<Vec<u8>> {
    let picture = video.with_extension("still.jpg");
    let child = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            "-threads",
            "1",
            "-f",
            "mov",
            "-ss",
            "1",
            "-i",
        ])
        .arg(video)
        .args([
            "-frames:v",
            "1",
            "-an",
            "-q:v",
            "3",
            "-f",
            "image2",
            "-update",
            "1",
            "-y",
        ])
        .arg(&picture)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let done = child.is_ok_and(finishes);
    let bytes = if done { std::fs::read(&picture).ok() } else { None };
    drop(std::fs::remove_file(&picture)); // May not exist; the folder is swept at start.
    bytes.filter(|bytes| !bytes.is_empty())
}

fn finishes(mut child: std::process::Child) -> bool {
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(STEP),
            Err(_) => break,
        }
        waited += STEP;
    }
    drop(child.kill()); // It may have ended just now.
    drop(child.wait());
    false
}
