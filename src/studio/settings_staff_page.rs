//! Who works here, and in which role.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Frame, Section, mark};
use super::settings_shop_page::After;
use super::when::When;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Form, NewId, Problem, Query, page, redirect};
use crate::identity::{
    AddPerson, ChangePerson, NewPerson, Owner, Person, PersonChange, Role, Shop, add_person, change_person,
    disable_person, people, shop, sign_in_by_mail,
};
use crate::kernel::{Error, StaffId, Time};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

pub struct PersonRow {
    pub id: String,
    pub name: String,
    pub mark: String,
    pub email: String,
    pub roles: Vec<Choice>,
    pub since: When,
    pub is_me: bool,
    /// No longer works here; can be let in again.
    pub disabled: bool,
}

#[derive(Template)]
#[template(path = "studio/settings_staff.html")]
pub struct SettingsStaffPage {
    pub frame: Frame,
    pub staff: Vec<PersonRow>,
    pub name: Field,
    pub email: Field,
    pub roles: Vec<Choice>,
    pub problems: Vec<Wrong>,
}

/// What the form sends.
#[derive(Clone, Deserialize)]
pub struct Sent {
    #[serde(rename = "do")]
    act: Act,
    #[serde(default)]
    staff: Option<StaffId>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: Option<Role>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Invite,
    ChangeRole,
    Remove,
    LetIn,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 3] = [
    ("/name", "name", "Name"),
    ("/email", "email", "Mail address"),
    ("/party", "new-role", "Role"),
];

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let mut settings = read(&app, &owner).await?;
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

async fn read(app: &App, owner: &Owner) -> Result<SettingsStaffPage, Problem> {
    let id = owner.shop;
    let (shop, people, now) = app
        .db
        .read(move |tx| Ok((shop(tx, id)?, people(tx, id)?, tx.now())))
        .await?;
    Ok(SettingsStaffPage::of(&shop, owner, &people, now))
}

/// Invites someone, changes a role, or ends someone's work here.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    new_id: NewId,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let id = owner.shop;
    let (done, outcome) = match (sent.act, sent.staff) {
        (Act::Invite, _) => return invite(app, owner, new_id, sent).await,
        (_, None) => return Err(Error::not_found("person").into()),
        (Act::ChangeRole, Some(person)) => {
            let change = PersonChange {
                role: sent.role,
                ..PersonChange::default()
            };
            (
                "changed",
                app.db
                    .write(LaneKey::of(id), move |tx| change_person(tx, id, person, change.clone()))
                    .await?,
            )
        }
        (Act::LetIn, Some(person)) => {
            let change = PersonChange {
                enable: true,
                ..PersonChange::default()
            };
            (
                "changed",
                app.db
                    .write(LaneKey::of(id), move |tx| change_person(tx, id, person, change.clone()))
                    .await?,
            )
        }
        (Act::Remove, Some(person)) => (
            "removed",
            app.db
                .write(LaneKey::of(id), move |tx| disable_person(tx, id, person))
                .await?,
        ),
    };
    match outcome {
        ChangePerson::Changed(_) => {
            let slug = app.db.read(move |tx| Ok(shop(tx, id)?.slug)).await?;
            Ok(redirect(&format!("/studio/{slug}/settings/staff?done={done}")))
        }
        ChangePerson::NotFound => Err(Error::not_found("person").into()),
        ChangePerson::LastOwner => {
            let mut settings = read(&app, &owner).await?;
            settings.problems = vec![Wrong::new(
                "staff",
                "A shop keeps one owner. Make someone else owner first.",
            )];
            page(&settings)
        }
    }
}

