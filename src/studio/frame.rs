//! What surrounds every studio page: the rail, the shop's mark, and one notice after something was done.

use crate::identity::{Role, Shop, Staff};

/// The sections of the rail, in the order of the business. Only what exists is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Today,
    Clips,
    Drops,
    Products,
    Orders,
    Money,
    Audience,
    Partners,
    Settings,
}

impl Section {
    /// A thumb reaches five sections and "More"; the rest lives behind it on a phone.
    pub const BAR: [Self; 5] = [Self::Today, Self::Clips, Self::Drops, Self::Products, Self::Orders];
    pub const MORE: [Self; 4] = [Self::Money, Self::Audience, Self::Partners, Self::Settings];

    pub fn label(self) -> &'static str {
        match self {
            Self::Today => "Today",
            Self::Clips => "Clips",
            Self::Drops => "Drops",
            Self::Products => "Products",
            Self::Orders => "Orders",
            Self::Money => "Money",
            Self::Audience => "Audience",
            Self::Partners => "Partners",
            Self::Settings => "Settings",
        }
    }

    /// The last part of the section's path; Today is the studio's front page and has none.
    pub fn path(self) -> &'static str {
        match self {
            Self::Today => "",
            Self::Clips => "/clips",
            Self::Drops => "/drops",
            Self::Products => "/products",
            Self::Orders => "/orders",
            Self::Money => "/money",
            Self::Audience => "/audience",
            Self::Partners => "/partners",
            Self::Settings => "/settings",
        }
    }

    /// The id of its drawing in `_icons.html`.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Clips => "clips",
            Self::Drops => "drops",
            Self::Products => "products",
            Self::Orders => "orders",
            Self::Money => "money",
            Self::Audience => "audience",
            Self::Partners => "partners",
            Self::Settings => "settings",
        }
    }
}

/// How a chip, a notice or a task is coloured. Colour never stands alone: each carries words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Quiet,
    Ok,
    Warn,
    Bad,
}

impl Tone {
    /// The value of `data-tone`, which the style sheets read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// A state in one or two words.
#[derive(Clone)]
pub struct Chip {
    pub label: String,
    pub tone: Tone,
}

impl Chip {
    pub fn new(tone: Tone, label: &str) -> Self {
        Self {
            label: label.into(),
            tone,
        }
    }
}

/// What just happened, said once above the page.
pub struct Notice {
    pub tone: Tone,
    pub text: String,
}

/// Everything `base.html` needs.
pub struct Frame {
    pub shop_slug: String,
    pub shop_name: String,
    /// The shop's own colours, if it chose any; with the version of its settings, so that a change is seen at once.
    pub accent_css: Option<String>,
    /// One or two letters that stand for the shop.
    pub shop_mark: String,
    pub staff_name: String,
    pub staff_role: String,
    pub here: Section,
    /// The page's name, also the document's title.
    pub title: String,
    /// Sandbox processors only: no real money moves.
    pub test_mode: bool,
    /// Orders that wait for a parcel; shown beside Orders in the rail. Zero where a page does not count them.
    pub orders_waiting: u32,
    pub notice: Option<Notice>,
}

impl Frame {
    /// The frame of a page for someone who works here.
    pub fn of(shop: &Shop, staff: &Staff, here: Section, title: &str) -> Self {
        Self {
            shop_slug: shop.slug.clone(),
            shop_name: shop.name.clone(),
            accent_css: (!shop.accent.is_empty()).then(|| format!("/s/{}/accent.css?v={}", shop.slug, shop.version)),
            shop_mark: mark(&shop.name),
            staff_name: staff.name.clone(),
            staff_role: role_name(staff.role).into(),
            here,
            title: title.into(),
            test_mode: shop.test_mode,
            orders_waiting: 0,
            notice: None,
        }
    }

    /// With what was done before this page was asked for, said once. The word comes from our own redirect; any other says nothing.
    #[must_use]
    pub fn after(self, done: Option<&str>) -> Self {
        let text = match done {
            Some("saved") => "Saved.",
            Some("counted") => "Counted.",
            Some("asked") => "Asked. What the processor says stands below.",
            Some("disputed") => "The pretended bank acts. Its notice arrives in a moment: load the page again.",
            Some("accepted") => "Given up. The money stays with the buyer.",
            Some("answered") => "Answered. The bank decides; that takes weeks.",
            Some("decided") => "Done. It stands in the history, with your name and reason.",
            Some("sent") => "Received. What came of its lines stands below.",
            Some("known_file") => "This very file was here before. Nothing was changed.",
            Some("settled") => "Decided. It stays with the line, with your name and reason.",
            Some("revoked") => "Revoked. The key is refused from now on.",
            Some("invited") => "Invited. The letter with the link is on its way.",
            Some("changed") => "Changed. It counts from their next click.",
            Some("tested") => {
                "A test is on its way. Load the page again in a moment: what came of it stands in the log."
            }
            Some("replayed") => "It is sent again. Load the page again in a moment: what came of it stands in the log.",
            Some("deleted") => "Deleted. Nothing is sent there any more.",
            Some("closed") => {
                "The shop has closed. Whoever has reserved may still pay; orders go on as they were promised."
            }
            Some("stays") => "The shop is open, and stays.",
            Some("erased") => "Erased, as far as nothing needs it. What is held stands below, and is erased by itself.",
            Some("removed") => "Removed. They were signed out everywhere.",
            _ => return self,
        };
        Self {
            notice: Some(Notice {
                tone: Tone::Ok,
                text: text.into(),
            }),
            ..self
        }
    }

    /// The path of a section of this shop.
    pub fn to(&self, section: &Section) -> String {
        format!("/studio/{}{}", self.shop_slug, section.path())
    }

    pub fn is_here(&self, section: &Section) -> bool {
        self.here == *section
    }

    /// The number beside a section, zero when it has none.
    pub fn count(&self, section: &Section) -> u32 {
        if *section == Section::Orders {
            self.orders_waiting
        } else {
            0
        }
    }

    /// Whether the page in front of us lives behind "More" on a phone.
    pub fn is_in_more(&self) -> bool {
        Section::MORE.contains(&self.here)
    }

    pub fn sample(here: Section, title: &str) -> Self {
        Self {
            shop_slug: "nour".into(),
            shop_name: "Nour Ceramics".into(),
            accent_css: None,
            shop_mark: "N".into(),
            staff_name: "Lina Haddad".into(),
            staff_role: "Owner".into(),
            here,
            title: title.into(),
            test_mode: true,
            orders_waiting: 3,
            notice: None,
        }
    }

    /// The same shop on its first day.
    pub fn sample_first_day(here: Section, title: &str) -> Self {
        Self {
            orders_waiting: 0,
            ..Self::sample(here, title)
        }
    }
}

/// The first letter of a name, for the square that stands for a shop or a person.
pub fn mark(name: &str) -> String {
    name.chars()
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default()
}

/// A role as people say it.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Creator => "Creator",
        Role::Helper => "Helper",
        Role::Partner => "Partner",
        Role::Analyst => "Analyst",
    }
}

/// The parts of the settings, in order: the last part of the path, and the name.
pub const SETTINGS: [(&str, &str); 10] = [
    ("shop", "Shop"),
    ("window", "Opening"),
    ("policies", "Policies"),
    ("privacy", "Privacy"),
    ("tax", "Tax"),
    ("delivery", "Delivery"),
    ("payments", "Payments"),
    ("keys", "API keys"),
    ("webhooks", "Webhooks"),
    ("staff", "Staff"),
];
