//! The second checker. It was written from the rules alone and shares nothing with the program: it reads the database file and the processors'
//! books, and compares them. Run when everything has come to rest.

use hawker::erasure::map::{About, PERSONAL, Personal};
use hawker::kernel::{CheckoutId, Id};
use hawker::payments::sandbox::{BookedDispute, Payment, PaymentState};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;

/// What is wrong between the file and the books.
pub fn check(vfs: &str, books: &[Payment], disputes: &[BookedDispute], honest: bool) -> rusqlite::Result<Vec<String>> {
    let file = Connection::open_with_flags_and_vfs("hawker.db", OpenFlags::default(), vfs)?;
    let mut wrong = Vec::new();
    stock(&file, &mut wrong)?;
    rest(&file, &mut wrong)?;
    kept(&file, &mut wrong)?;
    declines(&file, books, &mut wrong)?;
    parcels(&file, &mut wrong)?;
    purses(&file, &mut wrong)?;
    money(&file, books, disputes, &mut wrong)?;
    super::split::check(&file, &mut wrong)?;
    super::routes::check(&file, &mut wrong)?;
    super::drop_rules::check(&file, &mut wrong)?;
    super::trade_rules::check(&file, &mut wrong)?;
    if honest {
        let query = "select 1 from intents where state = 'conflicted'";
        none(
            &file,
            &mut wrong,
            "I15: in conflict with processors that never lied",
            query,
        )?;
    }
    let sound: String = file.query_row("pragma integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        wrong.push(format!("the file is damaged: {sound}"));
    }
    Ok(wrong)
}

/// Leaves a copy of the file on the machine's own disk.
pub fn keep(vfs: &str, path: &str) -> rusqlite::Result<()> {
    let _ = std::fs::remove_file(path);
    let file = Connection::open_with_flags_and_vfs("hawker.db", OpenFlags::default(), vfs)?;
    file.execute("vacuum into ?1", [format!("file:{path}?vfs=unix")])
        .map(drop)
}

/// T9: columns of the data map in which a buyer is named who was erased.
pub fn named(vfs: &str, names: &[String]) -> rusqlite::Result<Vec<String>> {
    let file = Connection::open_with_flags_and_vfs("hawker.db", OpenFlags::default(), vfs)?;
    let mut wrong = Vec::new();
    let of_buyers = PERSONAL.iter().filter(|personal| personal.about == About::Buyer);
    for Personal { table, column, .. } in of_buyers {
        for name in names {
            let query = format!(
                "select count(*) from {table} where instr(lower({column}), '{name}@') > 0 or instr(lower({column}), '{name}+') > 0"
            );
            let found: i64 = file.query_row(&query, [], |row| row.get(0))?;
            if found > 0 {
                wrong.push(format!(
                    "T9: {name} was erased, and {table}.{column} names them: {found}"
                ));
            }
        }
    }
    Ok(wrong)
}

/// Rows of one number a query finds; the text says what they are.
fn none(file: &Connection, wrong: &mut Vec<String>, what: &str, query: &str) -> rusqlite::Result<()> {
    let found: i64 = file.query_row(&format!("select count(*) from ({query})"), [], |row| row.get(0))?;
    if found > 0 {
        wrong.push(format!("{what}: {found}"));
    }
    Ok(())
}

/// I1, I2, I3, I27.
fn stock(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    none(
        file,
        wrong,
        "I1: oversold",
        "select 1 from stock where on_hand < sold + reserved or sold < 0 or reserved < 0",
    )?;
    none(
        file,
        wrong,
        "I2: reserved units are not those of live reservations",
        "select 1 from stock s where reserved <> (select coalesce(sum(quantity), 0) from reservations r
           where r.variant_id = s.variant_id and r.location_id = s.location_id and r.state in ('active', 'paying'))",
    )?;
    none(
        file,
        wrong,
        "I2: sold units are not those of orders",
        "select 1 from stock s where sold <> (select coalesce(sum(quantity - canceled - returned), 0) from order_lines l
           where l.variant_id = s.variant_id and l.location_id = s.location_id)",
    )?;
    none(
        file,
        wrong,
        "I3: converted units without an order, or the other way round",
        "select 1 from (select checkout_id, sum(quantity) q from reservations where state = 'converted' group by 1) r
           full join (select o.checkout_id, sum(l.quantity) q from orders o join order_lines l on l.order_id = o.id group by 1) o
             on o.checkout_id = r.checkout_id where r.q is not o.q",
    )?;
    none(
        file,
        wrong,
        "I27: the units shipped are not those in the parcels",
        "select 1 from order_lines l where shipped <> (select coalesce(sum(json_extract(unit.value, '$.quantity')), 0)
           from shipments p, json_each(p.lines) unit where p.order_id = l.order_id and json_extract(unit.value, '$.line') = l.line)",
    )?;
    none(
        file,
        wrong,
        "I27: more shipped or canceled than sold",
        "select 1 from order_lines where shipped + canceled > quantity or shipped < 0 or canceled < 0 or returned > shipped",
    )
}