async fn invite(app: App, owner: Owner, new_id: NewId, sent: Sent) -> Result<Response, Problem> {
    let id = owner.shop;
    let new = NewPerson {
        email: sent.email.clone(),
        name: sent.name.clone(),
        role: sent.role.unwrap_or(Role::Helper),
        party: None,
    };
    let added = app
        .db
        .write(LaneKey::of(id), move |tx| {
            refusable(add_person(tx, id, new_id.get(), new.clone()))
        })
        .await?;
    let mut settings = read(&app, &owner).await?;
    match added {
        Ok(AddPerson::Added(person)) => {
            sign_in_by_mail(&app, person.email).await?;
            return Ok(redirect(&format!(
                "/studio/{}/settings/staff?done=invited",
                settings.frame.shop_slug
            )));
        }
        Ok(AddPerson::AlreadyHere(person)) => {
            let error = Error::field(
                "/email",
                format!("{} is on the list above. Change the role there.", person.name),
            );
            settings.keep(&sent, &error);
        }
        Err(error) => settings.keep(&sent, &error),
    }
    page(&settings)
}

impl SettingsStaffPage {
    pub fn part(&self) -> &'static str {
        "staff"
    }

    fn of(shop: &Shop, owner: &Owner, people: &[Person], now: Time) -> Self {
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            staff: people.iter().map(|person| PersonRow::of(person, owner, now)).collect(),
            name: Field::default(),
            email: Field::default(),
            roles: roles(Role::Creator, false),
            problems: Vec::new(),
        }
    }

    /// Keeps what was typed beside what was refused.
    fn keep(&mut self, sent: &Sent, error: &Error) {
        self.name = Field::judged(&sent.name, error, "/name");
        self.email = Field::judged(&sent.email, error, "/email");
        self.roles = roles(sent.role.unwrap_or(Role::Creator), false);
        self.problems = Wrong::all(error, &PLACES);
    }

    pub fn sample() -> Self {
        let person = |id: &str, name: &str, email: &str, role: Role, since: When| PersonRow {
            id: id.into(),
            name: name.into(),
            mark: mark(name),
            email: email.into(),
            roles: roles(role, false),
            since,
            is_me: false,
            disabled: false,
        };
        let september = || {
            When::new(
                "1 September 2026",
                "1 September 2026, 08:00:00 UTC",
                "2026-09-01T08:00:00Z",
            )
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            staff: vec![
                PersonRow {
                    is_me: true,
                    ..person(
                        "stf_1",
                        "Lina Haddad",
                        "lina@nour-ceramics.example",
                        Role::Owner,
                        september(),
                    )
                },
                person(
                    "stf_2",
                    "Jonas Weber",
                    "jonas@weberfilm.example",
                    Role::Creator,
                    september(),
                ),
                person(
                    "stf_3",
                    "Mara Klein",
                    "mara@nour-ceramics.example",
                    Role::Helper,
                    When::new("3 weeks ago", "31 October 2026, 17:45:00 UTC", "2026-10-31T17:45:00Z"),
                ),
                PersonRow {
                    disabled: true,
                    ..person("stf_4", "Oskar Lenz", "oskar@example.org", Role::Analyst, september())
                },
            ],
            name: Field::default(),
            email: Field::default(),
            roles: roles(Role::Creator, false),
            problems: Vec::new(),
        }
    }

    pub fn refused() -> Self {
        let why = "Mara Klein is on the list above. Change the role there.";
        Self {
            name: Field::of("Mara"),
            email: Field::wrong("mara@nour-ceramics.example", why),
            problems: vec![Wrong::new("email", &format!("Mail address: {why}"))],
            ..Self::sample()
        }
    }
}

impl PersonRow {
    fn of(person: &Person, owner: &Owner, now: Time) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            mark: mark(&person.name),
            email: person.email.clone(),
            roles: roles(person.role, person.party.is_some()),
            since: When::of(person.created_at, now),
            is_me: owner.staff == Some(person.id),
            disabled: person.disabled_at.is_some(),
        }
    }
}

/// The roles one can be given. A partner belongs to a party, so that role is offered only to who has one.
fn roles(chosen: Role, has_party: bool) -> Vec<Choice> {
    let words = |role: Role| match role {
        Role::Owner => "Owner: everything",
        Role::Creator => "Creator: clips, products, orders",
        Role::Helper => "Helper: orders and stock",
        Role::Partner => "Partner: their own orders",
        Role::Analyst => "Analyst: figures, to read",
    };
    let offered = Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Partner || has_party || chosen == Role::Partner);
    offered
        .map(|role| Choice {
            chosen: role == chosen,
            ..Choice::new(role.name(), words(role))
        })
        .collect()
}
