//! `/openapi.json` and `/docs`: the API's description, for machines and for people. Both are made from the handlers themselves.

use crate::http::{Problem, page};
use askama::Template;
use axum::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The description, made once at start.
pub struct Reference {
    pub json: String,
    page: ReferencePage,
}

#[derive(Template)]
#[template(path = "operating/reference.html")]
pub struct ReferencePage {
    title: String,
    version: String,
    intro: Vec<String>,
    groups: Vec<Group>,
    schemas: Vec<SchemaText>,
}

struct Group {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: String,
    parameters: Vec<Row>,
    body: Option<Kind>,
    answers: Vec<Answer>,
}

struct Answer {
    status: String,
    about: String,
    body: Option<Kind>,
}

struct Row {
    name: String,
    place: String,
    kind: Kind,
    required: bool,
    about: String,
}

struct SchemaText {
    name: String,
    about: String,
    rows: Vec<Row>,
    /// For what is not an object: its kind in words.
    plain: Option<Kind>,
}

/// A type in words, with a link if it has a section of its own.
struct Kind {
    text: String,
    link: Option<String>,
}

pub async fn openapi(Extension(reference): Extension<Arc<Reference>>) -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "public, max-age=300"),
        ],
        reference.json.clone(),
    )
        .into_response()
}

pub async fn docs(Extension(reference): Extension<Arc<Reference>>) -> Result<Response, Problem> {
    page(&reference.page)
}

impl Reference {
    pub fn of(json: String) -> Self {
        let value: Value = serde_json::from_str(&json).unwrap_or_default();
        Self {
            page: ReferencePage::of(&value),
            json,
        }
    }
}

impl ReferencePage {
    pub fn sample() -> Self {
        Self::of(&serde_json::json!({
            "info": { "title": "Hawker", "version": "1", "description": "Sample." },
            "tags": [{ "name": "shop", "description": "Settings." }],
            "paths": { "/v1/shop": { "get": { "tags": ["shop"], "summary": "The shop.", "parameters": [{ "name": "expand", "in": "query", "schema": { "type": "string" } }],
                "responses": { "200": { "description": "Found.", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Shop" } } } } } } } },
            "components": { "schemas": { "Shop": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" }, "names": { "type": "array", "items": { "type": "string" } } } } } }
        }))
    }

    fn of(api: &Value) -> Self {
        let mut groups: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for (path, methods) in entries(&api["paths"]) {
            for (method, operation) in entries(methods) {
                let tag = words(&operation["tags"][0]);
                groups
                    .entry(tag)
                    .or_default()
                    .push(Operation::of(&method, &path, operation));
            }
        }
        let tags: Vec<(String, String)> = items(&api["tags"])
            .map(|tag| (words(&tag["name"]), words(&tag["description"])))
            .collect();
        let mut ordered = Vec::new();
        for (name, about) in tags {
            if let Some(operations) = groups.remove(&name) {
                ordered.push(Group {
                    name,
                    about,
                    operations,
                });
            }
        }
        ordered.extend(groups.into_iter().map(|(name, operations)| Group {
            name,
            about: String::new(),
            operations,
        }));
        Self {
            title: words(&api["info"]["title"]),
            version: words(&api["info"]["version"]),
            intro: words(&api["info"]["description"])
                .split("\n\n")
                .map(str::to_owned)
                .collect(),
            groups: ordered,
            schemas: entries(&api["components"]["schemas"])
                .map(|(name, schema)| SchemaText::of(name, schema))
                .collect(),
        }
    }
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let content = |value: &Value| {
            entries(&value["content"])
                .next()
                .map(|(_, media)| Kind::of(&media["schema"]))
        };
        Self {
            id: format!(
                "{method}-{}",
                path.trim_start_matches('/').replace(['/', '{', '}'], "-")
            ),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: words(&operation["summary"]),
            about: words(&operation["description"]),
            parameters: items(&operation["parameters"])
                .map(|parameter| Row {
                    name: words(&parameter["name"]),
                    place: words(&parameter["in"]),
                    kind: Kind::of(&parameter["schema"]),
                    required: parameter["required"] == true,
                    about: words(&parameter["description"]),
                })
                .collect(),
            body: content(&operation["requestBody"]),
            answers: entries(&operation["responses"])
                .map(|(status, answer)| Answer {
                    about: words(&answer["description"]),
                    body: content(answer),
                    status,
                })
                .collect(),
        }
    }
}

impl SchemaText {
    fn of(name: String, schema: &Value) -> Self {
        let required: Vec<String> = items(&schema["required"]).map(words).collect();
        let rows: Vec<Row> = entries(&schema["properties"])
            .map(|(field, kind)| Row {
                required: required.contains(&field),
                kind: Kind::of(kind),
                about: words(&kind["description"]),
                place: String::new(),
                name: field,
            })
            .collect();
        let plain = rows.is_empty().then(|| Kind::of(schema));
        Self {
            name,
            about: words(&schema["description"]),
            rows,
            plain,
        }
    }
}

impl Kind {
    fn of(schema: &Value) -> Self {
        if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
            return Self {
                text: name.to_owned(),
                link: Some(format!("schema-{name}")),
            };
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let kinds: Vec<Self> = items(&schema[choice])
                .map(Self::of)
                .filter(|kind| kind.text != "null")
                .collect();
            if !kinds.is_empty() {
                let link = kinds.iter().find_map(|kind| kind.link.clone());
                let text = kinds.into_iter().map(|kind| kind.text).collect::<Vec<_>>().join(" or ");
                return Self { text, link };
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            let text = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(" | ");
            return Self { text, link: None };
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().map(words).find(|kind| kind != "null").unwrap_or_default(),
            kind => words(kind),
        };
        if kind == "array" {
            let item = Self::of(&schema["items"]);
            return Self {
                text: format!("list of {}", item.text),
                link: item.link,
            };
        }
        let format = words(&schema["format"]);
        let text = match (kind.as_str(), format.as_str()) {
            ("", _) => "anything".to_owned(),
            ("integer" | "number", _) | (_, "") => kind,
            (_, format) => format!("{kind}, {format}"),
        };
        Self { text, link: None }
    }
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (String, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value))
}
