//! One discount: what it takes off, of what, for whom, until when, and a worked example by the rules that price every sale.

use super::discounts_page::{base, standing};
use super::drop_plan_page::{as_field, moment, zone};
use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::{Typed, amount, decimal};
use crate::app::App;
use crate::catalog::{self, Product, Sellable};
use crate::db::{LaneKey, Tx};
use crate::discounts::{self, Change, Discount, DiscountState, NewDiscount, Rule, Step, Takes};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Currency, DiscountId, Error, Money, MoneyOut, ProductId, Rate, Result as Done, Time, words};
use crate::taxes;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// A purchase as this discount would price it.
pub struct Example {
    /// "3 × Dune mug" and "€90.00".
    pub lines: Vec<(String, String)>,
    /// "Autumn letter" and "−€9.00".
    pub off: (String, String),
    pub pays: String,
    /// "of it €12.93 VAT".
    pub tax: String,
    /// What each line is cheaper; empty for one line.
    pub each: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "studio/discount.html")]
pub struct DiscountPage {
    pub frame: Frame,
    pub base: String,
    pub here: String,
    /// None: it is being made.
    pub version: Option<i64>,
    /// Chosen before the form is sent: pressing twice is one discount.
    pub id: String,
    pub heading: String,
    pub state: Option<Chip>,
    pub has_ended: bool,
    /// "Had 12 times".
    pub had: String,
    pub currency: String,
    pub zone: String,
    pub name: Field,
    pub code: Field,
    pub kinds: Vec<Choice>,
    pub percent: Field,
    pub off: Field,
    pub buy: Field,
    pub get: Field,
    pub get_percent: Field,
    pub steps: Field,
    pub products: Vec<Choice>,
    pub minimum: Field,
    pub starts: Field,
    pub ends: Field,
    pub uses: Field,
    pub per_buyer: Field,
    pub priority: Field,
    pub combinable: bool,
    pub example: Option<Example>,
    pub can_change: bool,
    pub problems: Vec<Wrong>,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 13] = [
    ("/name", "discount-name", "Name"),
    ("/code", "discount-code", "Code"),
    ("/takes/off_bp", "discount-percent", "Percent off"),
    ("/takes/off", "discount-off", "Amount off"),
    ("/takes/buy", "discount-buy", "Buy and get"),
    ("/takes/steps", "discount-steps", "Steps"),
    ("/products", "products", "Products"),
    ("/minimum", "discount-minimum", "From"),
    ("/starts_at", "discount-starts", "Starts"),
    ("/ends_at", "discount-ends", "Ends"),
    ("/uses_max", "discount-uses", "Altogether"),
    ("/uses_per_buyer", "discount-per-buyer", "Each buyer"),
    ("/priority", "discount-priority", "Order"),
];

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    discount: Option<(Discount, i64)>,
    products: Vec<Product>,
    /// What an example is worked out with.
    shelf: Vec<(Sellable, Rate)>,
    now: Time,
}

const PRODUCTS: i64 = 100;
/// Lines of an example.
const EXAMPLE: usize = 2;

fn read(tx: &mut Tx<'_>, staff: &Staff, id: Option<DiscountId>) -> Done<Desk> {
    let shop = shop(tx, staff.shop)?;
    let discount = match id {
        Some(id) => {
            let found = discounts::find(tx, shop.id, id)?.ok_or_else(|| Error::not_found("discount"))?;
            Some((found, discounts::uses(tx, id)?))
        }
        None => None,
    };
    let mut products = catalog::list_active(tx, shop.id, None, PRODUCTS)?.data;
    let named = discount.iter().flat_map(|(discount, _)| &discount.rule.products);
    let unlisted: Vec<ProductId> = named
        .filter(|named| !products.iter().any(|product| product.id == **named))
        .copied()
        .collect();
    for product in unlisted {
        products.extend(catalog::find(tx, shop.id, product)?);
    }
    let mut shelf = Vec::new();
    for product in &products {
        let variants = catalog::variants(tx, shop.id, product.id, shop.currency)?;
        let first = variants
            .iter()
            .find(|variant| variant.price.is_some())
            .map(|variant| variant.id);
        for found in catalog::sellable(tx, shop.id, shop.currency, first.as_slice())? {
            let rate = taxes::rate(tx, shop.id, &shop.country, found.tax_category)?;
            shelf.push((found, rate));
        }
    }
    Ok(Desk {
        discount,
        products,
        shelf,
        now: tx.now(),
        shop,
    })
}

