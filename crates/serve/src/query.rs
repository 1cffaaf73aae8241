//! What a request's address says: names in its path, and options behind the question mark.

use axum::extract::{self, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use icecap::model::Columns;
use serde::{Deserialize, Deserializer};

use crate::models::Served;
use crate::refusal::Refusal;

/// The options of a prediction.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PredictQuery {
    pub(crate) model: Option<String>,
    top: Option<usize>,
    #[serde(deserialize_with = "yes_or_no")]
    all: bool,
    #[serde(deserialize_with = "yes_or_no")]
    pub(crate) heatmap: bool,
    /// The class of the heatmap.
    class: Option<String>,
    reject_below: Option<f32>,
    reject_novel: Option<f32>,
}

/// The options of features.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EmbedQuery {
    pub(crate) model: Option<String>,
}

/// A query, refused in our words where it is none.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Query::from_request_parts(parts, state).await {
            Ok(extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let why = std::error::Error::source(&rejection)
                    .map_or_else(|| rejection.body_text(), ToString::to_string);
                Err(Refusal::bad(format!("what stands behind '?': {why}")))
            }
        }
    }
}

/// The names in a path, refused in our words where they are no text.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(names)) => Ok(Self(names)),
            Err(_) => Err(Refusal::bad("the path has a name that is no text in UTF-8")),
        }
    }
}

fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(serde::de::Error::custom(format!("'{other}' where true or false is asked for"))),
    }
}

impl PredictQuery {
    /// Returns the columns of the rows.
    ///
    /// # Errors
    /// 400 for a number out of its range, and for what the model cannot tell.
    pub(crate) fn columns(&self, served: &Served) -> Result<Columns, Refusal> {
        let classifier = &served.classifier;
        let columns = Columns {
            top: self.top.unwrap_or(1),
            all: self.all,
            reject_below: self.reject_below,
            reject_novel: self.reject_novel,
            ..Columns::of(classifier)
        };
        columns.check(classifier).map_err(|error| Refusal::bad(error.to_string()))?;
        Ok(columns.within(classifier.classes().len()))
    }

    /// Returns the class that a heatmap is asked for; `None` for the predicted one.
    ///
    /// # Errors
    /// 404 for a name that is no class, 409 for a class without a heatmap.
    pub(crate) fn class(&self, served: &Served) -> Result<Option<usize>, Refusal> {
        let Some(name) = &self.class else { return Ok(None) };
        if !self.heatmap {
            return Err(Refusal::new(StatusCode::CONFLICT, "class: goes with heatmap=true"));
        }
        let class = served.classifier.classes().iter().position(|class| class == name);
        class.map(Some).ok_or_else(|| {
            let message = format!("class={name}: the model {} has no such class", served.name);
            Refusal::new(StatusCode::NOT_FOUND, message)
        })
    }
}
