//! The program is killed in the middle of selling, again and again on the same data (S1, W1, A5, D8, I34, I36). The clients know what they were
//! promised; the last look at the data is the invariants' own.

use crate::diary::{Clip, Diary};
use crate::program::{Bank, Dice, House, is_release, setting};
use hyper::Method;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const UNITS: u32 = 1_000_000;
const CLIENTS: u64 = 16;

/// Also between reserving, the order and the payment (D8): what a kill left half done is finished or undone after the next
/// start, so that in the end as many units are gone as were bought, none is reserved, and exactly the orders are charged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill9_s1_w1_a5_d8_nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let mut dice = Dice::thrown();
    println!("HAWKER_SEED={}", dice.0);
    let house = Arc::new(House::build(UNITS).await);
    let diary = Diary::default();
    let clip = {
        let program = house.start().await;
        let clip = publish(&house).await;
        program.end().await;
        clip
    };
    let kills = setting("HAWKER_KILLS", 3);
    let mut ready = Vec::new();
    for round in 0..kills {
        let program = house.start().await;
        ready.push(program.ready_in);
        let broken = diary.check(&house, &mut dice).await;
        assert!(
            broken.is_empty(),
            "round {round}: {broken:#?}\n{}",
            program.last_words()
        );
        let crowd = diary.crowd(&house, Some(&clip), CLIENTS, &mut dice);
        if !house.is_sqlite() && round % 3 == 2 {
            tokio::time::sleep(Duration::from_millis(dice.below(400))).await;
            terminate_backends(&house.config.database).await;
        }
        tokio::time::sleep(Duration::from_millis(20 + dice.below(900))).await;
        program.kill();
        for client in crowd {
            client.await.unwrap();
        }
    }
    let program = house.start().await;
    let broken = diary.check(&house, &mut dice).await;
    assert!(broken.is_empty(), "{broken:#?}\n{}", program.last_words());
    program.end().await;
    let here = house.serve_here().await;
    let bought = diary.until_settled(&house, &here.clock).await;
    let seen = impressions(&house).await;
    here.end().await;
    assert!(
        bought.len() > 5 * usize::try_from(kills).unwrap(),
        "hardly anything was sold"
    );
    assert_eq!(seen, diary.beacons(), "A5, A1: each event is counted once");
    assert_eq!(
        diary.refusals(500),
        0,
        "every answer is a definite one: {}\n{}",
        diary.summary(),
        house.last_words()
    );
    house.settle(&bought, Bank::Inside).await;
    nothing_secret_is_written_down(&house, &diary);

    ready.sort_unstable();
    let (median, worst) = (ready[ready.len() / 2], ready[ready.len() - 1]);
    println!(
        "{kills} kills; ready again after {median:.0?}, at worst {worst:.0?}; {}",
        diary.summary()
    );
    if is_release() {
        assert!(median < Duration::from_secs(2), "S1: a restart takes {median:.1?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill9_the_check_finds_a_promise_that_was_not_kept() {
    let house = House::build(10).await;
    let (diary, mut dice) = (Diary::default(), Dice(7));
    let program = house.start().await;
    diary.tap(&house, &mut dice).await.unwrap();
    assert_eq!(diary.check(&house, &mut dice).await, Vec::<String>::new());
    diary.invent(&house.quote().await);
    let broken = diary.check(&house, &mut dice).await;
    assert!(
        matches!(&broken[..], [one] if one.starts_with("not kept")),
        "{broken:?}"
    );
    program.kill();
}

/// A clip that beacons can be about.
pub async fn publish(house: &House) -> Clip {
    let staff = house.staff();
    let film = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/clip.mp4")).unwrap();
    let media = staff
        .send(Method::POST, "/v1/media", Some("video/mp4"), film.into())
        .await
        .value();
    let clip = staff
        .post("/v1/clips", &json!({ "title": "Clip", "media": media["id"] }))
        .await
        .value();
    let id = clip["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{media} {clip}"))
        .to_owned();
    let published = staff
        .send(
            Method::POST,
            &format!("/v1/clips/{id}/publication"),
            None,
            Default::default(),
        )
        .await;
    assert!(published.status < 300, "{}", published.text());
    let version = staff.get(&format!("/v1/clips/{id}")).await.value()["version"].as_i64();
    Clip {
        version: version.unwrap_or_else(|| panic!("{}", published.text())),
        id,
    }
}

async fn impressions(house: &House) -> i64 {
    let funnel = house.staff().get("/v1/funnel").await;
    funnel.value()["impressions"]
        .as_i64()
        .unwrap_or_else(|| panic!("{}", funnel.text()))
}

/// As an administrator or a failing network does: the server stays, its connections go.
async fn terminate_backends(database: &str) {
    let address = database.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let mut client = postgres::Client::connect(&address, postgres::NoTls).unwrap();
        client
            .query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hawker' and datname = current_database()", &[])
            .unwrap()
            .len()
    });
    assert!(ended.await.unwrap() > 0, "there were connections to end");
}

/// I36: what lies on the disk names no secret and no viewer's address.
fn nothing_secret_is_written_down(house: &House, diary: &Diary) {
    let mut words = diary.secrets();
    assert!(words.len() > 5);
    words.push(house.secret_key.clone());
    let mut files = 0;
    let mut folders = vec![house.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                no_word_in(&path, &words);
            }
        }
    }
    assert!(files >= 3, "the log, the processor's journal and the clip are searched");
}

fn no_word_in(path: &Path, words: &[String]) {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for word in words {
        assert!(!text.contains(word.as_str()), "{} names {word}", path.display());
    }
}