/// P6: a try was declined if its processor declined it, and not because of what was said of another.
fn declines(file: &Connection, books: &[Payment], wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = file.prepare(
        "select i.checkout_id, a.n, a.decline from attempts a join intents i on i.id = a.intent_id where a.decline not in ('', 'refused', 'canceled', 'drop_limit_reached')",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, u32>(1)?,
            row.get::<_, String>(2)?,
        ))
    })?;
    for row in rows {
        let (checkout, n, decline) = row?;
        let named = |payment: &&Payment| {
            let Some((name, number)) = payment.reference().split_once('/') else {
                return false;
            };
            let ours = name
                .parse::<CheckoutId>()
                .is_ok_and(|id| id.uuid().into_bytes().as_slice() == checkout);
            ours && number.parse() == Ok(n)
        };
        let said = books.iter().find(named).and_then(|payment| payment.decline.clone());
        if said.as_deref() != Some(decline.as_str()) {
            wrong.push(format!(
                "P6: try {n} of {} is down as {decline}; its processor says {said:?}",
                hex(&checkout)
            ));
        }
    }
    Ok(())
}

/// X4: a card is what was put on it, less what was spent, plus what came back; what is owed on all of them is in the ledger; nothing is set aside for
/// what will never leave. L9: the shop alone bears what a bank took only where it was there no more.
fn purses(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    none(
        file,
        wrong,
        "X4: gift cards that do not add up",
        "select 1 from gift_cards g where balance_minor < 0 or balance_minor + held_minor + (select coalesce(sum(taken_minor - returned_minor), 0)
           from gift_card_uses u where u.gift_card_id = g.id) <> initial_minor - paid_out_minor
            or held_minor <> (select coalesce(sum(held_minor), 0) from gift_card_uses u where u.gift_card_id = g.id)",
    )?;
    none(
        file,
        wrong,
        "X4: what is owed on gift cards is not what the ledger says",
        "select 1 where (select coalesce(sum(balance_minor + held_minor), 0) from gift_cards)
            <> (select coalesce(sum(case when c.kind = 'gift_card_liability' then l.amount_minor else 0 end), 0)
                     - coalesce(sum(case when d.kind = 'gift_card_liability' then l.amount_minor else 0 end), 0)
                  from legs l join accounts d on d.id = l.debit_account join accounts c on c.id = l.credit_account)",
    )?;
    none(
        file,
        wrong,
        "L9: a loss, although the money was there",
        "select 1 from disputes d join intents i on i.id = d.intent_id
          where d.excess_minor > 0 and d.state not in ('inquiry', 'won') and i.captured_minor > i.disputed_minor
                 + (select coalesce(sum(r.amount_minor), 0) from refunds r where r.intent_id = i.id and r.state <> 'failed')
            and (select count(distinct attempt_id) from captures c where c.intent_id = i.id and c.state = 'succeeded') = 1",
    )?;
    none(
        file,
        wrong,
        "X4: gift card money that is held for nothing, or spent twice on one sale",
        "select 1 from gift_card_uses u left join orders o on o.checkout_id = u.checkout_id left join intents i on i.checkout_id = u.checkout_id
          where u.held_minor + u.taken_minor > u.covers_minor or u.returned_minor > u.taken_minor
             or (u.held_minor > 0 and i.state is not 'conflicted' and (o.id is null or o.canceled_at is not null
                  or not exists (select 1 from order_lines l where l.order_id = o.id and l.quantity > l.shipped + l.canceled)))
             or (u.taken_minor > 0 and o.id is null)",
    )
}

