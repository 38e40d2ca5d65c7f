//! Signing in: one mail field, no password. The letter holds a link to [`super::sign_in_confirm_page`].

use askama::Template;

use super::field::Field;

/// Where the person stands.
pub enum SignIn {
    /// The mail field; wrong addresses come back with what was typed.
    Ask(Field),
    /// The letter is on its way. Said for every address, so that nobody learns who works here.
    Sent { email: String },
}

#[derive(Template)]
#[template(path = "studio/sign_in.html")]
pub struct SignInPage {
    pub state: SignIn,
    /// The demo's mailbox, shown only where letters do not leave the machine.
    pub mailbox: Option<String>,
}

impl SignInPage {
    pub fn sample() -> Self {
        Self {
            state: SignIn::Ask(Field::default()),
            mailbox: None,
        }
    }

    pub fn refused() -> Self {
        let field = Field::wrong(
            "lina@nour",
            "This is not a complete mail address. It needs a name, an @ and a domain, like lina@example.org.",
        );
        Self {
            state: SignIn::Ask(field),
            mailbox: None,
        }
    }

    pub fn sent() -> Self {
        Self {
            state: SignIn::Sent {
                email: "lina@nour-ceramics.example".into(),
            },
            mailbox: Some("/mailbox".into()),
        }
    }
}
