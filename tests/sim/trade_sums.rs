//! The second checker's sums of a richer trade, worked out anew from what buyers were shown: what discounts take off each line, what each part of a bundle
//! costs, and what goes back of either by what its buyer agreed to. Like the rest of the second checker it knows the rules and the file, and no code of the
//! program.

use hawker::kernel::{DiscountId, Id, OrderId, PriceMatchId, Time};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Discount and version.
type Rules = BTreeMap<(Vec<u8>, i64), Value>;

pub fn check(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let rules = rules(file)?;
    let ends = ends(file)?;
    let mut statement = file.prepare("select id, offer from checkouts")?;
    let offers = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?;
    let mut quotes = BTreeMap::new();
    let exchanged = exchanges(file, wrong)?;
    for row in offers {
        let (checkout, offer) = row?;
        let mut offer: Value = serde_json::from_str(&offer).unwrap_or_default();
        let quote = offer["quote"].take();
        let name = super::second::hex(&checkout);
        // Within a product nobody pays more than they paid before: such a price follows from another sale.
        let prices = if exchanged.contains(&checkout) {
            Vec::new()
        } else {
            priced(&quote, &rules)
        };
        wrong.extend(prices.into_iter().map(|doubt| format!("{name}: {doubt}")));
        wrong.extend(over(&quote, &ends).into_iter().map(|doubt| format!("{name}: {doubt}")));
        quotes.insert(checkout, quote);
    }
    for sale in sales(file, quotes)? {
        let name = super::second::hex(&sale.id);
        wrong.extend(sale.doubts().into_iter().map(|doubt| format!("{name}: {doubt}")));
    }
    returns(file, wrong)?;
    matches(file, wrong)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn bytes<T: Id + std::str::FromStr>(id: &Value) -> Option<Vec<u8>> {
    Some(id.as_str()?.parse::<T>().ok()?.uuid().into_bytes().to_vec())
}

fn rules(file: &Connection) -> rusqlite::Result<Rules> {
    let mut statement = file.prepare("select discount_id, version, rule from discount_versions")?;
    let rows = statement.query_map([], |row| {
        let rule: String = row.get(2)?;
        Ok((
            (row.get(0)?, row.get(1)?),
            serde_json::from_str(&rule).unwrap_or_default(),
        ))
    })?;
    rows.collect()
}

/// Begin and end of each discount. Who ends one here never takes it up again, and nobody moves its time.
fn ends(file: &Connection) -> rusqlite::Result<BTreeMap<Vec<u8>, (i64, i64)>> {
    let mut statement = file.prepare(
        "select id, starts_at, min(coalesce(ends_at, 9223372036854775807), case state when 'ended' then changed_at + 1 else 9223372036854775807 end)
           from discounts",
    )?;
    let mut rows = statement.query([])?;
    let mut ends = BTreeMap::new();
    while let Some(row) = rows.next()? {
        ends.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    Ok(ends)
}

/// X4: what was shown was shown while it could be had. A quote says when to the second.
fn over(quote: &Value, ends: &BTreeMap<Vec<u8>, (i64, i64)>) -> Option<String> {
    let shown: Time = serde_json::from_value(quote["shown_at"].clone()).ok()?;
    let mut named = list(&quote["discounts"]).iter();
    let of = |one: &Value| bytes::<DiscountId>(&one["id"]).and_then(|id| ends.get(&id).copied());
    let wrong = named.find(|one| of(one).is_none_or(|(begin, end)| shown.0 + 1_000_000 <= begin || shown.0 >= end))?;
    let late = of(wrong).map(|(begin, end)| (shown.0 - begin, shown.0 - end));
    Some(format!(
        "X4: {} was shown when it could not be had: µs after its begin and its end {late:?}",
        wrong["name"]
    ))
}

// What was shown. -------------------------------------------------------------------------------------------------------------------------

/// `total` by these weights: each rounded down, and what is over one at a time in their order.
fn spread(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i64 = weights.iter().sum();
    if sum == 0 || total <= 0 {
        return vec![0; weights.len()];
    }
    let wide = |weight: &i64| i128::from(total) * i128::from(*weight) / i128::from(sum);
    let mut parts: Vec<i64> = weights
        .iter()
        .map(|weight| i64::try_from(wide(weight)).expect("a part"))
        .collect();
    let mut over = total - parts.iter().sum::<i64>();
    for (part, weight) in parts.iter_mut().zip(weights) {
        if over > 0 && *weight > 0 {
            (*part, over) = (*part + 1, over - 1);
        }
    }
    parts
}

/// With its tax, and the tax: rounded half up.
fn taxed(minor: i64, basis_points: i64, inclusive: bool) -> (i64, i64) {
    let half_up = |over: i64, under: i64| (2 * over + under) / (2 * under);
    if inclusive {
        (minor, half_up(minor * basis_points, 10_000 + basis_points))
    } else {
        let tax = half_up(minor * basis_points, 10_000);
        (minor + tax, tax)
    }
}

/// The places of what was asked for: a line, or the lines of a bundle.
fn groups(quote: &Value) -> Vec<Vec<usize>> {
    let lines = list(&quote["lines"]);
    let mut groups: Vec<(Option<i64>, Vec<usize>)> = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let of = line["bundle"]["at"].as_i64();
        match groups.iter_mut().find(|(known, _)| of.is_some() && *known == of) {
            Some((_, places)) => places.push(place),
            None => groups.push((of, vec![place])),
        }
    }
    groups.into_iter().map(|(_, places)| places).collect()
}

fn priced(quote: &Value, rules: &Rules) -> Vec<String> {
    let mut doubts = Vec::new();
    let lines = list(&quote["lines"]);
    let inclusive = quote["inclusive"] == true;
    for (at, bundle) in list(&quote["bundles"]).iter().enumerate() {
        let mine: Vec<&Value> = lines
            .iter()
            .filter(|line| line["bundle"]["at"].as_u64() == Some(at as u64))
            .collect();
        let alone: Vec<i64> = mine
            .iter()
            .map(|line| number(&line["unit_minor"]) * number(&line["quantity"]))
            .collect();
        let whole = number(&bundle["unit_minor"]) * number(&bundle["quantity"]);
        let shares: Vec<i64> = mine.iter().map(|line| number(&line["bundle"]["minor"])).collect();
        if shares != spread(whole, &alone) {
            doubts.push(format!(
                "F5: a bundle for {whole} whose parts cost {alone:?} alone is told apart as {shares:?}"
            ));
        }
    }
    let full = |line: &Value| match line["bundle"]["minor"].as_i64() {
        Some(minor) => minor,
        None => number(&line["unit_minor"]) * number(&line["quantity"]),
    };
    let mut left: Vec<i64> = lines.iter().map(full).collect();
    let named = list(&quote["discounts"]);
    let of: Option<Vec<&Value>> = named
        .iter()
        .map(|one| rules.get(&(bytes::<DiscountId>(&one["id"])?, number(&one["version"]))))
        .collect();
    let Some(of) = of else {
        return vec!["X4: a discount of a version that is not there".into()];
    };
    let groups = groups(quote);
    for (number_of, rule) in of.iter().enumerate() {
        let things: Vec<Thing> = groups.iter().map(|places| Thing::of(quote, places, &left)).collect();
        for (places, off) in groups.iter().zip(off(rule, &things)) {
            let weights: Vec<i64> = places.iter().map(|place| left[*place]).collect();
            let parts = if places.len() == 1 {
                vec![off]
            } else {
                spread(off, &weights)
            };
            for (place, part) in places.iter().zip(parts) {
                let said = number(&lines[*place]["taken"][number_of]);
                if said != part {
                    doubts.push(format!(
                        "X4: {} takes {part} off line {place}, and {said} was taken",
                        rule["name"]
                    ));
                }
                left[*place] -= said;
            }
        }
    }
    let alone = of.iter().any(|rule| rule["combinable"] == false);
    if of.len() > 1 && alone {
        doubts.push("X4: discounts that do not go together were taken together".into());
    }
    let rank = |rule: &Value| {
        let kinds = ["bogo", "volume", "percentage", "fixed"];
        let kind = kinds.iter().position(|kind| rule["takes"]["kind"] == *kind);
        (number(&rule["priority"]), kind)
    };
    if of.windows(2).any(|pair| rank(pair[0]) > rank(pair[1])) {
        doubts.push("X4: discounts were taken in another order than theirs".into());
    }
    let (mut items, mut tax) = (0, number(&quote["delivery"]["tax_minor"]));
    for (line, left) in lines.iter().zip(&left) {
        let (gross, its_tax) = taxed(*left, number(&line["tax"]), inclusive);
        if (gross, its_tax) != (number(&line["amount_minor"]), number(&line["tax_minor"])) {
            doubts.push(format!(
                "I8: a line of which {left} is left costs {gross} with {its_tax} of tax, and {} with {} were shown",
                line["amount_minor"], line["tax_minor"]
            ));
        }
        (items, tax) = (items + gross, tax + its_tax);
    }
    let total = items + number(&quote["delivery"]["amount_minor"]);
    if (total, tax) != (number(&quote["total_minor"]), number(&quote["tax_minor"])) {
        doubts.push(format!(
            "I8: the lines come to {total} with {tax} of tax, and {} were shown",
            quote["total_minor"]
        ));
    }
    doubts
}

/// What a discount sees.
struct Thing {
    product: Value,
    quantity: i64,
    left: i64,
}

impl Thing {
    fn of(quote: &Value, places: &[usize], left: &[i64]) -> Self {
        let line = &quote["lines"][places[0]];
        let sold = match line["bundle"]["at"].as_u64() {
            Some(at) => &quote["bundles"][usize::try_from(at).expect("few")],
            None => line,
        };
        Self {
            product: sold["product"].clone(),
            quantity: number(&sold["quantity"]),
            left: places.iter().map(|place| left[*place]).sum(),
        }
    }
}

/// What a rule takes off each thing, of what those before it left.
fn off(rule: &Value, things: &[Thing]) -> Vec<i64> {
    let named = list(&rule["products"]);
    let is_for = |thing: &Thing| named.is_empty() || named.contains(&thing.product);
    let base: Vec<i64> = things
        .iter()
        .map(|thing| if is_for(thing) { thing.left } else { 0 })
        .collect();
    let (whole, takes) = (base.iter().sum::<i64>(), &rule["takes"]);
    let units: i64 = things
        .iter()
        .filter(|thing| is_for(thing))
        .map(|thing| thing.quantity)
        .sum();
    let part = |of: i64, basis_points: &Value| of * number(basis_points) / 10_000;
    match takes["kind"].as_str() {
        Some("percentage") => spread(part(whole, &takes["off_bp"]), &base),
        Some("fixed") => spread(number(&takes["off"]["amount"]).min(whole), &base),
        Some("volume") => {
            let steps = list(&takes["steps"]).iter();
            let step = steps
                .filter(|step| number(&step["from"]) <= units)
                .max_by_key(|step| number(&step["from"]));
            spread(step.map_or(0, |step| part(whole, &step["off_bp"])), &base)
        }
        _ => {
            let (buy, get) = (number(&takes["buy"]), number(&takes["get"]));
            let mut free = units / (buy + get) * get;
            let mut order: Vec<usize> = (0..things.len()).filter(|at| is_for(&things[*at])).collect();
            // The cheapest unit first; of the same price, the last line's.
            order.sort_by(|one, other| {
                let (one, other) = (*one, *other);
                let (a, b) = (&things[one], &things[other]);
                (a.left * b.quantity).cmp(&(b.left * a.quantity)).then(other.cmp(&one))
            });
            let mut each = vec![0; things.len()];
            for at in order {
                let here = free.min(things[at].quantity);
                free -= here;
                each[at] = part(things[at].left * here / things[at].quantity, &takes["off_bp"]);
            }
            each
        }
    }
}

// What went back. -------------------------------------------------------------------------------------------------------------------------

/// A line as it was sold, and what became of it.
#[derive(Default)]
struct Line {
    amount: i64,
    quantity: i64,
    canceled: i64,
    asked: i64,
    captured: i64,
    refunded: i64,
    /// Units that were named in refunds; those of a lower price are kept.
    named: i64,
}

struct Sale {
    id: Vec<u8>,
    quote: Value,
    lines: Vec<Line>,
    /// Only its bank paid and nobody disputed it; everything was taken before the first went back; and nothing went back but named pieces at what they cost.
    plain: bool,
    refunds: Vec<Back>,
}

struct Back {
    at: i64,
    reason: String,
    units: Vec<(usize, i64)>,
    kept: bool,
    failed: bool,
    /// By line; none: the delivery.
    legs: Vec<(Option<usize>, i64)>,
}

fn by_part(legs: &str) -> Vec<(Option<usize>, i64)> {
    let legs: Vec<Value> = serde_json::from_str(legs).unwrap_or_default();
    let line = |leg: &Value| leg["part"]["line"].as_u64().and_then(|line| usize::try_from(line).ok());
    legs.iter().map(|leg| (line(leg), number(&leg["minor"]))).collect()
}

fn sales(file: &Connection, mut quotes: BTreeMap<Vec<u8>, Value>) -> rusqlite::Result<Vec<Sale>> {
    let mut statement = file.prepare(
        "select o.id, o.checkout_id, i.id, not exists (select 1 from gift_card_uses u where u.checkout_id = o.checkout_id)
                and i.state <> 'conflicted' and not exists (select 1 from disputes d where d.intent_id = i.id)
           from orders o join intents i on i.checkout_id = o.checkout_id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, Vec<u8>>(1)?,
            row.get::<_, Vec<u8>>(2)?,
            row.get::<_, bool>(3)?,
        ))
    })?;
    let mut sales = Vec::new();
    for row in rows {
        let (id, checkout, intent, plain) = row?;
        let Some(quote) = quotes.remove(&checkout) else {
            continue;
        };
        let refunds = refunds(file, &id)?;
        if refunds.is_empty() {
            continue;
        }
        let mut lines = lines(file, &id)?;
        let mut taken = file.prepare_cached(
            "select legs, case when state = 'succeeded' then changed_at when state = 'failed' then -1 else 9223372036854775807 end
               from captures where intent_id = ?1",
        )?;
        let mut taken = taken.query([&intent])?;
        let mut last = i64::MIN;
        while let Some(row) = taken.next()? {
            let (legs, at): (String, i64) = (row.get(0)?, row.get(1)?);
            last = last.max(at);
            for (line, minor) in by_part(&legs).into_iter().filter(|_| at > 0) {
                if let Some(line) = line.and_then(|line| lines.get_mut(line)) {
                    line.captured += minor;
                }
            }
        }
        for back in &refunds {
            for (line, minor) in &back.legs {
                if let Some(line) = line.and_then(|line| lines.get_mut(line)) {
                    line.refunded += minor;
                }
            }
            if back.reason != "price_match" {
                back.units.iter().for_each(|(line, units)| lines[*line].named += units);
            }
        }
        let usual = |back: &Back| {
            let of_lines = back.legs.iter().any(|(line, _)| line.is_some());
            !back.kept && !back.failed && back.reason != "price_match" && (!back.units.is_empty() || !of_lines)
        };
        let first = refunds.iter().map(|back| back.at).min().unwrap_or(i64::MAX);
        sales.push(Sale {
            plain: plain && last < first && refunds.iter().all(usual),
            id,
            quote,
            lines,
            refunds,
        });
    }
    Ok(sales)
}

