//! Media comes in: streamed to a temporary file, hashed, probed, and only then given its name. A crash leaves a temporary file and no more.

use super::model::Media;
use super::probe::{self, Kind, MAGIC, Probed, Refusal};
use super::{poster, store};
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::{Error, MayFail, Result, ShopId};
use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What came of an upload.
#[derive(Debug)]
pub enum Intake {
    /// `poster` is a still of the video, where one could be taken.
    Stored {
        media: Media,
        poster: Option<Media>,
    },
    Refused(Refusal),
    /// More bytes than a file of its kind may have.
    TooLarge {
        bytes_max: u64,
    },
    /// The sender stopped before the end.
    CutOff,
}

/// Takes a file. Order of refusals: cut off, too large, refused.
pub async fn intake<S, E>(app: &App, shop: ShopId, bytes: S) -> Result<Intake>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Send,
{
    let incoming = Incoming::open(app)?;
    let (incoming, kind) = match incoming.receive(bytes).await? {
        Received::Whole(incoming, kind) => (incoming, kind),
        Received::TooLarge { bytes_max } => return Ok(Intake::TooLarge { bytes_max }),
        Received::CutOff => return Ok(Intake::CutOff),
    };
    let media = app.media.clone();
    let kept = blocking(move || incoming.keep(&media, kind)).await?;
    let (media, still) = match kept {
        Ok(kept) => kept,
        Err(refusal) => return Ok(Intake::Refused(refusal)),
    };
    let row = media.clone();
    let (shown, poster) = (still.clone(), still);
    app.db
        .write(LaneKey::of(shop), move |tx| {
            store::insert_media(tx, shop, &row)?;
            poster.iter().try_for_each(|still| store::insert_media(tx, shop, still))
        })
        .await?;
    Ok(Intake::Stored { media, poster: shown })
}

/// Keeps a drawing of the program's own, such as the demo's pictures. SVG is never taken from outside: it can carry scripts.
pub async fn keep_drawing(app: &App, shop: ShopId, svg: &'static [u8], (width, height): (u32, u32)) -> Result<Media> {
    let incoming = Incoming::open(app)?;
    let folder = app.media.clone();
    let probed = Probed {
        content_type: "image/svg+xml",
        extension: "svg",
        width,
        height,
        duration_ms: 0,
    };
    let media = blocking(move || {
        let mut incoming = incoming;
        incoming.write(svg)?;
        incoming.name(&folder, probed)
    })
    .await?;
    let row = media.clone();
    app.db
        .write(LaneKey::of(shop), move |tx| store::insert_media(tx, shop, &row))
        .await?;
    Ok(media)
}

/// The file behind a media path.
pub fn media_file(app: &App, hash: &str, extension: &str) -> PathBuf {
    app.media.join(format!("{hash}.{extension}"))
}

/// An upload lasts at most ten minutes; what is older belongs to nobody.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Throws away what crashed uploads left. Called at start; another server on the same folder keeps its fresh ones.
pub fn clear_incoming(media: &Path) {
    let Ok(entries) = std::fs::read_dir(incoming_folder(media)) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            std::fs::remove_file(entry.path()).may_fail("the next start tries again");
        }
    }
}

pub(super) fn incoming_folder(media: &Path) -> PathBuf {
    media.join("incoming")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("an upload's thread ended early").because(error))?
}

fn failed(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Error::engine(crate::kernel::Engine::Full, error);
    }
    Error::internal("an upload could not be written").because(error)
}

/// A file that is being received. It disappears with this value, unless it was given its name.
struct Incoming {
    path: PathBuf,
    file: File,
    hash: Sha256,
    length: u64,
}

enum Received {
    Whole(Incoming, Kind),
    TooLarge { bytes_max: u64 },
    CutOff,
}

/// Written in pieces of this size: each is one trip to a thread that may block.
const PIECE: usize = 256 << 10;

impl Incoming {
    fn open(app: &App) -> Result<Self> {
        let folder = incoming_folder(&app.media);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join(app.random.uuid().simple().to_string());
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        Ok(Self {
            path,
            file,
            hash: Sha256::new(),
            length: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).map_err(failed)
    }

    async fn receive<S, E>(mut self, bytes: S) -> Result<Received>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Send,
    {
        let mut bytes = std::pin::pin!(bytes);
        let mut start = Vec::with_capacity(MAGIC);
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            let part = match bytes.next().await {
                Some(Ok(part)) => part,
                Some(Err(_)) => return Ok(Received::CutOff),
                None => break,
            };
            start.extend_from_slice(&part[..part.len().min(MAGIC - start.len())]);
            piece.extend_from_slice(&part);
            // A kind is known from its first bytes, and with it how much more may come.
            let bytes_max = if start.len() < MAGIC {
                probe::VIDEO_MAX
            } else {
                Kind::of(&start).bytes_max()
            };
            if self.length + piece.len() as u64 > bytes_max {
                return Ok(Received::TooLarge { bytes_max });
            }
            if piece.len() >= PIECE {
                (self, piece) = self.write_apart(piece).await?;
            }
        }
        (self, _) = self.write_apart(piece).await?;
        let kind = Kind::of(&start);
        Ok(Received::Whole(self, kind))
    }

    async fn write_apart(mut self, piece: Vec<u8>) -> Result<(Self, Vec<u8>)> {
        blocking(move || {
            self.write(&piece)?;
            let mut piece = piece;
            piece.clear();
            Ok((self, piece))
        })
        .await
    }

    /// Probes the file and gives it, and a still of it, their names.
    fn keep(mut self, media: &Path, kind: Kind) -> Result<Result<(Media, Option<Media>), Refusal>> {
        let probed = match probe::probe(&mut self.file, kind, self.length)? {
            Ok(probed) => probed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let still = if kind == Kind::Video { self.still(media)? } else { None };
        Ok(Ok((self.name(media, probed)?, still)))
    }

    fn still(&self, media: &Path) -> Result<Option<Media>> {
        let Some(bytes) = poster::still(&self.path) else {
            return Ok(None);
        };
        let path = self.path.with_extension("still");
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        let mut still = Self {
            path,
            file,
            hash: Sha256::new(),
            length: 0,
        };
        still.write(&bytes)?;
        match probe::probe(&mut still.file, Kind::of(&bytes), still.length)? {
            Ok(probed) => still.name(media, probed).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Makes the bytes durable and names them by their hash. The same bytes twice are one file.
    fn name(self, media: &Path, probed: Probed) -> Result<Media> {
        self.file.sync_all().map_err(failed)?;
        let hash = self
            .hash
            .clone()
            .finalize()
            .iter()
            .fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
        std::fs::rename(&self.path, media.join(format!("{hash}.{}", probed.extension))).map_err(failed)?;
        File::open(media).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Media {
            hash,
            content_type: probed.content_type.to_owned(),
            extension: probed.extension.to_owned(),
            size_bytes: i64::try_from(self.length).unwrap_or(i64::MAX),
            width: probed.width,
            height: probed.height,
            duration_ms: i64::try_from(probed.duration_ms).unwrap_or(i64::MAX),
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After a rename nothing is there any more.
        std::fs::remove_file(&self.path).may_fail("named already, or the next start sweeps it");
    }
}
