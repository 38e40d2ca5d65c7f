//! Rules of drops: when they sell, by what names a buyer is known, what may be a stage, and an archive that holds.

use super::model::*;
use crate::fixture::Fixture;
use crate::identity;
use crate::kernel::{DropId, Id, Seconds, ShopId, Time};
use uuid::Uuid;

fn drop_in(state: DropState, opens_at: Option<i64>, closes_at: Option<i64>) -> Drop {
    Drop {
        id: DropId::from_uuid(Uuid::from_u128(7)),
        shop: ShopId::from_uuid(Uuid::nil()),
        slug: "friday".into(),
        title: "Friday".into(),
        description: String::new(),
        stage: Stage::Nothing,
        state,
        opens_at: opens_at.map(Time),
        closes_at: closes_at.map(Time),
        opened_at: None,
        closed_at: None,
        limit: 0,
        hold_minutes: 3,
        pinned: None,
        line_rate: 0,
        early_minutes: 0,
        early_for_buyers: false,
        version: 1,
        head: [0; 32],
        next_check_at: None,
        created_at: Time(0),
        changed_at: Time(0),
    }
}

#[test]
fn d13_when_a_drop_sells_is_a_table_of_its_state_and_its_times() {
    use DropState::*;
    // state, opens, closes, now -> phase, what a buyer is told
    let table = [
        (Draft, Some(10), Some(20), 15, Phase::Draft, Some("no_such_drop")),
        (Scheduled, None, None, 15, Phase::Before, Some("drop_not_open")),
        (Scheduled, Some(10), Some(20), 9, Phase::Before, Some("drop_not_open")),
        (Scheduled, Some(10), Some(20), 10, Phase::Open, None),
        (Scheduled, Some(10), Some(20), 19, Phase::Open, None),
        (Scheduled, Some(10), Some(20), 20, Phase::Over, Some("drop_closed")),
        (Scheduled, None, Some(20), 19, Phase::Before, Some("drop_not_open")),
        (Scheduled, None, Some(20), 20, Phase::Over, Some("drop_closed")),
        (Open, None, None, 99, Phase::Open, None),
        (Open, Some(50), None, 9, Phase::Open, None),
        (Open, None, Some(20), 19, Phase::Open, None),
        (Open, None, Some(20), 20, Phase::Over, Some("drop_closed")),
        (Paused, None, Some(20), 19, Phase::Paused, Some("drop_paused")),
        (Paused, None, Some(20), 20, Phase::Over, Some("drop_closed")),
        (Closed, None, None, 1, Phase::Over, Some("drop_closed")),
        (Archived, None, None, 1, Phase::Over, Some("drop_closed")),
    ];
    for (state, opens, closes, now, phase, told) in table {
        let drop = drop_in(state, opens, closes);
        assert_eq!(drop.phase(Time(now)), phase, "{state:?} {opens:?} {closes:?} at {now}");
        let refused = must_be_open(&drop, Time(now)).err().map(|error| error.code);
        assert_eq!(refused, told, "{state:?} {opens:?} {closes:?} at {now}");
    }
}

#[test]
fn i16_whatever_is_not_over_has_a_time_to_look_at_it_again() {
    let now = Time(1_000_000_000);
    for (state, opens, closes) in [
        (DropState::Scheduled, None, None),
        (DropState::Scheduled, Some(5_000_000_000), None),
        (DropState::Open, None, None),
        (DropState::Open, None, Some(5_000_000_000)),
        (DropState::Paused, None, None),
        (DropState::Closed, None, None),
    ] {
        let at = drop_in(state, opens, closes).look(now).expect("it is not over");
        assert!(opens.or(closes).is_none_or(|told| at <= Time(told)), "{state:?}");
    }
}

#[test]
fn d11_one_mailbox_one_number_one_street_however_they_are_written() {
    for same in [
        "Ada.Lovelace@Gmail.com",
        "adalovelace+drop@gmail.com",
        " a.dalovelace@googlemail.com ",
    ] {
        assert_eq!(plain_email(same), "adalovelace@gmail.com");
    }
    assert_eq!(
        plain_email("Ada.L+1@Example.com"),
        "ada.l@example.com",
        "other hosts read dots"
    );
    for same in ["+49 30 1234567", "0049-30-1234567", "+49 (0)30 123 45 67"] {
        assert_eq!(plain_phone(same), "49301234567");
    }
    let drop = DropId::from_uuid(Uuid::from_u128(1));
    let street = |line1| Who {
        address: Some(["DE", "10115", line1, ""]),
        ..Who::default()
    };
    let known = street("Hauptstraße 5").identities(drop);
    assert_eq!(known, street("hauptstr. 5").identities(drop));
    assert_ne!(known, street("Hauptstr. 6").identities(drop));
    assert_ne!(
        known,
        street("Hauptstraße 5").identities(DropId::from_uuid(Uuid::from_u128(2))),
        "another drop"
    );
    let both = Who {
        email: Some("a@example.com"),
        phone: Some("+49 1"),
        ..street("x")
    };
    assert_eq!(both.identities(drop).len(), 3);
    assert!(Who::default().identities(drop).is_empty());
}

