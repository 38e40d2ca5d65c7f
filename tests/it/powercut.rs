//! The power fails in the middle of selling (S2, I34): the disk is an image, the program is stopped, and what the image holds at that instant,
//! without any flush, is the disk of the next start. The bank is elsewhere and has power.

use crate::diary::Diary;
use crate::program::{Bank, Dice, House, OutsideBank, fresh, setting};
use hawker::kernel::FactId;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const CLIENTS: u64 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn powercut_s2_nothing_acknowledged_is_lost_with_the_page_cache() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = match Disk::make(folder.path()) {
        Ok(disk) => disk,
        Err(reason) => {
            println!("not run: powercut: {reason}");
            return;
        }
    };
    let mut dice = Dice::thrown();
    println!("HAWKER_SEED={}", dice.0);
    let bank = OutsideBank::open().await;
    let build = House::build_with(1_000_000, |config, _| {
        config.data = disk.mounted.join("data");
        config.database = String::new();
        bank.takes_cards_of(config);
    });
    let house = Arc::new(build.await);
    let diary = Diary::default();
    let cuts = setting("HAWKER_POWERCUTS", 2);
    for round in 0..cuts {
        let program = house.start().await;
        let broken = diary.check(&house, &mut dice).await;
        assert!(
            broken.is_empty(),
            "round {round}: {broken:#?}\n{}",
            program.last_words()
        );
        let crowd = diary.crowd(&house, None, CLIENTS, &mut dice);
        tokio::time::sleep(Duration::from_millis(100 + dice.below(1_400))).await;
        disk.write_without_flush();
        program.signal("STOP");
        disk.copy();
        program.kill();
        for client in crowd {
            client.await.unwrap();
        }
        disk.replace_by_copy();
        assert!(
            !disk.has_what_was_not_flushed(),
            "round {round}: the image flushed what nobody asked it to: it cuts no power"
        );
    }
    let program = house.start().await;
    let broken = diary.check(&house, &mut dice).await;
    assert!(broken.is_empty(), "{broken:#?}\n{}", program.last_words());
    program.end().await;
    let here = house.serve_here().await;
    let bought = diary.until_settled(&house, &here.clock).await;
    here.end().await;
    assert!(
        bought.len() > 3 * usize::try_from(cuts).unwrap(),
        "hardly anything was sold"
    );
    house.settle(&bought, Bank::Outside(&bank)).await;
    println!("{cuts} power cuts; {}", diary.summary());
}

/// A disk image with a file system, mounted, that can be exchanged for what it held at some instant.
struct Disk {
    image: PathBuf,
    copy: PathBuf,
    mounted: PathBuf,
    /// A new file each time: ext4 flushes one that is written over.
    unflushed: PathBuf,
}

/// Large enough that it is not what the kernel flushes on its way.
static UNFLUSHED: [u8; 1 << 16] = [7; 1 << 16];

impl Disk {
    fn make(folder: &Path) -> Result<Self, String> {
        let [image, copy, mounted, unflushed] = ["image", "copy", "mounted", "none"].map(|name| folder.join(name));
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(512 << 20).unwrap();
        std::fs::create_dir(&mounted).unwrap();
        let disk = Self {
            image,
            copy,
            mounted,
            unflushed,
        };
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image))?;
        disk.mount()?;
        Ok(disk)
    }

    /// The journal's own clock is slowed down: only what is asked for is flushed.
    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-o", "loop,commit=300"])
            .arg(&self.image)
            .arg(&self.mounted))
    }

    fn write_without_flush(&mut self) {
        self.unflushed = self.mounted.join(fresh::<FactId>().to_string());
        std::fs::write(&self.unflushed, UNFLUSHED).unwrap();
    }

    fn has_what_was_not_flushed(&self) -> bool {
        std::fs::read(&self.unflushed).is_ok_and(|bytes| bytes == UNFLUSHED)
    }

    fn copy(&self) {
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(&self.image)
            .arg(&self.copy))
        .unwrap();
    }

    fn replace_by_copy(&mut self) {
        run(Command::new("umount").arg(&self.mounted)).unwrap();
        std::fs::rename(&self.copy, &self.image).unwrap();
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(run(Command::new("umount").arg("--lazy").arg(&self.mounted)));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // Debian keeps some of these where only root looks.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = command
        .env("PATH", path)
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
