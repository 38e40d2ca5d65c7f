//! Table tests of the edge: what is refused, where it points, who is believed.

use super::address::client;
use super::body::read_json;
use super::*;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read to see what reading refuses")]
struct OrderIn {
    lines: Vec<LineIn>,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read to see what reading refuses")]
struct LineIn {
    quantity: u32,
}

#[test]
fn t2_a_body_is_refused_with_a_pointer_to_what_is_wrong() {
    let cases: &[(&str, u16, &str, &[&str])] = &[
        ("{", 400, "invalid_json", &[]),
        ("", 400, "invalid_json", &[]),
        (r#"{"lines":[]} x"#, 400, "invalid_json", &[]),
        (
            r#"{"lines":[{"quantity":1},{"quantity":-1}]}"#,
            422,
            "invalid_body",
            &["/lines/1/quantity"],
        ),
        (
            r#"{"lines":[{"quantity":"2"}]}"#,
            422,
            "invalid_body",
            &["/lines/0/quantity"],
        ),
        (r#"{"note":"no lines"}"#, 422, "invalid_body", &[""]),
        (
            r#"{"lines":[{"quantity":1,"price":1}],"shop":"x"}"#,
            422,
            "unknown_field",
            &["/lines/0/price", "/shop"],
        ),
    ];
    for (body, status, code, pointers) in cases {
        let problem = read_json::<OrderIn>(body.as_bytes()).unwrap_err();
        let found: Vec<_> = problem.fields().iter().map(|field| field.pointer.as_ref()).collect();
        assert_eq!(
            (problem.status().as_u16(), problem.code(), found.as_slice()),
            (*status, *code, *pointers),
            "{body}"
        );
    }
    assert!(read_json::<OrderIn>(br#"{"lines":[{"quantity":1}]}"#).is_ok());
}

#[test]
fn only_trusted_proxies_may_name_the_client() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let proxy = address("10.0.0.1");
    let cases = [
        ("203.0.113.9", "x-forwarded-for", "198.51.100.7", "203.0.113.9"),
        ("10.0.0.1", "x-forwarded-for", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "x-forwarded-for", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "x-forwarded-for", "198.51.100.7, 10.0.0.1", "198.51.100.7"),
        ("10.0.0.1", "x-forwarded-for", "nonsense", "10.0.0.1"),
        (
            "10.0.0.1",
            "forwarded",
            "for=\"[2001:db8::7]:4711\";proto=https",
            "2001:db8::7",
        ),
        ("::ffff:10.0.0.1", "x-forwarded-for", "198.51.100.7:80", "198.51.100.7"),
    ];
    for (peer, name, value, expected) in cases {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        assert_eq!(
            client(address(peer), &headers, &[proxy]),
            address(expected),
            "{peer} {name}: {value}"
        );
    }
}

#[test]
fn t5_what_changes_something_must_come_from_our_own_page() {
    type Case = (Method, &'static [(&'static str, &'static str)], bool);
    let cases: &[Case] = &[
        (Method::GET, &[("sec-fetch-site", "cross-site")], true),
        (Method::POST, &[("sec-fetch-site", "same-origin")], true),
        (Method::POST, &[("sec-fetch-site", "none")], true),
        (Method::POST, &[("sec-fetch-site", "same-site")], false),
        (
            Method::POST,
            &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
            false,
        ),
        (Method::POST, &[("origin", "https://shop.example")], true),
        (
            Method::POST,
            &[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")],
            true,
        ),
        (
            Method::POST,
            &[("origin", "https://evil.example"), ("host", "127.0.0.1:8080")],
            false,
        ),
        (Method::POST, &[("origin", "null"), ("host", "127.0.0.1:8080")], false),
        (Method::DELETE, &[], false),
    ];
    for (method, headers, expected) in cases {
        let mut map = HeaderMap::new();
        for (name, value) in *headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        assert_eq!(
            is_same_origin(method, &map, "https://shop.example"),
            *expected,
            "{method} {headers:?}"
        );
    }
}

#[test]
fn a_broken_invariant_is_not_shown() {
    let problem = Problem::from(crate::kernel::Error::internal("no row for: select secret").because("cause"));
    assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!problem.detail().contains("secret"));
}

#[test]
fn a_known_version_is_not_sent_again() {
    let answer = |known: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", HeaderValue::from_static(known));
        json_unless_known(&headers, etag(7), 1).status().as_u16()
    };
    let found = ["\"7\"", "\"6\"", "W/\"7\"", "\"1\", \"7\"", "*", "7"].map(answer);
    assert_eq!(found, [304, 200, 304, 304, 304, 200]);
}