/// P22, T6: what follows a purchase did so in its time, and a browser has no more cards than it may.
fn kept(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    none(
        file,
        wrong,
        "P22: bought with one tap when the offer was over, or after no purchase",
        "select 1 from upsells u left join orders o on o.checkout_id = u.first_id where o.id is null or u.created_at >= o.confirmed_at + 900000000",
    )?;
    none(
        file,
        wrong,
        "T6: a browser has more than five cards",
        "select 1 from stored_methods where state = 'kept' group by shop_id, owner having count(*) > 5",
    )?;
    none(
        file,
        wrong,
        "T6: cards that were taken back and are still there",
        "select 1 from stored_methods where state = 'forgetting'",
    )
}

/// I13: what left, left under a promise.
fn parcels(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    none(
        file,
        wrong,
        "I13: parcels that left when nothing was promised",
        "select 1 from shipments p join orders o on o.id = p.order_id join intents i on i.checkout_id = o.checkout_id
          where i.amount_minor > 0 and i.state <> 'conflicted' and not exists (select 1 from attempts a where a.intent_id = i.id
            and a.created_at <= p.handed_over_at and a.capture_before > p.handed_over_at)",
    )?;
    none(
        file,
        wrong,
        "I13: orders born of a promise that was over",
        "select 1 from orders o join intents i on i.checkout_id = o.checkout_id where i.amount_minor > 0 and i.state <> 'conflicted'
            and not exists (select 1 from attempts a where a.intent_id = i.id and coalesce(a.capture_before, o.confirmed_at + 1) > o.confirmed_at)",
    )
}

