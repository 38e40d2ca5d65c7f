//! Rate limits: how often one caller may try what costs others something. Kept in memory; a restart forgives.

use super::Problem;
use crate::app::App;
use crate::kernel::{Error, Kind, ShopId};
use axum::http::{HeaderName, HeaderValue};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Asking for a sign-in link, or opening one: guessing must not pay.
    SignIn,
    /// Letters to one mailbox, whoever asks for them.
    Mailbox,
    /// Starting or paying a checkout: each takes stock from others for a while.
    Checkout,
    /// The same where cards are being tried in the shop: buyers who mistype get along with it, whoever tries cards does not.
    SuspectCheckout,
    /// Trying a gift card's code: guessing must not pay.
    GiftCard,
    /// Trying a discount's code: the same, but more people behind one address were told it.
    DiscountCode,
    /// Places on a waitlist: each may keep units from everybody else for minutes.
    Waitlist,
    /// Batches of beacons: each takes a little of the shop's disk.
    Beacons,
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Address(IpAddr),
    AddressAtShop(IpAddr, ShopId),
    /// The hash of a mail address: the address itself is not kept.
    Mailbox([u8; 32]),
}

type Keyed =
    RateLimiter<Who, HashMapStateStore<Who>, MonotonicClock, NoOpMiddleware<<MonotonicClock as Clock>::Instant>>;

/// The counters of all limits.
struct Limits {
    sign_in: Keyed,
    mailbox: Keyed,
    checkout: Keyed,
    suspect_checkout: Keyed,
    gift_card: Keyed,
    discount_code: Keyed,
    waitlist: Keyed,
    beacons: Keyed,
}

impl Default for Limits {
    fn default() -> Self {
        let keyed = |limit: Limit| RateLimiter::new(limit.quota(), HashMapStateStore::default(), MonotonicClock);
        Self {
            sign_in: keyed(Limit::SignIn),
            mailbox: keyed(Limit::Mailbox),
            checkout: keyed(Limit::Checkout),
            suspect_checkout: keyed(Limit::SuspectCheckout),
            gift_card: keyed(Limit::GiftCard),
            discount_code: keyed(Limit::DiscountCode),
            waitlist: keyed(Limit::Waitlist),
            beacons: keyed(Limit::Beacons),
        }
    }
}

impl Limit {
    /// How many at once, and in how many seconds they grow back.
    fn burst_and_window(self) -> (u32, u32) {
        match self {
            Self::SignIn | Self::GiftCard => (30, 300),
            Self::DiscountCode => (60, 300),
            Self::Mailbox => (3, 900),
            Self::Checkout => (60, 60),
            Self::SuspectCheckout => (3, 600),
            // A family or a small office behind one address.
            Self::Waitlist => (10, 600),
            // A campus behind one address: three hundred players that report every six seconds.
            Self::Beacons => (3_000, 60),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Mailbox => "mailbox",
            Self::Checkout => "checkout",
            Self::SuspectCheckout => "suspect-checkout",
            Self::GiftCard => "gift-card",
            Self::DiscountCode => "discount-code",
            Self::Waitlist => "waitlist",
            Self::Beacons => "beacons",
        }
    }

    fn quota(self) -> Quota {
        let (burst, window) = self.burst_and_window();
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Quota::with_period(Duration::from_secs(window.into()) / burst.get())
            .unwrap_or(Quota::per_second(burst))
            .allow_burst(burst)
    }
}

/// Counts one try. Errors: 429 `too_many_requests` with `Retry-After` and the `RateLimit` fields.
pub fn limit(app: &App, limit: Limit, who: Who) -> Result<(), Problem> {
    if !app.settings.rate_limits {
        return Ok(());
    }
    let limits = app.kept::<Limits>();
    let keyed = match limit {
        Limit::SignIn => &limits.sign_in,
        Limit::Mailbox => &limits.mailbox,
        Limit::Checkout => &limits.checkout,
        Limit::SuspectCheckout => &limits.suspect_checkout,
        Limit::GiftCard => &limits.gift_card,
        Limit::DiscountCode => &limits.discount_code,
        Limit::Waitlist => &limits.waitlist,
        Limit::Beacons => &limits.beacons,
    };
    let Err(not_until) = keyed.check_key(&who.widened()) else {
        return Ok(());
    };
    let wait = not_until.wait_time_from(MonotonicClock.now());
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let (burst, window) = limit.burst_and_window();
    let error = Error::new(
        Kind::TooMany { retry_after: seconds },
        "too_many_requests",
        format!("Too many tries. Wait {seconds} seconds."),
    );
    let field = |text: String| HeaderValue::try_from(text).expect("names and digits are a header value");
    let policy = field(format!("\"{}\";q={burst};w={window}", limit.name()));
    let state = field(format!("\"{}\";r=0;t={seconds}", limit.name()));
    Err(Problem::from(error)
        .with_header(HeaderName::from_static("ratelimit-policy"), policy)
        .with_header(HeaderName::from_static("ratelimit"), state))
}

/// Forgets callers whose allowance has grown back, so that the tables stay small. Called by a job.
pub fn forget_idle_callers(app: &App) {
    let limits = app.kept::<Limits>();
    for keyed in [
        &limits.sign_in,
        &limits.mailbox,
        &limits.checkout,
        &limits.suspect_checkout,
        &limits.gift_card,
        &limits.discount_code,
        &limits.beacons,
    ] {
        keyed.retain_recent();
        keyed.shrink_to_fit();
    }
}

impl Who {
    /// A household has a /64 of IPv6: counting single addresses would count nothing.
    fn widened(self) -> Self {
        let network = |address: IpAddr| match address {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        };
        match self {
            Self::Address(address) => Self::Address(network(address)),
            Self::AddressAtShop(address, shop) => Self::AddressAtShop(network(address), shop),
            mailbox @ Self::Mailbox(_) => mailbox,
        }
    }
}
