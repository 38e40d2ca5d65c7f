//! The configuration: one TOML file, then the environment (`HAWKER_…`), then the command line; the later wins.
//!
//! Tables: none. Always true: an unknown name in the file is refused, a value out of range is named with its range. It deliberately holds no
//! secret besides addresses that contain one; those are never logged.

use crate::db::nats_servers;
use crate::kernel::{Error, Network, Result};
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Before the address of a card processor that speaks Adyen's format.
pub const ADYEN: &str = "adyen:";

/// Everything an operator can set. `hawker serve --help` and docs/operating.md explain each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the databases and of uploaded media.
    pub data: PathBuf,
    /// `postgres://…`; empty means SQLite in the data folder.
    pub database: String,
    /// PostgreSQL servers that follow `database`, with commas between: pages that may be a second old are read there.
    pub read_database: String,
    /// Connections of this process that write to PostgreSQL, each with a thread: 1 to 64. Without it as many as suit where the server is. SQLite has one.
    pub lanes: Option<usize>,
    /// What wakes other replicas: addresses such as `nats://nats.internal:4222`, with commas between; empty: PostgreSQL itself.
    pub nats: String,
    /// Address and port to listen on.
    pub listen: String,
    /// How the world reaches us: scheme, host and port, without a slash at the end.
    pub base_url: String,
    /// Addresses of proxies in front of us; only they are believed about whom they serve.
    pub trusted_proxies: Vec<IpAddr>,
    /// `smtp://user:password@host:587` or `smtps://…`; empty sends no mail.
    pub mail_smtp: String,
    /// Who our letters come from.
    pub mail_from: String,
    /// Who takes cards: `sandbox` (pretended money, inside the program), `none`, the address of a provider that speaks Stripe's wire format,
    /// such as `http://127.0.0.1:8090` of `hawker sandbox`, or `adyen:` and the address of Adyen's Checkout API with its version.
    pub card_processor: String,
    /// The provider's secret key.
    pub card_processor_key: String,
    /// Which of the provider's accounts money goes to: Adyen's merchant account. Others know it by the key.
    pub card_processor_account: String,
    /// What the provider signs its notices with; empty believes none. For Adyen the HMAC key in hexadecimal, several separated by commas.
    pub card_processor_webhook_secret: String,
    /// Who takes cards besides: a shop's rules say which of them is asked, see docs/routing.md.
    pub more_processors: Vec<MoreProcessor>,
    pub log_format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,hawker::db=debug`.
    pub log_level: String,
    /// Minutes a unit is kept for a buyer who is checking out: 1 to 30.
    pub reservation_minutes: i64,
    /// Minutes after a purchase in which one more thing is offered and bought with the method that paid it: 0 (never) to 60.
    pub upsell_minutes: i64,
    /// Days after the last parcel of a card sale in which a dispute may come: for so long its evidence is kept although its buyer asked to be
    /// erased: 0 to 540.
    pub evidence_days: i64,
    /// Mebibytes kept free on disk, so that what was begun can end when it is full.
    pub headroom_mb: u64,
    /// Limits on sign-in and checkout. Off only for load tests on one machine.
    pub rate_limits: bool,
    /// Networks of your own that webhooks may reach, such as `10.0.0.0/8`; there over plain HTTP, too. Empty: public addresses over HTTPS only.
    pub webhook_networks: Vec<Network>,
    /// Serve the demo's mailbox page; set by `hawker demo`.
    #[serde(skip)]
    pub demo: bool,
}

/// One more processor of cards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoreProcessor {
    /// What rules and payments call it: small letters, digits and hyphens. It stays the same for as long as it has payments.
    pub name: String,
    /// As `card_processor`: `sandbox`, `sandbox-single` (which takes a promise once, and few currencies), or a provider's address.
    pub address: String,
    pub key: String,
    /// Adyen's merchant account.
    pub account: String,
    pub webhook_secret: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("hawker-data"),
            database: String::new(),
            read_database: String::new(),
            lanes: None,
            nats: String::new(),
            listen: "127.0.0.1:8080".into(),
            base_url: "http://localhost:8080".into(),
            trusted_proxies: Vec::new(),
            mail_smtp: String::new(),
            mail_from: "Hawker <hawker@localhost>".into(),
            card_processor: "sandbox".into(),
            card_processor_key: String::new(),
            card_processor_account: String::new(),
            card_processor_webhook_secret: String::new(),
            more_processors: Vec::new(),
            log_format: LogFormat::Text,
            log_level: "info".into(),
            reservation_minutes: 10,
            upsell_minutes: 15,
            evidence_days: 120,
            headroom_mb: 64,
            rate_limits: true,
            webhook_networks: Vec::new(),
            demo: false,
        }
    }
}

impl Config {
    /// Reads the file, if one is named, and lays the environment over it. Errors name the file, the line or the variable.
    pub fn read(file: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut config = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
                toml::from_str(&text).map_err(|error| wrong(format!("{}: {error}", path.display())))?
            }
            None => Self::default(),
        };
        config.overlay(environment)?;
        config.check()?;
        Ok(config)
    }

    /// The addresses in `read_database`.
    pub fn followers(&self) -> Vec<String> {
        let named = self
            .read_database
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty());
        named.map(str::to_owned).collect()
    }

    fn overlay(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<()> {
        let text = |name: &str, target: &mut String| {
            if let Some(value) = environment(name) {
                *target = value;
            }
        };
        text("HAWKER_DATABASE", &mut self.database);
        text("HAWKER_READ_DATABASE", &mut self.read_database);
        text("HAWKER_NATS", &mut self.nats);
        text("HAWKER_LISTEN", &mut self.listen);
        text("HAWKER_BASE_URL", &mut self.base_url);
        text("HAWKER_MAIL_SMTP", &mut self.mail_smtp);
        text("HAWKER_MAIL_FROM", &mut self.mail_from);
        text("HAWKER_CARD_PROCESSOR", &mut self.card_processor);
        text("HAWKER_CARD_PROCESSOR_KEY", &mut self.card_processor_key);
        text("HAWKER_CARD_PROCESSOR_ACCOUNT", &mut self.card_processor_account);
        text(
            "HAWKER_CARD_PROCESSOR_WEBHOOK_SECRET",
            &mut self.card_processor_webhook_secret,
        );
        text("HAWKER_LOG_LEVEL", &mut self.log_level);
        if let Some(value) = environment("HAWKER_MORE_PROCESSORS") {
            let named = value.split(',').map(str::trim).filter(|text| !text.is_empty());
            self.more_processors = named.map(|text| more(text, &environment)).collect::<Result<_>>()?;
        }
        if let Some(value) = environment("HAWKER_DATA") {
            self.data = value.into();
        }
        if let Some(value) = environment("HAWKER_TRUSTED_PROXIES") {
            let addresses = value.split(',').map(str::trim).filter(|text| !text.is_empty());
            self.trusted_proxies = addresses
                .map(|text| parsed("HAWKER_TRUSTED_PROXIES", text))
                .collect::<Result<_>>()?;
        }
        if let Some(value) = environment("HAWKER_WEBHOOK_NETWORKS") {
            let networks = value.split(',').map(str::trim).filter(|text| !text.is_empty());
            self.webhook_networks = networks
                .map(|text| parsed("HAWKER_WEBHOOK_NETWORKS", text))
                .collect::<Result<_>>()?;
        }
        if let Some(value) = environment("HAWKER_LOG_FORMAT") {
            self.log_format = match value.as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(wrong(format!("HAWKER_LOG_FORMAT is text or json, not {value}"))),
            };
        }
        if let Some(value) = environment("HAWKER_RESERVATION_MINUTES") {
            self.reservation_minutes = parsed("HAWKER_RESERVATION_MINUTES", &value)?;
        }
        if let Some(value) = environment("HAWKER_LANES") {
            self.lanes = Some(parsed("HAWKER_LANES", &value)?);
        }
        if let Some(value) = environment("HAWKER_UPSELL_MINUTES") {
            self.upsell_minutes = parsed("HAWKER_UPSELL_MINUTES", &value)?;
        }
        if let Some(value) = environment("HAWKER_EVIDENCE_DAYS") {
            self.evidence_days = parsed("HAWKER_EVIDENCE_DAYS", &value)?;
        }
        if let Some(value) = environment("HAWKER_HEADROOM_MB") {
            self.headroom_mb = parsed("HAWKER_HEADROOM_MB", &value)?;
        }
        if let Some(value) = environment("HAWKER_RATE_LIMITS") {
            self.rate_limits = parsed("HAWKER_RATE_LIMITS", &value)?;
        }
        Ok(())
    }

    /// Errors name the setting and what it may be. The command line's are checked once more.
    pub fn check(&mut self) -> Result<()> {
        while self.base_url.ends_with('/') {
            self.base_url.pop();
        }
        if !(self.base_url.starts_with("http://") || self.base_url.starts_with("https://")) {
            return Err(wrong(
                "base_url starts with http:// or https://, such as https://shop.example",
            ));
        }
        let address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        let processor = self.card_processor.as_str();
        if !matches!(processor, "sandbox" | "none") && !address(processor.strip_prefix(ADYEN).unwrap_or(processor)) {
            return Err(wrong(
                "card_processor is sandbox, none, an address that starts with https://, or adyen: and such an address",
            ));
        }
        if processor.starts_with(ADYEN) && self.card_processor_account.is_empty() {
            return Err(wrong("card_processor_account is Adyen's merchant account"));
        }
        let mut names = vec!["manual"];
        match self.card_processor.as_str() {
            "none" => {}
            "sandbox" => names.push("sandbox"),
            text if text.starts_with(ADYEN) => names.push("adyen"),
            _ => names.push("stripe"),
        }
        for MoreProcessor {
            name,
            address: at,
            account,
            ..
        } in &self.more_processors
        {
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !(1..=30).contains(&name.len()) || !name.chars().all(letters) || names.contains(&name.as_str()) {
                return Err(wrong(format!(
                    "more_processors: {name:?} is no name; use small letters, digits and hyphens, each name once, and not manual"
                )));
            }
            if !matches!(at.as_str(), "sandbox" | "sandbox-single") && !address(at.strip_prefix(ADYEN).unwrap_or(at)) {
                return Err(wrong(format!(
                    "more_processors: the address of {name} is sandbox, sandbox-single, one that starts with https://, or adyen: and such an address"
                )));
            }
            if at.starts_with(ADYEN) && account.is_empty() {
                return Err(wrong(format!(
                    "more_processors: the account of {name} is Adyen's merchant account"
                )));
            }
            names.push(name);
        }
        if !(1..=30).contains(&self.reservation_minutes) {
            return Err(wrong("reservation_minutes is 1 to 30"));
        }
        if !(0..=60).contains(&self.upsell_minutes) {
            return Err(wrong("upsell_minutes is 0 to 60"));
        }
        if !(0..=540).contains(&self.evidence_days) {
            return Err(wrong("evidence_days is 0 to 540"));
        }
        if self.lanes.is_some_and(|lanes| !(1..=64).contains(&lanes)) {
            return Err(wrong("lanes is 1 to 64"));
        }
        nats_servers(&self.nats)?;
        if !self.database.is_empty()
            && !self.database.starts_with("postgres://")
            && !self.database.starts_with("postgresql://")
        {
            return Err(wrong(
                "database is empty (SQLite in the data folder) or starts with postgres://",
            ));
        }
        let follow = self.followers();
        if follow
            .iter()
            .any(|url| !url.starts_with("postgres://") && !url.starts_with("postgresql://"))
        {
            return Err(wrong(
                "read_database is a list of addresses that start with postgres://, with commas between",
            ));
        }
        if !follow.is_empty() && self.database.is_empty() {
            return Err(wrong(
                "read_database names servers that follow database, which is empty",
            ));
        }
        if !self.nats.is_empty() && self.database.is_empty() {
            return Err(wrong(
                "nats wakes other replicas, and a shop on SQLite has none: set database, too",
            ));
        }
        if !self.nats.is_empty() && cfg!(not(feature = "nats")) {
            return Err(wrong("nats: this program was built without it"));
        }
        Ok(())
    }
}

/// Reads `name=address` of the environment, and the processor's secrets beside it.
fn more(text: &str, environment: &impl Fn(&str) -> Option<String>) -> Result<MoreProcessor> {
    let (name, address) = text.split_once('=').ok_or_else(|| {
        wrong(format!(
            "HAWKER_MORE_PROCESSORS is name=address, with commas between, not {text}"
        ))
    })?;
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let secret = |what: &str| environment(&format!("HAWKER_PROCESSOR_{variable}_{what}")).unwrap_or_default();
    Ok(MoreProcessor {
        name: name.to_owned(),
        address: address.to_owned(),
        key: secret("KEY"),
        account: secret("ACCOUNT"),
        webhook_secret: secret("WEBHOOK_SECRET"),
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|error| wrong(format!("{name}: {text} cannot be read: {error}")))
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("configuration", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_file_and_nonsense_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hawker.toml");
        std::fs::write(
            &file,
            "listen = \"0.0.0.0:80\"\nbase_url = \"https://shop.example/\"\nreservation_minutes = 5\n",
        )
        .unwrap();
        let set = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            }
        };
        let config = Config::read(
            Some(&file),
            set(&[
                ("HAWKER_LISTEN", "[::]:81"),
                ("HAWKER_TRUSTED_PROXIES", "10.0.0.1, ::1"),
                ("HAWKER_WEBHOOK_NETWORKS", "10.0.0.0/8, ::1"),
            ]),
        )
        .unwrap();
        assert_eq!(
            (
                config.listen.as_str(),
                config.base_url.as_str(),
                config.reservation_minutes
            ),
            ("[::]:81", "https://shop.example", 5)
        );
        assert_eq!((config.trusted_proxies.len(), config.webhook_networks.len()), (2, 2));

        let refused = |pairs| Config::read(None, set(pairs)).unwrap_err().detail.into_owned();
        assert!(refused(&[("HAWKER_RESERVATION_MINUTES", "31")]).contains("1 to 30"));
        assert!(refused(&[("HAWKER_BASE_URL", "shop.example")]).contains("https://"));
        assert!(refused(&[("HAWKER_HEADROOM_MB", "much")]).contains("HAWKER_HEADROOM_MB"));
        assert!(refused(&[("HAWKER_WEBHOOK_NETWORKS", "office")]).contains("HAWKER_WEBHOOK_NETWORKS"));
        assert!(refused(&[("HAWKER_LANES", "0")]).contains("1 to 64"));
        assert!(refused(&[("HAWKER_READ_DATABASE", "postgres://a")]).contains("database, which is empty"));
        assert!(refused(&[("HAWKER_NATS", "nats://a")]).contains("set database"));
        let on_postgres = |nats| [("HAWKER_DATABASE", "postgres://x"), ("HAWKER_NATS", nats)];
        assert!(Config::read(None, set(Box::leak(Box::new(on_postgres("nats://a,tls://b"))))).is_ok());
        assert!(refused(Box::leak(Box::new(on_postgres("localhost:4222")))).contains("nats://"));
        assert!(refused(&[("HAWKER_DATABASE", "mysql://x")]).contains("postgres://"));
        assert!(refused(&[("HAWKER_CARD_PROCESSOR", "adyen:checkout")]).contains("adyen:"));
        assert!(refused(&[("HAWKER_CARD_PROCESSOR", "adyen:https://adyen.example/v71")]).contains("merchant account"));
        assert!(refused(&[("HAWKER_MORE_PROCESSORS", "second")]).contains("name=address"));
        assert!(refused(&[("HAWKER_MORE_PROCESSORS", "second=ftp://x")]).contains("second"));
        assert!(refused(&[("HAWKER_MORE_PROCESSORS", "sandbox=sandbox")]).contains("each name once"));
        assert!(refused(&[("HAWKER_MORE_PROCESSORS", "manual=sandbox")]).contains("not manual"));
        let several = Config::read(
            None,
            set(&[
                (
                    "HAWKER_MORE_PROCESSORS",
                    "sandbox-b=sandbox-single, stripe=https://api.stripe.com",
                ),
                ("HAWKER_PROCESSOR_STRIPE_KEY", "sk_test"),
            ]),
        )
        .unwrap();
        let [second, stripe] = several.more_processors.as_slice() else {
            panic!("{several:?}")
        };
        assert_eq!(
            (second.name.as_str(), second.address.as_str()),
            ("sandbox-b", "sandbox-single")
        );
        assert_eq!((stripe.key.as_str(), stripe.webhook_secret.as_str()), ("sk_test", ""));
        std::fs::write(
            &file,
            "card_processor = \"none\"\n[[more_processors]]\nname = \"stripe\"\naddress = \"https://api.stripe.com\"\nkey = \"sk\"\n",
        )
        .unwrap();
        let config = Config::read(Some(&file), set(&[])).unwrap();
        assert_eq!(config.more_processors[0].key, "sk");
        std::fs::write(&file, "lisen = \"0.0.0.0:80\"\n").unwrap();
        assert!(
            Config::read(Some(&file), set(&[]))
                .unwrap_err()
                .detail
                .contains("lisen")
        );
    }
}
