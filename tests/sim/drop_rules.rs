//! What has to be true of drops, as questions to the database file whose answer is: nothing. Written from the rules alone; asked after every step that
//! touched a row of a history with drops, now and then, and, by the second checker, when everything has come to rest.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// Units of each thing that histories with drops sell, on the shelf when they begin. Nobody counts them anew.
pub const UNITS: u32 = 24;

/// What it is called, and how many rows break it.
type Rule = (&'static str, &'static str);

/// Looks at few rows: asked after every step.
pub const QUICK: &[Rule] = &[
    (
        "D1: a place of a drop has less than is sold and reserved there",
        "select count(*) from (select 1 from stock where home_id is not null and (on_hand < sold + reserved or sold < 0 or reserved < 0))",
    ),
    (
        "D2: units of a drop are reserved by no live reservation, or the other way round",
        "select count(*) from (select 1 from stock s where home_id is not null and reserved <> (select coalesce(sum(quantity), 0) from reservations r
           where r.location_id = s.location_id and r.variant_id = s.variant_id and r.state in ('active', 'paying')))",
    ),
    (
        "D11: what is counted under a name is not what is held under it, or more than may be",
        "select count(*) from (select 1 from drop_buyers b where units > units_max or units <> (select coalesce(sum(c.units), 0) from drop_claims c
           where c.drop_id = b.drop_id and c.held = 1 and instr(c.identities, b.identity) > 0))",
    ),
    (
        "D11: something is held that is over, or is not held although it stands",
        "select count(*) from (select 1 from drop_claims c left join checkouts k on k.id = c.checkout_id left join orders o on o.checkout_id = k.id
          where c.held <> (case when k.id is null or k.state in ('canceled', 'expired') or o.canceled_at is not null then 0 else 1 end))",
    ),
    (
        "D13: the gate of a drop that is closed is not shut for good",
        "select count(*) from (select 1 from stock s join drops d on d.id = s.location_id where d.state in ('closed', 'archived') and s.gate <> 2 and not exists (select 1 from preorders p where p.place_id = s.location_id and p.variant_id = s.variant_id))",
    ),
    (
        "D13: the gate of a drop that is not open, is",
        "select count(*) from (select 1 from stock s join drops d on d.id = s.location_id where d.state in ('scheduled', 'paused') and s.gate <> 1 and not exists (select 1 from preorders p where p.place_id = s.location_id and p.variant_id = s.variant_id))",
    ),
    (
        "D14: a gate is shut and nobody waits",
        "select count(*) from (select 1 from stock s join drops d on d.id = s.location_id where d.state = 'open' and s.gate <> 0 and not exists (select 1 from preorders p where p.place_id = s.location_id and p.variant_id = s.variant_id)
            and (d.closes_at is null or d.closes_at > (select max(at) from batches))
            and not exists (select 1 from drop_waits w where w.drop_id = d.id and w.variant_id = s.variant_id and w.state = 'waiting'))",
    ),
    (
        "D1: what a drop sells before it is there is not what is expected, or has a gate that is open although nobody takes more",
        "select count(*) from (select 1 from preorders p left join stock s on s.location_id = p.place_id and s.variant_id = p.variant_id
          where p.place_id is not null and (s.on_hand is not p.units or p.covered > p.arrived or p.arrived > p.units
             or s.sold <> (select coalesce(sum(units), 0) from preorder_sales w where w.preorder_id = p.id and w.state <> 'canceled')
             or p.state = 'closed' and s.gate = 2 or p.state = 'done' and s.gate <> 2
             or p.state <> 'open' and s.on_hand > s.sold + s.reserved and p.next_check_at is null))",
    ),
    (
        "F6: something of a drop left before it was there",
        "select count(*) from (select 1 from preorder_sales w join order_lines l on l.order_id = w.order_id and l.line = w.line
          where w.state = 'waiting' and l.shipped > 0)",
    ),
    (
        "D14: units are offered to somebody and not kept for them",
        "select count(*) from (select 1 from drop_waits w where w.state = 'offered' and not exists (select 1 from reservations r where r.checkout_id = w.id
            and r.location_id = w.drop_id and r.variant_id = w.variant_id and r.quantity = w.units and r.state = 'active'))",
    ),
    (
        "D14: units are kept for somebody to whom they are not offered any more",
        "select count(*) from (select 1 from reservations r join drop_waits w on w.id = r.checkout_id where r.state in ('active', 'paying') and w.state <> 'offered')",
    ),
    (
        "D14: somebody was offered what somebody before them on the list waits for",
        "select count(*) from (select 1 from drop_waits l join drop_waits e on e.drop_id = l.drop_id and e.variant_id = l.variant_id
          where l.offered_until is not null and e.offered_until is null and e.state in ('waiting', 'lapsed') and e.units <= l.units
            and (e.joined_at < l.joined_at or (e.joined_at = l.joined_at and e.id < l.id)))",
    ),
    (
        "X2: somebody was let in before somebody who comes before them",
        "select count(*) from (select 1 from drop_turns late join drop_turns early on early.drop_id = late.drop_id
          where late.pass_until is not null and early.pass_until is null and (early.late, early.rank) < (late.late, late.rank))",
    ),
    (
        "X5: more was reserved in a drop with a waiting room than people were let in for",
        "select count(*) from (select 1 from drops d where d.line_rate > 0 and
           (select count(distinct r.checkout_id) from reservations r where r.location_id = d.id and r.checkout_id not in (select id from drop_waits))
             > (select count(*) from drop_turns t where t.drop_id = d.id and t.used = 1)
             + (select count(*) from drop_waits w where w.drop_id = d.id and w.state = 'taken'))",
    ),
    (
        "I6: a drop that is settled has units left, or somebody who waits",
        "select count(*) from (select 1 from drops d where d.state in ('closed', 'archived') and d.next_check_at is null and (
              exists (select 1 from stock s where s.location_id = d.id and (s.reserved <> 0 or s.on_hand <> s.sold))
           or exists (select 1 from drop_waits w where w.drop_id = d.id and w.state in ('waiting', 'offered'))))",
    ),
    (
        "I16: nobody will look at a drop again",
        "select count(*) from (select 1 from drops where state in ('scheduled', 'open', 'paused') and next_check_at is null)",
    ),
    (
        "The archive of a drop has not one event for each of its versions",
        "select count(*) from (select 1 from drops d where version <> (select count(*) from drop_events e where e.drop_id = d.id)
            or version <> (select max(position) from drop_events e where e.drop_id = d.id))",
    ),
];