fn lines(file: &Connection, order: &[u8]) -> rusqlite::Result<Vec<Line>> {
    let mut statement = file.prepare_cached(
        "select amount_minor, quantity, canceled, asked from order_lines where order_id = ?1 order by line",
    )?;
    let rows = statement.query_map([order], |row| {
        Ok(Line {
            amount: row.get(0)?,
            quantity: row.get(1)?,
            canceled: row.get(2)?,
            asked: row.get(3)?,
            ..Line::default()
        })
    })?;
    rows.collect()
}

fn refunds(file: &Connection, order: &[u8]) -> rusqlite::Result<Vec<Back>> {
    let mut statement = file.prepare_cached(
        "select a.at, a.reason, a.detail, coalesce((select '[' || group_concat(trim(r.legs, '[]')) || ']' from refunds r
                  where r.adjustment_id = a.id and r.state <> 'failed' and r.legs <> '[]'), '[]'),
                exists (select 1 from refunds r where r.adjustment_id = a.id and r.state <> 'succeeded')
           from adjustments a where a.order_id = ?1 and a.kind = 'refund' order by a.at, a.id",
    )?;
    let rows = statement.query_map([order], |row| {
        let detail: Value = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
        let unit = |unit: &Value| {
            (
                usize::try_from(number(&unit["line"])).expect("a line"),
                number(&unit["quantity"]),
            )
        };
        Ok(Back {
            at: row.get(0)?,
            reason: row.get(1)?,
            units: list(&detail["lines"]).iter().map(unit).collect(),
            kept: detail["kept"] == true,
            failed: row.get(4)?,
            legs: by_part(&row.get::<_, String>(3)?),
        })
    })?;
    rows.collect()
}

