//! People who work at a shop: added, changed, disabled. The last owner stays.

use super::model::{Person, Role, Wrong, mail_address};
use super::store;
use crate::db::Tx;
use crate::kernel::{PartyId, Result, ShopId, StaffId};

#[derive(Clone, Debug)]
pub struct NewPerson {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub party: Option<PartyId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddPerson {
    Added(Person),
    /// The address works here already; perhaps disabled.
    AlreadyHere(Person),
}

#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub party: Option<PartyId>,
    /// Lets someone work again who was disabled.
    pub enable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangePerson {
    Changed(Person),
    NotFound,
    /// The shop would have nobody who may do everything.
    LastOwner,
}

/// Order of answers: invalid, already here, added.
pub fn add_person(tx: &mut Tx<'_>, shop: ShopId, id: StaffId, new: NewPerson) -> Result<AddPerson> {
    let email = mail_address(&new.email)?;
    check(&new.name, new.role, new.party)?;
    if store::insert_person(tx, shop, id, &email, new.name.trim(), new.role, new.party)? {
        return Ok(AddPerson::Added(
            store::person(tx, shop, id)?.expect("the row was just written"),
        ));
    }
    let here = store::person_by_email(tx, shop, &email)?.expect("the insert met this row");
    // A repeated request finds what its first try had added.
    Ok(if here.id == id {
        AddPerson::Added(here)
    } else {
        AddPerson::AlreadyHere(here)
    })
}

/// Order of answers: not found, invalid, last owner, changed. A new role counts from the person's next request.
pub fn change_person(tx: &mut Tx<'_>, shop: ShopId, id: StaffId, change: PersonChange) -> Result<ChangePerson> {
    let Some(person) = store::person(tx, shop, id)? else {
        return Ok(ChangePerson::NotFound);
    };
    let name = change.name.unwrap_or(person.name);
    let role = change.role.unwrap_or(person.role);
    let party = change.party.or(person.party);
    check(&name, role, party)?;
    if person.role.is_owner() && !role.is_owner() && !store::has_another_owner(tx, shop, id)? {
        return Ok(ChangePerson::LastOwner);
    }
    let disabled_at = if change.enable { None } else { person.disabled_at };
    store::update_person(tx, shop, id, name.trim(), role, party, disabled_at)?;
    Ok(ChangePerson::Changed(
        store::person(tx, shop, id)?.expect("the row was just changed"),
    ))
}

/// Ends someone's work here: no new links, all sessions ended. Order of answers: not found, last owner, changed.
pub fn disable_person(tx: &mut Tx<'_>, shop: ShopId, id: StaffId) -> Result<ChangePerson> {
    let Some(person) = store::person(tx, shop, id)? else {
        return Ok(ChangePerson::NotFound);
    };
    if person.role.is_owner() && !store::has_another_owner(tx, shop, id)? {
        return Ok(ChangePerson::LastOwner);
    }
    let now = tx.now();
    store::update_person(
        tx,
        shop,
        id,
        &person.name,
        person.role,
        person.party,
        Some(person.disabled_at.unwrap_or(now)),
    )?;
    store::spend_links(tx, id)?;
    store::end_sessions(tx, shop, id)?;
    Ok(ChangePerson::Changed(
        store::person(tx, shop, id)?.expect("the row was just changed"),
    ))
}

/// Ends all sessions of someone; how many there were. Links that were sent stay good.
pub fn end_sessions_of(tx: &mut Tx<'_>, shop: ShopId, id: StaffId) -> Result<Option<u64>> {
    if store::person(tx, shop, id)?.is_none() {
        return Ok(None);
    }
    store::end_sessions(tx, shop, id).map(Some)
}

fn check(name: &str, role: Role, party: Option<PartyId>) -> Result<()> {
    let mut wrong = Wrong::default();
    wrong.line("/name", name, 1, 80);
    wrong.unless(
        role != Role::Partner || party.is_some(),
        "/party",
        "A partner works for a party: say which one.",
    );
    wrong.answer()
}