/// Live checkouts and standing orders of drops with a limit: drop, limit, and the contact and address they were made with.
macro_rules! standing {
    ($name:literal) => {
        concat!(
            "select count(*) from (select r.location_id drop_id, ",
            $name,
            " name, sum(r.quantity - (select coalesce(sum(l.canceled), 0) from order_lines l
                                      where l.order_id = r.checkout_id and l.variant_id = r.variant_id)) units,
                      max(d.limit_units) most from reservations r join drops d on d.id = r.location_id
               join checkouts k on k.id = r.checkout_id left join orders o on o.checkout_id = k.id
              where d.limit_units > 0 and k.state not in ('canceled', 'expired') and o.canceled_at is null group by 1, 2)
             where name is not null and units > most"
        )
    };
}

/// Looks at many rows: asked now and then, and in the end.
pub const SLOW: &[Rule] = &[
    (
        "D11: a promise that is not taken, for its card has enough of a drop, is counted on, or its buyer has an order",
        "select count(*) from attempts a where a.decline = 'drop_limit_reached' and (a.state = 'authorized' or exists (select 1 from orders o
           join intents i on i.checkout_id = o.checkout_id where i.id = a.intent_id))",
    ),
    (
        "D11: somebody has more of a drop than they may, by their mailbox",
        standing!(
            "case when instr((k.contact ->> 'email'), '+') > 0
              then lower(substr((k.contact ->> 'email'), 1, instr((k.contact ->> 'email'), '+') - 1)
                   || substr((k.contact ->> 'email'), instr((k.contact ->> 'email'), '@')))
              else lower((k.contact ->> 'email')) end"
        ),
    ),
    (
        "D11: somebody has more of a drop than they may, by their number",
        standing!("replace(replace(replace((k.contact ->> 'phone'), ' ', ''), '-', ''), '+', '00')"),
    ),
    (
        "D11: somebody has more of a drop than they may, by their street",
        standing!(
            "case when k.address = '' then null else lower((k.address ->> 'line1') || (k.address ->> 'postal_code')) end"
        ),
    ),
    (
        "D11: somebody bought more of a drop than they may, by their card",
        standing!(
            "case when o.id is not null then (select max(hex(a.card)) from attempts a
              where a.intent_id = k.id and a.card is not null and a.created_at <= o.confirmed_at and a.state <> 'voided' and a.state <> 'voiding') end"
        ),
    ),
    (
        "D11: somebody said where it goes, and is not counted there",
        "select count(*) from (select 1 from drop_claims c join drops d on d.id = c.drop_id join checkouts k on k.id = c.checkout_id
          where c.held = 1 and d.limit_units > 0 and k.address <> '' and k.state not in ('canceled', 'expired')
            and '61' not in (hex(substr(c.identities, 1, 1)), hex(substr(c.identities, 34, 1)), hex(substr(c.identities, 67, 1)), hex(substr(c.identities, 100, 1))))",
    ),
    (
        "X3: who let units lie twice, by their browser, reserved again before others had their minutes",
        "with claims as (select checkout_id, drop_id, case '62' when hex(substr(identities, 1, 1)) then substr(identities, 1, 33)
              when hex(substr(identities, 34, 1)) then substr(identities, 34, 33) when hex(substr(identities, 67, 1)) then substr(identities, 67, 33)
              when hex(substr(identities, 100, 1)) then substr(identities, 100, 33) end browser from drop_claims),
           lapses as (select c.drop_id, c.browser, k.changed_at at, row_number() over (partition by c.drop_id, c.browser order by k.changed_at) n
              from claims c join checkouts k on k.id = c.checkout_id where c.browser is not null and k.changed_at - k.created_at >= 60000000
                and exists (select 1 from reservations r where r.checkout_id = k.id and r.location_id = c.drop_id
                     and (k.state, r.state) in (values ('expired', 'expired'), ('canceled', 'released'))))
         select count(*) from lapses l join claims c on c.drop_id = l.drop_id and c.browser = l.browser join checkouts k on k.id = c.checkout_id
           join drops d on d.id = c.drop_id
          where l.n > 1 and k.created_at > l.at and k.created_at < l.at + d.hold_minutes * 60000000",
    ),
    (
        "D13: reserved before a drop opened, while it was paused, or after it closed",
        "select count(*) from (select 1 from reservations r join drops d on d.id = r.location_id
          where not exists (select 1 from drop_events e where e.drop_id = d.id and e.kind = 'opened' and e.at <= r.created_at)
             or (d.closes_at is not null and r.created_at >= d.closes_at)
             or exists (select 1 from drop_events p where p.drop_id = d.id and p.kind in ('paused', 'closed') and p.at + 1000 <= r.created_at
                  and not exists (select 1 from drop_events o where o.drop_id = d.id and o.position > p.position and o.kind = 'resumed' and o.at <= r.created_at)))",
    ),
    (
        "D12: a sale of a drop is dearer than what its archive says was shown",
        "select count(*) from (select 1 from reservations r join drops d on d.id = r.location_id join checkouts k on k.id = r.checkout_id, json_each(k.offer -> 'quote' -> 'lines') l
          where (l.value ->> 'unit_minor') > coalesce(
              (select (e.detail ->> 'to') from drop_events e where e.drop_id = d.id and e.kind = 'price_step'
                  and (e.detail ->> 'variant') = (l.value ->> 'variant')
                  and e.position <= (k.offer -> 'quote' -> 'drop' ->> 'position') order by e.position desc limit 1),
              (select (i.value ->> 'price') from drop_events e, json_each(e.detail -> 'items') i where e.drop_id = d.id and e.kind = 'scheduled'
                  and (i.value ->> 'variant') = (l.value ->> 'variant'))))",
    ),
    (
        "X5: a pass was used for nothing, for two things, or after its end",
        "select count(*) from (select 1 from drop_turns t where t.used = 1 and 1 <> (select count(*) from reservations r
            where r.checkout_id = t.checkout_id and r.location_id = t.drop_id and r.created_at < t.pass_until
              and r.variant_id = (select min(q.variant_id) from reservations q where q.checkout_id = r.checkout_id))
         union all select 1 from drop_turns where used = 1 group by checkout_id having count(*) > 1)",
    ),
    (
        "D11: something reserved in a drop with a limit counts for nobody",
        "select count(*) from (select 1 from reservations r join drops d on d.id = r.location_id where d.limit_units > 0 and r.checkout_id not in (select id from drop_waits)
            and not exists (select 1 from drop_claims c where c.checkout_id = r.checkout_id and c.drop_id = d.id
                  and c.units = (select sum(q.quantity) from reservations q where q.checkout_id = r.checkout_id)
                    - (select coalesce(sum(u.value ->> 'quantity'), 0) from adjustments a, json_each(a.detail -> 'lines') u
                        where a.order_id = r.checkout_id and a.kind = 'cancellation')))",
    ),
    (
        "The units given to a drop are not those in its archive",
        "select count(*) from (select 1 from drops d where d.state <> 'draft' and (select coalesce(sum(allotment), 0) from drop_items i where i.drop_id = d.id) <>
            (select coalesce(sum(case e.kind when 'released' then (e.detail ->> 'units')
                                             when 'scheduled' then (select sum((i.value ->> 'units')) from json_each(e.detail -> 'items') i) end), 0)
               from drop_events e where e.drop_id = d.id and e.kind in ('scheduled', 'released')))",
    ),
    (
        "What came into a drop is not what was sold, what is there and what went back",
        "select count(*) from (select 1 from (select d.id,
              (select coalesce(sum(allotment), 0) from drop_items i where i.drop_id = d.id)
            - (select coalesce(sum((e.detail ->> 'units')), 0) from drop_events e where e.drop_id = d.id and e.kind = 'returned') there_at_most,
              (select coalesce(sum(on_hand), 0) from stock s where s.location_id = d.id) there,
              (select coalesce(sum(canceled + returned), 0) from order_lines l where l.location_id = d.id) came_back
            from drops d where d.state <> 'draft' and not exists (select 1 from preorders p where p.place_id = d.id))
          where there > there_at_most or there < there_at_most - came_back)",
    ),
    (
        "I6: units of things that drops sell came or went",
        "select count(*) from (select 1 from variants v join products p on p.id = v.product_id where p.title like 'Show %' and not exists (select 1 from preorders e where e.variant_id = v.id) and (
             select 24 - coalesce(sum(s.on_hand), 0) from stock s where s.variant_id = v.id)
             not between 0 and (select coalesce(sum(returned), 0) from order_lines l where l.variant_id = v.id))",
    ),
];

