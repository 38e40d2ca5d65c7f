//! The second checker's sums: what everybody earns of every sale, worked out anew from the quote and the contract of its day, and compared with the
//! legs in the ledger. Like the rest of the second checker it knows the rules and the file, and no code of the program.

use hawker::kernel::{ContractId, Id, PartyId};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;

/// Kind and party.
type Account = (String, Option<Vec<u8>>);
/// An account, and what for.
type Earner = (String, Option<Vec<u8>>, String);
type Sums = BTreeMap<Earner, i64>;
/// By part and place of the leg.
type Planned = BTreeMap<(String, i64), i64>;

/// A version of a contract, and when it was written.
struct Version {
    at: i64,
    terms: Value,
}

struct Sale {
    name: String,
    order: Vec<u8>,
    intent: Vec<u8>,
    /// What the buyer saw.
    quote: Value,
    tax: i64,
    /// What is paid for it, by the bank and by gift card; taken of both, and given back.
    amount: i64,
    captured: i64,
    refunded: i64,
    /// What lies with banks, and is borne by those who had a share.
    disputed: i64,
    /// Whether neither a bank nor a gift card nor credit had a part in it.
    plain: bool,
    /// When somebody tried to pay for it: the split is of one of these moments.
    tried: Vec<i64>,
}

/// A leg in the ledger.
struct Leg {
    kind: String,
    source: Vec<u8>,
    minor: i64,
    purpose: String,
    debit: Account,
    credit: Account,
}

/// L1, L3, L4, I20, I22: every sale is split as its contract said on its day, whatever was taken and given back since.
pub fn check(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    mixed(file, wrong)?;
    let contracts = contracts(file)?;
    for sale in sales(file)? {
        let legs = legs(file, &sale.order)?;
        let found = possible(&sale, &contracts)
            .into_iter()
            .map(|(shares, bearer)| doubts(file, &sale, &shares, &bearer, &legs))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        // Of two versions of one instant either may have been the one.
        if let Some(doubts) = found.into_iter().min_by_key(Vec::len) {
            wrong.extend(doubts.into_iter().map(|doubt| format!("{}: {doubt}", sale.name)));
        }
        fair(file, &sale, wrong)?;
    }
    Ok(())
}

/// I20: no leg joins two currencies or two shops, and none is of another currency than its transfer.
fn mixed(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let found: i64 = file.query_row(
        "select count(*) from legs l join transfers t on t.id = l.transfer_id join accounts d on d.id = l.debit_account
           join accounts c on c.id = l.credit_account
          where l.currency <> t.currency or d.currency <> t.currency or c.currency <> t.currency or d.shop_id <> t.shop_id or c.shop_id <> t.shop_id",
        [],
        |row| row.get(0),
    )?;
    if found > 0 {
        wrong.push(format!("I20: legs between currencies or shops: {found}"));
    }
    Ok(())
}

fn contracts(file: &Connection) -> rusqlite::Result<BTreeMap<Vec<u8>, Vec<Version>>> {
    let mut statement =
        file.prepare("select contract_id, created_at, terms from contract_versions order by contract_id, version")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get::<_, String>(2)?))
    })?;
    let mut all: BTreeMap<Vec<u8>, Vec<Version>> = BTreeMap::new();
    for row in rows {
        let (contract, at, terms) = row?;
        let terms = serde_json::from_str(&terms).unwrap_or_default();
        all.entry(contract).or_default().push(Version { at, terms });
    }
    Ok(all)
}

