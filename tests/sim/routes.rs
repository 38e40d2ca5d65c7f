//! The second checker's view of routing: who was asked for the money, by the rules as they stood, and by the declines in the file.

use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;

struct Sale {
    id: Vec<u8>,
    amount: i64,
    currency: String,
    country: String,
    /// The payment's log, first to last.
    log: Vec<String>,
    /// Processor, decline, token.
    tries: Vec<(String, String, String)>,
}

/// R1: the first rule that fits decided, and nobody was asked whom it does not name. P20: no card is asked for again that was refused for good.
pub fn check(file: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let rules = rules(file)?;
    for sale in sales(file)? {
        let name = format!("sale {}", super::second::hex(&sale.id));
        let plans: Vec<Plan> = sale.log.iter().filter_map(|line| Plan::read(line)).collect();
        // A sale that is paid again is routed by what is left of it; of the first plan the amount is known.
        if let Some(plan) = plans.first()
            && let Some((version, decided)) = &plan.rule
        {
            let fits = rules
                .get(version)
                .and_then(|rules| rules.iter().find(|rule| fits(rule, &sale)));
            let named = fits.map(|rule| rule["name"].as_str().unwrap_or_default());
            if named != Some(decided) {
                wrong.push(format!(
                    "R1: {name} of {} went by {decided}, and {named:?} was first to fit",
                    sale.amount
                ));
            }
        }
        let foreign =
            |(processor, ..): &&(String, String, String)| !plans.iter().any(|plan| plan.asked.contains(processor));
        if !plans.is_empty()
            && let Some((processor, ..)) = sale.tries.iter().find(foreign)
        {
            wrong.push(format!(
                "R1: {name} was asked of {processor}, which no plan of it names"
            ));
        }
        for (index, (_, decline, token)) in sale.tries.iter().enumerate() {
            let again = sale.tries[index + 1..]
                .iter()
                .any(|(_, _, later)| later == token && !token.is_empty());
            if matches!(decline.as_str(), "stolen_card" | "lost_card") && again {
                wrong.push(format!(
                    "P20: {name} was asked for again with a card that was refused as {decline}"
                ));
            }
        }
    }
    Ok(())
}

/// What the log says about who is asked.
struct Plan {
    /// Version and name.
    rule: Option<(i64, String)>,
    asked: Vec<String>,
}

impl Plan {
    fn read(line: &str) -> Option<Self> {
        let (rule, asked) = if let Some(rest) = line.strip_prefix("Rule \"") {
            let (name, rest) = rest.split_once("\" (version ")?;
            let (version, asked) = rest.split_once(") has us ask ")?;
            (Some((version.parse().ok()?, name.to_owned())), asked)
        } else {
            (None, line.strip_prefix("No rule fits, so we ask in the usual order: ")?)
        };
        let asked = asked.strip_suffix('.')?.split(", then ");
        Some(Self {
            rule,
            asked: asked.map(str::to_owned).collect(),
        })
    }
}

fn fits(rule: &Value, sale: &Sale) -> bool {
    let named = |list: &Value, wanted: &str| match list.as_array() {
        Some(list) if !list.is_empty() => list.iter().any(|one| one == wanted),
        _ => true,
    };
    let bound = |bound: &Value, holds: fn(i64, i64) -> bool| {
        bound.is_null()
            || bound["currency"] == sale.currency && holds(sale.amount, bound["amount"].as_i64().unwrap_or_default())
    };
    named(&rule["currencies"], &sale.currency)
        && named(&rule["countries"], &sale.country)
        && named(&rule["methods"], "card")
        && bound(&rule["amount_min"], |amount, least| amount >= least)
        && bound(&rule["amount_max"], |amount, most| amount <= most)
}

fn rules(file: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<Value>>> {
    let mut statement = file.prepare("select version, rules from routing_rules")?;
    let rows = statement.query_map([], |row| {
        let rules: String = row.get(1)?;
        Ok((row.get(0)?, serde_json::from_str(&rules).unwrap_or_default()))
    })?;
    rows.collect()
}

fn sales(file: &Connection) -> rusqlite::Result<Vec<Sale>> {
    let mut statement = file.prepare(
        "select i.id, i.amount_minor, i.currency, k.offer from intents i join checkouts k on k.id = i.checkout_id",
    )?;
    let rows = statement.query_map([], |row| {
        let offer: Value = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
        Ok(Sale {
            id: row.get(0)?,
            amount: row.get(1)?,
            currency: row.get(2)?,
            country: offer["quote"]["country"].as_str().unwrap_or_default().to_owned(),
            log: Vec::new(),
            tries: Vec::new(),
        })
    })?;
    let mut sales: Vec<Sale> = rows.collect::<rusqlite::Result<_>>()?;
    for sale in &mut sales {
        let mut log = file.prepare_cached("select what from payment_log where intent_id = ?1 order by id")?;
        sale.log = log
            .query_map([&sale.id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut tries = file.prepare_cached(
            "select processor, decline, token from attempts where intent_id = ?1 and off_session = 0 order by n",
        )?;
        let rows = tries.query_map([&sale.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        sale.tries = rows.collect::<rusqlite::Result<_>>()?;
    }
    Ok(sales)
}
