//! Rules that need no database: who may what, what a name becomes, which scope covers what.

use super::model::{Role, Trading, Window, covers, mail_address, scope_needed, slug_of};
use crate::kernel::Time;
use axum::http::{HeaderMap, HeaderValue};

#[test]
fn each_role_may_exactly_this() {
    let may = |role: Role| [role.is_owner(), role.may_create(), role.may_help(), role.may_look()];
    assert_eq!(may(Role::Owner), [true, true, true, true]);
    assert_eq!(may(Role::Creator), [false, true, true, true]);
    assert_eq!(may(Role::Helper), [false, false, true, true]);
    assert_eq!(may(Role::Partner), [false, false, true, false]);
    assert_eq!(may(Role::Analyst), [false, false, false, true]);
    for role in Role::ALL {
        assert_eq!(role.name().parse::<Role>().unwrap(), role);
    }
}

#[test]
fn a_scope_covers_its_area_only_and_writing_includes_reading() {
    let cases = [
        ("/v1/products", true, "catalog:read", true),
        ("/v1/products/prd_x", false, "catalog:read", false),
        ("/v1/products/prd_x", false, "catalog:write", true),
        ("/v1/products", true, "catalog:write", true),
        ("/v1/orders/ord_x/refunds", false, "catalog:write", false),
        ("/v1/orders", true, "orders:read", true),
        ("/v1/media", false, "clips:write", true),
        ("/v1/balances", true, "money:read", true),
        ("/v1/keys", false, "settings:write", true),
        ("/v1/unheard-of", true, "settings:write", false),
        ("/studio/nour", true, "settings:write", false),
    ];
    for (path, safe, scope, expected) in cases {
        let covered = scope_needed(path, safe).is_some_and(|(area, write)| covers(&[scope.to_owned()], area, write));
        assert_eq!(covered, expected, "{path} {scope}");
    }
}

#[test]
fn a_name_becomes_a_part_of_an_address() {
    let cases = [
        ("Nour Ceramics", "nour-ceramics"),
        ("  Käthe & Söhne!  ", "kaethe-soehne"),
        ("日本", ""),
        ("a", "a"),
        ("--x--", "x"),
    ];
    for (name, slug) in cases {
        assert_eq!(slug_of(name), slug, "{name}");
    }
    assert!(slug_of(&"long ".repeat(50)).len() <= 60);
}

#[test]
fn mail_addresses_are_plausible_or_refused() {
    for good in ["a@b", "Lina@Example.org ", "x+y@sub.example"] {
        assert!(mail_address(good).is_ok(), "{good}");
    }
    assert_eq!(mail_address(" Lina@Example.org").unwrap(), "lina@example.org");
    for bad in [
        "",
        "lina",
        "@x",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b\r\nBcc: x@y",
        "a@.b",
        "<a@b>",
        "a@b,c@d",
    ] {
        assert!(mail_address(bad).is_err(), "{bad}");
    }
}

#[test]
fn our_cookie_is_found_among_others() {
    let token = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_static(text));
        super::extract::session_token(&headers).map(str::to_owned)
    };
    assert_eq!(token("a=b; __Host-hawker=abc; c=d").as_deref(), Some("abc"));
    assert_eq!(token("hawker=abc"), None);
    assert_eq!(token("x__Host-hawker=abc"), None);
}

#[test]
fn d13_when_a_shop_sells_is_a_table_of_its_times() {
    // opens, closes, now -> how it stands, and when somebody looks again
    let table = [
        (None, None, 15, Trading::Open, None),
        (Some(10), None, 9, Trading::Before(Time(10)), Some(10)),
        (Some(10), None, 10, Trading::Open, None),
        (Some(10), Some(20), 19, Trading::Open, Some(20)),
        (Some(10), Some(20), 20, Trading::Closed(Time(20)), None),
        (None, Some(20), 1, Trading::Open, Some(20)),
        // Called off before it opened.
        (Some(30), Some(20), 20, Trading::Closed(Time(20)), None),
    ];
    for (opens, closes, now, stands, look) in table {
        let window = Window {
            opens_at: opens.map(Time),
            closes_at: closes.map(Time),
            archives: false,
        };
        assert_eq!(window.trading(Time(now)), stands, "{opens:?} {closes:?} at {now}");
        assert_eq!(window.look(Time(now)), look.map(Time), "{opens:?} {closes:?} at {now}");
    }
}