/// What nobody may ask any more, as a condition on a capture or refund: the processor cannot be asked, and the time is over in which the same request
/// would be done once. It is named to the people of the shop, who have to look on the processor's own pages.
macro_rules! beyond_asking {
    ($row:literal) => {
        concat!(
            "(",
            $row,
            ".tries > 3 and ",
            $row,
            ".created_at < (select max(at) from batches) - 518400000000
               and exists (select 1 from attempts a where a.id = ",
            $row,
            ".attempt_id and a.processor = 'mute'))"
        )
    };
}

/// I16, I6: nothing is under way any more.
fn rest(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    // Whether a request reached a processor that cannot be asked, and whether it lets go, nobody may ever say: then the duty ends with the time of the
    // promise. Should something be promised there longer than that, [`money`] finds it.
    let mut open = file.prepare(
        "select processor || ' ' || n || ' ' || state || ' after ' || tries || ' tries' from attempts
          where state in ('sending', 'unknown', 'pending', 'requires_action') or (state = 'voiding' and not (processor = 'mute' and tries > 3 and created_at > (select max(at) - 777600000000 from batches))) limit 20",
    )?;
    for attempt in open.query_map([], |row| row.get::<_, String>(0))? {
        wrong.push(format!("an attempt whose end is unknown: {}", attempt?));
    }
    for (what, query) in [
        (
            "reservations still live",
            "select 1 from reservations where state in ('active', 'paying')",
        ),
        (
            "checkouts still open",
            "select 1 from checkouts where state not in ('completed', 'canceled', 'expired')",
        ),
        (
            "captures whose end is unknown",
            concat!(
                "select 1 from captures c where state in ('sending', 'unknown') and not ",
                beyond_asking!("c")
            ),
        ),
        (
            "refunds whose end is unknown",
            concat!(
                "select 1 from refunds r where state in ('not_sent', 'sending', 'unknown') and not ",
                beyond_asking!("r")
            ),
        ),
        ("facts nobody acted on", "select 1 from outbox"),
        (
            "confirmed orders without work",
            "select 1 from orders where id not in (select order_id from fulfilments)",
        ),
        (
            "canceled orders with work",
            "select 1 from orders o join fulfilments f on f.order_id = o.id where o.canceled_at is not null and f.state <> 'canceled'",
        ),
        (
            "disputes that nobody decides",
            "select 1 from disputes where state not in ('won', 'lost')",
        ),
        (
            "transfers nobody sealed",
            "select 1 from transfers where sequence is null",
        ),
        (
            "completed checkouts without an order",
            "select 1 from checkouts where state = 'completed' and id not in (select checkout_id from orders)",
        ),
    ] {
        none(file, wrong, what, query)?;
    }
    Ok(())
}

pub fn hex(id: &[u8]) -> String {
    id.iter()
        .rev()
        .take(6)
        .rev()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

struct Ours {
    state: String,
    /// Their states and when they change, for whoever has to find out.
    attempts: String,
    amount: i64,
    captured: i64,
    refunded: i64,
    captures: i64,
    refunds: i64,
    /// What the bank pays of it, and whether it was canceled.
    order: Option<(i64, bool)>,
    /// Taken by banks for buyers, whoever bears it.
    disputed: i64,
    /// Of units that were canceled before they left: never taken.
    let_go: i64,
    /// Nothing is promised, and somebody looks: the buyer may pay again.
    asked: bool,
    /// A person has to look what became of a capture or refund.
    beyond_asking: bool,
    /// Units that still have to leave.
    open: i64,
}

fn intents(file: &Connection) -> rusqlite::Result<BTreeMap<Vec<u8>, Ours>> {
    let mut statement = file.prepare(concat!(
        "select i.checkout_id, i.state, i.amount_minor, i.captured_minor,
                i.refunded_minor - (select coalesce(sum(amount_minor), 0) from refunds r where r.intent_id = i.id and r.credited = 1),
                (select coalesce(sum(amount_minor), 0) from captures c where c.intent_id = i.id and c.state = 'succeeded'),
                (select coalesce(sum(amount_minor), 0) from refunds r where r.intent_id = i.id and r.state = 'succeeded' and r.credited = 0),
                o.total_minor - coalesce((select covers_minor from gift_card_uses u where u.checkout_id = i.checkout_id), 0), o.canceled_at is not null,
                (select coalesce(group_concat(a.n || ' ' || a.state || ' ' || ((a.changed_at - a.created_at) / 1000000) || ' s', ', '), '')
                   from attempts a where a.intent_id = i.id),
                i.state in ('expired', 'processing', 'requires_action') and i.next_check_at is not null,
                (select coalesce(sum(quantity - shipped - canceled), 0) from order_lines l where l.order_id = o.id),
                exists (select 1 from captures c where c.intent_id = i.id and c.state in ('sending', 'unknown') and ",
        beyond_asking!("c"),
        ") or exists (select 1 from refunds r where r.intent_id = i.id and r.state in ('not_sent', 'sending', 'unknown') and ",
        beyond_asking!("r"),
        "), (select coalesce(sum(covered_minor + excess_minor), 0) from disputes d where d.intent_id = i.id and d.state not in ('inquiry', 'won')), i.let_go_minor
         from intents i left join orders o on o.checkout_id = i.checkout_id",
    ))?;
    let rows = statement.query_map([], |row| {
        let order: Option<i64> = row.get(7)?;
        let canceled: bool = row.get(8)?;
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            Ours {
                state: row.get(1)?,
                attempts: row.get(9)?,
                amount: row.get(2)?,
                captured: row.get(3)?,
                refunded: row.get(4)?,
                captures: row.get(5)?,
                refunds: row.get(6)?,
                order: order.map(|total| (total, canceled)),
                asked: row.get(10)?,
                open: row.get(11)?,
                beyond_asking: row.get(12)?,
                disputed: row.get(13)?,
                let_go: row.get(14)?,
            },
        ))
    })?;
    rows.collect()
}

/// What was written down about a payment, for whoever has to find out: seconds since its first try.
fn history(file: &Connection, checkout: &[u8]) -> rusqlite::Result<String> {
    let mut statement = file.prepare(
        "select (l.at - i.created_at) / 1000000, l.what, l.detail from payment_log l join intents i on i.id = l.intent_id
          where i.checkout_id = ?1 order by l.id",
    )?;
    let rows = statement.query_map([checkout], |row| {
        let (at, what, detail): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!("{at} s: {what} {detail}"))
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.join("\n"))
}

/// I10, I11, I14, I9, I20: every payment in the books is one of ours, with the same figures, and nobody paid twice or for nothing.
fn money(
    file: &Connection,
    books: &[Payment],
    disputes: &[BookedDispute],
    wrong: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let ours = intents(file)?;
    let mut binding: BTreeMap<Vec<u8>, Vec<&Payment>> = BTreeMap::new();
    for payment in books {
        let binds = matches!(payment.state, PaymentState::RequiresCapture | PaymentState::Succeeded);
        let Ok(checkout) = payment
            .reference()
            .split('/')
            .next()
            .unwrap_or_default()
            .parse::<CheckoutId>()
        else {
            wrong.push(format!("{} has the reference {:?}", payment.id, payment.reference()));
            continue;
        };
        let key = checkout.uuid().into_bytes().to_vec();
        if !ours.contains_key(&key) {
            wrong.push(format!(
                "P17: the processor knows a payment of {checkout}, and we do not"
            ));
        }
        if binds {
            binding.entry(key).or_default().push(payment);
        }
    }
    let (mut held, mut frozen) = (0, false);
    for (key, intent) in &ours {
        let payments = binding.remove(key).unwrap_or_default();
        let well = wrong.len();
        if intent.state == "conflicted" || intent.beyond_asking {
            frozen = true; // A person decides; until then nothing can be compared.
            continue;
        }
        let name = format!("{} ({}, {})", hex(key), intent.state, intent.attempts);
        let taken: i64 = payments.iter().map(|payment| payment.captured).sum();
        let given: i64 = payments.iter().map(|payment| payment.refunded).sum();
        let mine = |dispute: &&BookedDispute| payments.iter().any(|payment| payment.id == dispute.payment);
        let fees: i64 = disputes.iter().filter(mine).map(|dispute| dispute.fee).sum();
        let lies = |dispute: &&BookedDispute| mine(dispute) && dispute.status.takes_money();
        let disputed: i64 = disputes.iter().filter(lies).map(|dispute| dispute.amount).sum();
        if disputed != intent.disputed {
            wrong.push(format!(
                "I11: of {name} banks took {disputed} for buyers; we say {}",
                intent.disputed
            ));
        }
        held += taken - given - disputed - fees;
        // A sale may be paid from several promises, one after the other; never do two stand.
        let mut standing: Vec<_> = payments
            .iter()
            .filter(|payment| payment.state == PaymentState::RequiresCapture)
            .collect();
        if standing.len() > 1 {
            // A mute processor lets nothing go of which a part was taken: the rest lapses by itself, near its end when it is promised anew.
            standing.retain(|payment| payment.captured == 0 || !payment.id.starts_with("pi_mute_"));
        }
        if standing.len() > 1 {
            let told =
                |payment: &&&Payment| format!("{}, {} of {} taken", payment.id, payment.captured, payment.amount);
            let each: Vec<_> = standing.iter().map(told).collect();
            wrong.push(format!("I10: {name} is bound by {}", each.join(" and ")));
        }
        if (taken, given) != (intent.captures, intent.refunds) {
            wrong.push(format!(
                "I11: {name}: the processor took {taken} and gave back {given}; we say {} and {}",
                intent.captures, intent.refunds
            ));
        }
        if (intent.captures, intent.refunds) != (intent.captured, intent.refunded) {
            wrong.push(format!("I14: the counters of {name} are not the sums of its rows"));
        }
        if intent.captured + intent.let_go > intent.amount || intent.refunded > intent.captured {
            wrong.push(format!(
                "I14: {name} took more than was promised, or gave more than it took"
            ));
        }
        match (&intent.order, standing.first()) {
            // A promise from before units were canceled is bigger; one from after is not.
            (Some((total, false)), Some(payment))
                if !(total - intent.let_go..=*total).contains(&(payment.amount + taken - payment.captured)) =>
            {
                wrong.push(format!(
                    "I8: {name} is bound for {} beside {taken} and costs {total}",
                    payment.amount
                ));
            }
            (Some((total, false)), None) if taken < *total - intent.let_go && intent.open > 0 && !intent.asked => {
                wrong.push(format!("{name} is an order nobody pays for"));
            }
            (Some((_, true)) | None, Some(_)) => {
                wrong.push(format!("I9: {name} has no order and its money is still promised"));
            }
            (None, None) if taken > given => wrong.push(format!("P17: {name} was charged and has no order")),
            _ => {}
        }
        if wrong.len() > well {
            wrong.push(history(file, key)?);
        }
    }
    if !frozen {
        let net: i64 = file.query_row(
            "select coalesce(sum(case when d.kind = 'processor_clearing' then l.amount_minor else 0 end), 0)
                  - coalesce(sum(case when c.kind = 'processor_clearing' then l.amount_minor else 0 end), 0)
               from legs l join accounts d on d.id = l.debit_account join accounts c on c.id = l.credit_account",
            [],
            |row| row.get(0),
        )?;
        let fees: i64 = file.query_row(
            "select coalesce(sum(amount_minor), 0) from legs where purpose = 'processor_fee'",
            [],
            |row| row.get(0),
        )?;
        if net != held - fees {
            wrong.push(format!(
                "I11: the clearing account says {net}; the processor holds {held} less {fees} of fees"
            ));
        }
    }
    Ok(())
}