impl Sale {
    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let policy = |line: &Value| {
            let at = usize::try_from(line["bundle"]["at"].as_u64()?).ok()?;
            Some((at, self.quote["bundles"][at]["keep_the_rest"].as_str()?.to_owned()))
        };
        let quoted = list(&self.quote["lines"]);
        let policies: Vec<_> = quoted.iter().map(policy).collect();
        for at in 0..list(&self.quote["bundles"]).len() {
            let mine: Vec<usize> = (0..quoted.len())
                .filter(|place| policies[*place].as_ref().is_some_and(|(of, _)| *of == at))
                .collect();
            let keep = mine
                .first()
                .and_then(|place| policies[*place].clone())
                .map(|(_, keep)| keep);
            match keep.as_deref() {
                Some("none") => doubts.extend(self.apart(&mine)),
                Some("reprice") if self.plain => doubts.extend(self.repriced(&mine)),
                _ => {}
            }
        }
        if self.plain {
            for (place, line) in self.lines.iter().enumerate() {
                let alone = policies[place].as_ref().is_none_or(|(_, keep)| keep == "prorate");
                if !alone || line.canceled > 0 {
                    continue;
                }
                // Counted on from piece to piece, and the last is the rest.
                let due = if line.named >= line.quantity {
                    line.captured
                } else {
                    line.captured.min(line.amount * line.named / line.quantity)
                };
                if line.refunded != due {
                    doubts.push(format!(
                        "F5: of {} pieces of line {place} for {} {} came back, for {} and not for {due}",
                        line.quantity, line.amount, line.named, line.refunded
                    ));
                }
            }
        }
        doubts
    }

    /// A bundle that goes back whole or not at all.
    fn apart(&self, mine: &[usize]) -> Option<String> {
        let of_it =
            |back: &&Back| back.reason != "price_match" && back.units.iter().any(|(line, _)| mine.contains(line));
        let touched = self.refunds.iter().any(|back| of_it(&back));
        let whole = mine.iter().all(|place| {
            let line = &self.lines[*place];
            line.named + line.canceled >= line.quantity || line.canceled + line.asked >= line.quantity
        });
        (touched && !whole).then(|| "F5: a bundle that goes back whole or not at all was taken apart".to_owned())
    }

    /// The buyer pays for what they keep what it costs alone; the rest of what they paid goes back.
    fn repriced(&self, mine: &[usize]) -> Option<String> {
        let lines = || mine.iter().map(|place| &self.lines[*place]);
        if lines().any(|line| line.canceled > 0 || line.captured != line.amount) {
            return None;
        }
        let paid: i64 = lines().map(|line| line.amount).sum();
        let given: i64 = lines().map(|line| line.refunded).sum();
        let alone = mine.iter().map(|place| {
            let (line, quoted) = (&self.lines[*place], &self.quote["lines"][*place]);
            let kept = (line.quantity - line.named).max(0);
            taxed(
                number(&quoted["unit_minor"]) * kept,
                number(&quoted["tax"]),
                self.quote["inclusive"] == true,
            )
            .0
        });
        let named: i64 = lines().map(|line| line.named).sum();
        let due = if named == 0 {
            0
        } else {
            (paid - alone.sum::<i64>()).max(0)
        };
        (given != due).then(|| format!("F5: of a bundle for {paid} {given} went back, and what is kept leaves {due}"))
    }
}