/// Sales that are in no conflict.
fn sales(file: &Connection) -> rusqlite::Result<Vec<Sale>> {
    let mut statement = file.prepare(
        "select o.id, i.id, k.offer, o.tax_minor, i.amount_minor + coalesce(u.covers_minor, 0), i.captured_minor + coalesce(u.taken_minor, 0),
                i.refunded_minor + coalesce(u.returned_minor, 0),
                (select coalesce(group_concat(a.created_at), '') from attempts a where a.intent_id = i.id and a.off_session = 0),
                i.disputed_minor, u.checkout_id is null and not exists (select 1 from disputes d where d.intent_id = i.id)
                  and not exists (select 1 from refunds r where r.intent_id = i.id and r.credited = 1), i.created_at
           from orders o join intents i on i.checkout_id = o.checkout_id join checkouts k on k.id = o.checkout_id
           left join gift_card_uses u on u.checkout_id = o.checkout_id where i.state <> 'conflicted'",
    )?;
    let rows = statement.query_map([], |row| {
        let order: Vec<u8> = row.get(0)?;
        let offer: Value = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
        let tried: String = row.get(7)?;
        Ok(Sale {
            name: format!("sale {}", super::second::hex(&order)),
            order,
            intent: row.get(1)?,
            quote: offer["quote"].clone(),
            tax: row.get(3)?,
            amount: row.get(4)?,
            captured: row.get(5)?,
            refunded: row.get(6)?,
            disputed: row.get(8)?,
            plain: row.get(9)?,
            // Of whoever paid with a gift card alone, nobody was asked.
            tried: (tried.split(',').filter_map(|at| at.parse().ok()))
                .chain([row.get(10)?])
                .collect(),
        })
    })?;
    rows.collect()
}

fn legs(file: &Connection, order: &[u8]) -> rusqlite::Result<Vec<Leg>> {
    let mut statement = file.prepare_cached(
        "select t.source_kind, t.source_id, l.amount_minor, l.purpose, d.kind, d.party_id, c.kind, c.party_id
           from transfers t join legs l on l.transfer_id = t.id join accounts d on d.id = l.debit_account join accounts c on c.id = l.credit_account
          where t.order_id = ?1",
    )?;
    let rows = statement.query_map([order], |row| {
        Ok(Leg {
            kind: row.get(0)?,
            source: row.get(1)?,
            minor: row.get(2)?,
            purpose: row.get(3)?,
            debit: (row.get(4)?, row.get(5)?),
            credit: (row.get(6)?, row.get(7)?),
        })
    })?;
    rows.collect()
}

// What the contract says ----------------------------------------------------------------------------------------------------------

/// Who bears what the processor keeps.
enum Bearer {
    One(String, Option<Vec<u8>>),
    Everyone,
}

/// The splits a sale may have: by the version of its contracts at one of the tries to pay for it.
fn possible(sale: &Sale, contracts: &BTreeMap<Vec<u8>, Vec<Version>>) -> Vec<(Sums, Bearer)> {
    let mut all = Vec::new();
    for at in &sale.tried {
        // Before what was written in this instant, and after it.
        for until in [at - 1, *at] {
            all.push(split(&sale.quote, |contract| {
                let versions = contracts.get(&uuid::<ContractId>(contract)?)?;
                versions
                    .iter()
                    .rev()
                    .find(|version| version.at <= until)
                    .map(|version| &version.terms)
            }));
        }
    }
    all
}

fn uuid<T: Id + std::str::FromStr>(id: &Value) -> Option<Vec<u8>> {
    Some(id.as_str()?.parse::<T>().ok()?.uuid().into_bytes().to_vec())
}

fn payable(party: &Value) -> Account {
    ("party_payable".to_owned(), uuid::<PartyId>(party))
}