#[test]
fn a_stage_is_a_clip_or_an_https_stream_and_nothing_that_could_run_here() {
    for good in [
        "https://live.example.com/a/b.m3u8",
        "https://player.example.com:8443/embed/1?x=1#t",
    ] {
        assert!(Stage::read(None, Some((StreamKind::Hls, good))).is_ok(), "{good}");
    }
    for bad in [
        "http://live.example.com/a.m3u8",
        "javascript:alert(1)",
        "https://",
        "https://localhost/a",
        "https://user:pass@example.com/",
        "https://example.com/\"><script>",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://127.0.0.1/a",
        "https://example.com/a;script-src *",
    ] {
        let refused = Stage::read(None, Some((StreamKind::Embed, bad)));
        assert_eq!(refused.unwrap_err().code, "invalid_field", "{bad}");
    }
    assert_eq!(
        Stage::read(None, Some((StreamKind::Hls, "  "))).unwrap(),
        Stage::Nothing
    );
}

#[test]
fn x2_every_place_of_the_draw_is_as_likely_as_any_other() {
    use super::line::rank;
    use crate::kernel::TurnId;
    use sha2::{Digest, Sha256};
    const PEOPLE: usize = 10;
    const DRAWS: u32 = 4000;
    let turns: Vec<TurnId> = (0..PEOPLE)
        .map(|n| turn_of(DropId::from_uuid(Uuid::nil()), &[u8::try_from(n).unwrap(); 32]))
        .collect();
    // How often each of them was at each place.
    let mut seen = [[0u32; PEOPLE]; PEOPLE];
    for draw in 0..DRAWS {
        let seed: [u8; 32] = Sha256::digest(draw.to_be_bytes()).into();
        let mut order: Vec<usize> = (0..PEOPLE).collect();
        order.sort_by_key(|n| rank(&seed, turns[*n]));
        for (place, who) in order.into_iter().enumerate() {
            seen[who][place] += 1;
        }
    }
    let expected = f64::from(DRAWS) / 10.0;
    let square = |count: &u32| (f64::from(*count) - expected).powi(2) / expected;
    let chi_square: f64 = seen.iter().flatten().map(square).sum();
    // 81 degrees of freedom: above 126 once in a thousand times.
    assert!(chi_square < 126.0, "{chi_square}");
}

#[test]
fn x2_x5_work_is_for_one_turn_for_three_minutes_as_hard_as_asked_and_waiting_is_an_answer_too() {
    use super::work::{Answered, BITS, LIFE, NoWork, WAIT, challenge, check, solve};
    use crate::kernel::Seconds;
    let (key, other_key) = ([7; 32], [8; 32]);
    let drop = DropId::from_uuid(Uuid::from_u128(1));
    let (turn, other) = (turn_of(drop, &[1; 32]), turn_of(drop, &[2; 32]));
    let now = Time(1_795_428_000_000_000);
    let asked = challenge(&key, turn, now, BITS);
    let nonce = solve(&asked);
    let answer = |nonce| Answered {
        challenge: &asked.text,
        nonce,
    };
    assert_eq!(check(&key, turn, now, answer(&nonce)), Ok(()));
    assert_eq!(
        check(&key, turn, now.plus(LIFE), answer(&nonce)),
        Ok(()),
        "to the last second"
    );
    assert_eq!(
        check(&key, turn, now.plus(Seconds(LIFE.0 + 1)), answer(&nonce)),
        Err(NoWork::Expired)
    );
    assert_eq!(
        check(&key, turn, now.minus(Seconds(1)), answer(&nonce)),
        Err(NoWork::Expired),
        "not before it was made"
    );
    assert_eq!(
        check(&key, other, now, answer(&nonce)),
        Err(NoWork::Forged),
        "of another turn"
    );
    assert_eq!(check(&other_key, turn, now, answer(&nonce)), Err(NoWork::Forged));
    for wrong in ["x", "-1", "12345678901234567", "0x10", "1 "] {
        assert_eq!(check(&key, turn, now, answer(wrong)), Err(NoWork::Wrong), "{wrong}");
    }
    // Easier work than was asked for is none: the bits are sealed too.
    let easy = challenge(&key, turn, now, 1);
    let mut forged = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &asked.text).unwrap();
    forged[8] = 1;
    let forged = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, forged);
    for text in [forged.as_str(), "", "AAAA", &easy.text[1..]] {
        let answer = Answered {
            challenge: text,
            nonce: &nonce,
        };
        assert_eq!(check(&key, turn, now, answer), Err(NoWork::Forged), "{text}");
    }
    assert_eq!(
        check(&key, turn, now.plus(Seconds(WAIT.0 - 1)), answer("")),
        Err(NoWork::TooSoon)
    );
    assert_eq!(check(&key, turn, now.plus(WAIT), answer("")), Ok(()));
}