/// Each return has the refund that follows from its id, and no other; what lost in value stayed here.
fn returns(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = file.prepare(
        "select r.id, r.state, r.refunded_minor, r.deducted_minor, o.delivery_minor,
                (select coalesce(sum(l.amount_minor * x.quantity / l.quantity + 1), 0) from return_lines x join order_lines l
                   on l.order_id = r.order_id and l.line = x.line where x.return_id = r.id and x.quantity > 0),
                (select count(*) from adjustments a where a.order_id = r.order_id and a.kind = 'refund') = 1
                  and not exists (select 1 from checkouts k where k.id = o.checkout_id and json_array_length(k.offer -> 'quote' -> 'bundles') > 0),
                exists (select 1 from exchanges e where e.return_id = r.id and e.state = 'placed')
           from returns r join orders o on o.id = r.order_id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state): (Vec<u8>, String) = (row.get(0)?, row.get(1)?);
        let (refunded, deducted, delivery): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let (worth, only): (i64, bool) = (row.get(5)?, row.get(6)?);
        // Its credit stays spent, whoever ends that the rest is refused again and again.
        let bought: bool = row.get(7)?;
        let name = super::second::hex(&id);
        let (mut there, mut rest): (Option<i64>, i64) = (None, 0);
        for try_of_it in ["refund", "refund 1", "refund 2"] {
            let refund = derived(&id, try_of_it);
            there = there.or(adjusted(file, &refund)?);
            // Beside what became credit the rest went back the way it came, unless that was refused until it had gone back with something else.
            rest += adjusted(file, &derived(&refund, "rest"))?.unwrap_or_default();
        }
        let there = there.map(|minor| minor + rest);
        if (state == "refunded" && there.unwrap_or(0) != refunded) || (state == "closed" && there.is_some() && !bought)
        {
            wrong.push(format!(
                "L13: return {name} is {state} for {refunded}, and its refund is {there:?}"
            ));
        }
        if state == "refunded" && only && refunded > 0 && refunded > (worth - deducted).max(0) + delivery {
            wrong.push(format!(
                "L13: return {name} of {worth} that lost {deducted} was refunded {refunded}"
            ));
        }
    }
    Ok(())
}