fn split<'a>(quote: &Value, terms: impl Fn(&Value) -> Option<&'a Value>) -> (Sums, Bearer) {
    let mut sums = Sums::new();
    let mut earn = |(kind, party): Account, purpose: &str, minor: i64| {
        if minor > 0 {
            *sums.entry((kind, party, purpose.to_owned())).or_default() += minor;
        }
    };
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let lines = quote["lines"].as_array().cloned().unwrap_or_default();
    let shop = |kind: &str| (kind.to_owned(), None);
    for line in &lines {
        let (tax, quantity) = (number(&line["tax_minor"]), number(&line["quantity"]));
        earn(shop("tax_payable"), "tax", tax);
        let mut left = number(&line["amount_minor"]) - tax;
        let Some(terms) = terms(&line["contract"]) else {
            earn(shop("shop_revenue"), "share", left);
            continue;
        };
        let fee = &terms["fulfilment"];
        let mut fixed = |party: &Value, amount: &Value, purpose: &str| {
            let minor = (number(&amount["amount"]) * quantity).min(left);
            left -= minor;
            earn(payable(party), purpose, minor);
        };
        fixed(&fee["party"], &fee["per_unit"], "fulfilment_fee");
        let shares = terms["shares"].as_array().cloned().unwrap_or_default();
        for share in &shares {
            fixed(&share["party"], &share["part"]["fixed"], "share");
        }
        let part = |basis_points: &Value| left * number(basis_points) / 10_000;
        let mut rest = left;
        for share in &shares {
            let minor = part(&share["part"]["portion"]);
            rest -= minor;
            earn(payable(&share["party"]), "share", minor);
        }
        let platform = part(&terms["platform_fee_bp"]);
        earn(shop("platform_revenue"), "platform_fee", platform);
        earn(payable(&terms["remainder"]), "share", rest - platform);
    }
    let leading = lines.iter().find(|line| line["physical"] == true).or(lines.first());
    let terms = leading.and_then(|line| terms(&line["contract"]));
    let delivery = &quote["delivery"];
    let to = terms.map_or(shop("shop_revenue"), |terms| {
        payable(if terms["delivery"].is_null() {
            &terms["remainder"]
        } else {
            &terms["delivery"]
        })
    });
    earn(shop("tax_payable"), "tax", number(&delivery["tax_minor"]));
    earn(
        to,
        "delivery",
        number(&delivery["amount_minor"]) - number(&delivery["tax_minor"]),
    );
    let bearer = match terms {
        Some(terms) if terms["processor_fee"] == "everyone" => Bearer::Everyone,
        Some(terms) if terms["processor_fee"] == "remainder" => {
            let (kind, party) = payable(&terms["remainder"]);
            Bearer::One(kind, party)
        }
        Some(terms) if terms["processor_fee"].is_object() => {
            let (kind, party) = payable(&terms["processor_fee"]["party"]);
            Bearer::One(kind, party)
        }
        _ => Bearer::One("processor_fees".into(), None),
    };
    (sums, bearer)
}

// What the ledger says ------------------------------------------------------------------------------------------------------------

/// What processors of this world keep of a capture: 1.5 %, rounded half up, and 25, and never more than all of it.
fn fee_of(minor: i64) -> i64 {
    ((minor * 150 + 5_000) / 10_000 + 25).min(minor)
}

