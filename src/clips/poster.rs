//! A still of a video, taken by ffmpeg if the machine has it. Without it a clip has the poster its creator uploads.

use super::intake::{incoming_folder, media_file};
use super::model::Media;
use crate::app::App;
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
    picture(video, 1_000, &video.with_extension("still.jpg"))
}

/// The picture of a clip at a position, in milliseconds, as JPEG: what a viewer saw when they tapped. A file's name is the hash of its bytes, so it is the same
/// picture for as long as the file is kept, whatever became of the clip. `None` as [`still`].
pub async fn frame(app: &App, video: &Media, at_ms: i64) -> Option<Vec<u8>> {
    let file = media_file(app, &video.hash, &video.extension);
    let (at_ms, name) = (u64::try_from(at_ms).ok()?, app.random.uuid());
    let into = incoming_folder(&app.media).join(format!("{name}.still.jpg"));
    tokio::task::spawn_blocking(move || picture(&file, at_ms, &into))
        .await
        .ok()?
}

fn picture(video: &Path, at_ms: u64, picture: &Path) -> Option<Vec<u8>> {
    let second = format!("{}.{:03}", at_ms / 1000, at_ms % 1000);
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
            &second,
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
        .arg(picture)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let done = child.is_ok_and(finishes);
    let bytes = if done { std::fs::read(picture).ok() } else { None };
    drop(std::fs::remove_file(picture)); // May not exist; the folder is swept at start.
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
