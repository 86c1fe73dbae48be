//! Bodies: JSON of a bounded size, and the raw bytes of an MCP message.

use axum::{
    BoxError,
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::{
    error::{Code, Problem},
    state::AppState,
};

/// The largest body of a REST request, in bytes.
pub(crate) const REST_LIMIT: usize = 1024 * 1024;
/// The largest body of an MCP request, in bytes.
pub(crate) const MCP_LIMIT: usize = 4 * 1024 * 1024;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body, or none at all, which means the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// The raw body of an MCP request; one that is not empty must say that it is JSON.
pub(crate) struct McpBody(pub(crate) Bytes);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Problem> {
        expect_json(request.headers())?;
        parse(&read(request.into_body(), REST_LIMIT).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = read(body, REST_LIMIT).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        expect_json(&parts.headers)?;
        parse(&body).map(Self)
    }
}

impl FromRequest<AppState> for McpBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Self::read(&parts.headers, body).await
    }
}

impl McpBody {
    /// Reads the body of a request that has these headers.
    ///
    /// # Errors
    /// 413 beyond [`MCP_LIMIT`], 415 where it is there and not declared as JSON, 400 where it breaks off.
    pub(crate) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Self, Problem>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
    {
        let body = read(body, MCP_LIMIT).await?;
        if !body.is_empty() {
            expect_json(headers)?;
        }
        Ok(Self(body))
    }
}

/// Reads a body up to a number of bytes.
///
/// # Errors
/// 413 beyond the limit, 400 where the body breaks off.
pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::TooLarge, format!("the body may have at most {limit} bytes")))
        }
        Err(error) => Err(Problem::invalid("the body could not be read to its end").because(error)),
    }
}

/// Refuses a body that is not declared as `application/json`; parameters such as a charset are taken.
fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = value.and_then(|value| value.split(|byte| *byte == b';').next());
    let essence = essence.map(<[u8]>::trim_ascii);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json")) {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "send the body as application/json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the JSON body cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_json_is_taken() {
        for (value, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonp", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(expect_json(&headers).is_ok(), taken, "{value}");
        }
        assert!(expect_json(&HeaderMap::new()).is_err());
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_too_large() {
        assert_eq!(read(Body::from("12345"), 5).await.unwrap(), "12345");
        let refused = read(Body::from("123456"), 5).await.unwrap_err();
        assert_eq!(refused.code(), Code::TooLarge);
    }
}