fn doubts(
    file: &Connection,
    sale: &Sale,
    shares: &Sums,
    bearer: &Bearer,
    legs: &[Leg],
) -> rusqlite::Result<Vec<String>> {
    let mut doubts = Vec::new();
    let (mut taken, mut given, mut disputed) = (Sums::new(), Sums::new(), Sums::new());
    let account = |kind: &str| (kind.to_owned(), None);
    let clearing = account("processor_clearing");
    let (losses, on_cards) = (account("dispute_losses"), account("gift_card_liability"));
    let fee = |leg: &&Leg| leg.purpose == "processor_fee";
    for leg in legs.iter().filter(|leg| !fee(leg) && leg.purpose != "dispute_fee") {
        let (sums, account, other, ours, minor) = match leg.kind.as_str() {
            "capture" => (&mut taken, &leg.credit, &leg.debit, &clearing, leg.minor),
            "gift_card_use" => (&mut taken, &leg.credit, &leg.debit, &on_cards, leg.minor),
            "gift_card_return" => (&mut given, &leg.debit, &leg.credit, &on_cards, leg.minor),
            // What became credit, and went back as money after all; and what went back and did not arrive.
            "store_credit" => (&mut given, &leg.debit, &leg.credit, &on_cards, leg.minor),
            "store_credit_paid_out" => (&mut given, &leg.credit, &leg.debit, &on_cards, -leg.minor),
            "refund_undone" => (&mut given, &leg.credit, &leg.debit, &clearing, -leg.minor),
            "dispute" => (&mut disputed, &leg.debit, &leg.credit, &clearing, leg.minor),
            "dispute_won" => (&mut disputed, &leg.credit, &leg.debit, &clearing, -leg.minor),
            "dispute_cover" => (&mut disputed, &leg.debit, &leg.credit, &losses, leg.minor),
            _ => (&mut given, &leg.debit, &leg.credit, &clearing, leg.minor),
        };
        if other != ours {
            doubts.push(format!("L1: a leg of a {} has {other:?} on the other side", leg.kind));
        }
        if *account != losses {
            *sums
                .entry((account.0.clone(), account.1.clone(), leg.purpose.clone()))
                .or_default() += minor;
        }
    }
    let sum = |sums: &Sums| sums.values().sum::<i64>();
    if sum(shares) != sale.amount {
        doubts.push(format!(
            "I22: {} is to be split and {} is paid",
            sum(shares),
            sale.amount
        ));
    }
    if (sum(&taken), sum(&given)) != (sale.captured, sale.refunded) {
        doubts.push(format!(
            "I21: the ledger took {} and gave back {}, the payment {} and {}",
            sum(&taken),
            sum(&given),
            sale.captured,
            sale.refunded
        ));
    }
    if sum(&disputed) != sale.disputed {
        doubts.push(format!(
            "L9: banks took {} by the ledger, {} by the payment",
            sum(&disputed),
            sale.disputed
        ));
    }
    let (whole, back) = (sale.captured == sale.amount, sale.refunded == sale.captured);
    for earner in shares
        .keys()
        .chain(taken.keys())
        .chain(given.keys())
        .chain(disputed.keys())
    {
        let of = |sums: &Sums| sums.get(earner).copied().unwrap_or_default();
        let (share, taken, given) = (of(shares), of(&taken), of(&given));
        let split = if whole {
            taken == share
        } else {
            (0..=share).contains(&taken)
        };
        let returned = if back {
            given == taken
        } else {
            (0..=taken).contains(&given)
        };
        // L9, L11: whoever earned bears what a bank took, and no more than they have; what is won comes back to the unit.
        let borne = of(&disputed);
        let bears = if sale.disputed == 0 {
            borne == 0
        } else {
            (0..=taken - given).contains(&borne)
        };
        if !bears {
            let (kind, _, purpose) = earner;
            doubts.push(format!(
                "L9: {kind} for {purpose} has {taken}, gave back {given}, and bears {borne} of {}",
                sale.disputed
            ));
        }
        if !split || !returned {
            let (kind, _, purpose) = earner;
            doubts.push(format!(
                "I22: {kind} for {purpose} is due {share} of all, has {taken} of {}, and gave back {given} of {}",
                sale.captured, sale.refunded
            ));
        }
    }
    let tax: i64 = shares
        .iter()
        .filter(|((kind, ..), _)| kind == "tax_payable")
        .map(|(_, minor)| minor)
        .sum();
    if tax != sale.tax {
        doubts.push(format!(
            "I22: the tax of the order is {}, that of its lines {tax}",
            sale.tax
        ));
    }
    let mut captures =
        file.prepare_cached("select id, amount_minor from captures where intent_id = ?1 and state = 'succeeded'")?;
    let captures = captures.query_map([&sale.intent], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
    })?;
    for capture in captures {
        let (id, minor) = capture?;
        let of: Vec<&Leg> = legs
            .iter()
            .filter(|leg| leg.kind == "capture" && leg.source == id)
            .collect();
        let fees: Vec<&&Leg> = of.iter().filter(|leg| fee(leg)).collect();
        let kept: i64 = fees.iter().map(|leg| leg.minor).sum();
        if kept != fee_of(minor) {
            doubts.push(format!(
                "the processor kept {} of {minor}, the ledger says {kept}",
                fee_of(minor)
            ));
        }
        if fees.iter().any(|leg| leg.credit != clearing) {
            doubts.push("a fee was kept by somebody who is no processor".into());
        }
        doubts.extend(misborne(bearer, &of, kept));
    }
    Ok(doubts)
}

