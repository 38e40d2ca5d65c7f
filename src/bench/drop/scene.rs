//! The drop under load, and the people who run it.

use crate::app::App;
use crate::bench::child::Server;
use crate::bench::load::Connection;
use crate::bench::shop::{self, Stall};
use crate::config::Config;
use crate::db::LaneKey;
use crate::drops::{self, Act, Hand, NewItem, Plan, Planned, Stage};
use crate::identity::{self, KeyKind, NewKey};
use crate::kernel::{Currency, DropId, Error, Money, Result, VariantId};
use crate::open::{Ports, Use, open};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;

/// Units beyond those of the drop stay in the shop, so that giving too many away would be possible.
const BESIDE: u32 = 1_000;
/// What a piece costs in the drop, in cents.
pub const PRICE: i64 = 2_500;

/// A shop with one drop that is announced and not open.
#[derive(Clone, Debug)]
pub struct Scene {
    pub stall: Stall,
    /// `sk_…` of somebody who runs the drop.
    pub staff: String,
    pub drop: DropId,
    pub variant: VariantId,
    /// The page buyers meet it on.
    pub page: String,
}

/// How the drop is planned.
#[derive(Clone, Copy, Debug)]
pub struct Planning {
    pub units: u32,
    /// People let in a minute; 0: no waiting room.
    pub room: u32,
}

pub fn config(folder: &Path, database: &str) -> Config {
    Config {
        data: folder.join("data"),
        database: database.to_owned(),
        headroom_mb: 0,
        ..Config::default()
    }
}

/// What the server under load is told by its environment.
pub fn environment(config: &Config) -> Vec<(&'static str, String)> {
    vec![
        ("HAWKER_DATA", config.data.display().to_string()),
        ("HAWKER_DATABASE", config.database.clone()),
        ("HAWKER_RATE_LIMITS", "false".to_owned()),
        ("HAWKER_HEADROOM_MB", "0".to_owned()),
        ("HAWKER_CARD_PROCESSOR", "sandbox".to_owned()),
        ("HAWKER_LOG_LEVEL", "error".to_owned()),
    ]
}

/// Opens the databases for `act` and closes them again.
pub fn within<T>(config: &Config, act: impl FnOnce(&App) -> Result<T>) -> Result<T> {
    let app = open(config, Ports::usual(config)?, Use::Alone)?;
    let done = act(&app);
    app.db.shut_down();
    app.events.shut_down();
    done
}

/// Makes shop and drop, and announces it.
pub fn set(app: &App, planning: Planning) -> Result<Scene> {
    let stall = shop::open(app, 1, planning.units.saturating_add(BESIDE))?;
    let (shop, variant) = (stall.shop, stall.variants[0]);
    let currency: Currency = "EUR".parse()?;
    let plan = Plan {
        title: "Friday firing".into(),
        slug: None,
        description: "One kiln, once.".into(),
        stage: Stage::Nothing,
        opens_at: None,
        closes_at: None,
        limit: 1,
        hold_minutes: 1,
        line_rate: planning.room,
        early_minutes: 0,
        early_for_buyers: false,
        items: vec![NewItem {
            variant,
            allotment: planning.units,
            price: Money::new(PRICE, currency),
            transient: false,
            ships_by: None,
            rules: Vec::new(),
        }],
    };
    let (staff, drop, page) = app.db.write_blocking(LaneKey(0), move |tx| {
        let key = NewKey {
            kind: KeyKind::Secret,
            name: "Host".into(),
            scopes: vec!["catalog:read".into(), "catalog:write".into()],
        };
        let key = identity::make_key(tx, shop, key)?;
        let slug = identity::shop(tx, shop)?.slug;
        let planned = drops::plan(tx, (shop, currency), tx.id(), &plan, None)?;
        let Planned::Made(planned) = planned else {
            return Err(Error::internal("the bench's drop was refused"));
        };
        let hand = Hand {
            shop,
            drop: planned.drop.id,
            staff: None,
        };
        let Act::Done(announced) = drops::schedule(tx, hand)? else {
            return Err(Error::internal("the bench's drop could not be announced"));
        };
        let page = format!("/s/{slug}/drops/{}", announced.drop.slug);
        Ok((key.secret, announced.drop.id, page))
    })?;
    Ok(Scene {
        stall,
        staff,
        drop,
        variant,
        page,
    })
}

/// The host, who acts over HTTP as everybody else.
pub struct Host {
    address: SocketAddr,
    authorization: String,
    connection: Connection,
    drop: DropId,
}

/// How the drop stands for them.
#[derive(Clone, Debug, Deserialize)]
pub struct Stands {
    pub items: Vec<StandsItem>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct StandsItem {
    pub price_version: i64,
    pub reserved: i64,
}

impl Stands {
    pub fn reserved(&self) -> i64 {
        self.items.iter().map(|item| item.reserved).sum()
    }
}

impl Host {
    pub async fn of(scene: &Scene, address: SocketAddr) -> Result<Self> {
        let authorization = format!("Bearer {}", scene.staff);
        Ok(Self {
            address,
            connection: Connection::open(address, &authorization).await?,
            authorization,
            drop: scene.drop,
        })
    }

    async fn ask(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<Stands> {
        // The server ends a line on which nothing was said for half a minute.
        if self.connection.is_closed() {
            self.connection = Connection::open(self.address, &self.authorization).await?;
        }
        let (status, body) = self.connection.ask(method, path, body).await?;
        if status != StatusCode::OK {
            let said = String::from_utf8_lossy(&body).into_owned();
            return Err(Error::internal(format!("{path}: {status} {said}")));
        }
        serde_json::from_slice(&body).map_err(|error| Error::internal("the drop cannot be read").because(error))
    }

    pub async fn act(&mut self, act: &str, body: &str) -> Result<Stands> {
        let path = format!("/v1/drops/{}/{act}", self.drop);
        self.ask(Method::POST, &path, body.as_bytes().to_vec()).await
    }

    pub async fn sees(&mut self) -> Result<Stands> {
        let path = format!("/v1/drops/{}", self.drop);
        self.ask(Method::GET, &path, Vec::new()).await
    }
}

/// Ends the server in good order, away from the event loop.
pub async fn stop(server: Server) -> Result<()> {
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .map_err(super::panicked)?
}