#[test]
fn x2_how_hard_a_turn_is_has_a_bound() {
    let mut line = Line {
        rate: 1,
        seed: [0; 32],
        arrivals: 0,
        drawn: None,
        admitted: 0,
        wave_at: None,
        version: 1,
        guarded: false,
        in_second: 1_000_000,
        rush_until: None,
    };
    let now = Time(1_000_000);
    assert_eq!(line.asks_for(now), None, "no rush, no work");
    line.rush_until = Some(Time(1_000_001));
    let table = [
        (51, 17),
        (99, 17),
        (100, 18),
        (199, 18),
        (200, 19),
        (399, 19),
        (400, 20),
        (1_000_000, 20),
    ];
    for (in_second, bits) in table {
        line.in_second = in_second;
        assert_eq!(line.asks_for(now), Some(bits), "{in_second}");
    }
    assert_eq!(line.asks_for(Time(1_000_001)), None, "the rush is over");
    line.guarded = true;
    assert_eq!(line.asks_for(Time(1_000_001)), Some(17), "by the host's switch");
}

#[test]
fn what_buyers_were_told_of_a_shops_time_stays_and_doing_it_twice_is_doing_it_once() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        // Hours from now; none: not said.
        let set = move |opens: Option<i64>, closes: Option<i64>, now: Time| {
            let at = |hours: Option<i64>| hours.map(|hours| now.plus(Seconds::hours(hours)));
            identity::Window {
                opens_at: at(opens),
                closes_at: at(closes),
                archives: false,
            }
        };
        let now = fixture.write(|tx| Ok(tx.now()));
        let (first, refused) = (set(Some(1), Some(73), now), set(Some(5), Some(3), now));
        assert_eq!(
            fixture.refused(move |tx| identity::set_window(tx, shop, refused)),
            "invalid_field"
        );
        let answers = [first, first].map(|window| fixture.write(move |tx| identity::set_window(tx, shop, window)));
        assert!(matches!(
            answers,
            [identity::SetWindow::Set(_), identity::SetWindow::Again(_)]
        ));
        // Before it opens everything may change; afterwards only the end, and only to a later time.
        let moved = set(Some(-1), Some(50), now);
        fixture.write(move |tx| identity::set_window(tx, shop, moved));
        for (opens, closes) in [(Some(9), Some(50)), (Some(-1), Some(49))] {
            let window = set(opens, closes, now);
            let code = fixture.refused(move |tx| identity::set_window(tx, shop, window));
            assert_eq!(code, "invalid_field", "{opens:?} {closes:?}");
        }
        let longer = set(Some(-1), Some(60), now);
        fixture.write(move |tx| identity::set_window(tx, shop, longer));
        fixture.write(move |tx| identity::must_trade(&identity::shop(tx, shop)?, tx.now()));
        for expected in [false, true] {
            let again = fixture.write(move |tx| identity::close_shop(tx, shop));
            assert_eq!(matches!(again, identity::SetWindow::Again(_)), expected);
        }
        let told = fixture.refused(move |tx| identity::must_trade(&identity::shop(tx, shop)?, tx.now()));
        assert_eq!(told, "shop_closed");
        // Looked at once, by whoever comes first.
        for expected in [true, false] {
            let closed = fixture.write(move |tx| identity::look_at_window(tx, shop));
            assert_eq!(closed.is_some(), expected);
        }
        fixture.write(move |tx| identity::stay_open(tx, shop));
        fixture.write(move |tx| identity::must_trade(&identity::shop(tx, shop)?, tx.now()));
    }
}
