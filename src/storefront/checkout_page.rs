//! The form checkout: one page that buys without scripts.
//!
//! The page carries the client-chosen checkout id and the signed quote in hidden fields, so sending it twice is the same purchase and the
//! buyer pays at most the total they saw. A refused form comes back with everything the buyer typed.

use askama::Template;

use super::frame::{Frame, Head, Notice, Picture, Tone};
use super::structured_data::Markup;
use crate::checkout::{Address, Stored};
use crate::kernel::CardFace;

#[derive(Template)]
#[template(path = "storefront/checkout.html")]
pub struct CheckoutPage {
    pub frame: Frame,
    pub head: Head,
    pub action: String,
    pub checkout: String,
    pub quote: String,
    pub lines: Vec<CheckoutLine>,
    pub contact: Vec<Field>,
    /// Empty for what does not travel.
    pub address: Vec<Field>,
    pub deliveries: Vec<DeliveryChoice>,
    pub payments: Vec<PaymentChoice>,
    pub totals: Vec<Sum>,
    pub total: String,
    /// Where a discount's code is typed.
    pub discount_code: Field,
    /// Where a gift card's code is typed.
    pub gift_card: Field,
    /// What a gift card pays of the total.
    pub covered: Option<Covered>,
    /// The code that pays, and how much of it was shown: sent along, so that no other total is paid.
    pub applied: Option<(String, i64)>,
    /// "incl. €9.26 VAT (19 %)".
    pub tax: String,
    /// One line each: when it arrives, how it goes back.
    pub promises: Vec<String>,
    /// A decline, a price change, a sold-out line.
    pub notice: Option<Notice>,
    /// Whether the card is to be kept, where one can be; never ticked for them.
    pub keep: Option<bool>,
    /// A kept card that can pay for exactly this.
    pub one_click: Option<OneClick>,
    /// Where the kept cards of this browser can be seen and forgotten, if it has any.
    pub kept_path: Option<String>,
}

/// A kept card, and everything it decides.
pub struct OneClick {
    pub id: String,
    /// "Visa •••• 4242".
    pub card: String,
    pub total: String,
    /// "Jo Lindqvist, Kanalweg 7, 20357 Hamburg"; empty if nothing travels.
    pub goes_to: String,
    pub receipt: String,
}

impl OneClick {
    pub fn new(stored: &Stored, total: String) -> Self {
        let contact = &stored.contact;
        Self {
            id: stored.method.id.to_string(),
            card: card_name(&stored.method.face),
            total,
            goes_to: stored.address.as_ref().map(one_line).unwrap_or_default(),
            receipt: contact.email.clone().or(contact.phone.clone()).unwrap_or_default(),
        }
    }
}

/// "Visa •••• 4242".
pub fn card_name(face: &CardFace) -> String {
    let mut letters = face.brand.chars();
    let brand: String = letters
        .next()
        .map_or("Card".into(), |first| first.to_uppercase().chain(letters).collect());
    format!("{brand} •••• {}", face.last_four)
}

