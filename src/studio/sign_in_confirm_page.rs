//! The end of signing in. Opening the link only shows a button; its POST consumes the token, so that a mail scanner that follows links
//! signs nobody in and spends nothing.

use askama::Template;

/// What the link still is.
pub enum Link {
    Ready {
        shop_name: String,
        staff_name: String,
    },
    /// Used, replaced by a newer one, or older than its fifteen minutes: three reasons, one answer.
    Spent,
}

#[derive(Template)]
#[template(path = "studio/sign_in_confirm.html")]
pub struct SignInConfirmPage {
    pub link: Link,
}

impl SignInConfirmPage {
    pub fn sample() -> Self {
        Self {
            link: Link::Ready {
                shop_name: "Nour Ceramics".into(),
                staff_name: "Lina Haddad".into(),
            },
        }
    }

    pub fn spent() -> Self {
        Self { link: Link::Spent }
    }
}
