//! What a request asks of a session, checked before anything is done. Pure.

use std::{num::NonZeroU16, sync::Arc, time::Duration};

use common::{
    SessionAddress,
    api::{Args, Visibility},
};
use serde_json::Value;
use time::OffsetDateTime;

use super::{SessionError, gallery};
use crate::{
    config::{self, Lifetimes},
    store::Drawing,
};

/// No screen shows more.
const MAX_FRAME_RATE: u16 = 1000;

/// Why a request cannot be carried out: which field, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ChangeError {
    /// The field, as a JSON pointer.
    pub pointer: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

fn refuse<T>(pointer: &'static str, detail: impl Into<String>) -> Result<T, ChangeError> {
    Err(ChangeError { pointer, detail: detail.into() })
}

/// What happens to the args.
#[derive(Debug, Clone)]
pub enum ArgsChange {
    /// They become these.
    Replace(Args),
    /// A JSON merge patch (RFC 7396) is applied to them.
    Merge(Args),
}

/// A change to a session, as it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// To the args.
    pub args: Option<ArgsChange>,
    /// The new template.
    pub template: Option<String>,
    /// The new lifetime in seconds.
    pub ttl_seconds: Option<u64>,
    /// The new lifetime in words.
    pub expire: Option<String>,
    /// The new visibility.
    pub visibility: Option<Visibility>,
    /// The new frame rate; 0 for none.
    pub max_frames_per_second: Option<u64>,
}

impl Change {
    /// A merge patch of the args, and nothing else.
    pub fn merge(patch: Args) -> Self {
        Self { args: Some(ArgsChange::Merge(patch)), ..Self::default() }
    }

    pub(super) fn check(
        self,
        address: &SessionAddress,
        lifetimes: Lifetimes,
    ) -> Result<CheckedChange, ChangeError> {
        Ok(CheckedChange {
            lifetime: lifetime(self.ttl_seconds, self.expire.as_deref(), lifetimes)?,
            visibility: visibility(address, self.visibility)?,
            frame_rate: frame_rate(self.max_frames_per_second)?,
            args: self.args.map(|change| match change {
                ArgsChange::Replace(args) => CheckedArgs::Replace(args.into()),
                ArgsChange::Merge(patch) => CheckedArgs::Merge(patch),
            }),
            template: self.template.map(Arc::from),
        })
    }
}

/// What happens to the args, as often as it has to be tried.
enum CheckedArgs {
    Replace(Arc<Args>),
    Merge(Args),
}

/// A change that makes sense.
pub(super) struct CheckedChange {
    args: Option<CheckedArgs>,
    template: Option<Arc<str>>,
    lifetime: Option<Duration>,
    visibility: Option<Visibility>,
    frame_rate: Option<Option<NonZeroU16>>,
}

impl CheckedChange {
    /// The drawing after the change; its picture is still that of `before`.
    pub(super) fn applied_to(&self, before: &Drawing, now: OffsetDateTime) -> Drawing {
        let args = match &self.args {
            None => before.args.clone(),
            Some(CheckedArgs::Replace(args)) => args.clone(),
            Some(CheckedArgs::Merge(patch)) => {
                let mut args = Args::clone(&before.args);
                merge(&mut args, patch);
                Arc::new(args)
            }
        };
        Drawing {
            template: self.template.clone().unwrap_or_else(|| before.template.clone()),
            args,
            svg: before.svg.clone(),
            visibility: self.visibility.unwrap_or(before.visibility),
            expires_at: self.lifetime.map_or(before.expires_at, |lifetime| now + lifetime),
            max_frames_per_second: self.frame_rate.unwrap_or(before.max_frames_per_second),
        }
    }
}

/// RFC 7396: `null` removes, objects merge, everything else replaces.
fn merge(target: &mut Args, patch: &Args) {
    for (name, change) in patch {
        match change {
            Value::Null => drop(target.remove(name)),
            Value::Object(inner) => {
                let mut object = match target.remove(name) {
                    Some(Value::Object(object)) => object,
                    _ => Args::new(),
                };
                merge(&mut object, inner);
                target.insert(name.clone(), Value::Object(object));
            }
            value => drop(target.insert(name.clone(), value.clone())),
        }
    }
}