pub async fn show_new(State(app): State<App>, creator: Creator) -> Result<Response, Problem> {
    let who = creator.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, None)).await?;
    page(&DiscountPage::blank(&app, &desk, &creator))
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, DiscountId)>,
    Query(after): Query<After>,
) -> Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, Some(id))).await?;
    let mut discount = DiscountPage::of(&desk, &staff);
    discount.frame = discount.frame.after(after.done.as_deref());
    page(&discount)
}

/// Makes it, or only works out an example.
pub async fn save_new(State(app): State<App>, creator: Creator, Form(typed): Form<Typed>) -> Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (made, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let desk = read(tx, &who, None)?;
            let made = refusable(make(tx, &who, &desk, &given))?;
            Ok((made, desk))
        })
        .await?;
    answer(DiscountPage::blank(&app, &desk, &creator), &desk, &typed, made)
}

/// Changes it, ends it, takes it up again, or only works out an example.
pub async fn save(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DiscountId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (changed, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let desk = read(tx, &who, Some(id))?;
            let changed = refusable(alter(tx, &who, &desk, &given))?;
            Ok((changed, desk))
        })
        .await?;
    answer(DiscountPage::of(&desk, &creator), &desk, &typed, changed)
}

/// What came of the form: None, if it asked for an example only.
type Saved = Done<Option<Change>>;

fn make(tx: &mut Tx<'_>, staff: &Staff, desk: &Desk, typed: &Typed) -> Saved {
    let new = typed_as(typed, &desk.shop)?;
    if typed.one("do") == "example" {
        return Ok(None);
    }
    let id = typed
        .id("id")
        .ok_or_else(|| Error::invalid("no_id", "The form is too old. Load the page again."))?;
    let of = (desk.shop.id, desk.shop.currency);
    discounts::create(tx, of, id, &new, staff.staff).map(Some)
}

fn alter(tx: &mut Tx<'_>, staff: &Staff, desk: &Desk, typed: &Typed) -> Saved {
    let (before, _) = desk.discount.as_ref().ok_or_else(|| Error::not_found("discount"))?;
    let as_it_was = || NewDiscount {
        code: before.code.clone().unwrap_or_default(),
        rule: before.rule.clone(),
        starts_at: None,
        ends_at: before.ends_at,
        uses_max: before.uses_max,
    };
    let (new, state) = match typed.one("do") {
        "end" => (as_it_was(), DiscountState::Ended),
        "resume" => (as_it_was(), DiscountState::Active),
        _ => (typed_as(typed, &desk.shop)?, before.state),
    };
    if typed.one("do") == "example" {
        return Ok(None);
    }
    let of = (desk.shop.id, desk.shop.currency);
    discounts::change(tx, of, before.id, typed.version(), (&new, state), staff.staff).map(Some)
}

fn answer(mut shown: DiscountPage, desk: &Desk, typed: &Typed, saved: Saved) -> Result<Response, Problem> {
    let error = match saved {
        Ok(Some(Change::Done(discount))) => {
            return Ok(redirect(&format!("{}/{}?done=saved", shown.base, discount.id)));
        }
        Ok(Some(Change::NotFound)) => return Err(Error::not_found("discount").into()),
        Ok(Some(Change::Stale(_))) => {
            shown.keep(typed, &Error::invalid("stale", ""));
            shown.problems = vec![Wrong::stale()];
            return page(&shown);
        }
        Ok(Some(Change::CodeTaken)) => Error::field("/code", "Another discount has this code, or had it."),
        Ok(Some(Change::TooMany)) => Error::field(
            "/code",
            "Fifty discounts apply by themselves already. End one, or give this one a code.",
        ),
        Ok(None) => {
            shown.keep(typed, &Error::invalid("example", ""));
            shown.problems = Vec::new();
            shown.example = typed_as(typed, &desk.shop)
                .ok()
                .and_then(|new| example(desk, &new.rule));
            return page(&shown);
        }
        Err(error) => error,
    };
    shown.keep(typed, &error);
    page(&shown)
}

fn portion(pointer: &'static str, text: &str) -> Done<u32> {
    decimal(text.trim_end_matches(['%', ' ']), 2)
        .and_then(|bp| u32::try_from(bp).ok())
        .ok_or_else(|| Error::field(pointer, "Write a percentage, such as 10 or 12.5."))
}

fn number(pointer: &'static str, text: &str) -> Done<u32> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| Error::field(pointer, "Write a whole number.")),
    }
}

