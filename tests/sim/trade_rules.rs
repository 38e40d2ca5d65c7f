//! What has to be true of a richer trade, as questions to the database file whose answer is: nothing. Written from the rules alone; asked now and then in
//! histories that have it, and, by the second checker, when everything has come to rest.

use rusqlite::Connection;

/// Units of each thing that is sold alone and in bundles, on the shelf when a history begins. Nobody counts them anew.
pub const UNITS: u32 = 30;

/// What it is called, and how many rows break it.
type Rule = (&'static str, &'static str);

/// The discounts of checkouts that may become an order and of orders that stand, by name: each discount here has one of its own.
macro_rules! had {
    ($rest:literal) => {
        concat!(
            "with had as materialized (select q.value ->> 'name' name, q.value ->> 'limited' limited, k.contact contact
               from checkouts k left join orders o on o.checkout_id = k.id, json_each(k.offer -> 'quote' -> 'discounts') q
              where k.state not in ('canceled', 'expired') and o.canceled_at is null) ",
            $rest
        )
    };
}

pub const ALWAYS: &[Rule] = &[
    (
        "X4: a discount is had more often than it may be",
        had!(
            "select count(*) from (select 1 from had join discounts d on (d.rule ->> 'name') = had.name
              where d.uses_max > 0 and had.limited = 1 group by d.id having count(*) > max(d.uses_max))"
        ),
    ),
    (
        "X4: a buyer has a discount more often than they may, by their mailbox",
        had!(
            "select count(*) from (select 1 from had join discounts d on (d.rule ->> 'name') = had.name
              where (d.rule ->> 'per_buyer') > 0 and (had.contact ->> 'email') is not null group by d.id,
                case when instr((had.contact ->> 'email'), '+') > 0
                     then lower(substr((had.contact ->> 'email'), 1, instr((had.contact ->> 'email'), '+') - 1)
                          || substr((had.contact ->> 'email'), instr((had.contact ->> 'email'), '@')))
                     else lower((had.contact ->> 'email')) end having count(*) > max(d.rule ->> 'per_buyer'))"
        ),
    ),
    (
        "X4: a buyer has a discount more often than they may, by their number",
        had!(
            "select count(*) from (select 1 from had join discounts d on (d.rule ->> 'name') = had.name
              where (d.rule ->> 'per_buyer') > 0 and (had.contact ->> 'phone') is not null
              group by d.id, replace(replace(replace((had.contact ->> 'phone'), ' ', ''), '-', ''), '+', '00')
             having count(*) > max(d.rule ->> 'per_buyer'))"
        ),
    ),
    (
        "X4: a discount is held by what is over, or not by what stands",
        "select count(*) from (select 1 from discount_uses u left join checkouts k on k.id = u.checkout_id left join orders o on o.checkout_id = k.id
          where u.held <> (case when k.id is null or k.state in ('canceled', 'expired') or o.canceled_at is not null then 0 else 1 end))",
    ),
    (
        "X4: the counter of a discount is not the number of those who hold it",
        "select count(*) from (select 1 from discounts d where used <> (select count(*) from discount_uses u
            where u.discount_id = d.id and u.held = 1 and u.counted = 1) or (uses_max > 0 and used > uses_max))",
    ),
    (
        "I27: more units come back than left, or some of them twice",
        "select count(*) from (select 1 from order_lines l where
           (select coalesce(sum(x.quantity), 0) from returns r join return_lines x on x.return_id = r.id
             where r.order_id = l.order_id and x.line = l.line
               and (r.state <> 'closed' or exists (select 1 from exchanges e where e.return_id = r.id and e.state = 'placed')))
                 not between l.asked - l.returned and l.asked
            or l.asked > l.shipped)",
    ),
    (
        "F2: more left for an exchange than came back",
        "select count(*) from exchanges e join return_lines x on x.return_id = e.return_id where e.state = 'placed' and x.quantity <> e.quantity",
    ),
    (
        "I16: nobody will look at a return again",
        "select count(*) from returns where ended_at is null and next_check_at is null",
    ),
    (
        // What was kept of a bundle goes back with its last piece, in the transaction that cancels it.
        "L13: more went back for a return than came, or more often",
        "select count(*) from (select 1 from orders o where
           (select count(*) from adjustments a where a.order_id = o.id and a.kind = 'refund' and a.reason = 'withdrawal'
               and not exists (select 1 from adjustments c where c.order_id = o.id and c.kind = 'cancellation' and c.at = a.at)
               and not exists (select 1 from refunds f where f.adjustment_id = a.id and f.state = 'failed'))
             > (select count(*) from returns r where r.order_id = o.id and r.state in ('received', 'refunded'))
         union all select 1 from order_lines l where
           (select coalesce(sum(u.value ->> 'quantity'), 0) from adjustments a, json_each(a.detail -> 'lines') u
             where a.order_id = l.order_id and a.kind = 'refund' and a.reason = 'withdrawal' and (u.value ->> 'line') = l.line
               and not exists (select 1 from refunds f where f.adjustment_id = a.id and f.state = 'failed'))
             > (select coalesce(sum(x.quantity), 0) from returns r join return_lines x on x.return_id = r.id
                 where r.order_id = l.order_id and x.line = l.line and r.state in ('received', 'refunded')))",
    ),
    (
        "A return is due at another time than fourteen days after its statement",
        "select count(*) from returns where due_by <> stated_at + 14 * 86400000000",
    ),
    (
        "L13: an order has its difference back more often than it was counted",
        "select count(*) from (select 1 from orders o where
           (select count(*) from adjustments a where a.order_id = o.id and a.reason = 'price_match')
             > (select count(*) from price_match_orders m join price_matches b on b.id = m.match_id where m.order_id = o.id and b.started_at is not null))",
    ),
    (
        "L13: a difference was given back for pieces that were not kept",
        "select count(*) from (select 1 from adjustments a, json_each(a.detail -> 'lines') u
           join order_lines l on l.order_id = a.order_id and l.line = (u.value ->> 'line')
          where a.reason = 'price_match' and (u.value ->> 'quantity') > l.shipped - (select coalesce(sum(x.quantity), 0)
            from returns r join return_lines x on x.return_id = r.id
           where r.order_id = a.order_id and x.line = l.line and r.state <> 'closed' and r.stated_at < a.at))",
    ),
    (
        "I16: nobody works on a price match any more, or somebody does for ever",
        "select count(*) from price_matches where (next_check_at is null) <> (state not in ('counting', 'running'))",
    ),
    (
        "L13: a price match is done, and some of its orders are not",
        "select count(*) from price_matches m where state = 'done' and exists (select 1 from price_match_orders o
            where o.match_id = m.id and o.state in ('waiting', 'later'))",
    ),
    (
        "D1: more is promised of a pre-order than is expected, or its place has other units",
        "select count(*) from (select 1 from preorders p left join stock s on s.location_id = p.id and s.variant_id = p.variant_id
          where s.on_hand is not p.units or s.on_hand < s.sold + s.reserved or p.covered > p.arrived or p.arrived > p.units
             or s.sold <> (select coalesce(sum(units), 0) from preorder_sales w where w.preorder_id = p.id and w.state <> 'canceled')
             or p.covered <> (select coalesce(sum(units), 0) from preorder_sales w where w.preorder_id = p.id and w.state = 'here'))",
    ),
    (
        "D2: a pre-order's sale has not the units its line has",
        "select count(*) from (select 1 from preorder_sales w left join order_lines l on l.order_id = w.order_id and l.line = w.line
          where w.units is not l.quantity - l.canceled - l.returned or (w.state = 'canceled') <> (w.units = 0))",
    ),
    (
        "D8: a line was promised for a day and is no sale of its pre-order, or of another day",
        "select count(*) from (select 1 from orders o join checkouts k on k.id = o.checkout_id, json_each(k.offer -> 'quote' -> 'lines') q
           left join preorder_sales w on w.order_id = o.id and w.line = q.key where (q.value -> 'preorder' is null) <> (w.order_id is null))",
    ),
    (
        "D14: whoever ordered later has theirs before somebody who waits",
        "select count(*) from (select 1 from preorder_sales early join preorder_sales late on late.preorder_id = early.preorder_id
          where early.state = 'waiting' and late.state = 'here' and early.sold_at < late.sold_at)",
    ),
    (
        "F6: something left before it was there",
        "select count(*) from (select 1 from preorder_sales w join order_lines l on l.order_id = w.order_id and l.line = w.line
          where w.state = 'waiting' and l.shipped > 0)",
    ),
    (
        "I16: nobody will look at a pre-order again",
        "select count(*) from preorders where state <> 'done' and next_check_at is null",
    ),
    (
        "I6: units of things that bundles share came or went",
        "select count(*) from (select 1 from variants v join products p on p.id = v.product_id where p.title in ('Good 0', 'Good 1', 'Good 2') and (
             select 30 - coalesce(sum(s.on_hand), 0) from stock s where s.variant_id = v.id)
             not between 0 and (select coalesce(sum(returned), 0) from order_lines l where l.variant_id = v.id))",
    ),
    (
        "D1: an exchange does not keep what it promised, or keeps it when it is over",
        "select count(*) from (select 1 from exchanges e where (select coalesce(sum(s.on_hand - s.sold), 0) from stock s where s.location_id = e.id)
            <> case when e.ended_at is null then e.quantity else 0 end
            and (e.ended_at is not null or not exists (select 1 from orders o where o.checkout_id = e.checkout_id)))",
    ),
    (
        "I16: nobody will look at an exchange again",
        "select count(*) from exchanges where ended_at is null and next_check_at is null",
    ),
    (
        // What goes back beside the credit may be refused: the return is open again until it has gone back, or a person ends it.
        "F2: something left for less than was to come back, or for nothing",
        "select count(*) from (select 1 from exchanges e left join returns r on r.id = e.return_id
          where r.id is null or (e.state = 'placed' and (r.state not in ('refunded', 'received', 'closed') or e.quantity <>
            (select coalesce(sum(x.quantity), 0) from return_lines x where x.return_id = r.id))) or (e.state = 'closed' and r.state <> 'closed'))",
    ),
    (
        "X4: what became credit is not on a card, or more than that is",
        "select count(*) from (select 1 from adjustments a where
           (select coalesce(sum(r.amount_minor), 0) from refunds r where r.adjustment_id = a.id and r.credited = 1)
             <> (select coalesce(sum(case m.kind when 'credited' then m.amount_minor else -m.amount_minor end), 0) from gift_card_moves m
                  where m.source_id = a.id and m.kind in ('credited', 'paid_out')))",
    ),
    (
        "T9: somebody was erased, and their purchase says who they were",
        "select count(*) from (select 1 from erasure_items i join checkouts k on k.id = i.checkout_id left join orders o on o.checkout_id = k.id
          where i.state = 'erased' and (k.contact <> '{}' or k.address <> '' or coalesce(o.email, '') <> ''
             or exists (select 1 from attempts a join intents n on n.id = a.intent_id where n.checkout_id = k.id and (a.token <> '' or a.action_url <> ''))
             or exists (select 1 from shipments p where p.order_id = o.id and p.tracking <> '')
             or exists (select 1 from returns r where r.order_id = o.id and r.stated_at <= i.changed_at and r.name || r.email || r.words || r.proof <> '')))",
    ),
    (
        "T9: somebody was erased while their purchase still needed them",
        "select count(*) from (select 1 from erasure_items i join checkouts k on k.id = i.checkout_id left join orders o on o.checkout_id = k.id
          where i.state = 'erased' and (exists (select 1 from shipments p where p.order_id = o.id and p.handed_over_at > i.changed_at)
             or exists (select 1 from captures c join intents n on n.id = c.intent_id where n.checkout_id = k.id and c.created_at > i.changed_at)
             or exists (select 1 from returns r where r.order_id = o.id and r.stated_at < i.changed_at and coalesce(r.ended_at, i.changed_at + 1) > i.changed_at
                         and not exists (select 1 from refunds f join adjustments a on a.id = f.adjustment_id where a.order_id = o.id and f.state = 'failed'))))",
    ),
];

