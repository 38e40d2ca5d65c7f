//! Settings, one part a page: the shop, its policies, tax, delivery, keys, staff.

use askama::Template;

use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone, When};

/// One row of a table that is edited in place; the empty one at the end adds.
pub struct RateRow {
    pub id: String,
    pub countries: Vec<Choice>,
    pub categories: Vec<Choice>,
    pub rate: Field,
}

pub struct Zone {
    pub id: String,
    pub name: Field,
    pub countries: Field,
    pub methods: Vec<Method>,
}

pub struct Method {
    pub id: String,
    pub name: Field,
    pub price: Field,
    pub days_min: Field,
    pub days_max: Field,
}

pub struct Key {
    pub id: String,
    pub name: String,
    pub kind: Chip,
    /// The beginning and the end; the middle is only shown once.
    pub hint: String,
    pub scopes: String,
    pub used: When,
}

/// A key right after it was made. Reloading the page does not bring it back.
pub struct FreshKey {
    pub name: String,
    pub secret: String,
}

pub struct StaffRow {
    pub id: String,
    pub name: String,
    pub mark: String,
    pub email: String,
    pub roles: Vec<Choice>,
    pub seen: When,
    pub is_me: bool,
}

/// A text the buyer agrees to, in one language.
pub struct PolicyText {
    pub id: String,
    pub name: String,
    pub hint: String,
    pub text: Field,
    pub since: Option<When>,
}

/// The part that is open.
pub enum Part {
    Shop {
        name: Field,
        seller: Field,
        accent: Field,
        accents: Vec<Choice>,
        languages: Vec<Choice>,
        currency: String,
        countries: Vec<Choice>,
        slug: String,
    },
    Policies {
        return_days: Field,
        texts: Vec<PolicyText>,
    },
    Tax {
        rates: Vec<RateRow>,
        inclusive: bool,
    },
    Delivery {
        zones: Vec<Zone>,
    },
    Keys {
        keys: Vec<Key>,
        fresh: Option<FreshKey>,
        scopes: Vec<Choice>,
        name: Field,
    },
    Staff {
        staff: Vec<StaffRow>,
        roles: Vec<Choice>,
        email: Field,
    },
}

impl Part {
    /// All parts in order: path, name, and what is in it.
    pub const ALL: [(&'static str, &'static str); 6] = [
        ("shop", "Shop"),
        ("policies", "Policies"),
        ("tax", "Tax"),
        ("delivery", "Delivery"),
        ("keys", "API keys"),
        ("staff", "Staff"),
    ];

    pub fn is(&self, path: &str) -> bool {
        self.path() == path
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Shop { .. } => "shop",
            Self::Policies { .. } => "policies",
            Self::Tax { .. } => "tax",
            Self::Delivery { .. } => "delivery",
            Self::Keys { .. } => "keys",
            Self::Staff { .. } => "staff",
        }
    }
}

#[derive(Template)]
#[template(path = "studio/settings.html")]
pub struct SettingsPage {
    pub frame: Frame,
    pub version: u32,
    pub part: Part,
    pub problems: Vec<Problem>,
}