/// An id that follows from another's.
fn derived(id: &[u8], name: &str) -> Vec<u8> {
    let of = uuid::Uuid::from_slice(id).unwrap_or_default();
    uuid::Uuid::new_v5(&of, name.as_bytes()).into_bytes().to_vec()
}

/// What was written down under this id, whatever became of it.
fn written(file: &Connection, id: &[u8]) -> rusqlite::Result<Option<i64>> {
    let mut statement = file.prepare_cached("select amount_minor from adjustments where id = ?1")?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// What came back pays for what leaves as far as it goes, and the rest goes one way: the buyer pays it, or has it back. All ids follow from the exchange's.
/// The checkouts that belong to exchanges.
fn exchanges(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<BTreeSet<Vec<u8>>> {
    let mut statement = file.prepare("select id, state, tries, quote, return_id, trouble from exchanges")?;
    let mut rows = statement.query([])?;
    let mut checkouts = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (id, state, tries): (Vec<u8>, String, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (quote, back, trouble): (String, Vec<u8>, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let quote: Value = serde_json::from_str(&quote).unwrap_or_default();
        let name = super::second::hex(&id);
        let mut doubt = |what: String| wrong.push(format!("exchange {name} ({state}): {what}"));
        let mut orders = Vec::new();
        for number in 1..=tries {
            let checkout = derived(&id, &format!("checkout/{number}"));
            let order = file
                .prepare_cached(
                    "select o.total_minor, coalesce(u.covers_minor, 0), i.amount_minor from orders o join intents i on i.checkout_id = o.checkout_id
                       left join gift_card_uses u on u.checkout_id = o.checkout_id where o.checkout_id = ?1",
                )?
                .query_map([&checkout], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            orders.extend(order);
            checkouts.insert(checkout);
        }
        if orders.len() != usize::from(state == "placed") {
            doubt(format!("I3: it has {} orders", orders.len()));
        }
        let total = number(&quote["total_minor"]);
        let parts: i64 = list(&quote["lines"])
            .iter()
            .map(|line| number(&line["amount_minor"]))
            .sum();
        if parts + number(&quote["delivery"]["amount_minor"]) != total {
            doubt(format!("I8: what leaves costs {parts} in parts and {total} in all"));
        }
        let refund = derived(&back, "refund");
        let came = written(file, &refund)?.unwrap_or_default();
        let rest = written(file, &derived(&refund, "rest"))?.unwrap_or_default();
        let credited: i64 = file.query_row(
            "select coalesce(sum(amount_minor), 0) from refunds where adjustment_id = ?1 and credited = 1",
            [&refund],
            |row| row.get(0),
        )?;
        if let Some((costs, covered, paid)) = orders.first() {
            // A price that fell since is passed on.
            if *costs > total || covered + paid != *costs {
                doubt(format!(
                    "I8: {total} was shown, and {covered} and {paid} pay for {costs}"
                ));
            }
            if *covered != came.min(*costs) || credited > *costs || (rest > 0 && came < *costs) {
                doubt(format!(
                    "X4: {came} and {rest} came back for {total}, {credited} of it as credit, and {covered} paid"
                ));
            }
        } else if credited > 0 && !trouble.contains("is spent") && state != "to_pay" {
            doubt(format!("L13: {credited} is credit still"));
        }
    }
    Ok(checkouts)
}

/// What went back under this id. None: nothing, or its processor refused it.
fn adjusted(file: &Connection, id: &[u8]) -> rusqlite::Result<Option<i64>> {
    let mut statement = file.prepare_cached(
        "select amount_minor from adjustments a where id = ?1
            and not exists (select 1 from refunds f where f.adjustment_id = a.id and f.state = 'failed')",
    )?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Each order of a batch has its difference once, and it is what the kept pieces cost more than they cost now, less what had gone back of them.
fn matches(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = file.prepare(
        "select m.match_id, m.order_id, m.state, m.refunded_minor, b.prices, o.checkout_id from price_match_orders m join price_matches b on b.id = m.match_id
           join orders o on o.id = m.order_id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (batch, order, state): (Vec<u8>, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (refunded, prices): (i64, String) = (row.get(3)?, row.get(4)?);
        let prices: Vec<Value> = serde_json::from_str(&prices).unwrap_or_default();
        let of = |bytes: &[u8]| uuid::Uuid::from_slice(bytes).unwrap_or_default();
        let (batch, id) = (PriceMatchId::from_uuid(of(&batch)), OrderId::from_uuid(of(&order)));
        let refund = uuid::Uuid::new_v5(&batch.uuid(), id.uuid().as_bytes())
            .into_bytes()
            .to_vec();
        let name = super::second::hex(&order);
        let there = adjusted(file, &refund)?;
        if state == "done" && there != Some(refunded) || matches!(state.as_str(), "skipped") && there.is_some() {
            wrong.push(format!(
                "L13: the difference of {name} is {state} with {refunded}, and its refund is {there:?}"
            ));
        }
        if let Some(minor) = there
            && let Some((due, odd)) = difference(file, &order, &refund, &prices)?
            && !(minor..=minor + odd).contains(&due)
        {
            wrong.push(format!(
                "L13: {name} had {minor} back for a lower price, and {due} is the difference"
            ));
        }
    }
    Ok(())
}

/// None: a bank or a gift card had a part in it, it was not all taken by then, something was on its way back, whose money is not the kept pieces', or
/// something of a bundle had gone back, whose rest may cost more than it did.
///
/// Beside it the cents that may be nobody's until the last piece goes back: one of each line of which some went back and whose price does not divide.
fn difference(
    file: &Connection,
    order: &[u8],
    refund: &[u8],
    prices: &[Value],
) -> rusqlite::Result<Option<(i64, i64)>> {
    let (at, detail, plain): (i64, String, bool) = file.query_row(
        "select a.at, a.detail, not exists (select 1 from disputes d where d.intent_id = i.id) and i.state <> 'conflicted'
                and not exists (select 1 from gift_card_uses u where u.checkout_id = i.checkout_id)
                and not exists (select 1 from refunds r where r.intent_id = i.id and r.state <> 'succeeded')
                and not exists (select 1 from adjustments b where b.order_id = a.order_id and b.at = a.at and b.id <> a.id)
                and not exists (select 1 from returns r where r.order_id = o.id and r.stated_at <= a.at and (r.ended_at is null or r.ended_at >= a.at))
                and not exists (select 1 from checkouts k where k.id = o.checkout_id and json_array_length(k.offer -> 'quote' -> 'bundles') > 0
                    and exists (select 1 from adjustments b where b.order_id = o.id and b.at < a.at and b.reason <> 'price_match'))
                and not exists (select 1 from captures c where c.intent_id = i.id and (c.state <> 'succeeded' or c.changed_at >= a.at))
           from adjustments a join orders o on o.id = a.order_id join intents i on i.checkout_id = o.checkout_id where a.id = ?1",
        [refund],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if !plain {
        return Ok(None);
    }
    let mut captured: BTreeMap<usize, i64> = BTreeMap::new();
    let mut legs = file.prepare_cached(
        "select c.legs, 1 from captures c join intents i on i.id = c.intent_id join orders o on o.checkout_id = i.checkout_id where o.id = ?1
         union all select r.legs, -1 from refunds r join adjustments a on a.id = r.adjustment_id where a.order_id = ?1 and a.at < ?2",
    )?;
    let mut legs = legs.query((order, at))?;
    while let Some(row) = legs.next()? {
        let (legs, sign): (String, i64) = (row.get(0)?, row.get(1)?);
        for (line, minor) in by_part(&legs) {
            if let Some(line) = line {
                *captured.entry(line).or_default() += sign * minor;
            }
        }
    }
    // What was kept of a piece that came back worth less was not paid for those that are kept.
    let mut worn = file.prepare_cached(
        "select e.value ->> 0, sum(e.value ->> 1) from adjustments a, json_each(a.detail -> 'less') e where a.order_id = ?1 and a.at < ?2
            and not exists (select 1 from refunds f where f.adjustment_id = a.id and f.state = 'failed') group by 1",
    )?;
    let mut worn = worn.query((order, at))?;
    while let Some(row) = worn.next()? {
        let (line, minor): (i64, i64) = (row.get(0)?, row.get(1)?);
        *captured.entry(usize::try_from(line).expect("a line")).or_default() -= minor;
    }
    let detail: Value = serde_json::from_str(&detail).unwrap_or_default();
    let (mut due, mut odd) = (0, 0);
    let mut sold = file.prepare_cached(
        "select amount_minor, quantity, variant_id from order_lines where order_id = ?1 and line = ?2",
    )?;
    for unit in list(&detail["lines"]) {
        let (line, kept) = (number(&unit["line"]), number(&unit["quantity"]));
        let (amount, quantity, variant): (i64, i64, Vec<u8>) =
            sold.query_row((order, line), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let named = |price: &&Value| bytes::<hawker::kernel::VariantId>(&price["variant"]).as_ref() == Some(&variant);
        let now = prices
            .iter()
            .find(named)
            .map_or(0, |price| number(&price["unit_minor"]));
        let left = captured
            .get(&usize::try_from(line).expect("a line"))
            .copied()
            .unwrap_or_default();
        due += (amount * kept / quantity).min(left) - now * kept;
        odd += i64::from(kept < quantity && amount % quantity > 0);
    }
    Ok(Some((due, odd)))
}