pub(super) fn lifetime(
    ttl_seconds: Option<u64>,
    expire: Option<&str>,
    lifetimes: Lifetimes,
) -> Result<Option<Duration>, ChangeError> {
    let (pointer, lifetime) = match (ttl_seconds, expire) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return refuse("/expire", "send either ttl_seconds or expire"),
        (Some(seconds), None) => ("/ttl_seconds", Duration::from_secs(seconds)),
        (None, Some(words)) => match config::duration(words) {
            Ok(lifetime) => ("/expire", lifetime),
            Err(fix) => return refuse("/expire", fix),
        },
    };
    if lifetime < Duration::from_secs(1) || lifetime > lifetimes.max {
        let max = lifetimes.max.as_secs();
        return refuse(pointer, format!("a session may live from 1 second to {max} seconds"));
    }
    Ok(Some(lifetime))
}

pub(super) fn visibility(
    address: &SessionAddress,
    visibility: Option<Visibility>,
) -> Result<Option<Visibility>, ChangeError> {
    if address.owner.is_none() && visibility == Some(Visibility::Private) {
        return refuse("/visibility", "a session without an owner cannot be private");
    }
    Ok(visibility)
}

/// The frame rate that is asked for: none at all where it is 0.
pub(super) fn frame_rate(
    asked_for: Option<u64>,
) -> Result<Option<Option<NonZeroU16>>, ChangeError> {
    let Some(rate) = asked_for else { return Ok(None) };
    match u16::try_from(rate) {
        Ok(rate) if rate <= MAX_FRAME_RATE => Ok(Some(NonZeroU16::new(rate))),
        _ => refuse(
            "/max_frames_per_second",
            format!("must be from 1 to {MAX_FRAME_RATE}, or 0 for as many as there are"),
        ),
    }
}

/// The template and args that a creation asks for.
pub(super) fn picture(
    template: Option<String>,
    template_name: Option<String>,
    args: Option<Args>,
) -> Result<(Arc<str>, Arc<Args>), SessionError> {
    match (template, template_name) {
        (Some(template), None) => Ok((template.into(), args.unwrap_or_default().into())),
        (None, Some(name)) => match gallery::get(&name) {
            Some(sample) => Ok((
                sample.template.as_str().into(),
                args.unwrap_or_else(|| sample.args.clone()).into(),
            )),
            None => Err(SessionError::NoSuchTemplate(name)),
        },
        (Some(_), Some(_)) => {
            Ok(refuse("/template_name", "send either template or template_name")?)
        }
        (None, None) => {
            Ok(refuse("/template", "send a template, or the template_name of one in the gallery")?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Args {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    /// The cases of RFC 7396, Appendix A, that have objects on both sides.
    #[test]
    fn merging_is_that_of_the_rfc() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut args = object(target);
            merge(&mut args, &object(patch));
            assert_eq!(Value::Object(args), merged);
        }
    }

    #[test]
    fn a_frame_rate_is_asked_for_within_bounds() {
        assert_eq!(frame_rate(None), Ok(None));
        assert_eq!(frame_rate(Some(0)), Ok(Some(None)));
        assert_eq!(frame_rate(Some(1000)), Ok(Some(NonZeroU16::new(1000))));
        for bad in [1001, 65_537, u64::MAX] {
            let pointer = frame_rate(Some(bad)).unwrap_err().pointer;
            assert_eq!(pointer, "/max_frames_per_second", "{bad}");
        }
    }

    #[test]
    fn a_lifetime_is_asked_for_in_one_way_and_within_bounds() {
        let lifetimes =
            Lifetimes { default: Duration::from_secs(60), max: Duration::from_secs(86_400) };
        let ask = |ttl, expire| lifetime(ttl, expire, lifetimes);
        assert_eq!(ask(None, None), Ok(None));
        assert_eq!(ask(Some(1), None), Ok(Some(Duration::from_secs(1))));
        assert_eq!(ask(None, Some("1d")), Ok(Some(Duration::from_secs(86_400))));
        for (ttl, expire, pointer) in [
            (Some(0), None, "/ttl_seconds"),
            (Some(86_401), None, "/ttl_seconds"),
            (Some(u64::MAX), None, "/ttl_seconds"),
            (None, Some("tomorrow"), "/expire"),
            (None, Some("2d"), "/expire"),
            (None, Some("0s"), "/expire"),
            (Some(5), Some("5s"), "/expire"),
        ] {
            assert_eq!(ask(ttl, expire).unwrap_err().pointer, pointer, "{ttl:?} {expire:?}");
        }
    }
}