/// An address in one line.
pub fn one_line(address: &Address) -> String {
    let town = format!("{} {}", address.postal_code, address.city);
    [
        Some(address.name.as_str()),
        Some(&address.line1),
        address.line2.as_deref(),
        Some(&town),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

pub struct CheckoutLine {
    pub variant: String,
    pub title: String,
    pub variant_title: String,
    pub picture: Picture,
    pub quantity: u32,
    pub quantity_max: u32,
    pub amount: String,
    /// "Pre-order: not there yet, leaves by 3 March 2027"; empty otherwise.
    pub note: String,
}

/// One labelled field. `name` is its id as well; the error, if any, is tied to it.
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    /// Filled in by the browser from what it knows (WCAG 1.3.5).
    pub autocomplete: &'static str,
    pub control: Control,
    pub value: String,
    pub required: bool,
    pub hint: Option<&'static str>,
    pub error: Option<String>,
    /// Takes half a row beside its neighbour on wide screens.
    pub half: bool,
}

pub enum Control {
    /// An input of this type.
    Input(&'static str),
    Select(Vec<Choice>),
}

pub struct Choice {
    pub value: String,
    pub label: String,
}

pub struct DeliveryChoice {
    pub id: String,
    pub name: String,
    pub promise: String,
    pub price: String,
    pub selected: bool,
}

pub struct PaymentChoice {
    pub value: String,
    pub label: String,
    pub detail: String,
    pub selected: bool,
}

pub struct Sum {
    pub label: String,
    pub amount: String,
}

/// The total in two purses: what a gift card pays, and what is left to pay.
pub struct Covered {
    /// "Gift card •••• 7K3M".
    pub label: String,
    /// "−€30.00".
    pub amount: String,
    /// "Left to pay"; on a receipt how the rest was paid.
    pub rest_label: String,
    pub rest: String,
    /// Nothing is left to pay.
    pub all: bool,
}

impl Covered {
    pub fn new(covers: &crate::gift_cards::Covers, total: crate::kernel::Money, rest_label: &str) -> Self {
        let money = |minor| crate::kernel::words::money(crate::kernel::Money::new(minor, total.currency));
        Self {
            label: format!("Gift card •••• {}", covers.last_four),
            amount: money(-covers.minor),
            rest_label: rest_label.into(),
            rest: money(total.minor - covers.minor),
            all: covers.minor == total.minor,
        }
    }

    pub(super) fn sample() -> Self {
        Self {
            label: "Gift card •••• 7K3M".into(),
            amount: "−€50.00".into(),
            rest_label: "Left to pay".into(),
            rest: "€64.90".into(),
            all: false,
        }
    }
}

impl Field {
    pub fn input(kind: &'static str, name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            label,
            autocomplete,
            control: Control::Input(kind),
            value: String::new(),
            required: true,
            hint: None,
            error: None,
            half: false,
        }
    }

    pub fn optional(self) -> Self {
        Self {
            required: false,
            ..self
        }
    }

    pub fn half(self) -> Self {
        Self { half: true, ..self }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    pub fn filled(self, value: &str) -> Self {
        Self {
            value: value.into(),
            ..self
        }
    }

    pub fn refused(self, error: &str) -> Self {
        Self {
            error: Some(error.into()),
            ..self
        }
    }

    /// The ids of what explains this field, for `aria-describedby`.
    pub fn described_by(&self) -> String {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }
}

impl CheckoutPage {
    /// Fields that were refused, for the summary at the top.
    pub fn refused(&self) -> Vec<&Field> {
        self.contact
            .iter()
            .chain(&self.address)
            .chain([&self.discount_code, &self.gift_card])
            .filter(|field| field.error.is_some())
            .collect()
    }

    /// Whether nothing is left for a processor to be asked for.
    pub fn all_covered(&self) -> bool {
        self.covered.as_ref().is_some_and(|covered| covered.all)
    }

    /// The field for a discount's code.
    pub fn discount_code_field() -> Field {
        Field::input("text", "discount_code", "Discount code", "off").optional()
    }

    /// The field for a code.
    pub fn gift_card_field() -> Field {
        Field::input("text", "gift_card", "Gift card code", "off")
            .optional()
            .hint("Twenty letters and digits. What it pays is shown before you pay.")
    }

    pub fn sample() -> Self {
        let country = |value: &str, label: &str| Choice {
            value: value.into(),
            label: label.into(),
        };
        let countries = vec![
            country("AT", "Austria"),
            country("DE", "Germany"),
            country("NL", "Netherlands"),
        ];
        let line = |variant: &str,
                    title: &str,
                    variant_title: &str,
                    quantity: u32,
                    quantity_max: u32,
                    amount: &str,
                    image: &str| CheckoutLine {
            variant: variant.into(),
            title: title.into(),
            variant_title: variant_title.into(),
            picture: Picture::new(image, "", 1000, 1000),
            quantity,
            quantity_max,
            amount: amount.into(),
            note: String::new(),
        };
        let pay = |value: &str, label: &str, detail: &str, selected: bool| PaymentChoice {
            value: value.into(),
            label: label.into(),
            detail: detail.into(),
            selected,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Checkout · Loam & Ink".into(),
                description: "Pay and have it delivered.".into(),
                canonical: "https://shop.example/s/loam-and-ink/checkout".into(),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            action: "/s/loam-and-ink/checkout".into(),
            checkout: "chk_01ksample000000000000000000".into(),
            quote: "sample-quote".into(),
            lines: vec![
                line(
                    "var_01ktide",
                    "Dune mug",
                    "Tide",
                    2,
                    3,
                    "€68.00",
                    "/media/sample-mug.webp",
                ),
                line(
                    "var_01kdripper",
                    "Slow dripper",
                    "",
                    1,
                    10,
                    "€42.00",
                    "/media/sample-dripper.webp",
                ),
            ],
            contact: vec![
                Field::input("email", "email", "E-mail", "email")
                    .hint("For the receipt and the parcel's number. Nothing else."),
                Field::input("tel", "phone", "Phone", "tel").optional(),
            ],
            address: vec![
                Field {
                    control: Control::Select(countries),
                    ..Field::input("", "country", "Country", "country").filled("DE")
                },
                Field::input("text", "name", "Name", "name"),
                Field::input("text", "line1", "Street and number", "address-line1"),
                Field::input("text", "line2", "Addition", "address-line2").optional(),
                Field::input("text", "postal_code", "Postcode", "postal-code").half(),
                Field::input("text", "city", "Town", "address-level2").half(),
            ],
            deliveries: vec![
                DeliveryChoice {
                    id: "parcel".into(),
                    name: "Parcel".into(),
                    promise: "Arrives 24–26 Nov".into(),
                    price: "€4.90".into(),
                    selected: true,
                },
                DeliveryChoice {
                    id: "express".into(),
                    name: "Express".into(),
                    promise: "Arrives 23 Nov".into(),
                    price: "€12.00".into(),
                    selected: false,
                },
            ],
            payments: vec![
                pay("card:tok_visa", "Card that works", "•••• 4242", true),
                pay("card:tok_3ds", "Card whose bank asks back", "•••• 3155", false),
                pay("card:tok_declined", "Card without enough money", "•••• 9995", false),
                pay("card:tok_stolen", "Card reported stolen", "•••• 9979", false),
                pay("card:tok_timeout", "Card whose answer gets lost", "•••• 0119", false),
                pay("card:tok_slow", "Card that takes three seconds", "•••• 0036", false),
                pay("manual", "Pay on pickup or by transfer", "", false),
            ],
            totals: vec![
                Sum {
                    label: "3 pieces".into(),
                    amount: "€110.00".into(),
                },
                Sum {
                    label: "Parcel".into(),
                    amount: "€4.90".into(),
                },
            ],
            total: "€114.90".into(),
            discount_code: Self::discount_code_field(),
            gift_card: Self::gift_card_field(),
            covered: None,
            applied: None,
            tax: "incl. €18.35 VAT (19 %)".into(),
            promises: vec![
                "Arrives 24–26 Nov".into(),
                "30 days to return".into(),
                "Your card is charged when the parcel leaves".into(),
            ],
            notice: None,
            keep: Some(false),
            one_click: None,
            kept_path: None,
        }
    }

    /// Somebody who had a card kept here.
    pub fn sample_one_click() -> Self {
        Self {
            one_click: Some(OneClick {
                id: "smt_01ksample".into(),
                card: "Visa •••• 4242".into(),
                total: "€114.90".into(),
                goes_to: "Jo Lindqvist, Kanalweg 7, 20357 Hamburg".into(),
                receipt: "jo.lindqvist@example.com".into(),
            }),
            kept_path: Some("/s/loam-and-ink/stored-methods".into()),
            ..Self::sample()
        }
    }

    /// A code takes something off.
    pub fn sample_discount() -> Self {
        let mut page = Self::sample();
        page.discount_code = Self::discount_code_field().filled("AUTUMN10");
        page.totals.insert(
            1,
            Sum {
                label: "Autumn letter".into(),
                amount: "−€11.00".into(),
            },
        );
        page.total = "€103.90".into();
        page.tax = "incl. €16.59 VAT (19 %)".into();
        page
    }

    /// A gift card pays a part of it.
    pub fn sample_gift_card() -> Self {
        Self {
            gift_card: Self::gift_card_field().filled("9QX4-0C2M-J7RT-W5EH-7K3M"),
            covered: Some(Covered::sample()),
            applied: Some(("9QX4-0C2M-J7RT-W5EH-7K3M".into(), 5_000)),
            ..Self::sample()
        }
    }

    /// Sent with gaps: everything typed is still there.
    pub fn sample_refused() -> Self {
        let mut page = Self::sample();
        page.contact[0] = Field::input("email", "email", "E-mail", "email")
            .hint("For the receipt and the parcel's number. Nothing else.")
            .filled("jo.lindqvist@example")
            .refused("This address has no ending, like .com or .de.");
        page.address[1].value = "Jo Lindqvist".into();
        page.address[2].value = "Kanalweg 7".into();
        page.address[4] = Field::input("text", "postal_code", "Postcode", "postal-code")
            .half()
            .filled("2035")
            .refused("A German postcode has five digits.");
        page.address[5].value = "Hamburg".into();
        page
    }

    /// The bank said no.
    pub fn sample_declined() -> Self {
        let mut page = Self::sample();
        page.notice = Some(Notice {
            tone: Tone::Bad,
            title: "Your bank declined the payment".into(),
            text: "Nothing was charged. Your 3 pieces stay reserved for you until 21:40. Try another card, or ask your bank.".into(),
        });
        page.contact[0].value = "jo.lindqvist@example.com".into();
        page
    }
}