impl SettingsPage {
    fn of(part: Part) -> Self {
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 5,
            part,
            problems: Vec::new(),
        }
    }

    pub fn sample() -> Self {
        Self::of(Part::Shop {
            name: Field::of("Nour Ceramics"),
            seller: Field::of("Lina Haddad, Weserstraße 40, 12045 Berlin, Germany"),
            accent: Field::of("#1f3fd1"),
            accents: vec![
                Choice::chosen("#1f3fd1", "Cobalt"),
                Choice::new("#b0391f", "Terracotta"),
                Choice::new("#17663c", "Copper glaze"),
                Choice::new("#7a2e6d", "Beetroot"),
                Choice::new("#1a1714", "Iron"),
            ],
            languages: vec![
                Choice::chosen("en", "English"),
                Choice::chosen("de", "Deutsch"),
                Choice::chosen("ar", "العربية"),
            ],
            currency: "EUR".into(),
            countries: vec![
                Choice::chosen("DE", "Germany"),
                Choice::new("AT", "Austria"),
                Choice::new("FR", "France"),
            ],
            slug: "nour".into(),
        })
    }

    pub fn policies() -> Self {
        let text = |id: &str, name: &str, hint: &str, text: &str, since: Option<When>| PolicyText {
            id: id.into(),
            name: name.into(),
            hint: hint.into(),
            text: Field::of(text),
            since,
        };
        Self::of(Part::Policies {
            return_days: Field::of("30"),
            texts: vec![
                text(
                    "returns",
                    "Returns",
                    "What a buyer may send back, by when, and who pays the parcel.",
                    "You have 30 days from the day the parcel arrives. Wrap the piece as it came to you. If it broke on the way, a photo is enough and I send a new one.",
                    Some(When::new(
                        "since 2 November",
                        "2 November 2026, 10:00",
                        "2026-11-02T10:00:00Z",
                    )),
                ),
                text(
                    "shipping",
                    "Shipping",
                    "How you pack, when parcels leave, and what happens when one is late.",
                    "Parcels leave on Mondays and Thursdays, wrapped in paper and wood wool. If yours is late, write to me before you write to the carrier.",
                    Some(When::new(
                        "since 1 September",
                        "1 September 2026, 08:00",
                        "2026-09-01T08:00:00Z",
                    )),
                ),
                text(
                    "imprint",
                    "Imprint",
                    "Who you are, by law in many countries: name, address, mail, tax number.",
                    "",
                    None,
                ),
            ],
        })
    }

    pub fn tax() -> Self {
        let countries = |chosen: &str| {
            [("DE", "Germany"), ("AT", "Austria"), ("FR", "France"), ("PL", "Poland")]
                .into_iter()
                .map(|(value, label)| Choice {
                    chosen: value == chosen,
                    ..Choice::new(value, label)
                })
                .collect()
        };
        let categories = |chosen: &str| {
            [
                ("standard", "Standard goods"),
                ("books", "Books and print"),
                ("digital", "Digital services"),
            ]
            .into_iter()
            .map(|(value, label)| Choice {
                chosen: value == chosen,
                ..Choice::new(value, label)
            })
            .collect()
        };
        let rate = |id: &str, country: &str, category: &str, rate: &str| RateRow {
            id: id.into(),
            countries: countries(country),
            categories: categories(category),
            rate: Field::of(rate),
        };
        Self::of(Part::Tax {
            inclusive: true,
            rates: vec![
                rate("1", "DE", "standard", "19"),
                rate("2", "DE", "books", "7"),
                rate("3", "AT", "standard", "20"),
                rate("4", "FR", "standard", "20"),
                rate("5", "PL", "standard", "23"),
            ],
        })
    }

    pub fn delivery() -> Self {
        let method = |id: &str, words: [&str; 4]| Method {
            id: id.into(),
            name: Field::of(words[0]),
            price: Field::of(words[1]),
            days_min: Field::of(words[2]),
            days_max: Field::of(words[3]),
        };
        Self::of(Part::Delivery {
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
        })
    }

    pub fn keys() -> Self {
        let key = |id: &str, name: &str, kind: Chip, hint: &str, scopes: &str, used: When| Key {
            id: id.into(),
            name: name.into(),
            kind,
            hint: hint.into(),
            scopes: scopes.into(),
            used,
        };
        Self::of(Part::Keys {
            keys: vec![
                key(
                    "key_1",
                    "Player on nour-ceramics.example",
                    Chip::new(Tone::Ok, "Publishable"),
                    "pk_test_01jd…7q9x",
                    "Player",
                    When::new("used 1 min ago", "21 November 2026, 14:12", "2026-11-21T14:12:00Z"),
                ),
                key(
                    "key_2",
                    "Bookkeeping export",
                    Chip::new(Tone::Warn, "Secret"),
                    "sk_test_01jc…m2k4",
                    "Read orders, read money",
                    When::new("used yesterday", "20 November 2026, 03:00", "2026-11-20T03:00:00Z"),
                ),
            ],
            fresh: Some(FreshKey {
                name: "Stock sync".into(),
                secret: "sk_test_01jd4b7x9k2m5n8p1q4r6s8t0v_Zm9yLXNhbXBsZS1vbmx5".into(),
            }),
            scopes: vec![
                Choice::new("orders:read", "Read orders"),
                Choice::new("orders:write", "Ship, cancel and refund"),
                Choice::new("catalog:write", "Change products and stock"),
                Choice::new("clips:write", "Change and publish clips"),
                Choice::new("money:read", "Read money"),
            ],
            name: Field::default(),
        })
    }

    pub fn staff() -> Self {
        let roles = |chosen: &str| {
            sample_roles()
                .into_iter()
                .map(|role| Choice {
                    chosen: role.value == chosen,
                    ..role
                })
                .collect()
        };
        let person = |id: &str, name: &str, email: &str, role: &str, seen: When, is_me: bool| StaffRow {
            id: id.into(),
            name: name.into(),
            mark: name.chars().take(1).collect(),
            email: email.into(),
            roles: roles(role),
            seen,
            is_me,
        };
        let mut page = Self::of(Part::Staff {
            staff: vec![
                person(
                    "stf_1",
                    "Lina Haddad",
                    "lina@nour-ceramics.example",
                    "owner",
                    When::new("here now", "21 November 2026, 14:13", "2026-11-21T14:13:00Z"),
                    true,
                ),
                person(
                    "stf_2",
                    "Jonas Weber",
                    "jonas@weberfilm.example",
                    "creator",
                    When::new("2 h ago", "21 November 2026, 12:04", "2026-11-21T12:04:00Z"),
                    false,
                ),
                person(
                    "stf_3",
                    "Mara Klein",
                    "mara@nour-ceramics.example",
                    "helper",
                    When::new("yesterday", "20 November 2026, 17:45", "2026-11-20T17:45:00Z"),
                    false,
                ),
            ],
            roles: sample_roles(),
            email: Field::wrong(
                "mara@nour-ceramics.example",
                "Mara already works here. Change her role in the list above.",
            ),
        });
        page.problems = vec![Problem::new("email", "Nobody was invited: Mara already works here.")];
        page
    }
}

fn sample_roles() -> Vec<Choice> {
    vec![
        Choice::new("owner", "Owner: everything"),
        Choice::chosen("creator", "Creator: clips and products"),
        Choice::new("helper", "Helper: orders to ship"),
        Choice::new("partner", "Partner: their own orders and money"),
        Choice::new("analyst", "Analyst: everything, to read"),
    ]
}