/// Whether the fee of a capture fell on whom the contract says.
fn misborne(bearer: &Bearer, legs: &[&Leg], kept: i64) -> Option<String> {
    let fees = || legs.iter().filter(|leg| leg.purpose == "processor_fee");
    let earners: Vec<_> = legs.iter().filter(|leg| leg.purpose == "share").collect();
    match bearer {
        Bearer::One(kind, party) => {
            let fine = fees().all(|leg| leg.debit == (kind.clone(), party.clone()));
            (!fine).then(|| format!("a fee that {kind} bears fell on somebody else"))
        }
        Bearer::Everyone => {
            let borne_by = |account: &Account| match account.0.as_str() {
                "party_payable" => account.clone(),
                _ => ("processor_fees".to_owned(), None),
            };
            let earned: i64 = earners.iter().map(|leg| leg.minor).sum();
            let mut each: BTreeMap<Account, (i64, i64)> = BTreeMap::new();
            earners
                .iter()
                .for_each(|leg| each.entry(borne_by(&leg.credit)).or_default().0 += leg.minor);
            fees().for_each(|leg| each.entry(leg.debit.clone()).or_default().1 += leg.minor);
            let legs = i64::try_from(earners.len()).expect("few");
            let fair = |(earns, bears): &(i64, i64)| (bears * earned - kept * earns).abs() <= legs * earned;
            let fine = earned == 0 || each.values().all(fair);
            (!fine).then(|| format!("a fee of {kept} that all bear fell on them as {:?}", each.values()))
        }
    }
}

// How money that is taken or given back is spread ----------------------------------------------------------------------------------

/// L3: of a part of which some went back, everybody gave what is theirs, to a unit and a half. Known exactly only where nothing was taken afterwards.
fn fair(file: &Connection, sale: &Sale, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    if !sale.plain {
        return Ok(()); // What went back, went back from two purses, or was the bank's for a while.
    }
    let (taken, last_taken) = planned(
        file,
        "select legs, changed_at from captures where intent_id = ?1 and state = 'succeeded'",
        sale,
    )?;
    let (given, first_given) = planned(
        file,
        "select legs, -created_at from refunds where intent_id = ?1 and state <> 'failed'",
        sale,
    )?;
    if last_taken >= -first_given {
        return Ok(());
    }
    let mut parts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for ((part, leg), minor) in &taken {
        let sums = parts.entry(part).or_default();
        sums.0 += minor;
        sums.1 += given.get(&(part.clone(), *leg)).copied().unwrap_or_default();
    }
    for ((part, leg), share) in &taken {
        let (total, after) = parts[part.as_str()];
        let already = given.get(&(part.clone(), *leg)).copied().unwrap_or_default();
        if 2 * (after * share - already * total).abs() > 3 * total {
            wrong.push(format!(
                "{}: L3: of {total} of {part} {after} went back, and of a share of {share} {already}",
                sale.name
            ));
        }
    }
    Ok(())
}

/// Sums by part and place of the leg, and the latest of the moments.
fn planned(file: &Connection, query: &str, sale: &Sale) -> rusqlite::Result<(Planned, i64)> {
    let mut statement = file.prepare_cached(query)?;
    let rows = statement.query_map([&sale.intent], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    })?;
    let (mut sums, mut latest) = (Planned::new(), i64::MIN + 1);
    for row in rows {
        let (legs, at) = row?;
        latest = latest.max(at);
        let legs: Vec<Value> = serde_json::from_str(&legs).unwrap_or_default();
        for leg in legs {
            let key = (leg["part"].to_string(), leg["leg"].as_i64().unwrap_or_default());
            *sums.entry(key).or_default() += leg["minor"].as_i64().unwrap_or_default();
        }
    }
    Ok((sums, latest))
}
