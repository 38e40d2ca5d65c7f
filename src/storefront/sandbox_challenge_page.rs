//! The sandbox processor's own page for a card whose bank asks back (3-D Secure). It belongs to the pretended bank, so it looks like nobody's shop.

use askama::Template;

#[derive(Template)]
#[template(path = "storefront/sandbox_challenge.html")]
pub struct SandboxChallengePage {
    pub shop_name: String,
    pub amount: String,
    pub card: String,
    pub reference: String,
    /// POST with `answer=approve` or `answer=fail`.
    pub action: String,
}

impl SandboxChallengePage {
    pub fn sample() -> Self {
        Self {
            shop_name: "Loam & Ink".into(),
            amount: "€114.90".into(),
            card: "•••• 3155".into(),
            reference: "att_01ksample".into(),
            action: "/sandbox/3ds/att_01ksample".into(),
        }
    }
}