/// When nothing is under way any more.
const AT_REST: &[Rule] = &[
    (
        "X4: a purchase has other discounts than are counted for it",
        "select count(*) from checkouts k where coalesce(json_array_length(k.offer -> 'quote' -> 'discounts'), 0)
            <> (select count(*) from discount_uses u where u.checkout_id = k.id)",
    ),
    (
        "I14: a refund is not what went back for it",
        "select count(*) from (select 1 from adjustments a where kind = 'refund' and amount_minor
            <> (select coalesce(sum(r.amount_minor), 0) from refunds r where r.adjustment_id = a.id)
             + (select coalesce(sum(m.amount_minor), 0) from gift_card_moves m where m.source_id = a.id and m.kind = 'returned'))",
    ),
    (
        "I6: a return that nobody ends",
        "select count(*) from returns where ended_at is null",
    ),
    (
        "I6: an exchange that comes to no end",
        "select count(*) from exchanges where ended_at is null",
    ),
    (
        "I6: an erasure that comes to no end",
        "select count(*) from erasures e where state <> 'done' and not exists (select 1 from erasure_items i
          where i.erasure_id = e.id and i.state = 'held' and (i.reasons like '%goods%' or i.reasons like '%money%'))",
    ),
    (
        "I6: a price match that comes to no end",
        "select count(*) from price_matches where state not in ('done', 'canceled')",
    ),
    (
        "I6: a pre-order that comes to no end",
        "select count(*) from preorders where state <> 'done'",
    ),
    (
        "I6: somebody waits for a pre-order that is over",
        "select count(*) from preorder_sales where state = 'waiting'",
    ),
];

/// The second checker's view: everything, and the sums worked out anew.
pub fn check(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let bundles: i64 = file.query_row("select count(*) from bundles", [], |row| row.get(0))?;
    if bundles == 0 {
        return Ok(());
    }
    for (what, query) in ALWAYS.iter().chain(AT_REST) {
        let found: i64 = file.query_row(query, [], |row| row.get(0))?;
        if found > 0 {
            wrong.push(format!("{what}: {found}"));
        }
    }
    super::trade_sums::check(file, wrong)
}
