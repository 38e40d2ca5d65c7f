//! Where parcels go, how, for how much, and how long they take.

use super::field::{Field, Problem as Wrong};
use super::frame::{Frame, Section};
use super::settings_shop_page::After;
use super::typed::{Typed, decimal};
use crate::app::App;
use crate::db::LaneKey;
use crate::delivery::{self, NewMethod, NewZone, ZoneMethods};
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{EditShop, Owner, Shop, ShopEdit, edit_shop, shop};
use crate::kernel::{Currency, Error, Kind, Money, Result, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// A zone as it is edited. Its place in the list names its fields: a new zone has no id yet.
pub struct Zone {
    pub id: String,
    pub name: Field,
    pub countries: Field,
    pub methods: Vec<Method>,
}

#[derive(Default)]
pub struct Method {
    pub id: String,
    pub name: Field,
    pub price: Field,
    pub days_min: Field,
    pub days_max: Field,
}

#[derive(Template)]
#[template(path = "studio/settings_delivery.html")]
pub struct SettingsDeliveryPage {
    pub frame: Frame,
    pub version: i64,
    pub zones: Vec<Zone>,
    pub problems: Vec<Wrong>,
}

pub async fn show(
    State(app): State<App>,
    owner: Owner,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let id = owner.shop;
    let (shop, zones) = app
        .db
        .read(move |tx| Ok((shop(tx, id)?, delivery::all(tx, id)?)))
        .await?;
    let mut settings = SettingsDeliveryPage::of(&shop, &owner, &zones);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Replaces all zones, or comes back with what was typed and, if asked, one more empty zone. The shop's version guards it.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let id = owner.shop;
    let given = typed.clone();
    let wants_more = typed.one("do") != "save";
    let saved = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let kept = shop(tx, id)?;
            if wants_more {
                return Ok(None);
            }
            match edit_shop(tx, id, given.version(), ShopEdit::default())? {
                EditShop::Edited(_) => delivery::set(tx, id, &zones(&given, kept.currency)?).map(|_| Some(true)),
                EditShop::Stale { .. } => Ok(Some(false)),
            }
        })
        .await;
    let (shop, kept) = app
        .db
        .read(move |tx| Ok((shop(tx, id)?, delivery::all(tx, id)?)))
        .await?;
    let mut again = SettingsDeliveryPage::of(&shop, &owner, &kept);
    match saved {
        Ok(Some(true)) => return Ok(redirect(&format!("/studio/{}/settings/delivery?done=saved", shop.slug))),
        Ok(Some(false)) => again.keep(&typed, Some(&Error::invalid("stale", Wrong::stale().detail))),
        Ok(None) => again.keep(&typed, None),
        Err(error) if error.kind == Kind::Invalid => again.keep(&typed, Some(&error)),
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

/// The zones as they were typed. A zone and a method without a name are left out: that is how they are removed.
fn zones(typed: &Typed, currency: Currency) -> Result<Vec<NewZone>> {
    let mut zones = Vec::new();
    for at in 0..typed.all("zone").count() {
        let name = typed.row("zone_name", at);
        if name.is_empty() {
            continue;
        }
        let countries = typed
            .row("zone_countries", at)
            .split([',', ' ', ';'])
            .filter(|country| !country.is_empty());
        let mut methods = Vec::new();
        for row in 0..typed.all(&format!("method_{at}")).count() {
            let of = |field: &str| typed.row(&format!("{field}_{at}"), row).to_owned();
            if of("method_name").is_empty() {
                continue;
            }
            let place = format!("/zones/{}/methods/{}", zones.len(), methods.len());
            let price = decimal(&of("method_price"), currency.exponent() as usize)
                .ok_or_else(|| Error::field(format!("{place}/price"), "Write the price as a number, such as 4.90."))?;
            let days = |text: String| {
                text.parse()
                    .map_err(|_| Error::field(format!("{place}/eta_days_max"), "A number of working days, such as 3."))
            };
            methods.push(NewMethod {
                id: of("method").parse().ok(),
                name: of("method_name"),
                price: Money::new(price, currency),
                eta_days_min: days(of("method_days_min"))?,
                eta_days_max: days(of("method_days_max"))?,
            });
        }
        zones.push(NewZone {
            id: typed.row("zone", at).parse().ok(),
            name: name.into(),
            countries: countries.map(str::to_uppercase).collect(),
            methods,
        });
    }
    Ok(zones)
}

impl Zone {
    fn empty() -> Self {
        Self {
            id: String::new(),
            name: Field::default(),
            countries: Field::default(),
            methods: vec![Method::default()],
        }
    }

    fn of(zone: &ZoneMethods) -> Self {
        let method = |method: &delivery::Method| Method {
            id: method.id.to_string(),
            name: Field::of(&method.name),
            price: Field::of(&words::decimal(method.price)),
            days_min: Field::of(&method.eta_days_min.to_string()),
            days_max: Field::of(&method.eta_days_max.to_string()),
        };
        Self {
            id: zone.zone.id.to_string(),
            name: Field::of(&zone.zone.name),
            countries: Field::of(&zone.zone.countries.join(", ")),
            methods: zone.methods.iter().map(method).collect(),
        }
    }

    fn typed(typed: &Typed, at: usize, error: &Error) -> Self {
        let method = |row: usize| {
            let of = |field: &str| Field::of(typed.row(&format!("{field}_{at}"), row));
            let place = format!("/zones/{at}/methods/{row}");
            Method {
                id: typed.row(&format!("method_{at}"), row).into(),
                name: of("method_name"),
                price: Field::judged(&of("method_price").value, error, &format!("{place}/price")),
                days_min: of("method_days_min"),
                days_max: Field::judged(&of("method_days_max").value, error, &format!("{place}/eta_days_max")),
            }
        };
        Self {
            id: typed.row("zone", at).into(),
            name: Field::of(typed.row("zone_name", at)),
            countries: Field::judged(
                typed.row("zone_countries", at),
                error,
                &format!("/zones/{at}/countries"),
            ),
            methods: (0..typed.all(&format!("method_{at}")).count()).map(method).collect(),
        }
    }
}

impl SettingsDeliveryPage {
    pub fn part(&self) -> &'static str {
        "delivery"
    }

    fn of(shop: &Shop, owner: &Owner, zones: &[ZoneMethods]) -> Self {
        let mut zones: Vec<Zone> = zones.iter().map(Zone::of).collect();
        if zones.is_empty() {
            zones.push(Zone::empty());
        }
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            version: shop.version,
            zones,
            problems: Vec::new(),
        }
    }

    /// Keeps what was typed; with an error beside what is wrong, else with the empty place that was asked for.
    fn keep(&mut self, typed: &Typed, error: Option<&Error>) {
        let none = Error::invalid("kept", "");
        self.zones = (0..typed.all("zone").count())
            .map(|at| Zone::typed(typed, at, error.unwrap_or(&none)))
            .collect();
        match (error, typed.one("do").split_once(':')) {
            (Some(error), _) => self.problems = Wrong::all(error, &[]),
            (None, Some(("add_method", at))) => {
                if let Some(zone) = at.parse().ok().and_then(|at: usize| self.zones.get_mut(at)) {
                    zone.methods.push(Method::default());
                }
            }
            (None, _) => self.zones.push(Zone::empty()),
        }
    }

    pub fn sample() -> Self {
        let method = |id: &str, words: [&str; 4]| Method {
            id: id.into(),
            name: Field::of(words[0]),
            price: Field::of(words[1]),
            days_min: Field::of(words[2]),
            days_max: Field::of(words[3]),
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 5,
            zones: vec![
                Zone {
                    id: "1".into(),
                    name: Field::of("Germany"),
                    countries: Field::of("DE"),
                    methods: vec![
                        method("1", ["Parcel with Spree Parcel", "4.90", "2", "3"]),
                        method("2", ["Pick-up at the workshop", "0.00", "1", "1"]),
                    ],
                },
                Zone {
                    id: "2".into(),
                    name: Field::of("Neighbours"),
                    countries: Field::of("AT, FR, PL, NL, BE, DK, CZ"),
                    methods: vec![method("3", ["Parcel abroad", "8.90", "3", "5"])],
                },
            ],
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            zones: vec![Zone::empty()],
            ..Self::sample()
        }
    }
}