/// "3: 10" on each line: from three pieces on, 10 %.
fn steps(text: &str) -> Done<Vec<Step>> {
    let wrong = || {
        Error::field(
            "/takes/steps",
            "One step a line: pieces, a colon, percent. Such as 3: 10",
        )
    };
    let step = |line: &str| {
        let (from, off) = line.split_once(':').ok_or_else(wrong)?;
        Ok(Step {
            from: from.trim().parse().map_err(|_| wrong())?,
            off_bp: portion("/takes/steps", off.trim())?,
        })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(step).collect()
}

/// The discount a form says. Errors: `invalid_field`.
fn typed_as(typed: &Typed, shop: &Shop) -> Done<NewDiscount> {
    let takes = match typed.one("kind") {
        "fixed" => Takes::Fixed {
            off: amount("/takes/off", typed.one("off"), shop.currency)?.into(),
        },
        "bogo" => Takes::Bogo {
            buy: number("/takes/buy", typed.one("buy"))?,
            get: number("/takes/buy", typed.one("get"))?,
            off_bp: portion("/takes/off_bp", typed.one("get_percent"))?,
        },
        "volume" => Takes::Volume {
            steps: steps(typed.one("steps"))?,
        },
        _ => Takes::Percentage {
            off_bp: portion("/takes/off_bp", typed.one("percent"))?,
        },
    };
    let minimum: Option<MoneyOut> = match typed.one("minimum") {
        "" => None,
        text => Some(amount("/minimum", text, shop.currency)?.into()),
    };
    let clock = zone(shop);
    Ok(NewDiscount {
        code: typed.one("code").to_owned(),
        rule: Rule {
            name: typed.one("name").to_owned(),
            takes,
            products: typed.all("product").filter_map(|id| id.parse().ok()).collect(),
            minimum,
            priority: number("/priority", typed.one("priority"))?.into(),
            combinable: typed.one("combinable") == "yes",
            per_buyer: number("/uses_per_buyer", typed.one("per_buyer"))?,
        },
        starts_at: moment("/starts_at", typed.one("starts"), &clock)?,
        ends_at: moment("/ends_at", typed.one("ends"), &clock)?,
        uses_max: number("/uses_max", typed.one("uses"))?,
    })
}

/// What the rule takes off a purchase of what is on the shelf: by the functions that price every sale.
fn example(desk: &Desk, rule: &Rule) -> Option<Example> {
    let pieces = match &rule.takes {
        Takes::Bogo { buy, get, .. } => buy + get,
        Takes::Volume { steps } => steps.iter().map(|step| step.from).max()?,
        Takes::Percentage { .. } | Takes::Fixed { .. } => 2,
    };
    let fits = |one: &&(Sellable, Rate)| rule.is_for(one.0.product);
    let mut bought: Vec<(&(Sellable, Rate), u32)> = desk
        .shelf
        .iter()
        .filter(fits)
        .take(EXAMPLE)
        .map(|one| (one, 1))
        .collect();
    let others = u32::try_from(bought.len()).ok()?.saturating_sub(1);
    let first = bought.first_mut()?;
    first.1 = pieces.saturating_sub(others).max(1);
    if let Some(minimum) = rule.minimum {
        let price = first.0.0.price.minor.max(1);
        let enough = minimum.amount.saturating_add(price - 1) / price;
        first.1 = first.1.max(u32::try_from(enough).unwrap_or(u32::MAX)).min(1000);
    }
    let lines: Vec<discounts::Line> = bought
        .iter()
        .map(|((found, _), quantity)| discounts::Line {
            product: found.product,
            quantity: *quantity,
            minor: found.price.minor.saturating_mul(i64::from(*quantity)),
        })
        .collect();
    let currency = desk.shop.currency;
    let off = discounts::stacked([rule], &lines, currency).pop()?;
    let money = |minor: i64| words::money(Money::new(minor, currency));
    let named = |((found, _), quantity): &(&(Sellable, Rate), u32)| format!("{quantity} × {}", found.title);
    let taxed: Vec<taxes::Taxed> = bought
        .iter()
        .zip(lines.iter().zip(&off))
        .map(|(((_, rate), _), (line, off))| taxes::line(line.minor - off, *rate, desk.shop.prices_include_tax))
        .collect();
    let tax: i64 = taxed.iter().map(|taxed| taxed.tax).sum();
    Some(Example {
        lines: bought
            .iter()
            .zip(&lines)
            .map(|(one, line)| (named(one), money(line.minor)))
            .collect(),
        off: (rule.name.clone(), money(-off.iter().sum::<i64>())),
        pays: money(taxed.iter().map(|taxed| taxed.gross).sum()),
        tax: match (tax, desk.shop.prices_include_tax) {
            (0, _) => "No tax".into(),
            (tax, true) => format!("{} VAT is in it", money(tax)),
            (tax, false) => format!("with {} VAT on top", money(tax)),
        },
        each: match bought.len() {
            1 => Vec::new(),
            _ => bought
                .iter()
                .zip(&off)
                .map(|(one, off)| (named(one), money(-off)))
                .collect(),
        },
    })
}

fn kinds(chosen: &str) -> Vec<Choice> {
    let choice = |value: &str, label: &str| Choice {
        chosen: value == chosen,
        ..Choice::new(value, label)
    };
    vec![
        choice("percentage", "A part of the price"),
        choice("fixed", "An amount, once a purchase"),
        choice("bogo", "Some pieces cheaper or free: three for two"),
        choice("volume", "More off the more is bought"),
    ]
}

fn as_percent(bp: u32) -> String {
    words::percent(Rate(bp)).trim_end_matches(" %").to_owned()
}

fn or_empty(number: u32) -> Field {
    match number {
        0 => Field::default(),
        number => Field::of(&number.to_string()),
    }
}

impl DiscountPage {
    fn blank(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Products, "New discount");
        let base = base(&frame);
        Self {
            here: format!("{base}/new"),
            version: None,
            id: app.random.id::<DiscountId>(desk.now).to_string(),
            heading: "New discount".into(),
            state: None,
            has_ended: false,
            had: String::new(),
            currency: desk.shop.currency.code().into(),
            zone: desk.shop.time_zone.clone(),
            name: Field::default(),
            code: Field::default(),
            kinds: kinds("percentage"),
            percent: Field::default(),
            off: Field::default(),
            buy: Field::of("2"),
            get: Field::of("1"),
            get_percent: Field::of("100"),
            steps: Field::default(),
            products: products(desk, &[]),
            minimum: Field::default(),
            starts: Field::default(),
            ends: Field::default(),
            uses: Field::default(),
            per_buyer: Field::default(),
            priority: Field::of(&discounts::api::USUAL_PRIORITY.to_string()),
            combinable: false,
            example: None,
            can_change: true,
            problems: Vec::new(),
            base,
            frame,
        }
    }

    fn of(desk: &Desk, staff: &Staff) -> Self {
        let Some((discount, uses)) = &desk.discount else {
            unreachable!("the page of a discount was read with it")
        };
        let rule = &discount.rule;
        let frame = Frame::of(&desk.shop, staff, Section::Products, &rule.name);
        let base = base(&frame);
        let clock = zone(&desk.shop);
        let mut shown = Self {
            here: format!("{base}/{}", discount.id),
            version: Some(discount.version),
            id: discount.id.to_string(),
            heading: rule.name.clone(),
            state: Some(standing(discount, desk.now)),
            has_ended: discount.state == DiscountState::Ended,
            had: match *uses {
                0 => "Nobody had it yet".into(),
                uses => format!("Had {}", words::count(uses.unsigned_abs(), "time", "times")),
            },
            currency: desk.shop.currency.code().into(),
            zone: desk.shop.time_zone.clone(),
            name: Field::of(&rule.name),
            code: Field::of(discount.code.as_deref().unwrap_or_default()),
            kinds: kinds(rule.takes.kind()),
            percent: Field::default(),
            off: Field::default(),
            buy: Field::of("2"),
            get: Field::of("1"),
            get_percent: Field::of("100"),
            steps: Field::default(),
            products: products(desk, &rule.products),
            minimum: rule
                .minimum
                .map_or_else(Field::default, |least| Field::of(&words::decimal(least.into()))),
            starts: Field::of(&as_field(Some(discount.starts_at), &clock)),
            ends: Field::of(&as_field(discount.ends_at, &clock)),
            uses: or_empty(discount.uses_max),
            per_buyer: or_empty(rule.per_buyer),
            priority: Field::of(&rule.priority.to_string()),
            combinable: rule.combinable,
            example: example(desk, rule),
            can_change: staff.role.may_create(),
            problems: Vec::new(),
            base,
            frame,
        };
        match &rule.takes {
            Takes::Percentage { off_bp } => shown.percent = Field::of(&as_percent(*off_bp)),
            Takes::Fixed { off } => shown.off = Field::of(&words::decimal((*off).into())),
            Takes::Bogo { buy, get, off_bp } => {
                shown.buy = Field::of(&buy.to_string());
                shown.get = Field::of(&get.to_string());
                shown.get_percent = Field::of(&as_percent(*off_bp));
            }
            Takes::Volume { steps } => {
                let line = |step: &Step| format!("{}: {}", step.from, as_percent(step.off_bp));
                shown.steps = Field::of(&steps.iter().map(line).collect::<Vec<_>>().join("\n"));
            }
        }
        shown
    }

    /// Keeps what was typed beside what was refused.
    fn keep(&mut self, typed: &Typed, error: &Error) {
        let judged = |name: &str, pointer: &str| Field::judged(typed.one(name), error, pointer);
        self.name = judged("name", "/name");
        self.code = judged("code", "/code");
        self.kinds = kinds(typed.one("kind"));
        self.percent = judged("percent", "/takes/off_bp");
        self.off = judged("off", "/takes/off");
        self.buy = judged("buy", "/takes/buy");
        self.get = judged("get", "/takes/buy");
        self.get_percent = judged("get_percent", "/takes/off_bp");
        self.steps = judged("steps", "/takes/steps");
        for product in &mut self.products {
            product.chosen = typed.all("product").any(|id| id == product.value);
        }
        self.minimum = judged("minimum", "/minimum");
        self.starts = judged("starts", "/starts_at");
        self.ends = judged("ends", "/ends_at");
        self.uses = judged("uses", "/uses_max");
        self.per_buyer = judged("per_buyer", "/uses_per_buyer");
        self.priority = judged("priority", "/priority");
        self.combinable = typed.one("combinable") == "yes";
        if let Some(id) = typed.id::<DiscountId>("id").filter(|_| self.version.is_none()) {
            self.id = id.to_string();
        }
        self.example = None;
        self.problems = Wrong::all(error, &PLACES);
    }

    pub fn sample() -> Self {
        let product = |value: &str, label: &str, chosen: bool| Choice {
            chosen,
            ..Choice::new(value, label)
        };
        let pair = |name: &str, amount: &str| (name.to_owned(), amount.to_owned());
        Self {
            frame: Frame::sample(Section::Products, "Autumn letter"),
            base: "/studio/nour/discounts".into(),
            here: "/studio/nour/discounts/dsc_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            version: Some(3),
            id: "dsc_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            heading: "Autumn letter".into(),
            state: Some(Chip::new(Tone::Ok, "On")),
            has_ended: false,
            had: "Had 12 times".into(),
            currency: Currency::EUR.code().into(),
            zone: "Europe/Berlin".into(),
            name: Field::of("Autumn letter"),
            code: Field::of("AUTUMN10"),
            kinds: kinds("percentage"),
            percent: Field::of("10"),
            off: Field::default(),
            buy: Field::of("2"),
            get: Field::of("1"),
            get_percent: Field::of("100"),
            steps: Field::default(),
            products: vec![
                product("prd_1", "Dune mug", true),
                product("prd_2", "Slow dripper", true),
                product("prd_3", "Tide print", false),
            ],
            minimum: Field::of("50.00"),
            starts: Field::of("2026-11-01T08:00"),
            ends: Field::of("2026-11-30T23:00"),
            uses: Field::of("100"),
            per_buyer: Field::of("1"),
            priority: Field::of("100"),
            combinable: true,
            example: Some(Example {
                lines: vec![pair("1 × Dune mug", "€34.00"), pair("1 × Slow dripper", "€42.00")],
                off: pair("Autumn letter", "−€7.60"),
                pays: "€68.40".into(),
                tax: "€10.92 VAT is in it".into(),
                each: vec![pair("1 × Dune mug", "−€3.40"), pair("1 × Slow dripper", "−€4.20")],
            }),
            can_change: true,
            problems: Vec::new(),
        }
    }

    pub fn sample_new() -> Self {
        Self {
            frame: Frame::sample(Section::Products, "New discount"),
            here: "/studio/nour/discounts/new".into(),
            version: None,
            heading: "New discount".into(),
            state: None,
            had: String::new(),
            name: Field::default(),
            code: Field::default(),
            percent: Field::default(),
            example: None,
            ..Self::sample()
        }
    }

    pub fn sample_ended() -> Self {
        Self {
            state: Some(Chip::new(Tone::Quiet, "Over")),
            has_ended: true,
            kinds: kinds("volume"),
            steps: Field::of("3: 10\n10: 20"),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        Self {
            code: Field::wrong(
                "ä",
                "Use 3 to 32 letters, digits, - or _; leave it empty if it applies by itself.",
            ),
            problems: vec![Wrong::new(
                "discount-code",
                "Code: Use 3 to 32 letters, digits, - or _.",
            )],
            example: None,
            ..Self::sample()
        }
    }
}

fn products(desk: &Desk, chosen: &[ProductId]) -> Vec<Choice> {
    let choice = |product: &Product| Choice {
        chosen: chosen.contains(&product.id),
        ..Choice::new(&product.id.to_string(), &product.title)
    };
    desk.products.iter().map(choice).collect()
}