/// When nothing is under way any more.
const AT_REST: &[Rule] = &[
    (
        "I6: a drop is not settled",
        "select count(*) from (select 1 from drops where state <> 'draft' and (state not in ('closed', 'archived') or next_check_at is not null))",
    ),
    (
        "I6: units of a drop that is over are reserved",
        "select count(*) from (select 1 from stock where home_id is not null and (reserved <> 0 or on_hand <> sold))",
    ),
    (
        "D13: a settled drop does not say so in its archive",
        "select count(*) from (select 1 from drops d where state <> 'draft' and not exists (select 1 from drop_events e where e.drop_id = d.id and e.kind = 'settled'))",
    ),
];

/// The second checker's view: everything, and the archives worked out anew.
pub fn check(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let drops: i64 = file.query_row("select count(*) from drops", [], |row| row.get(0))?;
    if drops == 0 {
        return Ok(());
    }
    for (what, query) in QUICK.iter().chain(SLOW).chain(AT_REST) {
        let found: i64 = file.query_row(query, [], |row| row.get(0))?;
        if found > 0 {
            wrong.push(format!("{what}: {found}"));
        }
    }
    let mut heads = file.prepare("select id, head from drops")?;
    let heads = heads.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in heads {
        let (drop, head) = row?;
        if archived(file, &drop)? != head {
            wrong.push(format!(
                "The archive of {} does not come to its head",
                super::second::hex(&drop)
            ));
        }
    }
    Ok(())
}

/// The last hash of a drop's events, worked out as docs/drops.md says; empty where one of them is not what it says.
fn archived(file: &Connection, drop: &[u8]) -> rusqlite::Result<Vec<u8>> {
    let mut events = file.prepare_cached(
        "select position, at, kind, detail, staff_id, hash from drop_events where drop_id = ?1 order by position",
    )?;
    let events = events.query_map([drop], |row| {
        let (position, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kind, detail): (String, String) = (row.get(2)?, row.get(3)?);
        let (staff, hash): (Option<Vec<u8>>, Vec<u8>) = (row.get(4)?, row.get(5)?);
        let mut said = drop.to_vec();
        said.extend(position.to_be_bytes());
        said.extend(at.to_be_bytes());
        said.extend([kind.as_bytes(), &[0], detail.as_bytes(), &[0]].concat());
        said.extend(staff.unwrap_or_default());
        Ok((said, hash))
    })?;
    let mut before = vec![0; 32];
    for event in events {
        let (said, hash) = event?;
        before = Sha256::digest([before, said].concat()).to_vec();
        if before != hash {
            return Ok(Vec::new());
        }
    }
    Ok(before)
}
